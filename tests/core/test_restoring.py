"""Restoring one question from a version, case by case; what holds for all of them is in tests/laws/test_restoring.py."""

import pytest
from tests.small_structures import choice, page, pid, qid, question, wizard

from keepstep.core import edits as e
from keepstep.core.edit import apply
from keepstep.core.edits import Draft
from keepstep.core.keys import Reserved
from keepstep.core.restoring import place_is_open, restoring
from keepstep.core.structure import choices_of, dump
from keepstep.errors import NodeNotFound, RequestInvalid

VERSION = wizard(page(1, question(1), choice(2), question(3)), page(2, question(4)))


def drafted(*edits: e.Edit, start: Draft | None = None) -> Draft:
    draft = start or Draft(VERSION)
    for edit in edits:
        draft = apply(draft, edit).draft
    return draft


def restored(draft: Draft, number: int, step: str | None = None) -> Draft:
    return apply(draft, restoring(draft, (3, VERSION), qid(number), step_id=step)).draft


def test_a_deleted_question_comes_back_behind_what_it_stood_behind() -> None:
    draft = restored(drafted(e.DeleteOptionSet(option_set_id=qid(2)), e.MoveOptionSet(option_set_id=qid(1), position=1)), 2)
    assert [item.id for item in draft.structure.steps[0].option_sets] == [qid(3), qid(1), qid(2)]
    assert draft.shelf == ()


def test_an_option_that_came_later_goes_to_the_shelf_also_when_the_question_itself_was_deleted() -> None:
    later = drafted(e.AddOption(option_set_id=qid(2), node={"value": "maybe", "label": "Maybe"}), e.DeleteOptionSet(option_set_id=qid(2)))
    draft = restored(later, 2)
    assert [option.value for option in choices_of(draft.structure.option_set_by_id[qid(2)])] == ["yes", "no"]
    assert [item.id for item in draft.shelf] == [f"{qid(2)}/maybe"]


def test_a_key_that_it_was_given_later_stays_its_own() -> None:
    draft = restored(drafted(e.ChangeOptionSet(option_set_id=qid(1), fields={"key": "nickname"})), 1)
    assert draft.structure.option_set_by_id[qid(1)].key == "q1"
    assert draft.structure.option_set_by_id[qid(1)].key_aliases == ("nickname",)
    gone = drafted(e.DeleteOptionSet(option_set_id=qid(1)))
    edit = restoring(gone, (3, VERSION), qid(1), reserved=Reserved(keys={"nickname": qid(1), "q2": qid(2)}))
    assert edit.node["key_aliases"] == ["nickname"]


def test_a_retyped_question_is_of_its_old_type_again() -> None:
    changed = drafted(e.ChangeOptionSet(option_set_id=qid(2), fields={"selection_type": "multiple_select", "name": "Else"}))
    assert dump(restored(changed, 2).structure) == dump(VERSION)


def test_without_its_step_somebody_has_to_say_where_it_goes() -> None:
    draft = drafted(e.DeleteStep(step_id=pid(2)))
    assert place_is_open(draft.structure, VERSION, qid(4))
    with pytest.raises(RequestInvalid, match="which step"):
        restored(draft, 4)
    assert restored(draft, 4, pid(1)).structure.step_of[qid(4)].id == pid(1)


def test_what_the_version_does_not_have_cannot_come_from_it() -> None:
    with pytest.raises(NodeNotFound, match="Version 3"):
        restored(Draft(VERSION), 9)


def test_the_undo_menu_names_the_question_and_the_version() -> None:
    draft = drafted(e.DeleteOptionSet(option_set_id=qid(1)))
    assert apply(draft, restoring(draft, (3, VERSION), qid(1))).name == "Restore question “Question 1” as in version 3"
