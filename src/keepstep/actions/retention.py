"""The retention rule of a wizard: counted before it is switched on, and then applied to the runs that are due, a bounded piece at a time.

The token of a count holds the rule and a fingerprint of which runs were counted: where others are due by then, nothing is switched on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from keepstep.actions.audit import audit_wizard
from keepstep.actions.context import Context
from keepstep.actions.erasure import Erasure, ErasureRequest, erase_run
from keepstep.actions.run_bulk import set_trashed
from keepstep.core.issue import Issue, to_errors
from keepstep.core.permissions import require
from keepstep.core.retention import Retention, Then, faults_of, from_settings, is_due
from keepstep.core.tokens import sign, verified
from keepstep.db.tables import wizards
from keepstep.db.transaction import Read, Write
from keepstep.errors import ImpactUnconfirmed, RequestInvalid
from keepstep.queries.retention import due_filter, lock_times
from keepstep.queries.run_lists import RunSum, ids_listed, sum_listed
from keepstep.queries.wizards import Wizard, get_wizard

_PURPOSE: Final = "retention"
# Runs that one transaction holds, for about a second: erasing goes through the database's own function, run by run.
AT_ONCE: Final[Mapping[Then, int]] = {"trash": 1_000, "erase": 50}


@dataclass(frozen=True, slots=True)
class Due:
    """The runs that are due by a rule now (none where it is None), and the token by which the rule is switched on."""

    rule: Retention | None
    runs: RunSum
    confirm: str

    def to_json(self) -> dict[str, Any]:
        """The dry run as the API answers it."""
        by_version = [{"version_number": number, "by_status": dict(found)} for number, found in self.runs.by_version.items()]
        rule = None if self.rule is None else self.rule.to_settings()
        return {"retention": rule, "runs": self.runs.total, "by_version": by_version, "confirm": self.confirm}


@dataclass(frozen=True, slots=True)
class Applied:
    """What one piece did: how many runs went, and what was erased, whose contents are removed after the commit."""

    runs: int
    erased: Sequence[Erasure] = ()


def issues_of_retention(given: Any) -> tuple[Issue, ...]:
    """What is wrong with a rule, by its place in the settings."""
    return tuple(Issue(f"/settings/retention{each.pointer}", each.code, each.detail) for each in faults_of(given))


async def preview_retention(ctx: Context, tx: Read, wizard_ref: str, given: Any) -> Due:
    """What would be due by this rule now; nothing changes. For admins. Raises RequestInvalid."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "administer")
    if issues := issues_of_retention(given):
        raise RequestInvalid(issues[0].detail, errors=to_errors(issues))
    return await _counted(ctx, tx, wizard.id, from_settings({"retention": given}))


async def present_retention(ctx: Context, tx: Read, wizard_ref: str) -> Due:
    """What is due by the wizard's own rule now. For admins."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "administer")
    return await _counted(ctx, tx, wizard.id, from_settings(wizard.settings))


async def _counted(ctx: Context, tx: Read, wizard_id: str, rule: Retention | None) -> Due:
    runs = RunSum(0, {}, "") if rule is None else await sum_listed(tx, wizard_id, due_filter(rule, ctx.now))
    return Due(rule, runs, sign(ctx.secret, _PURPOSE, _bound(ctx, wizard_id, rule, runs)))


def _bound(ctx: Context, wizard_id: str, rule: Retention | None, runs: RunSum) -> list[Any]:
    return [ctx.actor.id, wizard_id, None if rule is None else rule.to_settings(), runs.total, runs.fingerprint]


async def require_retention(ctx: Context, tx: Read, wizard: Wizard, given: Any, confirm: str | None) -> None:
    """Raises Forbidden for whoever is no admin, and ImpactUnconfirmed with the counts unless `confirm` is the token of just these.

    Switching the rule off takes no token, and a rule that is in force already asks for nothing.
    """
    rule = from_settings({"retention": given})
    if rule == from_settings(wizard.settings):
        return
    require(ctx.actor, "administer", wizard.id)
    if rule is None:
        return
    now = await _counted(ctx, tx, wizard.id, rule)
    if confirm is None:
        raise ImpactUnconfirmed("Look at what is due by this rule, then repeat the call with its confirm token.", **now.to_json())
    if verified(ctx.secret, _PURPOSE, confirm) != _bound(ctx, wizard.id, rule, now.runs):
        raise ImpactUnconfirmed("Other runs are due now than were counted. Look at the new numbers.", **now.to_json())


# --- what the daily work does ------------------------------------------------------------------------------------------


async def apply_retention(ctx: Context, tx: Write, wizard_id: str) -> Applied:
    """The oldest of the runs that are due by the wizard's rule as it is now, at most AT_ONCE; none are left when none went."""
    require(ctx.actor, "administer", wizard_id)
    rule = from_settings(await tx.scalar(select(wizards.c.settings).where(wizards.c.id == wizard_id)))
    if rule is None:
        return Applied(0)
    found = await ids_listed(tx, wizard_id, due_filter(rule, ctx.now), limit=AT_ONCE[rule.then])
    # Asked again of each row once it is held: whoever came back to a run meanwhile keeps it.
    due = [run_id for run_id, times in (await lock_times(tx, found)).items() if is_due(rule, times, ctx.now)]
    if not due:
        return Applied(0)
    erased = await _went(ctx, tx, wizard_id, (rule, due))
    counts = {"answers": sum(each.answers for each in erased), "files": sum(len(each.files) for each in erased)} if erased else {}
    await audit_wizard(ctx, tx, "wizard.retention_applied", wizard_id, runs=len(due), **rule.to_settings(), **counts)
    return Applied(len(due), erased)


async def _went(ctx: Context, tx: Write, wizard_id: str, what: tuple[Retention, Sequence[str]]) -> Sequence[Erasure]:
    rule, due = what
    if rule.then == "trash":
        await set_trashed(ctx, tx, wizard_id, due, "run.trashed")
        return ()
    reason = f"Retention rule of the wizard: {rule.days} days after {rule.after.replace('_', ' ')}."
    request = ErasureRequest(reason=reason, by_rule=True)
    return [await erase_run(ctx, tx, run_id, request) for run_id in due]
