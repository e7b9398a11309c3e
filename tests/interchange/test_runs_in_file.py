import codecs
import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.interchange.runs_samples import answer, codes, imported, only, reading, sample_id

from keepstep.errors import FileUnreadable

TABLE = 'name;colour\n"Zoë; Ada";red\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_an_encoding_is_known_by_its_mark(encoding: str) -> None:
    assert answer(only(TABLE.encode(encoding)), 1) == imported("Zoë; Ada")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le"])
def test_an_encoding_without_a_mark_is_named_by_the_caller(encoding: str) -> None:
    assert answer(only(TABLE.encode(encoding), encoding=encoding), 1) == imported("Zoë; Ada")


def test_bytes_that_are_not_utf_8_are_named_by_their_line_with_a_remedy() -> None:
    with pytest.raises(FileUnreadable, match=r"Line 2: The file is not UTF-8 throughout\. Save the file as UTF-8"):
        reading(TABLE.encode("latin-1"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_makes_headings_known(delimiter: str) -> None:
    run = only(delimiter.join(("name", "colour", "note")) + "\n" + delimiter.join(("Ada", "red", "")) + "\n")
    assert [answer(run, number)["value"] for number in (1, 2)] == ["Ada", "red"]


def test_a_comma_within_headings_does_not_win_over_known_columns() -> None:
    assert answer(only("name;a,b,c,d,e\nAda;1\n"), 1) == imported("Ada")


AMBIGUOUS = ["group/name,group2/name", "name,group/name", "age,g/age", "a/age,b/age", "a/name;b/name", "a/name\tb/name"]


@pytest.mark.parametrize("header", AMBIGUOUS)
def test_a_delimiter_that_divides_nothing_does_not_win_over_ambiguous_columns(header: str) -> None:
    """Its one heading would end in a question's name, and swallow the others and their answers."""
    with pytest.raises(FileUnreadable, match="no column is a question"):
        reading(header + "\n" + header.translate(str.maketrans("name/age", "xxxxxxxx")) + "\n")


@pytest.mark.parametrize("row", ["Ada;1,2", ""])
def test_where_two_delimiters_divide_header_and_rows_one_has_to_be_named(row: str) -> None:
    table = f"name;a,b/age\n{row}\n"
    with pytest.raises(FileUnreadable, match="divided by comma and by semicolon alike"):
        reading(table)
    assert reading(table, delimiter=";").headings[0].role == "answer"


def test_a_row_tells_which_of_two_delimiters_it_is() -> None:
    assert answer(only("name;a,b/age\nAda;1\n"), 4) == imported(1)


headings = st.sampled_from(["name", "g/name", "h/name", "age", "g/age", "x", "x,age", "y;name", "p,q/colour", "colour", "a\tb", "n;m,age"])
cell_texts = st.text(alphabet='ab1,;\t"\n ', max_size=5)


@given(st.data(), st.sampled_from(",;\t"), st.booleans())
def test_a_file_is_read_with_the_delimiter_that_it_was_written_with_or_refused(data: st.DataObject, delimiter: str, lenient: bool) -> None:
    names = data.draw(st.lists(headings, min_size=2, max_size=5, unique=True))
    rows = data.draw(st.lists(st.lists(cell_texts, min_size=len(names), max_size=len(names)), max_size=4))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([names, *rows])
    try:
        runs = list(reading(text.getvalue(), lenient=lenient))
    except FileUnreadable:
        return
    assert runs == list(reading(text.getvalue(), delimiter=delimiter, lenient=lenient))


def test_another_delimiter_is_named_by_the_caller() -> None:
    assert answer(only("name|colour\nAda|red\n", delimiter="|"), 2) == imported("red")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_read(ending: str) -> None:
    assert answer(only(f"name,age{ending}Ada,36{ending}"), 4) == imported(36)


def test_a_line_break_in_quotes_belongs_to_the_text() -> None:
    assert answer(only('name,age\n"Ada\r\nLovelace",36\n'), 1)["value"] == "Ada\r\nLovelace"


def test_blank_lines_are_passed_over() -> None:
    assert len(list(reading("name,age\n\nAda,36\n\n\nBob,7\n\n"))) == 2


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "The file is empty"),
    "blanks": (b" \n \n", "The file is empty"),
    "no names": (b",,\nAda,red,\n", "Line 1 is blank"),
    "no header": (b"Ada,red\nBob,blue\n", "Line 1: no column is a question of this wizard"),
    "a heading twice": (b"name,name\nAda,Bob\n", "Line 1: more than one column is called 'name'"),
    "a long row": (b"name,age\nAda,36\nBob,7,\n", "Line 3: 3 cells under 2 columns"),
    "a short row": (b"name,age\nAda\n", "Line 2: 1 cells under 2 columns"),
    "an open quote": (b'name,age\nAda,36\n"Bob,7\n', "Line 3: a quote opens in this record"),
    "text after a quote": (b'name,age\n"Ada"x,36\n', "Line 2: text follows a closing quote"),
    "NUL": (b"name,age\nAda\x00,36\n", "Line 2: Text may not contain the NUL"),
    "UTF-16 without mark": ("name,age\nAda,36\n".encode("utf-16-le"), "looks like UTF-16 without its mark"),
    "a cut UTF-16 file": ("name\nAda\n".encode("utf-16")[:-1], "The file is not UTF-16 throughout"),
    "a workbook": (b"PK\x03\x04and so on", "an .xlsx workbook"),
    "an old workbook": (b"\xd0\xcf\x11\xe0and so on", "an old .xls workbook"),
    "a submission twice": (b"KEY,name\nuuid:1,Ada\nuuid:1,Ada\n", "Line 3: the submission uuid:1 stands in this file a second time"),
    "a heading that is a text": (b"name," + b"x" * 5_000 + b"\n", "a column name of 5,000 characters"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_file_is_refused_with_its_place(case: str) -> None:
    content, message = UNREADABLE[case]
    with pytest.raises(FileUnreadable) as caught:
        reading(content)
    assert message in caught.value.detail


@pytest.mark.parametrize("encoding", ["no-such-thing", "hex", "base64", "undefined", "utf-8\x00", "idna", "unicode_escape"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(FileUnreadable, match="There is no encoding"):
        reading(TABLE, encoding=encoding)


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n", "x"])
def test_what_cannot_be_a_delimiter_is_refused(delimiter: str) -> None:
    with pytest.raises(FileUnreadable, match="cannot be a delimiter"):
        reading(TABLE, delimiter=delimiter)


@given(
    st.one_of(st.binary(), st.text().map(str.encode), st.text('a,;"\n\r\t 1é').map(str.encode)),
    st.booleans(),
    st.sampled_from([b"", b"name,age\n"]),
)
def test_any_bytes_are_read_or_refused_and_every_cell_is_accounted_for(content: bytes, lenient: bool, header: bytes) -> None:
    try:
        read = reading(header + content, lenient=lenient)
    except FileUnreadable:
        return
    assert len(list(read)) == read.receipt.runs
    assert read.receipt.is_complete


def lenient(text: str) -> Any:
    read = reading(text, lenient=True)
    runs = list(read)
    assert read.receipt.is_complete
    return runs, {line.code: line.cells for line in read.receipt.lines}


def test_leniently_a_short_row_ends_in_empty_cells() -> None:
    runs, lines = lenient("name,age,colour\nAda,36\n")
    assert runs[0].answers == {sample_id(1): imported("Ada"), sample_id(4): imported(36)}
    assert "row-short" in lines


def test_leniently_the_extra_cells_of_a_long_row_go_to_the_archive_unshifted() -> None:
    runs, lines = lenient("name,age\nAda,36,x,\n")
    assert runs[0].answers == {sample_id(1): imported("Ada"), sample_id(4): imported(36)}
    assert (runs[0].archive["#3"]["value"], codes(runs[0].archive["#3"])) == ("x", ["extra-cell"])
    assert lines["row-long"] == 2


def test_leniently_columns_of_one_name_are_archived_apart() -> None:
    runs, lines = lenient("name,name,age\nAda,Bob,36\n")
    assert runs[0].archive == {"name #1": imported("Ada"), "name #2": imported("Bob")}
    assert "heading-repeated" in lines


def test_leniently_a_submission_that_stands_twice_becomes_two_runs_again_at_each_import() -> None:
    text = "KEY,name\nuuid:1,Ada\nuuid:1,Bob\n"
    first, second = ([run.id for run in lenient(text)[0]] for _ in range(2))
    assert first == second
    assert len(set(first)) == 2


def test_a_column_without_a_name_keeps_its_cells() -> None:
    assert only("name,,age\nAda,x,36\n").archive == {"column 2": imported("x")}


def test_a_cell_of_ten_megabytes_is_read_whole() -> None:
    long = "word, " * 1_750_000
    envelope = answer(only(f'name,age\n"{long}",36\n'), 1)
    assert len(envelope["value"]) == len(long)
    assert "max-length" in codes(envelope)


@pytest.mark.parametrize("of_the_process", [131_072, 10**8])
def test_a_cell_beyond_the_limit_is_refused_whatever_the_process_allows(of_the_process: int, request: pytest.FixtureRequest) -> None:
    before = csv.field_size_limit(of_the_process)
    request.addfinalizer(lambda: csv.field_size_limit(before))
    with pytest.raises(FileUnreadable, match="Line 2: a cell is longer than 16,777,216 characters"):
        reading('name,age\n"' + "x" * 17_000_000 + '",36\n')


@pytest.mark.slow
def test_a_hundred_thousand_columns_are_read() -> None:
    names = ",".join(f"group-{number}" for number in range(100_000))
    run = only(f"name,{names}\nAda{',x' * 100_000}\n")
    assert len(run.archive) == 100_000


def test_too_many_columns_are_refused_with_the_limit() -> None:
    with pytest.raises(FileUnreadable, match="at most 200,000 are read"):
        reading("name" + ",x" * 200_001 + "\nAda\n", delimiter=",")


def test_the_mark_alone_is_an_empty_file() -> None:
    with pytest.raises(FileUnreadable):
        reading(codecs.BOM_UTF8)
