"""Which runs a job is about, piece by piece: ranges of ids that are cut one behind the other, and what no range had. Reads only.

Never an offset, never a list of all ids: the end of the last piece is where the next one begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, Text, and_, any_, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from keepstep.db.tables import migration_items, migration_jobs, run_revisions, wizard_runs
from keepstep.db.transaction import Read
from keepstep.queries.migration_jobs import Job
from keepstep.queries.run_lists import RunFilter, among, conditions_of

QUIET: Final = timedelta(minutes=10)
"""A run in progress that was saved within this time is somebody typing: it is moved later."""

_OWN: Final = wizard_runs.c


@dataclass(frozen=True, slots=True)
class Reach:
    """The runs of a job as a statement: `source` with these conditions, in the order of `run_id`."""

    source: FromClause
    conditions: Sequence[ColumnElement[bool]]
    run_id: ColumnElement[Any]

    def between(self, after: str | None, upto: str | None) -> "Reach":
        more = [] if after is None else [self.run_id > after]
        more += [] if upto is None else [self.run_id <= upto]
        return Reach(self.source, [*self.conditions, *more], self.run_id)

    def where(self, *conditions: ColumnElement[bool]) -> "Reach":
        return Reach(self.source, [*self.conditions, *conditions], self.run_id)

    def ids(self, limit: int) -> Select[Any]:
        return select(self.run_id.label("id")).select_from(self.source).where(*self.conditions).order_by(self.run_id).limit(limit)


async def reach_of(tx: Read, job: Job, sources: Sequence[str]) -> Reach:
    """Every run that the job is about. `sources`: the versions that its plan moves runs from."""
    if job.kind == "undo":
        assert job.undoes is not None
        own = run_revisions.c
        return Reach(run_revisions, [await _written(tx, job.undoes)], own.run_id).where(*_named(job, own.run_id))
    conditions = [
        _OWN.origin_wizard_id == job.origin_wizard_id,
        is_one_of(_OWN.wizard_version_id, sources),
        _OWN.started_at <= job.frozen_at,
    ]
    conditions += [among(job.scope["run_ids"])] if "run_ids" in job.scope else []
    # Those that nobody has sent yet, whether or not they count as abandoned.
    conditions += [_OWN.status != "completed"] if "unsent" in job.scope else []
    if "filter" not in job.scope:
        return Reach(wizard_runs, conditions, _OWN.id)
    head = and_(run_revisions.c.run_id == _OWN.id, run_revisions.c.revision == _OWN.revision)
    chosen = await conditions_of(tx, job.origin_wizard_id, filter_in(job.scope["filter"]))
    return Reach(wizard_runs.outerjoin(run_revisions, head), [*conditions, *chosen], _OWN.id)


def filter_in(stored: dict[str, Any]) -> RunFilter:
    """A job's filter, as it is stored in its scope."""
    given = {name: stored[name] for name in ("version", "status", "flag", "flagged", "archived") if stored.get(name) is not None}
    return RunFilter(trashed=None, answers=[(key, value) for key, value in stored.get("answers", ())], **given)


def is_one_of(column: ColumnElement[Any], ids: Sequence[str]) -> ColumnElement[bool]:
    return column == any_(literal(list(ids), ARRAY(UUID(as_uuid=False))))


def _named(job: Job, column: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    return [is_one_of(column, job.scope["run_ids"])] if "run_ids" in job.scope else []


def written_by(job_id: str, revisions: FromClause = run_revisions) -> ColumnElement[bool]:
    """The revisions that a job wrote, and those of the small jobs that went on with it."""
    own = migration_jobs.c
    return revisions.c.job_id.in_(select(own.id).where(or_(own.id == job_id, own.continues == job_id)))


async def _written(tx: Read, job_id: str) -> ColumnElement[bool]:
    """The same for reading in the order of runs. Of one job, as most are, the index has that order; through a subquery the database read
    and sorted everything that all jobs had written behind the last piece, for each next one.
    """
    own = migration_jobs.c
    ids = await tx.scalars(select(own.id).where(or_(own.id == job_id, own.continues == job_id)))
    return run_revisions.c.job_id == ids[0] if len(ids) == 1 else is_one_of(run_revisions.c.job_id, ids)


# --- what is left ----------------------------------------------------------------------------------------------------


def not_done(job: Job, run_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether this job has neither moved the run nor said why not.

    As values with a limit, which the database looks up in an index for each run. Of EXISTS it makes a join, and the statistics by which it
    chooses how are of before the job: it would take what the job wrote for a row or two, and compare every run with every other one.
    """
    written = run_revisions.alias("written")
    items = migration_items.alias("said")
    moved = select(written.c.revision).where(written.c.job_id == job.id, written.c.run_id == run_id).limit(1)
    said = select(items.c.number).where(items.c.run_id == run_id, items.c.job_id == job.id).limit(1)
    return and_(moved.scalar_subquery().is_(None), said.scalar_subquery().is_(None))


def is_quiet(now: datetime) -> ColumnElement[bool]:
    """Nobody is typing in it."""
    return or_(_OWN.status == "completed", _OWN.updated_at <= now - QUIET)


async def cut(tx: Read, reach: Reach, size: int) -> tuple[int, str | None]:
    """How many runs the next `size` of the reach are, and the id of the last one."""
    ids = reach.ids(size).subquery("ids")
    last = func.array_agg(ids.c.id)[func.count()].label("last")
    row = await tx.row(select(func.count().label("runs"), cast(last, Text).label("last")).select_from(ids))
    return row.runs, row.last


# --- what was changed by others --------------------------------------------------------------------------------------


async def others_moved(tx: Read, job: Job, sources: Sequence[str], *, limit: int) -> Sequence[tuple[str, int]]:
    """Runs that were on a source version when the job was frozen and are on none now, though this job did not move them: by another job,
    or since somebody restored an older revision. As (run id, revision).
    """
    since = run_revisions.alias("since")
    then = run_revisions.alias("then")
    conditions = [
        _OWN.origin_wizard_id == job.origin_wizard_id,
        _OWN.updated_at > job.frozen_at,
        _OWN.started_at <= job.frozen_at,
        ~is_one_of(_OWN.wizard_version_id, sources),
        not_done(job, _OWN.id),
        *_named(job, _OWN.id),
    ]
    # Found first, once for all: what this job itself moved is most of what changed since, and needs no look at its revisions.
    changed = select(_OWN.id, _OWN.revision).where(*conditions).cte("changed").prefix_with("MATERIALIZED")
    first = select(func.min(since.c.revision)).where(since.c.run_id == changed.c.id, since.c.at > job.frozen_at).correlate(changed)
    # The version of the last revision before; a run that had none then was on that of its first one.
    before = then.c.run_id == changed.c.id, then.c.revision == func.greatest(first.scalar_subquery() - 1, 1)
    version = select(then.c.wizard_version_id).where(*before).correlate(changed).scalar_subquery()
    wanted = select(changed.c.id, changed.c.revision).where(is_one_of(version, sources))
    rows = await tx.rows(wanted.order_by(changed.c.id).limit(limit))
    return [(row.id, row.revision) for row in rows]


async def arrived_late(tx: Read, job: Job, sources: Sequence[str], *, limit: int) -> Sequence[tuple[str, int]]:
    """Runs that began on a source version after the job was frozen, as (run id, revision)."""
    conditions = [
        _OWN.origin_wizard_id == job.origin_wizard_id,
        is_one_of(_OWN.wizard_version_id, sources),
        _OWN.started_at > job.frozen_at,
        not_done(job, _OWN.id),
        *_named(job, _OWN.id),
    ]
    rows = await tx.rows(select(_OWN.id, _OWN.revision).where(*conditions).order_by(_OWN.id).limit(limit))
    return [(row.id, row.revision) for row in rows]
