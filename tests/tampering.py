"""Altering what is stored, the way somebody with the superuser's password would: guards off, one statement, guards on."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from keepstep.db.guards import TRIGGERS
from keepstep.db.transaction import Read

TABLES = sorted({trigger.table for trigger in TRIGGERS})


async def tamper(superuser: AsyncEngine, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
    """Alters rows for good. Afterwards the guards look as if nothing had been."""
    async with superuser.begin() as connection:
        assert await _altered(connection, statement, parameters or {}), f"nothing was altered by: {statement}"


@asynccontextmanager
async def tampered(
    superuser: AsyncEngine, statement: str, parameters: Mapping[str, Any] | None = None, *, required: bool = True
) -> AsyncIterator[Read]:
    """The database as it is after the alteration, which is taken back at the end of the block."""
    async with superuser.connect() as connection:
        assert await _altered(connection, statement, parameters or {}) or not required, f"nothing was altered by: {statement}"
        yield Read(connection)
        await connection.rollback()


async def _altered(connection: AsyncConnection, statement: str, parameters: Mapping[str, Any]) -> int:
    # Foreign keys are triggers of the system: a replica trusts that they were checked elsewhere.
    await connection.execute(text("SET LOCAL session_replication_role = replica"))
    for table in TABLES:
        await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    altered = (await connection.execute(text(statement), dict(parameters))).rowcount
    for trigger in TRIGGERS:
        await connection.execute(text(f"ALTER TABLE {trigger.table} ENABLE ALWAYS TRIGGER {trigger.name}"))
    return int(altered)


def flipped(column: str) -> str:
    """SQL of a digest with the lowest bit of its first byte turned over."""
    return f"set_byte({column}, 0, get_byte({column}, 0) # 1)"
