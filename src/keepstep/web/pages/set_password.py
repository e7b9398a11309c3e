"""The page behind an invitation or a reset link: a password is set once, and whoever set it is signed in."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.accounts import token_digest
from keepstep.actions.password_links import use_password_link
from keepstep.actions.sessions import Opening, open_session
from keepstep.config import Resources
from keepstep.core.permissions import SYSTEM
from keepstep.db.transaction import open_read
from keepstep.errors import LinkOver, RequestInvalid
from keepstep.queries.accounts import User
from keepstep.queries.sign_in import find_link_user
from keepstep.web.deps import ResourcesDep
from keepstep.web.device import device_of
from keepstep.web.forms import by_field
from keepstep.web.origin import require_own_origin
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.passwords import typed_password
from keepstep.web.rendering import page
from keepstep.web.visitor import keep_cookie, session_secret, writing

router = page_router()


@router.get("/password", name="page:set-password")
async def form(request: Request, resources: ResourcesDep, token: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The form; looking at it uses nothing up. Raises LinkOver."""
    return page(request, "accounts/set_password.html", user=await _user_of(resources, token), token=token, errors={})


@router.post("/password", name="page:password-set")
async def set_password(request: Request, resources: ResourcesDep) -> Response:
    require_own_origin(request, resources.settings.base_url)
    token = (await fields_of(request)).get("token", "")
    user = await _user_of(resources, token)
    before, ctx = session_secret(request), resources.context(SYSTEM)
    try:
        async with request.app.state.password_checks, writing(request) as tx:
            await use_password_link(ctx, tx, token, await typed_password(request))
            opening = Opening(user.id, user.email, device_of(request), "link", token_digest(before) if before else None)
            secret = await open_session(ctx, tx, opening)
    except RequestInvalid as invalid:
        return page(request, "accounts/set_password.html", status=422, user=user, token=token, errors=by_field(invalid))
    answer = see_other(request, "/")
    keep_cookie(answer, resources.settings.base_url, secret)
    return answer


async def _user_of(resources: Resources, token: str) -> User:
    async with open_read(resources.engine) as tx:
        user = await find_link_user(tx, token_digest(token), now=resources.now())
    if user is None:
        raise LinkOver("It was used, replaced by a newer one, or is too old. Ask an admin for a new one.")
    return user
