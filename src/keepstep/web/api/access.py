"""Access over HTTP: who may begin a wizard in public, its link, its invitations (docs/api.md)."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Path, Query
from pydantic import Field

from keepstep.actions.access import change_access, renew_link
from keepstep.actions.invitations import (
    Link,
    Which,
    add_invitations,
    delete_invitations,
    make_links,
    renew_invitation,
    revoke_invitation,
    revoke_invitations,
)
from keepstep.config import Resources
from keepstep.core.invitee import invitee
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.permissions import may
from keepstep.core.structure import ID_PATTERN
from keepstep.errors import RequestInvalid
from keepstep.interchange.invitations_in import InvitationList, distinct, invitations_in
from keepstep.queries.access import standing_of
from keepstep.queries.invitations import Invitation, InvitationFilter, Status, count_invitations, get_invitation, list_invitations
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.api import shapes, shapes_access
from keepstep.web.api.imports import RAW_BODY, Sent, sent_file
from keepstep.web.api.wizards import WizardRef
from keepstep.web.deps import CurrentContext, ReadTx, ResourcesDep, WriteTx
from keepstep.web.exactjson import LOWER_CASE, ExactJson, RequestBody, UploadRoute, api_router
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Limit, Listing
from keepstep.web.share_links import invitation_link, public_link

router = api_router("Access")
uploads = api_router("Access", route_class=UploadRoute)

InvitationId = Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN, description="The invitation's id.")]
# As many as one body reasonably holds; a file takes more.
MOST_AT_ONCE: Final = 10_000


class ChangeAccess(RequestBody):
    """What to set; left out stays. Null is no limit, and for the rest the default."""

    mode: Any = Field(None, description="open, link, signed_in or invitation.")
    opens_at: Any = Field(None, description="RFC 3339, with an offset.")
    closes_at: Any = Field(None, description="RFC 3339, with an offset; from this moment on nobody begins.")
    finish_within: Any = Field(None, description="Minutes after closing in which begun runs may be finished; null: without end.")
    max_runs: Any = Field(None, description="Runs in progress or completed, and not in the trash; null: no limit.")
    starts_per_hour: Any = Field(None, description="Runs begun from one address in an hour; null: no limit.")
    trap: Any = Field(None, description="A field that only programs fill in.")
    proof_of_work: Any = Field(None, description="Some arithmetic before beginning; without a script, 20 seconds of patience.")
    embed_on: Any = Field(None, description="The sites whose pages may frame the wizard, each with its scheme and without a path.")


class NewInvitation(RequestBody):
    """Somebody to invite, in your own terms: an address, a name, a number."""

    respondent: str
    note: str = ""


class AddInvitations(RequestBody):
    """People to invite. Who is in the list already is not added again."""

    invitations: Annotated[list[NewInvitation], Field(max_length=MOST_AT_ONCE)]


class ChooseInvitations(RequestBody):
    """Which invitations: those of these ids, or `unused`, or (for links) `new`: those that never had a link."""

    which: Literal["new", "unused"] | None = None
    ids: Annotated[list[Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)]], Field(max_length=MOST_AT_ONCE)] | None = None

    def chosen(self) -> Which:
        """Raises RequestInvalid unless it says one of the two."""
        if (self.which is None) == (self.ids is None):
            detail = "Give `which` or `ids`, one of the two."
            raise RequestInvalid(detail, errors=[{"pointer": "/which", "code": "missing", "detail": detail}])
        return self.which if self.which is not None else self.ids or []


async def access_json(ctx: CurrentContext, tx: ReadTx, resources: Resources, wizard: Wizard) -> dict[str, Any]:
    """The access of a wizard and how it stands; the link for those who may edit it."""
    standing = await standing_of(tx, wizard, ctx.now)
    access = standing.access
    names = ("mode", "opens_at", "closes_at", "finish_within", "finishes_at", "max_runs", "starts_per_hour", "trap", "proof_of_work")
    return {name: getattr(access, name) for name in names} | {
        "embed_on": list(access.embed_on),
        "state": standing.state,
        "runs": standing.runs,
        "link": public_link(resources, wizard) if may(ctx.actor, "edit", wizard.id) else None,
        "invitations": (await count_invitations(tx, wizard.id)).to_json(),
    }


@router.get("/api/v1/wizards/{wizard_ref}/access", summary="Who may begin a wizard", responses=shapes.answers(shapes_access.AccessAnswer))
async def read(ctx: CurrentContext, tx: ReadTx, resources: ResourcesDep, wizard_ref: WizardRef) -> ExactJson:
    """What holds for beginning it in public. A program that starts runs with its token is not bound by it, and may hold to `state`."""
    return ExactJson(await access_json(ctx, tx, resources, await get_wizard(tx, ctx.actor, wizard_ref, "view")))


@router.patch(
    "/api/v1/wizards/{wizard_ref}/access", summary="Change who may begin a wizard", responses=shapes.answers(shapes_access.AccessAnswer)
)
async def change(ctx: CurrentContext, tx: WriteTx, resources: ResourcesDep, wizard_ref: WizardRef, body: ChangeAccess) -> ExactJson:
    """It holds at once, whatever version is active. Runs that were begun are touched by `closes_at` with `finish_within` alone."""
    given = {name: getattr(body, name) for name in ChangeAccess.model_fields if name in body.model_fields_set}
    return ExactJson(await access_json(ctx, tx, resources, await change_access(ctx, tx, wizard_ref, given)))


@router.post(
    "/api/v1/wizards/{wizard_ref}/access/renew-link", summary="Renew the link", responses=shapes.answers(shapes_access.AccessAnswer)
)
async def renew_the_link(ctx: CurrentContext, tx: WriteTx, resources: ResourcesDep, wizard_ref: WizardRef) -> ExactJson:
    """Another secret link in place of the present one, which lets nobody begin any more."""
    return ExactJson(await access_json(ctx, tx, resources, await renew_link(ctx, tx, wizard_ref)))


# --- invitations -----------------------------------------------------------------------------------------------------


def invitation_json(invitation: Invitation) -> dict[str, Any]:
    return {name: getattr(invitation, name) for name in shapes_access.InvitationAnswer.model_fields}


@router.get("/api/v1/wizards/{wizard_ref}/invitations", summary="List invitations", responses=shapes.answers(shapes_access.InvitationPage))
async def list_(
    ctx: CurrentContext,
    tx: ReadTx,
    resources: ResourcesDep,
    wizard_ref: WizardRef,
    status: Annotated[Status | None, Query()] = None,
    q: Annotated[str | None, Query(max_length=200, description="Words of the respondent or the note.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ExactJson:
    """The newest first. No link is in it: links are in the answer that made them alone."""
    if q is not None and (reason := unstorable_text(q)):
        raise RequestInvalid(reason, errors=[{"pointer": "", "parameter": "q", "code": "text-unstorable", "detail": reason}])
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view")
    listing = Listing("invitations", {"wizard": wizard.id, "q": q or "", "status": status or ""}, resources.secret)
    after = listing.after(cursor)
    wanted = InvitationFilter(status=status, words=q)
    found = await list_invitations(tx, wizard.id, wanted, limit=limit + 1, after=str(after[0]) if after else None)
    shown, following = listing.page(found, limit, position=lambda each: [each.id])
    return ExactJson({"items": [invitation_json(each) for each in shown], "next": following})


@router.post(
    "/api/v1/wizards/{wizard_ref}/invitations",
    status_code=201,
    summary="Invite people",
    responses=shapes.answers(shapes_access.InvitationsAdded, 201, 200),
)
async def add(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, body: AddInvitations) -> ExactJson:
    """Everybody who is not in the list yet; `bad` names the others by their place. 200 when nobody was added. Links are made apart."""
    read = [invitee(place, each.respondent, each.note) for place, each in enumerate(body.invitations, start=1)]
    return await _added(ctx, tx, wizard_ref, distinct(read))


async def sent_people(_ctx: CurrentContext, file: Annotated[Sent, Depends(sent_file, scope="function")]) -> InvitationList:
    """Read before the transaction opens, and in a thread: the longest list takes a second."""
    return await asyncio.to_thread(invitations_in, file.stream)


@uploads.post(
    "/api/v1/wizards/{wizard_ref}/invitations/import",
    status_code=201,
    summary="Invite the people of a CSV file",
    openapi_extra=RAW_BODY,
    responses=shapes.answers(shapes_access.InvitationsAdded, 201, 200),
)
async def add_file(
    ctx: CurrentContext, people: Annotated[InvitationList, Depends(sent_people, scope="function")], tx: WriteTx, wizard_ref: WizardRef
) -> ExactJson:
    """One person on each line; a heading may name a column `respondent`, `email` or `name`, and a column `note`."""
    return await _added(ctx, tx, wizard_ref, people)


async def _added(ctx: CurrentContext, tx: WriteTx, wizard_ref: str, people: InvitationList) -> ExactJson:
    added = await add_invitations(ctx, tx, wizard_ref, people.invitees)
    bad = sorted((*people.bad, *added.bad), key=lambda each: each.line)
    told = [{"line": each.line, "code": each.fault, "detail": each.detail} for each in bad]
    return ExactJson({"added": added.added, "bad": told, "ignored": list(people.ignored)}, status_code=201 if added.added else 200)


@router.post(
    "/api/v1/wizards/{wizard_ref}/invitations/links",
    summary="Make links of invitations",
    responses=shapes.answers(shapes_access.InvitationLinks),
)
async def links(ctx: CurrentContext, tx: WriteTx, resources: ResourcesDep, wizard_ref: WizardRef, body: ChooseInvitations) -> ExactJson:
    """A new link for each that is neither used nor revoked, in this answer alone; links made before open nothing any more."""
    return ExactJson({"items": _told(resources, await make_links(ctx, tx, wizard_ref, body.chosen()))})


@router.post(
    "/api/v1/wizards/{wizard_ref}/invitations/revoke",
    summary="Revoke invitations",
    responses=shapes.answers(shapes_access.InvitationsRevoked),
)
async def revoke_many(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, body: ChooseInvitations) -> ExactJson:
    """Those that were used have nothing left to revoke, and are not counted."""
    return ExactJson({"revoked": await revoke_invitations(ctx, tx, wizard_ref, body.chosen())})


@router.post(
    "/api/v1/wizards/{wizard_ref}/invitations/{invitation_id}/renew",
    summary="Renew an invitation",
    responses=shapes.answers(shapes_access.InvitationLink),
)
async def renew(ctx: CurrentContext, tx: WriteTx, resources: ResourcesDep, wizard_ref: WizardRef, invitation_id: InvitationId) -> ExactJson:
    """Good for one more run by a new link, whether it was revoked, lost or used. The run that it began stays."""
    return ExactJson(_told(resources, [await renew_invitation(ctx, tx, wizard_ref, invitation_id)])[0])


@router.post(
    "/api/v1/wizards/{wizard_ref}/invitations/{invitation_id}/revoke",
    summary="Revoke an invitation",
    responses=shapes.answers(shapes_access.InvitationAnswer),
)
async def revoke(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, invitation_id: InvitationId) -> ExactJson:
    """Its link opens nothing any more. One that was used stays as it is."""
    return ExactJson(invitation_json(await revoke_invitation(ctx, tx, wizard_ref, invitation_id)))


@router.delete(
    "/api/v1/wizards/{wizard_ref}/invitations/{invitation_id}",
    summary="Delete an invitation",
    responses=shapes.answers(shapes_access.InvitationsDeleted),
)
async def delete(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, invitation_id: InvitationId) -> ExactJson:
    """Gone for good, with the name. The run that it began stays, and keeps who answered."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "edit")
    await get_invitation(tx, wizard.id, invitation_id)
    return ExactJson({"deleted": await delete_invitations(ctx, tx, wizard_ref, [invitation_id])})


def _told(resources: Resources, made: Sequence[Link]) -> list[dict[str, str]]:
    return [
        {"id": each.id, "respondent": each.respondent, "note": each.note, "link": invitation_link(resources, each.secret)} for each in made
    ]
