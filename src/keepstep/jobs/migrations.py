"""A worker's part in a migration: claim a piece, do it, claim the next, each in a transaction of its own, until there is none.

Several workers do this at once, and any of them may be killed at any point. Must not know what becomes of a run.
"""

import asyncio
import gc
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

from keepstep.actions.context import Context
from keepstep.actions.migration_ends import exceeded, finish_job, stop_job, verify_canary
from keepstep.actions.migration_jobs import TASK
from keepstep.actions.migration_pieces import Idle, Size, claim_piece, give_back, note_time
from keepstep.actions.migration_work import How, Piece, do_piece, task_of
from keepstep.config import Resources
from keepstep.core.permissions import Actor
from keepstep.db.queue import defer
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import Busy, DatabaseUnavailable, JobNotFound
from keepstep.jobs.checkpoints import write_job_checkpoint
from keepstep.queries.migration_jobs import Job, load_job

SHARE: Final = 30.0
"""Seconds that a worker gives a migration before it looks at what else waits in the queue."""
HANDS: Final = 3
"""Workers that are called to a job besides the first, once its canary is verified."""
_LATER: Final = timedelta(seconds=30)
_TRIES: Final = 20
_PAUSE: Final = 0.1
log = logging.getLogger("keepstep.migrations")

Outcome = Literal["over", "busy", "again"]
"""The job is over or stands still; only respondents who are typing keep it; there is more to do."""


def kill_at(fault: str) -> Callable[[str], None]:
    """For tests, which set KEEPSTEP_FAULT to a place and a count ("written:3"): the process is killed when it is there so often."""
    place, _, count = fault.partition(":")
    seen = [int(count or 1)]

    def reached(here: str) -> None:
        if here == place:
            seen[0] -= 1
            if seen[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


@dataclass(frozen=True, slots=True)
class Pace:
    """How large pieces are, for how long this worker works, and what it tells: of places where something was written, and of progress."""

    size: Size = field(default_factory=Size)
    share: float = SHARE
    reached: Callable[[str], None] = field(default_factory=lambda: kill_at(os.environ.get("KEEPSTEP_FAULT", "")))
    told: Callable[[], None] = lambda: None


def keep_what_is_there() -> None:
    """Takes all that a process has imported out of what is searched for garbage: for one that works on jobs until it ends.

    Runs are read as thousands of small values, and each of those searches went through everything: a third of a worker's time.
    """
    gc.collect()
    gc.freeze()


async def migrate(resources: Resources, job_id: str) -> None:
    """What the queue's task does: a share of the work, and the task put back where there is more."""
    try:
        outcome = await work_on(resources, job_id)
    except JobNotFound:
        return
    if outcome != "over":
        async with open_write(resources.engine) as tx:
            await defer(tx, TASK, {"job_id": job_id}, at=resources.now() + _LATER if outcome == "busy" else None)


async def work_on(resources: Resources, job_id: str, pace: Pace | None = None) -> Outcome:
    """Works on the job until it is over, or this worker's share is done."""
    hand = await _hand(resources, job_id, pace or Pace())
    ends = time.monotonic() + hand.pace.share
    while time.monotonic() < ends:
        step = await hand.claimed()
        hand.pace.told()
        if isinstance(step, Piece):
            await hand.do(step)
        elif step == "wait":
            await asyncio.sleep(_PAUSE)
        else:
            try:
                if step != "canary":
                    return await hand.ended(step)
                await hand.look_at_canary()
            except Busy:
                # Another worker looks at the canary or finishes the job, which takes as long as its runs are many.
                await asyncio.sleep(_PAUSE)
    return "again"


async def _hand(resources: Resources, job_id: str, pace: Pace) -> "_Hand":
    async with open_read(resources.engine) as tx:
        job = await load_job(tx, job_id)
    actor = Actor(id=job.created_by, name="migration", role="admin", channel="job")
    return _Hand(resources, job, actor, pace, f"{os.getpid()}-{secrets.token_hex(4)}")


@dataclass(frozen=True, slots=True)
class _Hand:
    """One worker at one job. Acts on the account of whoever started the job."""

    resources: Resources
    job: Job
    actor: Actor
    pace: Pace
    name: str

    def context(self) -> Context:
        return self.resources.context(self.actor)

    async def claimed(self) -> Piece | Idle:
        """The next piece, unless the job is beyond one of its limits."""
        for tries in range(_TRIES):
            try:
                return await self._claimed()
            except Busy:
                await asyncio.sleep(_PAUSE * (tries + 1))
        raise Busy

    async def _claimed(self) -> Piece | Idle:
        async with open_write(self.resources.engine) as tx:
            reason = await exceeded(tx, self.job)
            if reason is not None and (await stop_job(self.context(), tx, self.job.id, reason)).state != "running":
                return "over"
        async with open_write(self.resources.engine) as tx:
            step = await claim_piece(self.context(), tx, self.job.id, self.name, self.pace.size)
            self.pace.reached("claiming")
        self.pace.reached("claimed")
        return step

    async def do(self, piece: Piece) -> None:
        """The piece, done; run by run where the database refused one of its runs; given back where it was not to be had."""
        try:
            done = await self._do(piece, How(reached=self.pace.reached))
        except (Busy, DatabaseUnavailable):
            done = False
        except Exception:
            log.exception("job %s: piece %s is done run by run", piece.job_id, piece.number)
            done = await self._do(piece, How(one_by_one=True, reached=self.pace.reached))
        if not done:
            await asyncio.sleep(_PAUSE)
            async with open_write(self.resources.engine) as tx:
                await give_back(self.context(), tx, piece)

    async def _do(self, piece: Piece, how: How) -> bool:
        began = time.perf_counter()
        async with open_write(self.resources.engine) as tx:
            # Read anew: whoever resumed the job may have changed its limits.
            task = await task_of(tx, await load_job(tx, piece.job_id))
            done = await do_piece(self.context(), tx, task, piece, how)
            if done is not None:
                await note_time(tx, piece, round((time.perf_counter() - began) * 1000))
            self.pace.reached("committing")
        self.pace.reached("committed")
        return done is not None

    async def look_at_canary(self) -> None:
        async with open_write(self.resources.engine) as tx:
            reason = await verify_canary(self.context(), tx, await task_of(tx, self.job))
            if reason is None:
                for _ in range(HANDS):
                    await defer(tx, TASK, {"job_id": self.job.id})
        if reason is not None:
            async with open_write(self.resources.engine) as tx:
                await stop_job(self.context(), tx, self.job.id, reason)
        self.pace.reached("canary")

    async def ended(self, step: Idle) -> Outcome:
        if step == "busy":
            return "busy"
        if step == "finish":
            async with open_write(self.resources.engine) as tx:
                done = await finish_job(self.context(), tx, await task_of(tx, self.job))
                self.pace.reached("finishing")
            self.pace.reached("finished")
            if done.kind != "preview":
                await write_job_checkpoint(self.resources, self.actor, done.id)
        return "over"
