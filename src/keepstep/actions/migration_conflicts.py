"""What a person decides about a run that waits: question by question, and the run moves when nothing is left open.

What moves then is a small job of its own, with a proof of its own, so that the proof of the first one stays what it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from keepstep.actions.audit import audit_job
from keepstep.actions.context import Context
from keepstep.actions.migration_jobs import NewJob, run_now, store_job
from keepstep.actions.preconditions import require_there
from keepstep.actions.runs import append_revision, save_answers
from keepstep.core.archive import decided
from keepstep.core.issue import Issue, to_errors
from keepstep.core.selection import check_other, check_value, normal_value
from keepstep.core.structure import OptionSet
from keepstep.core.validate import MAX_VALUES
from keepstep.db.tables import migration_items, migration_jobs, migration_resolutions
from keepstep.db.transaction import Read, Write
from keepstep.errors import ConflictNotFound, ResolutionInvalid, RunStays
from keepstep.queries.migration_conflicts import RESOLVED, Among, Conflict, OpenItem, conflict_ids, conflict_of, count_open, open_items
from keepstep.queries.migration_jobs import Job, get_job, load_job
from keepstep.queries.plans import StoredPlan, load_plan, prepared_plan
from keepstep.queries.runs import RunState, load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One of the choices of a conflict; with `value`, the answer that the target's question gets instead."""

    choice: str
    value: Any = None
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The run as it is now; whether it has moved; how many of its questions and how many of the job's still wait."""

    state: RunState
    moved: bool
    open_in_run: int
    open_in_job: int


async def resolve_conflict(ctx: Context, tx: Write, job_id: str, conflict_id: str, resolution: Resolution) -> Resolved:
    """What was decided, kept; and the run moved if nothing else of it is open.

    Raises ConflictNotFound, ResolutionInvalid, RunTrashed, RunErased, and RunStays where the run was changed so that something else
    holds it up now; nothing is kept then.
    """
    job = await get_job(tx, ctx.actor, job_id, "edit")
    run_id, option_set_id = conflict_ids(conflict_id)
    state = await load_run(tx, run_id, locked=True)
    require_there(state, erased="The answers of this run were erased.")
    items = await open_items(tx, job_id, limit=MAX_VALUES, which=Among(run_id=run_id))
    item = next((each for each in items if each.option_set_id == option_set_id), None)
    if item is None:
        raise ConflictNotFound("This conflict is resolved already, its run was moved or taken back since, or it was none of this job.")
    conflict = conflict_of(item, state, job, await prepared_plan(tx, await load_plan(tx, job.plan_id)))
    envelope = _checked(ctx, conflict, resolution)
    await audit_job(ctx, tx, "job.conflict_resolved", (job_id, job.origin_wizard_id), run=run_id, choice=resolution.choice)
    if resolution.choice == "stay":
        await _close(ctx, tx, job, [(each, "stay") for each in items if not each.moved])
    elif item.moved:
        state = await _settle_parked(ctx, tx, conflict, envelope)
        await _close(ctx, tx, job, [(item, resolution.choice)])
    else:
        await _keep(ctx, tx, job, item, (resolution.choice, envelope))
        state = await _moved_if_settled(ctx, tx, job, [each for each in items if not each.moved])
    await close_job(tx, job, ctx.now)
    left = await open_items(tx, job_id, limit=MAX_VALUES, which=Among(run_id=run_id))
    return Resolved(state, state.version.id != conflict.state.version.id, len(left), await count_open(tx, job_id))


def _checked(ctx: Context, conflict: Conflict, resolution: Resolution) -> dict[str, Any] | None:
    """The envelope that the target's question gets; None without a value. Raises ResolutionInvalid."""
    if resolution.choice not in conflict.choices:
        raise ResolutionInvalid(f"Choose one of: {', '.join(conflict.choices)}.", choices=list(conflict.choices))
    if resolution.choice != "value":
        return None
    assert conflict.place is not None  # only then it is among the choices
    return given_envelope(ctx, conflict.place, resolution)


def given_envelope(ctx: Context, place: OptionSet, resolution: Resolution) -> dict[str, Any]:
    """The answer that a person gives in place of one that does not convert. Raises ResolutionInvalid with every finding."""
    value = normal_value(resolution.value, place)
    found: tuple[Issue, ...] = check_value(value, place, ctx.clock)
    found += check_other(resolution.other, place) if resolution.other else ()
    if found or value is None:
        issues = found or (Issue("/value", "required", "Give the answer that counts from now on."),)
        raise ResolutionInvalid(issues[0].detail, errors=to_errors(issues))
    return {"value": value, "source": "editor"} | ({"other": resolution.other} if resolution.other else {})


async def _keep(ctx: Context, tx: Write, job: Job, item: OpenItem, chosen: tuple[str, Mapping[str, Any] | None]) -> None:
    choice, envelope = chosen
    row = {"run_id": item.run_id, "job_id": job.id, "option_set_id": item.option_set_id}
    said = {"resolution": choice, "envelope": envelope, "actor": ctx.actor.id, "at": ctx.now}
    own = migration_resolutions.c
    statement = upsert(migration_resolutions).values(**row, **said)
    await tx.execute(statement.on_conflict_do_update(index_elements=[own.run_id, own.job_id, own.option_set_id], set_=said))


async def _moved_if_settled(ctx: Context, tx: Write, job: Job, items: Sequence[OpenItem]) -> RunState:
    """The run, moved by a small job where every question of it is decided. Raises RunStays where something else holds it up now."""
    run_id = items[0].run_id
    settled = (await decided_so_far(tx, job, [run_id])).get(run_id, {})
    if any(item.option_set_id not in settled for item in items):
        return await load_run(tx, run_id)
    new = continuing(ctx, job, await load_plan(tx, job.plan_id), [run_id])
    small = await run_now(ctx, tx, await store_job(ctx, tx, new), {run_id: settled})
    await _require_moved(tx, small)
    own = migration_resolutions.c
    await tx.execute(delete(migration_resolutions).where(own.run_id == run_id, own.job_id == job.id))
    await _close(ctx, tx, job, [(item, name_of(settled[item.option_set_id])) for item in items])
    return await load_run(tx, run_id)


Decided = Mapping[str, Any]
"""Of one run: by option set what a person decided."""


async def decided_so_far(tx: Read, job: Job, run_ids: Sequence[str]) -> Mapping[str, Decided]:
    """By run, of those that still wait."""
    own = migration_resolutions.c
    statement = select(own.run_id, own.option_set_id, own.resolution, own.envelope).where(own.job_id == job.id, own.run_id.in_(run_ids))
    found: dict[str, dict[str, Any]] = {}
    for row in await tx.rows(statement):
        found.setdefault(row.run_id, {})[row.option_set_id] = row.envelope if row.resolution == "value" else row.resolution
    return found


def continuing(ctx: Context, job: Job, stored: StoredPlan, run_ids: Sequence[str]) -> NewJob:
    """The small job that moves these runs as a person decided."""
    return NewJob(
        stored=stored,
        kind=job.kind,
        scope={"run_ids": list(run_ids), "single": True},
        frozen_at=max(job.frozen_at, ctx.now),
        undoes=job.undoes,
        continues=job.id,
    )


def name_of(settled: Any) -> str:
    """How a decision is called on record: a value stands in the run alone."""
    return settled if isinstance(settled, str) else "value"


async def _require_moved(tx: Read, small: Job) -> None:
    left = await open_items(tx, small.id, limit=MAX_VALUES)
    if small.state != "completed" or left:
        errors = [{"pointer": f"/{item.option_set_id}", "code": item.code, "detail": item.outcome} for item in left]
        raise RunStays("The run was changed since, and something else holds it up now. Look at it again.", errors=errors)


async def _settle_parked(ctx: Context, tx: Write, conflict: Conflict, envelope: Mapping[str, Any] | None) -> RunState:
    """A run that moved with this answer parked: it gets the answer given now, or goes on without; the parked one stays in the archive."""
    state = conflict.state
    if envelope is None:
        name = conflict.item.option_set_id
        return await append_revision(ctx, tx, replace(state, archive=decided(state.archive, name)), "editor")
    assert conflict.place is not None
    given = {name: envelope[name] for name in ("value", "other") if name in envelope}
    return (await save_answers(ctx, tx, state.id, {conflict.place.id: given}, state.etag)).state


async def closing_rows(ctx: Context, tx: Read, job: Job, items: Sequence[tuple[OpenItem, str]]) -> list[dict[str, Any]]:
    """The rows by which items are resolved for good: which way is on record, the value is in the run alone. One statement for all."""
    own = migration_items.c
    numbers = select(own.run_id, func.max(own.number).label("last")).where(own.job_id == job.id)
    rows = await tx.rows(numbers.where(own.run_id.in_(sorted({item.run_id for item, _ in items}))).group_by(own.run_id))
    last = {row.run_id: int(row.last) for row in rows}
    values = []
    for item, choice in items:
        last[item.run_id] += 1
        row = {"run_id": item.run_id, "job_id": job.id, "number": last[item.run_id], "outcome": RESOLVED, "code": choice}
        row |= {"option_set_id": item.option_set_id, "revision": item.revision, "moved": item.moved or choice != "stay"}
        values.append({**row, "actor": ctx.actor.id, "at": ctx.now})
    return values


async def _close(ctx: Context, tx: Write, job: Job, items: Sequence[tuple[OpenItem, str]]) -> None:
    if items:
        await tx.execute(insert(migration_items), await closing_rows(ctx, tx, job, items))


async def close_job(tx: Write, job: Job, at: datetime) -> None:
    """A job whose last open question was answered is completed."""
    present = await load_job(tx, job.id)
    if present.state == "completed_with_conflicts" and await count_open(tx, job.id) == 0:
        own = migration_jobs.c
        await tx.execute(
            update(migration_jobs).where(own.id == job.id, own.state == present.state).values(state="completed", updated_at=at)
        )
