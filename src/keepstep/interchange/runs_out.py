"""Runs as a table or as JSON Lines: one row per run, each as long as the header, each cell with its state.

Takes runs as plain values (`StoredRun`; queries fill it) and streams bytes. Must not know the database or where bytes go.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from keepstep.core.flow import ASKED, is_answered
from keepstep.core.jsonvalue import dump_bytes
from keepstep.core.selection import display
from keepstep.core.structure import Structure
from keepstep.interchange.cells import cell_text, guarded
from keepstep.interchange.columns import Column, ColumnKind, Question

State = Literal["answered", "empty", "not_asked", "archived", "conflict", "erased", "not_in_version"]
Status = Literal["in_progress", "completed", "abandoned"]
NO_ENVELOPE: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One run at its head: what an export needs.

    `answers`, `archive`: envelopes by option set id (archive also by imported column). `asked`: a bit per option set of
    its version, in order. `conflicts`: option sets whose archived value waits for a person. Times are aware.
    """

    id: str
    version_number: int
    first_version_number: int
    status: Status
    revision: int
    language: str
    respondent: str | None
    started_at: datetime
    completed_at: datetime | None
    updated_at: datetime
    asked: str
    answers: Mapping[str, Mapping[str, Any]]
    archive: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    erased: frozenset[str] = frozenset()
    conflicts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """`excel_safe`: guard texts that a spreadsheet could run as formulas (it alters those cells, so it is off unless chosen).

    `bom`: the mark by which spreadsheet programs know UTF-8. `language`: for labels; None = each run's own.
    `default_language`: the wizard's, where a label has no text in that language.
    """

    delimiter: str = ","
    excel_safe: bool = False
    bom: bool = False
    language: str | None = None
    default_language: str = "en"


def state_of(run: StoredRun, option_set_id: str, position: int | None) -> State:
    """The state of one question in one run; `position`: its place in the run's version, None where it is not in it."""
    if option_set_id in run.erased:
        return "erased"
    if option_set_id in run.conflicts:
        return "conflict"
    envelope = run.answers.get(option_set_id)
    if is_answered(envelope):
        return "answered"
    if option_set_id in run.archive:
        return "archived"
    if position is None:
        return "not_in_version"
    asked = run.asked[position : position + 1] == ASKED
    not_reached = envelope is None and run.status != "completed"
    return "empty" if asked and not not_reached else "not_asked"


# --- table ---------------------------------------------------------------------------------------------------------


def csv_rows(runs: Iterable[StoredRun], columns: Sequence[Column], options: WriteOptions | None = None) -> Iterator[bytes]:
    """The header and then each run as one RFC 4180 row, UTF-8. ValueError where a run holds something no column would show."""
    options = options or WriteOptions()
    write = _row_writer(options.delimiter)
    yield (b"\xef\xbb\xbf" if options.bom else b"") + write([column.name for column in columns])
    for row in table_rows(runs, columns, options):
        yield write(row)


def table_rows(runs: Iterable[StoredRun], columns: Sequence[Column], options: WriteOptions) -> Iterator[list[str]]:
    """Each run as a list of texts, as long as `columns`: what every table format writes."""
    places = _Places(columns)
    writers = [(column, _CELLS[column.kind]) for column in columns]
    for run in runs:
        places.check(run)
        row = [write(run, column, options) for column, write in writers]
        yield [guarded(text) for text in row] if options.excel_safe else row


def _row_writer(delimiter: str) -> Callable[[Sequence[str]], bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")

    def write(row: Sequence[str]) -> bytes:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(row)
        return buffer.getvalue().encode()

    return write


class _Places:
    """What the columns of one table can show, so that nothing stored is left out in silence."""

    def __init__(self, columns: Sequence[Column]) -> None:
        asked = [column for column in columns if column.kind in ("value", "label")]
        self.answers = {column.question.id for column in asked}
        self.others = {column.question.id for column in columns if column.kind == "other"}
        self.archive = {column.field for column in columns if column.kind == "archive"} | self.answers
        self.beside = {column.question.id for column in columns if column.kind == "archived"}

    def check(self, run: StoredRun) -> None:
        """ValueError naming what has no column in this table."""
        answered = {name for name, envelope in run.answers.items() if is_answered(envelope)}
        homeless = answered - self.answers | run.archive.keys() - self.archive
        homeless |= (run.archive.keys() & answered) - self.beside
        homeless |= {name for name in answered if run.answers[name].get("other")} - self.others
        if homeless:
            raise ValueError(f"run {run.id}: no column shows {sorted(homeless)[:5]}; make the columns with these names")


def _shown(run: StoredRun, question: Question) -> Mapping[str, Any]:
    """The envelope under a question's own column: its answer, else what the archive keeps for it."""
    answer = run.answers.get(question.id)
    if is_answered(answer) and question.id not in run.conflicts:
        return answer or NO_ENVELOPE
    return run.archive.get(question.id, answer or NO_ENVELOPE)


def _option_set_of(run: StoredRun, question: Question) -> Any:
    """As the run's version has it; for an archived answer, as the newest one does."""
    return question.option_sets.get(run.version_number) or question.latest


def _value_cell(run: StoredRun, column: Column, _: WriteOptions) -> str:
    question = column.question
    if question.id not in run.answers and question.id not in run.archive:
        return ""
    return cell_text(_shown(run, question).get("value"), _option_set_of(run, question))


def _label_cell(run: StoredRun, column: Column, options: WriteOptions) -> str:
    envelope = dict(_shown(run, column.question), other=None)
    return display(envelope, _option_set_of(run, column.question), options.language or run.language, options.default_language)


def _choice_cell(run: StoredRun, column: Column, _: WriteOptions) -> str:
    value = _shown(run, column.question).get("value")
    return str(int(column.field in value)) if isinstance(value, list) and value else ""


def _other_cell(run: StoredRun, column: Column, _: WriteOptions) -> str:
    return cell_text(_shown(run, column.question).get("other"))


def _archived_cell(run: StoredRun, column: Column, _: WriteOptions) -> str:
    if not is_answered(run.answers.get(column.question.id)) or column.question.id in run.conflicts:
        return ""
    return cell_text(run.archive.get(column.question.id, NO_ENVELOPE).get("value"), _option_set_of(run, column.question))


def _state_cell(run: StoredRun, column: Column, _: WriteOptions) -> str:
    return state_of(run, column.question.id, column.question.positions.get(run.version_number))


def _archive_cell(run: StoredRun, column: Column, _: WriteOptions) -> str:
    return cell_text(run.archive.get(column.field, NO_ENVELOPE).get("value"))


def _run_cell(run: StoredRun, column: Column, _: WriteOptions) -> str:
    value = _RUN_FIELDS[column.field](run)
    return rfc3339(value) if isinstance(value, datetime) else cell_text(value)


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC, as the API gives times."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_RUN_FIELDS: Final[dict[str, Callable[[StoredRun], Any]]] = {
    "run_id": lambda run: run.id,
    "status": lambda run: run.status,
    "language": lambda run: run.language,
    "respondent": lambda run: run.respondent,
    "started_at": lambda run: run.started_at,
    "completed_at": lambda run: run.completed_at,
    "updated_at": lambda run: run.updated_at,
    "version": lambda run: run.version_number,
    "first_version": lambda run: run.first_version_number,
    "revision": lambda run: run.revision,
}
_CELLS: Final[dict[ColumnKind, Callable[[StoredRun, Column, WriteOptions], str]]] = {
    "run": _run_cell,
    "value": _value_cell,
    "label": _label_cell,
    "choice": _choice_cell,
    "other": _other_cell,
    "archived": _archived_cell,
    "state": _state_cell,
    "archive": _archive_cell,
}

# --- JSON Lines ----------------------------------------------------------------------------------------------------


def jsonl_rows(runs: Iterable[StoredRun], structures: Mapping[int, Structure], without: Collection[str] = frozenset()) -> Iterator[bytes]:
    """Each run as one line of JSON, exact: every option set of its version in order with its state, and the whole archive.

    `structures`: the structure of each version number that a run has. `without`: option sets that are not named at all.
    """
    for run in runs:
        yield dump_bytes(_run_json(run, structures[run.version_number], without)) + b"\n"


def _run_json(run: StoredRun, structure: Structure, without: Collection[str]) -> dict[str, Any]:
    loose = sorted(run.answers.keys() - structure.option_set_by_id.keys())
    if loose:
        raise ValueError(f"run {run.id}: its version has no option set {loose[0]}, so the answer belongs into the archive")
    head = {_JSON_NAMES.get(name, name): _json_value(read(run)) for name, read in _RUN_FIELDS.items()}
    named = ((position, each) for position, each in enumerate(structure.option_sets) if each.id not in without)
    responses = [_response(run, option_set.id, option_set.key, position) for position, option_set in named]
    listed = {"erased": sorted(run.erased), "conflicts": sorted(run.conflicts)}
    return head | {"responses": responses, "archive": run.archive} | {name: ids for name, ids in listed.items() if ids}


_JSON_NAMES: Final = {"run_id": "id", "version": "version_number", "first_version": "first_version_number"}


def _json_value(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value


def _response(run: StoredRun, option_set_id: str, key: str, position: int) -> dict[str, Any]:
    state, asked = state_of(run, option_set_id, position), run.asked[position : position + 1] == ASKED
    response = {"option_set_id": option_set_id, "key": key, "state": state, "asked": asked}
    answer = run.answers.get(option_set_id)
    return response if answer is None else response | {"response_value": answer}
