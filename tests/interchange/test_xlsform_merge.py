"""A newer edition of a form on a draft: ids stay, codes stay, nobody's answer changes its meaning unasked."""

from typing import Any

from tests.interchange.xlsform_sheets import codes, imported, numbered_ids

from keepstep.core.diff import diff
from keepstep.core.edit import apply
from keepstep.core.edits import ChangeOptionSet, DeleteOption, DeleteOptionSet, Draft, Edit, ReplaceStructure, RetireOptionSet
from keepstep.core.structure import Structure, choices_of, dump
from keepstep.interchange.keepstep_json import with_new_ids
from keepstep.interchange.receipt import Receipt
from keepstep.interchange.xlsform_merge import merge_into

FORM = """
# survey
type             | name  | label  | relevant
begin group      | g     | Group  |
text             | Name  | Name   |
select_one color | Color | Colour | ${Name} != ''
integer          | age   | Age    | selected(${Color}, 'red')
end group
# choices
list_name | name  | label
color     | red   | Red
color     | blue  | Blue
"""


def draft(*edits: Edit) -> Draft:
    result = Draft(imported(FORM)[0])
    for edit in edits:
        result = apply(result, edit).draft
    return result


def merged(form: str, on: Draft | None = None) -> tuple[Structure, Receipt]:
    """The merge, after the edit that stores it was found to be allowed."""
    before = on or draft()
    structure, receipt = merge_into(before, imported(form, start=1_000)[0])
    assert apply(before, ReplaceStructure(structure=dump(structure))).draft.structure == structure
    return structure, receipt


def identity(key: str, structure: Structure | None = None) -> str:
    return (structure or draft().structure).id_by_key[key]


def options(structure: Structure) -> list[tuple[str, Any, bool]]:
    return [(option.value, option.label, option.retired) for option in choices_of(structure.option_set_by_id[identity("color")])]


def test_the_same_form_again_changes_nothing() -> None:
    structure, receipt = merged(FORM)
    assert structure == draft().structure
    assert (receipt.questions, receipt.suggestions) == ((), ())


def test_references_follow_the_ids_that_stay() -> None:
    structure, receipt = merged(FORM.replace("| Age ", "| How old? "))
    assert structure.option_set_by_id[identity("age")].visible_if == {"selected": [{"var": identity("color")}, "red"]}
    assert set(receipt.ids.values()) == {node.id for step in structure.steps for node in (step, *step.option_sets)}


def test_a_relabelled_code_is_the_same_option_and_is_asked_about() -> None:
    structure, receipt = merged(FORM.replace("| Red", "| Crimson"))
    assert options(structure) == [("red", "Crimson", False), ("blue", "Blue", False)]
    assert codes(receipt.questions) == ["label-changed"]


def test_a_code_that_is_gone_is_retired() -> None:
    structure, receipt = merged(FORM.replace("color     | blue  | Blue", ""))
    assert options(structure) == [("red", "Red", False), ("blue", "Blue", True)]
    assert codes(receipt.questions) == ["option-retired"]


def test_an_option_that_is_gone_stays_where_it_stood() -> None:
    """At the end it would be shown as another order of the options, which nobody made."""
    three = FORM.replace("color     | blue  | Blue", "color     | blue  | Blue\ncolor | green | Green")
    before = Draft(imported(three)[0])
    structure, _ = merged(three.replace("color     | blue  | Blue\n", ""), before)
    options = choices_of(next(item for item in structure.option_sets if item.key == "color"))
    assert [(option.value, option.retired) for option in options] == [("red", False), ("blue", True), ("green", False)]
    assert [type(change).__name__ for change in diff(before.structure, structure)] == ["OptionRetired"]


def test_the_same_label_under_another_code_is_retired_and_added_with_a_suggestion() -> None:
    structure, receipt = merged(FORM.replace("| blue ", "| azure "))
    assert options(structure) == [("red", "Red", False), ("blue", "Blue", True), ("azure", "Blue", False)]
    assert (codes(receipt.questions), codes(receipt.suggestions)) == (["option-retired"], ["same-label"])


def test_an_option_that_was_deleted_comes_back_under_its_old_label() -> None:
    on = draft(DeleteOption(option_set_id=identity("color"), value="blue"))
    structure, receipt = merged(FORM.replace("| Blue", "| Azure"), on)
    assert options(structure) == [("red", "Red", False), ("blue", "Blue", False)]
    assert codes(receipt.questions) == ["option-restored"]


def test_a_question_on_the_shelf_comes_back_with_its_id() -> None:
    structure, _ = merged(FORM, draft(DeleteOptionSet(option_set_id=identity("age"))))
    assert identity("age", structure) == identity("age")


def test_a_question_whose_key_was_changed_here_keeps_the_new_key() -> None:
    on = draft(ChangeOptionSet(option_set_id=identity("age"), fields={"key": "years"}))
    structure, _ = merged(FORM, on)
    assert (identity("years", structure), structure.option_set_by_id[identity("age")].key_aliases) == (identity("age"), ("age",))


def test_a_question_that_is_gone_goes_to_the_shelf_and_is_named() -> None:
    structure, receipt = merged(FORM.replace("integer          | age   | Age    | selected(${Color}, 'red')", ""))
    assert "age" not in structure.id_by_key
    assert codes(receipt.questions) == ["question-gone"]


def test_a_question_under_another_name_is_new_with_a_suggestion() -> None:
    structure, receipt = merged(FORM.replace("| age ", "| how_old "))
    assert identity("how_old", structure) != identity("age")
    assert codes(receipt.suggestions) == ["same-question"]


def test_a_retired_question_that_the_form_does_not_have_stays_retired() -> None:
    on = draft(RetireOptionSet(option_set_id=identity("age")))
    structure, _ = merged(FORM.replace("integer          | age   | Age    | selected(${Color}, 'red')", ""), on)
    assert structure.option_set_by_id[identity("age")].retired


def test_a_changed_type_is_the_same_question_and_is_asked_about() -> None:
    structure, receipt = merged(FORM.replace("select_one", "select_multiple"))
    assert structure.option_set_by_id[identity("color")].selection_type == "multiple_select"
    assert codes(receipt.questions) == ["type-changed"]


def test_languages_of_both_are_kept() -> None:
    form = FORM.replace("label  | relevant", "label::French (fr) | relevant").replace("name  | label\n", "name | label::French (fr)\n")
    structure, _ = merged(form)
    assert (structure.languages, structure.default_language) == (("fr", "en"), "en")
    assert structure.option_set_by_id[identity("age")].name == {"fr": "Age", "en": "Age"}


def test_a_new_question_never_takes_a_key_that_another_had() -> None:
    on = draft(ChangeOptionSet(option_set_id=identity("age"), fields={"key": "name-2"}))
    structure, _ = merged(FORM.replace("end group", "text | NAME | Again |\nend group"), on)
    assert [item.key for item in structure.option_sets] == ["name", "color", "name-2", "name-3"]


def test_new_ids_leave_no_old_one_behind() -> None:
    structure, _ = imported(FORM.replace("| Age ", "| Age of ${Name} "))
    renewed, ids = with_new_ids(structure, numbered_ids(5_000))
    assert not any(old in str(dump(renewed)) for old in ids)
    assert with_new_ids(renewed, iter([*ids]).__next__)[0] == structure
