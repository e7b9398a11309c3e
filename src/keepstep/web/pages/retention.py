"""How long a wizard keeps its runs: asked for on the settings page, counted in a dialog, switched on by its token. For admins."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.retention import preview_retention
from keepstep.actions.wizards import WizardPatch, change_wizard
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import ImpactUnconfirmed, RequestInvalid
from keepstep.queries.drafts import get_draft
from keepstep.queries.wizards import get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.pages.runs import WORDS
from keepstep.web.pages.settings import settings_page
from keepstep.web.rendering import page, path_to
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

_EMPTY: Final = {"after": "", "days": "", "then": ""}
_NO_DAYS: Final = message("A whole number of days from 1 to 36,525, such as 365.")


@router.get("/wizards/{wizard_ref}/settings/retention", name="page:retention")
async def ask(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """What is due by the rule in the address now, before it is switched on."""
    given = dict(request.query_params)
    try:
        return await _dialog(request, visitor, tx, wizard_ref, _rule_in(given))
    except RequestInvalid as invalid:
        return await _again(request, visitor, tx, wizard_ref, given, invalid)


@router.post("/wizards/{wizard_ref}/settings/retention", name="page:save-retention")
async def save(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """The rule that was counted, or none; the dialog with new numbers where other runs are due by now."""
    fields = await fields_of(request)
    rule = None if fields.get("off") else _rule_in(fields)
    try:
        async with open_write(resources.engine) as tx:
            patch = WizardPatch(settings={"retention": rule})
            wizard = await change_wizard(visitor.ctx, tx, wizard_ref, patch, fields.get("confirm", ""))
    except ImpactUnconfirmed:
        async with open_read(resources.engine) as read:
            return await _dialog(request, visitor, read, wizard_ref, rule, changed=True)
    return see_other(request, f"/wizards/{wizard.slug}/settings?saved=true")


def _rule_in(fields: Mapping[str, str]) -> dict[str, Any]:
    days = fields.get("days", "").strip()
    whole = days.isascii() and days.isdecimal() and len(days) < 9
    return {"after": fields.get("after", ""), "days": int(days) if whole else None, "then": fields.get("then", "")}


async def _dialog(request: Request, visitor: Visitor, tx: Read, ref: str, rule: Any, *, changed: bool = False) -> Response:
    wizard = await get_wizard(tx, visitor.actor, ref, "administer")
    due = await preview_retention(visitor.ctx, tx, wizard.id, rule)
    back = path_to(request, "settings", wizard_ref=wizard.slug or wizard.id)
    frame = await frame_values(tx, wizard, (await get_draft(tx, visitor.actor, wizard.id)).draft)
    values = {**frame, "due": due, "rule": due.rule, "changed": changed, "back": back, **WORDS}
    return page(request, "retention_dialog.html", block="dialog", status=409 if changed else 200, **values)


async def _again(request: Request, visitor: Visitor, tx: Read, ref: str, given: Mapping[str, str], invalid: RequestInvalid) -> Response:
    wrong = {str(each["pointer"]).rpartition("/")[2] for each in invalid.errors}
    errors = {"days": _NO_DAYS} if "days" in wrong else {"": invalid.detail}
    return await settings_page(request, visitor, tx, ref, status=422, kept={**_EMPTY, **given}, kept_errors=errors)
