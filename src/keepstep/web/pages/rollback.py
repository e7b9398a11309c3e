"""Going back to an old version as a whole: what it means, shown before; and a new version with the old structure when confirmed.

Runs in progress have the same policies as at a publish, asked for in the same form.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.publishing import Publishing, PublishReport, report_of_rollback, roll_back, shown_numbers
from keepstep.config import Resources
from keepstep.core.change_groups import classes_of
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import ImpactUnconfirmed, NothingToPublish, PlanInvalid, Problem, RequestInvalid, Stale
from keepstep.queries.drafts import get_draft
from keepstep.queries.history import get_version_line, last_version
from keepstep.queries.versions import version_by_id, version_by_number
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.plan_form import fields_with_signs
from keepstep.web.pages.review import LONGEST_SUMMARY, consent_of
from keepstep.web.pages.review_policy import policy_in, policy_view, said_in
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.rendering import in_dialog, page
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

Number = Annotated[int, Path(ge=1, lt=2**31)]


_SHOWN_HERE: Final = (ImpactUnconfirmed, NothingToPublish, PlanInvalid, RequestInvalid, Stale)


@router.get("/wizards/{wizard_ref}/versions/{number}/rollback", name="page:rollback")
async def rollback(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, number: Number) -> Response:
    """The question, with what it touches; nothing changes. Of what is live there is nothing to ask, which is said."""
    values = await _asked(visitor, tx, wizard_ref, Publishing(rolls_back_to=number))
    return page(request, "history/rollback.html", block="dialog", status=200 if values["counted"] else 409, **values)


@router.post("/wizards/{wizard_ref}/versions/{number}/rollback", name="page:roll-back")
async def go_back(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, number: Number) -> Response:
    """Publishes the old structure again; or shows the report as it is now: by another policy, or because more is touched than was
    confirmed.
    """
    fields = await fields_with_signs(request)
    if fields.get("go") == "plan":
        return await _looked_at(request, visitor, resources, (wizard_ref, number), fields)
    try:
        async with open_write(resources.engine) as write:
            publishing = await _publishing(visitor, write, wizard_ref, number, fields)
            published = await roll_back(visitor.ctx, write, wizard_ref, publishing, consent_of(fields))
    except _SHOWN_HERE as problem:
        return await _looked_at(request, visitor, resources, (wizard_ref, number), fields, problem)
    wizard = published.wizard
    return see_other(request, f"/wizards/{wizard.slug or wizard.id}/versions?done={published.version.number}")


async def _publishing(visitor: Visitor, tx: Read, wizard_ref: str, number: int, fields: Mapping[str, str]) -> Publishing:
    """What the form says. Raises RequestInvalid, VersionNotFound."""
    wizard = (await get_draft(tx, visitor.actor, wizard_ref, "edit")).wizard
    structure = (await version_by_number(tx, wizard.id, number)).structure
    said = await said_in(visitor.ctx, tx, (wizard, structure), fields)
    return Publishing(change_summary=_summary(fields) or None, rolls_back_to=number, in_progress=policy_in(fields), said=said)


def _summary(fields: Mapping[str, str]) -> str:
    return fields.get("change_summary", "")[:LONGEST_SUMMARY]


async def _looked_at(
    request: Request,
    visitor: Visitor,
    resources: Resources,
    about: tuple[str, int],
    fields: Mapping[str, str],
    problem: Problem | None = None,
) -> Response:
    """The dialog as it is now, by the policy that was chosen and with everything that was typed."""
    wizard_ref, number = about
    chosen = fields.get("in_progress", "finish")
    async with open_read(resources.engine) as tx:
        try:
            values = await _asked(visitor, tx, wizard_ref, await _publishing(visitor, tx, wizard_ref, number, fields))
        except RequestInvalid as refused:
            problem = problem or refused
            values = await _asked(visitor, tx, wizard_ref, Publishing(rolls_back_to=number))
    values |= {"problem": problem, "summary": _summary(fields), "unseen": fields.get("looked", chosen) != chosen}
    headers = in_dialog(request)
    status = 200 if problem is None else status_of(problem)
    return page(request, "history/rollback.html", block="dialog", status=status, headers=headers, **values)


async def _asked(visitor: Visitor, tx: Read, wizard_ref: str, publishing: Publishing) -> dict[str, Any]:
    """`counted` is None where what is live has this very structure."""
    counted: PublishReport | None = None
    number = publishing.rolls_back_to or 0
    with suppress(NothingToPublish):
        counted = await report_of_rollback(visitor.ctx, tx, wizard_ref, publishing)
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    wizard, draft = state.wizard, state.draft.structure
    # Going back needs something that is live to go back from.
    active = (await version_by_id(tx, wizard.active_version_id or "")).structure
    target = (await version_by_number(tx, wizard.id, number)).structure
    return {
        **await frame_values(tx, wizard, state.draft),
        "line": await get_version_line(tx, wizard, number),
        "new_number": (await last_version(tx, wizard.id))[0] + 1,
        "old_number": wizard.active_version_number,
        "counted": counted,
        "numbers": "" if counted is None else shown_numbers(counted),
        "classes": () if counted is None else classes_of(counted.report.changes),
        "policy": None if counted is None else await policy_view(visitor.ctx, tx, wizard.id, counted.policy),
        "keeps_draft": draft not in (active, target),
        "seen": state.etag,
        "problem": None,
        "unseen": False,
        "summary": None,
        "longest_summary": LONGEST_SUMMARY,
        "back": f"/wizards/{wizard.slug or wizard.id}/versions",
    }
