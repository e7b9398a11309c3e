"""A real PostgreSQL for tests: one server for each session, one migrated template, a fresh database for each test that asks.

Loaded as a plugin by conftest.py. The server forgets a crash for speed; tests of durability start one of their own.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.db.embedded import start_embedded
from keepstep.db.engine import open_engine
from keepstep.db.roles import OWNER_ROLE
from keepstep.db.upgrade import upgrade

TEMPLATE = "keepstep"
# Room for a few dozen databases at once, the write-ahead log included.
ROOM = 2 * 1024**3
T = TypeVar("T")
_numbers = count(1)


@dataclass(frozen=True)
class Database:
    """A database of a test's own. `url` is what Keepstep gets; `superuser_url` passes every privilege, though no trigger."""

    name: str
    url: str
    superuser_url: str


def in_database(url: str, name: str) -> str:
    """The same server and login, another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@dataclass(frozen=True)
class Server:
    """A server for the session: the URL of a database named keepstep, as its owner and as the superuser."""

    url: str
    superuser_url: str


@pytest.fixture(scope="session")
def database_server() -> Iterator[Server]:
    """The session's server: the embedded one, or the empty one that KEEPSTEP_TEST_SERVER names by a superuser's URL."""
    given = os.environ.get("KEEPSTEP_TEST_SERVER")
    if given:
        yield _prepared(given)
        return
    # A short path, because a Unix socket's name must be short.
    home = Path(tempfile.mkdtemp(prefix="ks-", dir=memory_folder()))
    try:
        with start_embedded(home, forgetful=True) as server:
            yield Server(server.url, server.superuser_url)
    finally:
        shutil.rmtree(home)


def _prepared(superuser_url: str) -> Server:
    """That server with a login and a database like those of the embedded one."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE keepstep LOGIN CREATEROLE")
        connection.execute("CREATE DATABASE keepstep OWNER keepstep")
    owner = make_url(superuser_url).set(username="keepstep", password=None, database="keepstep")
    return Server(owner.render_as_string(hide_password=False), in_database(superuser_url, "keepstep"))


def memory_folder() -> str | None:
    """A folder in memory, where a new database takes a tenth of the time; None where there is none, or too little of it."""
    folder = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of our own in it
    return str(folder) if folder.is_dir() and shutil.disk_usage(folder).free > ROOM else None


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, run in a thread of its own: for fixtures that outlive the event loop of one test."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def superuser(database_server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A connection that makes and drops databases."""
    with psycopg.connect(in_database(database_server.superuser_url, "postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(database_server: Server) -> str:
    """The name of a database that the real schema revisions have made."""

    async def make() -> None:
        engine = open_engine(database_server.url, role=None)
        try:
            await upgrade(engine)
        finally:
            await engine.dispose()

    run_apart(make())
    return TEMPLATE


@pytest.fixture
def database(database_server: Server, superuser: psycopg.Connection[Any], template: str) -> Iterator[Database]:
    """A fresh database with the present schema."""
    yield from made_database(database_server, superuser, template)


@pytest.fixture
def empty_database(database_server: Server, superuser: psycopg.Connection[Any]) -> Iterator[Database]:
    """A fresh database with nothing in it."""
    yield from made_database(database_server, superuser, "template0")


def made_database(server: Server, superuser: psycopg.Connection[Any], template: str) -> Iterator[Database]:
    """A database that is dropped when the generator goes on: for fixtures of any scope."""
    name = f"test_{next(_numbers)}"
    superuser.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER keepstep")
    yield Database(name, in_database(server.url, name), in_database(server.superuser_url, name))
    superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """As the application: keepstep_app."""
    engine = open_engine(database.url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def owner_engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """As the owner of every table."""
    engine = open_engine(database.url, role=OWNER_ROLE)
    yield engine
    await engine.dispose()


@pytest.fixture
async def superuser_engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """As the superuser of the server."""
    engine = open_engine(database.superuser_url, role=None)
    yield engine
    await engine.dispose()
