"""Which wizards somebody is confined to, for admins: looked for by name, granted with a role, withdrawn."""

from typing import Annotated, Any, Final

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.accounts import grant_role, withdraw_grant
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.permissions import Role, require
from keepstep.core.structure import ID_PATTERN
from keepstep.errors import LastGrant, RequestInvalid
from keepstep.queries.accounts import granted_roles
from keepstep.queries.people import get_person
from keepstep.queries.wizards import WizardFilter, list_wizards
from keepstep.web.lists import Cursor, Listing
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.pages.user import UserId
from keepstep.web.pages.users import ROLES
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite

router = page_router()

WizardId = Annotated[str, Path(pattern=ID_PATTERN)]

_SHOWN: Final = 25


@router.get("/admin/users/{user_id}/grants", name="page:grants")
async def search(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    user_id: UserId,
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """Wizards by words of their names, with what is granted on each already."""
    require(visitor.actor, "administer")
    words = "" if unstorable_text(q) else q.strip()
    listing = Listing("grantable", {"q": words, "user": user_id}, visitor.ctx.secret)
    after = listing.after(cursor)
    person = await get_person(tx, user_id, now=visitor.ctx.now)
    chosen = WizardFilter(words=words or None)
    found = await list_wizards(tx, visitor.actor, chosen, limit=_SHOWN + 1, after=str(after[0]) if after else None)
    shown, following = listing.page(found, _SHOWN, position=lambda wizard: [wizard.id])
    values: dict[str, Any] = {"person": person, "wizards": shown, "following": following, "q": words, "roles": ROLES}
    granted = await granted_roles(tx, user_id, [wizard.id for wizard in shown])
    return page(request, "accounts/grants.html", block="wizards", granted=granted, **values)


@router.post("/admin/users/{user_id}/grants/{wizard_id}", name="page:give-grant")
async def give(request: Request, visitor: CurrentVisitor, tx: PageWrite, user_id: UserId, wizard_id: WizardId) -> Response:
    """A grant in place of the one before, or with the role `none`, none."""
    fields = await fields_of(request)
    given = fields.get("role")
    if given == "none":
        try:
            await withdraw_grant(visitor.ctx, tx, user_id, wizard_id, everywhere="everywhere" in fields)
        except LastGrant as last:
            asked: dict[str, Any] = {"detail": last.detail, "user_id": user_id, "wizard_id": wizard_id, "back": f"/admin/users/{user_id}"}
            return page(request, "accounts/last_grant.html", block="dialog", status=409, **asked)
        return see_other(request, f"/admin/users/{user_id}?done=ungranted")
    role: Role | None = next((each for each in ROLES if each == given), None)
    if role is None:
        raise RequestInvalid("Choose one of the roles.")
    await grant_role(visitor.ctx, tx, user_id, wizard_id, role)
    return see_other(request, f"/admin/users/{user_id}?done=granted")
