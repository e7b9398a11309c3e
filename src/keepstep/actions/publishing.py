"""Making a draft live: publish it as the next version, or publish an old version's structure again (rollback).

A version is written once, with one row for each of its option sets, and never again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import insert, update

from keepstep.actions.audit import audit_wizard
from keepstep.actions.confirm import Confirmable, Consent, confirmable, counted_report, numbers_in, require_confirmed, require_counted
from keepstep.actions.context import Context
from keepstep.actions.drafts import check_draft_seen, draft_to_edit, make_edit
from keepstep.actions.policies import Policied, Policy, keep_policy, policied, require_faultless
from keepstep.actions.registry import reserve
from keepstep.core import edits as e
from keepstep.core.faults import problems_in
from keepstep.core.impact import Report
from keepstep.core.integrity import structure_digest, version_record
from keepstep.core.issue import to_errors
from keepstep.core.look_alikes import LookAlike, look_alikes
from keepstep.core.plan_changes import Said
from keepstep.core.shelf import Shelved
from keepstep.core.structure import Structure, dump
from keepstep.db.tables import version_option_sets, wizard_versions, wizards
from keepstep.db.transaction import UNIQUE, Read, Write
from keepstep.errors import ImpactUnconfirmed, NothingToPublish, Stale, StructureInvalid
from keepstep.queries.drafts import WizardDraft, get_draft, reserved_of
from keepstep.queries.history import last_version
from keepstep.queries.migration_jobs import Job
from keepstep.queries.versions import Version, version_by_id, version_by_number
from keepstep.queries.wizards import Wizard


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """How to publish: what to tell about it, what becomes of runs in progress on older versions, and which version to go back to.

    `said` completes the plan by which they are offered the new version, or moved to it.
    """

    change_summary: str | None = None
    in_progress: Policy = "finish"
    said: Said = field(default_factory=Said)
    rolls_back_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A new version. `draft_kept`: a rollback left a draft alone that had changes of its own. `job`: what moves the runs in progress."""

    wizard: Wizard
    version: Version
    report: Report
    policy: Policied
    job: Job | None = None
    draft_kept: bool = False


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What publishing would mean for what is stored, and for runs in progress, with one token for both. `finish_token`: the token of the
    same where runs in progress finish on their version, for who saw this and then leaves them alone.
    """

    stored: Confirmable
    policy: Policied
    finish_token: str

    @property
    def report(self) -> Report:
        return self.stored.report

    @property
    def token(self) -> str:
        return self.stored.token

    def to_json(self) -> dict[str, Any]:
        """`{changes, impact, in_progress, confirm}`."""
        return self.stored.to_json() | {"in_progress": self.policy.to_json()}


@dataclass(frozen=True, slots=True)
class Plan:
    """A version to be made: its structure, what its row says besides, and what it means."""

    structure: Structure
    publishing: Publishing
    active: Version | None
    told: PublishReport


async def publish_draft(ctx: Context, tx: Write, wizard_ref: str, publishing: Publishing, consent: Consent) -> Published:
    """The draft as the next version, active from now on. What becomes of runs in progress, `publishing` says.

    Raises NothingToPublish, StructureInvalid, PlanInvalid, ImpactUnconfirmed, Stale, PreconditionRequired.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    await check_draft_seen(tx, state, consent.seen)
    plan = await _publish_plan(ctx, tx, state, publishing)
    _require_consent(ctx, plan, consent)
    version = await _store_version(ctx, tx, state.wizard, plan)
    job = await keep_policy(ctx, tx, version, plan.told.policy)
    wizard = _with_active(state.wizard, version)
    return Published(wizard=wizard, version=version, report=plan.told.report, policy=plan.told.policy, job=job)


async def report_of_publish(ctx: Context, tx: Read, wizard_ref: str, publishing: Publishing) -> PublishReport:
    """What `publish_draft` would mean for stored runs, with the token that it takes; nothing changes. Raises what it raises, but for
    faults of the plan of runs in progress, which it tells.
    """
    state = await get_draft(tx, ctx.actor, wizard_ref, "edit")
    return (await _publish_plan(ctx, tx, state, publishing)).told


async def _publish_plan(ctx: Context, tx: Read, state: WizardDraft, publishing: Publishing) -> Plan:
    structure, active = state.draft.structure, await active_version(tx, state.wizard)
    _check_differs(active, structure)
    # In a thread: 100,000 comparisons take seconds, in which the server goes on answering others.
    await asyncio.to_thread(check_publishable, structure, state.draft.shelf)
    return Plan(structure, publishing, active, await whole_report(ctx, tx, state.wizard, (active, structure), publishing))


async def publish_report(ctx: Context, tx: Read, wizard: Wizard, active: Version | None, structure: Structure) -> Confirmable:
    """What publishing this structure now would mean for stored runs, with the token that `publish_draft` takes where runs in progress
    finish on their version.
    """
    return (await whole_report(ctx, tx, wizard, (active, structure), Publishing())).stored


async def whole_report(
    ctx: Context, tx: Read, wizard: Wizard, between: tuple[Version | None, Structure], publishing: Publishing
) -> PublishReport:
    """The same with what becomes of runs in progress."""
    active, structure = between
    policy = await policied(ctx, tx, wizard, publishing.in_progress, (structure, publishing.said))
    report = await _report(ctx, tx, wizard, active, structure)
    return _told(ctx, wizard, ("publish", wizard.id), report, policy)


def _told(ctx: Context, wizard: Wizard, request: tuple[Any, ...], report: Report, policy: Policied) -> PublishReport:
    finishing = confirmable(ctx, wizard, request, report)
    bound = policy.bound()
    stored = confirmable(ctx, wizard, (*request, *bound), report) if bound else finishing
    return PublishReport(stored, policy, finishing.token)


async def _report(ctx: Context, tx: Read, wizard: Wizard, active: Version | None, structure: Structure) -> Report:
    """Against itself before the first version: then there are no runs that it could concern."""
    return await counted_report(ctx, tx, wizard.id, old=active.structure if active else structure, new=structure)


async def suggested_matches(tx: Read, wizard: Wizard, report: Report) -> tuple[LookAlike, ...]:
    """What of these changes a person may know to be the same thing, to be asked about; nothing is matched by it."""
    changes = [reported.change for reported in report.changes]
    return look_alikes(changes, (await reserved_of(tx, wizard.id)).values) if changes else ()


def _require_consent(ctx: Context, plan: Plan, consent: Consent) -> None:
    """Publishing asks whenever anything stored is touched, and whenever runs in progress are to go elsewhere."""
    now, policy = plan.told.stored, plan.told.policy
    require_faultless(policy)
    counted, bar, shown = (consent.counted or "").partition("|")
    try:
        if policy.asks or any(not reported.impact.is_nothing for reported in now.report.changes):
            require_confirmed(ctx, now, consent.confirm)
            require_counted(now, counted or None)
    except ImpactUnconfirmed as unconfirmed:
        raise ImpactUnconfirmed(unconfirmed.detail, **plan.told.to_json()) from None
    if consent.counted and policy.asks and bar + shown != policy.numbers():
        detail = "The numbers of runs in progress have changed since this was shown."
        raise ImpactUnconfirmed(detail, **plan.told.to_json())


def shown_numbers(report: PublishReport) -> str:
    """What a page says in `Consent.counted`: every number that it showed."""
    return numbers_in(report.stored.report.impact) + report.policy.numbers()


async def active_version(tx: Read, wizard: Wizard) -> Version | None:
    return None if wizard.active_version_id is None else await version_by_id(tx, wizard.active_version_id)


def _check_differs(active: Version | None, structure: Structure) -> None:
    if active is not None and active.structure == structure:
        raise NothingToPublish(f"Version {active.number} is active and has exactly this structure.")


def check_publishable(structure: Structure, shelf: tuple[Shelved, ...] = ()) -> None:
    """Raises StructureInvalid with every problem that stops publishing; what lies on the `shelf` is named in it."""
    stops = [finding.issue for finding in problems_in(structure, shelf) if finding.severity == "stops"]
    if stops:
        more = f" ({len(stops) - 1} more)" if len(stops) > 1 else ""
        raise StructureInvalid(f"This cannot be published yet. {stops[0].detail}{more}", errors=to_errors(stops[:200]))


# --- store ---------------------------------------------------------------------------------------------------------


async def _store_version(ctx: Context, tx: Write, wizard: Wizard, plan: Plan) -> Version:
    dumped, digest = await asyncio.to_thread(_digested, plan.structure)
    last, published_at = await last_version(tx, wizard.id)
    number = last + 1
    # Never before the version before it, whatever the clock says: versions are told apart by their order, too.
    created_at = max(ctx.now, published_at or ctx.now)
    version = Version(ctx.make_id(), wizard.id, number, plan.structure, digest, created_at)
    row = {"id": version.id, "origin_wizard_id": wizard.id, "wizard_id": wizard.id, "version_number": number, "structure": dumped}
    row |= {"digest": version.digest, "changes": changes_without_answers(plan.told.report)}
    row |= {"change_summary": plan.publishing.change_summary, "in_progress_policy": plan.publishing.in_progress}
    row |= {"based_on": plan.active.number if plan.active else None, "rolled_back_to": plan.publishing.rolls_back_to}
    raced = Stale("Somebody published at the same moment; read the wizard again.")
    row |= {"created_at": created_at, "created_by": ctx.actor.id}
    await tx.execute(insert(wizard_versions).values(**row), refused={UNIQUE: raced})
    await _store_option_sets(tx, version)
    await reserve(tx, wizard.id, old=plan.active.structure if plan.active else None, new=plan.structure)
    await tx.execute(update(wizards).where(wizards.c.id == wizard.id).values(active_version_id=version.id, updated_at=ctx.now))
    details = {"version_number": number, "rolled_back_to": plan.publishing.rolls_back_to, "record": version_record(row).hex()}
    details |= {"changes": len(plan.told.report.changes)}
    await audit_wizard(ctx, tx, "wizard.published", wizard.id, **details)
    return version


def _digested(structure: Structure) -> tuple[dict[str, Any], bytes]:
    dumped = dump(structure)
    return dumped, structure_digest(dumped)


def changes_without_answers(report: Report) -> list[dict[str, Any]]:
    """The changes for the version's row: structure and counts. What people answered stands in no place that never forgets."""
    return [change | {"impact": _counts_in(change["impact"])} for change in (reported.to_json() for reported in report.changes)]


def _counts_in(impact: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: value for name, value in impact.items() if name not in _ANSWERS}
    each = [{name: value for name, value in one.items() if name not in _ANSWERS} for one in impact["by_option_set"]]
    return counts | {"by_option_set": each}


# With what becomes of each value; the `conversion` of a change only counts.
_ANSWERS: Final = frozenset({"distinct_values", "more_distinct_values"})
_OPTION_SET_COLUMNS: Final = ("version_id", "option_set_id", "step_id", "position", "key", "option_set_snapshot", "step_snapshot")


async def _store_option_sets(tx: Write, version: Version) -> None:
    rows = []
    for position, option_set in enumerate(version.structure.option_sets):
        step = version.structure.step_of[option_set.id]
        snapshot = {"id": step.id, "key": step.key, "name": step.name}
        rows.append((version.id, option_set.id, step.id, position, option_set.key, dump(option_set), snapshot))
    if rows:
        await tx.copy(version_option_sets, _OPTION_SET_COLUMNS, rows)


def _with_active(wizard: Wizard, version: Version) -> Wizard:
    return replace(wizard, active_version_id=version.id, active_version_number=version.number, updated_at=version.created_at)


# --- rollback ------------------------------------------------------------------------------------------------------


async def roll_back(ctx: Context, tx: Write, wizard_ref: str, publishing: Publishing, consent: Consent) -> Published:
    """The structure of version `publishing.rolls_back_to`, published again as the next version. An unchanged draft follows it.

    Raises VersionNotFound, and as `publish_draft`.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    await check_draft_seen(tx, state, consent.seen)
    plan = await _rollback_plan(ctx, tx, state, publishing)
    _require_consent(ctx, plan, consent)
    version = await _store_version(ctx, tx, state.wizard, plan)
    job = await keep_policy(ctx, tx, version, plan.told.policy)
    wizard, kept = await _followed(ctx, tx, state, plan, version)
    return Published(wizard=wizard, version=version, report=plan.told.report, policy=plan.told.policy, job=job, draft_kept=kept)


async def report_of_rollback(ctx: Context, tx: Read, wizard_ref: str, publishing: Publishing) -> PublishReport:
    """What `roll_back` would mean for stored runs, with the token that it takes; nothing changes. Raises as `report_of_publish`."""
    state = await get_draft(tx, ctx.actor, wizard_ref, "edit")
    return (await _rollback_plan(ctx, tx, state, publishing)).told


async def _rollback_plan(ctx: Context, tx: Read, state: WizardDraft, publishing: Publishing) -> Plan:
    number, active = publishing.rolls_back_to or 0, await active_version(tx, state.wizard)
    structure = (await version_by_number(tx, state.wizard.id, number)).structure
    _check_differs(active, structure)
    report = await _report(ctx, tx, state.wizard, active, structure)
    policy = await policied(ctx, tx, state.wizard, publishing.in_progress, (structure, publishing.said))
    return Plan(structure, publishing, active, _told(ctx, state.wizard, ("rollback", state.wizard.id, number), report, policy))


async def _followed(ctx: Context, tx: Write, state: WizardDraft, plan: Plan, version: Version) -> tuple[Wizard, bool]:
    """The wizard with its draft gone along; and whether the draft was left alone, because it has changes of its own."""
    wizard = _with_active(state.wizard, version)
    changed = plan.active is not None and plan.active.structure != state.draft.structure
    if changed:
        return wizard, state.draft.structure != version.structure
    edit = e.FollowVersion(version_number=plan.publishing.rolls_back_to or 0, structure=dump(version.structure))
    return (await make_edit(ctx, tx, WizardDraft(wizard, state.draft), edit)).state.wizard, False
