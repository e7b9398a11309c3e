from typing import Any

import pytest
from tests.small_structures import CLOCK, alone, answers, evaluated, one_page, qid, question

from keepstep.core.issue import Issue
from keepstep.core.selection import check_other, check_value
from keepstep.core.structure import SELECTION_TYPES, OptionSet
from keepstep.core.validate import verdict_on
from keepstep.web.questions.passage import first_answers, issues_of, sent_step, standing, turn_of
from keepstep.web.questions.shown import shown_answer
from keepstep.web.questions.situation import Situation
from keepstep.web.questions.view import question_view
from keepstep.web.questions.wording import Said, said
from keepstep.web.rendering import environment_of

RED = [
    {"value": "red", "label": "Red"},
    {"value": "old", "label": "Old", "retired": True},
    {"value": "no", "label": "No", "exclusive": True},
]


def sentence(each: Said) -> str:
    pattern = each.plural if each.plural and each.num != 1 else each.pattern
    return each.own or pattern % {**each.named, "num": each.num}


def sentences(option_set: OptionSet, value: Any, language: str = "en") -> list[str]:
    found = check_value(value, option_set, CLOCK, language=language, default_language="en")
    return [sentence(said(Issue(f"/q1{each.pointer}", each.code, each.detail), option_set, Situation(language))) for each in found]


@pytest.mark.parametrize(
    ("kind", "members", "value", "expected"),
    [
        ("text_input", {"constraints": {"max_length": 3}}, "abcd", "“Question 1” must be 3 characters or fewer"),
        ("textarea", {}, "a" * 100_001, "“Question 1” must be 100000 characters or fewer"),
        ("textarea", {"constraints": {"max_length": 200_000}}, "a" * 100_001, "“Question 1” must be 100000 characters or fewer"),
        ("text_input", {"name": "", "constraints": {"max_length": 3}}, "abcd", "“q1” must be 3 characters or fewer"),
        ("email", {}, "x", "Enter an e-mail address for “Question 1”, like name@example.com"),
        ("number", {"constraints": {"min": 2}}, 1, "“Question 1” must be 2 or more"),
        ("number", {}, "x", "“Question 1” must be a number, like 12.5"),
        ("integer", {}, "x", "“Question 1” must be a whole number, like 12"),
        ("rating", {}, 9, "“Question 1” must be from 1 to 5"),
        ("date", {"constraints": {"max": "today"}}, "2026-03-28", "“Question 1” must be 27 March 2026 or earlier"),
        ("date", {"constraints": {"min": "2026-01-01"}}, "2025-03-28", "“Question 1” must be 1 January 2026 or later"),
        ("time", {}, "soon", "“Question 1” must be a time, like 14:30"),
        ("single_select", {"options": RED}, "old", "Choose one of the answers on offer to “Question 1”"),
        ("multiple_select", {"options": RED}, ["red", "no"], "Choose “No” alone, or other answers to “Question 1”"),
        ("phone", {"constraints": {"regions": ["CH"]}}, "+12015550123", "Enter a phone number of Switzerland for “Question 1”"),
    ],
)
def test_respondents_are_told_what_to_do(kind: str, members: dict[str, Any], value: Any, expected: str) -> None:
    assert sentences(alone(kind, **members), value) == [expected]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "1 February 2024, 14:30"),
        ("de", "1. Februar 2024, 14:30"),
        ("es", "1 de febrero de 2024, 14:30"),
        ("pt", "1 de fevereiro de 2024 14:30"),
    ],
)
def test_a_time_stands_behind_its_day_as_the_language_writes_days(language: str, expected: str) -> None:
    answer = {"value": "2024-02-01T14:30:00+00:00"}
    assert shown_answer(answer, alone("datetime"), Situation(language)) == expected


def test_an_own_answer_that_is_too_long_is_told_how_long_it_may_be() -> None:
    option_set = alone("single_select", options=RED, allow_other=True)
    (found,) = check_other("a" * 100_001, option_set)
    told = sentence(said(Issue("/q1/other", found.code, found.detail), option_set, Situation()))
    assert told == "“Question 1” must be 100000 characters or fewer"


def test_the_words_of_an_author_go_first() -> None:
    option_set = alone("number", constraints={"min": 2, "messages": {"min": "At least two %s, please", "type": "A number!"}})
    assert sentences(option_set, 1) == ["At least two %s, please"]
    assert sentences(option_set, "x") == ["A number!"]
    assert sentences(alone("rating", constraints={"messages": {"max": "One to five"}}), 9) == ["One to five"]


@pytest.mark.parametrize("kind", [each for each in SELECTION_TYPES if each not in ("statement", "calculated")])
def test_every_required_question_says_what_is_missing(kind: str) -> None:
    structure = one_page(question(1, kind, is_required=True, **({"options": RED} if "select" in kind or kind == "dropdown" else {})))
    (issue,) = verdict_on({}, structure, evaluated(structure), "complete").errors
    text = sentence(said(issue, structure.option_sets[0], Situation()))
    assert "“Question 1”" in text
    assert text.split()[0] in ("Choose", "Enter", "Answer")


def test_a_name_with_markup_and_percent_signs_stays_text() -> None:
    option_set = alone("text_input", name="<script>100 %(x)s</script>", is_required=True)
    view = question_view(option_set, Situation(), None, issues=[Issue("/q1", "required", "")])
    player: Any = environment_of("en", "UTC").globals["player"]
    markup = str(player.question(view)) + str(player.summary([view]))
    assert "<script>" not in markup
    assert markup.count("Answer “&lt;script&gt;100 %(x)s&lt;/script&gt;”") == 2


def test_a_calculation_and_defaults_stand_before_anything_is_answered() -> None:
    structure = one_page(question(1, "number", default=2), question(2, "calculated", expression={"*": [{"var": qid(1)}, 3]}))
    where = standing(structure, first_answers(structure), CLOCK, language="en")
    assert where.evaluation.calculated == {qid(2): 6}
    assert issues_of(where) == ()


def test_a_question_that_an_answer_opens_is_asked_before_it_is_missed() -> None:
    structure = one_page(question(1, "boolean"), question(2, is_required=True, visible_if={"==": [{"var": qid(1)}, True]}))
    where = standing(structure, {}, CLOCK, language="en")
    step = structure.steps[0]
    turn = turn_of(where, step, sent_step(where, step, {"shown": [qid(1)], f"q-{qid(1)}": ["true"]}))
    assert [each.id for each in turn.opened] == [qid(2)]
    assert (turn.issues, turn.is_done) == ({}, False)
    again = turn_of(turn.after, step, sent_step(turn.after, step, {"shown": [qid(1), qid(2)], f"q-{qid(1)}": ["true"]}))
    assert list(again.issues) == [qid(2)]
    assert answers(q1=True)[qid(1)]["value"] is True


def test_texts_and_the_words_of_an_author_say_the_answers_that_they_mention() -> None:
    mention = f"{{{{{qid(1)}}}}}"
    second = question(2, name=f"Dear {mention}", is_required=True, constraints={"messages": {"is_required": f"Come on, {mention}!"}})
    structure = one_page(question(1), second)
    for name, shown in (("<b>Ann", "<b>Ann"), (None, "…")):
        where = standing(structure, answers(q1=name), CLOCK, language="en")
        (issue,) = issues_of(where)
        view = question_view(structure.option_sets[1], where.situation, None, issues=[issue])
        assert (view.label, view.errors[0].own) == (f"Dear {shown}", f"Come on, {shown}!")
