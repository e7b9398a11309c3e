"""The first user of an installation, made by whoever has the address that `keepstep serve` printed."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.accounts import NewUser
from keepstep.actions.sessions import Opening, create_first_admin, open_session, require_setup
from keepstep.core.permissions import SYSTEM
from keepstep.db.transaction import open_write
from keepstep.errors import AlreadySetUp, RequestInvalid
from keepstep.web.deps import ResourcesDep
from keepstep.web.device import device_of
from keepstep.web.origin import require_own_origin
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.passwords import typed_password
from keepstep.web.rendering import page
from keepstep.web.visitor import keep_cookie

router = page_router()


@router.get("/setup", name="page:setup")
async def setup_page(request: Request, resources: ResourcesDep, token: Annotated[str, Query()] = "") -> Response:
    """The form, for the right token; whoever comes later signs in."""
    try:
        async with open_write(resources.engine) as tx:
            await require_setup(tx, token, resources.secret)
    except AlreadySetUp:
        return see_other(request, "/login")
    return page(request, "setup.html", token=token, fields={}, errors={})


@router.post("/setup", name="page:set-up")
async def set_up(request: Request, resources: ResourcesDep) -> Response:
    """Makes the admin and signs them in, or none of both."""
    require_own_origin(request, resources.settings.base_url)
    fields = await fields_of(request)
    password = await typed_password(request)
    new = NewUser(fields.get("email", ""), "admin", fields.get("name", ""), password=password)
    ctx = resources.context(SYSTEM)
    try:
        async with open_write(resources.engine) as tx:
            user = await create_first_admin(ctx, tx, new, token=fields.get("token", ""))
            secret = await open_session(ctx, tx, Opening(user.id, user.email, device_of(request), by="set-up"))
    except RequestInvalid as invalid:
        return page(request, "setup.html", status=422, token=fields.get("token", ""), fields=fields, errors=_by_field(invalid))
    answer = see_other(request, "/")
    keep_cookie(answer, resources.settings.base_url, secret)
    return answer


def _by_field(problem: RequestInvalid) -> Mapping[str, Any]:
    return {error["pointer"].strip("/"): error["detail"] for error in problem.errors}
