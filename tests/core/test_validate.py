"""What a request gives, what stops it, and what is only flagged: a stored run is never locked."""

from decimal import Decimal
from typing import Any

import pytest
from tests.small_structures import CLOCK, YES_NO, answers, choice, evaluated, one_page, qid, question, var

from keepstep.core.flow import AS_STORED, Before, evaluate
from keepstep.core.structure import Structure
from keepstep.core.validate import Mode, Verdict, given_answers, issues_in, merged, misfits, same_answer, verdict_on


def verdict(structure: Structure, mode: Mode, now: dict[str, Any], before: dict[str, Any] | None = None) -> Verdict:
    previous = None if before is None else answers(**before)
    return verdict_on(answers(**now), structure, evaluated(structure, **now), mode, previous)


def codes(found: Any) -> list[str]:
    return [issue.code for issue in found]


# --- what a request gives ------------------------------------------------------------------------------------------

GIVEN = one_page(
    question(1, key="name", key_aliases=["full-name"]), question(2, "number"), choice(3, "multiple_select"), question(4, "statement")
)


@pytest.mark.parametrize("key", [qid(1), "name", "full-name"])
def test_an_answer_is_found_by_id_key_and_alias(key: str) -> None:
    assert given_answers({key: "John"}, GIVEN, "respondent").answers == {qid(1): {"value": "John", "source": "respondent"}}


@pytest.mark.parametrize(
    ("item", "envelope"),
    [
        (None, {"value": None}),
        ("", {"value": None}),
        ([], {"value": None}),
        ({"value": "x"}, {"value": "x"}),
        ({"value": None, "other": "own"}, {"value": None, "other": "own"}),
        ({"other": ""}, {"value": None}),
        (0, {"value": 0}),
        (False, {"value": False}),
    ],
)
def test_a_bare_value_and_an_envelope_are_stored_alike(item: Any, envelope: dict[str, Any]) -> None:
    assert given_answers({"name": item}, GIVEN, "editor").answers == {qid(1): envelope | {"source": "editor"}}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ([], "type"),
        ({"nobody": 1}, "unknown-option-set"),
        ({"name": "a", qid(1): "b"}, "duplicate-answer"),
        ({"name": {"value": "a", "source": "import"}}, "member-unknown"),
        ({"name": {"val": "a"}}, "member-unknown"),
        ({"q4": "x"}, "not-answerable"),
        ({"name": "a\x00"}, "value-unstorable"),
        ({"q2": 10**60}, "value-unstorable"),
        ({"q2": Decimal("NaN")}, "value-unstorable"),
        ({"q2": 0.5}, "value-unstorable"),
    ],
)
def test_what_cannot_be_understood_is_named_with_its_place(data: Any, code: str) -> None:
    given = given_answers(data, GIVEN, "respondent")
    assert codes(given.issues) == [code]
    assert all(issue.pointer for issue in given.issues) or code == "type"


def test_values_are_stored_in_canonical_form() -> None:
    given = given_answers({"q2": Decimal("1.50"), "q3": ["no", "yes"]}, GIVEN, "respondent").answers
    assert (str(given[qid(2)]["value"]), given[qid(3)]["value"]) == ("1.5", ["yes", "no"])


def test_a_save_merges_and_null_clears() -> None:
    assert merged(answers(q1="a", q2=1), answers(q2=None, q3="x")) == answers(q1="a", q2=None, q3="x")


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), ("1", 1), ("é", "e\u0301"), ([1], ["1"])])
def test_answers_that_look_alike_are_not_the_same(one: Any, other: Any) -> None:
    assert not same_answer({"value": one}, {"value": other})


@pytest.mark.parametrize(("one", "other"), [(None, {"value": None}), ({"value": 1}, {"value": Decimal("1.0")}), ({"other": ""}, {})])
def test_answers_that_say_the_same_are_the_same(one: Any, other: Any) -> None:
    assert same_answer(one, other)


# --- saving and completing -----------------------------------------------------------------------------------------

REQUIRED = one_page(choice(1), question(2, is_required=True), question(3, is_required=True, visible_if={"==": [var(1), "yes"]}))


def test_saving_asks_for_nothing_and_completing_for_everything_that_is_asked() -> None:
    assert verdict(REQUIRED, "save", {"q1": "yes"}) == Verdict((), {}, ())
    found = verdict(REQUIRED, "complete", {"q1": "yes"}).errors
    assert [(issue.pointer, issue.code) for issue in found] == [("/q2", "required"), ("/q3", "required")]
    assert codes(verdict(REQUIRED, "complete", {"q1": "no", "q2": "x"}).errors) == []


def test_every_misfit_is_told_at_once_and_none_is_stored() -> None:
    structure = one_page(question(1, "integer"), question(2, "date"), choice(3))
    assert codes(verdict(structure, "save", {"q1": "x", "q2": "soon", "q3": "maybe"}).errors) == ["type", "type", "option-unknown"]


def test_text_beside_a_required_choice_answers_it() -> None:
    structure = one_page(choice(1, is_required=True, allow_other=True), choice(2))
    assert verdict(structure, "complete", {"q1": {"value": None, "other": "own"}}).errors == ()
    (issue,) = verdict(structure, "complete", {"q1": "yes", "q2": {"value": "yes", "other": "own"}}).errors
    assert (issue.pointer, issue.code) == ("/q2/other", "other-not-allowed")


def test_a_required_statement_or_calculation_never_stops_a_run() -> None:
    structure = one_page(question(1, "statement", is_required=True), question(2, "calculated", is_required=True))
    assert issues_in({}, structure, evaluated(structure)) == ()


# --- rules and offers ----------------------------------------------------------------------------------------------

AT_MOST = {"rules": [{"expression": {"<=": [{"var": "."}, var(1)]}, "message": "Not more than before"}]}
PAIR = one_page(question(1, "number"), question(2, "number", constraints=AT_MOST))


def test_a_rule_is_broken_when_it_is_false() -> None:
    (issue,) = verdict(PAIR, "save", {"q1": 1, "q2": 2}).errors
    assert (issue.pointer, issue.code, issue.detail) == ("/q2", "rule", "Not more than before")
    assert verdict(PAIR, "save", {"q1": 2, "q2": 2}).errors == ()


def test_a_rule_is_not_asked_of_an_empty_value_nor_of_one_of_another_type() -> None:
    assert verdict(PAIR, "complete", {"q1": 1, "q2": None}).errors == ()
    assert codes(verdict(PAIR, "save", {"q1": 1, "q2": "x"}).errors) == ["type"]


def test_an_option_that_is_not_offered_here_does_not_fit() -> None:
    options = [YES_NO[0], YES_NO[1] | {"visible_if": {"==": [var(1), "yes"]}}]
    structure = one_page(choice(1), choice(2, "multiple_select", options=options))
    assert codes(verdict(structure, "save", {"q1": "no", "q2": ["yes", "no"]}).errors) == ["option-not-offered"]
    assert verdict(structure, "save", {"q1": "yes", "q2": ["yes", "no"]}).errors == ()


def test_a_rule_that_breaks_in_a_question_that_is_not_asked_does_not_stop_a_run() -> None:
    structure = one_page(choice(1), question(2, "number", constraints=AT_MOST, visible_if={"==": [var(1), "yes"]}))
    found = verdict(structure, "complete", {"q1": "no", "q2": 5})
    assert (found.errors, codes(found.flags[qid(2)])) == ((), ["rule"])


def test_own_messages_are_in_the_language_of_the_run() -> None:
    messages = {"is_required": {"en": "Needed", "de": "Nötig"}}
    structure = one_page(question(1, is_required=True, constraints={"messages": messages}), languages=["en", "de"])
    (issue,) = verdict_on({}, structure, evaluated(structure), "complete", language="de").errors
    assert issue.detail == "Nötig"


# --- never locked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "old"),
    [
        (choice(2, options=[YES_NO[0]]), "no"),
        (choice(2, options=[YES_NO[0], YES_NO[1] | {"retired": True}]), "no"),
        (question(2, "integer", constraints={"max": 5}), 99),
        (question(2, "integer"), "was a text"),
        (question(2, constraints={"pattern": "[a-z]+"}), "ABC"),
        (question(2, constraints={"rules": [{"expression": False}]}), "x"),
    ],
)
@pytest.mark.parametrize("mode", ["save", "edit", "complete"])
def test_a_value_that_was_there_before_is_flagged_and_never_refused(member: dict[str, Any], old: Any, mode: Mode) -> None:
    structure = one_page(question(1), member)
    found = verdict(structure, mode, {"q1": "new", "q2": old}, {"q1": "old", "q2": old})
    assert found.errors == ()
    assert set(found.flags) == {qid(2)}


def test_an_edit_is_refused_for_the_values_that_it_sets() -> None:
    structure = one_page(question(1, "integer"), question(2, "integer"))
    found = verdict(structure, "edit", {"q1": "x", "q2": "y"}, {"q1": 1, "q2": "y"})
    assert [issue.pointer for issue in found.errors] == ["/q1"]


def test_a_required_question_that_an_edit_makes_visible_is_flagged_and_told() -> None:
    found = verdict(REQUIRED, "edit", {"q1": "yes", "q2": "x"}, {"q1": "no", "q2": "x"})
    assert (found.errors, codes(found.flags[qid(3)]), codes(found.notes)) == ((), ["missing-required"], ["missing-required"])


def test_an_edit_may_not_take_a_required_answer_away() -> None:
    assert codes(verdict(REQUIRED, "edit", {"q2": None}, {"q2": "x"}).errors) == ["required"]
    assert verdict(REQUIRED, "edit", {"q2": None}, {"q2": None}).errors == ()


def test_an_import_refuses_no_value() -> None:
    found = verdict(REQUIRED, "import", {"q1": "maybe"})
    assert found.errors == ()
    assert {name: codes(issues) for name, issues in found.flags.items()} == {qid(1): ["option-unknown"], qid(2): ["missing-required"]}


def test_an_imported_calculation_that_differs_is_flagged_for_as_long_as_it_is_kept() -> None:
    structure = one_page(question(1, "number"), question(2, "calculated", expression=var(1)))
    imported = answers(q1=1, q2={"value": 2, "source": "import"})
    first = verdict_on(imported, structure, evaluate(structure, imported, CLOCK), "import")
    assert codes(first.flags[qid(2)]) == ["differs-from-calculation"]
    kept = imported | answers(q2={"value": 2, "source": "import", "flags": [first.flags[qid(2)][0].to_json()]})
    again = verdict_on(kept, structure, evaluate(structure, kept, CLOCK, Before("11", frozenset())), "edit", kept)
    assert codes(again.flags[qid(2)]) == ["differs-from-calculation"]


def test_a_misfit_is_found_in_one_answer_alone() -> None:
    structure = one_page(question(1, "integer"))
    scope = evaluate(structure, {}, CLOCK, AS_STORED).scope
    assert codes(misfits({"value": "x"}, structure.option_sets[0], scope)) == ["type"]


def test_issues_of_a_whole_run_leave_out_what_was_there_before() -> None:
    now = answers(q1="maybe")
    evaluation = evaluate(REQUIRED, now, CLOCK)
    assert codes(issues_in(now, REQUIRED, evaluation)) == ["option-unknown", "required"]
    assert issues_in(now, REQUIRED, evaluation, now) == ()


def test_an_object_without_members_is_an_oversight_and_clears_nothing() -> None:
    assert [issue.code for issue in given_answers({"name": {}}, GIVEN, "editor").issues] == ["member-missing"]
