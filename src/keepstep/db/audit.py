"""The audit trail: who did what to what, written in the transaction that does it. Append-only; never holds an answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert

from keepstep.db.tables import audit_events
from keepstep.db.transaction import Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that was done. `action` is `<subject kind>.<past participle>`; `details` holds names and counts, never answers."""

    id: str
    at: datetime
    actor: str | None
    channel: str
    action: str
    subject_kind: str
    subject_id: str
    wizard_id: str | None = None
    run_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


_INSERT: Final = insert(audit_events)


async def append_event(tx: Write, event: Event) -> None:
    """The event, in the caller's transaction: no act without its event, no event without its act."""
    await tx.execute(_INSERT, _row(event))


async def append_events(tx: Write, events: Iterable[Event]) -> int:
    """As `append_event`, for an act on thousands of things at once: how many there were."""
    rows = ([row[name] for name in _COLUMNS] for row in map(_row, events))
    return await tx.copy(audit_events, _COLUMNS, rows)


_COLUMNS: Final = ("id", "at", "actor", "channel", "action", "subject_kind", "subject_id", "wizard_id", "run_id", "details")


def _row(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in _COLUMNS} | {"details": dict(event.details)}
