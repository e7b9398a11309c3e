"""What the pages of migrations show around one plan: its number, the plans that wait, its jobs, and which runs could move. Reads only."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Text, and_, bindparam, exists, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from keepstep.db.tables import migration_jobs, plans, wizard_runs
from keepstep.db.transaction import Read
from keepstep.queries.migration_jobs import Job, job_of_row

_JOBS: Final = migration_jobs.c
_PLANS: Final = plans.c


def _of_one_run() -> ColumnElement[bool]:
    """Whether a plan was made for one run alone: such a plan is stored together with its job and has no number."""
    single = and_(_JOBS.scope.has_key("single"), _JOBS.continues.is_(None), _JOBS.kind == "apply")
    return exists().where(_JOBS.plan_id == _PLANS.id, single)


async def numbers_of_plans(tx: Read, wizard_id: str, plan_ids: Collection[str]) -> Mapping[str, int]:
    """The number by which people know each of these plans: the how-manieth of its wizard. One query."""
    ranked = select(_PLANS.id, func.row_number().over(order_by=_PLANS.id).label("number"))
    numbered = ranked.where(_PLANS.origin_wizard_id == wizard_id, ~_of_one_run()).subquery()
    rows = await tx.rows(select(numbered).where(numbered.c.id.in_(sorted(plan_ids)))) if plan_ids else ()
    return {row.id: int(row.number) for row in rows}


async def jobs_of_plan(tx: Read, plan_id: str, *, limit: int = 20) -> Sequence[Job]:
    """Its jobs that moved runs, or took that back, the newest first; previews and resolved conflicts are left out."""
    conditions = (_JOBS.plan_id == plan_id, _JOBS.kind != "preview", _JOBS.continues.is_(None), ~_JOBS.scope.has_key("single"))
    rows = await tx.rows(select(migration_jobs).where(*conditions).order_by(_JOBS.id.desc()).limit(limit))
    return [job_of_row(row) for row in rows]


async def job_of_publish(tx: Read, version_id: str) -> str | None:
    """The id of the job that moves, or moved, the runs that were in progress when this version was published; None where there was none."""
    wanted = (_PLANS.target_id == version_id, _PLANS.policy == "migrate", _JOBS.kind == "apply", _JOBS.continues.is_(None))
    found = select(_JOBS.id).join_from(migration_jobs, plans, _JOBS.plan_id == _PLANS.id).where(*wanted).order_by(_JOBS.id).limit(1)
    job_id: str | None = await tx.scalar(found)
    return job_id


async def count_on_older(tx: Read, wizard_id: str, active_version_id: str | None) -> int:
    """Runs on another version than the active one, those in the trash and the erased left out."""
    own = wizard_runs.c
    kept = (own.origin_wizard_id == wizard_id, own.trashed_at.is_(None), own.erased_at.is_(None))
    if active_version_id is None:
        return 0
    return int(await tx.scalar(select(func.count()).where(*kept, own.wizard_version_id != active_version_id)) or 0)


async def repeating(tx: Read, jobs: Sequence[Job]) -> frozenset[str]:
    """Of these jobs the undos that take back an undo, and so move runs the way of the first job again. One query, none without an undo."""
    ids = [job.id for job in jobs if job.kind == "undo"]
    rows = await tx.rows(_DEPTH, {"ids": ids}) if ids else ()
    return frozenset(row.job for row in rows if row.depth % 2 == 0)


_DEPTH: Final = text(
    """
    WITH RECURSIVE chain AS (
      SELECT id AS job, undoes, 0 AS depth FROM migration_jobs WHERE id = ANY (CAST(:ids AS uuid[]))
      UNION ALL
      SELECT chain.job, earlier.undoes, chain.depth + 1 FROM chain JOIN migration_jobs AS earlier ON earlier.id = chain.undoes
    )
    SELECT CAST(job AS text) AS job, max(depth) AS depth FROM chain GROUP BY 1
    """
).bindparams(bindparam("ids", type_=ARRAY(Text)))
