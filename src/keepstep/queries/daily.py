"""What the daily work has to look at, and what it did last. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text

from keepstep.db.tables import audit_events, wizard_runs
from keepstep.db.transaction import Read


@dataclass(frozen=True, slots=True)
class DailyWork:
    """When the daily work was done to its end, and what it did: counts by kind."""

    at: datetime
    done: Mapping[str, int]


async def last_daily_work(tx: Read) -> DailyWork | None:
    """None where it never was."""
    event = audit_events.c
    # Written out, since the index is one of these events alone.
    own = select(event.at, event.details).where(text("action = 'database.maintained'"))
    row = await tx.one_or_none(own.order_by(event.at.desc(), event.id.desc()).limit(1))
    return None if row is None else DailyWork(row.at, {kind: int(count) for kind, count in row.details.items()})


async def wizards_with_open_runs(tx: Read, now: datetime) -> Sequence[str]:
    """The wizards with a run in progress that nobody has saved for a day, which is the shortest wait that can be set."""
    own = wizard_runs.c
    silent = select(own.origin_wizard_id).where(own.status == "in_progress", own.updated_at < now - timedelta(days=1))
    return await tx.scalars(silent.distinct().order_by(own.origin_wizard_id))
