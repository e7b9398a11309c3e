"""Answers against a structure: what arrives in a request, what stops it, and what is only flagged (semantics: never locked).

Must not know revisions' storage; `previous` is just the answers that were there before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from keepstep.core.flow import ASKED, Answers, Evaluation, is_answered
from keepstep.core.issue import Issue, pointer
from keepstep.core.jsonvalue import unstorable
from keepstep.core.logic import Scope, compile_expression, evaluate_expression, truth
from keepstep.core.selection import check_other, check_value, normal_value
from keepstep.core.structure import Calculated, ChoiceFields, OptionSet, Statement, Structure, choices_of
from keepstep.core.text import text_in

Mode = Literal["save", "complete", "edit", "import"]
"""save: a run in progress, values so far. complete: whole. edit: a completed run, only what this edit sets. import: flags only."""


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
            issues.extend(Issue(pointer(key) + fault.pointer, fault.code, fault.detail) for fault in faults)
    return Given(answers, tuple(issues))


def find_option_set(structure: Structure, key: str) -> OptionSet | None:
    """The option set that a client names: by id, then by this version's key, then by alias."""
    found = structure.option_set_by_id.get(key)
    return found or structure.option_set_by_id.get(structure.id_by_key.get(key, ""))


def _envelope(item: Any, option_set: OptionSet, source: str) -> tuple[dict[str, Any], tuple[Issue, ...]]:
    if isinstance(option_set, Statement | Calculated):
        return {"value": None}, (Issue("", "not-answerable", f"A {option_set.selection_type} takes no answer from outside."),)
    given = item if isinstance(item, dict) else {"value": item}
    extra = sorted(set(given) - {"value", "other"})
    if extra:
        return {"value": None}, (Issue(pointer(extra[0]), "member-unknown", "An answer object has the members value and other."),)
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
    return (
        first.get("value") == second.get("value")
        and (first.get("other") or None) == (second.get("other") or None)
        and _same_kind(first, second)
    )


def _same_kind(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """`True == 1` in Python; as answers they differ."""
    return isinstance(first.get("value"), bool) == isinstance(second.get("value"), bool)


# --- findings ------------------------------------------------------------------------------------------------------


def verdict_on(answers: Answers, structure: Structure, evaluation: Evaluation, mode: Mode, previous: Answers | None = None) -> Verdict:
    """What these answers mean for a request of this mode. `previous` never errs again: it is only flagged (P5)."""
    errors: list[Issue] = []
    flags: dict[str, tuple[Issue, ...]] = {}
    notes: list[Issue] = []
    for option_set, bit in zip(structure.option_sets, evaluation.asked, strict=True):
        state = _Answer(option_set, answers.get(option_set.id), None if previous is None else previous.get(option_set.id))
        found = _found(state, evaluation.scope, structure.default_language)
        missing = _missing(option_set, state.now) if bit == ASKED else ()
        if found and _is_kept(state, mode):
            flags[option_set.id] = found
        else:
            errors.extend(_placed(option_set, found))
        if missing and _removes_required(state, mode):
            errors.extend(_placed(option_set, missing))
        elif missing and mode in ("edit", "import"):
            flags[option_set.id] = (*flags.get(option_set.id, ()), *(Issue("", "missing-required", issue.detail) for issue in missing))
            notes.extend(_placed(option_set, flags[option_set.id][-1:]))
    return Verdict(tuple(errors), flags, tuple(notes))


class _Answer(NamedTuple):
    option_set: OptionSet
    now: Mapping[str, Any] | None
    before: Mapping[str, Any] | None


def _found(state: _Answer, scope: Scope, language: str) -> tuple[Issue, ...]:
    return misfits(state.now, state.option_set, scope, language) if state.now else ()


def _is_kept(state: _Answer, mode: Mode) -> bool:
    return mode == "import" or (state.before is not None and same_answer(state.now, state.before))


def _removes_required(state: _Answer, mode: Mode) -> bool:
    """Completing refuses any missing required answer; an edit only one that it takes away itself."""
    return mode == "complete" or (mode == "edit" and is_answered(state.before))


def issues_in(answers: Answers, structure: Structure, evaluation: Evaluation, previous: Answers | None = None) -> tuple[Issue, ...]:
    """Every issue of a whole run, as completing it would refuse it; values equal to `previous` never yield one."""
    return verdict_on(answers, structure, evaluation, "complete" if previous is None else "edit", previous).errors


def _placed(option_set: OptionSet, issues: tuple[Issue, ...]) -> Iterator[Issue]:
    for issue in issues:
        yield Issue(pointer(option_set.key) + issue.pointer, issue.code, issue.detail)


def _missing(option_set: OptionSet, envelope: Mapping[str, Any] | None) -> tuple[Issue, ...]:
    if not option_set.is_required or isinstance(option_set, Statement | Calculated) or is_answered(envelope):
        return ()
    own = option_set.constraints.messages.get("is_required")
    name = option_set.name if isinstance(option_set.name, str) else next(iter(option_set.name.values()), option_set.key)
    return (Issue("", "required", text_in(own, "", "") or f"Answer “{name[:120]}”: it is required."),)


def misfits(envelope: Mapping[str, Any], option_set: OptionSet, scope: Scope, language: str = "") -> tuple[Issue, ...]:
    """Every finding on one stored answer, rules and offered options included: what an import flags."""
    return tuple(_findings(envelope, option_set, scope, language))


def _findings(envelope: Mapping[str, Any], option_set: OptionSet, scope: Scope, language: str) -> Iterator[Issue]:
    value = envelope.get("value")
    found = check_value(value, option_set, scope.clock, language=language, default_language=language)
    yield from found
    if envelope.get("other") is not None:
        for issue in check_other(envelope["other"], option_set):
            yield Issue("/other" + issue.pointer, issue.code, issue.detail)
    if not found and value is not None:
        yield from _offer_findings(value, option_set, scope)
        yield from _rule_findings(value, option_set, scope, language)


def _offer_findings(value: Any, option_set: OptionSet, scope: Scope) -> Iterator[Issue]:
    if not isinstance(option_set, ChoiceFields):
        return
    chosen = value if isinstance(value, list) else [value]
    for option in choices_of(option_set):
        if option.visible_if is not None and option.value in chosen and not truth(evaluate_expression(option.visible_if, scope)):
            yield Issue("", "option-not-offered", f"{option.value!r} is not offered with the other answers of this run.")


def _rule_findings(value: Any, option_set: OptionSet, scope: Scope, language: str) -> Iterator[Issue]:
    if not option_set.constraints.rules:
        return
    here = Scope(scope.clock, scope.values, scope.others, value)
    for index, rule in enumerate(option_set.constraints.rules):
        if not truth(compile_expression(rule.expression)(here)):
            yield Issue("", "rule", text_in(rule.message, language, language) or f"This breaks rule {index + 1} of the question.")
