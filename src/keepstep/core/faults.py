"""What is wrong with a structure as a wizard: what stops it from being published, and what its author should look at.

`structure.parse` refuses what cannot be worked with at all; here are the findings of a draft under construction. Must not
know drafts, stored answers or other versions.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from keepstep.core.by_identity import ByIdentity
from keepstep.core.flow import cycles_in, flow_of
from keepstep.core.folding import known_value, never_true
from keepstep.core.issue import Issue, pointer
from keepstep.core.logic import faults_in, references, references_itself
from keepstep.core.mismatches import mismatches_in
from keepstep.core.naming import Naming
from keepstep.core.piping import unknown_keys
from keepstep.core.places import Mention, Place, TextPlace, expressions_in, mentions, texts_in
from keepstep.core.shelf import Shelved, option_id
from keepstep.core.structure import Calculated, ChoiceFields, OptionSet, Statement, Step, Structure, choices_of, option_set_texts
from keepstep.core.text import piped_references, quoted, text_in, texts_of

__all__ = ["Finding", "Mention", "mentions", "problems_in"]

Severity = Literal["stops", "warns"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: where it is in the structure (`issue.pointer`), and whether it stops publishing.

    `node_id` is the step or option set to open, "" for the wizard itself and its endings. `missing` is what it reads that was deleted
    and lies on the shelf: an option set's id, or "<option set>/<value>".
    """

    issue: Issue
    severity: Severity
    node_id: str
    missing: str = ""


def problems_in(structure: Structure, shelf: tuple[Shelved, ...] = ()) -> tuple[Finding, ...]:
    """Every problem, in the order of the wizard within each kind. Empty: it can be published and needs no second look.

    With the `shelf` of the draft, what was deleted is named by its label. Only malformed expressions, dangling references, cycles and
    steps that nobody can reach stop publishing.
    """
    places = tuple(expressions_in(structure))
    malformed = {place.pointer: findings for place in places if (findings := tuple(_malformed(place)))}
    sound = tuple(place for place in places if place.pointer not in malformed)
    naming = Naming(structure, shelf)
    never = _never_asked(structure, {place.node_id for place in places if place.pointer in malformed})
    return (
        *(finding for findings in malformed.values() for finding in findings),
        *(finding for place in sound for finding in _reference_findings(place, naming)),
        *_cycle_findings(structure),
        *_step_findings(structure, never),
        *_question_findings(structure, never),
        *_same_name_findings(structure),
        *(finding for place in sound for finding in _mismatch_findings(place, structure)),
        *(finding for place in texts_in(structure, _texts_to_look_at(structure)) for finding in _text_findings(place, naming)),
    )


def _stops(place: Place | TextPlace, code: str, detail: str, *, at: str = "", missing: str = "") -> Finding:
    return Finding(Issue(place.pointer + at, code, detail), "stops", place.node_id, missing)


def _warns(place: Place | TextPlace, code: str, detail: str, at: str = "") -> Finding:
    return Finding(Issue(place.pointer + at, code, detail), "warns", place.node_id)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- expressions ---------------------------------------------------------------------------------------------------


def _malformed(place: Place) -> Iterator[Finding]:
    for fault in faults_in(place.expression):
        yield _stops(place, fault.code, f"{_capital(place.where)}: {fault.detail}", at=fault.pointer)
    if place.kind != "rule" and references_itself(place.expression):
        detail = f'{_capital(place.where)} reads the value under test, {{"var": "."}}; only the rules of a question have one.'
        yield _stops(place, "value-under-test", detail)


def _reference_findings(place: Place, naming: Naming) -> Iterator[Finding]:
    structure = naming.structure
    for option_set_id, value in sorted(references(place.expression), key=lambda item: (item.option_set_id, item.value or "")):
        option_set = structure.option_set_by_id.get(option_set_id)
        if value is not None:
            yield from _value_findings(place, option_set, value, naming)
        elif option_set is None:
            yield _missing(place, option_set_id, naming, ("reads", "change this place"))
        elif isinstance(option_set, Statement):
            name = quoted(option_set.name, structure.default_language)
            yield _warns(place, "reads-statement", f"{_capital(place.where)} reads {name}, a statement: it never has an answer.")
        elif option_set.retired or structure.step_of[option_set_id].retired:
            name = quoted(option_set.name, structure.default_language)
            yield _warns(place, "reads-retired", f"{_capital(place.where)} reads {name}, which is retired: it reads as unanswered.")


def _missing(place: Place | TextPlace, option_set_id: str, naming: Naming, words: tuple[str, str]) -> Finding:
    """A place that reads what is not there. `words`: what it does, and what else can be done about it."""
    deed, instead = words
    deleted = naming.option_set(option_set_id)
    if deleted is None:
        detail = f"{_capital(place.where)} {deed} a question that this wizard does not have."
        return _stops(place, "reference-missing", f"{detail} Undo what took it away, or {instead}.")
    name = quoted(deleted.name, naming.structure.default_language)
    detail = f"{_capital(place.where)} {deed} {name}, which was deleted. Bring it back, or {instead}."
    return _stops(place, "reference-missing", detail, missing=option_set_id)


def _value_findings(place: Place, option_set: OptionSet | None, value: str, naming: Naming) -> Iterator[Finding]:
    # An empty text is no option but a mistake of its own, which `mismatches` names.
    if not isinstance(option_set, ChoiceFields) or value == "":
        return
    default = naming.structure.default_language
    name = quoted(option_set.name, default)
    option = option_set.option_by_value.get(value)
    if option is None:
        yield _missing_value(place, option_set, value, naming)
    elif option.retired:
        label = quoted(option.label, default)
        yield _warns(place, "reads-retired-option", f"{_capital(place.where)} compares {name} with {label}, which is no longer offered.")


def _missing_value(place: Place, option_set: OptionSet, value: str, naming: Naming) -> Finding:
    name = quoted(option_set.name, naming.structure.default_language)
    deleted = naming.deleted_label(option_set.id, value)
    if deleted is None:
        detail = f"{_capital(place.where)} compares {name} with {value[:60]!r}, which is none of its options."
        return _stops(place, "reference-value-missing", f"{detail} Restore that option, or change this place.")
    detail = f"{_capital(place.where)} compares {name} with its option {deleted}, which was deleted. Bring it back, or change this place."
    return _stops(place, "reference-value-missing", detail, missing=option_id(option_set.id, value))


def _mismatch_findings(place: Place, structure: Structure) -> Iterator[Finding]:
    for detail in mismatches_in(place.expression, structure):
        yield _warns(place, "type-mismatch", f"{_capital(place.where)}: {detail}")
    if place.kind == "rule" and never_true(place.expression):
        yield _warns(place, "rule-never-holds", f"{_capital(place.where)} can never hold, so no answer would fit.")


# --- cycles and reach ----------------------------------------------------------------------------------------------


# Names in the sentence about one circle; more would not be read.
_NAMED: Final = 8


def _cycle_findings(structure: Structure) -> Iterator[Finding]:
    default = structure.default_language
    paths = {step.id: pointer("steps", index) for index, step in enumerate(structure.steps)}
    paths |= {
        item.id: paths[step.id] + pointer("option_sets", index) for step in structure.steps for index, item in enumerate(step.option_sets)
    }
    for circle in cycles_in(structure):
        nodes = [structure.step_by_id.get(node_id) or structure.option_set_by_id[node_id] for node_id in circle]
        names = ", ".join(quoted(node.name, default) for node in nodes[:_NAMED]) + (" …" if len(nodes) > _NAMED else "")
        detail = (
            f"These depend on each other in a circle, so no order answers them: {names}. Take one of the conditions or calculations out."
        )
        if len(nodes) == 1:
            detail = f"{quoted(nodes[0].name, default)} depends on its own answer. Take that reference out."
        elif isinstance(nodes[0], Step) and all(structure.step_of.get(node.id) is nodes[0] for node in nodes[1:]):
            asked = ", ".join(quoted(node.name, default) for node in nodes[1:])
            step = quoted(nodes[0].name, default)
            detail = f"The condition of the step {step} reads its own questions ({asked}), which are only asked once it holds."
        yield Finding(Issue(paths[circle[0]], "cycle", detail), "stops", circle[0])


def _never_asked(structure: Structure, broken: set[str]) -> frozenset[str]:
    """The steps and option sets that no run is ever asked: retired, or with a condition that cannot hold, also by way of others.

    Walks in dependency order, so that what reads only the unaskable is found in one pass.
    """
    never: set[str] = set()
    # What is never answered, though perhaps shown.
    silent = {item.id for item in structure.option_sets if isinstance(item, Statement)}
    for node in flow_of(structure).nodes:
        own = structure.step_by_id.get(node.id) or structure.option_set_by_id[node.id]
        above = None if isinstance(own, Step) else structure.step_of[own.id].id
        sound = own.id not in broken
        if own.retired or above in never or (sound and own.visible_if is not None and never_true(own.visible_if, silent)):
            never.add(own.id)
            silent.add(own.id)
        elif sound and isinstance(own, Calculated) and known_value(own.expression, silent) == (None,):
            silent.add(own.id)
    return frozenset(never)


def _step_findings(structure: Structure, never: frozenset[str]) -> Iterator[Finding]:
    if not any(step.option_sets for step in structure.steps):
        yield Finding(Issue("/steps", "no-questions", "This wizard asks nothing yet: add a step with a question."), "warns", "")
    for index, step in enumerate(structure.steps):
        name = quoted(step.name, structure.default_language)
        at = pointer("steps", index)
        if step.retired:
            continue
        if step.id in never:
            detail = f"Nobody can reach the step {name}: its condition can never hold. Change the condition, or retire the step."
            yield Finding(Issue(f"{at}/visible_if", "step-unreachable", detail), "stops", step.id)
        elif step.option_sets and all(item.id in never for item in step.option_sets):
            why = (
                "all its questions are retired" if all(item.retired for item in step.option_sets) else "none of its questions can be asked"
            )
            yield Finding(
                Issue(at, "step-unreachable", f"Nobody can reach the step {name}: {why}. Retire the step as well."), "stops", step.id
            )
        elif not step.option_sets:
            yield Finding(
                Issue(
                    at, "step-empty", f"The step {name} has no questions, so respondents never see it. Add a question, or delete the step."
                ),
                "warns",
                step.id,
            )


def _question_findings(structure: Structure, never: frozenset[str]) -> Iterator[Finding]:
    for step_index, step in enumerate(structure.steps):
        for index, option_set in enumerate(step.option_sets):
            if option_set.retired or step.retired:
                continue
            at = pointer("steps", step_index, "option_sets", index)
            name = quoted(option_set.name, structure.default_language)
            if option_set.id in never and step.id not in never:
                detail = f"{name} is never asked: its condition can never hold."
                yield Finding(Issue(f"{at}/visible_if", "never-asked", detail), "warns", option_set.id)
            if isinstance(option_set, ChoiceFields) and all(option.retired for option in option_set.options) and not option_set.allow_other:
                yield Finding(
                    Issue(f"{at}/options", "no-options", f"{name} offers no options, so nobody can answer it."), "warns", option_set.id
                )
            for label, count in _same_labels(option_set, structure.default_language):
                detail = f"{name}: {count} of its options are called {label}, so who answers cannot tell them apart."
                yield Finding(Issue(f"{at}/options", "same-label", detail), "warns", option_set.id)


def _same_name_findings(structure: Structure) -> Iterator[Finding]:
    """Questions of one step that nobody can tell apart. Those on different conditions may be meant as one in two forms."""
    default = structure.default_language
    for step_index, step in enumerate(structure.steps):
        alike: dict[tuple[str, str], list[int]] = {}
        for index, item in enumerate(step.option_sets):
            name = " ".join(text_in(item.name, default, default).split())
            if name and not (item.retired or item.hidden or step.retired or isinstance(item, Statement | Calculated)):
                alike.setdefault((name, repr(item.visible_if)), []).append(index)
        for indexes in alike.values():
            if len(indexes) > 1:
                item = step.option_sets[indexes[1]]
                named = f"{len(indexes)} questions of the step {quoted(step.name, default)} are called {quoted(item.name, default)}"
                detail = f"{named}: neither who answers nor who reads the results can tell them apart. Name each by what it asks."
                yield Finding(Issue(pointer("steps", step_index, "option_sets", indexes[1], "name"), "same-name", detail), "warns", item.id)


def _same_labels(option_set: OptionSet, default: str) -> Iterator[tuple[str, int]]:
    """The labels, quoted, that several of the offered options have in the default language, and how many."""
    counts = Counter(" ".join(text_in(option.label, default, default).split()) for option in choices_of(option_set) if not option.retired)
    return ((quoted(label, default), count) for label, count in counts.items() if count > 1)


# --- texts ---------------------------------------------------------------------------------------------------------


def _text_findings(place: TextPlace, naming: Naming) -> Iterator[Finding]:
    structure = naming.structure
    mentioned = dict.fromkeys(option_set_id for wording in texts_of(place.text) for option_set_id in piped_references(wording))
    for option_set_id in mentioned:
        option_set = structure.option_set_by_id.get(option_set_id)
        if option_set is None:
            yield _missing(place, option_set_id, naming, ("shows the answer of", "take it out of the text"))
        elif isinstance(option_set, Statement):
            name = quoted(option_set.name, structure.default_language)
            yield _warns(place, "reads-statement", f"{_capital(place.where)} shows the answer of {name}, a statement: it never has one.")
    for key in dict.fromkeys(key for wording in texts_of(place.text) for key in unknown_keys(wording)):
        detail = f"{_capital(place.where)} holds {{{{{key[:60]}}}}}, and no question has this key: respondents read it as it stands."
        yield _warns(place, "piped-unknown", detail)
    missing = _missing_languages(place.text, structure)
    if missing and not place.retired:
        yield _warns(place, "untranslated", f"{_capital(place.where)} is not translated into {', '.join(missing)}.")


def _texts_to_look_at(structure: Structure) -> Callable[[OptionSet], bool]:
    """Which option sets can have a finding in their texts: hardly any has, and naming the places of all takes most of the time."""
    languages = frozenset(structure.languages)

    def wanted(option_set: OptionSet) -> bool:
        is_piped, known = _glanced_at(option_set)
        return is_piped or not (known is None or languages <= known)

    return wanted


def _glance(option_set: OptionSet) -> tuple[bool, frozenset[str] | None]:
    """Whether a text shows an answer or means to, and the languages in which every text is there that has several; None where none has."""
    texts = [text for _, text in option_set_texts("", option_set)]
    several = [
        frozenset(language for language in text if text[language]) for text in texts if isinstance(text, dict) and any(text.values())
    ]
    is_piped = any("{{" in wording for text in texts for wording in texts_of(text))
    return is_piped, frozenset.intersection(*several) if several else None


_glanced_at: Final = ByIdentity[OptionSet, tuple[bool, frozenset[str] | None]](_glance)


def _missing_languages(text: Any, structure: Structure) -> tuple[str, ...]:
    if not isinstance(text, dict) or not any(text.values()):
        return ()
    return tuple(language for language in structure.languages if not text.get(language))
