"""A table of runs (CSV) read as runs: every non-empty cell becomes an answer, a flagged answer, metadata or an archive entry.

Bytes in, values out; nothing is stored here. An import refuses no value and changes none: what does not fit its question
is kept as given and flagged. The file is checked whole before the first run is given.
"""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, Final, NamedTuple

from keepstep.core.clock import Clock
from keepstep.core.structure import ID_PATTERN, Structure
from keepstep.errors import FileUnreadable
from keepstep.interchange.cells import unguarded
from keepstep.interchange.columns import duplicate_names
from keepstep.interchange.receipt import Line, Place
from keepstep.interchange.runs_in_file import (
    MAX_COLUMNS,
    MAX_HEADING,
    Form,
    Record,
    Understood,
    encoding_of,
    form_of,
    records_in,
    stream_of,
)
from keepstep.interchange.runs_in_heading import Heading, headings_of, is_own
from keepstep.interchange.runs_in_receipt import RunsReceipt, Tally
from keepstep.interchange.runs_in_row import CellReader, CellSettings, Envelope
from keepstep.interchange.runs_in_time import moment_in
from keepstep.interchange.runs_out import Status

NO_VERSIONS: Final[Mapping[int, Structure]] = {}
STATUSES: Final = ("in_progress", "completed", "abandoned")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a table is read.

    `clock`: the time of the import, for "not later than today", and the zone of times without one. `wizard_id` (a UUID):
    together with a submission's own id it gives the run's id, the same at each import; None = such runs get no id here.
    `blanks`: texts that mean an empty cell in files of other tools, without the difference of case; "" always does.
    `lenient`: rows that are too long or too short and repeated headings are taken as they are and listed, not refused.
    `by_version`: rows of Keepstep's own export are read for the version that they name, where it is known.
    `guarded`: the file was written with `excel_safe`, so one leading apostrophe of each cell is not part of it.
    """

    clock: Clock
    wizard_id: str | None = None
    blanks: tuple[str, ...] = ("n/a",)
    lenient: bool = False
    by_version: bool = False
    guarded: bool = False
    delimiter: str | None = None
    encoding: str | None = None
    status: Status = "completed"
    language: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """One run of a file. `line`: where it starts there. `id`: as in Keepstep's export, or made from a submission's own id.

    `answers`: envelopes (source "import") by option set id. `archive`: envelopes by option set id for questions that the
    version does not have, by heading for columns that are no question. `states`: what Keepstep's export says of each
    question. The version, revision and times of an export are those of the run it was written from; None where untold.
    `cells`: how many non-empty ones it was read from.
    """

    line: int
    id: str | None
    language: str
    status: Status
    started_at: datetime | None
    completed_at: datetime | None
    respondent: str | None
    answers: dict[str, Envelope]
    archive: dict[str, Envelope]
    states: Mapping[str, str] = field(default_factory=dict)
    version_number: int | None = None
    first_version_number: int | None = None
    revision: int | None = None
    updated_at: datetime | None = None
    cells: int = 0
    account: Tally = field(default_factory=Tally, repr=False, compare=False)
    """What reading it found, for the receipt."""


class RunsReading:
    """A file under reading: iterate it once for its runs; then `receipt` tells what became of every cell.

    Whoever finds out first whether a run is stored already goes through `unsettled` and settles each one.
    """

    def __init__(self, runs: Iterator[ImportedRun], headings: tuple[Heading, ...], tally: Tally) -> None:
        self.headings = headings
        self._runs = runs
        self._tally = tally

    def __iter__(self) -> Iterator[ImportedRun]:
        for run in self._runs:
            self.settle(run)
            yield run

    def unsettled(self) -> Iterator[ImportedRun]:
        """The runs, none of which is in the receipt before it is settled."""
        return self._runs

    def settle(self, run: ImportedRun, *, there: bool = False) -> None:
        """Takes a run into the receipt. `there`: it is stored already, so what reading it found is not what became of it."""
        self._tally.absorb(run.account, there=there)

    @property
    def receipt(self) -> RunsReceipt:
        """The account of the runs given so far; of the whole file once it was iterated to its end."""
        return self._tally.receipt({heading.name: (heading.role, heading.option_set_id) for heading in self.headings})


def read_runs_csv(
    source: bytes | BinaryIO, structure: Structure, options: ReadOptions, *, older: Mapping[int, Structure] = NO_VERSIONS
) -> RunsReading:
    """The runs of a CSV file for this structure; `older`: the wizard's other versions by number, for keys and questions of theirs.

    `source`: the bytes, or a seekable stream (read twice). Raises FileUnreadable, naming line and remedy, before any run is given.
    """
    stream = stream_of(source)
    encoding = encoding_of(stream, options.encoding)
    understood = Understood(lambda names: is_own(_stripped(names)), lambda names: _known(_stripped(names), structure, older))
    form = form_of(stream, encoding, options.delimiter, understood)
    tally = Tally()
    names = _header(stream, form, options, tally)
    headings = headings_of(names, structure, older)
    _require_known(headings, names)
    settings = CellSettings(options.clock, own=is_own(names))
    table = _Table(headings, options, tally, CellReader(structure, older, settings, tally))
    for _ in table.rows(stream, form):
        pass  # the whole file, before anything of it is given
    return RunsReading(table.runs(stream, form), headings, tally)


# --- header --------------------------------------------------------------------------------------------------------


def _stripped(names: Sequence[str]) -> list[str]:
    return [name.strip() for name in names]


def _known(names: list[str], structure: Structure, older: Mapping[int, Structure]) -> int:
    """Names that mean something here. Several that mean the same are known as well, though none of them will be read as it."""
    return sum(heading.why != "question-unknown" for heading in headings_of(names[:2_000], structure, older))


def _header(stream: BinaryIO, form: Form, options: ReadOptions, tally: Tally) -> list[str]:
    """The column names. Nameless ones are called "column 7"; repeated ones are refused, or numbered where lenient."""
    first = next(records_in(stream, form), Record(1, []))
    names = _stripped(first.cells)
    if len(names) > MAX_COLUMNS:
        raise FileUnreadable(f"Line 1: {len(names):,} columns; at most {MAX_COLUMNS:,} are read. Split the file by columns.")
    long = next((name for name in names if len(name) > MAX_HEADING), None)
    if long is not None:
        raise FileUnreadable(f"Line 1: a column name of {len(long):,} characters ({long[:40]!r}…). Is the header row missing?")
    if not any(names):
        raise FileUnreadable("Line 1 is blank. The first line has to hold the names of the columns.")
    names = [name or f"column {position}" for position, name in enumerate(names, start=1)]
    return _unique(names, options, tally)


def _unique(names: list[str], options: ReadOptions, tally: Tally) -> list[str]:
    repeated = duplicate_names(names)
    if repeated and not options.lenient:
        listed = ", ".join(repr(name[:60]) for name in repeated[:5])
        raise FileUnreadable(f"Line 1: more than one column is called {listed}. Give each a name of its own, or remove one.")
    for name in repeated:
        tally.note(
            Line(
                Place(row=1, column=name),
                "heading-repeated",
                "Several columns have this name; none of them is read as a question.",
                cells=0,
            )
        )
    seen = dict.fromkeys(repeated, 0)
    result = []
    for name in names:
        if name in seen:
            seen[name] += 1
        result.append(f"{name} #{seen[name]}" if name in seen else name)
    return result


def _require_known(headings: tuple[Heading, ...], names: list[str]) -> None:
    if not is_own(names) and not any(heading.role in {"answer", "choice"} for heading in headings):
        shown = ", ".join(repr(name[:40]) for name in names[:3])
        raise FileUnreadable(
            f"Line 1: no column is a question of this wizard ({shown}, …). Is the header row missing, or the delimiter another?"
        )


# --- rows ----------------------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A record that was checked, with what its own and metadata columns tell about its run."""

    record: Record
    members: Mapping[str, Any]


class _Table:
    """One file's columns and what was seen of it: it lives for one reading."""

    def __init__(self, headings: tuple[Heading, ...], options: ReadOptions, tally: Tally, cells: CellReader) -> None:
        self.headings = headings
        self.options = options
        self.tally = tally
        self.cells = cells
        self.tellers = tuple(heading for heading in headings if heading.field and heading.role in ("run", "metadata"))
        self.blanks = frozenset() if cells.own else frozenset(("", *(blank.casefold() for blank in options.blanks)))

    def rows(self, stream: BinaryIO, form: Form) -> Iterator[_Row]:
        """Each record under the header. Raises FileUnreadable naming the line."""
        seen: dict[str, int] = {}
        for record in islice(records_in(stream, form), 1, None):
            if record.cells:
                self._check_length(record)
                yield _Row(record, self._told_apart(self._members(record), record.line, seen))

    def _check_length(self, record: Record) -> None:
        cells, columns = len(record.cells), len(self.headings)
        if cells != columns and not self.options.lenient:
            raise FileUnreadable(
                f"Line {record.line}: {cells} cells under {columns} columns. A delimiter or line break inside a text needs quotes."
                " Mend the row, or import leniently: then missing cells are empty and extra ones go to the run's archive."
            )

    def _members(self, record: Record) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for heading in self.tellers:
            text = record.cells[heading.position] if heading.position < len(record.cells) else ""
            if not self._is_blank(text):
                value = self._member(heading, unguarded(text) if self.options.guarded else text, record.line)
                members |= {} if value is None else {heading.field: value}
        return members

    def _member(self, heading: Heading, text: str, line: int) -> Any:
        if heading.role == "run":
            return _own_member(heading.field, text, line)
        return moment_in(text, self.options.clock.zone) if heading.field.endswith("_at") else text.strip()

    def _told_apart(self, members: dict[str, Any], line: int, seen: dict[str, int]) -> dict[str, Any]:
        """The members with the run's id; a submission that stands twice in the file is refused, or told apart where lenient."""
        name = next((members[member] for member in ("run_id", "instance_id", "instance_key") if member in members), None)
        if name is None:
            return members
        times = seen[name] = seen.get(name, 0) + 1
        if times > 1 and not self.options.lenient:
            raise FileUnreadable(f"Line {line}: the submission {name[:80]} stands in this file a second time. Remove one of the two rows.")
        if times == 1 and "run_id" in members:
            return members | {"id": name}
        wizard_id = self.options.wizard_id
        return members | {"id": None if wizard_id is None else run_id_of(wizard_id, name if times == 1 else f"{name} ({times})")}

    def _is_blank(self, text: str) -> bool:
        return not text or (not self.cells.own and text.strip().casefold() in self.blanks)

    def runs(self, stream: BinaryIO, form: Form) -> Iterator[ImportedRun]:
        """Each row as a run, every cell of it counted."""
        for row in self.rows(stream, form):
            self.tally = self.cells.tally = Tally(runs=1)
            get = row.members.get
            number = get("version") if self.options.by_version else None
            filled = self._filled(row.record)
            content = self.cells.content(filled, row.record.line, row.members, number)
            yield ImportedRun(
                line=row.record.line,
                id=get("id"),
                language=get("language") or self.options.language or self.cells.structure.default_language,
                status=get("status") or self.options.status,
                started_at=get("started_at"),
                completed_at=get("completed_at") or get("submitted_at"),
                respondent=get("respondent"),
                answers=content.answers,
                archive=content.archive,
                states=content.states,
                version_number=get("version"),
                first_version_number=get("first_version"),
                revision=get("revision"),
                updated_at=get("updated_at"),
                cells=len(filled),
                account=self.tally,
            )

    def _filled(self, record: Record) -> list[tuple[Heading, str]]:
        """The cells that are not empty, with their columns."""
        filled = []
        headings = self.headings if len(record.cells) == len(self.headings) else self._uneven(record)
        for heading, text in zip(headings, record.cells, strict=False):
            if not text:
                continue
            if self._is_blank(text):
                self.tally.blanks += 1
                continue
            self.tally.cells[heading.name] += 1
            filled.append((heading, unguarded(text) if self.options.guarded else text))
        return filled

    def _uneven(self, record: Record) -> tuple[Heading, ...]:
        """The columns for a row that is too short or too long: each cell beyond the last column gets one that only the archive knows."""
        columns, cells = len(self.headings), len(record.cells)
        if cells < columns:
            detail = "Rows with fewer cells than columns: the missing cells are read as empty."
            self.tally.note(Line(Place(row=record.line), "row-short", detail, cells=0))
            return self.headings
        extra = range(columns, cells)
        self.tally.note(
            Line(Place(row=record.line), "row-long", "Rows with more cells than columns: these cells are archived.", cells=len(extra))
        )
        return self.headings + tuple(Heading(position, f"#{position + 1}", "archive", field=f"#{position + 1}") for position in extra)


# --- what a column tells about its run -----------------------------------------------------------------------------


def run_id_of(wizard_id: str, name: str) -> str:
    """The id of the run of a submission: a UUID version 5 of its own id in the wizard's namespace, so that a second import finds it."""
    return str(uuid.uuid5(uuid.UUID(wizard_id), name))


def _own_member(name: str, text: str, line: int) -> Any:
    """The value in a run column of Keepstep's own export. Raises FileUnreadable where it is none."""
    value = _READ_MEMBER.get(name, str)(text)
    if value is None:
        raise FileUnreadable(
            f"Line {line}: {text[:60]!r} in the column {name} is not what Keepstep writes there. Restore the cell, or clear it."
        )
    return value


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def run_id_in(text: str) -> str | None:
    """The text where it is a run's id, else None."""
    return text if re.fullmatch(ID_PATTERN, text) else None


def _status(text: str) -> str | None:
    return text if text in STATUSES else None


def _moment(text: str) -> datetime | None:
    return moment_in(text, "UTC")


_READ_MEMBER: Final[Mapping[str, Callable[[str], Any]]] = {
    "run_id": run_id_in,
    "status": _status,
    "started_at": _moment,
    "completed_at": _moment,
    "updated_at": _moment,
    "version": _whole,
    "first_version": _whole,
    "revision": _whole,
}
