"""`keepstep retention`: the rule by which a wizard keeps its runs, what is due by it, and applying it now."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from keepstep.actions.retention import Due, present_retention, preview_retention
from keepstep.actions.wizards import WizardPatch, change_wizard
from keepstep.cli.opening import OPERATOR, operator, with_resources
from keepstep.cli.printing import AsJson, counted, print_json, print_lines
from keepstep.cli.wizards import Ref
from keepstep.config import Resources
from keepstep.core.retention import LONGEST, After, Retention, Then
from keepstep.db.transaction import open_read, open_write
from keepstep.jobs.retention import retain
from keepstep.queries.wizards import get_wizard

retention = typer.Typer(help="How long wizards keep their runs.", no_args_is_help=True)


@retention.command("apply")
def apply(
    slug: Ref,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is due, by version and state.")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply the retention rule of a wizard now, as the daily work does: runs that are due go to the trash or are erased."""
    if dry_run:
        _show(with_resources(lambda resources: _due(resources, slug), as_json=as_json), as_json=as_json)
    else:
        _tell(with_resources(lambda resources: _applied(resources, slug), as_json=as_json), as_json=as_json)


@retention.command("set")
def set_(
    slug: Ref,
    days: Annotated[int, typer.Option(min=1, max=LONGEST, help="How many days after that a run is due.")],
    after: Annotated[After, typer.Option(help="What the days are counted from.")] = "completion",
    then: Annotated[Then, typer.Option(help="What becomes of a run that is due.")] = "trash",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be due, with its token; nothing is switched on.")] = False,
    confirm: Annotated[str, typer.Option(metavar="TOKEN", help="The token of the count; without it, you are asked.")] = "",
    as_json: AsJson = False,
) -> None:
    """Give a wizard a retention rule, which the daily work applies from then on. What is due by it is counted first."""
    rule = Retention(after, days, then)
    if dry_run or not (confirm or as_json):
        due = with_resources(lambda resources: _due_by(resources, slug, rule), as_json=as_json)
        _show(due, as_json=as_json, with_token=dry_run)
        if dry_run:
            return
        typer.confirm("Switch this rule on?", abort=True)
        confirm = due.confirm
    with_resources(lambda resources: _stored(resources, slug, rule, confirm), as_json=as_json)
    _said(rule, as_json=as_json)


@retention.command("off")
def off(slug: Ref, as_json: AsJson = False) -> None:
    """Take the retention rule of a wizard away: its runs stay from now on."""
    with_resources(lambda resources: _stored(resources, slug, None), as_json=as_json)
    _said(None, as_json=as_json)


async def _due_by(resources: Resources, slug: str, rule: Retention) -> Due:
    async with open_read(resources.engine) as tx:
        return await preview_retention(operator(resources), tx, slug, rule.to_settings())


async def _stored(resources: Resources, slug: str, rule: Retention | None, confirm: str | None = None) -> None:
    patch = WizardPatch(settings={"retention": None if rule is None else rule.to_settings()})
    async with open_write(resources.engine) as tx:
        await change_wizard(operator(resources), tx, slug, patch, confirm)


def _said(rule: Retention | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"retention": None if rule is None else rule.to_settings()})
    else:
        print("This wizard has no retention rule: its runs stay." if rule is None else f"{_phrase(rule)}, by the daily work from now on.")


async def _due(resources: Resources, slug: str) -> Due:
    async with open_read(resources.engine) as tx:
        return await present_retention(operator(resources), tx, slug)


async def _applied(resources: Resources, slug: str) -> Mapping[str, int]:
    async with open_read(resources.engine) as tx:
        wizard = await get_wizard(tx, OPERATOR, slug, "administer")
    return await retain(resources, OPERATOR, wizard.id)


def _show(due: Due, *, as_json: bool, with_token: bool = False) -> None:
    if as_json:
        shown: dict[str, Any] = due.to_json()
        if not with_token:
            # It switches a rule on, which `apply` does not do.
            del shown["confirm"]
        print_json(shown)
    elif due.rule is None:
        print("This wizard has no retention rule: its runs stay.")
    else:
        print(f"{_phrase(due.rule)}: {counted(due.runs.total, 'run')} due now.")
        found = due.runs.by_version.items()
        print_lines(f"  version {number}, {status}: {many:,}" for number, states in found for status, many in states.items())
        print_lines([f"confirm: {due.confirm}"] if with_token else [])


def _phrase(rule: Retention) -> str:
    return f"{counted(rule.days, 'day')} after {rule.after.replace('_', ' ')}, then {rule.then}"


def _tell(done: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(dict(done))
    else:
        print(f"Moved {counted(done['trashed_by_rule'], 'run')} to the trash and erased {counted(done['erased_by_rule'], 'run')}.")
