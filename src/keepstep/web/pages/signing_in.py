"""Signing in and out. What somebody had typed when their session ended is kept through the sign-in and sent afterwards."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.accounts import token_digest
from keepstep.actions.sessions import IDLE, Opening, end_session, end_sessions, open_session
from keepstep.config import Resources
from keepstep.core.permissions import SYSTEM
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import Unauthenticated
from keepstep.queries.sessions import find_session, has_users
from keepstep.web.deps import ResourcesDep
from keepstep.web.device import device_of
from keepstep.web.kept import SIGN_IN_TO_SEND, fields_kept, owner_in, typed_in
from keepstep.web.origin import require_own_origin
from keepstep.web.pages.route import fields_of, local_path, page_router, see_other
from keepstep.web.passwords import Refused, address_of_client, checked_password, typed_password
from keepstep.web.problems import status_of
from keepstep.web.rendering import TOKEN_FIELD, is_htmx, page
from keepstep.web.texts import message
from keepstep.web.visitor import (
    CurrentVisitor,
    PageWrite,
    Visitor,
    drop_cookie,
    find_visitor,
    keep_cookie,
    session_secret,
    visitor_of,
)

router = page_router()

# In the words of one sentence for everything that can be wrong, so that nobody learns who has an account.
_WRONG: Final = message("This e-mail address and password do not belong together.")
_NOT_YET: Final = message("You are not signed in in any other window yet.")


@router.get("/login", name="page:login")
async def login_page(request: Request, resources: ResourcesDep, next_: Annotated[str, Query(alias="next")] = "/") -> Response:
    """The form; whoever is signed in goes on."""
    path = local_path(next_)
    if await find_visitor(request):
        return see_other(request, path)
    async with open_read(resources.engine) as tx:
        is_new = not await has_users(tx)
    return page(request, "login.html", next=path, email="", error="", wait=0, is_new=is_new, kept=None, owner="")


@router.post("/login", name="page:sign-in")
async def login(request: Request, resources: ResourcesDep) -> Response:
    """Signs in and goes on; or sends on what was kept. For the dialog of a page (htmx): 204 with the new session's token."""
    require_own_origin(request, resources.settings.base_url)
    fields = await fields_of(request)
    tried = await _signed_in(request, resources, fields.get("email", ""))
    if isinstance(tried, Refused):
        return _refused(request, fields, tried)
    answer = _going_on(request, fields, await _visitor_now(resources, tried))
    keep_cookie(answer, resources.settings.base_url, tried)
    return answer


@router.post("/login/again", name="page:signed-in-elsewhere")
async def go_on(request: Request, resources: ResourcesDep) -> Response:
    """For whoever signed in in another window meanwhile, as at the provider: what waits in this one is sent on in that session."""
    require_own_origin(request, resources.settings.base_url)
    fields = await fields_of(request)
    visitor = await find_visitor(request)
    if visitor is None:
        return _form_again(request, fields, status=401, error=_NOT_YET)
    return _going_on(request, fields, visitor)


@router.post("/logout", name="page:sign-out")
async def logout(request: Request, visitor: CurrentVisitor, tx: PageWrite, resources: ResourcesDep) -> Response:
    """Here, or with `everywhere` on all browsers."""
    if "everywhere" in await fields_of(request):
        assert visitor.actor.id is not None  # somebody with a session is a user
        await end_sessions(visitor.ctx, tx, visitor.actor.id)
    else:
        await end_session(visitor.ctx, tx, visitor.digest)
    answer = see_other(request, "/login")
    drop_cookie(answer, resources.settings.base_url)
    # Answers to forms, which the browser keeps for Back.
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


async def _signed_in(request: Request, resources: Resources, email: str) -> str | Refused:
    """The secret of the new session."""
    email = email.lower()
    found = await checked_password(request, email, await typed_password(request))
    if isinstance(found, Refused):
        return found
    before = session_secret(request)
    replacing = token_digest(before) if before else None
    opening = Opening(found.user_id, email, device_of(request), replacing=replacing, address=address_of_client(request))
    async with open_write(resources.engine) as tx:
        return await open_session(resources.context(SYSTEM), tx, opening)


async def _visitor_now(resources: Resources, secret: str) -> Visitor:
    """Who has just signed in."""
    now = resources.now()
    async with open_read(resources.engine) as tx:
        found = await find_session(tx, token_digest(secret), now=now, idle_since=now - IDLE)
    if found is None:
        raise Unauthenticated("Sign in again: this session is over already.")
    return visitor_of(found, resources)


def _refused(request: Request, fields: Mapping[str, str], refused: Refused) -> Response:
    wait = refused.minutes
    headers = {"Retry-After": str(wait * 60)} if wait else {}
    return _form_again(request, fields, status=429 if wait else 401, error="" if wait else _WRONG, wait=wait, headers=headers)


def _form_again(
    request: Request, fields: Mapping[str, str], *, status: int, error: str, wait: int = 0, headers: Mapping[str, str] | None = None
) -> Response:
    values: dict[str, Any] = {"next": local_path(fields.get("next")), "email": fields.get("email", ""), "kept": fields.get("kept")}
    values |= {
        "typed_by": fields.get("typed_by", ""),
        "owner": owner_in(fields.get("typed_by"))[1],
        "came": local_path(fields.get("came"), ""),
    }
    more: dict[str, Any] = {"over": True} if "over" in fields else {}
    if values["kept"] and status == status_of(Unauthenticated("")) and not is_htmx(request):
        status = SIGN_IN_TO_SEND
    return page(request, "login.html", block="form", status=status, headers=headers, error=error, wait=wait, is_new=False, **values, **more)


def _going_on(request: Request, fields: Mapping[str, str], visitor: Visitor) -> Response:
    """With the token of the visitor's session: what was kept is sent with it. A page is told who that is, since it may be another's."""
    token = visitor.csrf_token
    if is_htmx(request):
        who = {"X-User": str(visitor.actor.id), "X-User-Name": quote(visitor.actor.name or visitor.email)}
        return Response(status_code=204, headers={"X-CSRF-Token": token, **who})
    kept = fields_kept(fields.get("kept"))
    if kept:
        owner_id, owner = owner_in(fields.get("typed_by"))
        return page(
            request,
            "send_kept.html",
            action=local_path(fields.get("next")),
            came=local_path(fields.get("came"), ""),
            kept=[*kept, (TOKEN_FIELD, token)],
            typed=typed_in(kept),
            owner="" if owner_id == visitor.actor.id else owner,
            is_own=owner_id == visitor.actor.id,
            sender=visitor.actor.name or visitor.email,
        )
    return see_other(request, local_path(fields.get("next")))
