"""What each edit of a draft does, what goes to the shelf, and what is refused with which sentence."""

import time
from typing import Any

import pytest
from tests.change_examples import AGE, COLOR, EMAIL, INFO, NAME, PREFERENCES, survey

from keepstep.core import edits as e
from keepstep.core.edit import apply
from keepstep.core.edits import Draft, Edit, collide, touches
from keepstep.core.keys import FreeKeys, Reserved, following_key, free_key
from keepstep.core.reviving import Wanted, bringing_back, draft_before, is_there, lost
from keepstep.core.structure import choices_of, dump
from keepstep.errors import IdConflict, KeyReserved, NodeNotFound, OptionValueReserved, StructureInvalid, UndoBlocked

FIRST = Draft(survey())
NEW = NAME[:-1] + "9"


def after(*edits: Edit, draft: Draft = FIRST) -> Draft:
    for edit in edits:
        draft = apply(draft, edit).draft
    return draft


def changing(**fields: Any) -> Edit:
    return e.ChangeOptionSet(option_set_id=COLOR, fields=fields)


def values(draft: Draft) -> list[str]:
    return [option.value for option in choices_of(draft.structure.option_set_by_id[COLOR])]


# --- the shelf -----------------------------------------------------------------------------------------------------


def test_a_deleted_step_lies_on_the_shelf_with_its_questions() -> None:
    (shelved,) = after(e.DeleteStep(step_id=INFO)).shelf
    assert (shelved.kind, shelved.name, shelved.position) == ("step", "Personal Info", 0)
    assert [node["id"] for node in shelved.node["option_sets"]] == [NAME, EMAIL]


def test_a_restored_step_is_the_one_that_was_deleted() -> None:
    assert after(e.DeleteStep(step_id=INFO), e.RestoreStep(step_id=INFO)) == FIRST


def test_a_restored_option_takes_its_old_place() -> None:
    draft = after(e.DeleteOption(option_set_id=COLOR, value="blue"))
    assert [item.id for item in draft.shelf] == [f"{COLOR}/blue"]
    assert after(e.RestoreOption(option_set_id=COLOR, value="blue"), draft=draft) == FIRST


def test_what_lies_on_the_shelf_as_a_question_is_not_restored_as_a_step() -> None:
    with pytest.raises(NodeNotFound):
        after(e.DeleteOptionSet(option_set_id=EMAIL), e.RestoreStep(step_id=EMAIL))


def test_a_question_returns_to_another_step_when_its_own_is_gone() -> None:
    draft = after(e.DeleteOptionSet(option_set_id=EMAIL), e.DeleteStep(step_id=INFO))
    with pytest.raises(NodeNotFound, match="restore it from the shelf first"):
        after(e.RestoreOptionSet(option_set_id=EMAIL), draft=draft)
    restored = after(e.RestoreOptionSet(option_set_id=EMAIL, step_id=PREFERENCES), draft=draft)
    assert restored.structure.step_of[EMAIL].id == PREFERENCES


def test_a_whole_new_document_shelves_what_it_lacks_and_takes_back_what_it_has() -> None:
    whole = dump(FIRST.structure)
    without = e.ReplaceStructure(structure=whole | {"steps": whole["steps"][1:]})
    assert [item.id for item in after(without).shelf] == [INFO]
    assert after(without, e.ReplaceStructure(structure=whole)) == FIRST


def test_a_type_without_options_sends_them_to_the_shelf() -> None:
    draft = after(changing(selection_type="text_input"))
    assert [item.id for item in draft.shelf] == [f"{COLOR}/blue", f"{COLOR}/red"]


def test_the_shelf_follows_the_languages() -> None:
    draft = after(e.DeleteOptionSet(option_set_id=EMAIL), e.ChangeWizard(fields={"languages": ["de", "en"], "default_language": "de"}))
    assert draft.shelf[0].node["name"] == {"en": "Email"}
    assert after(e.RestoreOptionSet(option_set_id=EMAIL), draft=draft).structure.option_set_by_id[EMAIL].name == {"en": "Email"}


# --- texts, types, keys --------------------------------------------------------------------------------------------


def test_adding_a_language_rewrites_texts_without_changing_one() -> None:
    draft = after(e.ChangeWizard(fields={"languages": ["en", "de"]}))
    assert draft.structure.name == {"en": "Customer Survey"}
    assert after(e.ChangeWizard(fields={"languages": ["en"]}), draft=draft) == FIRST


def test_a_text_whose_only_language_goes_stays_as_it_was_shown() -> None:
    assert after(e.ChangeWizard(fields={"languages": ["de"], "default_language": "de"})).structure.name == "Customer Survey"


def test_another_type_keeps_what_it_can_hold() -> None:
    draft = after(changing(selection_type="multiple_select", is_required=True))
    assert values(draft) == ["blue", "red"]
    assert draft.structure.option_set_by_id[COLOR].selection_type == "multiple_select"


def test_limits_that_the_new_type_cannot_have_go() -> None:
    limits = e.ChangeOptionSet(option_set_id=AGE, fields={"constraints": {"min": 1, "max_decimals": 2}})
    draft = after(limits, e.ChangeOptionSet(option_set_id=AGE, fields={"selection_type": "integer"}))
    assert dump(draft.structure.option_set_by_id[AGE])["constraints"] == {"min": 1}


def test_a_renamed_key_stays_as_an_alias() -> None:
    draft = after(changing(key="color"))
    assert draft.structure.option_set_by_id[COLOR].key_aliases == ("favorite-color",)
    assert after(changing(key="favorite-color"), draft=draft).structure.option_set_by_id[COLOR].key_aliases == ("color",)


def test_a_new_key_is_spelled_like_the_name() -> None:
    assert free_key("Full Name", (), "question") == "full-name"
    assert free_key("Full Name", {"full-name", "full-name-2"}, "question") == "full-name-3"
    assert free_key("5 größte", (), "question") == "question-5-grote"
    assert free_key("日本", (), "question") == "question"


def test_many_keys_for_one_name_cost_as_much_as_many_names() -> None:
    """Each one used to try every number from the start: 100,000 took minutes, and the whole server waited."""
    started = time.process_time()
    keys = FreeKeys(["question", "question-3"])
    given = [keys.take("Question", "question") for _ in range(20_000)]
    given += [keys.take("x" * 62 + str(10 + n % 90), "question") for n in range(20_000)]
    assert given[:3] == ["question-2", "question-4", "question-5"]
    assert len({*given}) == 40_000
    assert max(map(len, given)) == 64
    assert time.process_time() - started < 5


def test_another_meaning_retires_the_option_and_adds_one_behind_it() -> None:
    split = e.SplitOption(option_set_id=COLOR, value="blue", new_value="navy", fields={"label": "Navy"})
    draft = after(split)
    assert values(draft) == ["blue", "navy", "red"]
    assert [option.retired for option in choices_of(draft.structure.option_set_by_id[COLOR])] == [True, False, False]


def test_another_meaning_retires_the_question_and_adds_one_behind_it() -> None:
    draft = after(e.SplitOptionSet(option_set_id=NAME, new_id=NEW, new_key="nickname", fields={"name": "Nickname"}))
    assert [(item.key, item.retired) for item in draft.structure.steps[0].option_sets][:2] == [("full-name", True), ("nickname", False)]


# --- refusals ------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[Edit, type[Exception], str]] = [
    (e.DeleteStep(step_id=NEW), NodeNotFound, "no such step"),
    (e.RetireOption(option_set_id=COLOR, value="pink"), NodeNotFound, "no option “pink”"),
    (e.RestoreOptionSet(option_set_id=EMAIL), NodeNotFound, "not on the shelf"),
    (e.ChangeOption(option_set_id=COLOR, value="red", fields={"value": "pink"}), StructureInvalid, "never changes"),
    (e.ChangeOptionSet(option_set_id=COLOR, fields={"id": NEW}), StructureInvalid, "never changes"),
    (e.ChangeOptionSet(option_set_id=COLOR, fields={"colour": 1}), StructureInvalid, "Colour"),
    (e.ChangeOptionSet(option_set_id=COLOR, fields={"selection_type": "sundial"}), StructureInvalid, "Selection type"),
    (e.ChangeOptionSet(option_set_id=COLOR, fields={"key": "email"}), KeyReserved, "belongs to another question"),
    (e.ChangeWizard(fields={"steps": []}), StructureInvalid, "steps"),
    (e.ChangeWizard(fields={"languages": ["de"]}), StructureInvalid, "default language"),
    (e.AddStep(node={"id": INFO, "key": "x", "name": "X"}), IdConflict, "already has"),
    (e.AddOption(option_set_id=COLOR, node={"value": "red", "label": "Red"}), StructureInvalid, "this value"),
    (e.AddOption(option_set_id=NAME, node={"value": "red", "label": "Red"}), StructureInvalid, "no options"),
]


@pytest.mark.parametrize(("edit", "problem", "words"), REFUSED)
def test_what_cannot_be_is_refused_with_a_sentence(edit: Edit, problem: type[Exception], words: str) -> None:
    with pytest.raises(problem, match=words):
        apply(FIRST, edit)


def test_a_value_once_used_is_refused_until_it_is_restored() -> None:
    reserved = Reserved(values={COLOR: frozenset({"green"})})
    with pytest.raises(OptionValueReserved, match="Restore that option"):
        apply(FIRST, e.AddOption(option_set_id=COLOR, node={"value": "green", "label": "Grey"}), reserved)


def test_an_option_added_by_itself_never_takes_the_value_of_a_deleted_one() -> None:
    draft = after(e.DeleteOption(option_set_id=COLOR, value="red"))
    with pytest.raises(OptionValueReserved):
        apply(draft, e.AddOption(option_set_id=COLOR, node={"value": "red", "label": "Red"}))
    with pytest.raises(OptionValueReserved):
        apply(draft, e.SplitOption(option_set_id=COLOR, value="blue", new_value="red", fields={}))


def test_a_deleted_value_with_another_label_is_refused_and_with_its_own_comes_back() -> None:
    draft = after(e.DeleteOption(option_set_id=COLOR, value="red"))
    options = dump(FIRST.structure.option_set_by_id[COLOR])["options"]
    assert after(changing(options=options), draft=draft) == FIRST
    with pytest.raises(OptionValueReserved):
        after(changing(options=[options[0], options[1] | {"label": "Rouge"}]), draft=draft)


def test_a_key_once_used_by_another_question_is_refused() -> None:
    with pytest.raises(KeyReserved):
        apply(FIRST, changing(key="old"), Reserved(keys={"old": EMAIL}))
    with pytest.raises(KeyReserved):
        after(e.DeleteOptionSet(option_set_id=EMAIL), changing(key="email"))


def test_the_id_of_something_on_the_shelf_is_refused_to_something_new() -> None:
    node = dump(FIRST.structure.option_set_by_id[EMAIL])
    with pytest.raises(IdConflict, match="restore it"):
        after(e.DeleteOptionSet(option_set_id=EMAIL), e.AddOptionSet(step_id=INFO, node=node))


# --- undo beneath later edits --------------------------------------------------------------------------------------


def test_an_edit_is_undone_beneath_a_later_edit_of_another_option() -> None:
    first = apply(FIRST, e.RetireOption(option_set_id=COLOR, value="red"))
    later = apply(first.draft, e.ChangeOption(option_set_id=COLOR, value="blue", fields={"label": "Navy"}))
    assert not collide(touches(first.inverse), touches(later.inverse))
    undone = after(first.inverse, draft=later.draft)
    assert undone == after(e.ChangeOption(option_set_id=COLOR, value="blue", fields={"label": "Navy"}))


def test_edits_of_one_node_collide() -> None:
    first = apply(FIRST, e.DeleteStep(step_id=INFO))
    assert collide(touches(e.ChangeOptionSet(option_set_id=EMAIL, fields={})), touches(first.inverse)) == {EMAIL}
    assert EMAIL in touches(e.DeleteStep(step_id=INFO), FIRST.structure)


def test_undo_takes_nothing_away_that_came_later() -> None:
    added = apply(FIRST, e.AddStep(node={"id": NEW, "key": "x", "name": "X"}))
    node = {"id": NEW[:-1] + "8", "key": "y", "name": "Y", "selection_type": "date"}
    later = after(e.AddOptionSet(step_id=NEW, node=node), draft=added.draft)
    with pytest.raises(UndoBlocked, match="Later edits put more into"):
        apply(later, added.inverse)


def test_undo_of_what_a_later_edit_took_away_is_blocked() -> None:
    first = apply(FIRST, e.RetireOptionSet(option_set_id=EMAIL))
    with pytest.raises(UndoBlocked):
        after(e.DeleteStep(step_id=INFO), first.inverse, draft=first.draft)


# --- names ---------------------------------------------------------------------------------------------------------

NAMES: list[tuple[Edit, str]] = [
    (e.RetireOption(option_set_id=COLOR, value="red"), "Retire option “Red”"),
    (e.ChangeOption(option_set_id=COLOR, value="red", fields={"label": "Crimson"}), "Rename option “Red” to “Crimson”"),
    (
        e.ChangeOptionSet(option_set_id=COLOR, fields={"is_required": True, "key": "c"}),
        "Change requirement, key of question “Favorite Color”",
    ),
    (e.DeleteStep(step_id=INFO), "Delete step “Personal Info”"),
    (e.AddStep(node={"id": NEW, "key": "x", "name": "More"}), "Add step “More”"),
    (e.ChangeWizard(fields={"description": "x"}), "Change wizard: description"),
]


@pytest.mark.parametrize(("edit", "name"), NAMES)
def test_an_edit_is_named_by_deed_and_object(edit: Edit, name: str) -> None:
    applied = apply(FIRST, edit)
    assert applied.name == name
    assert apply(applied.draft, applied.inverse).name == f"Undo: {name}"


def test_what_lies_on_the_shelf_within_a_step_is_told_from_what_does_not() -> None:
    gone = after(e.DeleteStep(step_id=INFO))
    with pytest.raises(NodeNotFound, match="restore that step"):
        after(e.RestoreOptionSet(option_set_id=EMAIL), draft=gone)
    with pytest.raises(NodeNotFound, match="not on the shelf"):
        after(e.RestoreOptionSet(option_set_id=NEW), draft=gone)


# --- options of a question that has none now -------------------------------------------------------------------------


def test_an_option_of_a_question_that_was_retyped_says_what_is_the_matter_and_the_remedy() -> None:
    draft = after(e.DeleteOption(option_set_id=COLOR, value="blue"), changing(selection_type="text_input"))
    for edit in (e.RestoreOption(option_set_id=COLOR, value="blue"), e.AddOption(option_set_id=COLOR, node={"value": "x", "label": "X"})):
        with pytest.raises(StructureInvalid, match="“Favorite Color” is a short text now, which has no options"):
            apply(draft, edit)
    again = after(changing(selection_type="dropdown"), e.RestoreOption(option_set_id=COLOR, value="blue"), draft=draft)
    assert values(again) == ["blue"]


# --- keys that follow a name -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "published", "wanted"),
    [("email", False, "e-mail"), ("email-2", False, "e-mail"), ("email", True, None), ("email-work-2", False, None), ("mine", False, None)],
)
def test_a_key_follows_its_name_until_it_is_published_or_given_by_hand(key: str, published: bool, wanted: str | None) -> None:
    option_set = FIRST.structure.option_set_by_id[EMAIL].model_copy(update={"key": key})
    reserved = Reserved(keys={"was": EMAIL} if published else {})
    for name in ("E-mail", f"E-mail, {{{{{NAME}}}}}"):
        assert following_key(option_set, name, "en", {"email": EMAIL}, reserved) == wanted


def test_a_key_that_is_given_up_with_the_name_is_free_again() -> None:
    renamed = after(e.ChangeOptionSet(option_set_id=EMAIL, fields={"name": "Age"}, rekey="years"))
    assert (renamed.structure.option_set_by_id[EMAIL].key, renamed.structure.option_set_by_id[EMAIL].key_aliases) == ("years", ())
    with pytest.raises(KeyReserved):
        after(e.ChangeOptionSet(option_set_id=NAME, fields={}, rekey="email"))


# --- what somebody still writes in -----------------------------------------------------------------------------------


def brought_back(draft: Draft, wanted: Wanted) -> Draft:
    while (edit := bringing_back(draft, FIRST.structure, wanted)) is not None:
        draft = apply(draft, edit).draft
    return draft


@pytest.mark.parametrize("wanted", [Wanted(INFO), Wanted(EMAIL), Wanted(COLOR, "blue")])
def test_whatever_is_gone_comes_back_from_the_shelf_or_from_a_former_draft_with_what_it_lay_in(wanted: Wanted) -> None:
    shelved = after(e.DeleteOption(option_set_id=COLOR, value="blue"), e.DeleteStep(step_id=INFO), e.DeleteStep(step_id=PREFERENCES))
    for draft in (shelved, Draft(shelved.structure)):
        assert not is_there(draft.structure, wanted)
        assert lost(draft, FIRST.structure, wanted) is not None
        assert is_there(brought_back(draft, wanted).structure, wanted)
    assert brought_back(FIRST, wanted) == FIRST
    assert lost(FIRST, None, wanted) is None


def test_a_former_draft_is_told_from_what_was_done_since() -> None:
    edits = [changing(help="Why?"), e.DeleteOptionSet(option_set_id=EMAIL), e.MoveStep(step_id=INFO, position=1)]
    draft = FIRST
    inverses: list[Any] = []
    for edit in edits:
        applied = apply(draft, edit)
        draft, inverses = applied.draft, [applied.inverse, *inverses]
    assert draft_before(draft, inverses) == FIRST
    assert draft_before(FIRST, inverses) is None
