"""One piece of a job: its runs read, decided, written, and the piece marked done, in one transaction. So it is done exactly when its
revisions are stored, whoever is killed when. Must not know how pieces are cut, nor when a job is over.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, and_, select, text, update

from keepstep.actions.context import Context
from keepstep.actions.migration_batch import Batch, Look, Writer, store
from keepstep.core.migration_counts import Tallies
from keepstep.core.moving import decide, gravest
from keepstep.core.moving_back import Move, undone
from keepstep.core.plan_making import made_plan
from keepstep.core.ways import Prepared
from keepstep.db.tables import migration_chunks, run_revisions, wizard_runs
from keepstep.db.transaction import Write
from keepstep.errors import Busy, DatabaseUnavailable, Problem
from keepstep.queries.migration_jobs import Job, load_job
from keepstep.queries.migration_ranges import Reach, is_quiet, not_done, reach_of, written_by
from keepstep.queries.movable import out_of_reach, subject_of
from keepstep.queries.plans import StoredPlan, Versions, load_plan, prepared_plan, ready, versions_by_id
from keepstep.queries.run_lists import among
from keepstep.queries.runs import (
    RunState,
    load_run_at,
    revision_state,
    runs_with_heads,
    runs_with_revision,
    state_of_row,
)
from keepstep.queries.versions import Version, version_by_id

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
    prepared, versions = await prepared_plan(tx, stored), await versions_by_id(tx, job.origin_wizard_id)
    return Task(job=job, stored=stored, prepared=prepared, versions=versions, settled=settled or {})


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


Case = tuple[RunState, Move | None, str]
"""A run as it is now; for an undo with what the job did to it; and why it is left alone, "" where it is not."""


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
    return writer.batch(_look(task, *case) for case in cases)


def _look(task: Task, state: RunState, move: Move | None, left: str) -> Look:
    """What becomes of one run. One that breaks the program must not hold up its neighbours: it stays, and is named."""
    if left:
        return Look(state, left)
    try:
        return _decided(task, state, move)
    except Exception:
        log.exception("job %s: run %s could not be decided about", task.job.id, state.id)
        return Look(state, "failed")


def _decided(task: Task, state: RunState, move: Move | None) -> Look:
    settled = task.settled.get(state.id, {})
    if move is None:
        decision = decide(subject_of(state), task.prepared, settled)
        return Look(state, decision.outcome, decision.reasons, decision.moved)
    back = undone(move, subject_of(state), _way_back(task, move), settled)
    return Look(state, gravest(back.conflicts), back.conflicts, back.back)


def _way_back(task: Task, move: Move) -> Prepared:
    """The plan that led from `move.before` to `move.after`: the job's, or, where an undo is taken back, what ids make of it."""
    if move.before.version_id in task.prepared.ways and task.prepared.plan.target == move.after.version_id:
        return task.prepared
    source, target = (task.versions[each.version_id] for each in (move.before, move.after))
    return ready(made_plan({source.id: source.structure}, target.id, target.structure), task.versions)


# --- reading ---------------------------------------------------------------------------------------------------------


async def _moving(tx: Write, task: Task, ids: Sequence[str]) -> list[Case]:
    rows = await tx.rows(runs_with_heads(wizard_runs).where(among(ids)).order_by(wizard_runs.c.id))
    return [await _readable(tx, task, row) for row in rows]


async def _readable(tx: Write, task: Task, row: Row[Any]) -> Case:
    try:
        state = await state_of_row(tx, row)
    except Problem:
        raise
    except Exception:
        log.exception("job %s: run %s cannot be read", task.job.id, row.id)
        return _unreadable(row, task.versions[row.wizard_version_id]), None, "failed"
    return state, None, _kept_out(task.job, state)


def _unreadable(row: Row[Any], version: Version) -> RunState:
    """A run that is not what Keepstep could have stored, as far as it has to be named."""
    names = ("id", "origin_wizard_id", "wizard_id", "status", "save_number", "head_revision", "language", "respondent")
    times = ("started_at", "updated_at", "completed_at", "trashed_at", "erased_at")
    return RunState(
        **{name: getattr(row, name) for name in (*names, *times)},
        version=version,
        revision=row.head_revision,
        answers={},
        archive={},
        asked="",
        evaluated_at=row.updated_at,
        zone="UTC",
        digest=None,
        cause=None,
        actor=None,
        at=row.updated_at,
        is_working_copy=False,
        erased={},
    )


def _kept_out(job: Job, state: RunState) -> str:
    if left := out_of_reach(state):
        return left
    # Who completes or edits a run after the preview has made another run of it than was looked at.
    changed = not job.is_single and not state.is_working_copy and state.at > job.frozen_at
    return "changed_since_preview" if changed else ""


_JOB: Final = run_revisions.alias("moved")


async def _undoing(tx: Write, task: Task, ids: Sequence[str]) -> list[Case]:
    """Each run with what the job made of what. Two statements, and three more for each run that was edited since."""
    job = task.job
    assert job.undoes is not None
    later = run_revisions.alias("later")
    since = later.c.run_id == _JOB.c.run_id, later.c.revision > _JOB.c.revision, later.c.job_id.is_not(None)
    last = select(later.c.cause).where(*since).order_by(later.c.revision.desc()).limit(1).scalar_subquery()
    those = wizard_runs.join(_JOB, and_(_JOB.c.run_id == wizard_runs.c.id, written_by(job.undoes, _JOB)))
    more = (_JOB.c.revision.label("moved_revision"), _JOB.c.wizard_version_id.label("moved_version_id"), last.label("later_cause"))
    statement = runs_with_revision(_JOB.c.revision - 1, those, *more).where(among(ids)).order_by(wizard_runs.c.id)
    rows = await tx.rows(statement)
    heads = {row.id: row for row in await tx.rows(runs_with_heads(wizard_runs).where(among(ids)))}
    return [await _undoing_one(tx, row, await state_of_row(tx, heads[row.id])) for row in rows]


async def _undoing_one(tx: Write, row: Row[Any], head: RunState) -> Case:
    before = revision_state(row, await version_by_id(tx, row.revision_version_id))
    if left := out_of_reach(head):
        return head, None, left
    # Another job's move has to be taken back first; one that was is as if it had never been.
    if row.later_cause not in (None, "undo") or head.version.id != row.moved_version_id:
        return head, None, "moved_on"
    after = head if head.revision == row.moved_revision and head.save_number == 0 else await load_run_at(tx, head.id, row.moved_revision)
    return head, Move(subject_of(before), subject_of(after)), ""
