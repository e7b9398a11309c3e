"""What a command opens before it works and closes after: settings, database, resources. Time and ids are made here."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import uuid_utils

from keepstep.actions.context import Context
from keepstep.cli.exits import problems_end_the_command
from keepstep.config import Resources, Settings, secret_of, settings_from
from keepstep.core.permissions import Actor
from keepstep.db.embedded import start_embedded
from keepstep.db.engine import PATIENT, Timeouts, open_engine
from keepstep.db.upgrade import current, head, upgrade
from keepstep.errors import DatabaseUnavailable

Result = TypeVar("Result")
# Whoever may run commands on this machine may read its database: asking for a password would protect nothing.
OPERATOR: Final = Actor(id=None, name="command line", role="admin", channel="cli")


def with_resources(work: Callable[[Resources], Awaitable[Result]], *, as_json: bool = False) -> Result:
    """What `work` returns over an open database. A problem ends the process with its exit code."""
    with problems_end_the_command(as_json=as_json):
        settings = settings_from(os.environ)
        with database_of(settings) as url:
            return asyncio.run(_worked(work, settings, url))


async def _worked(work: Callable[[Resources], Awaitable[Result]], settings: Settings, url: str) -> Result:
    await require_schema(settings, url)
    # A command may read or write for as long as it takes; whoever waits for it can see it and stop it.
    async with open_resources(settings, url, timeouts=PATIENT) as resources:
        return await work(resources)


@contextmanager
def database_of(settings: Settings) -> Iterator[str]:
    """The URL of the database: the one that is set, else the embedded server of the home, which runs meanwhile. Blocks."""
    if settings.database_url:
        yield settings.database_url
        return
    with start_embedded(settings.home) as server:
        yield server.url


@asynccontextmanager
async def open_resources(settings: Settings, url: str, *, timeouts: Timeouts | None = None) -> AsyncIterator[Resources]:
    """The resources over this database, closed at the end."""
    resources = resources_over(settings, url, timeouts=timeouts)
    try:
        yield resources
    finally:
        await resources.engine.dispose()


def resources_over(settings: Settings, url: str, *, timeouts: Timeouts | None = None) -> Resources:
    """The resources over this database. Nothing is connected yet; whoever asks for them disposes of the engine."""
    zone = ZoneInfo(settings.zone)
    return Resources(
        engine=open_engine(url, timeouts=timeouts, pool_size=settings.pool_size),
        settings=settings,
        secret=secret_of(settings),
        now=lambda: datetime.now(zone),
        make_id=lambda: str(uuid_utils.uuid7()),
        make_salt=lambda: os.urandom(16),
    )


async def require_schema(settings: Settings, url: str) -> None:
    """The embedded database gets the schema of this release by itself; another one only when somebody asks for it, since
    other servers may be working on it. Raises DatabaseUnavailable when it has another schema.
    """
    engine = open_engine(url, role=None)
    try:
        if settings.database_url is None:
            await upgrade(engine)
        elif (found := await current(engine)) != head():
            detail = f"The database has the schema {found or 'of nothing yet'}, this release needs {head()}."
            raise DatabaseUnavailable(f"{detail} Run `keepstep db upgrade`.")
    finally:
        await engine.dispose()


def operator(resources: Resources) -> Context:
    """Who acts on the command line, now."""
    return resources.context(OPERATOR)
