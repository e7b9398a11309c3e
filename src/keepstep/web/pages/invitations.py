"""The invitations of one wizard: lists in, links out, what became of each; renewed, revoked, deleted."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.invitations import Added, add_invitations, delete_invitations, make_links, renew_invitation, revoke_invitation
from keepstep.config import Resources
from keepstep.core.access import from_settings
from keepstep.core.invitee import FAULTS, BadLine
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.structure import ID_PATTERN
from keepstep.core.tokens import sign, verified
from keepstep.db.transaction import Read, open_read
from keepstep.errors import FileUnreadable, TooLarge
from keepstep.interchange.invitations_in import InvitationList, invitations_in
from keepstep.interchange.invitations_out import links_csv
from keepstep.queries.drafts import get_draft
from keepstep.queries.invitations import STATUSES, Invitation, InvitationFilter, Status, count_invitations, get_invitation, list_invitations
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.done import done_text
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Listing
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import UploadPageRoute, file_of, page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.rendering import page
from keepstep.web.share_links import invitation_link
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor, writing

router = page_router()
uploads = page_router(route_class=UploadPageRoute)

InvitationId = Annotated[str, Path(pattern=ID_PATTERN)]
STATUS_WORDS: Final[Mapping[Status, str]] = {
    "not_used": message("Not used"),
    "started": message("Started"),
    "completed": message("Completed"),
    "revoked": message("Revoked"),
}
# As many bad lines as an address holds; the number of all is told beside them.
_TOLD: Final = 60
_NOBODY: Final = message("Choose a file, or write somebody into the list.")


def _path(wizard: Wizard) -> str:
    return f"/wizards/{wizard.slug}/share/invitations"


@router.get("/wizards/{wizard_ref}/share/invitations", name="page:invitations")
async def invitations(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    q: Annotated[str, Query(max_length=200)] = "",
    status: Annotated[str, Query(max_length=20)] = "",
    cursor: Cursor = None,
    receipt: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    told = verified(visitor.ctx.secret, "invitations", receipt) if receipt else None
    return await _page(request, visitor, tx, wizard_ref, q=q, chosen=status, cursor=cursor, receipt=told, done=done_text(request))


async def _page(
    request: Request,
    visitor: Visitor,
    tx: Read,
    ref: str,
    *,
    answer: int = 200,
    q: str = "",
    chosen: str = "",
    cursor: str | None = None,
    **given: Any,
) -> Response:
    state = await get_draft(tx, visitor.actor, ref, "edit")
    wizard = state.wizard
    words = "" if unstorable_text(q) else q.strip()
    status = next((each for each in STATUSES if each == chosen), None)
    listing = Listing("invitations", {"wizard": wizard.id, "q": words, "status": status or ""}, visitor.ctx.secret)
    after = listing.after(cursor)
    wanted = InvitationFilter(status=status, words=words or None)
    found = await list_invitations(tx, wizard.id, wanted, limit=DEFAULT_LIMIT + 1, after=str(after[0]) if after else None)
    shown, following = listing.page(found, DEFAULT_LIMIT, position=lambda each: [each.id])
    values: dict[str, Any] = {
        "shown": shown,
        "following": following,
        "q": words,
        "chosen": status or "",
        "counts": await count_invitations(tx, wizard.id),
        "mode": from_settings(wizard.settings).mode,
        "status_words": STATUS_WORDS,
        "faults": FAULTS,
        "receipt": None,
        "file_problem": None,
        "error": "",
        "typed": "",
        "done": "",
    }
    values |= given | await frame_values(tx, wizard, state.draft)
    return page(request, "share/invitations.html", block="people", status=answer, **values)


@uploads.post("/wizards/{wizard_ref}/share/invitations", name="page:add-invitations")
async def add(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """Everybody in the file, or else in the list that was typed. Sent again, it adds nobody."""
    data, filename = await file_of(request)
    typed = str((await request.form()).get("people", ""))
    if not filename and not typed.strip():
        return await _again(request, visitor, resources, wizard_ref, answer=422, error=_NOBODY)
    try:
        # In a thread: the longest list takes a second, in which the server goes on answering others.
        people = await asyncio.to_thread(invitations_in, data if filename else typed.encode("utf-8", "replace"))
        async with writing(request) as tx:
            added = await add_invitations(visitor.ctx, tx, wizard_ref, people.invitees)
            wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit")
    except (FileUnreadable, TooLarge) as problem:
        return await _again(request, visitor, resources, wizard_ref, answer=status_of(problem), file_problem=problem, typed=typed)
    return see_other(request, f"{_path(wizard)}?receipt={_receipt(visitor, people, added)}")


def _receipt(visitor: Visitor, people: InvitationList, added: Added) -> str:
    """What became of a list, signed into the address of the page that tells it: nothing is kept, and no name stands there."""
    bad: list[BadLine] = sorted((*people.bad, *added.bad), key=lambda each: each.line)
    lines = [[each.line, each.fault] for each in bad[:_TOLD]]
    return sign(visitor.ctx.secret, "invitations", [added.added, len(bad), lines, [name[:40] for name in people.ignored[:10]]])


async def _again(request: Request, visitor: Visitor, resources: Resources, ref: str, **given: Any) -> Response:
    async with open_read(resources.engine) as tx:
        return await _page(request, visitor, tx, ref, **given)


# --- links out -------------------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/share/invitations/links", name="page:renew-links")
async def ask_for_all(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """How many links stop working, before they do."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit")
    counts = await count_invitations(tx, wizard.id)
    return page(request, "share/renew_links.html", block="dialog", wizard=wizard, counts=counts, back=_path(wizard))


@router.post("/wizards/{wizard_ref}/share/invitations/links", name="page:export-links")
async def export(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageWrite,
    resources: ResourcesDep,
    wizard_ref: str,
    which: Annotated[Literal["new", "unused"], Query()] = "new",
) -> Response:
    """New links as CSV, in this answer alone: no redirect, which would have to keep them somewhere."""
    links = await make_links(visitor.ctx, tx, wizard_ref, which)
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit")
    if not links:
        return see_other(request, f"{_path(wizard)}?done=no-links")
    table = links_csv((each.respondent, each.note, invitation_link(resources, each.secret)) for each in links)
    kept = f'attachment; filename="{wizard.slug}-invitations.csv"'
    return Response(table, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": kept})


# --- one of them -----------------------------------------------------------------------------------------------------


async def _one(visitor: Visitor, tx: Read, ref: str, invitation_id: str) -> tuple[Wizard, Invitation]:
    wizard = await get_wizard(tx, visitor.actor, ref, "edit")
    return wizard, await get_invitation(tx, wizard.id, invitation_id)


@router.get("/wizards/{wizard_ref}/share/invitations/{invitation_id}/{act}", name="page:ask-invitation")
async def ask(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    invitation_id: InvitationId,
    act: Literal["renew", "revoke", "delete"],
) -> Response:
    """What it means, before it is done."""
    wizard, invitation = await _one(visitor, tx, wizard_ref, invitation_id)
    return page(request, "share/ask.html", block="dialog", wizard=wizard, invitation=invitation, act=act, back=_path(wizard))


@router.post("/wizards/{wizard_ref}/share/invitations/{invitation_id}/renew", name="page:invitation-renewed")
async def renew(
    request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, invitation_id: InvitationId
) -> Response:
    """The new link is in this answer alone."""
    async with writing(request) as tx:
        link = await renew_invitation(visitor.ctx, tx, wizard_ref, invitation_id)
        wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit")
    values: dict[str, Any] = {"wizard": wizard, "renewed": link, "address": invitation_link(resources, link.secret), "back": _path(wizard)}
    return page(request, "share/renewed.html", status=201, **values)


@router.post("/wizards/{wizard_ref}/share/invitations/{invitation_id}/revoke", name="page:invitation-revoked")
async def revoke(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str, invitation_id: InvitationId) -> Response:
    await revoke_invitation(visitor.ctx, tx, wizard_ref, invitation_id)
    return see_other(request, f"{_path(await get_wizard(tx, visitor.actor, wizard_ref, 'edit'))}?done=invitation-revoked")


@router.post("/wizards/{wizard_ref}/share/invitations/{invitation_id}/delete", name="page:invitation-deleted")
async def delete(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str, invitation_id: InvitationId) -> Response:
    await delete_invitations(visitor.ctx, tx, wizard_ref, [invitation_id])
    return see_other(request, f"{_path(await get_wizard(tx, visitor.actor, wizard_ref, 'edit'))}?done=invitation-deleted")
