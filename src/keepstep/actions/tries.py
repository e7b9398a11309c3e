"""How often something was tried since when, counted in the database, so that several processes and a restart count as one.

By a keyed digest that names nobody. Must not know what is tried, nor how often is too often.
"""

from datetime import datetime, timedelta

from sqlalchemy import Table, case
from sqlalchemy.dialects.postgresql import insert as upsert

from keepstep.db.transaction import Write


async def count_within(tx: Write, table: Table, key: bytes, now: datetime, window: timedelta) -> tuple[int, datetime]:
    """This try counted: how many it makes, and since when; anew once `window` is over. `table` has `key`, `since` and `tries`."""
    own = table.c
    fresh = own.since <= now - window
    statement = upsert(table).values(key=key, since=now, tries=1)
    again = {"tries": case((fresh, 1), else_=own.tries + 1), "since": case((fresh, now), else_=own.since)}
    row = await tx.row(statement.on_conflict_do_update(index_elements=[own.key], set_=again).returning(own.tries, own.since))
    return row.tries, row.since
