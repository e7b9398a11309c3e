"""Audit events as actions write them: the actor, the channel and the time come from the context."""

from dataclasses import replace
from typing import Any

from keepstep.actions.context import Context
from keepstep.core.permissions import SYSTEM
from keepstep.db.audit import Event, append_event
from keepstep.db.transaction import Write


def event_of(ctx: Context, *, action: str, subject_kind: str, subject_id: str, **members: Any) -> Event:
    """The event of an act on this subject by whoever acts now. `members`: `wizard_id`, `run_id`, `details`."""
    return Event(
        id=ctx.make_id(),
        at=ctx.now,
        actor=ctx.actor.id,
        channel=ctx.actor.channel,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        **members,
    )


def run_event(ctx: Context, action: str, run: tuple[str, str], **details: Any) -> Event:
    """The event of an act on a run, given as (run id, wizard id)."""
    run_id, wizard_id = run
    return event_of(ctx, action=action, subject_kind="run", subject_id=run_id, wizard_id=wizard_id, run_id=run_id, details=details)


async def audit_wizard(ctx: Context, tx: Write, action: str, wizard_id: str, **details: Any) -> None:
    """An event on a wizard, its draft or its versions; `details` are names and counts, never answers."""
    event = event_of(ctx, action=action, subject_kind="wizard", subject_id=wizard_id, wizard_id=wizard_id, details=details)
    await append_event(tx, event)


async def audit_run(ctx: Context, tx: Write, action: str, run: tuple[str, str], **details: Any) -> None:
    """An event on a run, given as (run id, wizard id)."""
    await append_event(tx, run_event(ctx, action, run, **details))


async def audit_plan(ctx: Context, tx: Write, action: str, plan_id: str, wizard_id: str, **details: Any) -> None:
    """An event on a plan of a migration; `details` are names and counts, never answers."""
    await append_event(tx, event_of(ctx, action=action, subject_kind="plan", subject_id=plan_id, wizard_id=wizard_id, details=details))


async def audit_job(ctx: Context, tx: Write, action: str, job: tuple[str, str], **details: Any) -> None:
    """An event on a migration job, given as (job id, wizard id)."""
    job_id, wizard_id = job
    await append_event(tx, event_of(ctx, action=action, subject_kind="job", subject_id=job_id, wizard_id=wizard_id, details=details))


async def audit_user(ctx: Context, tx: Write, action: str, user_id: str, **details: Any) -> None:
    """An event on a user. Who has no session yet, because they are signing in or setting a password, acts as themselves."""
    event = event_of(ctx, action=action, subject_kind="user", subject_id=user_id, details=details)
    await append_event(tx, replace(event, actor=user_id, channel="web") if ctx.actor is SYSTEM else event)
