"""From the bytes of a delimited text file to its records with their line numbers; every unreadable byte named by its line.

Must not know questions or runs. Nothing is guessed about an encoding: a file says it by its mark, or the caller does.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
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
    if not _is_encoding(encoding):
        raise FileUnreadable(f"There is no encoding {encoding[:40]!r}. Name one such as utf-8, utf-16 or latin-1.")
    return encoding


# Codecs that Python has for other ends: they read escapes as something else, or nothing at all, or take quadratic time.
_NO_CHARACTER_SETS: Final = frozenset(
    ("undefined", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "unicode_escape", "raw_unicode_escape")
)


def _is_encoding(name: str) -> bool:
    """Whether Python reads text under this name. A NUL in a name is a ValueError, a codec of bytes a LookupError."""
    try:
        return bool(io.TextIOWrapper(io.BytesIO(), encoding=name)) and codecs.lookup(name).name not in _NO_CHARACTER_SETS
    except (LookupError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class Understood:
    """What a header is to whoever knows questions: surely a header, and the number of its names that are known."""

    is_certain: Callable[[Sequence[str]], bool]
    known: Callable[[Sequence[str]], int]


def form_of(stream: BinaryIO, encoding: str, delimiter: str | None, understood: Understood) -> Form:
    """The delimiter given, else that of comma, semicolon and tab which divides the header, and the rows like it.

    One that divides nothing is never chosen before one that does: its only heading would swallow all the others, and a row
    would be one answer. Raises FileUnreadable where two of them divide header and rows alike.
    """
    if delimiter is not None:
        if len(delimiter) != 1 or delimiter in '"\r\n' or delimiter.isalnum():
            raise FileUnreadable(f"{delimiter!r} cannot be a delimiter: name one character that is no letter, digit, quote or line break.")
        return Form(encoding, delimiter)
    headers = {form: _header(stream, form) for form in (Form(encoding, each) for each in DELIMITERS)}
    dividing = [form for form, names in headers.items() if len(names) > 1]
    if len(dividing) < 2:
        return dividing[0] if dividing else Form(encoding, DELIMITERS[0])
    certain = [form for form in dividing if understood.is_certain(headers[form])]
    even = certain or [form for form in dividing if _is_even(stream, form, len(headers[form]))]
    if len(even) > 1:
        found = " and by ".join(_DELIMITER_NAMES[form.delimiter] for form in even)
        raise FileUnreadable(f"Line 1: the columns can be divided by {found} alike, and so can the rows. Name the delimiter.")
    return even[0] if even else max(dividing, key=lambda form: (understood.known(headers[form]), len(headers[form])))


_DELIMITER_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab"}
# As many rows as tell a delimiter from a character that happens to stand in texts.
_SAMPLE: Final = 1_000


def _header(stream: BinaryIO, form: Form) -> list[str]:
    try:
        return next(records_in(stream, form), Record(1, [])).cells
    except FileUnreadable:
        return []


def _is_even(stream: BinaryIO, form: Form, columns: int) -> bool:
    """Whether no row says otherwise. One that cannot be read says nothing: with the delimiter that is right it may be damaged."""
    try:
        return all(len(record.cells) in (0, columns) for record in islice(records_in(stream, form), 1, _SAMPLE))
    except FileUnreadable:
        return True


def records_in(stream: BinaryIO, form: Form) -> Iterator[Record]:
    """Every record from the start of the file, blank lines as records without cells.

    Raises FileUnreadable naming the line: bytes that are not of the encoding, quotes that do not close, NUL characters, huge cells.
    """
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding=form.encoding, newline="")
    # The limit is one for the process and only ever raised: another reader's records are not refused by it, and where another
    # reader raised it further, `_checked` finds the cell.
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
    if max(map(len, record.cells), default=0) > MAX_CELL:
        raise FileUnreadable(f"Line {record.line}: {_TOO_LONG}")
    reason = unstorable_text("".join(record.cells))
    if reason:
        raise FileUnreadable(f"Line {record.line}: {reason} The file is damaged, no text file, or of another encoding.")
    return record


_TOO_LONG: Final = f"a cell is longer than {MAX_CELL:,} characters. Is a quote open that never closes?"
_REASONS: Final = (
    ("field larger", _TOO_LONG),
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
