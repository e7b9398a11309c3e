"""Going back to an old version as a whole: what it means, shown before; and a new version with the old structure when confirmed."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.confirm import numbers_in
from keepstep.actions.publishing import Publishing, PublishReport, report_of_rollback, roll_back
from keepstep.core.change_groups import classes_of
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import ImpactUnconfirmed, NothingToPublish, Problem, Stale
from keepstep.queries.drafts import get_draft
from keepstep.queries.history import get_version_line, last_version
from keepstep.queries.versions import version_by_id, version_by_number
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.review import LONGEST_SUMMARY, consent_of
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/wizards/{wizard_ref}/versions/{number}/rollback", name="page:rollback")
async def rollback(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, number: Number) -> Response:
    """The question, with what it touches; nothing changes. Of what is live there is nothing to ask, which is said."""
    values = await _asked(visitor, tx, wizard_ref, number)
    return page(request, "history/rollback.html", block="dialog", status=200 if values["counted"] else 409, **values)


@router.post("/wizards/{wizard_ref}/versions/{number}/rollback", name="page:roll-back")
async def go_back(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, number: Number) -> Response:
    """Publishes the old structure again; or shows the report as it is now, when more is touched than was confirmed."""
    fields = await fields_of(request)
    summary = fields.get("change_summary", "")[:LONGEST_SUMMARY] or None
    try:
        async with open_write(resources.engine) as write:
            publishing = Publishing(change_summary=summary, rolls_back_to=number)
            published = await roll_back(visitor.ctx, write, wizard_ref, publishing, consent_of(fields))
    except (ImpactUnconfirmed, NothingToPublish, Stale) as problem:
        async with open_read(resources.engine) as tx:
            values = await _asked(visitor, tx, wizard_ref, number, problem) | {"summary": summary or ""}
            return page(request, "history/rollback.html", block="dialog", status=status_of(problem), **values)
    wizard = published.wizard
    return see_other(request, f"/wizards/{wizard.slug or wizard.id}/versions?done={published.version.number}")


async def _asked(visitor: Visitor, tx: Read, wizard_ref: str, number: int, problem: Problem | None = None) -> dict[str, Any]:
    """`counted` is None where what is live has this very structure."""
    counted: PublishReport | None = None
    with suppress(NothingToPublish):
        counted = await report_of_rollback(visitor.ctx, tx, wizard_ref, Publishing(rolls_back_to=number))
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    wizard, draft = state.wizard, state.draft.structure
    # Going back needs something that is live to go back from.
    active = (await version_by_id(tx, wizard.active_version_id or "")).structure
    target = (await version_by_number(tx, wizard.id, number)).structure
    return {
        **await frame_values(tx, wizard, state.draft),
        "line": await get_version_line(tx, wizard, number),
        "new_number": (await last_version(tx, wizard.id))[0] + 1,
        "counted": counted,
        "numbers": "" if counted is None else numbers_in(counted.report.impact),
        "classes": () if counted is None else classes_of(counted.report.changes),
        "keeps_draft": draft not in (active, target),
        "seen": state.etag,
        "problem": problem,
        "summary": None,
        "longest_summary": LONGEST_SUMMARY,
        "back": f"/wizards/{wizard.slug or wizard.id}/versions",
    }
