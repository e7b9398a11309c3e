"""Known before done (P4): what a change touches is counted and shown, and done only with the token of that report (semantics 19).

The same report is made for the dry run, for the refusal and again, in the same transaction, for the act itself.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from keepstep.actions.context import Context
from keepstep.core.change import Change, TypeChanged
from keepstep.core.confirm import shown_in, still_covered
from keepstep.core.counts import STATUSES, Counts, total
from keepstep.core.diff import diff
from keepstep.core.impact import Impact, Report, groups_to_count, option_sets_to_count, report_on
from keepstep.core.structure import Structure
from keepstep.core.tokens import keyed, sign, verified
from keepstep.db.transaction import Read
from keepstep.errors import ImpactUnconfirmed
from keepstep.queries.drafts import tried_conversions
from keepstep.queries.impact import count_answers, count_run_tallies, stored_counts
from keepstep.queries.versions import versions_of
from keepstep.queries.wizards import Wizard

_PURPOSE: Final = "confirm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a client says along with a change: the state it saw, and the token of the report it was shown.

    A page also says the numbers that it showed (`counted`, as `numbers_in` spells them), so that nothing is done under others.
    """

    seen: str | None = None
    confirm: str | None = None
    counted: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmable:
    """A report and what its token is bound to: who asks, for what, on which draft and which active version."""

    report: Report
    bound: tuple[Any, ...]
    token: str

    def to_json(self) -> dict[str, Any]:
        """The report of the API: `{changes, impact, confirm}`."""
        return self.report.to_json() | {"confirm": self.token}


def confirmable(ctx: Context, wizard: Wizard, request: tuple[Any, ...], report: Report) -> Confirmable:
    """The report with its token. `request` is what would be done, as JSON values."""
    digest = keyed(ctx.secret, "request", repr(request))
    bound = (ctx.actor.id, digest, wizard.id, wizard.draft_revision, wizard.active_version_id)
    shown = _keyed(ctx, shown_in(report))
    return Confirmable(report, bound, sign(ctx.secret, _PURPOSE, [list(bound), shown, report.impact.is_nothing]))


def _keyed(ctx: Context, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Digests of answers leave the server only keyed: a token stands in addresses, and a plain digest of a short answer is the answer."""
    values = {change: [keyed(ctx.secret, change, item) for item in items] for change, items in shown["values"].items()}
    return {"classes": shown["classes"], "values": values}


def require_confirmed(ctx: Context, now: Confirmable, confirm: str | None) -> None:
    """Raises ImpactUnconfirmed with the present report unless the token covers it: a class that rose, a change that is new, or a
    value that was not shown is refused; other numbers are not, and are answered as they are now.
    """
    if confirm is None:
        raise _unconfirmed(now, "This touches stored answers. Read the report, then repeat the call with its confirm token.")
    signed = verified(ctx.secret, _PURPOSE, confirm)
    if signed is None or signed[0] != list(now.bound):
        detail = "This confirm token belongs to another request, another person, or a state that has changed since."
        raise _unconfirmed(now, f"{detail} Read this report and confirm it.")
    _, shown, was_nothing = signed
    reasons = still_covered(_shown_of(ctx, shown, now.report), now.report)
    if was_nothing and not now.report.impact.is_nothing:
        reasons = (*reasons, "Answers are stored now where none were.")
    if reasons:
        raise _unconfirmed(now, f"More is touched now than was confirmed. {' '.join(reasons[:3])}")


def numbers_in(impact: Impact) -> str:
    """The numbers that a page shows of an impact, to be told from others: answers, then runs by status."""
    return "-".join(map(str, (impact.answers, *(total(run for run in impact.runs if run.status == status) for status in STATUSES))))


def require_counted(now: Confirmable, counted: str | None) -> None:
    """Raises ImpactUnconfirmed when the page showed other numbers, although its token covers what would be done (stricter than a
    program is asked to be, because a person decided by the numbers).
    """
    if counted is not None and counted != numbers_in(now.report.impact):
        raise _unconfirmed(now, "The numbers have changed since this was shown.")


def _shown_of(ctx: Context, shown: Mapping[str, Any], now: Report) -> dict[str, Any]:
    """What the token showed, in the digests of `core.confirm`: those of the present values that are among the keyed ones."""
    present = shown_in(now)["values"]
    values = {
        change: [item for item in items if keyed(ctx.secret, change, item) in shown["values"].get(change, ())]
        for change, items in present.items()
    }
    return {"classes": shown["classes"], "values": values}


def _unconfirmed(now: Confirmable, detail: str) -> ImpactUnconfirmed:
    return ImpactUnconfirmed(detail, **now.to_json())


# --- reports -------------------------------------------------------------------------------------------------------


async def counted_report(ctx: Context, tx: Read, wizard_id: str, *, old: Structure, new: Structure) -> Report:
    """What going from `old` to `new` means for everything that is stored under the wizard, counted now. Answers of another type are
    converted with what was tried, as in a plan that moves them.
    """
    changes = diff(old, new)
    option_sets, groups = option_sets_to_count(changes, new), groups_to_count(changes, new)
    counts = await stored_counts(tx, wizard_id, option_sets, groups, as_of=ctx.now)
    # Of another type every distinct answer is converted; a hundred thousand take seconds: not in the event loop.
    versions = await _answered_in(tx, wizard_id, changes, counts)
    tried = await tried_conversions(tx, wizard_id) if versions else {}
    counts = replace(counts, versions=versions, tried=tried)
    return await asyncio.to_thread(report_on, changes, counts, old=old, new=new, clock=ctx.clock)


async def _answered_in(tx: Read, wizard_id: str, changes: Sequence[Change], counts: Counts) -> Mapping[int, Structure]:
    """The versions that hold answers to a question of another type, by number: what they are converted from may not be what is live."""
    retyped = {change.option_set_id for change in changes if isinstance(change, TypeChanged)}
    numbers = {tally.version_number for name in retyped for tally in counts.answers.get(name, ())}
    found = await versions_of(tx, wizard_id) if numbers else ()
    return {version.number: version.structure for version in found if version.number in numbers}


async def wizard_report(ctx: Context, tx: Read, wizard_id: str) -> Report:
    """Everything that is stored under the wizard: what its trash or removal is about, though it touches none of it."""
    runs = await count_run_tallies(tx, wizard_id)
    answers = await count_answers(tx, wizard_id) if runs else 0
    impact = Impact(
        runs=runs,
        answers=answers,
        distinct=(),
        oldest=None,
        newest=None,
        by_option_set=(),
        mentions=(),
        at_most=False,
        as_of=ctx.now,
    )
    return Report((), impact)
