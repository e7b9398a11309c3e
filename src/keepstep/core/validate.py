"""Answers against a structure: what arrives in a request, what stops it, and what is only flagged (semantics: never locked).

Must not know revisions' storage; `previous` is just the answers that were there before.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from keepstep.core.flow import ASKED, WAIVED, Answers, Evaluation, flow_of, is_answered, is_waived, same_value
from keepstep.core.issue import Issue, pointer
from keepstep.core.jsonvalue import unstorable
from keepstep.core.logic import Compiled, Scope, answered, compile_expression, truth
from keepstep.core.piping import Shown, shown_answers
from keepstep.core.selection import check_other, check_value, normal_value
from keepstep.core.structure import Calculated, OptionSet, Statement, Structure, choices_of
from keepstep.core.text import piped, text_in, without_pipes

Mode = Literal["save", "complete", "edit", "import"]
"""save: a run in progress, values so far. complete: whole. edit: a completed run, only what this edit sets. import: flags only."""


DIFFERS: Final = "differs-from-calculation"


class Given(NamedTuple):
    """What a request gives: envelopes by option set id (`value: None` clears), and what could not be understood."""

    answers: dict[str, dict[str, Any]]
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`errors` stop the request; `flags` go into the stored envelopes, by option set id; `notes` are returned beside success."""

    errors: tuple[Issue, ...]
    flags: Mapping[str, tuple[Issue, ...]]
    notes: tuple[Issue, ...]


# --- what a request gives ------------------------------------------------------------------------------------------


def given_answers(data: Any, structure: Structure, source: str) -> Given:
    """The answers in a request: keys are option set ids, keys or aliases; an object is an envelope, anything else a bare value."""
    if not isinstance(data, Mapping):
        return Given({}, (Issue("", "type", "answers is an object: option set id or key → value."),))
    answers: dict[str, dict[str, Any]] = {}
    issues: list[Issue] = []
    for key, item in data.items():
        option_set = find_option_set(structure, key)
        if option_set is None:
            issues.append(Issue(pointer(key), "unknown-option-set", f"This version has no option set {key[:80]!r}."))
        elif option_set.id in answers:
            issues.append(Issue(pointer(key), "duplicate-answer", "This request answers the same option set twice, by id and by key."))
        else:
            envelope, faults = _envelope(item, option_set, source)
            answers[option_set.id] = envelope
            if faults:
                issues.extend(Issue(pointer(key) + fault.pointer, fault.code, fault.detail) for fault in faults)
    return Given(answers, tuple(issues))


def find_option_set(structure: Structure, key: str) -> OptionSet | None:
    """The option set that a client names: by id, then by this version's key, then by alias."""
    found = structure.option_set_by_id.get(key)
    return found or structure.option_set_by_id.get(structure.id_by_key.get(key, ""))


_MEMBERS: Final = frozenset({"value", "other"})
MAX_VALUES: Final = 10_000
"""Of one answer. An option set has at most 5,000 options."""
_NEVER_GIVEN: Final = (Statement, Calculated)


def _envelope(item: Any, option_set: OptionSet, source: str) -> tuple[dict[str, Any], tuple[Issue, ...]]:
    if isinstance(option_set, _NEVER_GIVEN):
        return {"value": None}, (
            Issue("", "not-answerable", f"A question of type {option_set.selection_type} takes no answer from outside."),
        )
    given = item if isinstance(item, dict) else {"value": item}
    extra = sorted(given.keys() - _MEMBERS) if given is item else ()
    if extra:
        return {"value": None}, (Issue(pointer(extra[0]), "member-unknown", "An answer object has the members value and other."),)
    if not given:
        # Emptied by an oversight or by null on purpose are two things, and only the second may clear an answer.
        return {"value": None}, (Issue("", "member-missing", "An answer object holds a value, or other text; null clears an answer."),)
    if isinstance(given.get("value"), list) and len(given["value"]) > MAX_VALUES:
        # Before it is walked through: no question takes as many.
        return {"value": None}, (Issue("", "too-many-values", f"An answer has at most {MAX_VALUES:,} values."),)
    reason = unstorable(given)
    if reason:
        return {"value": None}, (Issue("", "value-unstorable", reason),)
    return _stored(given, option_set, source), ()


def _stored(given: Mapping[str, Any], option_set: OptionSet, source: str) -> dict[str, Any]:
    value = given.get("value")
    envelope: dict[str, Any] = {"value": None if value in ("", []) else normal_value(value, option_set), "source": source}
    if given.get("other") not in (None, ""):
        envelope["other"] = given["other"]
    return envelope


def merged(previous: Answers, given: Answers) -> dict[str, Mapping[str, Any]]:
    """PATCH semantics: the answers given replace those of the same option set; a null clears and is kept as "left empty"."""
    return dict(previous) | dict(given)


def same_answer(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two envelopes say the same: value and "other" text. Absent and empty are the same here."""
    first, second = one or {}, other or {}
    return same_value(first.get("value"), second.get("value")) and (first.get("other") or None) == (second.get("other") or None)


def prepare(structure: Structure) -> None:
    """Compiles every condition, calculation and rule now; else the first run would wait for it."""
    flow_of(structure)
    for option_set in structure.option_sets:
        _logic_of(option_set)


# --- findings ------------------------------------------------------------------------------------------------------


def verdict_on(  # noqa: PLR0913 — a run is judged in its version, at its time, in its language, against what it was
    answers: Answers, structure: Structure, evaluation: Evaluation, mode: Mode, previous: Answers | None = None, *, language: str = ""
) -> Verdict:
    """What these answers mean for a request of this mode. `previous` never errs again: it is only flagged (P5).

    `language` is that of the author's own messages; "" is the default language.
    """
    own = language or structure.default_language
    errors: list[Issue] = []
    flags: dict[str, tuple[Issue, ...]] = {}
    notes: list[Issue] = []
    for option_set, bit in zip(structure.option_sets, evaluation.asked, strict=True):
        envelope = answers.get(option_set.id)
        is_missing = lacks_required(option_set, bit, envelope)
        found = _NOTHING if envelope is None else _found(envelope, option_set, evaluation, own)
        # Most answers fit: for them the loop ends here, at some microseconds each.
        if not is_missing and found is _NOTHING:
            continue
        state = _Answer(option_set, envelope, None if previous is None else previous.get(option_set.id), bit == ASKED)
        refused, flagged = _sorted_out(state, found, mode)
        if is_missing and _removes_required(state, mode):
            refused = (*refused, _missing(option_set, own, structure.default_language))
        elif is_missing and mode == "edit" and is_waived(state.before):
            # What was waived stays so until somebody answers it.
            flagged = (
                *flagged,
                *(Issue("", each["code"], each["detail"]) for each in (state.before or {})["flags"] if each["code"] == WAIVED),
            )
        elif is_missing and mode in ("edit", "import"):
            missing = Issue("", "missing-required", _missing(option_set, own, structure.default_language).detail)
            flagged = (*flagged, missing)
            notes.extend(_placed(option_set, (missing,)))
        errors.extend(_placed(option_set, refused))
        if flagged:
            # Without the answers to other questions: where those are erased, no copy may stay behind.
            flags[option_set.id] = tuple(Issue(flag.pointer, flag.code, without_pipes(flag.detail)) for flag in flagged)
    shown = shown_answers(structure, answers, evaluation.asked, own)
    return Verdict(_worded(errors, shown), flags, _worded(notes, shown))


def _worded(issues: Iterable[Issue], shown: Shown) -> tuple[Issue, ...]:
    """With the answers of the run where a text of the author's mentions them."""
    return tuple(Issue(issue.pointer, issue.code, piped(issue.detail, shown)) if "{{" in issue.detail else issue for issue in issues)


class _Answer(NamedTuple):
    option_set: OptionSet
    now: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    asked: bool


class _Found(NamedTuple):
    """What is wrong with an answer by itself, and what is wrong with it beside the others of its run."""

    shape: tuple[Issue, ...] = ()
    logic: tuple[Issue, ...] = ()


_NOTHING: Final = _Found()


def _found(envelope: Mapping[str, Any], option_set: OptionSet, evaluation: Evaluation, language: str) -> _Found:
    scope = evaluation.scope
    shape = _shape_findings(envelope, option_set, scope, language)
    logic: tuple[Issue, ...] = ()
    if not shape and _logic_of(option_set) is not _NO_LOGIC:
        logic = _logic_findings(envelope, option_set, scope, language)
    if isinstance(option_set, Calculated):
        logic = (*logic, *_differing(envelope, option_set, evaluation))
    return _Found(shape, logic) if shape or logic else _NOTHING


def _sorted_out(state: _Answer, found: _Found, mode: Mode) -> tuple[tuple[Issue, ...], tuple[Issue, ...]]:
    """The findings that stop the request, and those that are flagged."""
    is_kept = mode == "import" or (state.before is not None and same_answer(state.now, state.before))
    # Nobody can mend a calculation by answering it.
    if is_kept or isinstance(state.option_set, Calculated):
        return (), (*found.shape, *found.logic)
    # A rule may break because another answer changed. A respondent cannot mend that in a question that is not shown.
    return ((*found.shape, *found.logic), ()) if state.asked else (found.shape, found.logic)


def _differing(envelope: Mapping[str, Any], option_set: OptionSet, evaluation: Evaluation) -> Iterator[Issue]:
    """Whether an imported calculation differs from its own: found on the import, and told for as long as that value is kept."""
    known = any(flag.get("code") == DIFFERS for flag in envelope.get("flags", ()))
    is_kept = same_value(evaluation.calculated.get(option_set.id, envelope.get("value")), envelope.get("value"))
    if option_set.id in evaluation.differs or (known and is_kept):
        yield Issue("", DIFFERS, "This value was imported; the calculation comes to another one.")


def _removes_required(state: _Answer, mode: Mode) -> bool:
    """Completing refuses any missing required answer; an edit only one that it takes away itself."""
    return mode == "complete" or (mode == "edit" and is_answered(state.before))


def issues_in(answers: Answers, structure: Structure, evaluation: Evaluation, previous: Answers | None = None) -> tuple[Issue, ...]:
    """Every issue of a whole run, as completing it would refuse it; values equal to `previous` never yield one."""
    return verdict_on(answers, structure, evaluation, "complete" if previous is None else "edit", previous).errors


def _placed(option_set: OptionSet, issues: tuple[Issue, ...]) -> Iterator[Issue]:
    for issue in issues:
        yield Issue(pointer(option_set.key) + issue.pointer, issue.code, issue.detail)


def lacks_required(option_set: OptionSet, bit: str, envelope: Mapping[str, Any] | None) -> bool:
    """Whether this answer is required, by `bit` asked for, and not there."""
    return bit == ASKED and option_set.is_required and not is_answered(envelope) and not isinstance(option_set, Statement | Calculated)


def _missing(option_set: OptionSet, language: str, default: str) -> Issue:
    own = option_set.constraints.messages.get("is_required")
    name = text_in(option_set.name, language, default) or option_set.key
    # The question is cut where that harms no mention of another.
    asked = name if "{{" in name else name[:120]
    return Issue("", "required", text_in(own, language, default) or f"Answer “{asked}”: it is required.")


def misfits(envelope: Mapping[str, Any], option_set: OptionSet, scope: Scope, language: str = "") -> tuple[Issue, ...]:
    """Every finding on one stored answer, rules and offered options included: what an import flags."""
    shape = _shape_findings(envelope, option_set, scope, language)
    return shape or _logic_findings(envelope, option_set, scope, language)


def _shape_findings(envelope: Mapping[str, Any], option_set: OptionSet, scope: Scope, language: str) -> tuple[Issue, ...]:
    """What is wrong with an answer by itself."""
    found = check_value(envelope.get("value"), option_set, scope.clock, language=language, default_language=language)
    if envelope.get("other") is None:
        return found
    return (*found, *(Issue("/other" + issue.pointer, issue.code, issue.detail) for issue in check_other(envelope["other"], option_set)))


def _logic_findings(envelope: Mapping[str, Any], option_set: OptionSet, scope: Scope, language: str) -> tuple[Issue, ...]:
    """What is wrong with an answer beside the others of its run."""
    value = envelope.get("value")
    logic = _logic_of(option_set)
    if logic is _NO_LOGIC or not answered(value):
        return ()
    return (*_offer_findings(value, logic, scope), *_rule_findings(value, option_set, scope, language))


class _Logic(NamedTuple):
    """The compiled rules of an option set, and the conditions of its options by value."""

    rules: tuple[Compiled, ...]
    offers: Mapping[str, Compiled]


_NO_LOGIC: Final = _Logic((), {})


def _logic_of(option_set: OptionSet) -> _Logic:
    """Kept with the option set, as its cached properties are, since it is a function of it alone."""
    cached: _Logic | None = option_set.__dict__.get("_logic")
    if cached is None:
        rules = tuple(compile_expression(rule.expression) for rule in option_set.constraints.rules)
        offers = {option.value: compile_expression(option.visible_if) for option in choices_of(option_set) if option.visible_if is not None}
        cached = option_set.__dict__["_logic"] = _Logic(rules, offers) if rules or offers else _NO_LOGIC
    return cached


def _offer_findings(value: Any, logic: _Logic, scope: Scope) -> Iterator[Issue]:
    for chosen in value if isinstance(value, list) else [value]:
        condition = logic.offers.get(chosen)
        if condition is not None and not truth(condition(scope)):
            yield Issue("", "option-not-offered", f"{chosen!r} is not offered with the other answers of this run.")


def _rule_findings(value: Any, option_set: OptionSet, scope: Scope, language: str) -> Iterator[Issue]:
    here = Scope(scope.clock, scope.values, scope.others, value)
    for index, holds in enumerate(_logic_of(option_set).rules):
        if not truth(holds(here)):
            own = option_set.constraints.rules[index].message
            yield Issue("", "rule", text_in(own, language, language) or f"This breaks rule {index + 1} of the question.")
