"""One piece of a job: its runs read, decided, written, and the piece marked done, in one transaction. So it is done exactly when its
revisions are stored, whoever is killed when. Must not know how pieces are cut, nor when a job is over.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, select, text, update

from keepstep.actions.context import Context
from keepstep.actions.migration_batch import Batch, Look, Writer, store
from keepstep.core.migration_counts import Tallies
from keepstep.core.moving import Subject, decide, gravest
from keepstep.core.moving_back import Move, undone
from keepstep.core.plan_making import made_plan
from keepstep.core.ways import Prepared
from keepstep.db.tables import migration_chunks, wizard_runs
from keepstep.db.transaction import Write
from keepstep.errors import Busy, DatabaseUnavailable, Problem
from keepstep.queries.migration_jobs import Job, load_job
from keepstep.queries.migration_ranges import Reach, is_quiet, not_done, reach_of
from keepstep.queries.movable import (
    Standing,
    is_untouched,
    movable_runs,
    moved_runs,
    out_of_reach,
    present_subject,
    standing_of_row,
    subject_of,
    subject_of_row,
)
from keepstep.queries.plans import StoredPlan, Versions, load_plan, prepared_among, ready, versions_by_id
from keepstep.queries.run_lists import among
from keepstep.queries.runs import load_run_at

AT_ONCE: Final = 500
"""Runs that are read, decided and written together: enough that statements do not show, few enough that memory does not either."""

log = logging.getLogger("keepstep.migrations")


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of ids that this worker has claimed: behind `after`, up to `upto`. `is_rest`: only what no earlier piece did."""

    job_id: str
    number: int
    after: str | None
    upto: str
    is_rest: bool
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A job with everything that its runs are decided by. `settled`: what a person decided about single runs, by run."""

    job: Job
    stored: StoredPlan
    prepared: Prepared
    versions: Versions
    settled: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def sources(self) -> Sequence[str]:
        return self.stored.plan.sources


async def task_of(tx: Write, job: Job, *, settled: Mapping[str, Mapping[str, Any]] | None = None) -> Task:
    """What a worker needs of a job; the plan is made ready once for a process."""
    stored = await load_plan(tx, job.plan_id)
    versions = await versions_by_id(tx, job.origin_wizard_id)
    return Task(job=job, stored=stored, prepared=prepared_among(stored, versions), versions=versions, settled=settled or {})


Reached = Callable[[str], None]
"""Told at each place where something was written: where tests kill the process."""


def nothing(_: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class How:
    """`one_by_one`: each run in a part of its own, after a run in the piece was refused by the database."""

    one_by_one: bool = False
    reached: Reached = nothing


async def do_piece(ctx: Context, tx: Write, task: Task, piece: Piece, how: How | None = None) -> Tallies | None:
    """What the piece counted; None where the job no longer runs, or another worker has taken the piece over."""
    how = how or How()
    if not await _is_ours(tx, task.job, piece):
        return None
    reach = (await reach_of(tx, task.job, task.sources)).between(piece.after, piece.upto)
    if piece.is_rest:
        reach = reach.where(not_done(task.job, reach.run_id))
    if task.job.kind == "apply" and not task.job.is_single:
        reach = reach.where(is_quiet(ctx.now))
    how.reached("begun")
    tallies = await do_reach(ctx, tx, task, reach, how)
    done = {"state": "done", "counts": tallies.to_json()}
    own = migration_chunks.c
    await tx.execute(update(migration_chunks).where(own.job_id == piece.job_id, own.number == piece.number).values(**done))
    how.reached("counted")
    return tallies


async def _is_ours(tx: Write, job: Job, piece: Piece) -> bool:
    # Held until the commit: whoever pauses or cancels the job waits for it.
    if (await load_job(tx, job.id, "work")).state != "running":
        return False
    own = migration_chunks.c
    claimed = select(own.number).where(own.job_id == piece.job_id, own.number == piece.number, own.worker == piece.worker)
    return await tx.scalar(claimed.where(own.state == "claimed").with_for_update()) is not None


async def do_reach(ctx: Context, tx: Write, task: Task, reach: Reach, how: How) -> Tallies:
    """All runs of a reach, some at a time: what they counted. Memory does not grow with their number.

    While the database stores some, the next ones are decided about.
    """
    total = Tallies()
    writer = Writer(ctx, task.job, task.versions, settles_needs=task.stored.plan.on_need != "stay")
    after: str | None = None
    decided: Sequence[Batch] = ()
    while ids := await _next(tx, task.job, reach.between(after, None)):
        after = ids[-1]
        cases = await (_undoing if task.job.kind == "undo" else _moving)(tx, task, ids)
        async with asyncio.TaskGroup() as both:
            deciding = both.create_task(asyncio.to_thread(_batches, writer, task, list(_parts(cases, how))))
            await _all_stored(ctx, tx, writer, (decided, total), how)
        decided = deciding.result()
        how.reached("decided")
    await _all_stored(ctx, tx, writer, (decided, total), how)
    return total


def _batches(writer: Writer, task: Task, parts: Sequence[Sequence["Case"]]) -> list[Batch]:
    return [_batch(writer, task, part) for part in parts]


async def _all_stored(ctx: Context, tx: Write, writer: Writer, what: tuple[Sequence[Batch], Tallies], how: How) -> None:
    """Stores these batches and adds up what they count."""
    batches, total = what
    for batch in batches:
        total.add((await _stored(ctx, tx, writer, batch, how)).tallies)
    if batches:
        how.reached("written")


async def _next(tx: Write, job: Job, reach: Reach) -> Sequence[str]:
    """The next runs, locked in the order of their ids: a respondent's save that came first is waited for, and seen."""
    statement = reach.ids(AT_ONCE)
    if job.kind == "preview":
        return await tx.scalars(statement)
    if job.kind == "apply":
        return await tx.scalars(statement.with_for_update(of=wizard_runs, key_share=True))
    ids = await tx.scalars(statement)
    locked = select(wizard_runs.c.id).where(among(ids)).order_by(wizard_runs.c.id).with_for_update(key_share=True)
    return await tx.scalars(locked) if ids else ids


class Case(NamedTuple):
    """A run as it is `now`; for an undo also what the job did to it. `left`: why it is left alone, "" where it is not.

    `back`: as what a run goes back that nobody touched since its move; it needs no other look, so that `now` is not read.
    """

    state: Standing
    now: Subject | None = None
    left: str = ""
    move: Move | None = None
    back: Subject | None = None


def _parts(cases: Sequence[Case], how: How) -> Iterator[Sequence[Case]]:
    if how.one_by_one:
        yield from ([case] for case in cases)
    elif cases:
        yield cases


async def _stored(ctx: Context, tx: Write, writer: Writer, batch: Batch, how: How) -> Batch:
    if not how.one_by_one:
        await store(ctx, tx, batch)
        return batch
    try:
        async with tx.part():
            await store(ctx, tx, batch)
            # What is checked at commit is checked here, where it fails this run alone.
            await tx.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            await tx.execute(text("SET CONSTRAINTS ALL DEFERRED"))
    except (Busy, DatabaseUnavailable):
        raise
    except Exception as error:
        log.exception("job %s: the database refused a run", writer.job.id)
        return await _failed(ctx, tx, writer, batch, error.code if isinstance(error, Problem) else "unexpected")
    return batch


async def _failed(ctx: Context, tx: Write, writer: Writer, batch: Batch, code: str) -> Batch:
    (run,) = next(iter(batch.tallies.samples.values()))
    (version_id,) = batch.tallies.by_version
    failed = Batch()
    failed.tallies.take(run, version_id, "failed", (), moves=False)
    failed.items.append((run[0], writer.job.id, 1, "failed", None, code, run[1], False, None, ctx.now))
    await store(ctx, tx, failed)
    return failed


# --- deciding --------------------------------------------------------------------------------------------------------


def _batch(writer: Writer, task: Task, cases: Sequence[Case]) -> Batch:
    return writer.batch(_look(task, case) for case in cases)


def _look(task: Task, case: Case) -> Look:
    """What becomes of one run. One that breaks the program must not hold up its neighbours: it stays, and is named."""
    if case.left:
        return Look(case.state, case.left)
    try:
        return _decided(task, case)
    except Exception:
        log.exception("job %s: run %s could not be decided about", task.job.id, case.state.id)
        return Look(case.state, "failed")


def _decided(task: Task, case: Case) -> Look:
    state, now, settled = case.state, case.now, task.settled.get(case.state.id, {})
    if now is None:
        return Look(state, gravest(()), (), case.back)
    if case.move is None:
        decision = decide(now, task.prepared, settled)
        return Look(state, decision.outcome, decision.reasons, decision.moved, now)
    back = undone(case.move, now, _way_back(task, case.move), settled)
    return Look(state, gravest(back.conflicts), back.conflicts, back.back, now)


def _way_back(task: Task, move: Move) -> Prepared:
    """The plan that led from `move.before` to `move.after`: the job's, or, where an undo is taken back, what ids make of it."""
    if move.before.version_id in task.prepared.ways and task.prepared.plan.target == move.after.version_id:
        return task.prepared
    source, target = (task.versions[each.version_id] for each in (move.before, move.after))
    return ready(made_plan({source.id: source.structure}, target.id, target.structure), task.versions)


# --- reading ---------------------------------------------------------------------------------------------------------


async def _moving(tx: Write, task: Task, ids: Sequence[str]) -> list[Case]:
    rows = await tx.rows(movable_runs().where(among(ids)).order_by(wizard_runs.c.id))
    return [_readable(task, row) for row in rows]


def _readable(task: Task, row: Row[Any]) -> Case:
    state = standing_of_row(row)
    try:
        now = present_subject(row, task.versions)
    except Exception:
        log.exception("job %s: run %s cannot be read", task.job.id, row.id)
        return Case(state, left="failed")
    return Case(state, now, _kept_out(task.job, state))


def _kept_out(job: Job, state: Standing) -> str:
    if left := out_of_reach(state):
        return left
    # Who completes or edits a run after the preview has made another run of it than was looked at.
    changed = not job.is_single and not state.is_working_copy and state.at > job.frozen_at
    return "changed_since_preview" if changed else ""


async def _undoing(tx: Write, task: Task, ids: Sequence[str]) -> list[Case]:
    """Each run with what the job made of what. Two statements, and one more for each run that was edited since."""
    assert task.job.undoes is not None
    rows = await tx.rows(moved_runs(task.job.undoes).where(among(ids)).order_by(wizard_runs.c.id))
    touched = [row.id for row in rows if not is_untouched(row)]
    heads = {row.id: row for row in await tx.rows(movable_runs().where(among(touched)))} if touched else {}
    return [_untouched(row) if row.id not in heads else await _touched(tx, task, row, heads[row.id]) for row in rows]


def _untouched(row: Row[Any]) -> Case:
    state = standing_of_row(row)
    left = out_of_reach(state)
    return Case(state, left=left, back=None if left else subject_of_row(row))


async def _touched(tx: Write, task: Task, row: Row[Any], head: Row[Any]) -> Case:
    state = standing_of_row(head)
    if left := out_of_reach(state):
        return Case(state, left=left)
    if row.later_cause == "undo" and state.version_id == row.wizard_version_id != row.moved_version_id:
        return Case(state, left="taken_back")
    # Another job's move has to be taken back first; one that was is as if it had never been.
    if row.later_cause not in (None, "undo") or state.version_id != row.moved_version_id:
        return Case(state, left="moved_on")
    after = await load_run_at(tx, row.id, row.moved_revision)
    return Case(state, present_subject(head, task.versions), move=Move(subject_of_row(row), subject_of(after)))
