"""What people do with migrations: preview a plan, apply it, stop and go on, take it back. The work itself is done piece by piece elsewhere.

A preview is the same work without writing. What was previewed is what is approved: the token of a preview opens its apply, and the job
covers the runs that the preview counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import insert, update

from keepstep.actions.audit import audit_job
from keepstep.actions.context import Context
from keepstep.actions.migration_ends import finish_job, limit_of, seal
from keepstep.actions.migration_pieces import Size, claim_piece
from keepstep.actions.migration_work import Piece, do_piece, task_of
from keepstep.actions.plans import approve_plan, require_faultless
from keepstep.core.migration_counts import tallies_of
from keepstep.core.tokens import sign, verified
from keepstep.db.queue import defer
from keepstep.db.tables import migration_jobs
from keepstep.db.transaction import Read, Write
from keepstep.errors import ImpactUnconfirmed, JobState, RequestInvalid
from keepstep.queries.migration_jobs import ACTIVE, Job, Kind, counted_so_far, get_job, job_of_preview, last_preview, load_job, undo_of
from keepstep.queries.migration_ranges import cut, filter_in, reach_of
from keepstep.queries.plans import StoredPlan, get_plan, load_plan, lock_plan
from keepstep.queries.run_lists import conditions_of
from keepstep.queries.wizards import get_wizard

TASK: Final = "migrate"
"""The name of the worker's task; its argument is the id of the job."""
AT_ONCE: Final = 2_000
"""So many runs are previewed while somebody waits; more are a worker's."""
MOST_NAMED: Final = 10_000
_PURPOSE: Final = "apply-plan"
_WHOLE: Final = Size(smallest=AT_ONCE, largest=AT_ONCE, first=AT_ONCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which runs of the plan's versions: these, those that a filter holds, or (neither) all."""

    run_ids: Sequence[str] | None = None
    filter: Mapping[str, Any] | None = None

    def scope(self) -> dict[str, Any]:
        named = {} if self.run_ids is None else {"run_ids": sorted(set(self.run_ids))}
        return named | ({} if not self.filter else {"filter": dict(self.filter)})


ALL: Final = Which()


# --- preview ---------------------------------------------------------------------------------------------------------


async def preview_plan(ctx: Context, tx: Write, plan_id: str, which: Which = ALL) -> Job:
    """What the plan would do to every run of its scope, counted. Done when this returns, unless there are so many that a worker does it.

    Raises PlanNotFound, Forbidden, PlanInvalid with every fault, RequestInvalid for a filter that names nothing.
    """
    stored = await get_plan(tx, ctx.actor, plan_id, "edit")
    await _require_scope(tx, stored, which)
    await require_faultless(ctx, tx, stored)
    job = await store_job(ctx, tx, NewJob(stored=stored, kind="preview", scope=which.scope(), frozen_at=ctx.now))
    await audit_job(ctx, tx, "job.previewed", (job.id, job.origin_wizard_id), plan=stored.id)
    runs, _ = await cut(tx, await reach_of(tx, job, stored.plan.sources), AT_ONCE + 1)
    if runs > AT_ONCE:
        await defer(tx, TASK, {"job_id": job.id})
        return job
    return await run_now(ctx, tx, job)


async def give_up_preview(ctx: Context, tx: Write, plan_id: str) -> None:
    """A preview of the plan that still counts is over."""
    running = await last_preview(tx, plan_id)
    if running is not None and running.is_active:
        await cancel_job(ctx, tx, running.id)


async def _require_scope(tx: Read, stored: StoredPlan, which: Which) -> None:
    if which.run_ids is not None and len(which.run_ids) > MOST_NAMED:
        detail = f"At most {MOST_NAMED:,} runs can be named; use a filter for more."
        raise RequestInvalid(detail, errors=[{"pointer": "/run_ids", "code": "too-many", "detail": detail}])
    if which.filter:
        await conditions_of(tx, stored.origin_wizard_id, filter_in(dict(which.filter)))


async def run_now(ctx: Context, tx: Write, job: Job, settled: Mapping[str, Mapping[str, Any]] | None = None) -> Job:
    """The whole of a small job within this transaction, its end included."""
    task = await task_of(tx, job, settled=settled)
    while isinstance(step := await claim_piece(ctx, tx, job.id, job.id, _WHOLE), Piece):
        await do_piece(ctx, tx, task, step)
    return await finish_job(ctx, tx, task)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job before it is stored."""

    stored: StoredPlan
    kind: Kind
    scope: Mapping[str, Any]
    frozen_at: datetime
    canary: Literal["none", "pending"] = "none"
    undoes: str | None = None
    preview_id: str | None = None
    continues: str | None = None
    expected: Mapping[str, int] | None = None


async def store_job(ctx: Context, tx: Write, new: NewJob) -> Job:
    """The job, waiting for a worker."""
    job_id = ctx.make_id()
    names = ("kind", "scope", "frozen_at", "canary", "undoes", "preview_id", "continues")
    row = {name: getattr(new, name) for name in names} | {"id": job_id, "state": "queued", "expected": dict(new.expected or {})}
    row |= {"plan_id": new.stored.id, "origin_wizard_id": new.stored.origin_wizard_id, "plan_digest": new.stored.digest}
    row |= {"created_at": ctx.now, "created_by": ctx.actor.id, "updated_at": ctx.now}
    row["conflict_limit"] = None if new.expected is None else limit_of(new.expected)
    await tx.execute(insert(migration_jobs).values(**row))
    return await load_job(tx, job_id)


# --- apply -----------------------------------------------------------------------------------------------------------


def confirm_token(ctx: Context, stored: StoredPlan, preview: Job, active_version_id: str | None) -> str | None:
    """What `apply_plan` takes for this preview; None while it counts, and where the plan was changed since."""
    if preview.state != "completed" or preview.plan_digest != stored.digest:
        return None
    return sign(ctx.secret, _PURPOSE, [stored.id, stored.digest.hex(), preview.id, active_version_id, ctx.actor.id])


async def apply_plan(ctx: Context, tx: Write, plan_id: str, confirm: str | None, which: Which = ALL) -> Job:
    """A job that moves the runs that were previewed, or `which` of them; the plan is approved by it. A worker does it.

    Raises ImpactUnconfirmed unless `confirm` is the token of the newest preview of exactly this plan, and no version was published since.
    """
    stored = await lock_plan(tx, ctx.actor, plan_id)
    preview = await _confirmed(ctx, tx, stored, confirm)
    await _require_scope(tx, stored, which)
    scope = _narrowed(preview.scope, which.scope())
    known = await job_of_preview(tx, preview.id, scope)
    if known is not None:
        return _again(known)
    await require_faultless(ctx, tx, stored)
    stored = await approve_plan(ctx, tx, stored)
    counted = tallies_of(preview.counts)
    new = NewJob(
        stored=stored,
        kind="apply",
        scope=scope,
        frozen_at=preview.frozen_at,
        canary="pending",
        preview_id=preview.id,
        expected=counted.outcomes,
    )
    job = await store_job(ctx, tx, new)
    await audit_job(ctx, tx, "job.started", (job.id, job.origin_wizard_id), plan=plan_id, runs=counted.moving)
    await defer(tx, TASK, {"job_id": job.id})
    return job


def _again(known: Job) -> Job:
    """The job that this very request made before; one that was stopped or taken back is no answer to it."""
    if known.is_active or known.state in ("completed", "completed_with_conflicts"):
        return known
    raise ImpactUnconfirmed(f"This preview was applied before, by a job that is {known.state}. Preview the plan again.", preview=None)


async def _confirmed(ctx: Context, tx: Read, stored: StoredPlan, confirm: str | None) -> Job:
    preview = await last_preview(tx, stored.id)
    if preview is None or preview.state != "completed":
        raise ImpactUnconfirmed("Preview this plan first: the token of its preview says what was seen.", preview=None)
    wizard = await get_wizard(tx, ctx.actor, stored.origin_wizard_id, "edit", removed=True)
    token = confirm_token(ctx, stored, preview, wizard.active_version_id)
    if token is None:
        raise ImpactUnconfirmed("The plan was changed since it was previewed. Preview it again.", preview=None)
    if confirm is None or verified(ctx.secret, _PURPOSE, confirm) != verified(ctx.secret, _PURPOSE, token):
        detail = "This token is of another preview, another person, or of before the wizard was published again. Look at this preview."
        groups = dict(tallies_of(preview.counts).outcomes)
        raise ImpactUnconfirmed(
            detail if confirm else "Read the preview, then repeat the call with its token.", groups=groups, confirm=token
        )
    return preview


def _narrowed(previewed: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Of the previewed runs those that are wanted now. Raises RequestInvalid where a filter would be put in place of another one."""
    if "filter" in previewed and "filter" in wanted and previewed["filter"] != wanted["filter"]:
        raise RequestInvalid("The preview had another filter. Preview with this one first.")
    scope = {**previewed, **wanted}
    if "run_ids" in previewed and "run_ids" in wanted:
        scope["run_ids"] = sorted(set(previewed["run_ids"]) & set(wanted["run_ids"]))
    return scope


# --- stop and go on --------------------------------------------------------------------------------------------------


async def pause_job(ctx: Context, tx: Write, job_id: str) -> Job:
    """The job, standing still: what is in hand is done, nothing more is begun. Pausing twice changes nothing."""
    job = await _to_change(ctx, tx, job_id, ("queued", "running", "paused"))
    if job.state == "paused":
        return job
    await audit_job(ctx, tx, "job.paused", (job_id, job.origin_wizard_id))
    return await _set_state(ctx, tx, job, {"state": "paused", "reason": None})


async def resume_job(ctx: Context, tx: Write, job_id: str) -> Job:
    """The job, going on where it was. More conflicts than were foreseen are accepted by it, up to a tenth more than there are now."""
    job = await _to_change(ctx, tx, job_id, ("paused",))
    values: dict[str, Any] = {"state": "running" if job.started_at else "queued", "reason": None}
    if job.reason == "conflicts-beyond-preview" and job.conflict_limit is not None:
        found = await counted_so_far(tx, job_id, ("conflicts", "blocked"))
        values["conflict_limit"] = max(job.conflict_limit, found * 11 // 10 + 1)
    await audit_job(ctx, tx, "job.resumed", (job_id, job.origin_wizard_id))
    changed = await _set_state(ctx, tx, job, values)
    await defer(tx, TASK, {"job_id": job_id})
    return changed


async def cancel_job(ctx: Context, tx: Write, job_id: str) -> Job:
    """The job, over: what it moved stays moved until it is taken back; what it did not reach stays where it is."""
    job = await _to_change(ctx, tx, job_id, ACTIVE)
    return await _cancelled(ctx, tx, job)


async def _cancelled(ctx: Context, tx: Write, job: Job) -> Job:
    changed = await _set_state(ctx, tx, job, {"state": "cancelled", "finished_at": ctx.now})
    await audit_job(ctx, tx, "job.cancelled", (job.id, job.origin_wizard_id))
    if job.kind != "preview":
        await seal(ctx, tx, changed)
    return changed


async def _to_change(ctx: Context, tx: Write, job_id: str, states: Sequence[str]) -> Job:
    """The job, locked: whoever works on a piece of it has finished that piece. Raises JobNotFound, Forbidden, JobState."""
    await get_job(tx, ctx.actor, job_id, "edit")
    job = await load_job(tx, job_id, "change")
    if job.state not in states:
        raise JobState(f"This job is {job.state.replace('_', ' ')}.", state=job.state)
    return job


async def _set_state(ctx: Context, tx: Write, job: Job, values: Mapping[str, Any]) -> Job:
    await tx.execute(update(migration_jobs).where(migration_jobs.c.id == job.id).values(**values, updated_at=ctx.now))
    return await load_job(tx, job.id)


# --- take back -------------------------------------------------------------------------------------------------------

_UNDOABLE: Final = ("queued", "running", "paused", "completed", "completed_with_conflicts", "failed", "cancelled", "reverting")


async def undo_job(ctx: Context, tx: Write, job_id: str) -> Job:
    """A job that takes this one back, run by run; this one is stopped first where it still runs. An undo is taken back the same way.

    Raises JobState for a preview, and for a job that is taken back already.
    """
    job = await _to_change(ctx, tx, job_id, _UNDOABLE)
    if job.kind == "preview":
        raise JobState("A preview changed nothing, so there is nothing to take back.", state=job.state)
    if job.is_active:
        await _cancelled(ctx, tx, job)
    await _require_no_undo_at_work(tx, job_id)
    await _set_state(ctx, tx, job, {"state": "reverting"})
    new = NewJob(stored=await load_plan(tx, job.plan_id), kind="undo", scope={}, frozen_at=ctx.now, undoes=job_id)
    undoing = await store_job(ctx, tx, new)
    await audit_job(ctx, tx, "job.undone", (job_id, job.origin_wizard_id), by=undoing.id)
    await defer(tx, TASK, {"job_id": undoing.id})
    return undoing


async def _require_no_undo_at_work(tx: Read, job_id: str) -> None:
    undoing = await undo_of(tx, job_id)
    if undoing is not None and undoing.is_active:
        raise JobState("This job is being taken back already.", state="reverting", undo=undoing.id)
