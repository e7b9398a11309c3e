"""`keepstep db`: the schema of the database, and whether it is as this release expects it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import typer
import uuid_utils
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.cli.exits import FINDINGS, problems_end_the_command
from keepstep.cli.opening import database_of
from keepstep.cli.printing import AsJson, print_json
from keepstep.config import settings_from
from keepstep.core.issue import to_errors
from keepstep.db import distribute as layout
from keepstep.db import upgrade as schema
from keepstep.db.audit import Event
from keepstep.db.engine import PATIENT, open_engine

db = typer.Typer(help="The database: its schema and its guards.", no_args_is_help=True)
Result = TypeVar("Result")


@db.command("upgrade")
def upgrade(as_json: AsJson = False) -> None:
    """Bring the schema to this release, and put back guards that are missing or switched off. Safe on a live system."""
    event = _repaired_now()
    found = _as_login(lambda engine: schema.repair(engine, event), as_json=as_json)
    if as_json:
        print_json({"current": schema.head(), "head": schema.head(), "repaired": to_errors(found)})
        return
    for issue in found:
        print(f"Put right: {issue.pointer} ({issue.code})")
    if found:
        print(
            "While a guard was off, something may have been altered: run `keepstep verify`. The audit trail has this as database.repaired."
        )
    print(schema.head())


@db.command("current")
def current(as_json: AsJson = False) -> None:
    """Say which schema the database has."""
    found = _as_login(schema.current, as_json=as_json)
    if as_json:
        print_json({"current": found, "head": schema.head()})
    else:
        print(found or "none")


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


def _repaired_now() -> Event:
    event_id = str(uuid_utils.uuid7())
    return Event(
        id=event_id,
        at=datetime.now(UTC),
        actor=None,
        channel="cli",
        action="database.repaired",
        subject_kind="database",
        subject_id=event_id,
    )


@db.command("distribute")
def distribute(as_json: AsJson = False) -> None:
    """Lay the tables out over a cluster: runs by their id, everything else on every node. Needs Citus."""
    found = _as_login(layout.distribute, as_json=as_json)
    if as_json:
        print_json({"distributed": list(found)})
    else:
        print("\n".join(found) or "Everything is laid out already.")


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
