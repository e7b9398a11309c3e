"""What becomes of runs in progress when a version is published: their plan, made for the draft, counted, and bound to the version.

`offer` keeps the plan for whoever comes back; `migrate` starts a job that moves them. Runs that the plan cannot move finish where they are.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import update

from keepstep.actions.audit import audit_job
from keepstep.actions.context import Context
from keepstep.actions.migration_jobs import TASK, NewJob, store_job
from keepstep.actions.plans import approve_plan, refuse_faults, store_plan, understood
from keepstep.core.integrity import structure_digest
from keepstep.core.issue import Issue, to_errors
from keepstep.core.migration_counts import Tallies, groups_of
from keepstep.core.moving import decide
from keepstep.core.plan import Plan, plan_digest
from keepstep.core.plan_changes import Said
from keepstep.core.plan_making import made_plan
from keepstep.core.structure import Structure, dump
from keepstep.core.ways import Prepared
from keepstep.db.queue import defer
from keepstep.db.tables import migration_jobs, plans, wizard_runs
from keepstep.db.transaction import Read, Write
from keepstep.queries.drafts import tried_conversions
from keepstep.queries.migration_jobs import Job
from keepstep.queries.migration_ranges import is_one_of
from keepstep.queries.movable import out_of_reach, subject_of
from keepstep.queries.plan_shapes import mapping_of
from keepstep.queries.plans import Versions, faults_among, ready, versions_by_id
from keepstep.queries.runs import RunState, runs_with_heads, state_of_row
from keepstep.queries.versions import Version
from keepstep.queries.wizards import RunCounts, Wizard, count_runs_by_version

Policy = Literal["finish", "offer", "migrate"]
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Policied:
    """What a policy would mean now. `runs`: by version number, those that nobody has sent yet. Everything else is empty for `finish`.

    `tallies` None: the plan has `faults`, so nothing is decided by it.
    """

    policy: Policy
    runs: Mapping[int, RunCounts]
    plan: Plan | None = None
    versions: Versions
    faults: tuple[Issue, ...] = ()
    tallies: Tallies | None = None

    @property
    def unsent(self) -> int:
        return sum(each.by_status.get("in_progress", 0) + each.by_status.get("abandoned", 0) for each in self.runs.values())

    @property
    def moving(self) -> int:
        return 0 if self.tallies is None else self.tallies.moving

    @property
    def asks(self) -> bool:
        """Whether somebody has to look at it first."""
        return self.plan is not None and (bool(self.faults) or (self.tallies is not None and self.tallies.runs > 0))

    def bound(self) -> tuple[Any, ...]:
        """What a confirm token of it is bound to, besides the structure that is published."""
        return () if self.plan is None else (self.policy, plan_digest(self.plan).hex())

    def numbers(self) -> str:
        """The numbers that a page shows of it, to be told from others."""
        outcomes = {} if self.tallies is None else self.tallies.outcomes
        return "".join(f"|{name}:{count}" for name, count in sorted(outcomes.items()) if count)

    def to_json(self) -> dict[str, Any]:
        """`{policy, runs, faults, mapping, groups, moves, plan_digest}`; the last five only where the policy has a plan."""
        runs = [{"version_number": number, **counts.to_json()} for number, counts in sorted(self.runs.items())]
        own: dict[str, Any] = {"policy": self.policy, "runs": runs}
        if self.plan is None:
            return own
        sources = [self.versions[version_id] for version_id in self.plan.sources]
        lines = [line for source in sources for line in mapping_of(self.plan, source, self.versions[self.plan.target])]
        own |= {"plan_digest": plan_digest(self.plan).hex(), "faults": list(to_errors(self.faults)), "mapping": lines}
        own |= {"on_conflict": self.plan.on_conflict}
        groups = None if self.tallies is None else groups_of(self.tallies)
        return own | {"groups": groups, "moves": self.moving}


async def policied(ctx: Context, tx: Read, wizard: Wizard, policy: Policy, of: tuple[Structure, Said]) -> Policied:
    """What the policy would mean if this structure were published now, by what is said of its plan. Raises RequestInvalid.

    Every run in progress is decided about, as the job will.
    """
    structure, said = of
    if policy == "finish":
        return await _unplanned(tx, wizard)
    made = await planned(ctx, tx, wizard, structure)
    if made.plan is None:
        return made
    versions = made.versions
    plan = understood(made.plan, said, versions)
    faults = await faults_among(tx, wizard.id, plan, (versions, ctx.clock), unsent=True)
    tallies = None if faults else await _tallied(tx, wizard.id, ready(plan, versions))
    return replace(made, policy=policy, plan=plan, faults=faults, tallies=tallies)


async def planned(ctx: Context, tx: Read, wizard: Wizard, structure: Structure) -> Policied:
    """The plan as ids make it, with what was tried at changes of type, before anything is said of it; nothing is decided yet. No plan
    before the first version.
    """
    found = await _unplanned(tx, wizard)
    if wizard.active_version_id is None:
        return found
    draft = await asyncio.to_thread(_as_version, wizard, structure, ctx)
    # The active one in any case: somebody may be beginning on it at this moment.
    sources = [each for each in found.versions.values() if each.number in found.runs or each.id == wizard.active_version_id]
    tried = await tried_conversions(tx, wizard.id)
    plan = made_plan({each.id: each.structure for each in sources}, draft.id, structure, tried)
    return replace(found, plan=plan, versions={**found.versions, draft.id: draft})


async def _unplanned(tx: Read, wizard: Wizard) -> Policied:
    """The runs that are on their way, and nothing said of them."""
    counted = await count_runs_by_version(tx, wizard.id)
    versions = await versions_by_id(tx, wizard.id)
    runs = {versions[version_id].number: counts for version_id, counts in counted.items() if _has_unsent(counts)}
    return Policied(policy="finish", runs=runs, versions=versions)


def _has_unsent(counts: RunCounts) -> bool:
    """Those in the trash may come back, and be on their way still."""
    return bool(counts.by_status.get("in_progress") or counts.by_status.get("abandoned") or counts.trashed)


def _as_version(wizard: Wizard, structure: Structure, ctx: Context) -> Version:
    """The draft in the place of a version: its digest is its id until it is published."""
    digest = structure_digest(dump(structure))
    return Version(digest.hex(), wizard.id, 0, structure, digest, ctx.now)


# --- counted ---------------------------------------------------------------------------------------------------------


async def _tallied(tx: Read, wizard_id: str, prepared: Prepared) -> Tallies:
    """What the plan would do to every run in progress on its versions. Memory does not grow with their number."""
    tallies = Tallies()
    async for states in _unsent(tx, wizard_id, prepared.plan.sources):
        await asyncio.to_thread(_take, tallies, states, prepared)
    return tallies


async def _unsent(tx: Read, wizard_id: str, sources: Sequence[str]) -> AsyncIterator[Sequence[RunState]]:
    own = wizard_runs.c
    wanted = (own.origin_wizard_id == wizard_id, is_one_of(own.wizard_version_id, sources), own.status != "completed")
    after: str | None = None
    while True:
        more = () if after is None else (own.id > after,)
        rows = await tx.rows(runs_with_heads(wizard_runs).where(*wanted, *more).order_by(own.id).limit(_AT_ONCE))
        if not rows:
            return
        after = rows[-1].id
        yield [await state_of_row(tx, row) for row in rows]


def _take(tallies: Tallies, states: Sequence[RunState], prepared: Prepared) -> None:
    for state in states:
        run = (state.id, state.head_revision)
        if left := out_of_reach(state):
            tallies.take(run, state.version.id, left, (), moves=False)
            continue
        decision = decide(subject_of(state), prepared)
        tallies.take(run, state.version.id, decision.outcome, decision.reasons, moves=decision.moved is not None)


# --- published -------------------------------------------------------------------------------------------------------


def require_faultless(policy: Policied) -> None:
    """Raises PlanInvalid with every fault of the plan."""
    refuse_faults(policy.faults)


async def keep_policy(ctx: Context, tx: Write, version: Version, policy: Policied) -> Job | None:
    """Binds the plan to the version that was just published from the draft that it was made for; the job where runs are to be moved.

    In the transaction of the publish: with it, or not at all.
    """
    if policy.plan is None:
        return None
    bound = policy.plan.model_copy(update={"target": version.id})
    made = await store_plan(ctx, tx, version.origin_wizard_id, bound)
    await tx.execute(update(plans).where(plans.c.id == made.id).values(policy=policy.policy))
    stored = await approve_plan(ctx, tx, made)
    if policy.policy != "migrate":
        return None
    expected = {} if policy.tallies is None else policy.tallies.outcomes
    new = NewJob(stored=stored, kind="apply", scope={"unsent": True}, frozen_at=ctx.now, canary="pending", expected=expected)
    job = await store_job(ctx, tx, new)
    # Respondents go on answering until it is their turn: what no longer fits then finishes where it is, and must not hold up the others.
    await tx.execute(update(migration_jobs).where(migration_jobs.c.id == job.id).values(conflict_limit=None))
    await audit_job(ctx, tx, "job.started", (job.id, job.origin_wizard_id), plan=stored.id, runs=policy.moving)
    await defer(tx, TASK, {"job_id": job.id})
    return job
