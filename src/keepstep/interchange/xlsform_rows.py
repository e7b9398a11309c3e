"""What the rows of an XLSForm are: its questions in order, each within its groups; repeats and metadata set apart.

Workbook → `Form`. Must not know structures or expressions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from keepstep.errors import FileUnreadable
from keepstep.interchange.receipt import Cell
from keepstep.interchange.xlsform_headings import heading
from keepstep.interchange.xlsform_types import TypeCell, type_of
from keepstep.interchange.xlsform_workbook import Row, Workbook

_YES: Final = frozenset(("yes", "true", "true()", "1"))


class Text(NamedTuple):
    """One cell: where it stands, in which language (as the form names it), and what it says."""

    cell: Cell
    language: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One row with its cells by the column's one name."""

    sheet: str
    number: int
    columns: Mapping[str, tuple[Text, ...]]

    def first(self, column: str) -> Text | None:
        """The cell of a column without languages, or its first language."""
        found = self.columns.get(column)
        return found[0] if found else None

    def text(self, column: str) -> str:
        """What that cell says; "" where there is none."""
        found = self.columns.get(column)
        return found[0].text if found else ""

    @property
    def cells(self) -> tuple[Text, ...]:
        return tuple(text for texts in self.columns.values() for text in texts)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A group of the form, by identity: two groups may have the same name."""

    name: str
    record: Record
    parent: "Group | None"

    @property
    def chain(self) -> tuple["Group", ...]:
        """This group and those around it, outermost first."""
        return (*(self.parent.chain if self.parent else ()), self)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: its row, its type, the innermost group around it, and whether a repeat stood between it and the one before."""

    name: str
    record: Record
    type: TypeCell
    group: Group | None
    after_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Aside:
    """A row that is no question here, with the reason that the receipt gives."""

    record: Record
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Form:
    """An XLSForm's survey sheet, understood. `metadata`: type → name of each metadata row; `ends`: the rows that close a group."""

    questions: tuple[Asked, ...]
    groups: tuple[Group, ...]
    metadata: Mapping[str, str]
    metadata_records: tuple[tuple[Record, TypeCell], ...]
    ends: tuple[Record, ...]
    asides: tuple[Aside, ...]


def record_of(sheet: str, row: Row) -> Record:
    """The row's cells by column; later cells of the same column and language come after the first."""
    columns: dict[str, list[Text]] = {}
    for name, text in row.cells.items():
        column, language = heading(name)
        columns.setdefault(column, []).append(Text((sheet, row.number, name), language, text))
    return Record(sheet, row.number, {column: tuple(texts) for column, texts in columns.items()})


def form_of(workbook: Workbook) -> Form:
    """The form in a workbook. Raises FileUnreadable where groups do not close."""
    reader = _Reader(workbook.filename)
    for row in workbook.rows("survey"):
        reader.read(record_of("survey", row))
    return reader.form()


class _Reader:
    """Walks down the rows, remembering the open groups."""

    def __init__(self, filename: str) -> None:
        self._filename = filename
        self._open: list[tuple[str, Record]] = []
        self._group: Group | None = None
        self._repeats = 0
        self._after_repeat = False
        self._questions: list[Asked] = []
        self._groups: list[Group] = []
        self._metadata: list[tuple[Record, TypeCell]] = []
        self._ends: list[Record] = []
        self._asides: list[Aside] = []

    def form(self) -> Form:
        if self._open:
            kind, record = self._open[-1]
            raise FileUnreadable(f"{self._where(record)}: the {kind} {record.text('name')!r} begins here and has no end row. Add one.")
        names = {kind.name: record.text("name") for record, kind in self._metadata}
        questions, groups = tuple(self._questions), tuple(self._groups)
        return Form(questions, groups, names, tuple(self._metadata), tuple(self._ends), tuple(self._asides))

    def read(self, record: Record) -> None:
        kind = type_of(record.text("type"))
        role = kind.type.role
        if not record.text("type"):
            self._aside(record, "no-type", "The row has no type, so it is no question.")
        elif role in ("begin", "begin_repeat"):
            self._begin(record, is_repeat=role == "begin_repeat")
        elif role in ("end", "end_repeat"):
            self._end(record, is_repeat=role == "end_repeat")
        elif self._repeats:
            self._aside(
                record, "repeat", "Repeats are not supported yet: the question is not asked, its answers go to the archive of their run."
            )
        elif record.text("disabled").lower() in _YES:
            self._aside(record, "disabled", "The row is disabled in the form.")
        elif role == "external":
            self._aside(record, "external-data", "Data in other files is not read.")
        elif role == "metadata":
            self._metadata.append((record, kind))
        else:
            self._ask(record, kind)

    def _ask(self, record: Record, kind: TypeCell) -> None:
        name = record.text("name") or f"row-{record.number}"
        self._questions.append(Asked(name, record, kind, self._group, self._after_repeat))
        self._after_repeat = False

    def _aside(self, record: Record, code: str, detail: str) -> None:
        self._asides.append(Aside(record, code, detail))

    def _begin(self, record: Record, *, is_repeat: bool) -> None:
        self._open.append(("repeat" if is_repeat else "group", record))
        if is_repeat or self._repeats:
            self._aside(
                record, "repeat", "Repeats are not supported yet: nothing in them is asked, their answers go to the archive of their run."
            )
            self._repeats += is_repeat
            return
        self._group = Group(record.text("name") or f"row-{record.number}", record, self._group)
        self._groups.append(self._group)

    def _end(self, record: Record, *, is_repeat: bool) -> None:
        kind = "repeat" if is_repeat else "group"
        if not self._open:
            raise FileUnreadable(
                f"{self._where(record)}: a {kind} ends here that never began. Remove the row, or add the row that begins it."
            )
        opened, begin = self._open.pop()
        if opened != kind:
            detail = f"a {kind} ends here, but the {opened} {begin.text('name')!r} of row {begin.number} is open. Close that one first."
            raise FileUnreadable(f"{self._where(record)}: {detail}")
        if self._repeats:
            self._aside(record, "repeat", "The end of a repeat, or of a group in one.")
            self._repeats -= is_repeat
            self._after_repeat = True
            return
        self._ends.append(record)
        self._group = self._group.parent if self._group else None

    def _where(self, record: Record) -> str:
        return f"{self._filename or 'The workbook'}, sheet 'survey', row {record.number}"


def runs_by_group(questions: tuple[Asked, ...]) -> Iterator[tuple[Group | None, tuple[Asked, ...]]]:
    """The maximal runs of consecutive questions with the same innermost group; a repeat between two questions parts them."""
    run: list[Asked] = []
    for question in questions:
        if run and (question.group is not run[-1].group or question.after_repeat):
            yield run[0].group, tuple(run)
            run = []
        run.append(question)
    if run:
        yield run[0].group, tuple(run)
