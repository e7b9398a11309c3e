"""Saved views of the table of runs: a filter and its columns under a name, for everybody who may see the wizard. Reads only.

A view keeps no search words and no value that somebody typed, only codes of options: what was erased from runs would live on in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from keepstep.db.tables import run_views, users
from keepstep.db.transaction import Read

# As many as a menu can offer.
MOST_VIEWS: Final = 100


@dataclass(frozen=True, slots=True)
class RunView:
    """`query`: what stands in the address of the table, by name; each a list of texts."""

    id: str
    name: str
    query: Mapping[str, Sequence[str]]
    created_by: str | None
    created_at: datetime
    by: str | None


async def list_run_views(tx: Read, wizard_id: str) -> Sequence[RunView]:
    """The views of a wizard by name. One query."""
    own = run_views.c
    joined = run_views.outerjoin(users, users.c.id == own.created_by)
    columns: tuple[Any, ...] = (own.id, own.name, own.query, own.created_by, own.created_at, users.c.name.label("by"))
    rows = await tx.rows(
        select(*columns).select_from(joined).where(own.wizard_id == wizard_id).order_by(own.name, own.id).limit(MOST_VIEWS)
    )
    return [RunView(row.id, row.name, row.query, row.created_by, row.created_at, row.by) for row in rows]
