"""Which wizards have a retention rule, and which runs are due by it, by the lists that pages and the API use. Reads only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select

from keepstep.core.retention import Retention, RunTimes
from keepstep.db.tables import wizard_runs, wizards
from keepstep.db.transaction import Read
from keepstep.queries.run_lists import Between, RunFilter, among

_OWN: Final = wizard_runs.c


def due_filter(rule: Retention, now: datetime) -> RunFilter:
    """The runs that `core.retention.is_due` says are due, as a filter."""
    until = rule.due_before(now)
    completed = rule.after == "completion"
    return RunFilter(
        status="completed" if completed else None,
        trashed=None if rule.then == "erase" else False,
        between=Between("completed" if completed else "changed", until=until),
        erasable=rule.then == "erase",
    )


async def wizards_with_retention(tx: Read) -> Sequence[str]:
    """Those whose runs do not stay for ever; a wizard in the trash goes on losing them."""
    return await tx.scalars(select(wizards.c.id).where(wizards.c.settings.has_key("retention")).order_by(wizards.c.id))


async def lock_times(tx: Read, ids: Sequence[str]) -> dict[str, RunTimes]:
    """These runs as they are once nobody else writes them; they are held until the end of the transaction."""
    columns = (_OWN.status, _OWN.updated_at, _OWN.completed_at, _OWN.trashed_at, _OWN.erased_at)
    rows = await tx.rows(select(_OWN.id, *columns).where(among(ids)).order_by(_OWN.id).with_for_update())
    return {row.id: _times(row) for row in rows}


def _times(row: Row[Any]) -> RunTimes:
    return RunTimes(
        status=row.status,
        updated_at=row.updated_at,
        completed_at=row.completed_at,
        trashed_at=row.trashed_at,
        erased_at=row.erased_at,
    )
