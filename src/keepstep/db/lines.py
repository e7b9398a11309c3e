"""How the rows of a query come out as text, many at a time: COPY, for what is counted and not kept.

Must not know what the rows are.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

# Bytes handed on at once: few enough that the event loop is not held up, many enough that calls do not show.
_HANDFUL: Final = 1_000_000


async def copy_lines(connection: AsyncConnection, query: str, take: Callable[[bytes], None]) -> None:
    """Gives `take` the rows of a query in the text format of COPY, whole lines, as soon as they arrive.

    The database works on the next rows meanwhile. `take` runs in the event loop, which gets its turn after each call.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    # The driver's own COPY passes SQLAlchemy by, which begins the transaction only with its first statement.
    await connection.exec_driver_sql("SELECT 1")
    assert driver is not None  # the connection is open
    held = _Held(take)
    await driver.copy_from_query(query, output=held.add, format="text")
    held.give()


@dataclass(slots=True)
class _Held:
    """What arrived until it is a handful. The driver hands over whole rows."""

    take: Callable[[bytes], None]
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0

    async def add(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.size += len(piece)
        if self.size >= _HANDFUL:
            self.give()
            await asyncio.sleep(0)

    def give(self) -> None:
        whole, self.pieces, self.size = b"".join(self.pieces), [], 0
        self.take(whole)
