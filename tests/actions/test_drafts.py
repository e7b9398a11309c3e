import asyncio

import pytest
from sqlalchemy import func, select
from tests.actions_kit import EDITOR, OTHER_EDITOR, Desk, Survey, new_id

from keepstep.actions.confirm import Consent
from keepstep.actions.drafts import redo_edit, replace_draft, undo_edit, undo_names
from keepstep.actions.nodes import edit_node, fixed
from keepstep.actions.wizards import trash_wizard
from keepstep.core import edits as e
from keepstep.core.edits import Edit
from keepstep.core.structure import dump
from keepstep.db.tables import audit_events, draft_edits, nodes, option_values, reserved_keys
from keepstep.errors import NothingToUndo, Problem, Stale, UndoBlocked, WizardTrashed
from keepstep.queries.drafts import WizardDraft, get_draft, recent_edits


async def draft_of(desk: Desk, survey: Survey) -> WizardDraft:
    return await desk.read(get_draft, EDITOR, survey.wizard)


async def edit(desk: Desk, survey: Survey, wanted: Edit) -> None:
    await desk.do(edit_node, survey.wizard, fixed(wanted), Consent(seen="*"))


def renaming(option_set_id: str, name: str) -> Edit:
    return e.ChangeOptionSet(option_set_id=option_set_id, fields={"name": name})


async def names(desk: Desk, survey: Survey) -> list[object]:
    return [item.name for item in (await draft_of(desk, survey)).draft.structure.option_sets]


async def test_an_edit_is_one_revision_one_line_and_one_event(desk: Desk) -> None:
    survey = await desk.survey()
    await edit(desk, survey, e.RetireOptionSet(option_set_id=survey.email))
    line = (await desk.read(lambda tx: tx.rows(select(draft_edits))))[0]
    assert (line.revision, line.kind, line.name, line.actor) == (2, "edit", "Retire question “Email”", EDITOR.id)
    wanted = select(audit_events.c.details).where(audit_events.c.action == "draft.edited")
    assert await desk.read(lambda tx: tx.scalars(wanted)) == [{"revision": 2, "name": "Retire question “Email”"}]


async def test_an_edit_that_changes_nothing_leaves_no_trace(desk: Desk) -> None:
    survey = await desk.survey()
    await edit(desk, survey, renaming(survey.email, "Email"))
    assert (await draft_of(desk, survey)).etag == "1"
    assert await desk.read(lambda tx: tx.rows(select(draft_edits))) == []


async def recorded(desk: Desk) -> list[int]:
    """How many ids, values and keys are on record."""
    tables = (nodes, option_values, reserved_keys)
    return [await desk.read(lambda tx, t=table: tx.scalar(select(func.count()).select_from(t))) for table in tables]


async def test_ids_are_on_record_with_the_draft_values_and_keys_once_published(desk: Desk) -> None:
    survey = await desk.survey()
    before = await recorded(desk)
    await edit(desk, survey, e.AddOption(option_set_id=survey.color, node={"value": "green", "label": "Green"}))
    age = {"id": new_id(), "key": "age", "name": "Age", "selection_type": "integer"}
    await edit(desk, survey, e.AddOptionSet(step_id=survey.personal_info, node=age))
    assert await recorded(desk) == [before[0] + 1, before[1], before[2]]


async def test_an_addition_that_was_undone_leaves_its_value_free(desk: Desk) -> None:
    survey = await desk.survey()
    green = e.AddOption(option_set_id=survey.color, node={"value": "green", "label": "Green"})
    await edit(desk, survey, green)
    await desk.do(undo_edit, survey.wizard, "2")
    await edit(desk, survey, e.AddOption(option_set_id=survey.color, node={"value": "green", "label": "Gruen"}))
    assert (await draft_of(desk, survey)).etag == "4"


async def test_replacing_the_whole_shelves_what_is_gone_and_takes_back_what_returns(desk: Desk) -> None:
    survey = await desk.survey()
    whole = dump((await draft_of(desk, survey)).draft.structure)
    shorter = whole | {"steps": whole["steps"][:1]}
    await desk.do(replace_draft, survey.wizard, shorter, "1")
    assert [item.id for item in (await draft_of(desk, survey)).draft.shelf] == [survey.preferences]
    await desk.do(replace_draft, survey.wizard, whole, "2")
    state = await draft_of(desk, survey)
    assert (state.draft.shelf, dump(state.draft.structure), state.etag) == ((), whole, "3")


async def test_of_two_writers_at_once_exactly_one_wins(desk: Desk) -> None:
    survey = await desk.survey()
    first = desk.do(edit_node, survey.wizard, fixed(renaming(survey.email, "A")), Consent(seen="1"))
    second = desk.as_(OTHER_EDITOR).do(edit_node, survey.wizard, fixed(renaming(survey.full_name, "B")), Consent(seen="1"))
    results = await asyncio.gather(first, second, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Problem)]
    assert [type(problem) for problem in refused] == [Stale]
    assert refused[0].extra["changed"]["edits"][0]["edit"].startswith("Rename question")


async def test_a_wizard_in_the_trash_takes_no_edits(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(trash_wizard, survey.wizard)
    with pytest.raises(WizardTrashed):
        await edit(desk, survey, renaming(survey.email, "A"))


# --- undo and redo


async def test_undo_and_redo_walk_back_and_forth_through_one_s_own_edits(desk: Desk) -> None:
    survey = await desk.survey()
    for name in ("One", "Two", "Three"):
        await edit(desk, survey, renaming(survey.email, name))
    walked = []
    for action in (undo_edit, undo_edit, undo_edit, redo_edit, redo_edit, undo_edit, redo_edit, redo_edit):
        await desk.do(action, survey.wizard, "*")
        walked.append((await names(desk, survey))[1])
    assert walked == ["Two", "One", "Email", "One", "Two", "One", "Two", "Three"]
    with pytest.raises(NothingToUndo):
        await desk.do(redo_edit, survey.wizard, "*")


async def test_a_new_edit_ends_what_could_be_redone(desk: Desk) -> None:
    survey = await desk.survey()
    await edit(desk, survey, renaming(survey.email, "One"))
    await desk.do(undo_edit, survey.wizard, "*")
    await edit(desk, survey, renaming(survey.full_name, "Name"))
    with pytest.raises(NothingToUndo):
        await desk.do(redo_edit, survey.wizard, "*")


async def test_undo_takes_one_s_own_edit_beneath_another_person_s(desk: Desk) -> None:
    survey = await desk.survey()
    await edit(desk, survey, renaming(survey.email, "Mine"))
    await edit(desk.as_(OTHER_EDITOR), survey, renaming(survey.full_name, "Theirs"))
    await desk.do(undo_edit, survey.wizard, "*")
    assert (await names(desk, survey))[:2] == ["Theirs", "Email"]
    with pytest.raises(NothingToUndo):
        await desk.do(undo_edit, survey.wizard, "*")


async def test_another_person_s_edit_is_undone_by_naming_it(desk: Desk) -> None:
    survey = await desk.survey()
    await edit(desk.as_(OTHER_EDITOR), survey, renaming(survey.full_name, "Theirs"))
    await desk.do(undo_edit, survey.wizard, "*", revision=2)
    assert (await names(desk, survey))[0] == "Full Name"
    with pytest.raises(NothingToUndo):
        await desk.do(undo_edit, survey.wizard, "*", revision=2)
    with pytest.raises(NothingToUndo):
        await desk.do(undo_edit, survey.wizard, "*", revision=77)


async def test_undo_is_blocked_by_a_later_edit_of_the_same_place_and_says_by_which(desk: Desk) -> None:
    survey = await desk.survey()
    await edit(desk, survey, renaming(survey.email, "Mine"))
    await edit(desk.as_(OTHER_EDITOR), survey, renaming(survey.email, "Theirs"))
    with pytest.raises(UndoBlocked) as blocked:
        await desk.do(undo_edit, survey.wizard, "*")
    assert blocked.value.extra["blocked_by"]["revision"] == 3
    await desk.do(undo_edit, survey.wizard, "*", revision=3)
    await desk.do(undo_edit, survey.wizard, "*")
    assert (await names(desk, survey))[1] == "Email"


async def test_undoing_an_addition_and_a_deletion_gives_back_exactly_the_former_draft(desk: Desk) -> None:
    survey = await desk.survey()
    before = (await draft_of(desk, survey)).draft
    await edit(desk, survey, e.DeleteStep(step_id=survey.personal_info))
    await edit(desk, survey, e.AddOption(option_set_id=survey.color, node={"value": "green", "label": "Green"}))
    for _ in range(2):
        await desk.do(undo_edit, survey.wizard, "*")
    assert (await draft_of(desk, survey)).draft == before


async def test_the_menu_names_what_undo_and_redo_are_about(desk: Desk) -> None:
    survey = await desk.survey()
    await edit(desk, survey, renaming(survey.email, "One"))
    await edit(desk, survey, e.RetireOptionSet(option_set_id=survey.color))
    await desk.do(undo_edit, survey.wizard, "*")
    log = await desk.read(recent_edits, survey.wizard, 4)
    menu = undo_names(log, EDITOR.id)
    assert menu == {
        "undo": {"revision": 2, "name": "Rename question “Email” to “One”"},
        "redo": {"revision": 3, "name": "Retire question “Favorite Color”"},
    }
    assert undo_names(log, OTHER_EDITOR.id) == {"undo": None, "redo": None}
