from dataclasses import dataclass
from typing import Any

import pytest
from tests.small_structures import alone, qid

from keepstep.core.structure import OptionSet
from keepstep.web.questions.posted import Given, given_in
from keepstep.web.questions.situation import Situation

COLORS = [{"value": "red", "label": "Red"}, {"value": "other", "label": "An option of this name"}, {"value": "none", "label": "None"}]
Q = f"q-{qid(1)}"


def sent(option_set: OptionSet, before: dict[str, Any] | None = None, **fields: Any) -> Given:
    """What a form says; `value`, `other`, `day` … are its inputs."""
    names = {part: Q if part == "value" else f"{Q}-{part}" for part in fields}
    form = {names[part]: each if isinstance(each, list) else [each] for part, each in fields.items()}
    previous = {} if before is None else {option_set.id: before}
    return given_in({"shown": [option_set.id], **form}, [option_set], Situation(), previous)


def answer(given: Given) -> Any:
    assert given.issues == ()
    return given.answers[qid(1)]


def single(**members: Any) -> OptionSet:
    return alone("single_select", options=COLORS, allow_other=True, **members)


def several() -> OptionSet:
    return alone("multiple_select", options=COLORS, allow_other=True)


def test_a_question_that_the_form_did_not_show_is_not_read() -> None:
    assert given_in({Q: ["red"]}, [single()], Situation()).answers == {}


def test_an_option_may_have_the_name_of_other() -> None:
    assert answer(sent(single(), value="other")) == {"value": "other"}
    assert answer(sent(single(), value="_other", other="Teal")) == {"value": None, "other": "Teal"}


def test_text_of_ones_own_counts_without_its_box_unless_another_option_is_chosen() -> None:
    assert answer(sent(single(), other="Teal")) == {"value": None, "other": "Teal"}
    assert answer(sent(single(), value="red", other="Teal")) == {"value": "red"}
    assert answer(sent(several(), value="red", other="Teal")) == {"value": ["red"], "other": "Teal"}


def test_a_box_for_other_without_text_asks_for_it() -> None:
    given = sent(several(), value=["red", "_other"])
    assert [(each.pointer, each.code) for each in given.issues] == [("/q1/other", "other-missing")]
    assert given.typed[qid(1)][""] == ("red", "_other")


def test_who_unticks_other_does_not_have_to_empty_its_text() -> None:
    before = {"value": ["red"], "other": "Teal"}
    assert answer(sent(several(), before, value="red", other="Teal")) == {"value": ["red"]}
    assert answer(sent(several(), before, value="red", other="Green")) == {"value": ["red"], "other": "Green"}


def test_no_answer_takes_a_choice_away() -> None:
    assert answer(sent(single(), {"value": "red"}, value="")) == {"value": None}


def test_a_retired_option_and_an_unknown_code_stay_while_nobody_chooses_anew() -> None:
    assert sent(single(), {"value": "pink", "source": "import"}, value="pink", other="").answers == {}


def test_a_day_that_is_no_day_is_kept_as_it_was_typed_and_names_its_parts() -> None:
    given = sent(alone("date"), day="31", month="2", year="")
    assert [(each.pointer, each.code) for each in given.issues] == [("/q1/year", "date-incomplete")]
    assert given.answers == {qid(1): {"value": "31 / 2 / "}}
    assert given.typed[qid(1)]["day"] == ("31",)


def test_a_day_that_a_respondent_typed_fills_its_parts_again_and_is_told_again() -> None:
    before = {"value": "31 / 2 / 1985", "source": "respondent"}
    given = sent(alone("date"), before, day="31", month="2", year="1985")
    assert [(each.pointer, each.code) for each in given.issues] == [("/q1/day", "date-invalid")]
    assert given.answers == {}
    assert sent(alone("date"), before | {"source": "import"}, day="31", month="2", year="1985").issues == ()


def test_text_that_cannot_be_stored_is_refused_and_kept_on_the_page() -> None:
    given = sent(alone("text_input"), value="a\x00b")
    assert [each.code for each in given.issues] == ["text-unstorable"]
    assert given.typed[qid(1)][""] == ("a\x00b",)


@pytest.mark.parametrize(("typed", "value"), [("a\r\nb", "a\nb"), ("  ", None), ("a\r\n", "a")])
def test_lines_are_stored_without_the_returns_of_a_form(typed: str, value: str | None) -> None:
    assert answer(sent(alone("textarea"), value=typed)) == {"value": value}


def test_a_line_break_in_a_long_text_is_an_edit() -> None:
    assert sent(alone("textarea"), {"value": "a\nb"}, value="a\r\nb").answers == {}
    assert answer(sent(alone("textarea"), {"value": "a\nb"}, value="ab")) == {"value": "ab"}


@dataclass
class Upload:
    filename: str


def test_files_are_kept_taken_out_and_added_by_the_servers_own_record() -> None:
    stored = [{"file_id": each, "name": each, "size": 1, "media_type": "text/plain", "sha256": ""} for each in ("a", "b")]
    before, nothing = {"value": stored}, Upload("")
    assert sent(alone("file"), before, value=nothing) == Given({}, (), {qid(1): {"": (), "remove": ()}}, {})
    given = sent(alone("file"), before, remove=["a", "forged"], value=[Upload("c")])
    assert answer(given) == {"value": [stored[1]]}
    assert given.uploads == {qid(1): (Upload("c"),)}
