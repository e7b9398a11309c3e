"""How a job ends, or is stopped: its canary is looked at, its limits are kept, what was left is listed, and it leaves its proof.

Must not know how pieces are done.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import exists, insert, select, text, update

from keepstep.actions.audit import audit_job
from keepstep.actions.context import Context
from keepstep.actions.migration_batch import ITEM_COLUMNS
from keepstep.actions.migration_work import Task
from keepstep.core.conservation import fates
from keepstep.core.manifest import Manifest
from keepstep.core.migration_counts import OPEN, Tallies
from keepstep.core.moving import Subject
from keepstep.core.ways import Prepared
from keepstep.db.tables import migration_items, migration_jobs, migration_manifests
from keepstep.db.transaction import Read, Write
from keepstep.queries.migration_jobs import Job, counted_so_far, find_manifest, load_job, tallied
from keepstep.queries.migration_proof import Pair, moved_by, pairs_of, stored_digest
from keepstep.queries.migration_ranges import arrived_late, not_done, others_moved, reach_of

FEW: Final = 20
"""So many runs may fail in a job of any size, or one in a thousand of a large one."""
_AT_ONCE: Final = 1_000
# Any number of Keepstep's own: "kman" in ASCII. Held while a manifest gets its place in its wizard's chain.
_CHAIN: Final = 0x6B6D616E


# --- limits ----------------------------------------------------------------------------------------------------------


def limit_of(expected: Mapping[str, int]) -> int:
    """With more conflicts than this a job stops: a tenth more than its preview counted."""
    return sum(expected.get(outcome, 0) for outcome in ("conflicts", "blocked")) * 11 // 10


async def exceeded(tx: Read, job: Job) -> str | None:
    """Which limit a job is beyond; None while it may go on."""
    if job.kind == "preview":
        return None
    failures = await counted_so_far(tx, job.id, ("failed",))
    if failures > max(FEW, sum(job.expected.values()) // 1_000):
        return "failures"
    if job.conflict_limit is not None and await counted_so_far(tx, job.id, ("conflicts", "blocked")) > job.conflict_limit:
        return "conflicts-beyond-preview"
    return None


async def stop_job(ctx: Context, tx: Write, job_id: str, reason: str) -> Job:
    """The job, stopped by itself: too many conflicts pause it, since a person may go on; anything else ends it."""
    job = await load_job(tx, job_id, "change")
    if job.state != "running":
        return job
    paused = reason == "conflicts-beyond-preview"
    values = {"state": "paused" if paused else "failed", "reason": reason, "updated_at": ctx.now}
    await tx.execute(update(migration_jobs).where(migration_jobs.c.id == job_id).values(**values))
    await audit_job(ctx, tx, "job.stopped", (job_id, job.origin_wizard_id), reason=reason)
    if not paused:
        await seal(ctx, tx, await load_job(tx, job_id))
    return await load_job(tx, job_id)


# --- the canary ------------------------------------------------------------------------------------------------------


async def verify_canary(ctx: Context, tx: Write, task: Task) -> str | None:
    """Reads back what the first piece stored and holds it to what was there: "canary" where that does not fit, None where it does."""
    job = await load_job(tx, task.job.id, "change")
    if job.canary != "pending":
        return None
    async for pairs in pairs_of(tx, job):
        if not all(pair.before is not None and is_sound(pair, task.prepared, job) for pair in pairs):
            return "canary"
    values = {"canary": "verified", "updated_at": ctx.now}
    await tx.execute(update(migration_jobs).where(migration_jobs.c.id == job.id).values(**values))
    return None


def is_sound(pair: Pair, prepared: Prepared, job: Job) -> bool:
    """Whether the stored revision is what its digest says, follows the one before, and lost no answer of it."""
    if pair.erased:
        return True
    before, after = pair.subjects()
    follows = pair.before is not None and pair.before.content_digest == pair.after.previous_digest
    return (
        follows
        and stored_digest(pair.after, job.origin_wizard_id) == bytes(pair.after.content_digest)
        and _lost(before, after, prepared) == []
    )


def _lost(before: Subject, after: Subject, prepared: Prepared) -> list[str]:
    if before.version_id not in prepared.ways:
        return []
    return [name for name, fate in fates(before, after, prepared).items() if fate == "lost"]


# --- the end ---------------------------------------------------------------------------------------------------------


async def finish_job(ctx: Context, tx: Write, task: Task) -> Job:
    """The job, over: what it left is listed with the reason, its counts are kept, its manifest is chained. Twice is once."""
    job = await load_job(tx, task.job.id, "change")
    if job.state != "running":
        return job
    left = await _left(ctx, tx, task, job)
    counts = await tallied(tx, job.id)
    counts.add(left)
    state = "completed_with_conflicts" if counts.open and job.kind != "preview" else "completed"
    values = {"state": state, "finished_at": ctx.now, "updated_at": ctx.now, "counts": counts.to_json(), "reason": None}
    await tx.execute(update(migration_jobs).where(migration_jobs.c.id == job.id).values(**values))
    if job.kind != "preview":
        await seal(ctx, tx, job)
        details = {"moved": counts.moving, "runs": counts.runs, "state": state}
        await audit_job(ctx, tx, "job.finished", (job.id, job.origin_wizard_id), **details)
    if job.kind == "undo" and job.undoes is not None and job.continues is None:
        await _taken_back(ctx, tx, job.undoes, counts)
    return await load_job(tx, job.id)


async def _taken_back(ctx: Context, tx: Write, job_id: str, counts: Tallies) -> None:
    """The job that an undo was about: taken back, unless runs of it could not go back, which a later undo may do."""
    own = migration_jobs.c
    state = "reverted"
    if any(counts.outcomes[name] for name in _MAY_GO_LATER):
        state = await _over(tx, job_id)
    await tx.execute(update(migration_jobs).where(own.id == job_id, own.state == "reverting").values(state=state, updated_at=ctx.now))
    undone = await load_job(tx, job_id)
    if state == "reverted" and undone.kind == "undo" and undone.undoes is not None:
        # Its own undo is taken back: what the first job did stands again, and what it left waits again.
        again = update(migration_jobs).where(own.id == undone.undoes, own.state == "reverted")
        await tx.execute(again.values(state=await _over(tx, undone.undoes), updated_at=ctx.now))


async def _over(tx: Write, job_id: str) -> str:
    waits = exists().where(migration_items.c.job_id == job_id, migration_items.c.outcome.in_(OPEN), ~migration_items.c.moved)
    return "completed_with_conflicts" if await tx.scalar(select(waits)) else "completed"


_MAY_GO_LATER: Final = ("moved_on", "trashed", "failed")


async def _left(ctx: Context, tx: Write, task: Task, job: Job) -> Tallies:
    """What this job never decided about, listed: respondents who went on answering, runs that others moved, and late ones."""
    tallies = Tallies()
    if job.kind != "apply":
        return tallies
    reach = await reach_of(tx, job, task.sources)
    still = reach.where(not_done(job, reach.run_id))
    while ids := await tx.scalars(still.ids(_AT_ONCE)):
        await _list(ctx, tx, job, tallies, ("still_active", [(run_id, 0) for run_id in ids]))
    if "filter" in job.scope:
        # Whether they would have been among those that the filter chose, nobody can tell any more.
        return tallies
    while found := await others_moved(tx, job, task.sources, limit=_AT_ONCE):
        await _list(ctx, tx, job, tallies, ("changed_since_preview", found))
    if not job.is_single:
        while found := await arrived_late(tx, job, task.sources, limit=_AT_ONCE):
            await _list(ctx, tx, job, tallies, ("arrived_late", found))
    return tallies


async def _list(ctx: Context, tx: Write, job: Job, tallies: Tallies, what: tuple[str, Sequence[tuple[str, int]]]) -> None:
    outcome, runs = what
    rows = [(run_id, job.id, 1, outcome, None, outcome, revision, False, None, ctx.now) for run_id, revision in runs]
    await tx.copy(migration_items, ITEM_COLUMNS, rows)
    tallies.outcomes[outcome] += len(rows)


# --- the proof -------------------------------------------------------------------------------------------------------


async def seal(ctx: Context, tx: Write, job: Job) -> None:
    """The manifest of a job that is over, behind the one before it in its wizard's chain. Once for each job."""
    if await find_manifest(tx, job.id) is not None:
        return
    moved = await moved_by(tx, job.id)
    counts = await tallied(tx, job.id)
    await tx.scalar(text("SELECT pg_advisory_xact_lock(:lock, hashtext(:wizard))"), {"lock": _CHAIN, "wizard": job.origin_wizard_id})
    own = migration_manifests.c
    last = select(own.number, own.digest).where(own.origin_wizard_id == job.origin_wizard_id).order_by(own.number.desc()).limit(1)
    previous = await tx.one_or_none(last)
    before, after = moved.roots
    manifest = Manifest(
        job_id=job.id,
        plan_digest=job.plan_digest,
        counts={**{f"decided_{name}": count for name, count in counts.outcomes.items()}, "moved": moved.runs},
        before=before,
        after=after,
        previous=None if previous is None else bytes(previous.digest),
    )
    row = {"job_id": job.id, "origin_wizard_id": job.origin_wizard_id, "at": ctx.now, "record": manifest.record()}
    row |= {"digest": manifest.digest, "previous_digest": manifest.previous, "number": 1 if previous is None else previous.number + 1}
    await tx.execute(insert(migration_manifests).values(**row))
