"""What others do while a job is under way: edits, saves, the trash, erasure, new runs, other jobs; and what stops a job."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import ADMIN, Desk
from tests.jobs_kit import Calendar
from tests.migration_kit import Bench, changed, counted, options, question, revisions_of
from tests.tampering import tamper

from keepstep.actions import migration_ends
from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.migration_conflicts import Resolution, resolve_conflict
from keepstep.actions.migration_jobs import cancel_job, pause_job, resume_job, undo_job
from keepstep.actions.runs import RunRequest, complete_run, save_answers, start_run, trash_run
from keepstep.actions.single_moves import SingleMove, move_run
from keepstep.config import Resources
from keepstep.errors import JobState, Stale
from keepstep.jobs.migrations import work_on
from keepstep.queries.migration_conflicts import list_conflicts, list_left
from keepstep.queries.runs import load_run


@pytest.fixture
async def bench(desk: Desk, resources: Resources) -> Bench:
    """Twelve complete runs and three in progress; the second version has the age as a number and several colours."""
    made = await Bench.of(
        desk, resources, question("name"), question("age"), question("colour", "single_select", options=options("red", "blue"))
    )
    await made.answer(12, lambda number: {"name": f"N{number}", "age": str(number), "colour": "red"})
    await made.answer(3, lambda number: {"age": str(number)}, complete=False)
    second = changed(made.structure, age={"selection_type": "integer"}, colour={"selection_type": "multiple_select"})
    await made.publish(second)
    return made


async def test_a_run_that_changed_since_the_preview_is_left_and_listed_with_the_reason(bench: Bench, calendar: Calendar) -> None:
    job = await bench.started(await bench.plan())
    calendar.pass_by(0.01)
    edited, trashed, erased, completed = *bench.runs[:3], bench.runs[12]
    await bench.act(save_answers, edited, {"age": "40"}, "1.0")
    await bench.act(trash_run, trashed)
    async_admin = bench.desk.as_(ADMIN)
    await async_admin.do(erase_run, erased, ErasureRequest(reason="asked for"))
    await bench.act(complete_run, completed, "0.0")
    late = (await bench.act(start_run, bench.wizard, RunRequest(version_number=1, answers={"age": "1"}))).state.id
    calendar.pass_by(0.01)
    done = await bench.finished(job)
    left = {run_id: outcome for run_id, outcome, *_ in await bench.desk.read(list_left, job.id, limit=50)}
    assert left == {
        edited: "changed_since_preview",
        trashed: "trashed",
        erased: "erased",
        completed: "changed_since_preview",
        late: "arrived_late",
    }
    assert (done.state, counted(done).moving, (await bench.on_versions())[2]) == ("completed", 11, 11)
    await bench.proven()


async def test_a_run_that_was_moved_meanwhile_is_listed_whatever_its_neighbours_have_been_through(bench: Bench, calendar: Calendar) -> None:
    """Where it was at the preview is told by its own revisions: it began on the target, and its neighbour's second revision is an edit."""
    (moved,) = await bench.answer(1, lambda _: {"age": 4})
    await bench.act(move_run, moved, SingleMove(target=1), "1.0")
    calendar.pass_by(0.01)
    job = await bench.started(await bench.plan([1], 2))
    calendar.pass_by(0.01)
    edited = bench.runs[0]
    await bench.act(save_answers, edited, {"name": "Ann"}, "1.0")
    await bench.act(move_run, moved, SingleMove(target=2), "2.0")
    await bench.finished(job)
    left = {run_id: outcome for run_id, outcome, *_ in await bench.desk.read(list_left, job.id, limit=50)}
    assert left == {moved: "changed_since_preview", edited: "changed_since_preview"}
    await bench.proven()


async def test_a_respondent_who_is_typing_is_waited_for_and_their_stale_save_says_what_changed(bench: Bench, calendar: Calendar) -> None:
    typing = bench.runs[12]
    job = await bench.started(await bench.plan())
    calendar.pass_by(0.001)
    await bench.act(save_answers, typing, {"name": "Ann"}, "0.0")
    assert await work_on(bench.resources, job.id) == "busy"
    assert ((await bench.job(job.id)).state, (await bench.on_versions())) == ("running", {2: 14, 1: 1})
    calendar.pass_by(0.01)
    await bench.finished(job)
    state = await bench.desk.read(load_run, typing)
    assert (state.version.number, state.status, state.revision, state.etag) == (2, "in_progress", 2, "2.0")
    assert {envelope["value"] for envelope in state.answers.values()} == {0, "Ann"}
    with pytest.raises(Stale) as stale:
        await bench.act(save_answers, typing, {"name": "Anna"}, "0.1")
    assert stale.value.extra["etag"] == "2.0"
    saved = await bench.act(save_answers, typing, {"name": "Anna"}, "2.0")
    assert saved.state.answers[_id(bench, "name")]["value"] == "Anna"
    await bench.proven()


def _id(bench: Bench, key: str) -> str:
    (found,) = [each["id"] for each in bench.structure["steps"][0]["option_sets"] if each["key"] == key]
    return str(found)


async def test_a_respondent_who_never_rests_is_left_in_the_end(bench: Bench, calendar: Calendar) -> None:
    job = await bench.started(await bench.plan())
    for days, etag in ((0.1, "0.0"), (1.1, "0.1")):
        calendar.pass_by(days)
        await bench.act(save_answers, bench.runs[12], {"name": etag}, etag)
        outcome = await work_on(bench.resources, job.id)
    assert outcome == "over"
    assert [left[:2] for left in await bench.desk.read(list_left, job.id, limit=9)] == [(bench.runs[12], "still_active")]


async def test_what_a_plan_waives_waits_for_nobody_in_a_run_that_another_answer_holds_up(bench: Bench) -> None:
    third = changed(bench.structure, name={"constraints": {"max_length": 2}}, add=[question("phone", is_required=True)])
    await bench.publish(third)
    plan = await bench.plan(policy={"on_need": "waive", "on_conflict": "stay"})
    done = await bench.finished(await bench.started(plan))
    found = await bench.desk.read(list_conflicts, done, limit=50)
    assert {(conflict.item.option_set_id, conflict.item.outcome) for conflict in found} == {(_id(bench, "name"), "conflicts")}
    for conflict in found:
        await bench.act(resolve_conflict, done.id, conflict.item.id, Resolution(choice="archive"))
    assert await bench.on_versions() == {3: 15}
    assert (await bench.job(done.id)).state == "completed"
    await bench.proven()


async def test_two_jobs_over_the_same_runs_move_each_once(bench: Bench, engine: AsyncEngine, calendar: Calendar) -> None:
    plans = [await bench.plan(), await bench.plan(mapping={"name": "archive"})]
    first, second = [await bench.started(plan) for plan in plans]
    calendar.pass_by(0.01)
    await bench.finished(first)
    done = await bench.finished(second)
    assert (await revisions_of(engine, first.id), await revisions_of(engine, second.id)) == (15, 0)
    assert dict(counted(done).outcomes) == {"changed_since_preview": 15}
    await bench.proven()


async def test_a_job_stands_still_while_paused_and_then_does_the_rest(bench: Bench) -> None:
    job = await bench.started(await bench.plan())
    await bench.some(job, 2)
    await bench.act(pause_job, job.id)
    before = await bench.on_versions()
    assert (await bench.finished(job)).state == "paused"
    assert await bench.on_versions() == before
    await bench.act(resume_job, job.id)
    assert ((await bench.finished(job)).state, await bench.on_versions()) == ("completed", {2: 15})
    await bench.proven()


async def test_an_undo_in_the_middle_stops_the_job_and_takes_back_what_it_moved(bench: Bench) -> None:
    before = await bench.heads()
    job = await bench.started(await bench.plan())
    await bench.some(job, 2)
    assert 0 < (await bench.on_versions())[2] < 15
    undo = await bench.finished(await bench.act(undo_job, job.id))
    assert ((await bench.job(job.id)).state, undo.state, await bench.heads()) == ("reverted", "completed", before)
    with pytest.raises(JobState):
        await bench.act(undo_job, job.id)
    await bench.proven()


async def test_an_undo_that_was_stopped_can_be_begun_again(bench: Bench) -> None:
    before = await bench.heads()
    job = await bench.finished(await bench.started(await bench.plan()))
    undo = await bench.act(undo_job, job.id)
    await bench.some(undo, 1)
    with pytest.raises(JobState):
        await bench.act(undo_job, job.id)
    await bench.act(cancel_job, undo.id)
    again = await bench.finished(await bench.act(undo_job, job.id))
    assert (again.state, counted(again).outcomes["taken_back"] > 0, await bench.heads()) == ("completed", True, before)
    await bench.proven()


async def test_an_undo_after_edits_keeps_them_or_asks_and_can_be_taken_back_itself(bench: Bench) -> None:
    job = await bench.finished(await bench.started(await bench.plan()))
    after = await bench.heads()
    easy, hard = bench.runs[0], bench.runs[1]
    await bench.act(save_answers, easy, {"age": 40}, "2.0")
    await bench.act(save_answers, hard, {"colour": ["red", "blue"]}, "2.0")
    edited = await bench.heads()
    undo = await bench.finished(await bench.act(undo_job, job.id))
    assert (undo.state, await bench.on_versions()) == ("completed_with_conflicts", {1: 14, 2: 1})
    assert (await bench.desk.read(load_run, easy)).answers[_id(bench, "age")]["value"] == "40"
    (conflict,) = await bench.desk.read(list_conflicts, undo, limit=9)
    assert (conflict.item.run_id, conflict.choices) == (hard, ("before", "archive", "stay"))
    done = await bench.act(resolve_conflict, undo.id, conflict.item.id, Resolution(choice="before"))
    assert (done.state.version.number, done.state.answers[_id(bench, "colour")]["value"], len(done.state.archive)) == (1, "red", 1)
    redo = await bench.finished(await bench.act(undo_job, undo.id))
    present = await bench.heads()
    assert (redo.state, {run: present[run] for run in bench.runs[2:]}) == ("completed", {run: after[run] for run in bench.runs[2:]})
    assert present[easy] == edited[easy]
    await bench.proven()


# --- what stops a job ------------------------------------------------------------------------------------------------


async def test_a_run_that_cannot_be_decided_about_fails_alone(bench: Bench, superuser_engine: AsyncEngine) -> None:
    await tamper(superuser_engine, SPOILT, {"run": bench.runs[0], "id": _id(bench, "age")})
    job = await bench.finished(await bench.started(await bench.plan()))
    assert (counted(job).outcomes["failed"], counted(job).moving, await bench.on_versions()) == (1, 14, {1: 1, 2: 14})


async def test_too_many_failures_end_a_job_with_what_it_did_provable(
    bench: Bench, superuser_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_ends, "FEW", 1)
    for run in bench.runs[:3]:
        await tamper(superuser_engine, SPOILT, {"run": run, "id": _id(bench, "age")})
    job = await bench.finished(await bench.started(await bench.plan()))
    assert (job.state, job.reason) == ("failed", "failures")
    undo = await bench.finished(await bench.act(undo_job, job.id))
    assert (undo.state, (await bench.on_versions())) == ("completed", {1: 15})


SPOILT = "UPDATE run_revisions SET answers = jsonb_build_object(CAST(:id AS text), 5) WHERE run_id = CAST(:run AS uuid)"


async def test_more_conflicts_than_were_foreseen_stop_a_job_until_a_person_lets_it_go_on(bench: Bench, calendar: Calendar) -> None:
    job = await bench.started(await bench.plan())
    for run in bench.runs[12:]:
        await bench.act(save_answers, run, {"age": "many"}, "0.0")
    calendar.pass_by(1)
    stopped = await bench.finished(job)
    assert (stopped.state, stopped.reason) == ("paused", "conflicts-beyond-preview")
    await bench.act(resume_job, job.id)
    done = await bench.finished(job)
    assert (done.state, counted(done).open, (await bench.on_versions())[1]) == ("completed_with_conflicts", 3, 3)


async def test_a_canary_that_is_not_what_was_decided_ends_the_job(bench: Bench, superuser_engine: AsyncEngine) -> None:
    job = await bench.started(await bench.plan())
    await bench.some(job, 1)
    moved = {run for run, head in (await bench.heads()).items() if head[0] == 2}
    statement = 'UPDATE run_revisions SET archive = \'{"x": {"value": 1}}\' WHERE run_id = CAST(:run AS uuid) AND revision = 2'
    await tamper(superuser_engine, statement, {"run": min(moved)})
    done = await bench.finished(job)
    assert (done.state, done.reason, (await bench.on_versions())[2]) == ("failed", "canary", len(moved))


async def test_a_run_that_the_database_refuses_is_named_and_its_neighbours_move(bench: Bench, superuser_engine: AsyncEngine) -> None:
    """Somebody's stray revision lies where its next one belongs, so that the whole piece would be lost."""
    await tamper(superuser_engine, STRAY, {"run": bench.runs[4]})
    job = await bench.finished(await bench.started(await bench.plan()))
    assert (job.state, counted(job).outcomes["failed"], counted(job).moving) == ("completed", 1, 14)


STRAY = """
  INSERT INTO run_revisions
  SELECT (jsonb_populate_record(own, jsonb_build_object('revision', 2, 'previous_digest', own.content_digest))).*
  FROM run_revisions AS own WHERE run_id = CAST(:run AS uuid)
"""
