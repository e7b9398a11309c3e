import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from tests.interchange.runs_samples import COLOUR, NAME, SMALL, imported, question, sample_id, stored, wizard

from keepstep.core.jsonvalue import loads
from keepstep.core.structure import Structure, parse
from keepstep.interchange.columns import TableOptions, columns_of
from keepstep.interchange.runs_out import StoredRun, WriteOptions, csv_rows, jsonl_rows


def table(
    runs: list[StoredRun], versions: Any = ((1, SMALL),), options: Any = None, write: Any = None, **more: Any
) -> list[dict[str, str]]:
    text = b"".join(csv_rows(runs, columns_of(versions, options, **more), write)).decode()
    header, *rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert all(len(row) == len(header) for row in rows)
    assert len(rows) == len(runs)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_a_run_is_one_row_of_its_values() -> None:
    (row,) = table([stored({1: "Ada", 2: "red", 3: ["red", "blue"], 4: 36, 5: Decimal("1.5"), 6: True, 7: "1815-12-10"})])
    assert [row[key] for key in ("name", "colour", "colours", "age", "price", "member", "born")] == [
        "Ada",
        "red",
        "red;blue",
        "36",
        "1.5",
        "true",
        "1815-12-10",
    ]
    assert (row["run_id"], row["status"], row["version"], row["started_at"]) == (sample_id(1000), "completed", "1", "2026-03-27T12:30:00Z")


def test_each_cell_says_its_state() -> None:
    versions = ((1, SMALL), (2, wizard(NAME, question(9, "email"))))
    run = stored({1: "Ada", 2: None}, "1100001", erased=frozenset([sample_id(7)]), archive={sample_id(5): imported("3")})
    (row,) = table([run], versions, stored=[sample_id(5)])
    states = [row[f"{key}.state"] for key in ("name", "colour", "age", "price", "born", "email")]
    assert states == ["answered", "empty", "not_asked", "archived", "erased", "not_in_version"]
    assert row["price"] == "3"


def test_an_answer_that_was_not_asked_for_is_answered_still() -> None:
    (row,) = table([stored({1: "Ada"}, "0000000")])
    assert (row["name"], row["name.state"]) == ("Ada", "answered")


def test_a_conflict_shows_the_value_that_waits() -> None:
    run = stored({}, archive={sample_id(4): imported("seven")}, conflicts=frozenset([sample_id(4)]))
    (row,) = table([run])
    assert (row["age"], row["age.state"]) == ("seven", "conflict")


def test_choices_that_hold_the_delimiter_are_quoted_within_their_cell() -> None:
    options = [{"value": value, "label": "x"} for value in ("a;b", 'say "hi"', "plain")]
    structure = wizard(question(1, "q", "multiple_select", options=options))
    (row,) = table([stored({1: ["a;b", 'say "hi"', "plain"]}, "1")], [(1, structure)])
    assert row["q"] == '"a;b";"say ""hi""";plain'


def test_split_columns_hold_one_and_zero_where_something_was_chosen() -> None:
    runs = [stored({3: ["red"]}), stored({3: None})]
    rows = table(runs, options=TableOptions(split=True))
    assert [(row["colours/red"], row["colours/blue"]) for row in rows] == [("1", "0"), ("", "")]


@pytest.mark.parametrize(("language", "label"), [(None, "Rot"), ("en", "Red"), ("fr", "Red")])
def test_labels_are_those_of_the_runs_own_version_and_language(language: str | None, label: str) -> None:
    versions = [(1, in_german("Red", "Rot")), (2, in_german("Crimson", "Purpur"))]
    run = stored({2: "red"}, "1", language="de")
    (row,) = table([run], versions, TableOptions(labels="both"), WriteOptions(language=language))
    assert (row["colour"], row["colour.label"]) == ("red", label)


def in_german(english: str, german: str) -> Structure:
    node = COLOUR | {"options": [{"value": "red", "label": {"en": english, "de": german}}]}
    step = {"id": sample_id(800), "key": "only", "name": {"en": "Only"}, "option_sets": [node]}
    return parse({"name": {"en": "Sample"}, "languages": ["en", "de"], "steps": [step]})


def test_line_breaks_and_quotes_stay_in_their_cell() -> None:
    text = 'one\ntwo\r\nthree, "four"; five\r'
    (row,) = table([stored({1: text})])
    assert row["name"] == text


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "-cmd", "+a", "\tx", "\n=1", "＝1+1", "'quoted"])
def test_formulas_are_guarded_only_where_chosen(text: str) -> None:
    run = stored({1: text})
    assert table([run])[0]["name"] == text
    assert table([run], write=WriteOptions(excel_safe=True))[0]["name"] == "'" + text


def test_negative_numbers_and_phone_numbers_are_no_formulas() -> None:
    (row,) = table([stored({1: "+41446681800", 4: -7})], write=WriteOptions(excel_safe=True))
    assert (row["name"], row["age"]) == ("+41446681800", "-7")


def test_the_mark_for_spreadsheets_is_written_where_chosen() -> None:
    header = next(csv_rows([], columns_of([(1, SMALL)]), WriteOptions(bom=True, delimiter=";")))
    assert header.startswith(b"\xef\xbb\xbfrun_id;status;")


@pytest.mark.parametrize(
    "run",
    [
        stored({99: "stray"}),
        stored({}, archive={"KEY": imported("uuid:1")}),
        stored({1: "Ada"}, archive={sample_id(1): imported("Bob")}),
        stored({1: imported("Ada", other="Bob")}),
    ],
)
def test_what_no_column_would_show_is_an_error_and_never_left_out(run: StoredRun) -> None:
    with pytest.raises(ValueError, match="no column shows"):
        table([run])


def test_rows_are_written_as_they_come() -> None:
    def runs() -> Any:
        yield stored({1: "Ada"})
        raise RuntimeError("asked for more than was written")

    rows = csv_rows(runs(), columns_of([(1, SMALL)]))
    assert next(rows).startswith(b"run_id,")
    assert b"Ada" in next(rows)


def test_json_lines_name_every_question_of_the_version_with_its_state() -> None:
    (line,) = jsonl_rows([stored({1: "Ada", 5: Decimal("1.5")}, "1000100")], {1: SMALL})
    data = loads(line)
    assert [response["state"] for response in data["responses"]] == [
        "answered",
        "not_asked",
        "not_asked",
        "not_asked",
        "answered",
        "not_asked",
        "not_asked",
    ]
    assert data["responses"][4]["response_value"] == imported(Decimal("1.5"))
    assert (data["version_number"], data["archive"]) == (1, {})


def test_an_answer_outside_of_its_version_is_an_error_in_json_lines() -> None:
    with pytest.raises(ValueError, match="belongs into the archive"):
        list(jsonl_rows([stored({99: "stray"})], {1: SMALL}))
