"""How many rows go into a table at once: COPY, the same text for both drivers.

Must not commit.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

import psycopg
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from keepstep.core import jsonvalue

# Rows in one piece: large enough that the driver's cost for a piece does not show, small enough to hold in memory twice.
_PIECE: Final = 500
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


async def copy_rows(connection: AsyncConnection, table: Table, columns: Sequence[str], records: Iterable[Sequence[Any]]) -> int:
    """The number of rows stored, inside the transaction of `connection`. Values in the order of `columns`."""
    driver = (await connection.get_raw_connection()).driver_connection
    # The driver's own COPY passes SQLAlchemy by, which begins the transaction only with its first statement.
    await connection.exec_driver_sql("SELECT 1")
    if isinstance(driver, psycopg.AsyncConnection):
        return await _through_psycopg(driver, table, columns, records)
    assert driver is not None  # the connection is open
    status: str = await driver.copy_to_table(table.name, source=_pieces(records), columns=list(columns), format="text")
    return int(status.removeprefix("COPY "))


async def _through_psycopg(
    driver: psycopg.AsyncConnection[Any], table: Table, columns: Sequence[str], records: Iterable[Sequence[Any]]
) -> int:
    names = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
    statement = psycopg.sql.SQL("COPY {} ({}) FROM STDIN").format(psycopg.sql.Identifier(table.name), names)
    async with driver.cursor() as cursor:
        async with cursor.copy(statement) as copy:
            async for piece in _pieces(records):
                await copy.write(piece)
        return cursor.rowcount


async def _pieces(records: Iterable[Sequence[Any]]) -> AsyncIterator[bytes]:
    remaining: Iterator[Sequence[Any]] = iter(records)
    while piece := tuple(islice(remaining, _PIECE)):
        yield "".join("\t".join(map(_text, record)) + "\n" for record in piece).encode()


def _text(value: Any) -> str:
    """A value in the text format of COPY. Times carry their offset, so that the session's zone does not matter."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        return jsonvalue.dumps(value).translate(_ESCAPES)
    return str(value)
