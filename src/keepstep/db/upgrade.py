"""Which schema the database has, and how it gets the present one: revisions (db/schema), then guards, views and roles.

Everything happens in one transaction under an advisory lock and a lock timeout, on a live system: all of it, or nothing.
Old code must run on the new schema.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.core.issue import Issue
from keepstep.db import roles
from keepstep.db.audit import Event, append_event
from keepstep.db.definitions import definition_faults, definitions
from keepstep.db.differences import table_faults
from keepstep.db.erasure import ERASE_RUN
from keepstep.db.guards import create_function
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import DatabaseUnavailable

# Any number of Keepstep's own: "keep" in ASCII.
_LOCK: Final = 0x6B656570
_OLDEST_SERVER: Final = 150000
ERASE_RUN_SIGNATURE: Final = "erase_run(uuid, text[], text, uuid, timestamptz, uuid, text, jsonb, bytea)"


async def upgrade(engine: AsyncEngine, *, to: str = "head") -> str:
    """The schema revision that the database has now. Safe to call at every start and by several processes at once.

    A database that has it already is left as it is, whatever differs there: that is for `check` to find and `repair` to mend.
    `engine` is one that keeps its login (`open_engine(url, role=None)`). Raises Busy when a lock is not given in time.
    """
    async with open_write(engine) as write:
        return await write.synchronously(lambda connection: _upgrade(connection, to))


async def repair(engine: AsyncEngine, event: Event | None) -> tuple[Issue, ...]:
    """Everything about guards, views and roles that differed from this release, put right together with the schema.

    The event, with what was found, goes into the audit trail in the same transaction: a guard that was off may have let
    something through, and once it is back nothing else tells. None for a database that nobody has worked in yet, such as
    one that was just restored. Raises as `upgrade` does.
    """
    async with open_write(engine) as write:
        found = await write.synchronously(_repaired)
        if found and event is not None:
            await append_event(write, replace(event, details={"found": [issue.pointer for issue in found]}))
        return found


async def current(engine: AsyncEngine) -> str | None:
    """The schema revision that the database has; None before the first."""
    async with open_read(engine) as read:
        return await read.synchronously(_current)


async def check(engine: AsyncEngine) -> tuple[Issue, ...]:
    """Everything in the database that differs from what this release expects: tables, constraints, guards, views, roles."""
    async with open_read(engine) as read:
        return await read.synchronously(_faults)


def head() -> str:
    """The schema revision that this release expects."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def is_known(revision: str) -> bool:
    """Whether this release can bring a database of that schema revision to its own."""
    return any(script.revision == revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _faults(connection: Connection) -> tuple[Issue, ...]:
    at = _current(connection)
    if at != head():
        detail = f"The schema is at {at or 'nothing'}, this release expects {head()}; `keepstep db upgrade` brings it there."
        return (Issue("/schema", "schema-outdated" if at else "schema-missing", detail),)
    return (*table_faults(connection), *definition_faults(connection), *roles.role_faults(connection))


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    # Alembic reads % as the start of an interpolation.
    config.set_main_option("script_location", str(Path(__file__).with_name("schema")).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection, to: str) -> str:
    _require_server(connection)
    # Whoever starts second waits for the first here, and finds everything done.
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL lock_timeout = '60s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    at = _current(connection)
    return at if at == (head() if to == "head" else to) else _changed(connection, to)


def _repaired(connection: Connection) -> tuple[Issue, ...]:
    before = _current(connection)
    _upgrade(connection, "head")
    found = () if before != head() else (*definition_faults(connection), *roles.role_faults(connection))
    if found:
        _changed(connection, "head")
    return found


def _changed(connection: Connection, to: str) -> str:
    with_roles = roles.take_roles(connection)
    if with_roles:
        roles.adopt(connection)
        roles.act_as_owner(connection)
    command.upgrade(_config(connection), to)
    at = str(_current(connection))
    if at == head():
        _define(connection, with_roles=with_roles)
    roles.act_as_login(connection)
    return at


def _define(connection: Connection, *, with_roles: bool) -> None:
    """Guards, views and the erasure door as this release has them. Untouched where they are right, because it takes locks."""
    if definition_faults(connection):
        for statement in definitions(_schema(connection)):
            connection.execute(text(statement))
    roles.act_as_login(connection)
    # Owned by the eraser, so it is replaced as the login, which is a member of it until hand_over.
    connection.execute(text(create_function(ERASE_RUN, _schema(connection))))
    if with_roles:
        roles.hand_over(connection, ERASE_RUN_SIGNATURE)


def _require_server(connection: Connection) -> None:
    number = int(connection.scalar(text("SELECT current_setting('server_version_num')")) or 0)
    if number < _OLDEST_SERVER:
        raise DatabaseUnavailable(f"Keepstep needs PostgreSQL {_OLDEST_SERVER // 10000} or newer; this server is {number // 10000}.")


def _schema(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT quote_ident(current_schema())")))
