"""One decision for all runs that wait for the same answer: some hundred at a time, those that then can move by one small job together.

The same decision and the same proof as one by one (migration_conflicts.py). Must not know how often it is asked to go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from keepstep.actions.audit import audit_job
from keepstep.actions.context import Context
from keepstep.actions.migration_conflicts import Decided, close_job, closing_rows, continuing, decided_so_far, name_of
from keepstep.actions.migration_jobs import run_now, store_job
from keepstep.core.migration_counts import OPEN, tallies_of
from keepstep.core.moving import decide
from keepstep.db.tables import migration_items, migration_resolutions, wizard_runs
from keepstep.db.transaction import Write
from keepstep.errors import RunStays
from keepstep.queries.migration_conflicts import Among, OpenItem, open_items
from keepstep.queries.migration_jobs import Job, get_job
from keepstep.queries.movable import subject_of
from keepstep.queries.plans import StoredPlan, load_plan, prepared_plan
from keepstep.queries.run_lists import among
from keepstep.queries.runs import RunState, runs_with_heads, state_of_row

AT_ONCE: Final = 250
"""So many runs in one transaction."""
TOGETHER: Final[Mapping[str, Sequence[str]]] = {"waive": ("needs-answer",), "archive": ("conflicts", "blocked")}
"""What can be decided for all, and about which outcomes."""
_MOST_ITEMS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Several:
    """`moved` runs are in the target, `kept` wait for another answer as well. `last`: behind which the next ones are; None at the end."""

    moved: int = 0
    kept: int = 0
    last: tuple[str, str] | None = None


async def decide_several(ctx: Context, tx: Write, job_id: str, what: tuple[str, str], after: Sequence[str] | None = None) -> Several:
    """The same for the next runs behind `after`; one that something else holds up now waits on as it was.

    `what`: the question that they wait for and the choice, one of TOGETHER. Raises JobNotFound, Forbidden.
    """
    option_set_id, choice = what
    job = await get_job(tx, ctx.actor, job_id, "edit")
    found = await open_items(tx, job_id, limit=AT_ONCE, after=after, which=Among(option_set_id=option_set_id, outcomes=TOGETHER[choice]))
    run_ids = [item.run_id for item in found if not item.moved and item.chosen != choice]
    last = (found[-1].run_id, found[-1].option_set_id) if len(found) == AT_ONCE else None
    if not run_ids:
        return Several(last=last)
    await tx.scalars(select(wizard_runs.c.id).where(among(run_ids)).order_by(wizard_runs.c.id).with_for_update())
    stored = await load_plan(tx, job.plan_id)
    # Read again now that nobody else changes them.
    waiting = _by_run(await open_items(tx, job_id, limit=_MOST_ITEMS, which=Among(run_ids=run_ids)), option_set_id)
    ready, kept = await _sorted(tx, job, stored, waiting, what)
    await _keep(ctx, tx, job, kept, what)
    await _move(ctx, tx, (job, stored), ready, waiting)
    decided = len(ready) + len(kept)
    if decided:
        details = {"choice": choice, "runs": decided}
        await audit_job(ctx, tx, "job.conflicts_resolved", (job_id, job.origin_wizard_id), **details)
    await close_job(tx, job, ctx.now)
    return Several(len(ready), len(kept), last)


def _by_run(items: Sequence[OpenItem], option_set_id: str) -> Mapping[str, Sequence[OpenItem]]:
    """What keeps each run where it is, of those that still wait for this answer."""
    found: dict[str, list[OpenItem]] = {}
    for item in items:
        if not item.moved:
            found.setdefault(item.run_id, []).append(item)
    return {run_id: each for run_id, each in found.items() if any(item.option_set_id == option_set_id for item in each)}


async def _sorted(
    tx: Write, job: Job, stored: StoredPlan, waiting: Mapping[str, Sequence[OpenItem]], what: tuple[str, str]
) -> tuple[Mapping[str, Decided], Sequence[str]]:
    """Runs that can move now, with everything that was decided about them; and those that wait for another answer, too."""
    option_set_id, choice = what
    said = await decided_so_far(tx, job, list(waiting))
    states = await _states(tx, list(waiting))
    prepared = await prepared_plan(tx, stored)
    ready: dict[str, Decided] = {}
    kept: list[str] = []
    for run_id, items in waiting.items():
        settled = {**said.get(run_id, {}), option_set_id: choice}
        if any(item.option_set_id not in settled for item in items):
            kept.append(run_id)
            continue
        decision = decide(subject_of(states[run_id]), prepared, settled)
        if decision.moved is not None and not any(reason.outcome in OPEN for reason in decision.reasons):
            ready[run_id] = settled
    return ready, kept


async def _states(tx: Write, run_ids: Sequence[str]) -> Mapping[str, RunState]:
    rows = await tx.rows(runs_with_heads(wizard_runs).where(among(run_ids))) if run_ids else ()
    return {row.id: await state_of_row(tx, row) for row in rows}


async def _keep(ctx: Context, tx: Write, job: Job, run_ids: Sequence[str], what: tuple[str, str]) -> None:
    if not run_ids:
        return
    option_set_id, choice = what
    said = {"resolution": choice, "envelope": None, "actor": ctx.actor.id, "at": ctx.now}
    own = migration_resolutions.c
    rows = [{"run_id": run_id, "job_id": job.id, "option_set_id": option_set_id, **said} for run_id in run_ids]
    statement = upsert(migration_resolutions).values(rows)
    await tx.execute(statement.on_conflict_do_update(index_elements=[own.run_id, own.job_id, own.option_set_id], set_=said))


async def _move(
    ctx: Context, tx: Write, of: tuple[Job, StoredPlan], ready: Mapping[str, Decided], waiting: Mapping[str, Sequence[OpenItem]]
) -> None:
    """All of them by one small job. Raises RunStays, and nothing is kept, where one did not move after all."""
    if not ready:
        return
    job, stored = of
    small = await run_now(ctx, tx, await store_job(ctx, tx, continuing(ctx, job, stored, sorted(ready))), ready)
    if small.state != "completed" or tallies_of(small.counts).moving != len(ready):
        raise RunStays("Some runs were changed at this moment, and nothing was decided about them. Try again.")
    own = migration_resolutions.c
    await tx.execute(delete(migration_resolutions).where(own.job_id == job.id, own.run_id.in_(list(ready))))
    decided = [(item, name_of(ready[run_id][item.option_set_id])) for run_id in ready for item in waiting[run_id]]
    await tx.execute(insert(migration_items), await closing_rows(ctx, tx, job, decided))
