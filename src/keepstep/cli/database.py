"""`keepstep db`: the schema of the database, and whether it is as this release expects it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.cli.exits import FINDINGS, problems_end_the_command
from keepstep.cli.opening import database_of
from keepstep.cli.printing import AsJson, print_json
from keepstep.config import settings_from
from keepstep.core.issue import to_errors
from keepstep.db import upgrade as schema
from keepstep.db.engine import PATIENT, open_engine

db = typer.Typer(help="The database: its schema and its guards.", no_args_is_help=True)
Result = TypeVar("Result")


@db.command("upgrade")
def upgrade(as_json: AsJson = False) -> None:
    """Bring the schema to this release. Safe on a live system and when it is there already."""
    _print_schema(_as_login(schema.upgrade, as_json=as_json), as_json=as_json)


@db.command("current")
def current(as_json: AsJson = False) -> None:
    """Say which schema the database has."""
    _print_schema(_as_login(schema.current, as_json=as_json), as_json=as_json)


@db.command("check")
def check(as_json: AsJson = False) -> None:
    """Compare tables, guards and roles with what this release expects. Ends with 8 when something differs."""
    found = _as_login(schema.check, as_json=as_json)
    if as_json:
        print_json({"issues": to_errors(found)})
    else:
        print("\n".join(f"{issue.pointer}: {issue.detail} ({issue.code})" for issue in found) or "The database is as it should be.")
    if found:
        raise SystemExit(FINDINGS)


def _as_login(work: Callable[[AsyncEngine], Awaitable[Result]], *, as_json: bool) -> Result:
    """As the login itself: the application's role may neither change nor fully see the schema."""

    async def worked(url: str) -> Result:
        engine = open_engine(url, role=None, timeouts=PATIENT)
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    with problems_end_the_command(as_json=as_json), database_of(settings_from(os.environ)) as url:
        return asyncio.run(worked(url))


def _print_schema(found: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"current": found, "head": schema.head()})
    else:
        print(found or "none")
