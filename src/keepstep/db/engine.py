"""How the database is reached: one asynchronous engine for each process, exact JSON, UTC, the application's role, timeouts.

Must not know which tables there are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from keepstep.core import jsonvalue
from keepstep.errors import SettingInvalid

# docs/decisions/0010-driver-and-hot-path.md
DRIVER: Final = "asyncpg"
APP_ROLE: Final = "keepstep_app"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Milliseconds after which the database gives up, 0 for never. Nothing that a request does may hold others up for longer."""

    statement: int = 30_000
    lock: int = 5_000
    idle_in_transaction: int = 60_000


# Exports, bulk imports and jobs read and write for as long as they need; a lock that they wait for is still refused in time.
PATIENT: Final = Timeouts(statement=0, lock=5_000, idle_in_transaction=0)


def open_engine(url: str, *, role: str | None = APP_ROLE, timeouts: Timeouts | None = None, pool_size: int = 5) -> AsyncEngine:
    """The engine for this database. Nothing is connected yet; whoever opens it disposes of it.

    `role` is taken on by each connection whose login is another one and a member of it; a login that may not, works as
    itself (`check` in upgrade.py reports that). None keeps the login: for schema revisions.
    """
    engine = create_async_engine(
        with_driver(url),
        json_serializer=jsonvalue.dumps,
        json_deserializer=jsonvalue.loads_stored,
        pool_size=pool_size,
        max_overflow=pool_size,
        # Parameters are answers; they must never reach a log or an error message.
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _prepared(_settings(role, timeouts or Timeouts())))
    event.listen(engine.sync_engine, "checkout", _require_open)
    return engine


def with_driver(url: str) -> URL:
    """The URL with the driver of Keepstep, whatever driver it names. Raises SettingInvalid when it is not one of PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingInvalid("The database URL must look like postgresql://user:password@host/database.") from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingInvalid("Keepstep works with PostgreSQL alone: the database URL must begin with postgresql://.")
    query = dict(parsed.query)
    if "sslmode" in query:
        # The same setting under the name that this driver gives it.
        query["ssl"] = query.pop("sslmode")
    return parsed.set(drivername=f"postgresql+{DRIVER}", query=query)


def _settings(role: str | None, timeouts: Timeouts) -> str:
    """One statement, so that a new connection costs one round trip. A role that is missing or not granted is left out."""
    settings = {
        "TimeZone": "UTC",
        "statement_timeout": str(timeouts.statement),
        "lock_timeout": str(timeouts.lock),
        "idle_in_transaction_session_timeout": str(timeouts.idle_in_transaction),
        # Compiling a plan takes longer than any of these statements runs.
        "jit": "off",
    }
    calls = [f"set_config('{name}', '{value}', false)" for name, value in settings.items()]
    if role:
        # From 16 on a member may lack the right to SET ROLE; before, every member had it.
        right = "CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END"
        granted = f"rolname = '{role}' AND pg_has_role(session_user, oid, {right})"
        calls.append(f"(SELECT set_config('role', rolname, false) FROM pg_roles WHERE {granted})")  # noqa: S608 - constants of this module
    return f"SELECT {', '.join(calls)}"


def _prepared(statement: str) -> Callable[[Any, Any], None]:
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        # Settings of a transaction that is rolled back are rolled back with it.
        connection.commit()

    return prepare


def _require_open(connection: Any, _record: Any, _proxy: Any) -> None:
    """A database that was restarted costs nobody a request: the pool makes a new connection in place of one that it ended.

    The driver knows of the end as soon as the socket does. Asking the database instead (a "pre-ping") costs three round
    trips before each transaction, and a third of the time of a small write.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError
