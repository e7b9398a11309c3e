"""Moving a wizard to the trash, taking it out again, and removing it for good. What is stored stays readable throughout."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.confirm import Confirmable
from keepstep.actions.wizards import remove_wizard, report_of_deletion, restore_wizard, trash_wizard
from keepstep.config import Resources
from keepstep.core.counts import RunTally
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import ImpactUnconfirmed
from keepstep.queries.drafts import get_draft
from keepstep.queries.wizards import get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()

Deed = Literal["trash", "remove"]


@router.get("/wizards/{wizard_ref}/trash", name="page:trash-wizard")
async def ask_trash(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """The dialog before a wizard goes to the trash."""
    report = await report_of_deletion(visitor.ctx, tx, wizard_ref, permanent=False)
    return await _dialog(request, visitor, tx, wizard_ref, deed="trash", report=report)


@router.get("/wizards/{wizard_ref}/remove", name="page:remove-wizard")
async def ask_remove(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """The dialog before a wizard is removed for good. For admins."""
    report = await report_of_deletion(visitor.ctx, tx, wizard_ref, permanent=True)
    return await _dialog(request, visitor, tx, wizard_ref, deed="remove", report=report)


async def _dialog(
    request: Request, visitor: Visitor, tx: Read, ref: str, *, deed: Deed, report: Confirmable, changed: bool = False
) -> Response:
    wizard = await get_wizard(tx, visitor.actor, ref, "view")
    values: dict[str, Any] = {"impact": report.report.impact, "rows": _by_version(report.report.impact.runs), "token": report.token}
    draft = None if wizard.removed_at else (await get_draft(tx, visitor.actor, wizard.id)).draft
    values |= await frame_values(tx, wizard, draft)
    values |= {"deed": deed, "changed": changed, "back": "/trash" if wizard.trashed_at else "/"}
    return page(request, "trash_dialog.html", block="dialog", status=409 if changed else 200, **values)


def _by_version(runs: Sequence[RunTally]) -> Sequence[tuple[int, Mapping[str, int]]]:
    """For each version its runs by status, those in the trash apart; the oldest first."""
    found: dict[int, Counter[str]] = {}
    for tally in runs:
        found.setdefault(tally.version_number, Counter())["trashed" if tally.trashed else tally.status] += tally.count
    return sorted(found.items())


@router.post("/wizards/{wizard_ref}/trash", name="page:do-trash-wizard")
async def trash(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """Into the trash, with the token of the dialog; a dialog with new numbers where those have changed."""
    return await _do(request, visitor, resources, wizard_ref, deed="trash")


@router.post("/wizards/{wizard_ref}/remove", name="page:do-remove-wizard")
async def remove(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """As `trash`, for good."""
    return await _do(request, visitor, resources, wizard_ref, deed="remove")


async def _do(request: Request, visitor: Visitor, resources: Resources, ref: str, *, deed: Deed) -> Response:
    confirm = (await fields_of(request)).get("confirm")
    act = trash_wizard if deed == "trash" else remove_wizard
    try:
        async with open_write(resources.engine) as tx:
            wizard = await act(visitor.ctx, tx, ref, confirm)
    except ImpactUnconfirmed:
        async with open_read(resources.engine) as tx:
            report = await report_of_deletion(visitor.ctx, tx, ref, permanent=deed == "remove")
            return await _dialog(request, visitor, tx, ref, deed=deed, report=report, changed=True)
    return see_other(request, f"/?done={wizard.id}" if deed == "trash" else f"/trash?done={wizard.id}")


@router.post("/wizards/{wizard_ref}/restore", name="page:restore-wizard")
async def restore(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """Out of the trash, as it was."""
    wizard = await restore_wizard(visitor.ctx, tx, wizard_ref)
    return see_other(request, f"/?done={wizard.id}")
