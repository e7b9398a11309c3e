import csv
import io

import pytest

from keepstep.core.invitee import LONGEST_NOTE, LONGEST_RESPONDENT
from keepstep.errors import FileUnreadable, TooLarge
from keepstep.interchange.invitations_in import MOST_LINES, invitations_in
from keepstep.interchange.invitations_out import links_csv


def _people(text: str | bytes) -> list[tuple[str, str]]:
    found = invitations_in(text.encode() if isinstance(text, str) else text)
    return [(each.respondent, each.note) for each in found.invitees]


def _bad(text: str) -> list[tuple[int, str]]:
    return [(each.line, each.fault) for each in invitations_in(text.encode()).bad]


def test_a_plain_list_is_one_person_on_each_line() -> None:
    assert _people("ann@example.org\n\n  bob@example.org  \r\n") == [("ann@example.org", ""), ("bob@example.org", "")]


def test_without_a_heading_the_second_column_is_the_note() -> None:
    assert _people("ann@example.org;ward 3\nbob@example.org;\n") == [("ann@example.org", "ward 3"), ("bob@example.org", "")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_heading_says_which_column_is_which_and_the_rest_is_named(delimiter: str) -> None:
    text = "Full name,E-Mail,Ward\nAnn Lee,ann@example.org,3\n".replace(",", delimiter)
    assert _people(text) == [("ann@example.org", "Ann Lee")]
    assert invitations_in(text.encode()).ignored == ("Ward",)


def test_a_name_alone_is_who_is_invited() -> None:
    assert _people("name,note\nAnn,x\n") == [("Ann", "x")]
    assert _people("name\nAnn\n") == [("Ann", "")]


def test_each_bad_line_is_named_by_its_number_and_the_good_ones_stay() -> None:
    long, note = "a" * (LONGEST_RESPONDENT + 1), "n" * (LONGEST_NOTE + 1)
    text = f'email,note\nann@x.org,\n,left\n{long},\nbob@x.org,{note}\n"two\nlines",\nANN@x.org,\n'
    assert _people(text) == [("ann@x.org", "")]
    assert _bad(text) == [(3, "missing"), (4, "too-long"), (5, "note-too-long"), (6, "line-break"), (8, "twice")]


def test_among_addresses_a_line_without_one_is_not_understood() -> None:
    assert _bad("email,fullname\nann@x.org,Ann Lee\nbad-line\n") == [(3, "no-address")]
    assert _bad("ann@x.org\nbad-line\nbob@x.org\n") == [(2, "no-address")]
    assert _people("P-0017\nP-0018\nann@x.org\n") == [("P-0017", ""), ("P-0018", ""), ("ann@x.org", "")]


@pytest.mark.parametrize("heading", ["fullname", "Full name", "full_name"])
def test_a_column_with_the_full_name_is_a_name(heading: str) -> None:
    assert _people(f"email,{heading}\nann@x.org,Ann Lee\n") == [("ann@x.org", "Ann Lee")]
    assert _people(f"{heading}\nAnn Lee\n") == [("Ann Lee", "")]


def test_letters_of_another_case_or_width_are_the_same_person_and_other_scripts_survive() -> None:
    assert _bad("ann@x.org\nＡＮＮ@x.org\n") == [(2, "twice")]
    assert _people("מרים\n\U0001f469\u200d\U0001f680 Ada\n") == [("מרים", ""), ("\U0001f469\u200d\U0001f680 Ada", "")]


def test_what_spreadsheet_programs_save_is_read() -> None:
    assert _people("\ufeffemail\nann@x.org\n") == [("ann@x.org", "")]
    assert _people("email\nann@x.org\n".encode("utf-16")) == [("ann@x.org", "")]


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n \n", b"PK\x03\x04rest", b"ann\x00@x.org\n", b"\xff\xfe\x00", b'ann\n"never closed\n', b"m\xe4x\n", b"," * 5000 + b"\n"],
)
def test_what_is_no_list_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(FileUnreadable):
        invitations_in(data)


def test_a_list_has_an_end() -> None:
    with pytest.raises(TooLarge):
        invitations_in(b"ann\n" + b"\n" * (MOST_LINES + 2))
    with pytest.raises(TooLarge):
        invitations_in(b"".join(b"%d\n" % n for n in range(MOST_LINES + 2)))


def test_the_links_come_out_as_a_table_that_no_spreadsheet_runs() -> None:
    rows = [('=HYPERLINK("http://x")', "@SUM(A1)", "https://k/i/a"), ('a,"b"', "+1", "https://k/i/b"), ("\tx", "-cmd", "https://k/i/c")]
    table = links_csv(rows)
    assert table.startswith(b"\xef\xbb\xbfrespondent,note,link\r\n")
    read = list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")))[1:]
    assert [row[0][0] for row in read] == ["'", "a", "'"]
    assert [row[1] for row in read] == ["'@SUM(A1)", "+1", "'-cmd"]
    assert [row[2] for row in read] == [row[2] for row in rows]
