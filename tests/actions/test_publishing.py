import asyncio

import pytest
from sqlalchemy import select
from tests.actions_kit import EDITOR, Desk

from keepstep.actions.confirm import Consent
from keepstep.actions.drafts import replace_draft
from keepstep.actions.publishing import Publishing, publish_draft, roll_back
from keepstep.actions.wizards import NewWizard, WizardPatch, change_wizard, create_wizard
from keepstep.core.structure import dump
from keepstep.db.tables import version_option_sets
from keepstep.errors import NothingToPublish, PreconditionRequired, Problem, Stale, StructureInvalid, VersionNotFound
from keepstep.queries.drafts import get_draft
from keepstep.queries.history import list_versions
from keepstep.queries.versions import version_by_number
from keepstep.queries.wizards import get_wizard


async def test_publishing_makes_the_next_version_and_leaves_the_draft(desk: Desk) -> None:
    survey = await desk.survey()
    draft = await desk.read(get_draft, EDITOR, survey.wizard)
    assert (draft.wizard.active_version_number, draft.wizard.draft_revision) == (1, 1)
    version = await desk.read(version_by_number, survey.wizard, 1)
    assert version.structure == draft.draft.structure


async def test_a_version_has_a_row_for_each_option_set_as_it_was(desk: Desk) -> None:
    survey = await desk.survey()
    rows = await desk.read(lambda tx: tx.rows(select(version_option_sets).order_by(version_option_sets.c.position)))
    assert [(row.option_set_id, row.step_id, row.key) for row in rows][:2] == [
        (survey.full_name, survey.personal_info, "full-name"),
        (survey.email, survey.personal_info, "email"),
    ]
    assert rows[2].option_set_snapshot["options"][0] == {"value": "blue", "label": "Blue"}
    assert rows[2].step_snapshot == {"id": survey.preferences, "key": "preferences", "name": "Preferences"}


async def test_an_unchanged_draft_is_not_published_again(desk: Desk) -> None:
    survey = await desk.survey()
    with pytest.raises(NothingToPublish):
        await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="1"))


async def test_publishing_needs_the_state_that_was_seen(desk: Desk) -> None:
    survey = await desk.survey(publish=False)
    with pytest.raises(PreconditionRequired):
        await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen=None))
    await desk.do(change_wizard, survey.wizard, WizardPatch(name="Renamed"))
    with pytest.raises(Stale) as stale:
        await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="1"))
    assert stale.value.extra["etag"] == "2"
    assert [edit["edit"] for edit in stale.value.extra["changed"]["edits"]] == ["Change wizard: name"]


async def test_a_dangling_reference_stops_publishing_and_is_named(desk: Desk) -> None:
    created = await desk.do(create_wizard, NewWizard(name="A"))
    missing = {"==": [{"var": "0190f5e0-1111-7111-8111-111111111111"}, 1]}
    question = {"name": "Q", "selection_type": "text_input", "visible_if": missing}
    structure = {"name": "A", "steps": [{"name": "One", "option_sets": [question]}]}
    await desk.do(replace_draft, created.wizard.id, structure, "1")
    with pytest.raises(StructureInvalid) as invalid:
        await desk.do(publish_draft, created.wizard.id, Publishing(), Consent(seen="2"))
    assert invalid.value.errors[0]["pointer"].startswith("/steps/0/option_sets/0/visible_if")


async def test_of_two_publishes_at_once_exactly_one_wins(desk: Desk) -> None:
    survey = await desk.survey(publish=False)
    attempts = [desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="1")) for _ in range(2)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted(isinstance(result, Problem) for result in results) == [False, True]
    wizard = await desk.read(get_wizard, EDITOR, survey.wizard, "view")
    assert [line.number for line in await desk.read(list_versions, wizard, limit=9)] == [1]


async def test_rollback_adds_a_version_and_an_unchanged_draft_follows_it(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_wizard, survey.wizard, WizardPatch(name="Second"))
    await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="2"))
    back = await desk.do(roll_back, survey.wizard, Publishing(rolls_back_to=1, change_summary="Oops"), Consent(seen="2"))
    assert (back.version.number, back.draft_kept, back.wizard.draft_revision) == (3, False, 3)
    first = await desk.read(version_by_number, survey.wizard, 1)
    assert (back.version.structure, back.version.digest) == (first.structure, first.digest)
    draft = await desk.read(get_draft, EDITOR, survey.wizard)
    assert dump(draft.draft.structure) == dump(first.structure)
    assert draft.wizard.name == "Customer Survey"


async def test_rollback_keeps_a_draft_that_has_changes_of_its_own(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_wizard, survey.wizard, WizardPatch(name="Second"))
    await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="2"))
    await desk.do(change_wizard, survey.wizard, WizardPatch(name="Third"))
    back = await desk.do(roll_back, survey.wizard, Publishing(rolls_back_to=1), Consent(seen="3"))
    assert (back.version.number, back.draft_kept, back.wizard.draft_revision, back.wizard.name) == (3, True, 3, "Third")


async def test_rolling_back_to_what_is_active_or_was_never_there_is_refused(desk: Desk) -> None:
    survey = await desk.survey()
    with pytest.raises(NothingToPublish):
        await desk.do(roll_back, survey.wizard, Publishing(rolls_back_to=1), Consent(seen="1"))
    with pytest.raises(VersionNotFound):
        await desk.do(roll_back, survey.wizard, Publishing(rolls_back_to=7), Consent(seen="1"))
