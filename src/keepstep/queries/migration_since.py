"""How far a job is together with what people decided about the runs that it left to them. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Integer, cast, func, select, true

from keepstep.db.tables import migration_items, migration_jobs
from keepstep.db.transaction import Read
from keepstep.queries.migration_conflicts import RESOLVED, count_waiting
from keepstep.queries.migration_jobs import Job, Progress, Since, progress_of_each

_JOBS: Final = migration_jobs.c
_ITEMS: Final = migration_items.c


async def told_of(tx: Read, job: Job) -> Progress:
    """As of now, decisions included. Five statements at most."""
    return (await told_of_each(tx, [job]))[job.id]


async def told_of_each(tx: Read, jobs: Sequence[Job]) -> Mapping[str, Progress]:
    """As `told_of`, of many by the same five statements."""
    found = await progress_of_each(tx, jobs)
    ids = [job.id for job in jobs if job.kind != "preview"]
    if not ids:
        return found
    moved, stayed = await _moved(tx, ids), await _stayed(tx, ids)
    # Of a job at work, which is asked every two seconds, what it has found so far is enough.
    at_work = {job.id for job in jobs if job.is_active}
    waiting = await count_waiting(tx, [job_id for job_id in ids if job_id not in at_work])
    since = {}
    for job_id in ids:
        decided = moved.get(job_id, 0), stayed.get(job_id, 0)
        left = max(found[job_id].tallies.open - sum(decided), 0)
        since[job_id] = Since(*decided, waiting.get(job_id, 0) if job_id not in at_work else left)
    return {job_id: replace(progress, since=since.get(job_id)) for job_id, progress in found.items()}


async def _moved(tx: Read, job_ids: Sequence[str]) -> Mapping[str, int]:
    """Runs that the small jobs moved by which decisions are carried out."""
    outcome = func.jsonb_each_text(_JOBS.counts["moved"]).table_valued("key", "value")
    runs = func.sum(cast(outcome.c.value, Integer)).label("runs")
    counted = select(_JOBS.continues, runs).select_from(migration_jobs.join(outcome, true())).where(_JOBS.continues.in_(job_ids))
    return {row.continues: int(row.runs) for row in await tx.rows(counted.group_by(_JOBS.continues))}


async def _stayed(tx: Read, job_ids: Sequence[str]) -> Mapping[str, int]:
    decided = (_ITEMS.job_id.in_(job_ids), _ITEMS.outcome == RESOLVED, _ITEMS.code == "stay")
    counted = select(_ITEMS.job_id, func.count(_ITEMS.run_id.distinct()).label("runs")).where(*decided)
    return {row.job_id: int(row.runs) for row in await tx.rows(counted.group_by(_ITEMS.job_id))}
