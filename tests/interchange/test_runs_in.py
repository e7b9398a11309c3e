from decimal import Decimal
from io import BytesIO

import pytest
from tests.interchange.runs_samples import (
    AT,
    CHOICES,
    NAME,
    SMALL,
    WIZARD,
    answer,
    codes,
    imported,
    only,
    options,
    question,
    reading,
    sample_id,
    wizard,
)

from keepstep.errors import FileUnreadable
from keepstep.interchange.runs_in import read_runs_csv, run_id_of


def test_a_plain_table_becomes_answers() -> None:
    run = only("name,colour,age,price,member,born\nAda,red,036,1.50,yes,1815-12-10\n")
    values = [answer(run, number)["value"] for number in (1, 2, 4, 5, 6, 7)]
    assert values == ["Ada", "red", 36, Decimal("1.5"), True, "1815-12-10"]
    assert run.archive == {}


@pytest.mark.parametrize(
    ("column", "text", "number", "code"),
    [
        ("colour", "pink", 2, "option-unknown"),
        ("age", "about 7", 4, "type"),
        ("age", "7.5", 4, "type"),
        ("price", "1,5", 5, "type"),
        ("price", "1e3", 5, "type"),
        ("member", "maybe", 6, "type"),
        ("born", "03/04/2018", 7, "type"),
        ("colours", "I do not know", 3, "type"),
    ],
)
def test_a_value_that_does_not_fit_is_stored_as_given_and_flagged(column: str, text: str, number: int, code: str) -> None:
    envelope = answer(only(f'{column}\n"{text}"\n'), number)
    assert str(envelope["value"]) == text
    assert codes(envelope) == [code]
    assert envelope["source"] == "import"


@pytest.mark.parametrize("text", ["blue red", "red;blue", '"blue; red"', " red   blue "])
def test_choices_are_split_at_blanks_or_semicolons_and_put_in_option_order(text: str) -> None:
    assert answer(only(f"name,colours\nAda,{text}\n"), 3) == imported(["red", "blue"])


def test_a_choice_among_unknown_ones_is_kept_with_them() -> None:
    envelope = answer(only("colours\nred pink\n"), 3)
    assert (envelope["value"], codes(envelope)) == (["red", "pink"], ["option-unknown"])


def test_an_option_with_a_blank_in_its_value_is_found_whole() -> None:
    structure = wizard(question(3, "towns", "multiple_select", options=[{"value": "New York", "label": "New York"}]))
    assert answer(only("towns\nNew York\n", structure), 3) == imported(["New York"])


def test_option_columns_become_one_multiple_choice() -> None:
    run = only("colours/red,colours/green,colours/blue\n1,0,True\n")
    assert answer(run, 3) == imported(["red", "blue"])


def test_option_columns_of_which_none_is_chosen_mean_left_empty() -> None:
    assert answer(only("name,g/colours/red,g/colours/blue\nAda,0,0\n"), 3) == imported(None)


def test_an_option_column_that_contradicts_the_question_is_archived_and_flagged() -> None:
    run = only("colours,colours/red,colours/blue\nred,1,1\n")
    assert (answer(run, 3)["value"], codes(answer(run, 3))) == (["red"], ["split-columns-differ"])
    assert run.archive["colours/blue"]["value"] == "1"


def test_an_option_column_that_is_neither_yes_nor_no_is_archived() -> None:
    run = only("colours/red,colours/blue\n1,perhaps\n")
    assert answer(run, 3) == imported(["red"])
    assert codes(run.archive["colours/blue"]) == ["choice-unclear"]


def test_the_other_text_of_a_form_stands_beside_the_value() -> None:
    run = only("colour,colour_other\nother,teal\n")
    assert answer(run, 2) == imported(None, other="teal")


def test_an_other_without_its_text_stays_as_given() -> None:
    assert codes(answer(only("colour,colour_other\nother,\n"), 2)) == ["option-unknown"]


def test_not_available_counts_as_empty_unless_told_otherwise() -> None:
    assert answer(only("name,colour\nAda,N/A\n"), 1) == imported("Ada")
    assert sample_id(2) not in only("name,colour\nAda,N/A\n").answers
    assert answer(only("name,colour\nAda,N/A\n", blanks=()), 2)["value"] == "N/A"


def test_blanks_are_counted_apart_from_cells() -> None:
    read = reading("name,colour\nAda,n/a\n , red\n")
    assert len(list(read)) == 2
    assert (read.receipt.cells, read.receipt.blanks) == (2, 2)


def test_an_unknown_column_is_archived_and_listed() -> None:
    read = reading("name,shoe size\nAda,38\nBob,41\n")
    assert [run.archive for run in read] == [{"shoe size": imported("38")}, {"shoe size": imported("41")}]
    (line,) = read.receipt.lines
    assert (line.code, line.cells, line.place.row) == ("question-unknown", 2, 2)


def test_the_receipt_says_what_became_of_each_cell() -> None:
    read = reading("KEY,name,age,shoe\nuuid:1,Ada,seven,38\n")
    list(read)
    fates = {"answers": 1, "flagged": 1, "metadata": 1, "archived": 1, "already_there": 0}
    assert read.receipt.totals == {"runs": 1, "cells": 4, "blanks": 0} | fates
    assert [column["role"] for column in read.receipt.to_json()["columns"]] == ["metadata", "answer", "answer", "archive"]


def test_metadata_of_a_submission_is_read_and_kept_in_the_archive() -> None:
    run = only("SubmissionDate,start,meta-instanceID,name\n2018-07-26T16:47:29Z,2018-07-26T18:00:00+02:00,uuid:7,Ada\n")
    assert run.started_at.isoformat() == "2018-07-26T18:00:00+02:00"
    assert run.completed_at.isoformat() == "2018-07-26T16:47:29+00:00"
    assert set(run.archive) == {"SubmissionDate", "start", "meta-instanceID"}


def test_a_time_that_is_not_clear_is_only_archived() -> None:
    run = only("SubmissionDate,name\n03/04/2018 12:00,Ada\n")
    assert run.completed_at is None
    assert codes(run.archive["SubmissionDate"]) == ["time-unclear"]


def test_the_same_submission_gets_the_same_id_in_each_import() -> None:
    first, second = (only(f"KEY,name\nuuid:1,{name}\n") for name in ("Ada", "Bob"))
    assert first.id == second.id == run_id_of(WIZARD, "uuid:1")
    assert run_id_of(sample_id(901), "uuid:1") != first.id


def test_a_run_without_an_id_of_its_own_gets_none() -> None:
    assert only("name\nAda\n").id is None


def test_a_former_question_is_archived_under_its_id() -> None:
    older = {1: wizard(NAME, question(9, "email"))}
    assert only("name,email\nAda,a@b.c\n", wizard(NAME), older=older).archive == {sample_id(9): imported("a@b.c")}


def test_a_former_key_of_a_question_still_means_it() -> None:
    older = {1: wizard(question(1, "full-name"))}
    assert answer(only("full-name\nAda\n", wizard(NAME), older=older), 1) == imported("Ada")


def test_a_value_in_the_column_of_a_statement_is_kept_and_flagged() -> None:
    structure = wizard(NAME, question(8, "note", "statement"))
    assert codes(answer(only("name,note\nAda,read\n", structure), 8)) == ["type"]


def test_a_calculated_text_that_only_looks_like_a_number_stays_a_text() -> None:
    structure = wizard(question(8, "total", "calculated", expression=1))
    assert [answer(run, 8)["value"] for run in reading("total\n007\n7\n7.50\n", structure)] == ["007", 7, "7.50"]


def test_rows_with_line_breaks_are_named_by_the_line_they_start_on() -> None:
    assert [run.line for run in reading('name,age\n"a\nb",1\nc,2\n')] == [2, 4]


def test_a_stream_is_read_as_bytes_are() -> None:
    (run,) = read_runs_csv(BytesIO(b"name\nAda\n"), SMALL, options())
    assert answer(run, 1) == imported("Ada")
    assert (run.status, run.language, run.started_at) == ("completed", "en", None)


def test_nothing_is_given_of_a_file_with_a_fault_at_its_end() -> None:
    with pytest.raises(FileUnreadable, match="Line 1002: 3 cells under 2 columns"):
        reading("name,age\n" + "Ada,36\n" * 1000 + "Bob,1,2\n")


def test_a_date_after_today_is_judged_by_the_time_of_the_import() -> None:
    structure = wizard(question(7, "born", "date", constraints={"max": "today"}))
    found = [codes(answer(run, 7)) for run in reading(f"born\n{AT.date()}\n2027-01-01\n", structure)]
    assert found == [[], ["max"]]


def test_values_of_two_runs_are_never_the_same_object() -> None:
    first, second = reading("colours\nred\nred\n", wizard(question(3, "colours", "multiple_select", options=CHOICES)))
    assert answer(first, 3) == answer(second, 3)
    assert answer(first, 3)["value"] is not answer(second, 3)["value"]
