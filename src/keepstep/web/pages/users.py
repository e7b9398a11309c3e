"""Everybody who may sign in, for admins: found, and added with a link by which they set a password once."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.accounts import NewUser, create_user
from keepstep.actions.password_links import MadeLink, make_password_link
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.permissions import Role, require
from keepstep.errors import EmailTaken, IdConflict, RequestInvalid
from keepstep.queries.people import list_people
from keepstep.web.deps import ResourcesDep
from keepstep.web.forms import by_field, id_in
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Listing
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, writing

router = page_router()

ROLES: Final[Mapping[Role, str]] = {
    "admin": message("Admin: everything, users included"),
    "editor": message("Editor: wizards and their runs"),
    "analyst": message("Analyst: reads"),
}
_LONGEST_NAME: Final = 200


@router.get("/admin/users", name="page:users")
async def users(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    require(visitor.actor, "administer")
    words = "" if unstorable_text(q) else q.strip()
    listing = Listing("people", {"q": words}, resources.secret)
    after = listing.after(cursor)
    found = await list_people(tx, words, now=visitor.ctx.now, after=str(after[0]) if after else None, limit=DEFAULT_LIMIT + 1)
    shown, following = listing.page(found, DEFAULT_LIMIT, position=lambda person: [person.user.email])
    return page(request, "accounts/users.html", block="people", people=shown, following=following, q=words)


@router.get("/admin/users/new", name="page:new-user")
async def new(request: Request, visitor: CurrentVisitor) -> Response:
    require(visitor.actor, "administer")
    return _form(request, new_id=visitor.ctx.make_id())


@router.post("/admin/users", name="page:add-user")
async def add(request: Request, visitor: CurrentVisitor, resources: ResourcesDep) -> Response:
    """The link is in this answer alone. The same form sent again makes neither a second user nor a second link."""
    fields = await fields_of(request)
    try:
        async with writing(request) as tx:
            user, is_new = await create_user(visitor.ctx, tx, _new_user(fields))
            link = await make_password_link(visitor.ctx, tx, user.id) if is_new else None
    except (RequestInvalid, EmailTaken, IdConflict) as problem:
        return _form(request, new_id=visitor.ctx.make_id(), fields=fields, errors=by_field(problem, otherwise="email"))
    if link is None:
        return see_other(request, f"/admin/users/{user.id}?done=user-again")
    return link_page(request, resources.settings.base_url, link)


def link_page(request: Request, base_url: str, link: MadeLink) -> Response:
    """The link, to be handed over. It is not mailed: whoever adds somebody knows a way to reach them that they trust."""
    address = f"{base_url}/password?{urlencode({'token': link.secret})}"
    return page(request, "accounts/link.html", status=201, link=link, address=address)


def _new_user(fields: Mapping[str, str]) -> NewUser:
    role, name = fields.get("role", ""), fields.get("name", "")
    errors = {}
    if role not in ROLES:
        errors["role"] = message("Choose what they may do.")
    if len(name) > _LONGEST_NAME:
        errors["name"] = message("A name has at most 200 characters.")
    if errors:
        pairs = [{"pointer": f"/{name}", "code": "invalid", "detail": detail} for name, detail in errors.items()]
        raise RequestInvalid("The user needs a role.", errors=pairs)
    chosen: Role = next(each for each in ROLES if each == role)
    return NewUser(fields.get("email", ""), chosen, name, id_in(fields))


def _form(request: Request, *, new_id: str, fields: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None) -> Response:
    values: dict[str, Any] = {"fields": fields or {"role": "editor"}, "errors": errors or {}, "roles": ROLES, "new_id": new_id}
    return page(request, "accounts/new_user.html", status=422 if errors else 200, **values)
