"""Files are told by their content, and a file that cannot be read says where and what to do."""

import time
import zipfile
from collections.abc import Sequence
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl import Workbook as Book
from tests.interchange.xlsform_sheets import workbook

from keepstep.errors import FileUnreadable, Problem, TooLarge
from keepstep.interchange.formats import MAX_BYTES, format_of, text_of
from keepstep.interchange.xlsform import read_xlsform

FORM = workbook("# survey\ntype | name | label\ntext | q | Q")


def archive(**parts: bytes) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


def with_part(name: str, content: bytes) -> bytes:
    """The small form with one part replaced."""
    with zipfile.ZipFile(BytesIO(FORM)) as old:
        parts = {item.filename: old.read(item) for item in old.infolist()}
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as new:
        for part, data in (parts | {name: content}).items():
            new.writestr(part, data)
    return stream.getvalue()


OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 504 + "Workbook".encode("utf-16-le")
PROTECTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 504 + "EncryptedPackage".encode("utf-16-le")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (FORM, "xlsx"),
        (OLD_WORKBOOK, "xls"),
        (b'{"a": 1}', "json"),
        (b"\xef\xbb\xbf [1]", "json"),
        (b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        (b"a,b\n1,2\n", "csv"),
        ("a;b\n1;ä".encode("utf-16"), "csv"),
    ],
)
def test_the_content_decides_the_format(data: bytes, kind: str) -> None:
    assert format_of(data, "anything.xlsx") == kind


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\x00\x00", "empty"),
        (PROTECTED, "password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old Office file"),
        (FORM[:-40], "damaged"),
        (b"PK\x03\x04rubbish", "damaged"),
        (archive(word__document=b"x") + b"", "without a workbook"),
        (archive(mimetype=b"x", **{"content.xml": b"x"}), "OpenDocument"),
        (b"%PDF-1.7", "PDF"),
        (b"<?xml version='1.0'?><h:html/>", "XML"),
        (b'{"a": ', "JSON"),
        ("name,Gr\u00f6\u00dfe\n".encode("latin-1"), "line 1: not UTF-8"),
        (b"a,b\n1,\x00\n", "line 2: a NUL"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, message: str) -> None:
    with pytest.raises(FileUnreadable, match=message):
        format_of(data, "form.xlsx")


def test_a_file_above_the_limit_is_too_large() -> None:
    with pytest.raises(TooLarge):
        format_of(b"a" * (MAX_BYTES + 1))


def test_an_archive_that_unpacks_to_too_much_is_not_opened() -> None:
    with pytest.raises(TooLarge, match="unpack"):
        format_of(archive(**{"xl__workbook.xml": b"\x00" * 2**28 + b"\x00"}))


def test_a_document_type_in_a_part_is_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><workbook>&a;</workbook>'
    with pytest.raises(FileUnreadable, match="document type"):
        format_of(with_part("xl/workbook.xml", bomb))


def test_an_old_workbook_that_is_damaged_is_unreadable() -> None:
    with pytest.raises(FileUnreadable, match="XLSForm"):
        read_xlsform(OLD_WORKBOOK, "form.xlsx")


def test_utf_16_with_a_mark_is_read_and_latin_1_is_not_guessed() -> None:
    assert text_of("ä".encode("utf-16")) == "ä"
    with pytest.raises(FileUnreadable, match="CSV UTF-8"):
        text_of("ä".encode("latin-1"))


# --- workbooks -----------------------------------------------------------------------------------------------------


def book(*rows: Sequence[object], **sheets: Sequence[Sequence[object]]) -> bytes:
    stream, made = BytesIO(), Book(write_only=True)
    for name, content in {"survey": (["type", "name", "label"], *rows), **sheets}.items():
        sheet = made.create_sheet(name)
        for row in content:
            sheet.append(row)
    made.save(stream)
    return stream.getvalue()


def unread(data: bytes) -> list[tuple[str, int]]:
    return [(line.code, line.cells) for line in read_xlsform(data, "form.xlsx").unread]


def test_a_workbook_without_a_survey_sheet_names_its_sheets() -> None:
    with pytest.raises(FileUnreadable, match="'Sheet1', 'Sheet2'"):
        read_xlsform(workbook("# Sheet1\na | b\n# Sheet2\na | b"), "form.xlsx")


def test_a_formula_that_was_never_calculated_is_listed() -> None:
    assert unread(book(["text", "q", "=1+1"])) == [("formula-without-value", 1)]


def test_cells_under_no_heading_far_below_or_on_other_sheets_are_listed() -> None:
    far: list[list[object]] = [["text", "q", "Q", "stray"], *[[] for _ in range(80)], ["text", "r", "R"]]
    assert unread(book(*far, notes=[["a"], ["b"], ["c"]])) == [("no-heading", 1), *[("beyond-a-gap", 1)] * 3, ("sheet-not-read", 2)]


def test_too_many_rows_are_refused_with_the_row() -> None:
    with pytest.raises(TooLarge, match="row 5002"):
        read_xlsform(book(*[["text", f"q{number}", "Q"] for number in range(5_001)]), "form.xlsx")


def test_five_thousand_choices_are_read() -> None:
    rows = [["c", f"o{number}", f"Option {number}"] for number in range(5_000)]
    data = book(["select_one c", "q", "Q"], choices=[["list_name", "name", "label"], *rows])
    assert len(read_xlsform(data).rows("choices")) == 5_000


@pytest.mark.parametrize("heading", [3, "type", True])
def test_headings_that_no_form_has_are_refused(heading: object) -> None:
    with pytest.raises(FileUnreadable, match="XLSForm"):
        read_xlsform(book(["text", "q", "Q"], choices=[["type", heading], ["a", "b"]]), "form.xlsx")


def test_an_xlsform_as_csv_is_read() -> None:
    text = '"survey",,,\n,"type","name","label"\n,"text","q","Quéstion"\n,"integer","n","N"\n'
    assert [row.cells["name"] for row in read_xlsform(text.encode()).rows("survey")] == ["q", "n"]


@pytest.mark.parametrize("data", [b'{"steps": []}', b"a,b\n1,2\n3,4\n"])
def test_other_data_is_no_xlsform(data: bytes) -> None:
    with pytest.raises(FileUnreadable):
        read_xlsform(data, "data")


def refusal(data: bytes) -> str:
    """The sentence of the problem, or one that nothing was refused."""
    try:
        read_xlsform(data, "form.xlsx")
    except Problem as problem:
        return problem.detail
    return "Read."


# openpyxl warns of parts that it leaves out.
@pytest.mark.filterwarnings("ignore")
@given(st.data())
@example(data=None)
def test_law_a_damaged_workbook_is_read_or_refused_with_a_problem(data: st.DataObject | None) -> None:
    damaged = bytearray(FORM)
    for _ in range(data.draw(st.integers(1, 8)) if data else 0):
        assert data is not None
        damaged[data.draw(st.integers(0, len(FORM) - 1))] = data.draw(st.integers(0, 255))
    assert refusal(bytes(damaged)).endswith(".")


@given(st.binary(max_size=200))
def test_law_any_bytes_are_read_or_refused_with_a_problem(data: bytes) -> None:
    assert refusal(data).endswith(".")


SPREADSHEET = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
HEAVY: dict[str, tuple[str, bytes, str]] = {
    "shared texts": ("xl/sharedStrings.xml", b"<sst %s>" + b"<si><t>a</t></si>" * 300_000 + b"</sst>", "more texts"),
    "cells": ("xl/worksheets/sheet1.xml", b"<worksheet %s>" + b"<c><v>1</v></c>" * 300_000 + b"</worksheet>", "more rows and cells"),
    "rows": (
        "xl/worksheets/sheet1.xml",
        b"<x:worksheet xmlns:x='y' %s>" + b"<row/>" * 3_000_000 + b"</x:worksheet>",
        "more rows and cells",
    ),
    "styles": ("xl/styles.xml", b"<styleSheet %s>" + b"<xf/>" * 300_000 + b"</styleSheet>", "more styles"),
    "any name": ("odd/name.bin", b"<sst %s>" + b"<si/>" * 500_000 + b"</sst>", "more texts"),
}


@pytest.mark.parametrize("what", HEAVY)
def test_a_workbook_that_would_take_minutes_is_refused_at_once(what: str) -> None:
    """Megabytes of one tag pack into kilobytes, and each tag takes its reader 20 µs."""
    name, markup, said = HEAVY[what]
    data = with_part(name, markup.replace(b"%s", SPREADSHEET))
    started = time.process_time()
    with pytest.raises(TooLarge, match=said):
        read_xlsform(data, "form.xlsx")
    assert time.process_time() - started < 2


def test_a_document_type_is_found_in_a_part_of_any_name() -> None:
    with pytest.raises(FileUnreadable, match=r"document type declaration in xl/strings\.bin"):
        format_of(with_part("xl/strings.bin", b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'), "form.xlsx")


def test_the_cells_of_a_form_in_csv_are_limited_as_well() -> None:
    sheets = "".join(f"sheet{number},\n" + ",a,b,c,d,e\n" * 4_000 for number in range(26))
    with pytest.raises(TooLarge, match="500,000 cells"):
        read_xlsform(("survey,\n,type,name\n,text,q\n" + sheets).encode(), "form.csv")


def test_an_old_workbook_of_many_megabytes_is_refused() -> None:
    with pytest.raises(TooLarge, match=r"of an \.xls at most"):
        format_of(OLD_WORKBOOK + b"\x00" * 17 * 2**20, "form.xls")
