"""One user, for admins: role, name, whether they may sign in, a link for a password, their tokens, and their grants."""

from typing import Annotated, Any, Final

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.accounts import UserChange, change_user
from keepstep.actions.password_links import make_password_link, withdraw_password_link
from keepstep.actions.sessions import end_sessions
from keepstep.core.permissions import require
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import Read, open_read
from keepstep.errors import LastAdmin, RequestInvalid
from keepstep.queries.accounts import list_grants, list_tokens
from keepstep.queries.people import get_person, is_last_admin
from keepstep.queries.sign_in import list_identities, open_link_until
from keepstep.web.deps import ResourcesDep
from keepstep.web.done import done_text
from keepstep.web.lists import Cursor, Listing
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.pages.tokens import state_of
from keepstep.web.pages.users import ROLES, link_page
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor, writing

router = page_router()

UserId = Annotated[str, Path(pattern=ID_PATTERN)]

_GRANTS_SHOWN: Final = 50
_TOKENS_SHOWN: Final = 20
_LAST_ADMIN: Final = message("Somebody has to be the admin: make another one first.")


@router.get("/admin/users/{user_id}", name="page:user")
async def user(request: Request, visitor: CurrentVisitor, tx: PageRead, user_id: UserId, cursor: Cursor = None) -> Response:
    require(visitor.actor, "administer")
    return await _page(request, visitor, tx, user_id, cursor=cursor)


@router.post("/admin/users/{user_id}", name="page:change-user")
async def change(request: Request, visitor: CurrentVisitor, user_id: UserId, resources: ResourcesDep) -> Response:
    """Name and role."""
    require(visitor.actor, "administer")
    fields = await fields_of(request)
    role = next((each for each in ROLES if each == fields.get("role")), None)
    if role is None or len(fields.get("name", "")) > 200:
        raise RequestInvalid("Choose one of the roles, and a name of at most 200 characters.")
    try:
        async with writing(request) as tx:
            await change_user(visitor.ctx, tx, user_id, UserChange(name=fields.get("name"), role=role))
    except LastAdmin:
        async with open_read(resources.engine) as read:
            return await _page(request, visitor, read, user_id, error=_LAST_ADMIN)
    return see_other(request, f"/admin/users/{user_id}?done=user")


@router.get("/admin/users/{user_id}/disable", name="page:disable-user")
async def ask(request: Request, visitor: CurrentVisitor, tx: PageRead, user_id: UserId) -> Response:
    """What ends with it, before it is done."""
    require(visitor.actor, "administer")
    person = await get_person(tx, user_id, now=visitor.ctx.now)
    last = await is_last_admin(tx, user_id)
    return page(request, "accounts/disable.html", block="dialog", person=person, is_last_admin=last, back=f"/admin/users/{user_id}")


@router.post("/admin/users/{user_id}/disable", name="page:user-disabled")
async def disable(request: Request, visitor: CurrentVisitor, tx: PageWrite, user_id: UserId) -> Response:
    """Raises LastAdmin. Whoever disables themselves is signed out by it."""
    await change_user(visitor.ctx, tx, user_id, UserChange(disabled=True))
    return see_other(request, f"/admin/users/{user_id}?done=disabled")


@router.post("/admin/users/{user_id}/enable", name="page:user-enabled")
async def enable(request: Request, visitor: CurrentVisitor, tx: PageWrite, user_id: UserId) -> Response:
    await change_user(visitor.ctx, tx, user_id, UserChange(disabled=False))
    return see_other(request, f"/admin/users/{user_id}?done=enabled")


@router.post("/admin/users/{user_id}/link", name="page:user-link")
async def link(request: Request, visitor: CurrentVisitor, user_id: UserId, resources: ResourcesDep) -> Response:
    """A new link, in place of the one before; it is in this answer alone."""
    async with writing(request) as tx:
        made = await make_password_link(visitor.ctx, tx, user_id)
    return link_page(request, resources.settings.base_url, made)


@router.post("/admin/users/{user_id}/link/withdraw", name="page:withdraw-link")
async def withdraw(request: Request, visitor: CurrentVisitor, tx: PageWrite, user_id: UserId) -> Response:
    await withdraw_password_link(visitor.ctx, tx, user_id)
    return see_other(request, f"/admin/users/{user_id}?done=withdrawn")


@router.post("/admin/users/{user_id}/sessions/end", name="page:end-sessions")
async def sign_out(request: Request, visitor: CurrentVisitor, tx: PageWrite, user_id: UserId) -> Response:
    await end_sessions(visitor.ctx, tx, user_id)
    return see_other(request, f"/admin/users/{user_id}?done=sessions")


async def _page(request: Request, visitor: Visitor, tx: Read, user_id: str, *, cursor: str | None = None, error: str = "") -> Response:
    now = visitor.ctx.now
    listing = Listing("grants-of", {"user": user_id}, visitor.ctx.secret)
    found = await list_grants(tx, user_id, after=listing.after(cursor), limit=_GRANTS_SHOWN + 1)
    shown, following = listing.page(found, _GRANTS_SHOWN, position=lambda grant: [grant.wizard_id])
    tokens = await list_tokens(tx, user_id, after=None, limit=_TOKENS_SHOWN)
    values: dict[str, Any] = {
        "person": await get_person(tx, user_id, now=now),
        "is_last_admin": await is_last_admin(tx, user_id),
        "link_until": await open_link_until(tx, user_id, now=now),
        "identities": await list_identities(tx, user_id),
        "grants": shown,
        "following": following,
        "tokens": [(token, state) for token in tokens if (state := state_of(token, now)) == "works"],
    }
    return page(request, "accounts/user.html", status=409 if error else 200, **values, roles=ROLES, error=error, done=done_text(request))
