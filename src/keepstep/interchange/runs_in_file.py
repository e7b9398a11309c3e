"""From the bytes of a delimited text file to its records with their line numbers; every unreadable byte named by its line.

Must not know questions or runs. Nothing is guessed about an encoding: a file says it by its mark, or the caller does.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from keepstep.core.jsonvalue import unstorable_text
from keepstep.errors import FileUnreadable

# A wizard may have 4,000 option sets; with states, other texts and a column per option an export of it stays below this.
MAX_COLUMNS: Final = 200_000
MAX_HEADING: Final = 4_000
# Characters. No answer is nearly as long, and a quote that is never closed must not swallow the memory of the server.
MAX_CELL: Final = 16 * 1024 * 1024
DELIMITERS: Final = (",", ";", "\t")
_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SPREADSHEETS: Final = ((b"PK\x03\x04", "an .xlsx workbook or a zip archive"), (b"\xd0\xcf\x11\xe0", "an old .xls workbook"))


@dataclass(frozen=True, slots=True)
class Form:
    """How the bytes are read: a codec of Python and one delimiter."""

    encoding: str
    delimiter: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `line`: the line of the file on which it starts, from 1; a record with line breaks in quotes spans several."""

    line: int
    cells: list[str]


def stream_of(source: bytes | BinaryIO) -> BinaryIO:
    """A seekable stream of the file; it is read twice, first to check it whole."""
    return io.BytesIO(source) if isinstance(source, bytes) else source


def encoding_of(stream: BinaryIO, given: str | None) -> str:
    """The encoding: as given, else by the file's mark, else UTF-8. Raises FileUnreadable for what is no text at all."""
    stream.seek(0)
    head = stream.read(4_096)
    if not head.strip():
        raise FileUnreadable("The file is empty. Its first line has to hold the names of the columns.")
    for mark, what in _SPREADSHEETS:
        if head.startswith(mark):
            raise FileUnreadable(f"This is {what}, not a text file. Save the sheet as CSV (UTF-8) and import that.")
    encoding = given or next((encoding for mark, encoding in _MARKS if head.startswith(mark)), "utf-8-sig")
    if given is None and encoding == "utf-8-sig" and head.count(b"\x00") * 3 > len(head):
        raise FileUnreadable("Line 1: this looks like UTF-16 without its mark. Save the file as UTF-8, or name its encoding.")
    try:
        "".encode(encoding)
    except LookupError as error:
        raise FileUnreadable(f"There is no encoding {given!r}. Name one such as utf-8, utf-16 or latin-1.") from error
    return encoding


def form_of(stream: BinaryIO, encoding: str, delimiter: str | None, recognised: Callable[[Sequence[str]], int]) -> Form:
    """The delimiter given, else the one of comma, semicolon and tab that makes the most headings `recognised`, then the most cells."""
    if delimiter is not None:
        if len(delimiter) != 1 or delimiter in '"\r\n' or delimiter.isalnum():
            raise FileUnreadable(f"{delimiter!r} cannot be a delimiter: name one character that is no letter, digit, quote or line break.")
        return Form(encoding, delimiter)

    def score(form: Form) -> tuple[int, int]:
        try:
            first = next(records_in(stream, form), Record(1, []))
        except FileUnreadable:
            return (-1, 0)
        return recognised(first.cells), len(first.cells)

    return max((Form(encoding, each) for each in DELIMITERS), key=score)


def records_in(stream: BinaryIO, form: Form) -> Iterator[Record]:
    """Every record from the start of the file, blank lines as records without cells.

    Raises FileUnreadable naming the line: bytes that are not of the encoding, quotes that do not close, NUL characters, huge cells.
    """
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding=form.encoding, newline="")
    # The limit is one for the process and only ever raised: another reader's records are not refused by it.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    reader = csv.reader(text, delimiter=form.delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield _checked(Record(line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileUnreadable(f"Line {line}: {_reason(error)}") from error
    except UnicodeError as error:
        raise FileUnreadable(_encoding_fault(stream, form.encoding)) from error
    finally:
        text.detach()


def _checked(record: Record) -> Record:
    reason = unstorable_text("".join(record.cells))
    if reason:
        raise FileUnreadable(f"Line {record.line}: {reason} The file is damaged, no text file, or of another encoding.")
    return record


_REASONS: Final = (
    ("field larger", f"a cell is longer than {MAX_CELL:,} characters. Is a quote open that never closes?"),
    ("unexpected end", "a quote opens in this record and never closes. Close it, or double it where it belongs to the text."),
    ("expected after", "text follows a closing quote. Double each quote that belongs to the text."),
    ("new-line character", "a lone carriage return stands in a cell without quotes. Put quotes around that cell."),
)


def _reason(error: csv.Error) -> str:
    return next((reason for sign, reason in _REASONS if sign in str(error)), f"{error}.")


def _encoding_fault(stream: BinaryIO, encoding: str) -> str:
    """The sentence for bytes that the encoding does not have, with the first such line where lines can be told apart."""
    remedy = "Save the file as UTF-8, or name its encoding (for files of older spreadsheet programs often latin-1 or cp1252)."
    place = "" if encoding.startswith(("utf-16", "utf-32")) else _faulty_line(stream, encoding)
    return f"{place}The file is not {encoding.removesuffix('-sig').upper()} throughout. {remedy}"


def _faulty_line(stream: BinaryIO, encoding: str) -> str:
    stream.seek(0)
    for number, line in enumerate(stream, start=1):
        try:
            line.decode(encoding)
        except UnicodeError:
            return f"Line {number}: "
    return ""
