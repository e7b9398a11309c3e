"""How the tables are laid out over a cluster: runs and what belongs to one run by its id, everything else on every node.

Uses Citus, the extension of PostgreSQL that does this. Nothing here changes a row; doing it twice changes nothing.
"""

from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.db.tables import metadata
from keepstep.db.transaction import Read, Write, open_write
from keepstep.errors import Unsupported

# The column that says whose a row is. What else mentions a run (the audit trail, files) is asked for without naming one, too.
BY_RUN: Final = {
    "wizard_runs": "id",
    "run_revisions": "run_id",
    "edits": "run_id",
    "erasures": "run_id",
    "passages": "run_id",
    "migration_items": "run_id",
    "migration_resolutions": "run_id",
}
_IS_CLUSTER: Final = text("SELECT to_regproc('create_distributed_table') IS NOT NULL AND to_regproc('create_reference_table') IS NOT NULL")
_LAID_OUT: Final = text("SELECT logicalrelid::regclass::text FROM pg_dist_partition")


async def distribute(engine: AsyncEngine) -> tuple[str, ...]:
    """The names of the tables that were laid out now, those on every node first. Raises Unsupported where there is no cluster.

    `engine` is one that keeps its login, which may alter the tables (`open_engine(url, role=None)`).
    """
    async with open_write(engine) as write:
        if not await write.scalar(_IS_CLUSTER):
            detail = "Runs are distributed by Citus. Install the extension on every node and run CREATE EXTENSION citus in this database."
            raise Unsupported(f"This database is no cluster. {detail}")
        return await _laid_out(write)


async def _laid_out(write: Write) -> tuple[str, ...]:
    already = await _names(write)
    # In the order of foreign keys: a table on every node may point at no table that is on one node alone.
    names = [table.name for table in metadata.sorted_tables if table.name not in already]
    ordered = [name for name in names if name not in BY_RUN] + [name for name in BY_RUN if name in names]
    # The guards are triggers. Each looks at the rows of one run alone, which lie together; that is what Citus cannot know.
    await write.execute(text("SET LOCAL citus.enable_unsafe_triggers = on"))
    for name in ordered:
        of_run = {"column": BY_RUN[name]} if name in BY_RUN else {}
        await write.rows(_statement(name), {"name": name, **of_run})
    return tuple(ordered)


async def _names(read: Read) -> frozenset[str]:
    return frozenset(await read.scalars(_LAID_OUT))


def _statement(name: str) -> TextClause:
    if name not in BY_RUN:
        return text("SELECT create_reference_table(CAST(:name AS text)::regclass)")
    beside = "" if name == "wizard_runs" else ", colocate_with => 'wizard_runs'"
    return text(f"SELECT create_distributed_table(CAST(:name AS text)::regclass, CAST(:column AS text){beside})")
