"""The only place that commits: a unit of work that reads (`Read`) and one that writes as well (`Write`).

Says which Problem a refusal of the database is. Must not know what the statements mean.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import Connection, CursorResult, Executable, Row, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util import greenlet_spawn

from keepstep.db.copying import copy_rows
from keepstep.db.guards import GUARD
from keepstep.db.lines import copy_lines
from keepstep.db.prepared import Prepared
from keepstep.errors import (
    Busy,
    DatabaseUnavailable,
    EmailTaken,
    GuardRefused,
    IdConflict,
    IdTaken,
    KeyReserved,
    OptionValueReserved,
    Problem,
    SlugTaken,
    Stale,
    StillReferenced,
)

# SQLSTATEs that a caller names when it says what a refusal means to it (`refused=`).
UNIQUE: Final = "23505"
FOREIGN_KEY: Final = "23503"
CHECK: Final = "23514"

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Refused = Mapping[str, Problem]
T = TypeVar("T")


class Read:
    """One snapshot of the database, read only. Every statement in it sees the same state, so counts and lists agree.

    Rows are SQLAlchemy rows: columns by attribute, ids as text, JSON exact.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def rows(self, statement: Executable, parameters: Parameters = None) -> Sequence[Row[Any]]:
        """Every row, in the order of the statement."""
        return (await self._result(statement, parameters)).all()

    async def row(self, statement: Executable, parameters: Parameters = None) -> Row[Any]:
        """The one row there must be; any other number is a fault of the program (sqlalchemy.exc.NoResultFound, …)."""
        return (await self._result(statement, parameters)).one()

    async def one_or_none(self, statement: Executable, parameters: Parameters = None) -> Row[Any] | None:
        return (await self._result(statement, parameters)).one_or_none()

    async def scalar(self, statement: Executable, parameters: Parameters = None) -> Any:
        """The first column of the first row, None without a row."""
        return (await self._result(statement, parameters)).scalar()

    async def scalars(self, statement: Executable, parameters: Parameters = None) -> Sequence[Any]:
        """The first column of every row."""
        return (await self._result(statement, parameters)).scalars().all()

    async def stream(self, statement: Executable, *, size: int = 1_000) -> AsyncIterator[Row[Any]]:
        """Every row, fetched `size` at a time by a cursor of the database: for lists that do not fit into memory."""
        with _problems(None):
            async with self._connection.stream(statement, execution_options={"yield_per": size}) as result:
                # Some at a time: each step of an asynchronous result costs more than fetching a row does.
                async for rows in result.partitions(size):
                    for row in rows:
                        yield row

    async def copy_out(self, query: str, take: Callable[[bytes], None]) -> None:
        """Gives `take` every row of the query as COPY writes it, many lines at a time: the way out for what is counted, not kept.

        The query is SQL without parameters: whoever makes it quotes what it names.
        """
        with _problems(None):
            await copy_lines(self._connection, query, take)

    async def synchronously(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, run with this unit's connection: for Alembic, which knows no asynchronous calls."""
        with _problems(None):
            return await self._connection.run_sync(work)

    async def _result(self, statement: Executable, parameters: Parameters, refused: Refused | None = None) -> CursorResult[Any]:
        with _problems(refused):
            return await self._connection.execute(statement, parameters)


class Write(Read):
    """One unit of work: all of it is stored when the block that opened it ends, or none of it. A Write is a Read, too."""

    async def execute(self, statement: Executable, parameters: Parameters = None, *, refused: Refused | None = None) -> int:
        """The number of rows changed. `parameters` as a sequence runs the statement once for each.

        `refused` says which Problem a violation is by its SQLSTATE. Statements on runs and revisions always say so, because
        on a cluster the constraint's name may be missing.
        """
        return (await self._result(statement, parameters, refused)).rowcount

    async def copy(self, table: Table, columns: Sequence[str], records: Iterable[Sequence[Any]], *, refused: Refused | None = None) -> int:
        """The number of rows stored by COPY: the way in for thousands of rows. Values as in an INSERT, JSON as plain values."""
        with _problems(refused):
            return await copy_rows(self._connection, table, columns, records)

    @asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """A part that fails alone: when the block raises, what it did is undone and the rest of the unit of work goes on."""
        with _problems(None):
            async with self._connection.begin_nested():
                yield


@asynccontextmanager
async def open_read(engine: AsyncEngine) -> AsyncIterator[Read]:
    """A snapshot to read from. The database itself refuses a write in it."""
    # REPEATABLE READ costs nothing here (one snapshot instead of one for each statement) and cannot fail to serialise,
    # because nothing is written. Read committed would show a count and a list that disagree.
    async with _connected(engine) as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        async with connection.begin():
            yield Read(connection)


@asynccontextmanager
async def open_write(engine: AsyncEngine) -> AsyncIterator[Write]:
    """A unit of work, committed at the end of the block: after it, everything is stored. An exception stores nothing.

    A deadlock or a lock that is not given in time raises Busy; whoever may try again does so around the whole block.
    """
    async with _connected(engine) as connection, connection.begin():
        yield Write(connection)


async def store_at_once(
    engine: AsyncEngine, statement: Prepared, values: Mapping[str, Any], *, refused: Refused | None = None
) -> Mapping[str, Any] | None:
    """The first row of a statement that is a unit of work by itself, None without one. It is committed when this returns.

    The server begins and commits around a statement that comes alone, so one round trip does what takes three in a block.
    What is checked at commit is checked before the answer comes, too.
    """
    with _problems(refused):
        # Past SQLAlchemy but for its pool: it would begin a transaction first, and costs more than the driver and its socket.
        connection = await engine.raw_connection()
        try:
            driver = connection.driver_connection
            assert driver is not None  # it was just opened
            rows: Sequence[Mapping[str, Any]] = await driver.fetch(statement.text, *statement.arguments(values))
        finally:
            # One beyond the pool's size is closed here, which takes a moment that only a greenlet can wait for.
            await greenlet_spawn(connection.close)
        return rows[0] if rows else None


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    with _problems(None):
        async with engine.connect() as connection:
            yield connection


# --- which Problem a refusal is ----------------------------------------------------------------------------------------

_BY_CONSTRAINT: Final[Mapping[str, type[Problem]]] = {
    "pk_wizards": IdConflict,
    "uq_wizards_slug": SlugTaken,
    "pk_draft_edits": Stale,
    "pk_wizard_versions": IdConflict,
    "uq_wizard_versions_wizard_id_version_number": Stale,
    "uq_wizard_versions_origin_wizard_id_version_number": Stale,
    "pk_nodes": IdTaken,
    "pk_option_values": OptionValueReserved,
    "pk_reserved_keys": KeyReserved,
    "pk_files": IdConflict,
    "uq_users_email": EmailTaken,
    "pk_users": IdConflict,
    "pk_api_tokens": IdConflict,
    "fk_wizard_runs_wizard_version_id": StillReferenced,
    "fk_run_revisions_wizard_version_id": StillReferenced,
}
_BUSY: Final = frozenset(
    {
        "40001",  # could not serialise
        "40P01",  # deadlock
        "55P03",  # lock not available in time
        "57014",  # statement timeout
        "53300",  # too many connections
    }
)
# Classes of SQLSTATE: connection exceptions, out of memory or disk, shutting down or starting up.
_UNAVAILABLE: Final = ("08", "53", "57P")
# Without an SQLSTATE: the connection could not be made, or broke.
_LOST: Final = frozenset({"OperationalError", "InterfaceError", "ConnectionDoesNotExistError"})
_GONE: Final = "The database could not be reached, or ended the connection. Check that it runs and that its disk is not full."


@contextmanager
def _problems(refused: Refused | None) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        problem = _problem_of(error.orig, refused or {}) if not error.connection_invalidated else DatabaseUnavailable(_GONE)
        if problem is None:
            raise
        raise problem from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # COPY and `store_at_once` pass SQLAlchemy by.
        problem = _problem_of(error, refused or {})
        if problem is None:
            raise
        raise problem from error
    except PoolTimeoutError as error:
        raise Busy("Every database connection is in use. Nothing was stored; try again in a moment.") from error
    except (ConnectionError, FileNotFoundError) as error:
        # FileNotFoundError is what a Unix socket that nobody made looks like to the driver.
        raise DatabaseUnavailable(_GONE) from error


def _problem_of(error: BaseException | None, refused: Refused) -> Problem | None:
    """The Problem that a driver's error is, None when it is a fault of the program."""
    state = getattr(error, "sqlstate", None)
    if state is None:
        return DatabaseUnavailable(_GONE) if type(error).__name__ in _LOST else None
    if state in refused:
        return refused[state]
    if state == GUARD:
        return GuardRefused(_of_diagnosis(error, "message"))
    if state in _BUSY:
        return Busy()
    if state.startswith(_UNAVAILABLE):
        return DatabaseUnavailable(_GONE)
    problem = _BY_CONSTRAINT.get(_of_diagnosis(error, "constraint_name"))
    return problem() if problem else None


def _of_diagnosis(error: BaseException | None, name: str) -> str:
    """One field of what the server said about the error. SQLAlchemy wraps the driver's errors once more."""
    cause = error if isinstance(error, asyncpg.PostgresError) else getattr(error, "__cause__", None)
    return str(getattr(cause, name, None) or "")
