from decimal import Decimal
from typing import Any

import pytest
from tests.interchange.runs_samples import CLOCK, NAME, SMALL, WIZARD, codes, imported, question, sample_id, wizard

from keepstep.core.jsonvalue import dumps
from keepstep.core.structure import Structure
from keepstep.errors import FileUnreadable
from keepstep.interchange.runs_in import run_id_of
from keepstep.interchange.runs_in_jsonl import JsonlOptions, JsonlReading, read_runs_jsonl


def reading(*lines: Any, structure: Structure = SMALL, older: Any = None) -> JsonlReading:
    text = "\n".join(line if isinstance(line, str) else dumps(line) for line in lines)
    return read_runs_jsonl(text.encode(), structure, JsonlOptions(CLOCK, wizard_id=WIZARD), older=older or {})


def only(line: Any, **more: Any) -> Any:
    read = reading(line, **more)
    (run,) = read
    assert read.receipt.is_complete
    return run


def test_answers_are_given_as_for_starting_a_run() -> None:
    run = only({"id": sample_id(7), "answers": {"name": "Ada", "price": Decimal("1.5"), "colour": {"value": None, "other": "teal"}}})
    assert run.answers == {
        sample_id(1): imported("Ada"),
        sample_id(5): imported(Decimal("1.5")),
        sample_id(2): {"value": None, "other": "teal"},
    }
    assert (run.id, run.status, run.language) == (sample_id(7), "completed", "en")


def test_an_id_of_another_system_gives_the_same_run_at_each_import() -> None:
    assert only({"id": "lab-17", "answers": {}}).id == run_id_of(WIZARD, "lab-17")


def test_a_value_that_does_not_fit_is_kept_and_flagged() -> None:
    read = reading({"answers": {"age": "seven", "name": "Ada"}})
    (run,) = read
    assert codes(run.answers[sample_id(4)]) == ["type"]
    assert (read.receipt.totals["flagged"], read.receipt.totals["answers"]) == (1, 1)


def test_flags_that_an_answer_has_are_not_given_twice() -> None:
    envelope = {"value": "seven", "source": "respondent", "flags": [{"code": "type", "detail": "As it was."}]}
    assert only({"answers": {"age": envelope}}).answers == {sample_id(4): envelope}


def test_an_answer_without_a_question_goes_to_the_archive() -> None:
    run = only({"answers": {"shoe": 38, "email": "a@b.c"}}, structure=wizard(NAME), older={1: wizard(question(9, "email"))})
    assert run.archive == {"shoe": imported(38), sample_id(9): imported("a@b.c")}


def test_a_copied_wizard_finds_its_questions_by_key() -> None:
    response = {"option_set_id": sample_id(77), "key": "name", "state": "answered", "asked": True, "response_value": imported("Ada")}
    run = only({"responses": [response]})
    assert (run.answers, run.states) == ({sample_id(1): imported("Ada")}, {sample_id(1): "answered"})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Line 1: Not readable as JSON"),
        ("[1]", "Line 1: a run is a JSON object"),
        ('{"answers": []}', "answers and archive are objects"),
        ('{"responses": [{"key": "name"}]}', "each response is an object"),
        ('{"answers": {"name": {"text": "Ada"}}}', "an answer is an object such as"),
        ('{"archive": {"name": "Ada"}}', "an answer is an object such as"),
        ('{"status": "done"}', "the member status cannot be 'done'"),
        ('{"started_at": "yesterday"}', "the member started_at cannot be 'yesterday'"),
        ('{"revision": true}', "the member revision cannot be 'True'"),
        ('{"respondent": 7}', "the member respondent cannot be '7'"),
        ('{"answers": {"name": "\\u0000"}}', "NUL"),
        ('{"answers": {}, "version": 99}', "Line 1: a run has no member 'version'. Known are answers, archive,"),
        ('{"language": "zz"}', "Line 1: the member language cannot be 'zz'; this wizard has en."),
        ('{"id": 7}', "the member id cannot be '7'"),
        ('{"id": ""}', "the member id cannot be ''"),
        ('{"respondent": "%s"}' % ("x" * 321), "the member respondent has 321 characters; it has at most 320"),
        ("", "The file holds no run"),
    ],
)
def test_a_line_that_is_no_run_is_refused_with_its_number(line: str, message: str) -> None:
    with pytest.raises(FileUnreadable) as caught:
        reading(line)
    assert message in caught.value.detail


def test_what_a_run_says_of_itself_and_is_not_taken_by_its_word_stands_in_the_receipt() -> None:
    text = dumps({"id": "lab-17", "version_number": 99, "answers": {"name": "Ada"}})
    read = read_runs_jsonl(text.encode(), SMALL, JsonlOptions(CLOCK, wizard_id=WIZARD, by_version=True), older={1: SMALL})
    assert [run.id for run in read] == [run_id_of(WIZARD, "lab-17")]
    assert [(line.code, line.place.column, line.place.row) for line in read.receipt.lines] == [
        ("id-made", "id", 1),
        ("version-unknown", "version_number", 1),
    ]


def test_nothing_is_given_of_a_file_with_a_fault_at_its_end() -> None:
    with pytest.raises(FileUnreadable, match="Line 4"):
        reading({"answers": {}}, "", {"answers": {}}, "{")


def test_a_run_that_stands_twice_is_refused() -> None:
    with pytest.raises(FileUnreadable, match=f"Line 2: the run {sample_id(1)} stands on line 1 already"):
        reading({"id": sample_id(1)}, {"id": sample_id(1)})
