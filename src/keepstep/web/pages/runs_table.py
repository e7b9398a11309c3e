"""The rows of the table of runs: one cell for each chosen question, in the words of the run's own version, with its state.

States come from what exports write, so that a page and a file never disagree. Must not know requests or filters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from keepstep.actions.exports import stored_run
from keepstep.core.structure import choices_of
from keepstep.core.text import text_in, without_pipes
from keepstep.interchange.columns import Question
from keepstep.interchange.runs_out import StoredRun, state_of
from keepstep.queries.runs import RunState
from keepstep.web.questions.shown import shown_answer
from keepstep.web.questions.situation import Situation
from keepstep.web.texts import NO, YES, message

STATE_WORDS: Final[Mapping[str, str]] = {
    "answered": message("answered"),
    "empty": message("left empty"),
    "not_asked": message("not asked"),
    "waived": message("waived"),
    "not_in_version": message("not in this version"),
    "archived": message("in the archive"),
    "conflict": message("conflict"),
    "erased": message("erased"),
}
STATE_ICONS: Final[Mapping[str, str]] = {state: f"state-{state.replace('_', '-')}" for state in STATE_WORDS}
STATUS_WORDS: Final[Mapping[str, str]] = {
    "completed": message("completed"),
    "in_progress": message("in progress"),
    "abandoned": message("abandoned"),
}
# A cell is one line; the whole text is a click away.
_MOST_TEXT: Final = 160


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` "" where the state says it all. `flags`: codes of what does not fit."""

    state: str
    text: str
    flags: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """One run. `name` is what people call it: the end of its id, which differs most."""

    id: str
    name: str
    version: int
    status: str
    respondent: str
    updated_at: datetime
    cells: Sequence[Cell]


def run_name(run_id: str) -> str:
    """As the audit trail names it."""
    return run_id[-8:]


def label_of(question: Question, language: str, default: str) -> str:
    """The heading of a column: as the newest version that has the question words it."""
    return without_pipes(text_in(question.latest.name, language, default)) or question.key


def rows_of(states: Iterable[RunState], columns: Sequence[Question], zone: ZoneInfo) -> list[Row]:
    labels = {each.id: label_of(each, "", "") for each in columns}
    return [_row(state, columns, labels, zone) for state in states]


def _row(state: RunState, columns: Sequence[Question], labels: Mapping[str, str], zone: ZoneInfo) -> Row:
    run = stored_run(state, state.version.number)
    situation = Situation(state.language, state.version.structure.default_language, zone)
    cells = [_cell(run, question, situation, labels[question.id]) for question in columns]
    return Row(state.id, run_name(state.id), state.version.number, state.status, state.respondent or "", state.updated_at, cells)


def _cell(run: StoredRun, question: Question, situation: Situation, label: str) -> Cell:
    state: str = state_of(run, question.id, question.positions.get(run.version_number))
    envelope = run.archive.get(question.id) if state == "archived" else run.answers.get(question.id)
    option_set = question.option_sets.get(run.version_number) or question.latest
    text = shown_answer(envelope, option_set, situation) if state in ("answered", "archived", "conflict") else ""
    codes = tuple(str(flag["code"]) for flag in (envelope or {}).get("flags", ()))
    if state == "not_asked" and "waived" in codes:
        state = "waived"
    return Cell(state, text[:_MOST_TEXT] + ("…" if len(text) > _MOST_TEXT else ""), codes, label)


@dataclass(frozen=True, slots=True)
class Choosable:
    """An option that somebody may look for. `of`: the version that words it so, None for the newest one.

    `text`: a word of the catalogue, instead of a label.
    """

    value: str
    label: str
    of: int | None = None
    retired: bool = False
    text: str = ""


_YES_AND_NO: Final = (Choosable("true", "", text=YES), Choosable("false", "", text=NO))


def values_to_choose(question: Question | None, default: str, newest: int) -> Sequence[Choosable]:
    """The options of all versions: as the newest one has them, then every other wording that there was, the newest first."""
    if question is None:
        return ()
    if question.latest.selection_type == "boolean":
        return _YES_AND_NO
    found: dict[tuple[str, str], Choosable] = {}
    for number in sorted(question.option_sets, reverse=True):
        for option in choices_of(question.option_sets[number]):
            label = without_pipes(text_in(option.label, default, default)) or option.value
            choosable = Choosable(option.value, label, None if number == newest else number, option.retired)
            found.setdefault((option.value, label), choosable)
    return list(found.values())


def word_of(question: Question, value: str, default: str, newest: int) -> str:
    """The newest wording of an option; the value itself where no version has it."""
    return next((each.label or each.text for each in values_to_choose(question, default, newest) if each.value == value), value)


def legend_of(rows: Iterable[Row]) -> list[str]:
    """The states besides "answered" that are on the page, in the order of STATE_WORDS."""
    seen: set[Any] = {cell.state for row in rows for cell in row.cells}
    return [state for state in STATE_WORDS if state in seen and state != "answered"]
