"""Audit events as actions write them: the actor, the channel and the time come from the context."""

from typing import Any

from keepstep.actions.context import Context
from keepstep.core.permissions import SYSTEM
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


async def audit_user(ctx: Context, tx: Write, action: str, user_id: str, **details: Any) -> None:
    """An event on a user. Who has no session yet, because they are signing in or setting a password, acts as themselves."""
    is_signing_in = ctx.actor is SYSTEM
    event = Event(
        id=ctx.make_id(),
        at=ctx.now,
        actor=user_id if is_signing_in else ctx.actor.id,
        channel="web" if is_signing_in else ctx.actor.channel,
        action=action,
        subject_kind="user",
        subject_id=user_id,
        wizard_id=None,
        details=details,
    )
    await append_event(tx, event)
