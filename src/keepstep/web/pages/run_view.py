"""One run as values for its page: every question in its order and words, with its state, and why one was not asked.

The states are those of `queries.responses` and `queries.through`, which the API answers with. Must not know requests or HTML.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from keepstep.core.answer_changes import AnswerChange, answer_changes, archive_changes
from keepstep.core.archive import origin_of
from keepstep.core.flow import WAIVED, is_answered
from keepstep.core.logic_words import condition_words
from keepstep.core.structure import OptionSet, Statement, Step, Structure
from keepstep.core.text import text_in, without_pipes
from keepstep.interchange.columns import Question
from keepstep.queries.responses import response_value
from keepstep.queries.runs import RunState
from keepstep.queries.versions import Version
from keepstep.web.questions.shown import shown_answer
from keepstep.web.questions.situation import Situation, piped_answers
from keepstep.web.texts import message


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the catalogue with what it names."""

    pattern: str
    named: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One question. `reasons` say why it was not asked; `original` is what was answered where another version shows it converted.

    `kept`: stored although it was not asked. `source`: who gave it, where that was not the respondent.
    """

    option_set_id: str
    label: str
    key: str
    kind: str
    state: str
    text: str
    parts: tuple[str, ...]
    reasons: tuple[Said, ...]
    flags: tuple[Mapping[str, str], ...]
    files: tuple[Mapping[str, Any], ...]
    source: str
    original: str | None = None
    conflict: str | None = None
    kept: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One step; `number` counts from 1. `asked`: how many of its questions were."""

    step_id: str
    number: int
    title: str
    lines: tuple[Line, ...]
    asked: int


def situation_in(state: RunState) -> Situation:
    """In the run's own language and zone, with what its texts pipe."""
    structure = state.version.structure
    shown = piped_answers(structure, state.answers, state.asked, state.language)
    return Situation(state.language, structure.default_language, ZoneInfo(state.zone), shown)


def sections_of(state: RunState, responses: Sequence[Mapping[str, Any]], structure: Structure) -> tuple[Section, ...]:
    """`responses` as the API gives them, in the order of `structure`, which is that of the version they are shown in."""
    by_id = {response["option_set_id"]: response for response in responses}
    situation = situation_in(state)
    found = []
    for number, step in enumerate(structure.steps, start=1):
        lines = tuple(_line(by_id[each.id], each, step, (state, structure, situation)) for each in step.option_sets)
        asked = sum(1 for each in step.option_sets if by_id[each.id]["asked"])
        found.append(Section(step.id, number, situation.text(step.name), lines, asked))
    return tuple(found)


def _line(response: Mapping[str, Any], option_set: OptionSet, step: Step, of: tuple[RunState, Structure, Situation]) -> Line:
    situation = of[2]
    envelope = response["response_value"]
    conflict = response.get("conflict")
    text = _statement(option_set, situation) if isinstance(option_set, Statement) else shown_answer(envelope, option_set, situation)
    value = (envelope or {}).get("value")
    reason = response.get("reason", {})
    return Line(
        option_set_id=option_set.id,
        label=response["label"],
        key=option_set.key,
        kind=option_set.selection_type,
        state="waived" if reason.get("kind") == "waived" else response["state"],
        text=text,
        parts=_parts(value, option_set, situation),
        reasons=tuple(_reasons(reason, option_set, step, of)),
        # What was waived is said as the reason why nobody was asked.
        flags=tuple(flag for flag in response["flags"] if flag["code"] != WAIVED),
        files=tuple(each for each in value if isinstance(each, dict) and "file_id" in each) if isinstance(value, list) else (),
        source=str(response.get("source") or ""),
        original=_as_it_was(response, option_set, text, of),
        conflict=None if conflict is None else str(conflict["detail"]),
        kept=response["state"] == "answered" and not response["asked"],
        hidden=option_set.hidden,
    )


def _statement(option_set: Statement, situation: Situation) -> str:
    return situation.text(option_set.text)


def _parts(value: Any, option_set: OptionSet, situation: Situation) -> tuple[str, ...]:
    """The chosen options one by one, where there may be several."""
    if option_set.selection_type != "multiple_select" or not isinstance(value, list):
        return ()
    return tuple(shown_answer({"value": [each]}, option_set, situation) for each in value)


def _as_it_was(response: Mapping[str, Any], option_set: OptionSet, text: str, of: tuple[RunState, Structure, Situation]) -> str | None:
    """What was answered, in the words of the run's own version, where this version shows it in others: converted, or under
    another label.
    """
    state, _, situation = of
    original, own = response.get("original"), state.version.structure.option_set_by_id.get(option_set.id)
    if original is not None:
        said = str(original["display"]) if own is None else shown_answer(original["response_value"], own, situation)
        return None if said == text else said
    if own is None or own == option_set or response["response_value"] is None:
        return None
    words = shown_answer(response["response_value"], own, situation)
    return None if words == text else words


# --- why not asked -------------------------------------------------------------------------------------------------

_KINDS: Mapping[str, str] = {
    "not_reached": message("The run has not come to this question yet."),
    "waived": message("Waived when the run came to this version: nobody was asked."),
    "retired": message("Retired in this version: kept for its answers, and asked of nobody."),
}


def _reasons(reason: Mapping[str, Any], option_set: OptionSet, step: Step, of: tuple[RunState, Structure, Situation]) -> Iterable[Said]:
    """In words, from the conditions of the version and the answers that they read."""
    state, structure, situation = of
    if not reason:
        return
    if reason["kind"] in _KINDS:
        yield Said(_KINDS[reason["kind"]], {})
        return
    if option_set.visible_if is not None:
        yield Said(message("Asked only if %(condition)s."), {"condition": condition_words(option_set.visible_if, structure)})
    if step.visible_if is not None:
        yield Said(message("The whole step is asked only if %(condition)s."), {"condition": condition_words(step.visible_if, structure)})
    for name in reason.get("by", ())[:4]:
        own = state.version.structure.option_set_by_id.get(name)
        here = structure.option_set_by_id.get(name)
        if own is not None:
            # In the words of the condition, unless the answer is one of another type.
            yield _it_was(state, here if here is not None and here.selection_type == own.selection_type else own, situation)


def _it_was(state: RunState, option_set: OptionSet, situation: Situation) -> Said:
    label = without_pipes(situation.text(option_set.name))[:80]
    envelope = state.answers.get(option_set.id)
    if option_set.id in state.erased:
        return Said(message("“%(question)s” was erased."), {"question": label})
    if not is_answered(envelope):
        return Said(message("“%(question)s” was not answered."), {"question": label})
    return Said(
        message("“%(question)s” was %(answer)s."), {"question": label, "answer": shown_answer(envelope, option_set, situation)[:120]}
    )


# --- archive -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """One entry of the archive: `version` is the one in which it was answered, None for an imported column."""

    name: str
    label: str
    version: int | None
    state: str
    text: str
    flags: tuple[Mapping[str, str], ...]


def kept_in(
    state: RunState, archive: Sequence[Mapping[str, Any]], questions: Mapping[str, Question], versions: Sequence[Version]
) -> list[Kept]:
    """`archive` as the API gives it, of this run or of it through another version; `versions`: all of the wizard."""
    situation = situation_in(state)
    numbers = {version.id: version.number for version in versions}
    return [_kept(entry, questions.get(entry["name"]), situation, _asked_in(entry, state, numbers)) for entry in archive]


def _asked_in(entry: Mapping[str, Any], state: RunState, numbers: Mapping[str, int]) -> int:
    """The version whose question it answered: that which it came from, else the run's own, where it still has its place."""
    stored = state.archive.get(entry["name"])
    is_stored = stored is not None and response_value(stored) == entry["response_value"]
    origin = origin_of(stored) if stored is not None and is_stored else None
    return numbers.get(origin or "", state.version.number)


def _kept(entry: Mapping[str, Any], question: Question | None, situation: Situation, asked_in: int) -> Kept:
    flags = tuple(entry.get("flags", ()))
    if question is None:
        value = (entry["response_value"] or {}).get("value")
        return Kept(entry["name"], entry["name"], None, entry["state"], "" if value is None else str(value), flags)
    # Without a note of where it came from: the newest version up to the run's own that has the question.
    number = max((each for each in question.option_sets if each <= asked_in), default=min(question.option_sets))
    asked = question.option_sets[number]
    return Kept(
        entry["name"], situation.text(asked.name), number, entry["state"], shown_answer(entry["response_value"], asked, situation), flags
    )


# --- what changed --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One answer that differs, as people read both; "" is no answer."""

    label: str
    old: str
    new: str
    archived: bool


def differences(before: RunState, after: RunState, questions: Mapping[str, Question]) -> list[Difference]:
    """From one revision to another, each answer in the words of its own version."""
    order = [option_set.id for option_set in after.version.structure.option_sets]
    erased = {*before.erased, *after.erased}
    changes = (*answer_changes(before.answers, after.answers, order, erased), *archive_changes(before.archive, after.archive))
    return [_difference(change, before, after, questions) for change in changes if change.option_set_id not in erased]


def count_answers(state: RunState) -> int:
    """How many answers this state holds."""
    return sum(1 for envelope in state.answers.values() if is_answered(envelope))


def _difference(change: AnswerChange, before: RunState, after: RunState, questions: Mapping[str, Question]) -> Difference:
    name, question = change.option_set_id, questions.get(change.option_set_id)
    old, new = (_words(envelope, state, name, question) for envelope, state in ((change.old, before), (change.new, after)))
    option_set = _option_set(after, name, question) or _option_set(before, name, question)
    label = (
        name if option_set is None else without_pipes(text_in(option_set.name, after.language, after.version.structure.default_language))
    )
    return Difference(label, old, new, change.archived)


def _option_set(state: RunState, name: str, question: Question | None) -> OptionSet | None:
    return state.version.structure.option_set_by_id.get(name) or (question.latest if question else None)


def _words(envelope: Mapping[str, Any] | None, state: RunState, name: str, question: Question | None) -> str:
    option_set = _option_set(state, name, question)
    if option_set is None:
        value = (envelope or {}).get("value")
        return "" if value is None else str(value)
    return shown_answer(envelope, option_set, situation_in(state))
