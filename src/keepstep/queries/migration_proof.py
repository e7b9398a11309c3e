"""What a job did, read back from what is stored: every run before and after, for its manifest, its canary and its proof. Reads only."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, and_, select

from keepstep.core.manifest import Leaf, Moved
from keepstep.core.moving import Subject
from keepstep.db.tables import run_revisions
from keepstep.db.transaction import Read
from keepstep.queries.integrity_content import Owner, content_of, recomputed_digest
from keepstep.queries.migration_jobs import Job
from keepstep.queries.migration_ranges import is_one_of, written_by
from keepstep.queries.movable import subject_of_row

_OWN: Final = run_revisions.c


async def moved_by(tx: Read, job_id: str) -> Moved:
    """The trees over the runs that a job moved, and how many there are: an index and the chain of each run tell it."""
    moved = Moved()
    columns = (_OWN.run_id, _OWN.revision, _OWN.previous_digest, _OWN.content_digest)
    statement = select(*columns).where(_OWN.job_id == job_id).order_by(_OWN.run_id)
    async for row in tx.stream(statement, size=2_000):
        before = Leaf(row.run_id, row.revision - 1, bytes(row.previous_digest or b""))
        moved = moved.and_one(before, Leaf(row.run_id, row.revision, bytes(row.content_digest)))
    return moved


@dataclass(frozen=True, slots=True)
class Pair:
    """A run as it was before a job and as the job left it. `before` None: that revision is gone. `erased`: answers of it were erased."""

    after: Row[Any]
    before: Row[Any] | None
    erased: bool

    def subjects(self) -> tuple[Subject, Subject]:
        assert self.before is not None
        return subject_of_row(self.before), subject_of_row(self.after)


async def pairs_of(tx: Read, job: Job, *, size: int = 500, limit: int | None = None) -> AsyncIterator[list[Pair]]:
    """Every run that the job moved, in the order of their ids, some at a time."""
    after: str | None = None
    found = 0
    while limit is None or found < limit:
        own = select(run_revisions).where(_OWN.job_id == job.id).order_by(_OWN.run_id).limit(size)
        rows = await tx.rows(own if after is None else own.where(_OWN.run_id > after))
        if not rows:
            return
        after, found = rows[-1].run_id, found + len(rows)
        yield await _paired(tx, job, rows)


async def _paired(tx: Read, job: Job, rows: Any) -> list[Pair]:
    moved = run_revisions.alias("moved")
    joined = run_revisions.join(moved, and_(moved.c.run_id == _OWN.run_id, moved.c.revision == _OWN.revision + 1))
    range_ = moved.c.run_id.between(rows[0].run_id, rows[-1].run_id)
    befores = await tx.rows(select(run_revisions).select_from(joined).where(moved.c.job_id == job.id, range_))
    by_run = {row.run_id: row for row in befores}
    return [Pair(row, by_run.get(row.run_id), _erased(row, by_run.get(row.run_id))) for row in rows]


def _erased(*rows: Row[Any] | None) -> bool:
    return any(row is not None and row.leaves is not None for row in rows)


async def befores_of(tx: Read, job_id: str, runs: Sequence[str]) -> Mapping[str, Subject]:
    """Each of these runs as it was before that job, or a small one that went on with it, moved it; erased ones are left out."""
    moved = run_revisions.alias("moved")
    joined = run_revisions.join(moved, and_(moved.c.run_id == _OWN.run_id, moved.c.revision == _OWN.revision + 1))
    wanted = written_by(job_id, moved), is_one_of(moved.c.run_id, runs)
    rows = await tx.rows(select(run_revisions).select_from(joined).where(*wanted))
    return {row.run_id: subject_of_row(row) for row in rows if row.leaves is None}


def stored_digest(row: Row[Any], origin_wizard_id: str) -> bytes:
    """The digest that a stored revision has now; what cannot be read gives one that nothing has."""
    content = content_of(row.answers, row.archive, row.leaves)
    if content is None:
        return b""
    return recomputed_digest(row, content, Owner(origin_wizard_id, row.wizard_version_id, row.language, row.status))
