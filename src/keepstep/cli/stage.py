"""What the demo is performed on: who acts, each act in a transaction of its own, and how it is told on the screen."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Concatenate, Final, ParamSpec, TypeVar

from rich.console import Console

from keepstep.actions.confirm import Confirmable
from keepstep.actions.context import Context
from keepstep.cli.wizards import report_lines
from keepstep.config import Resources
from keepstep.core.permissions import Actor
from keepstep.db.transaction import Read, Write, open_read, open_write
from keepstep.errors import IntegrityBroken
from keepstep.queries.integrity import verify

Given = ParamSpec("Given")
Result = TypeVar("Result")
console: Final = Console(highlight=False)
# As many changes of a report as fit on a screen beside everything else.
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Stage:
    """Who performs, over which database."""

    resources: Resources
    actor: Actor

    async def do(
        self, action: Callable[Concatenate[Context, Write, Given], Awaitable[Result]], *given: Given.args, **named: Given.kwargs
    ) -> Result:
        """What the action returns, committed."""
        async with open_write(self.resources.engine) as tx:
            return await action(self.resources.context(self.actor), tx, *given, **named)

    async def see(
        self, query: Callable[Concatenate[Context, Read, Given], Awaitable[Result]], *given: Given.args, **named: Given.kwargs
    ) -> Result:
        """What the query returns, of one snapshot."""
        async with open_read(self.resources.engine) as tx:
            return await query(self.resources.context(self.actor), tx, *given, **named)

    async def look(
        self, query: Callable[Concatenate[Read, Actor, Given], Awaitable[Result]], *given: Given.args, **named: Given.kwargs
    ) -> Result:
        """As `see`, for a query that needs to know only who asks."""
        async with open_read(self.resources.engine) as tx:
            return await query(tx, self.actor, *given, **named)


def heading(text: str) -> None:
    """The start of a part."""
    console.print()
    console.rule(f"[bold]{text}", align="left")


def say(*lines: str) -> None:
    """Lines as they are: what a form or a person wrote is never read as markup."""
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def say_report(report: Confirmable) -> None:
    """What a change would touch, as it is shown before it is made."""
    lines = report_lines(report)
    say(*lines[:_SHOWN])
    if len(lines) > _SHOWN:
        say(f"  and {len(lines) - _SHOWN} more")


@contextmanager
def working(what: str) -> Iterator[None]:
    """Something that takes a while, with a sign of life where somebody watches."""
    with console.status(what):
        yield


def require_same(before: str, after: str) -> None:
    """The end of the performance if anything that was stored reads otherwise than before. Raises IntegrityBroken."""
    if before != after:
        raise IntegrityBroken(f"What was stored reads otherwise than before: {before} became {after}.")


async def require_intact(stage: Stage) -> None:
    """Every digest and chain recomputed, as `keepstep verify` does. Raises IntegrityBroken."""
    with working("Recomputing every digest"):
        async with open_read(stage.resources.engine) as tx:
            found = await verify(tx)
    if not found.is_intact:
        raise IntegrityBroken(f"{found.altered} alterations; first: {found.findings[0].detail}")
    say(f"keepstep verify: {found.versions} versions, {found.runs:,} runs, {found.revisions:,} revisions, every digest as it was stored.")
