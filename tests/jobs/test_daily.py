"""The work of a day: what time alone brings about, done once, and begun anew without harm."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from tests.actions_kit import ADMIN, Desk, new_id
from tests.jobs_kit import Calendar

from keepstep.actions.runs import complete_run, save_answers
from keepstep.actions.wizards import WizardPatch, change_wizard
from keepstep.config import Resources
from keepstep.core.permissions import Actor
from keepstep.db.tables import audit_events, checkpoints, files, passages, sessions, start_tries, users, wizard_runs
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import Forbidden
from keepstep.interchange.checkpoint_file import trusted
from keepstep.jobs import daily
from keepstep.jobs.daily import do_daily_work, is_due
from keepstep.queries.daily import last_daily_work
from keepstep.queries.integrity import verify
from keepstep.queries.runs import get_run, load_run


async def _state(desk: Desk, run_id: str) -> Any:
    return await desk.read(get_run, ADMIN, run_id)


async def _status(desk: Desk, run_id: str) -> str:
    return str((await _state(desk, run_id)).status)


async def test_a_run_that_nobody_saved_for_the_days_of_its_wizard_is_abandoned(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    silent = await desk.run(survey.wizard, complete=False, full_name="Ada")
    done = await desk.run(survey.wizard, full_name="Ada")
    assert (await do_daily_work(resources))["abandoned"] == 1
    assert (await _status(desk, silent), await _status(desk, done)) == ("abandoned", "completed")
    assert (await do_daily_work(resources))["abandoned"] == 0


async def test_the_wait_is_the_wizards_own(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, complete=False)
    await desk.do(change_wizard, survey.wizard, WizardPatch(settings={"abandon_after": 365}))
    await do_daily_work(resources)
    assert await _status(desk, run) == "in_progress"


async def test_an_abandoned_run_goes_on_where_it_was(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, complete=False, full_name="Ada")
    before = await _state(desk, run)
    await do_daily_work(resources)
    after = await _state(desk, run)
    # The ETag that the respondent's page holds is still good.
    assert (after.answers, after.revision, after.save_number) == (before.answers, before.revision, before.save_number)
    await desk.do(save_answers, run, {"email": "ada@example.org"}, f"{after.revision}.{after.save_number}")
    assert await _status(desk, run) == "in_progress"


async def test_a_run_in_the_trash_stays_as_it_is(desk: Desk, resources: Resources) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, complete=False)
    async with open_write(desk.engine) as tx:
        await tx.execute(update(wizard_runs).where(wizard_runs.c.id == run).values(trashed_at=resources.now()))
    await do_daily_work(resources)
    assert await _status(desk, run) == "in_progress"


async def test_many_silent_runs_take_many_transactions(desk: Desk, resources: Resources, monkeypatch: Any) -> None:
    survey = await desk.survey()
    for _ in range(5):
        await desk.run(survey.wizard, complete=False)
    for module in ("keepstep.actions.daily.AT_ONCE", "keepstep.jobs.daily.AT_ONCE"):
        monkeypatch.setattr(module, 2)
    assert (await do_daily_work(resources))["abandoned"] == 5
    marked = select(audit_events.c.details).where(audit_events.c.action == "wizard.runs_abandoned").order_by(audit_events.c.id)
    async with open_read(desk.engine) as tx:
        assert [details["runs"] for details in await tx.scalars(marked)] == [2, 2, 1]


async def test_sessions_that_are_over_go_and_others_stay(desk: Desk, resources: Resources) -> None:
    user, now = new_id(), resources.now()
    async with open_write(desk.engine) as tx:
        await tx.execute(insert(users).values(id=user, email="a@example.org", name="A", role="editor", created_at=now))
        past, idle, later = now - timedelta(seconds=1), now - timedelta(hours=13), now + timedelta(days=1)
        for number, (used, ends) in enumerate(((past, past), (idle, later), (now, later))):
            row = {"digest": bytes([number]) * 32, "user_id": user, "created_at": used, "used_at": used, "expires_at": ends}
            await tx.execute(insert(sessions).values(row))
    assert (await do_daily_work(resources))["sessions"] == 2
    async with open_read(desk.engine) as tx:
        assert await tx.scalar(select(func.count()).select_from(sessions)) == 1


async def test_links_to_resume_that_are_over_go_and_their_runs_stay(desk: Desk, resources: Resources) -> None:
    survey, now = await desk.survey(), resources.now()
    runs = [await desk.run(survey.wizard, complete=False, full_name="Ada") for _ in range(2)]
    async with open_write(desk.engine) as tx:
        for number, (run, ends) in enumerate(zip(runs, (now, now + timedelta(seconds=1)), strict=True)):
            row = {"run_id": run, "digest": bytes([number]) * 32, "nonce": bytes(16), "created_at": now, "expires_at": ends, "forms": {}}
            await tx.execute(insert(passages).values(row))
    assert [(await do_daily_work(resources))["passages"] for _ in range(2)] == [1, 0]
    async with open_read(desk.engine) as tx:
        assert await tx.scalars(select(passages.c.run_id)) == [runs[1]]
        assert (await load_run(tx, runs[0])).answers == (await load_run(tx, runs[1])).answers != {}


async def test_counts_of_starts_go_when_nothing_is_measured_by_them(desk: Desk, resources: Resources) -> None:
    now = resources.now()
    async with open_write(desk.engine) as tx:
        for number, hours in enumerate((0, 1, 50)):
            row = {"key": bytes([number]) * 32, "since": now - timedelta(hours=hours), "tries": 1}
            await tx.execute(insert(start_tries).values(row))
    assert (await do_daily_work(resources))["starts"] == 1
    async with open_read(desk.engine) as tx:
        assert await tx.scalars(select(start_tries.c.key).order_by(start_tries.c.key)) == [bytes([0]) * 32, bytes([1]) * 32]


async def test_an_upload_that_no_answer_named_goes_with_its_bytes_after_a_week(
    desk: Desk, resources: Resources, calendar: Calendar
) -> None:
    survey = await desk.survey()
    blob = await resources.blobs.write(_once(b"given up"))
    row = {"id": new_id(), "wizard_id": survey.wizard, "sha256": bytes.fromhex(blob.sha256), "size": blob.size}
    row |= {"media_type": "text/plain", "name": "a.txt", "uploaded_at": resources.now()}
    async with open_write(desk.engine) as tx:
        await tx.execute(insert(files).values(row))
    assert (await do_daily_work(resources))["uploads"] == 0
    calendar.pass_by(days=8)
    done = await do_daily_work(resources)
    assert (done["uploads"], done["contents"], await resources.blobs.has(blob.sha256)) == (1, 1, False)


async def _once(content: bytes) -> Any:
    yield content


async def test_a_signed_checkpoint_is_written_once_a_day(desk: Desk, resources: Resources, calendar: Calendar) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, full_name="Ada")
    await do_daily_work(resources)
    await do_daily_work(resources)
    [path] = (resources.settings.home / "checkpoints").iterdir()
    with path.open("rb") as lines:
        kept = trusted(lines, resources.secret)
    assert (path.name, kept.cause, dict(kept.counts)) == ("2026-06-01.jsonl", "daily", {"version": 1, "run": 1, "erasure": 0})
    async with open_read(desk.engine) as tx:
        assert await tx.scalars(select(checkpoints.c.id)) == [kept.id]


async def test_only_the_last_checkpoints_stay_in_the_home(resources: Resources) -> None:
    folder = resources.settings.home / "checkpoints"
    folder.mkdir(parents=True)
    for day in range(1, 32):
        (folder / f"2026-05-{day:02}.jsonl").touch()
    (folder / "mine.txt").touch()
    await do_daily_work(resources)
    names = sorted(path.name for path in folder.iterdir())
    assert (len(names), names[0], names[-1]) == (31, "2026-05-03.jsonl", "mine.txt")


async def test_it_is_due_once_a_day_and_on_record_with_its_counts(desk: Desk, resources: Resources, calendar: Calendar) -> None:
    assert await is_due(resources)
    done = await do_daily_work(resources)
    assert not await is_due(resources)
    last = await desk.read(last_daily_work)
    assert last is not None
    assert (last.at, last.done) == (resources.now(), done)
    calendar.pass_by(days=1)
    assert await is_due(resources)


async def test_what_was_cut_short_is_due_and_begun_anew(desk: Desk, resources: Resources, monkeypatch: Any) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, complete=False)

    async def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(daily, "sweep", fail)
        with pytest.raises(OSError, match="disk is full"):
            await do_daily_work(resources)
    assert await is_due(resources)
    assert await _status(desk, run) == "abandoned"
    assert (await do_daily_work(resources))["abandoned"] == 0
    assert not await is_due(resources)


async def test_verify_finds_nothing_after_it_and_the_trail_holds_no_answer(desk: Desk, resources: Resources, tmp_path: Path) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, complete=False, full_name="Ada Unforgotten")
    await do_daily_work(resources)
    async with open_read(desk.engine) as tx:
        assert (await verify(tx)).is_intact
        trail = [json.dumps(details) for details in await tx.scalars(select(audit_events.c.details))]
    assert not any("Unforgotten" in text for text in trail)
    state = await _state(desk, run)
    await desk.do(complete_run, run, f"{state.revision}.{state.save_number}")
    async with open_read(desk.engine) as tx:
        assert (await verify(tx)).is_intact


async def test_who_may_not_administer_does_none_of_it(resources: Resources) -> None:
    editor = Actor(id=new_id(), name="Edith", role="editor", channel="web")
    with pytest.raises(Forbidden):
        await do_daily_work(resources, editor)
