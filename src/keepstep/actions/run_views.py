"""Saving a view of the table of runs under a name, and deleting it. Who may see the runs may save one, and delete it; an editor any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, insert, select

from keepstep.actions.audit import audit_wizard
from keepstep.actions.context import Context
from keepstep.core.permissions import require
from keepstep.db.tables import run_views
from keepstep.db.transaction import Write
from keepstep.errors import RequestInvalid
from keepstep.queries.run_views import MOST_VIEWS

MAX_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class NewView:
    """`id`: as the form was given it, so that sent twice it saves one."""

    name: str
    query: Mapping[str, Sequence[str]]
    id: str | None = None


async def save_run_view(ctx: Context, tx: Write, wizard_id: str, new: NewView) -> str:
    """The id of the view. Raises RequestInvalid without a name, and beyond MOST_VIEWS."""
    require(ctx.actor, "view", wizard_id)
    view_id = new.id or ctx.make_id()
    if await tx.scalar(select(run_views.c.id).where(run_views.c.id == view_id)):
        return view_id
    if not new.name or len(new.name) > MAX_NAME:
        _refuse("name", f"Give the view a name of at most {MAX_NAME} characters.")
    own = run_views.c
    if await tx.scalar(select(func.count()).where(own.wizard_id == wizard_id)) >= MOST_VIEWS:
        _refuse("name", f"A wizard has at most {MOST_VIEWS} views; delete one first.")
    if await tx.scalar(select(own.id).where(own.wizard_id == wizard_id, func.lower(own.name) == new.name.lower()).limit(1)):
        _refuse("name", "There is a view with this name already.")
    row = {"id": view_id, "wizard_id": wizard_id, "name": new.name, "query": dict(new.query)}
    await tx.execute(insert(run_views).values(**row, created_by=ctx.actor.id, created_at=ctx.now))
    # Without its name: people name views after people, and the trail stays when an erasure has taken everything else of them.
    await audit_wizard(ctx, tx, "wizard.view_saved", wizard_id, view=view_id)
    return view_id


def _refuse(field: str, detail: str) -> None:
    raise RequestInvalid(detail, errors=[{"pointer": f"/{field}", "code": "view", "detail": detail}])


async def delete_run_view(ctx: Context, tx: Write, wizard_id: str, view_id: str) -> None:
    """The view, gone; nothing happens where it is gone already. Raises Forbidden for somebody else's, unless an editor asks."""
    own = run_views.c
    row = await tx.one_or_none(select(own.created_by).where(own.id == view_id, own.wizard_id == wizard_id))
    if row is None:
        require(ctx.actor, "view", wizard_id)
        return
    require(ctx.actor, "view" if row.created_by == ctx.actor.id else "edit", wizard_id)
    await tx.execute(delete(run_views).where(own.id == view_id))
    await audit_wizard(ctx, tx, "wizard.view_deleted", wizard_id, view=view_id)
