"""What kind of file some bytes are, told by their content and never by the name alone, and whether it is safe to open.

Raises FileUnreadable or TooLarge with the place and the remedy. Must not know what the file is about.
"""

import codecs
import re
import zipfile
import zlib
from collections import Counter
from io import BytesIO
from typing import Final, Literal
from xml.parsers import expat

from keepstep.core.jsonvalue import loads
from keepstep.errors import FileUnreadable, MalformedJson, TooLarge

Format = Literal["xlsx", "xls", "json", "jsonl", "csv"]

MAX_BYTES: Final = 64 * 2**20
"""Of a file as uploaded. The largest real form known is under 2 MB, a year of submissions as CSV under 50 MB."""
MAX_UNPACKED: Final = 256 * 2**20
MAX_PARTS: Final = 2_000
MAX_XLS: Final = 16 * 2**20
"""Of an old workbook, whose cells take few bytes and whose reader knows no limits."""
MAX_TAGS: Final = {"worksheet": 1_000_000, "sst": 400_000}
"""Of XML in a workbook, by the root of the part: reading one takes some 20 µs, and a megabyte packs into a kilobyte. Enough for
50,000 choices of four cells; the largest real form known has 14,000 and 9,000."""
MAX_OTHER_TAGS: Final = 100_000
# Parts of a workbook that nobody reads here, however long they are.
_UNREAD: Final = frozenset(("calcChain", "comments", "ThreadedComments", "pivotCacheRecords", "xml"))

_ZIP: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_OLD_WORKBOOK: Final = ("Workbook".encode("utf-16-le"), "Book".encode("utf-16-le"))
# What people upload by mistake, by its first bytes.
_STRANGERS: Final = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "an RTF document"),
)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def format_of(data: bytes, filename: str = "") -> Format:
    """The format of a file by its content; the name only speaks in the message. Opening it is safe afterwards."""
    name = _shown(filename)
    if len(data) > MAX_BYTES:
        raise TooLarge(f"{name} has {len(data):,} bytes; at most {MAX_BYTES:,} are read. Split it.")
    if not data.strip(b"\x00 \t\r\n"):
        raise FileUnreadable(f"{name} is empty.")
    if data.startswith((_ZIP, _EMPTY_ZIP)):
        return _packed(data, name)
    if data.startswith(_OLE):
        return _compound(data, name)
    for magic, kind in _STRANGERS:
        if data.startswith(magic):
            raise FileUnreadable(f"{name} is {kind}. Give an .xlsx, .xls, .csv or .json file.")
    return _textual(data, name)


def text_of(data: bytes, filename: str = "") -> str:
    """The text of a file: UTF-8, or UTF-16/32 with its byte order mark. No guess is made at older encodings."""
    encoding = next((encoding for mark, encoding in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        detail = f"{_shown(filename)}, line {line}: not {encoding.upper()} text. Save it as CSV UTF-8 and try again."
        raise FileUnreadable(detail) from error
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise FileUnreadable(f"{_shown(filename)}, line {line}: a NUL character. The file is damaged, or not text: export it again.")
    return text


def _shown(filename: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", "?", filename)[-100:] or "The file"


def _compound(data: bytes, name: str) -> Format:
    """The old container of Microsoft Office: an .xls workbook, or an .xlsx behind a password."""
    if _ENCRYPTED in data:
        raise FileUnreadable(f"{name} is protected by a password. Open it, remove the password, save it and try again.")
    if any(stream in data for stream in _OLD_WORKBOOK):
        if len(data) > MAX_XLS:
            raise TooLarge(f"{name} has {len(data):,} bytes; of an .xls at most {MAX_XLS:,} are read. Save it as .xlsx, or split it.")
        return "xls"
    raise FileUnreadable(f"{name} is an old Office file, but no workbook. Save the form as .xlsx.")


def _packed(data: bytes, name: str) -> Format:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
            _check_parts(parts, name)
            if not any(part.filename == "xl/workbook.xml" for part in parts):
                raise FileUnreadable(_other_archive({part.filename for part in parts}, name))
            _check_markup(archive, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise FileUnreadable(f"{name} is damaged: {error}. Save it again as .xlsx.") from error
    return "xlsx"


def _check_parts(parts: list[zipfile.ZipInfo], name: str) -> None:
    """The sizes that the archive declares bound what reading a part can give, so they bound the memory."""
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise TooLarge(f"{name} would unpack to more than {MAX_UNPACKED:,} bytes or {MAX_PARTS:,} parts; it is not opened.")
    if any(part.flag_bits & 1 for part in parts):
        raise FileUnreadable(f"{name} is an encrypted archive. Save it without a password.")


def _other_archive(names: set[str], name: str) -> str:
    if "mimetype" in names and "content.xml" in names:
        return f"{name} is an OpenDocument file. Save it as .xlsx."
    if "word/document.xml" in names:
        return f"{name} is a Word document. Put the form into a workbook and save it as .xlsx."
    if "xl/workbook.bin" in names:
        return f"{name} is a binary workbook (.xlsb). Save it as .xlsx."
    return f"{name} is a ZIP archive without a workbook. Unpack it and give the file inside."


class _RootReached(Exception):
    """The root element began, so no document type can follow."""


def _check_markup(archive: zipfile.ZipFile, name: str) -> None:
    """No part of a workbook has a document type, which may expand without end or read other files; nor more markup than can be
    read in seconds. Every part is looked at, as any name may be that of a sheet.
    """
    found: Counter[str] = Counter()
    for part in archive.infolist():
        root, declared = _root_of(archive, part)
        if declared:
            raise FileUnreadable(f"{name} holds a document type declaration in {part.filename}, as no workbook does. Save it again.")
        if root is not None and root not in _UNREAD:
            kind = root if root in MAX_TAGS else ""
            found[kind] += _tags_in(archive, part)
            if found[kind] > MAX_TAGS.get(kind, MAX_OTHER_TAGS):
                raise TooLarge(
                    f"{name} holds {_HOLDS[kind]} than a form has (in {part.filename}). Split it, or save what is used as a new workbook."
                )


_HOLDS: Final = {"worksheet": "more rows and cells", "sst": "more texts", "": "more styles and other parts"}


def _tags_in(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    with archive.open(part) as stream:
        return sum(chunk.count(b"<") for chunk in iter(lambda: stream.read(1_048_576), b""))


def _root_of(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> tuple[str | None, bool]:
    """The local name of the root element, None for what is no XML; and whether a document type is declared before it."""
    roots: list[str] = []
    declared: list[str] = []
    parser = expat.ParserCreate()

    def reached(root: str, *_: object) -> None:
        roots.append(root.rpartition(":")[2])
        raise _RootReached

    def found(doctype: str, *_: object) -> None:
        declared.append(doctype)
        raise _RootReached

    parser.StartDoctypeDeclHandler = found
    parser.StartElementHandler = reached
    with archive.open(part) as stream:
        try:
            while chunk := stream.read(65_536):
                parser.Parse(chunk)
        except (_RootReached, expat.ExpatError):
            pass
    return next(iter(roots), None), bool(declared)


def _textual(data: bytes, name: str) -> Format:
    text = text_of(data, name)
    start = text.lstrip("\ufeff \t\r\n")
    if start[:1] in ("{", "["):
        return _json(text, name)
    if start[:1] == "<":
        raise FileUnreadable(f"{name} is an XML or HTML document. Give the XLSForm workbook that it was made from, or a CSV file.")
    return "csv"


def _json(text: str, name: str) -> Format:
    """One JSON value, or one object on each line."""
    try:
        loads(text)
    except MalformedJson as whole:
        first = text.strip().splitlines()[0]
        try:
            loads(first)
        except MalformedJson:
            raise FileUnreadable(f"{name}: {whole.detail} Export it again.") from whole
        return "jsonl"
    return "json"
