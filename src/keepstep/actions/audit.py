"""Audit events as actions write them: the actor, the channel and the time come from the context."""

from typing import Any

from keepstep.actions.context import Context
from keepstep.db.audit import Event, append_event
from keepstep.db.transaction import Write


async def audit_wizard(ctx: Context, tx: Write, action: str, wizard_id: str, **details: Any) -> None:
    """An event on a wizard, its draft or its versions; `details` are names and counts, never answers."""
    event = Event(
        id=ctx.make_id(),
        at=ctx.now,
        actor=ctx.actor.id,
        channel=ctx.actor.channel,
        action=action,
        subject_kind="wizard",
        subject_id=wizard_id,
        wizard_id=wizard_id,
        details=details,
    )
    await append_event(tx, event)


async def audit_run(ctx: Context, tx: Write, action: str, run: tuple[str, str], **details: Any) -> None:
    """An event on a run, given as (run id, wizard id)."""
    run_id, wizard_id = run
    event = Event(
        id=ctx.make_id(),
        at=ctx.now,
        actor=ctx.actor.id,
        channel=ctx.actor.channel,
        action=action,
        subject_kind="run",
        subject_id=run_id,
        wizard_id=wizard_id,
        run_id=run_id,
        details=details,
    )
    await append_event(tx, event)
