"""Migration jobs as values: their state, how far they are, and what they counted. Reads only; must not know how runs are decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Integer, Row, Select, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB

from keepstep.core.migration_counts import Tallies, tallies_of
from keepstep.core.permissions import Actor, Permission, require
from keepstep.db.tables import migration_chunks, migration_items, migration_jobs, migration_manifests
from keepstep.db.transaction import Read
from keepstep.errors import JobNotFound, ManifestNotFound
from keepstep.queries.wizards import is_id

Kind = Literal["preview", "apply", "undo"]
State = Literal["queued", "running", "paused", "completed", "completed_with_conflicts", "failed", "cancelled", "reverting", "reverted"]
ACTIVE: Final = ("queued", "running", "paused")
OVER: Final = ("completed", "completed_with_conflicts", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job with its row. `scope`: `{run_ids?, filter?}`; `expected`: runs by outcome as the preview counted them."""

    id: str
    plan_id: str
    origin_wizard_id: str
    kind: Kind
    state: State
    plan_digest: bytes
    undoes: str | None
    preview_id: str | None
    continues: str | None
    scope: Mapping[str, Any]
    frozen_at: datetime
    created_at: datetime
    created_by: str | None
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    reason: str | None
    canary: str
    conflict_limit: int | None
    expected: Mapping[str, int]
    counts: Mapping[str, Any] | None

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def is_single(self) -> bool:
        """Whether it is about one run that somebody has before their eyes: nothing is waited for."""
        return "single" in self.scope


Lock = Literal["work", "claim", "change"]
"""Held by a piece of work until it commits; by whoever cuts the next piece; by whoever changes the state, which waits for both."""


async def get_job(tx: Read, actor: Actor, job_id: str, permission: Permission = "view") -> Job:
    """The job, for somebody with this permission on its wizard. Raises JobNotFound, Forbidden."""
    job = await load_job(tx, job_id)
    require(actor, permission, job.origin_wizard_id)
    return job


async def load_job(tx: Read, job_id: str, lock: Lock | None = None) -> Job:
    """The job; the caller decides who may. Raises JobNotFound."""
    row = await tx.one_or_none(_locked(select(migration_jobs).where(migration_jobs.c.id == job_id), lock)) if is_id(job_id) else None
    if row is None:
        raise JobNotFound("There is no migration job with this id.")
    return job_of_row(row)


def _locked(statement: Select[Any], lock: Lock | None) -> Select[Any]:
    match lock:
        case None:
            return statement
        case "work":
            return statement.with_for_update(read=True, key_share=True)
        case "claim":
            return statement.with_for_update(key_share=True)
        case _:
            return statement.with_for_update()


def job_of_row(row: Row[Any]) -> Job:
    values = {name: getattr(row, name) for name in Job.__dataclass_fields__}
    return Job(**values | {"plan_digest": bytes(row.plan_digest)})


async def list_jobs(tx: Read, wizard_id: str, *, limit: int, before: str | None = None, parts: bool = False) -> Sequence[Job]:
    """The jobs of a wizard, the newest first; those of single runs and of resolved conflicts only with `parts`."""
    own = migration_jobs.c
    conditions: list[ColumnElement[bool]] = [own.origin_wizard_id == wizard_id, own.kind != "preview"]
    if not parts:
        conditions += [own.continues.is_(None), ~own.scope.has_key("single")]
    if before is not None:
        conditions.append(own.id < before)
    return [job_of_row(row) for row in await tx.rows(select(migration_jobs).where(*conditions).order_by(own.id.desc()).limit(limit))]


async def last_preview(tx: Read, plan_id: str) -> Job | None:
    """The newest preview of a plan, of whatever state of it."""
    own = migration_jobs.c
    statement = select(migration_jobs).where(own.plan_id == plan_id, own.kind == "preview").order_by(own.id.desc()).limit(1)
    row = await tx.one_or_none(statement)
    return None if row is None else job_of_row(row)


async def job_of_preview(tx: Read, preview_id: str, scope: Mapping[str, Any]) -> Job | None:
    """The newest job that applied this preview to exactly these runs."""
    own = migration_jobs.c
    wanted = (own.preview_id == preview_id, own.scope == cast(dict(scope), JSONB))
    row = await tx.one_or_none(select(migration_jobs).where(*wanted).order_by(own.id.desc()).limit(1))
    return None if row is None else job_of_row(row)


# --- how far ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Since:
    """What became of the runs that a job left to a person: `moved` by a decision, left by one where they are, and those that still wait."""

    moved: int = 0
    stayed: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """What the pieces of a job that are done come to. `milliseconds`: worked on, by all workers together. `working`: claimed pieces.

    `since`: what decisions have made of it; None where nobody looked.
    """

    tallies: Tallies
    pieces: int
    working: int
    milliseconds: int
    since: Since | None = None

    @property
    def rate(self) -> int:
        """Runs in a second of one worker."""
        return round(self.tallies.runs * 1000 / self.milliseconds) if self.milliseconds else 0


async def progress_of(tx: Read, job: Job) -> Progress:
    """As of now; of a job that is over as it was counted then. Two statements at most."""
    return (await progress_of_each(tx, [job]))[job.id]


async def progress_of_each(tx: Read, jobs: Sequence[Job]) -> Mapping[str, Progress]:
    """As `progress_of`, of many by the same two statements."""
    own = migration_chunks.c
    ids = [job.id for job in jobs]
    sums = select(
        own.job_id,
        func.count().filter(own.state == "done").label("done"),
        func.count().filter(own.state == "claimed").label("claimed"),
        func.coalesce(func.sum(own.milliseconds), 0).cast(Integer).label("spent"),
    )
    found = {row.job_id: row for row in await tx.rows(sums.where(own.job_id.in_(ids)).group_by(own.job_id))}
    counted = await tallied_each(tx, [job.id for job in jobs if job.counts is None])
    return {
        job.id: Progress(
            tallies_of(job.counts) if job.counts is not None else counted.get(job.id, Tallies()),
            found[job.id].done if job.id in found else 0,
            found[job.id].claimed if job.id in found else 0,
            found[job.id].spent if job.id in found else 0,
        )
        for job in jobs
    }


async def tallied_each(tx: Read, job_ids: Sequence[str]) -> Mapping[str, Tallies]:
    """The sum over the pieces that are done, by job."""
    own = migration_chunks.c
    totals: dict[str, Tallies] = {}
    if job_ids:
        done = select(own.job_id, own.counts).where(own.job_id.in_(job_ids), own.state == "done").order_by(own.job_id, own.number)
        for row in await tx.rows(done):
            totals.setdefault(row.job_id, Tallies()).add(tallies_of(row.counts))
    return totals


async def tallied(tx: Read, job_id: str) -> Tallies:
    """The same of one job."""
    return (await tallied_each(tx, [job_id])).get(job_id, Tallies())


_OUTCOMES: Final = migration_chunks.c.counts["outcomes"]


async def counted_so_far(tx: Read, job_id: str, outcomes: Sequence[str]) -> int:
    """Runs of these outcomes in the pieces that are done: what the limits of a job look at before each piece."""
    own = migration_chunks.c
    each = [func.coalesce(_OUTCOMES[name].astext.cast(Integer), 0) for name in outcomes]
    totals = [func.coalesce(func.sum(count), 0).label(name) for name, count in zip(outcomes, each, strict=True)]
    row = await tx.row(select(*totals).where(own.job_id == job_id, own.state == "done"))
    return int(sum(row))


async def count_left(tx: Read, job_id: str) -> Mapping[str, int]:
    """Items without a question by their outcome: runs that were left as they are, and why."""
    own = migration_items.c
    left = select(own.outcome, func.count().label("runs")).where(own.job_id == job_id, own.option_set_id.is_(None))
    return {row.outcome: row.runs for row in await tx.rows(left.group_by(own.outcome))}


async def children_of(tx: Read, job_id: str) -> Sequence[str]:
    """The jobs that moved runs of this one whose conflicts were resolved later."""
    own = migration_jobs.c
    return await tx.scalars(select(own.id).where(own.continues == job_id).order_by(own.id))


async def undo_of(tx: Read, job_id: str) -> Job | None:
    """The newest job that takes this one back."""
    own = migration_jobs.c
    whole = own.continues.is_(None), ~own.scope.has_key("single")
    statement = select(migration_jobs).where(own.undoes == job_id, *whole).order_by(own.id.desc()).limit(1)
    row = await tx.one_or_none(statement)
    return None if row is None else job_of_row(row)


# --- the proof -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest with its place in the chain of its wizard."""

    job_id: str
    number: int
    at: datetime
    record: Mapping[str, Any]
    digest: bytes
    previous_digest: bytes | None

    def to_json(self) -> dict[str, Any]:
        """Everything, digests in hex: with it the chain can be recomputed elsewhere."""
        previous = None if self.previous_digest is None else self.previous_digest.hex()
        own = {"number": self.number, "at": self.at, "digest": self.digest.hex(), "previous_digest": previous}
        return {**self.record, **own}


async def get_manifest(tx: Read, actor: Actor, job_id: str) -> StoredManifest:
    """Raises JobNotFound, Forbidden, ManifestNotFound."""
    await get_job(tx, actor, job_id)
    manifest = await find_manifest(tx, job_id)
    if manifest is None:
        raise ManifestNotFound("This job leaves its manifest when it is over; a preview leaves none.")
    return manifest


async def find_manifest(tx: Read, job_id: str) -> StoredManifest | None:
    row = await tx.one_or_none(select(migration_manifests).where(migration_manifests.c.job_id == job_id))
    if row is None:
        return None
    previous = None if row.previous_digest is None else bytes(row.previous_digest)
    return StoredManifest(row.job_id, row.number, row.at, row.record, bytes(row.digest), previous)
