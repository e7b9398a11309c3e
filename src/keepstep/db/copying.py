"""How many rows go into a table at once: COPY.

Must not commit.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

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
    assert driver is not None  # the connection is open
    status: str = await driver.copy_to_table(table.name, source=_pieces(records), columns=list(columns), format="text")
    return int(status.removeprefix("COPY "))


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
        # JSON text has no line break and no tab of its own: of what COPY escapes, only the backslash stands in it.
        return jsonvalue.dumps(value).replace("\\", "\\\\")
    return str(value)
