"""Which piece of a job a worker does next: one that a dead worker left, else the next range of ids, else what no range had.

A piece is claimed in a transaction of its own, with a lease; done in another. Must not know what is done with runs.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from sqlalchemy import Row, insert, select, update

from keepstep.actions.context import Context
from keepstep.actions.migration_work import Piece
from keepstep.db.tables import migration_chunks, migration_jobs
from keepstep.db.transaction import Write
from keepstep.queries.migration_jobs import Job, load_job
from keepstep.queries.migration_ranges import Reach, cut, is_quiet, not_done, reach_of
from keepstep.queries.plans import load_plan

LEASE: Final = timedelta(seconds=60)
"""For so long a piece is its worker's; it takes a second or two. Then another one takes it over, unless it is still being worked on."""
SMALLEST: Final = 100
LARGEST: Final = 10_000
TARGET: Final = 1_000
"""Milliseconds that a piece should take: short enough to pause or die without losing work, long enough that claiming does not show."""
FIRST: Final = 500
CANARY: Final = 1_000
PATIENCE: Final = timedelta(hours=24)
"""How long a job waits for respondents who go on answering."""

Idle = Literal["over", "canary", "wait", "busy", "finish"]
"""No piece: the job does not run; its canary wants to be verified; others are at work; respondents are; everything is done."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many runs the next piece has, and for how long it is its worker's. A test makes both small."""

    smallest: int = SMALLEST
    largest: int = LARGEST
    first: int = FIRST
    lease: timedelta = LEASE

    def after(self, last: Row[Any] | None) -> int:
        """As many as the last piece would have done in the time that one should take; never ten times as many at once."""
        if last is None or last.milliseconds is None:
            return self.first
        runs, milliseconds = int(last.runs), int(last.milliseconds)
        wanted = runs * TARGET // max(milliseconds, 1)
        return max(self.smallest, min(self.largest, wanted, 4 * max(runs, self.smallest)))


async def claim_piece(ctx: Context, tx: Write, job_id: str, worker: str, size: Size | None = None) -> Piece | Idle:
    """The next piece, claimed for this worker until its lease is over. Whoever cuts holds up others that cut, and nobody who works."""
    job = await load_job(tx, job_id, "claim")
    if job.state == "queued":
        values = {"state": "running", "started_at": ctx.now, "updated_at": ctx.now}
        await tx.execute(update(migration_jobs).where(migration_jobs.c.id == job_id).values(**values))
    elif job.state != "running":
        return "over"
    claim = Claim(worker, size or Size())
    return await _left_behind(ctx, tx, job_id, claim) or await _next_piece(ctx, tx, job, claim)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who claims, and how much."""

    worker: str
    size: Size


_OWN: Final = migration_chunks.c


async def _left_behind(ctx: Context, tx: Write, job_id: str, claim: Claim) -> Piece | None:
    """A piece whose worker has not been heard of. One that is still at work holds its row, and is passed by."""
    over = select(migration_chunks).where(_OWN.job_id == job_id, _OWN.state == "claimed", _OWN.lease_until <= ctx.now)
    row = await tx.one_or_none(over.order_by(_OWN.number).limit(1).with_for_update(skip_locked=True))
    if row is None:
        return None
    values = {"worker": claim.worker, "lease_until": ctx.now + claim.size.lease, "tries": row.tries + 1}
    await tx.execute(update(migration_chunks).where(_OWN.job_id == job_id, _OWN.number == row.number).values(**values))
    return Piece(job_id, row.number, row.after, row.upto, row.is_rest, claim.worker)


async def _next_piece(ctx: Context, tx: Write, job: Job, claim: Claim) -> Piece | Idle:
    columns = (_OWN.number, _OWN.upto, _OWN.runs, _OWN.milliseconds, _OWN.is_rest, _OWN.state)
    last = await tx.one_or_none(select(*columns).where(_OWN.job_id == job.id).order_by(_OWN.number.desc()).limit(1))
    if job.canary == "pending" and last is not None:
        # The first piece is looked at before there is a second.
        return "canary" if last.state == "done" else "wait"
    reach = await reach_of(tx, job, (await load_plan(tx, job.plan_id)).plan.sources)
    number = 1 if last is None else last.number + 1
    if last is None or not last.is_rest:
        wanted = min(canary_of(job), claim.size.largest) if job.canary == "pending" else claim.size.after(last)
        after = None if last is None else last.upto
        runs, upto = await cut(tx, reach.between(after, None), wanted)
        if upto is not None:
            return await _claimed(ctx, tx, Piece(job.id, number, after, upto, is_rest=False, worker=claim.worker), (runs, claim))
    return await _rest(ctx, tx, job, reach, (number, claim))


def canary_of(job: Job) -> int:
    """One run of a hundred, but no fewer than a piece has and no more than a thousand."""
    expected = sum(job.expected.values())
    return min(CANARY, max(SMALLEST, expected // 100))


async def _rest(ctx: Context, tx: Write, job: Job, reach: Reach, next_piece: tuple[int, Claim]) -> Piece | Idle:
    """Behind the last range: what was committed late or was busy then, as long as there is any. Only when every range is done."""
    if await tx.scalar(select(_OWN.number).where(_OWN.job_id == job.id, _OWN.state == "claimed").limit(1)) is not None:
        return "wait"
    if job.kind == "preview":
        return "finish"
    number, claim = next_piece
    left = reach.where(not_done(job, reach.run_id))
    waits = job.kind == "apply" and not job.is_single
    runs, upto = await cut(tx, left.where(is_quiet(ctx.now)) if waits else left, claim.size.largest)
    if upto is not None:
        return await _claimed(ctx, tx, Piece(job.id, number, None, upto, is_rest=True, worker=claim.worker), (runs, claim))
    if waits and ctx.now < (job.started_at or ctx.now) + PATIENCE and await tx.scalar(left.ids(1)) is not None:
        return "busy"
    return "finish"


async def _claimed(ctx: Context, tx: Write, piece: Piece, what: tuple[int, Claim]) -> Piece:
    runs, claim = what
    row = {name: getattr(piece, name) for name in ("job_id", "number", "after", "upto", "is_rest", "worker")}
    await tx.execute(insert(migration_chunks).values(**row, runs=runs, state="claimed", lease_until=ctx.now + claim.size.lease, tries=1))
    return piece


async def note_time(tx: Write, piece: Piece, milliseconds: int) -> None:
    """How long the piece took, by which the next one is cut; in the transaction of the piece."""
    done = _OWN.job_id == piece.job_id, _OWN.number == piece.number
    await tx.execute(update(migration_chunks).where(*done).values(milliseconds=milliseconds))


async def give_back(ctx: Context, tx: Write, piece: Piece) -> None:
    """The piece, for whoever asks next: it was not done, because the job stopped or the database did not let it."""
    own = _OWN.job_id == piece.job_id, _OWN.number == piece.number, _OWN.worker == piece.worker, _OWN.state == "claimed"
    await tx.execute(update(migration_chunks).where(*own).values(lease_until=ctx.now))
