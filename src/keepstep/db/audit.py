"""The audit trail: who did what to what, written in the transaction that does it. Append-only; never holds an answer."""

from collections.abc import Mapping
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
    await tx.execute(
        _INSERT,
        {
            "id": event.id,
            "at": event.at,
            "actor": event.actor,
            "channel": event.channel,
            "action": event.action,
            "subject_kind": event.subject_kind,
            "subject_id": event.subject_id,
            "wizard_id": event.wizard_id,
            "run_id": event.run_id,
            "details": dict(event.details),
        },
    )
