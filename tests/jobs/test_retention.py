"""Runs whose time is up go with the daily work: counted before, only what is due, once, and without a trace of what was answered."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import func, select, update
from tests.actions_kit import ADMIN, Desk, Survey, new_id
from tests.factories import option_set, step, wizard
from tests.jobs_kit import Calendar

from keepstep.actions.confirm import Consent
from keepstep.actions.context import Context
from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.files import Upload, store_file
from keepstep.actions.publishing import Publishing, publish_draft
from keepstep.actions.retention import Due, apply_retention, preview_retention
from keepstep.actions.runs import RunRequest, save_answers, start_run, untrash_run
from keepstep.actions.wizards import NewWizard, WizardPatch, change_wizard, create_wizard
from keepstep.config import Resources
from keepstep.core.permissions import Actor
from keepstep.core.retention import AFTER, THEN, Retention, RunTimes, is_due
from keepstep.db.tables import audit_events, erasures, files, wizard_runs, wizards
from keepstep.db.transaction import Write, open_read, open_write
from keepstep.errors import Forbidden, ImpactUnconfirmed, RequestInvalid
from keepstep.jobs.daily import WORKER, do_daily_work
from keepstep.jobs.retention import retain
from keepstep.queries.integrity import verify
from keepstep.queries.retention import due_filter
from keepstep.queries.run_lists import ids_listed
from keepstep.queries.runs import get_run

SECOND = timedelta(seconds=1)
TRASH = {"after": "completion", "days": 30, "then": "trash"}
ERASE = TRASH | {"then": "erase"}


async def counted(desk: Desk, resources: Resources, wizard_id: str, rule: Any, actor: Actor = ADMIN) -> Due:
    async with open_read(desk.engine) as tx:
        return await preview_retention(resources.context(actor), tx, wizard_id, rule)


async def switch_on(desk: Desk, resources: Resources, wizard_id: str, rule: Any, confirm: str | None = None) -> None:
    token = confirm or (await counted(desk, resources, wizard_id, rule)).confirm
    async with open_write(desk.engine) as tx:
        await change_wizard(resources.context(ADMIN), tx, wizard_id, WizardPatch(settings={"retention": rule}), token)


async def row_of(desk: Desk, run_id: str) -> Any:
    async with open_read(desk.engine) as tx:
        return await tx.row(select(wizard_runs).where(wizard_runs.c.id == run_id))


async def details_of(desk: Desk, action: str) -> list[Any]:
    async with open_read(desk.engine) as tx:
        return list(await tx.scalars(select(audit_events.c.details).where(audit_events.c.action == action).order_by(audit_events.c.id)))


async def is_intact(desk: Desk) -> bool:
    async with open_read(desk.engine) as tx:
        result = await verify(tx)
    assert result.findings == []
    return result.is_intact


# --- switching it on ---------------------------------------------------------------------------------------------------


async def test_the_dry_run_counts_by_version_and_state_and_does_nothing(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, full_name="Ada")
    await desk.run(survey.wizard, complete=False)
    shown = (await counted(desk, resources, survey.wizard, TRASH)).to_json()
    assert (shown["runs"], shown["by_version"]) == (1, [{"version_number": 1, "by_status": {"completed": 1}}])
    by_activity = await counted(desk, resources, survey.wizard, TRASH | {"after": "last_activity"})
    assert by_activity.runs.by_version == {1: {"completed": 1, "in_progress": 1}}
    assert (await do_daily_work(resources))["trashed_by_rule"] == 0


async def test_a_rule_is_off_until_somebody_who_saw_the_counts_switches_it_on(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard)
    with pytest.raises(ImpactUnconfirmed) as refused:
        await switch_on(desk, resources, survey.wizard, TRASH, "no token of ours")
    assert refused.value.extra["runs"] == 1
    await switch_on(desk, resources, survey.wizard, TRASH)
    assert (await do_daily_work(resources))["trashed_by_rule"] == 1


@pytest.mark.parametrize("other", ["rule", "run", "person", "wizard"])
async def test_a_token_is_good_for_what_was_counted_and_for_nothing_else(desk: Desk, resources: Resources, other: str) -> None:
    survey, second = await desk.survey(), await desk.survey(slug="second")
    actor = Actor(id=new_id(), name="Other", role="admin", channel="web") if other == "person" else ADMIN
    token = (await counted(desk, resources, survey.wizard, TRASH, actor)).confirm
    if other == "run":
        await desk.run(survey.wizard)
    target = second.wizard if other == "wizard" else survey.wizard
    with pytest.raises(ImpactUnconfirmed):
        await switch_on(desk, resources, target, TRASH | {"days": 31} if other == "rule" else TRASH, token)
    async with open_read(desk.engine) as tx:
        assert await tx.scalars(select(wizards.c.settings).order_by(wizards.c.slug)) == [{}, {}]


async def test_admins_alone_switch_it_on_and_off_and_others_set_the_rest(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    with pytest.raises(Forbidden):
        await desk.read(preview_as_editor, desk, survey)
    with pytest.raises(Forbidden):
        await desk.do(change_wizard, survey.wizard, WizardPatch(settings={"retention": TRASH}))
    await switch_on(desk, resources, survey.wizard, TRASH)
    with pytest.raises(Forbidden):
        await desk.do(change_wizard, survey.wizard, WizardPatch(settings={"retention": None}))
    changed = await desk.do(change_wizard, survey.wizard, WizardPatch(settings={"abandon_after": 9}))
    assert changed.settings == {"abandon_after": 9, "retention": TRASH}
    off = await desk.as_(ADMIN).do(change_wizard, survey.wizard, WizardPatch(settings={"retention": None}))
    assert off.settings == {"abandon_after": 9}


async def preview_as_editor(tx: Any, desk: Desk, survey: Survey) -> Due:
    return await preview_retention(desk.context(), tx, survey.wizard, TRASH)


async def test_a_rule_that_does_not_fit_is_refused_at_its_place(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    for act in (counted, switch_on):
        with pytest.raises(RequestInvalid) as refused:
            await act(desk, resources, survey.wizard, {**TRASH, "days": 0, "then": "burn"})
        assert [each["pointer"] for each in refused.value.errors] == ["/settings/retention/days", "/settings/retention/then"]


# --- what is due -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "then"), list(product(AFTER, THEN)))
async def test_the_database_finds_just_the_runs_that_are_due(desk: Desk, resources: Resources, after: Any, then: Any) -> None:
    survey, now = await desk.survey(), resources.now()
    edge = now - timedelta(days=30)
    async with open_write(desk.engine) as tx:
        for complete, moment, trashed, erased in product((True, False), (edge, edge - SECOND), (None, now), (False, True)):
            await _run_at(tx, replace(resources.context(ADMIN), now=moment), survey.wizard, (complete, trashed, erased))
    rule = Retention(after, 30, then)
    async with open_read(desk.engine) as tx:
        own = wizard_runs.c
        rows = await tx.rows(select(own.id, own.status, own.updated_at, own.completed_at, own.trashed_at, own.erased_at).order_by(own.id))
        found = await ids_listed(tx, survey.wizard, due_filter(rule, now), limit=100)
    due = [row.id for row in rows if is_due(rule, RunTimes(**{name: getattr(row, name) for name in RunTimes.__slots__}), now)]
    assert found == due
    assert 0 < len(due) < len(rows) == 16


async def _run_at(tx: Write, ctx: Context, wizard_id: str, how: tuple[bool, datetime | None, bool]) -> None:
    """A run that everything happened to at the moment of the context, but for the trash."""
    complete, trashed, erased = how
    made = await start_run(ctx, tx, wizard_id, RunRequest(answers={"full-name": "Ada"}, complete=complete))
    if erased:
        await erase_run(ctx, tx, made.state.id, ErasureRequest(reason="asked for"))
    await tx.execute(update(wizard_runs).where(wizard_runs.c.id == made.state.id).values(trashed_at=trashed))


# --- what the daily work does ------------------------------------------------------------------------------------------


async def test_runs_that_are_due_go_to_the_trash_and_others_stay(desk: Desk, resources: Resources, calendar: Calendar) -> None:
    survey, other = await desk.survey(), await desk.survey(slug="other")
    runs = [await desk.run(survey.wizard, full_name="Ada"), await desk.run(survey.wizard, complete=False), await desk.run(other.wizard)]
    await switch_on(desk, resources, survey.wizard, TRASH | {"days": 100})
    assert (await do_daily_work(resources))["trashed_by_rule"] == 0
    calendar.pass_by(days=20)
    assert (await do_daily_work(resources))["trashed_by_rule"] == 1
    assert [(await row_of(desk, run)).trashed_at is not None for run in runs] == [True, False, False]
    assert (await do_daily_work(resources))["trashed_by_rule"] == 0
    assert await is_intact(desk)


async def test_somebody_who_comes_back_to_a_run_keeps_it_by_last_activity(desk: Desk, resources: Resources, calendar: Calendar) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, full_name="Ada")
    await switch_on(desk, resources, survey.wizard, TRASH | {"after": "last_activity"})
    async with open_write(desk.engine) as tx:
        await save_answers(resources.context(ADMIN), tx, run, {"email": "ada@example.org"}, "1.0")
    assert (await do_daily_work(resources))["trashed_by_rule"] == 0
    calendar.pass_by(days=31)
    assert (await do_daily_work(resources))["trashed_by_rule"] == 1
    async with open_write(desk.engine) as tx:
        await untrash_run(resources.context(ADMIN), tx, run)
    assert (await do_daily_work(resources))["trashed_by_rule"] == 0


async def test_erased_runs_leave_tombstones_and_no_answer_anywhere(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    runs = [await desk.run(survey.wizard, full_name="Ada Unforgotten"), await desk.run(survey.wizard, complete=False, email="a@x.org")]
    await switch_on(desk, resources, survey.wizard, ERASE | {"after": "last_activity"})
    assert (await do_daily_work(resources))["erased_by_rule"] == 2
    for run in runs:
        state = await desk.read(get_run, ADMIN, run)
        assert (state.answers, state.erased_at) == ({}, resources.now())
    async with open_read(desk.engine) as tx:
        reasons = await tx.scalars(select(erasures.c.reason))
        trail = json.dumps([*await tx.scalars(select(audit_events.c.details))], default=str)
    assert list(reasons) == ["Retention rule of the wizard: 30 days after last activity."] * 2
    assert "Unforgotten" not in trail
    assert await is_intact(desk)
    assert (await do_daily_work(resources))["erased_by_rule"] == 0


async def test_the_bytes_of_an_erased_run_go_with_it(desk: Desk, resources: Resources) -> None:
    structure = wizard(step("only", option_set("photo", "file")))
    made = await desk.do(create_wizard, NewWizard(structure=structure, slug="photos"))
    await desk.do(publish_draft, made.wizard.id, Publishing(), Consent(seen="1"))
    file = await desk.do(store_file, made.wizard.id, resources.blobs, Upload(_once(b"me"), "a.txt", "text/plain"))
    await desk.do(start_run, made.wizard.id, RunRequest(answers={"photo": [file.to_json()]}, complete=True))
    await switch_on(desk, resources, made.wizard.id, ERASE)
    assert await resources.blobs.has(file.sha256)
    await retain(resources, WORKER, made.wizard.id)
    assert not await resources.blobs.has(file.sha256)
    async with open_read(desk.engine) as tx:
        assert await tx.scalar(select(func.count()).select_from(files)) == 0
    assert (await details_of(desk, "wizard.retention_applied"))[0]["files"] == 1


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_the_trash_is_no_shelter_from_erasure_and_neither_is_that_of_wizards(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, full_name="Ada")
    async with open_write(desk.engine) as tx:
        await tx.execute(update(wizard_runs).where(wizard_runs.c.id == run).values(trashed_at=resources.now()))
    await switch_on(desk, resources, survey.wizard, ERASE)
    async with open_write(desk.engine) as tx:
        await tx.execute(update(wizards).where(wizards.c.id == survey.wizard).values(trashed_at=resources.now()))
    assert (await do_daily_work(resources))["erased_by_rule"] == 1


@pytest.mark.parametrize(("rule", "kind"), [(TRASH, "trashed_by_rule"), (ERASE, "erased_by_rule")])
async def test_many_runs_take_many_transactions_each_on_record_by_its_counts(
    desk: Desk, resources: Resources, monkeypatch: pytest.MonkeyPatch, rule: Any, kind: str
) -> None:
    survey = await desk.survey()
    for _ in range(5):
        await desk.run(survey.wizard, full_name="Ada")
    await switch_on(desk, resources, survey.wizard, rule)
    monkeypatch.setattr("keepstep.actions.retention.AT_ONCE", {"trash": 2, "erase": 2})
    assert (await do_daily_work(resources))[kind] == 5
    events = await details_of(desk, "wizard.retention_applied")
    assert [event["runs"] for event in events] == [2, 2, 1]
    counts = {"answers", "files"} if rule is ERASE else set()
    assert events[0].keys() == {"runs", "after", "days", "then"} | counts


async def test_one_piece_that_was_cut_short_leaves_what_it_did_and_the_next_does_the_rest(
    desk: Desk, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = await desk.survey()
    runs = [await desk.run(survey.wizard, full_name="Ada") for _ in range(3)]
    await switch_on(desk, resources, survey.wizard, ERASE)
    monkeypatch.setattr("keepstep.actions.retention.AT_ONCE", {"erase": 1})
    async with open_write(desk.engine) as tx:
        assert (await apply_retention(resources.context(WORKER), tx, survey.wizard)).runs == 1
    with pytest.raises(OSError, match="cut"):
        await _cut_short(resources, survey)
    assert [(await row_of(desk, run)).erased_at is not None for run in runs] == [True, False, False]
    assert (await do_daily_work(resources))["erased_by_rule"] == 2


async def _cut_short(resources: Resources, survey: Survey) -> None:
    async with open_write(resources.engine) as tx:
        assert (await apply_retention(resources.context(WORKER), tx, survey.wizard)).runs == 1
        raise OSError("cut")


async def test_switched_off_nothing_goes_any_more(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard)
    await switch_on(desk, resources, survey.wizard, ERASE)
    await desk.as_(ADMIN).do(change_wizard, survey.wizard, WizardPatch(settings={"retention": None}))
    assert (await do_daily_work(resources))["erased_by_rule"] == 0


async def test_who_may_not_administer_applies_no_rule(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    editor = Actor(id=new_id(), name="Edith", role="editor", channel="web")
    with pytest.raises(Forbidden):
        await retain(resources, editor, survey.wizard)
