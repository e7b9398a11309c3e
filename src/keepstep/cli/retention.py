"""`keepstep retention`: what is due by the retention rule of a wizard, and applying it now."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from keepstep.actions.retention import Due, present_retention
from keepstep.cli.opening import OPERATOR, operator, with_resources
from keepstep.cli.printing import AsJson, counted, print_json, print_lines
from keepstep.cli.wizards import Ref
from keepstep.config import Resources
from keepstep.db.transaction import open_read
from keepstep.jobs.retention import retain
from keepstep.queries.wizards import get_wizard


def retention(
    slug: Ref,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is due, by version and state.")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply the retention rule of a wizard now, as the daily work does: runs that are due go to the trash or are erased."""
    if dry_run:
        _show(with_resources(lambda resources: _due(resources, slug), as_json=as_json), as_json=as_json)
    else:
        _tell(with_resources(lambda resources: _applied(resources, slug), as_json=as_json), as_json=as_json)


async def _due(resources: Resources, slug: str) -> Due:
    async with open_read(resources.engine) as tx:
        return await present_retention(operator(resources), tx, slug)


async def _applied(resources: Resources, slug: str) -> Mapping[str, int]:
    async with open_read(resources.engine) as tx:
        wizard = await get_wizard(tx, OPERATOR, slug, "administer")
    return await retain(resources, OPERATOR, wizard.id)


def _show(due: Due, *, as_json: bool) -> None:
    if as_json:
        shown: dict[str, Any] = due.to_json()
        # It switches a rule on, which this command does not do.
        del shown["confirm"]
        print_json(shown)
    elif due.rule is None:
        print("This wizard has no retention rule: its runs stay.")
    else:
        after = due.rule.after.replace("_", " ")
        print(f"{counted(due.rule.days, 'day')} after {after}, then {due.rule.then}: {counted(due.runs.total, 'run')} due now.")
        found = due.runs.by_version.items()
        print_lines(f"  version {number}, {status}: {many:,}" for number, states in found for status, many in states.items())


def _tell(done: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(dict(done))
    else:
        print(f"Moved {counted(done['trashed_by_rule'], 'run')} to the trash and erased {counted(done['erased_by_rule'], 'run')}.")
