"""What a diff reports, and what it does not."""

from typing import Any

import pytest
from tests.change_examples import AGE, COLOR, EMAIL, INFO, NAME, PREFERENCES, bilingual, survey

from keepstep.core import change as c
from keepstep.core.diff import diff
from keepstep.core.order import displaced
from keepstep.core.severity import rule_of
from keepstep.core.structure import Structure, dump, parse


def changed(structure: Structure, edit: Any) -> Structure:
    data = dump(structure)
    edit(data)
    return parse(data)


def limited(**constraints: Any) -> Structure:
    """The survey with constraints on the age."""
    return changed(survey(), lambda data: data["steps"][1]["option_sets"][1].update(constraints=constraints))


def test_a_removed_step_is_one_change_with_its_questions_in_it() -> None:
    (change,) = diff(survey(), changed(survey(), lambda data: data["steps"].pop(0)))
    assert isinstance(change, c.StepRemoved)
    assert [item["id"] for item in change.old["option_sets"]] == [NAME, EMAIL]


def test_questions_that_moved_out_of_a_removed_step_are_moved_not_removed() -> None:
    def edit(data: dict[str, Any]) -> None:
        data["steps"][1]["option_sets"].extend(data["steps"].pop(0)["option_sets"])

    old = survey()
    new = changed(old, edit)
    changes = diff(old, new)
    assert [type(change) for change in changes] == [c.StepRemoved, c.OptionSetMoved, c.OptionSetMoved]
    assert rule_of(changes[0], old, new).code == "P3"


def test_an_added_language_reports_no_text_as_changed() -> None:
    (change,) = diff(survey(), bilingual())
    assert isinstance(change, c.LanguageAdded)
    assert change.new == {"position": 1, "texts": {}}


def test_translations_of_an_added_language_are_part_of_it() -> None:
    new = changed(bilingual(), lambda data: data.update(name={"en": "Customer Survey", "de": "Umfrage"}))
    (change,) = diff(survey(), new)
    assert change.new == {"position": 1, "texts": {"/name": "Umfrage"}}


def test_moving_one_step_to_the_front_moves_that_step_alone() -> None:
    assert displaced(list("abcde"), list("eabcd")) == {"e"}
    assert displaced(list("eabcd"), list("abcde")) == {"e"}


def test_an_option_reworded_beside_swapped_labels_is_told_apart() -> None:
    def edit(data: dict[str, Any]) -> None:
        data["steps"][1]["option_sets"][0]["options"] = [
            {"value": "blue", "label": "Red"},
            {"value": "red", "label": "Blue"},
            {"value": "green", "label": "Green"},
        ]

    wide = changed(survey(), lambda data: data["steps"][1]["option_sets"][0]["options"].append({"value": "green", "label": "Grün"}))
    changes = diff(wide, changed(survey(), edit))
    assert [change.kind for change in changes] == ["labels-permuted", "option-reworded"]


LIMITS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"min": 1}, {"min": 0}, "Q13"),
    ({"min": 1}, {"min": 2}, "Q14"),
    ({"min": 1}, {}, "Q13"),
    ({}, {"max": 9}, "Q14"),
    ({"min": 1, "max": 5}, {"min": 0, "max": 4}, "Q15"),
    ({"step": 1}, {"step": 2}, "Q14"),
    ({"step": 2}, {"step": 1}, "Q13"),
    ({"step": 2}, {"step": 3}, "Q15"),
    ({"min": 1, "step": 2}, {"min": 0, "step": 2}, "Q15"),
    ({"max_decimals": 2}, {"max_decimals": 1}, "Q16"),
    ({"max_decimals": 1}, {"max_decimals": 2}, "Q13"),
    ({}, {"rules": [{"expression": True}]}, "Q14"),
    ({"rules": [{"expression": True}]}, {}, "Q13"),
    ({"rules": [{"expression": True}]}, {"rules": [{"expression": False}]}, "Q15"),
    ({"rules": [{"expression": True}]}, {"rules": [{"expression": True, "message": "No"}]}, "Q5"),
]


@pytest.mark.parametrize(("before", "after", "code"), LIMITS)
def test_changed_limits_are_looser_tighter_or_neither(before: dict[str, Any], after: dict[str, Any], code: str) -> None:
    old, new = limited(**before), limited(**after)
    (change,) = diff(old, new)
    assert rule_of(change, old, new).code == code


REQUIRED = {"id": NAME[:-1] + "9", "key": "fax", "name": "Fax", "selection_type": "text_input", "is_required": True}
ADDED: list[tuple[dict[str, Any], str]] = [
    (REQUIRED, "Q2"),
    (REQUIRED | {"default": "none"}, "Q3"),
    (REQUIRED | {"is_required": False}, "Q1"),
    (REQUIRED | {"retired": True}, "Q1"),
    (REQUIRED | {"selection_type": "statement"}, "Q1"),
]


@pytest.mark.parametrize(("node", "code"), ADDED)
def test_an_added_question_is_judged_by_what_it_demands(node: dict[str, Any], code: str) -> None:
    old = survey()
    new = changed(old, lambda data: data["steps"][0]["option_sets"].append(node))
    (change,) = diff(old, new)
    assert rule_of(change, old, new).code == code


def test_a_type_with_options_given_up_and_back_keeps_them_in_one_change() -> None:
    old = survey()
    new = changed(old, lambda data: _as_text(data["steps"][1]["option_sets"][0]))
    (change,) = diff(old, new)
    assert [option["value"] for option in change.old["options"]] == ["blue", "red"]
    assert "options" not in change.new


def _as_text(node: dict[str, Any]) -> None:
    node["selection_type"] = "text_input"
    del node["options"]


def test_changes_come_in_the_order_of_the_wizard() -> None:
    def edit(data: dict[str, Any]) -> None:
        data["steps"][1]["option_sets"][1]["name"] = "Years"
        data["steps"][0]["name"] = "You"
        data["steps"][1]["option_sets"][0]["is_required"] = True

    found = [change.node_id for change in diff(survey(), changed(survey(), edit))]
    assert found == [INFO, COLOR, AGE]
    assert PREFERENCES not in found
