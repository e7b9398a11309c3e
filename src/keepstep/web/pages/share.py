"""How a wizard reaches people: its link, QR code and frame on other sites, who may begin it, from when until when, and how many."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.access import change_access, renew_link
from keepstep.config import Resources
from keepstep.core.access import MAX_SITES, Access
from keepstep.db.transaction import Read, open_read
from keepstep.errors import RequestInvalid
from keepstep.queries.access import standing_of
from keepstep.queries.drafts import get_draft
from keepstep.queries.invitations import count_invitations
from keepstep.queries.wizards import get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.done import done_text
from keepstep.web.forms import by_field
from keepstep.web.local_time import local_text, moment_in
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.invitations import STATUS_WORDS
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.rendering import page
from keepstep.web.share_links import embed_link, embed_script, public_link, qr_code
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor, writing

router = page_router()

# Minutes after closing; "" is without end.
GRACE: Final[Mapping[str, str]] = {
    "": message("whenever they like"),
    "0": message("not at all: closing ends them, too"),
    "60": message("within an hour"),
    "1440": message("within a day"),
    "10080": message("within a week"),
    "43200": message("within 30 days"),
}
MODES: Final[Mapping[str, tuple[str, str]]] = {
    "open": (message("Everybody"), message("Whoever opens the link.")),
    "link": (
        message("Everybody with the secret link"),
        message("The address alone is not enough. A new link takes the old one out of use."),
    ),
    "signed_in": (message("Everybody who is signed in here"), message("Each run says whose it is.")),
    "invitation": (message("Invited people"), message("Each by a link of their own, once. Each run says whose it is.")),
}
_NO_NUMBER: Final = message("A whole number, such as 500; empty for no limit.")


@router.get("/wizards/{wizard_ref}/share", name="page:share")
async def share(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    return await _page(request, visitor, tx, wizard_ref, done=done_text(request))


async def _page(request: Request, visitor: Visitor, tx: Read, ref: str, *, status: int = 200, **given: Any) -> Response:
    state = await get_draft(tx, visitor.actor, ref, "edit")
    wizard = state.wizard
    resources: Resources = request.app.state.resources
    standing = await standing_of(tx, wizard, visitor.ctx.now)
    stored = _fields(standing.access, visitor.ctx.zone)
    values: dict[str, Any] = {
        "standing": standing,
        "access": standing.access,
        "stored": stored,
        "fields": stored,
        "errors": {},
        "done": "",
        "status_words": STATUS_WORDS,
        "invited": await count_invitations(tx, wizard.id),
        "link": public_link(resources, wizard),
        "embed_link": embed_link(resources, wizard),
        "embed_script": embed_script(resources),
        "modes": MODES,
        "grace": GRACE if stored["finish_within"] in GRACE else {**GRACE, stored["finish_within"]: ""},
        "zone": visitor.ctx.zone,
        "now": visitor.ctx.now,
        "most_sites": MAX_SITES,
    }
    return page(request, "share/share.html", status=status, **await frame_values(tx, wizard, state.draft), **(values | given))


@router.post("/wizards/{wizard_ref}/share", name="page:save-share")
async def save(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """What differs from what the form was shown with, so that a page left open takes nothing back that others set."""
    fields = await fields_of(request)
    try:
        given = _changed(fields, visitor.ctx.zone)
        async with writing(request) as tx:
            wizard = await change_access(visitor.ctx, tx, wizard_ref, given)
    except RequestInvalid as invalid:
        async with open_read(resources.engine) as read:
            return await _page(request, visitor, read, wizard_ref, status=422, fields=_again(fields), errors=by_field(invalid))
    return see_other(request, f"/wizards/{wizard.slug}/share?done=access")


@router.get("/wizards/{wizard_ref}/share/qr.svg", name="page:share-qr")
async def qr(
    visitor: CurrentVisitor, tx: PageRead, resources: ResourcesDep, wizard_ref: str, download: Annotated[bool, Query()] = False
) -> Response:
    """The link of the wizard as a picture."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit")
    kept = {"Content-Disposition": f'attachment; filename="{wizard.slug}-qr.svg"'} if download else {}
    return Response(qr_code(public_link(resources, wizard)), media_type="image/svg+xml", headers=kept)


@router.get("/wizards/{wizard_ref}/share/renew-link", name="page:renew-link")
async def ask_to_renew(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """What stops working, before it does."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit")
    return page(request, "share/renew_link.html", block="dialog", wizard=wizard, back=f"/wizards/{wizard.slug}/share")


@router.post("/wizards/{wizard_ref}/share/renew-link", name="page:link-renewed")
async def renew(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    wizard = await renew_link(visitor.ctx, tx, wizard_ref)
    return see_other(request, f"/wizards/{wizard.slug}/share?done=link")


# --- the form --------------------------------------------------------------------------------------------------------

_BOXES: Final = ("trap", "proof_of_work")
_NUMBERS: Final = ("finish_within", "max_runs", "starts_per_hour")
_MOMENTS: Final = ("opens_at", "closes_at")


def _fields(access: Access, zone: str) -> dict[str, str]:
    """The access as the form holds it."""
    moments = {name: local_text(getattr(access, name), zone) for name in _MOMENTS}
    numbers = {name: "" if getattr(access, name) is None else str(getattr(access, name)) for name in _NUMBERS}
    boxes = {name: "yes" if getattr(access, name) else "" for name in _BOXES}
    return {"mode": access.mode, "embed_on": "\n".join(access.embed_on)} | moments | numbers | boxes


def _changed(fields: Mapping[str, str], zone: str) -> dict[str, Any]:
    """What somebody set, as `core.access.checked` takes it. Raises RequestInvalid."""
    names = [name.removesuffix("_was") for name in fields if name.endswith("_was")]
    changed = {name: fields.get(name, "") for name in names if _lines(fields.get(name, "")) != _lines(fields[f"{name}_was"])}
    return {name: _value(name, text, zone) for name, text in changed.items()}


def _lines(text: str) -> list[str]:
    return text.split()


def _value(name: str, text: str, zone: str) -> Any:
    if name in _BOXES:
        return bool(text)
    if name in _MOMENTS:
        moment: datetime | None = moment_in(name, text, zone)
        return None if moment is None else moment.isoformat()
    if name in _NUMBERS:
        return _number(name, text)
    return text.split() if name == "embed_on" else text


def _number(name: str, text: str) -> int | None:
    plain = text.replace(",", "").replace("\u202f", "").replace(" ", "")
    if not plain:
        return None
    if plain.isascii() and plain.isdecimal() and len(plain) < 12:
        return int(plain)
    raise RequestInvalid(_NO_NUMBER, errors=[{"pointer": f"/{name}", "code": "not-a-number", "detail": _NO_NUMBER}])


def _again(fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed, with the boxes that were not ticked."""
    return {name: fields.get(name, "") for name in ("mode", "embed_on", *_MOMENTS, *_NUMBERS, *_BOXES)} | {
        name: text for name, text in fields.items() if name.endswith("_was")
    }
