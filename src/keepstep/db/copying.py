"""How many rows go into a table at once: COPY.

Must not commit.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from msgspec import Raw
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
        yield "".join([_line(record) for record in piece]).encode()


def _line(record: Sequence[Any]) -> str:
    """A row in the text format of COPY. Times carry their offset, so that the session's zone does not matter."""
    return "\t".join([_WRITTEN.get(type(value), _other)(value) for value in record]) + "\n"


def _nothing(_: None) -> str:
    return "\\N"


def _escaped(value: str) -> str:
    # Most texts need nothing, and a glance is cheaper than a translation: what COPY escapes is a backslash, or not printable.
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)


def _hex(value: bytes) -> str:
    return "\\\\x" + value.hex()


def _json(value: Any) -> str:
    # JSON text has no line break and no tab of its own: of what COPY escapes, only the backslash stands in it.
    return jsonvalue.dumps(value).replace("\\", "\\\\")


_WRITTEN: Final[Mapping[type[Any], Callable[[Any], str]]] = {
    type(None): _nothing,
    str: _escaped,
    bytes: _hex,
    dict: _json,
    list: _json,
    tuple: _json,
    Raw: _json,
    datetime: datetime.isoformat,
    int: str,
}


def _other(value: Any) -> str:
    """Of kinds that are rare, and of those that a library derives from the ones above."""
    kind = next((known for known in _WRITTEN if isinstance(value, known)), None)
    return str(value) if kind is None or kind is int else _WRITTEN[kind](value)
