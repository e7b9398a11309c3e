"""What may be the same to a person is suggested, and never matched by itself."""

from typing import Any

from tests.change_examples import COLOR, EMAIL, NAME, example, survey

from keepstep.core.diff import diff
from keepstep.core.look_alikes import LookAlike, look_alikes
from keepstep.core.structure import Structure, dump, parse

NEW = NAME[:-1] + "9"


def replaced(**members: Any) -> Structure:
    """The survey with the favourite color deleted and a copy of it, with these members, added."""
    data = dump(survey())
    options = data["steps"][1]["option_sets"]
    options[0] = options[0] | {"id": NEW, "key": "new", "name": "New"} | members
    return parse(data)


def suggestions(new: Structure) -> list[tuple[str, str, str]]:
    return [(found.reason, found.old, found.new) for found in look_alikes(diff(survey(), new), {})]


def test_a_question_typed_in_anew_is_suggested_by_its_key() -> None:
    assert ("same-key", COLOR, NEW) in suggestions(replaced(key="favorite-color", options=[]))


def test_a_question_with_the_same_label_and_type_is_suggested() -> None:
    assert suggestions(replaced(name="favorite  COLOR", options=[])) == [("same-label-and-type", COLOR, NEW)]
    assert suggestions(replaced(name="Favorite Color", selection_type="dropdown", options=[])) == []


def test_questions_with_nearly_the_same_options_are_suggested() -> None:
    assert suggestions(replaced()) == [("similar-options", COLOR, NEW)]
    half = dump(survey().option_set_by_id[COLOR])["options"][:1]
    assert suggestions(replaced(options=half)) == []


def test_an_option_under_another_code_is_suggested_by_its_label() -> None:
    data = dump(survey())
    data["steps"][1]["option_sets"][0]["options"][1]["value"] = "rouge"
    assert suggestions(parse(data)) == [("same-label-and-type", "red", "rouge")]


def test_a_code_used_again_is_pointed_out() -> None:
    old, new, _ = example("option-added")
    found = look_alikes(diff(old, new), {COLOR: frozenset({"green"}), EMAIL: frozenset()})
    assert found == (LookAlike("code-used-again", COLOR, "green", "green"),)


def test_swapped_labels_are_pointed_out() -> None:
    old, new, _ = example("labels-permuted")
    assert look_alikes(diff(old, new), {}) == (LookAlike("labels-swapped", COLOR, "blue", "red"),)


def test_nothing_is_suggested_where_nothing_was_removed_and_added() -> None:
    old, new, _ = example("type-changed")
    assert look_alikes(diff(old, new), {}) == ()
