"""The history of one run as whole states: its revisions with their answers, who made them, and what was erased. Reads only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from keepstep.db.tables import erasures, run_revisions, users, wizard_runs, wizard_versions
from keepstep.db.transaction import Read
from keepstep.queries.runs import RunState, revision_state, runs_with_all_revisions
from keepstep.queries.versions import version_by_id

# A person reads some; a run that is edited every day has hundreds.
PAGE: Final = 20


async def revisions_before(tx: Read, run_id: str, *, before: int | None = None, limit: int = PAGE) -> Sequence[RunState]:
    """The newest first, from below the revision `before`."""
    statement = runs_with_all_revisions().where(wizard_runs.c.id == run_id)
    if before is not None:
        statement = statement.where(run_revisions.c.revision < before)
    rows = await tx.rows(statement.order_by(run_revisions.c.revision.desc()).limit(limit))
    return [revision_state(row, await version_by_id(tx, row.revision_version_id)) for row in rows]


async def names_of(tx: Read, ids: Collection[str | None]) -> Mapping[str, str]:
    """The names of these users, of whom some may be gone. One query."""
    wanted = sorted({each for each in ids if each})
    rows = await tx.rows(select(users.c.id, users.c.name).where(users.c.id.in_(wanted))) if wanted else ()
    return {row.id: row.name for row in rows}


async def first_version_number(tx: Read, state: RunState) -> int:
    """The number of the version that the run began on."""
    joined = run_revisions.join(wizard_versions, wizard_versions.c.id == run_revisions.c.wizard_version_id)
    first = (run_revisions.c.run_id == state.id, run_revisions.c.revision == 1)
    number = await tx.scalar(select(wizard_versions.c.version_number).select_from(joined).where(*first))
    return int(number or state.version.number)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One erasure: why, by whom, when; `option_sets` are the names that went, None is everything."""

    number: int
    reason: str
    by: str | None
    actor: str | None
    at: datetime
    option_sets: Sequence[str] | None


async def tombstones_of_run(tx: Read, run_id: str) -> Sequence[Tombstone]:
    """The oldest first. One query."""
    own = erasures.c
    joined = erasures.outerjoin(users, users.c.id == own.actor)
    columns = (own.number, own.reason, users.c.name.label("by"), own.actor, own.at, own.option_set_ids)
    rows = await tx.rows(select(*columns).select_from(joined).where(own.run_id == run_id).order_by(own.number))
    return [Tombstone(row.number, row.reason, row.by, row.actor, row.at, row.option_set_ids) for row in rows]
