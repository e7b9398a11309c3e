"""What people do with plans of migrations: make one from ids, complete it, approve it. Nothing here moves a run."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import insert, update

from keepstep.actions.audit import audit_plan
from keepstep.actions.context import Context
from keepstep.core.issue import Issue, to_errors
from keepstep.core.plan import Plan, dump_plan, plan_digest
from keepstep.core.plan_changes import Between, Said, said_of
from keepstep.core.plan_making import made_plan
from keepstep.db.tables import plans
from keepstep.db.transaction import Read, Write
from keepstep.errors import IdConflict, NothingPublished, PlanApproved, PlanInvalid, RequestInvalid, Stale
from keepstep.queries.drafts import tried_conversions
from keepstep.queries.plans import StoredPlan, Versions, faults_of, find_plan, lock_plan, versions_by_id
from keepstep.queries.versions import Version
from keepstep.queries.wizards import Wizard, count_runs_by_version, get_wizard


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """Which versions' runs go where, by number, and what is said of the way there. `source` None: every other version that has runs.
    `target` None: the active version. `id`: of the client's making, so that the same request makes one plan.
    """

    id: str | None = None
    source: Sequence[int] | None = None
    target: int | None = None
    said: Said = field(default_factory=Said)


@dataclass(frozen=True, slots=True)
class MadePlan:
    """The plan; `created` False where this very request made it before."""

    stored: StoredPlan
    created: bool = True


async def plan_migration(ctx: Context, tx: Write, wizard_ref: str, request: PlanRequest) -> MadePlan:
    """A new plan: every question to the one of the same id, the rest to the archive, and what the request says on top.

    Conversions take up the parameters that were tried when the type was changed.

    Raises WizardNotFound, Forbidden, NothingPublished, and RequestInvalid with everything that could not be understood. Faults of
    the plan itself stop nothing yet: `faults_of` lists them.
    """
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "edit", removed=True)
    versions = await versions_by_id(tx, wizard.id)
    target = _target(wizard, versions, request.target)
    sources = await _sources(tx, wizard, versions, target, request.source)
    tried = await tried_conversions(tx, wizard.id)
    made = made_plan({version.id: version.structure for version in sources}, target.id, target.structure, tried)
    plan = understood(made, request.said, versions)
    known = None if request.id is None else await find_plan(tx, request.id)
    if known is not None:
        if known.origin_wizard_id != wizard.id or known.digest != plan_digest(plan):
            raise IdConflict("Another plan has this id, or this one was changed since.")
        if known.discarded_at is not None:
            raise IdConflict("The plan with this id was discarded. Make another one.")
        return MadePlan(known, created=False)
    return MadePlan(await store_plan(ctx, tx, wizard.id, plan, plan_id=request.id))


def _target(wizard: Wizard, versions: Versions, number: int | None) -> Version:
    found = next((version for version in versions.values() if version.number == number), None)
    if number is None and wizard.active_version_id is not None:
        return versions[wizard.active_version_id]
    if number is None:
        raise NothingPublished("This wizard has no published version yet.")
    if found is None:
        raise _unknown("/target", number)
    return found


async def _sources(tx: Read, wizard: Wizard, versions: Versions, target: Version, numbers: Sequence[int] | None) -> Sequence[Version]:
    by_number = {version.number: version for version in versions.values()}
    if numbers is None:
        counted = await count_runs_by_version(tx, wizard.id)
        return [version for version in versions.values() if version.id in counted and version.id != target.id]
    for index, number in enumerate(numbers):
        if number not in by_number:
            raise _unknown(f"/source/{index}", number)
        if by_number[number].id == target.id:
            detail = f"v{number} is where the runs would go: its runs are there already. Leave it out, or choose another target."
            raise RequestInvalid(detail, errors=[{"pointer": f"/source/{index}", "code": "version-is-target", "detail": detail}])
    return [by_number[number] for number in dict.fromkeys(numbers)]


def _unknown(at: str, number: int) -> RequestInvalid:
    detail = f"This wizard has no version {number}."
    return RequestInvalid(detail, errors=[{"pointer": at, "code": "version-unknown", "detail": detail}])


def understood(plan: Plan, said: Said, versions: Versions) -> Plan:
    """The plan with what was said of it. Raises RequestInvalid with everything that could not be understood."""
    sources = {version_id: versions[version_id] for version_id in plan.sources}
    structures = {version_id: version.structure for version_id, version in sources.items()}
    numbers = {version.number: version_id for version_id, version in sources.items()}
    changed, issues = said_of(plan, said, Between(structures, numbers, versions[plan.target].structure))
    if issues:
        raise RequestInvalid(issues[0].detail, errors=to_errors(issues))
    return changed


async def store_plan(ctx: Context, tx: Write, wizard_id: str, plan: Plan, plan_id: str | None = None) -> StoredPlan:
    """The plan, stored."""
    stored = StoredPlan(
        id=plan_id or ctx.make_id(),
        origin_wizard_id=wizard_id,
        plan=plan,
        digest=plan_digest(plan),
        revision=1,
        created_at=ctx.now,
        created_by=ctx.actor.id,
        updated_at=ctx.now,
        approved_at=None,
        approved_by=None,
    )
    row = {name: getattr(stored, name) for name in StoredPlan.__dataclass_fields__ if name != "plan"}
    await tx.execute(insert(plans).values(**row, target_id=plan.target, content=dump_plan(plan)))
    await audit_plan(ctx, tx, "plan.made", stored.id, wizard_id, sources=len(plan.sources))
    return stored


async def change_plan(ctx: Context, tx: Write, plan_id: str, said: Said, seen: str | None = None) -> StoredPlan:
    """The plan, completed by what is said. Raises PlanApproved, Stale, RequestInvalid."""
    stored = await lock_plan(tx, ctx.actor, plan_id)
    if seen not in (None, "*", str(stored.revision)):
        changed = {"by": stored.created_by, "updated_at": stored.updated_at.isoformat()}
        raise Stale("Somebody changed this plan since you read it.", etag=str(stored.revision), changed=changed)
    if stored.approved_at is not None:
        raise PlanApproved("This plan is approved. Make another one.")
    plan = understood(stored.plan, said, await versions_by_id(tx, stored.origin_wizard_id))
    changed_plan = replace(stored, plan=plan, digest=plan_digest(plan), revision=stored.revision + 1, updated_at=ctx.now)
    values = {"content": dump_plan(plan), "digest": changed_plan.digest, "revision": changed_plan.revision, "updated_at": ctx.now}
    await tx.execute(update(plans).where(plans.c.id == plan_id).values(**values))
    await audit_plan(ctx, tx, "plan.changed", plan_id, stored.origin_wizard_id, revision=changed_plan.revision)
    return changed_plan


async def discard_plan(ctx: Context, tx: Write, plan_id: str) -> None:
    """The plan, gone from every list; it moved nothing, and its number is given to no other. Raises PlanNotFound, PlanApproved."""
    stored = await lock_plan(tx, ctx.actor, plan_id)
    if stored.approved_at is not None:
        raise PlanApproved("This plan is approved: what was approved is kept. Undo what it moved instead.")
    values = {"discarded_at": ctx.now, "discarded_by": ctx.actor.id}
    await tx.execute(update(plans).where(plans.c.id == plan_id).values(**values))
    await audit_plan(ctx, tx, "plan.discarded", plan_id, stored.origin_wizard_id, revision=stored.revision)


async def approve_plan(ctx: Context, tx: Write, stored: StoredPlan) -> StoredPlan:
    """The plan, which nobody changes any more. Approving one that is approved changes nothing."""
    if stored.approved_at is not None:
        return stored
    values = {"approved_at": ctx.now, "approved_by": ctx.actor.id}
    await tx.execute(update(plans).where(plans.c.id == stored.id).values(**values))
    await audit_plan(ctx, tx, "plan.approved", stored.id, stored.origin_wizard_id, revision=stored.revision)
    return replace(stored, approved_at=ctx.now, approved_by=ctx.actor.id)


async def require_faultless(ctx: Context, tx: Read, stored: StoredPlan) -> None:
    """Raises PlanInvalid with every fault."""
    refuse_faults(await faults_of(tx, stored.origin_wizard_id, stored.plan, ctx.clock))


def refuse_faults(faults: Sequence[Issue]) -> None:
    """Raises PlanInvalid with these faults; nothing without."""
    if faults:
        more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
        raise PlanInvalid(f"{faults[0].detail}{more}", errors=to_errors(faults))
