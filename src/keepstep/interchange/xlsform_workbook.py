"""What an XLSForm workbook says, cell by cell: the sheets as pyxform reads them, and every cell that it passes over.

bytes → `Workbook`. Must not know what any column means.
"""

import csv
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO, StringIO
from typing import Any, Final
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from openpyxl import load_workbook
from pyxform.constants import SUPPORTED_SHEET_NAMES
from pyxform.errors import PyXFormError
from pyxform.xls2json_backends import csv_to_dict, get_excel_column_headers, is_empty, xls_to_dict, xlsx_to_dict
from xlrd import XLRDError, open_workbook
from xlrd.compdoc import CompDocError

from keepstep.errors import FileUnreadable, TooLarge
from keepstep.interchange.formats import Format, format_of, text_of
from keepstep.interchange.receipt import Line, Place
from keepstep.interchange.xlsform_headings import heading

MAX_ROWS: Final = {"survey": 5_000, "choices": 50_000}
MAX_OTHER_ROWS: Final = 5_000
MAX_COLUMNS: Final = 1_000
MAX_CELLS: Final = 500_000
# A row far below the last one makes the reader deliver every row between them; stop looking there.
MAX_GAP: Final = 20_000

# What openpyxl, xlrd and pyxform are known to let through on damaged files.
_DAMAGE: Final = (
    PyXFormError,
    XLRDError,
    CompDocError,
    BadZipFile,
    ParseError,
    zlib.error,
    struct.error,
    csv.Error,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    NotImplementedError,
    RecursionError,
)
_CELL_ERRORS: Final = frozenset(("#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!"))


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in the spreadsheet, and its non-empty cells by the column's heading."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: the headings in order, and the rows that have a cell."""

    name: str
    headings: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Workbook:
    """An XLSForm as read. `unread`: the cells that belong to no heading or sheet of a form; `formulas`: cells with a formula, by column."""

    filename: str
    sheets: Mapping[str, Sheet]
    unread: tuple[Line, ...] = ()
    formulas: Mapping[tuple[str, str], int] | None = None

    @property
    def cells(self) -> int:
        """The non-empty cells below the headings, on every sheet."""
        return sum(len(row.cells) for sheet in self.sheets.values() for row in sheet.rows) + sum(line.cells for line in self.unread)

    def rows(self, sheet: str) -> tuple[Row, ...]:
        """The rows of a sheet; () where the workbook has none of this name."""
        return self.sheets[sheet].rows if sheet in self.sheets else ()


Cell = tuple[str, int, int, Any]
"""Sheet, row and column (both from 1), value; formulas as text that begins with "="."""


def read_xlsform(data: bytes, filename: str = "") -> Workbook:
    """The workbook in `data` (.xlsx, .xls or XLSForm-CSV). Raises FileUnreadable or TooLarge, naming the place and the remedy."""
    kind = format_of(data, filename)
    readers: dict[Format, tuple[Callable[[Any], Any], Callable[[bytes], Iterator[Cell]]]] = {
        "xlsx": (xlsx_to_dict, _xlsx_cells),
        "xls": (xls_to_dict, _xls_cells),
        "csv": (csv_to_dict, _csv_cells),
    }
    if kind not in readers:
        raise FileUnreadable(f"{filename or 'The file'} is {kind.upper()}, not an XLSForm. Give the .xlsx workbook.")
    read, scan = readers[kind]
    content = text_of(data, filename).removeprefix("\ufeff").encode() if kind == "csv" else data
    try:
        cells = tuple(_bounded(scan(content)))
        book = read(BytesIO(content))
    except _DAMAGE as error:
        raise FileUnreadable(f"{filename or 'The file'} cannot be read as an XLSForm: {_reason(error)}") from error
    return _workbook(filename, book, cells)


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300] or type(error).__name__
    return text if text.endswith(".") else f"{text}."


def _bounded(cells: Iterator[Cell]) -> Iterator[Cell]:
    for number, cell in enumerate(cells, 1):
        sheet, row, column, _ = cell
        if number > MAX_CELLS:
            raise TooLarge(f"Sheet {sheet!r}, row {row}: the form has more than {MAX_CELLS:,} cells. Split it.")
        most = MAX_ROWS.get(sheet.lower(), MAX_OTHER_ROWS) if sheet.lower() in SUPPORTED_SHEET_NAMES else MAX_ROWS["choices"]
        if row > most + 1:
            raise TooLarge(f"Sheet {sheet!r} has a cell in row {row}; at most {most:,} rows are read. Split the form.")
        if column > MAX_COLUMNS:
            raise TooLarge(f"Sheet {sheet!r} has a cell in column {column}; at most {MAX_COLUMNS:,} columns are read.")
        yield cell


def _xlsx_cells(data: bytes) -> Iterator[Cell]:
    """Every non-empty cell; formulas as they are written, which shows those that were never calculated."""
    book = load_workbook(BytesIO(data), read_only=True, data_only=False)
    try:
        for sheet in book.worksheets:
            empty = 0
            for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
                filled = [(column, value) for column, value in enumerate(row, 1) if not is_empty(value)]
                empty = 0 if filled else empty + 1
                if empty > MAX_GAP:
                    break
                yield from ((sheet.title, number, column, value) for column, value in filled)
    finally:
        book.close()


def _xls_cells(data: bytes) -> Iterator[Cell]:
    with open_workbook(file_contents=data, on_demand=True) as book:
        for sheet in book.sheets():
            for number in range(sheet.nrows):
                for column, value in enumerate(sheet.row_values(number), 1):
                    if not is_empty(value):
                        yield sheet.name, number + 1, column, value


def _csv_cells(data: bytes) -> Iterator[Cell]:
    """The first column names a sheet; the cells of its table stand to the right, its headings first."""
    sheet, number = "", 0
    for line in csv.reader(StringIO(data.decode(), newline="")):
        if line and line[0].strip():
            sheet, number = line[0].strip(), 0
        filled = [(column, value) for column, value in enumerate(line[1:], 1) if value.strip()]
        number += bool(filled)
        yield from ((sheet, number, column, value) for column, value in filled)


# Sheets that an error names. Workbooks of forms have some three, and a table of runs in CSV seems to have one for each row.
_MOST_NAMED: Final = 10


# --- what was read, and what was not -------------------------------------------------------------------------------


def _workbook(filename: str, book: Mapping[str, Any], cells: tuple[Cell, ...]) -> Workbook:
    names = {name.lower(): name for name in book["sheet_names"]}
    if "survey" not in book:
        # In a table of runs every first cell would be the name of a sheet: what people answered has no place in an error.
        if len(names) > _MOST_NAMED:
            said = f"{filename or 'The file'} has no sheet named 'survey': this is not an XLSForm."
            raise FileUnreadable(f"{said} A table of runs is imported with `run import`.")
        listed = ", ".join(repr(name[:40]) for name in names.values()) or "none"
        raise FileUnreadable(f"{filename or 'The workbook'} has no sheet named 'survey' (it has {listed}): this is not an XLSForm.")
    sheets = {name: _sheet(name, book) for name in sorted(SUPPORTED_SHEET_NAMES, reverse=True) if name in book}
    _require_questions(filename, sheets["survey"])
    alone = next(iter(names)) if len(names) == 1 else None
    unread: list[Line] = []
    formulas: dict[tuple[str, str], int] = {}
    headings = _headings(cells)
    by_number = {name: {row.number: row.cells for row in sheet.rows} for name, sheet in sheets.items()}
    for title, row, column, value in cells:
        name = "survey" if title.lower() == alone else title.lower()
        under = headings.get((title, column), "")
        if row == 1:
            continue
        if name not in sheets:
            unread.append(_line(title, row, "", "sheet-not-read", "XLSForm has no sheet of this name; its cells were left out."))
        elif under not in by_number[name].get(row, {}):
            unread.append(_passed_over(title, row, under, value))
        elif isinstance(value, str) and value.startswith("="):
            formulas[(name, under)] = formulas.get((name, under), 0) + 1
    return Workbook(filename, sheets, _folded(unread), formulas)


def _require_questions(filename: str, survey: Sheet) -> None:
    """A workbook with one sheet is read as a form whatever the sheet is called: what has no column of types, or no row, is none."""
    where = f"{filename or 'The workbook'}, sheet 'survey'"
    if not any(heading(each)[0] == "type" for each in survey.headings):
        listed = ", ".join(repr(each[:40]) for each in survey.headings[:_MOST_NAMED]) or "none"
        raise FileUnreadable(
            f"{where}: there is no column 'type' (the columns are {listed}), so it holds no question: this is not an XLSForm."
        )
    if not survey.rows:
        raise FileUnreadable(f"{where}: there are headings and no row below them, so it holds no question.")


def _line(sheet: str, row: int | None, column: str, code: str, detail: str) -> Line:
    return Line(Place(sheet=sheet, row=row, column=column), code, detail)


def _headings(cells: tuple[Cell, ...]) -> dict[tuple[str, int], str]:
    return {(sheet, column): get_excel_column_headers([str(value)])[0] or "" for sheet, row, column, value in cells if row == 1}


def _sheet(name: str, book: Mapping[str, Any]) -> Sheet:
    headings = tuple(each for header in book.get(f"{name}_header") or () for each in header)
    rows = tuple(Row(number, _values(cells)) for number, cells in enumerate(book[name], 2) if cells)
    return Sheet(name, headings, tuple(row for row in rows if row.cells))


def _values(cells: Mapping[str, Any]) -> dict[str, str]:
    """Cells as stored; the text that a spreadsheet shows for a failed formula is no value."""
    return {heading: str(value) for heading, value in cells.items() if heading and value is not None and str(value) not in _CELL_ERRORS}


def _passed_over(sheet: str, row: int, heading: str, value: Any) -> Line:
    """Why pyxform has no value for a cell that is not empty."""
    if not heading:
        return _line(sheet, row, "", "no-heading", "These cells stand under no heading; they were left out.")
    if str(value) in _CELL_ERRORS or (isinstance(value, str) and value.startswith("=")):
        detail = f"The formula {str(value)[:200]} has no stored result; open the workbook in a spreadsheet program and save it."
        return _line(sheet, row, heading, "formula-without-value", detail)
    detail = "These cells stand far below or beside the rest, where forms end (60 empty rows or 20 empty columns); they were left out."
    return _line(sheet, row, heading, "beyond-a-gap", detail)


def _folded(lines: list[Line]) -> tuple[Line, ...]:
    """One line for each sheet, column and reason, counting its cells; formulas each on their own."""
    folded: dict[tuple[str, str, str, int | None], Line] = {}
    for line in lines:
        row = line.place.row if line.code == "formula-without-value" else None
        key = (line.place.sheet, line.place.column, line.code, row)
        found = folded.get(key)
        folded[key] = line if found is None else replace(found, cells=found.cells + 1)
    return tuple(folded.values())
