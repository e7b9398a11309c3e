"""What stops a draft from being published, what is only pointed out, and who mentions an option set."""

from typing import Any

import pytest
from tests.small_structures import YES_NO, choice, one_page, page, pid, qid, question, var, wizard

from keepstep.core.faults import mentions, problems_in
from keepstep.core.structure import Structure
from keepstep.core.text import piped_references


def found_in(structure: Structure) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.issue.code, finding.issue.pointer) for finding in problems_in(structure)]


def codes_in(structure: Structure) -> list[str]:
    return [finding.issue.code for finding in problems_in(structure)]


def asking(condition: Any, *first: dict[str, Any]) -> Structure:
    """The questions given, and a last one with this condition."""
    return one_page(*first, question(9, visible_if=condition))


def test_a_sound_structure_has_no_problems() -> None:
    assert problems_in(wizard(page(1, choice(1)), page(2, question(2), visible_if={"==": [var(1), "yes"]}))) == ()


# --- what stops ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ({"nope": 1}, "operator-unknown"),
        ({"==": [var(1)]}, "operator-arguments"),
        ({"matches": [var(1), "("]}, "pattern-invalid"),
        ({"==": [var(7), "x"]}, "reference-missing"),
        ({"other": qid(7)}, "reference-missing"),
        ({">": [{"var": "."}, 1]}, "value-under-test"),
    ],
)
def test_a_malformed_or_dangling_condition_stops(condition: Any, code: str) -> None:
    (finding,) = problems_in(asking(condition, question(1)))
    assert (finding.severity, finding.issue.code, finding.node_id) == ("stops", code, qid(9))
    assert finding.issue.pointer.startswith("/steps/0/option_sets/1/visible_if")


def test_the_value_under_test_belongs_in_rules() -> None:
    rule = {"expression": {"!=": [{"var": "."}, "x"]}}
    assert problems_in(one_page(question(1, constraints={"rules": [rule]}))) == ()
    assert codes_in(one_page(choice(1, options=[{"value": "a", "label": "A", "visible_if": {"var": "."}}]))) == ["value-under-test"]


@pytest.mark.parametrize("condition", [{"==": [var(1), "maybe"]}, {"in": [var(1), ["yes", "maybe"]]}, {"selected": [var(1), 3]}])
def test_comparing_with_an_option_that_is_gone_stops(condition: Any) -> None:
    assert found_in(asking(condition, choice(1))) == [("stops", "reference-value-missing", "/steps/0/option_sets/1/visible_if")]


def test_a_number_reads_the_option_that_spells_it() -> None:
    ratings = choice(1, options=[{"value": "1", "label": "One"}])
    assert problems_in(asking({"==": [var(1), 1]}, ratings)) == ()


def test_a_question_that_reads_itself_is_a_cycle() -> None:
    structure = one_page(choice(1, visible_if={"==": [var(1), "yes"]}))
    assert found_in(structure) == [("stops", "cycle", "/steps/0/option_sets/0")]


def test_a_circle_is_told_once_and_what_waits_for_it_is_not_told() -> None:
    circle = [question(1, visible_if=var(2)), question(2, visible_if=var(3)), question(3, visible_if=var(1))]
    structure = one_page(*circle, question(4, visible_if=var(3)), question(5, "calculated", expression=var(4)))
    (finding,) = problems_in(structure)
    assert finding.node_id == qid(1)
    assert "“Question 1”, “Question 2”, “Question 3”" in finding.issue.detail


def test_a_step_that_depends_on_its_own_questions_stops() -> None:
    structure = wizard(page(1, question(1)), page(2, question(2), question(3), visible_if=var(2)))
    (finding,) = problems_in(structure)
    assert (finding.issue.code, finding.node_id) == ("cycle", pid(2))
    assert "reads its own questions (“Question 2”)" in finding.issue.detail


def test_two_circles_are_two_findings() -> None:
    pairs = [question(1, visible_if=var(2)), question(2, visible_if=var(1)), question(3, visible_if=var(4)), question(4, visible_if=var(3))]
    assert [finding.node_id for finding in problems_in(one_page(*pairs))] == [qid(1), qid(3)]


@pytest.mark.parametrize(
    "condition",
    [
        False,
        0,
        "",
        {"and": [True, False]},
        {"!": [True]},
        {"==": [var(1), None]},
        {"and": [False, var(1)]},
        {"if": [False, True, {"<": [2, 1]}]},
    ],
)
def test_a_step_with_a_condition_that_cannot_hold_stops(condition: Any) -> None:
    structure = wizard(page(1, question(1)), page(2, question(2), visible_if=condition))
    assert found_in(structure) == [("stops", "step-unreachable", "/steps/1/visible_if")]


@pytest.mark.parametrize("condition", [True, {"or": [True, var(1)]}, {"!=": [var(1), None]}, {"==": [{"today": []}, "1999-01-01"]}, var(1)])
def test_a_step_that_may_be_reached_does_not_stop(condition: Any) -> None:
    assert problems_in(wizard(page(1, question(1)), page(2, question(2), visible_if=condition))) == ()


def test_a_step_behind_a_retired_question_stops_however_long_the_way() -> None:
    start = page(1, question(1, retired=True), question(2, visible_if={"==": [var(1), "x"]}), question(3))
    calculated = page(2, question(4, "calculated", expression={"+": [var(2), 1]}), question(5))
    structure = wizard(start, calculated, page(3, question(6), visible_if={">": [var(4), 1]}))
    assert ("stops", "step-unreachable", "/steps/2/visible_if") in found_in(structure)


def test_a_step_whose_questions_are_all_retired_stops_unless_it_is_retired_too() -> None:
    structure = wizard(page(1, question(1)), page(2, question(2, retired=True)))
    assert found_in(structure) == [("stops", "step-unreachable", "/steps/1")]
    assert problems_in(wizard(page(1, question(1)), page(2, question(2, retired=True), retired=True))) == ()


def test_a_piped_answer_of_a_missing_option_set_stops() -> None:
    structure = one_page(question(1, name=f"You said {{{{{qid(7)}}}}} and {{{{ {qid(1)} }}}}"))
    assert found_in(structure) == [("stops", "reference-missing", "/steps/0/option_sets/0/name")]


# --- what is pointed out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "condition", "code"),
    [
        (question(1, "statement"), {"!": var(1)}, "reads-statement"),
        (question(1, retired=True), {"!": var(1)}, "reads-retired"),
        (choice(1, options=[*YES_NO, {"value": "old", "label": "Old", "retired": True}]), {"==": [var(1), "old"]}, "reads-retired-option"),
        (question(1, "integer"), {"==": [var(1), "many"]}, "type-mismatch"),
        (question(1, "boolean"), {"==": [var(1), "true"]}, "type-mismatch"),
        (question(1, "date"), {"<": [var(1), "01.02.2026"]}, "type-mismatch"),
        (question(1, "time"), {"<": [var(1), "9:00"]}, "type-mismatch"),
        (choice(1, "multiple_select"), {"==": [var(1), "yes"]}, "type-mismatch"),
        (question(1), {"==": [var(1), ""]}, "type-mismatch"),
        (question(1), {"==": [var(1), True]}, "type-mismatch"),
        (question(1), {"!": {"other": qid(1)}}, "type-mismatch"),
    ],
)
def test_what_reads_oddly_is_pointed_out_and_does_not_stop(first: dict[str, Any], condition: Any, code: str) -> None:
    assert found_in(asking(condition, first)) == [("warns", code, "/steps/0/option_sets/1/visible_if")]


@pytest.mark.parametrize(
    ("first", "condition"),
    [
        (question(1, "integer"), {"==": [var(1), "5"]}),
        (question(1, "date"), {"<": [var(1), "2026-02-01"]}),
        (question(1, "datetime"), {"<": [var(1), "2026-02-01"]}),
        (choice(1, "multiple_select"), {"selected": [var(1), "yes"]}),
        (question(1), {"==": [var(1), 5]}),
        (question(1, "calculated", expression=1), {"==": [var(1), True]}),
    ],
)
def test_sound_comparisons_are_not_pointed_out(first: dict[str, Any], condition: Any) -> None:
    assert problems_in(asking(condition, first)) == ()


def test_a_question_that_is_never_asked_is_pointed_out() -> None:
    assert found_in(asking(False, question(1))) == [("warns", "never-asked", "/steps/0/option_sets/1/visible_if")]


def test_a_choice_without_options_on_offer_is_pointed_out() -> None:
    gone = [{"value": "a", "label": "A", "retired": True}]
    structure = one_page(
        choice(1, options=gone), choice(2, options=[]), choice(3, options=gone, allow_other=True), choice(4, retired=True, options=[])
    )
    assert [finding.node_id for finding in problems_in(structure)] == [qid(1), qid(2)]


def test_untranslated_texts_are_pointed_out_but_not_those_of_retired_nodes() -> None:
    both = {"en": "Name", "de": "Name"}
    questions = [question(1, name={"en": "Only English"}), question(2, name=both), question(3, name="Retired", retired=True)]
    structure = wizard(page(1, *questions, name=both), name=both, languages=["en", "de"])
    assert found_in(structure) == [("warns", "untranslated", "/steps/0/option_sets/0/name")]


def test_a_rule_that_never_holds_is_pointed_out() -> None:
    assert codes_in(one_page(question(1, constraints={"rules": [{"expression": None}]}))) == ["rule-never-holds"]


def test_an_empty_wizard_and_an_empty_step_are_pointed_out() -> None:
    assert codes_in(wizard()) == ["no-questions"]
    assert codes_in(wizard(page(1, question(1)), page(2))) == ["step-empty"]


def test_findings_of_one_place_do_not_hide_those_of_another() -> None:
    structure = one_page(question(1, visible_if={"nope": 1}), question(2, visible_if=var(7)), choice(3, options=[]))
    assert codes_in(structure) == ["operator-unknown", "reference-missing", "no-options"]


# --- mentions ------------------------------------------------------------------------------------------------------


def test_every_kind_of_mention_is_found_with_a_sentence() -> None:
    structure = wizard(
        page(1, choice(1), question(2, "calculated", expression=var(1)), question(3, constraints={"rules": [{"expression": var(1)}]})),
        page(2, choice(4, options=[{"value": "a", "label": "A", "visible_if": var(1)}]), visible_if=var(1)),
        page(3, question(5, help=f"{{{{{qid(1)}}}}}")),
        endings=[{"key": "thanks", "name": "Thanks", "visible_if": var(1)}],
    )
    assert [(mention.kind, mention.node_id, mention.where) for mention in mentions(structure, qid(1))] == [
        ("calculation", qid(2), "the calculation “Question 2”"),
        ("rule", qid(3), "rule 1 of “Question 3”"),
        ("condition", pid(2), "the condition of the step “Page 2”"),
        ("option-condition", qid(4), "the condition of the option “A” of “Question 4”"),
        ("condition", "", "the condition of the ending “Thanks”"),
        ("text", qid(5), "the help text of “Question 5”"),
    ]


def test_mentions_of_an_option_are_those_that_compare_with_it() -> None:
    structure = one_page(choice(1), question(2, visible_if={"==": [var(1), "yes"]}), question(3, visible_if={"==": [var(1), "no"]}))
    assert [mention.node_id for mention in mentions(structure, qid(1), "yes")] == [qid(2)]
    assert len(mentions(structure, qid(1))) == 2
    assert mentions(structure, qid(2)) == ()


def test_piped_references_are_ids_in_braces_and_nothing_else() -> None:
    text = f"{{{{{qid(1)}}}}} {{{{ {qid(2)} }}}} {{{{{qid(1)}}}}} {{{{name}}}} {{{qid(3)}}} {{{{{qid(4)}"
    assert piped_references(text) == (qid(1), qid(2))


def test_questions_of_one_step_that_nobody_can_tell_apart_are_worth_a_look() -> None:
    one, two, three, four = (question(number, name=name) for number, name in enumerate(("Name", " Name", "Name", "Name"), start=1))
    three |= {"visible_if": {"answered": [var(1)]}}
    found = [each for each in problems_in(wizard(page(1, one, two, three), page(2, four))) if each.issue.code == "same-name"]
    assert [(each.node_id, each.severity) for each in found] == [(two["id"], "warns")]
    assert "are called “Name”" in found[0].issue.detail


def test_braces_around_what_is_no_key_are_worth_a_look() -> None:
    found = problems_in(one_page(question(1, name="Dear {{nobody}}")))
    assert [(each.issue.code, "{{nobody}}" in each.issue.detail) for each in found] == [("piped-unknown", True)]
