"""One's own account: name, address, language, password, and where one is signed in."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.profile import Checked, change_own_email, change_own_password, change_profile, own_id
from keepstep.actions.sessions import IDLE, Opening, end_session, open_session
from keepstep.db.transaction import Read, open_read
from keepstep.errors import EmailTaken, Problem, RequestInvalid
from keepstep.queries.accounts import get_user
from keepstep.queries.sessions import list_sessions
from keepstep.queries.sign_in import has_password, list_identities
from keepstep.web.deps import ResourcesDep
from keepstep.web.device import device_of
from keepstep.web.done import done_text
from keepstep.web.forms import by_field
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.passwords import Refused, address_of_client, checked_password, typed_password
from keepstep.web.problems import status_of
from keepstep.web.rendering import THEMES, page
from keepstep.web.texts import language_names, message
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor, keep_cookie, writing

router = page_router()

_LONGEST_NAME: Final = 200
_WRONG: Final = message("This is not your present password.")
_LATER: Final = message("Too many tries. Wait a quarter of an hour and try again.")
_TOO_LONG: Final = message("A name has at most 200 characters.")


@router.get("/account", name="page:account")
async def account(request: Request, visitor: CurrentVisitor, tx: PageRead) -> Response:
    return await _page(request, visitor, tx)


@router.post("/account/profile", name="page:account-profile")
async def profile(request: Request, visitor: CurrentVisitor) -> Response:
    """Name and language."""
    fields = await fields_of(request)
    if len(fields.get("name", "")) > _LONGEST_NAME:
        return await _again(request, visitor, fields, {"name": _TOO_LONG})
    language = fields.get("language", "")
    async with writing(request) as tx:
        await change_profile(visitor.ctx, tx, name=fields.get("name", ""), language=language if language in language_names() else None)
    return see_other(request, "/account?done=profile")


@router.post("/account/email", name="page:account-email")
async def email(request: Request, visitor: CurrentVisitor) -> Response:
    """The address to sign in with, for whoever gives the present password."""
    fields = await fields_of(request)
    checked = await _checked(request, visitor)
    if isinstance(checked, str):
        return await _again(request, visitor, fields, {"email_password": checked})
    try:
        async with writing(request) as tx:
            await change_own_email(visitor.ctx, tx, fields.get("email", ""), checked)
    except (RequestInvalid, EmailTaken) as problem:
        return await _again(request, visitor, fields, by_field(problem, otherwise="email"))
    return see_other(request, "/account?done=email")


@router.post("/account/password", name="page:account-password")
async def password(request: Request, visitor: CurrentVisitor, resources: ResourcesDep) -> Response:
    """Ends every session but this browser's, which goes on with a new cookie."""
    checked = await _checked(request, visitor)
    if isinstance(checked, str):
        return await _again(request, visitor, {}, {"password": checked})
    try:
        async with request.app.state.password_checks, writing(request) as tx:
            await change_own_password(visitor.ctx, tx, await typed_password(request, "new_password"), checked)
            opening = Opening(own_id(visitor.ctx), visitor.email, device_of(request), address=address_of_client(request))
            secret = await open_session(visitor.ctx, tx, opening)
    except RequestInvalid as invalid:
        return await _again(request, visitor, {}, {"new_password": by_field(invalid)["password"]})
    answer = see_other(request, "/account?done=password")
    keep_cookie(answer, resources.settings.base_url, secret)
    return answer


@router.post("/account/sessions/end", name="page:end-session")
async def end(request: Request, visitor: CurrentVisitor, tx: PageWrite) -> Response:
    """Signs out one other browser. The digest names it: nobody gets from it to the secret in its cookie."""
    try:
        digest = bytes.fromhex((await fields_of(request)).get("session", ""))
    except ValueError as error:
        raise RequestInvalid("There is no such session.") from error
    await end_session(visitor.ctx, tx, digest)
    return see_other(request, "/account?done=session")


async def _checked(request: Request, visitor: Visitor) -> Checked | str:
    """The present password as it was checked, or what to say: a session left open must not be enough to take an account over."""
    found = await checked_password(request, visitor.email, await typed_password(request))
    if isinstance(found, Refused) or found.password_hash is None:
        return _LATER if isinstance(found, Refused) and found.wait else _WRONG
    return Checked(found.password_hash)


async def _again(request: Request, visitor: Visitor, fields: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    async with open_read(request.app.state.resources.engine) as tx:
        return await _page(request, visitor, tx, fields=fields, errors=errors)


async def not_connected(request: Request, visitor: Visitor, problem: Problem) -> Response:
    """The page with why the account was not connected with the provider, or not taken from it."""
    async with open_read(request.app.state.resources.engine) as tx:
        return await _page(request, visitor, tx, refused=problem)


async def _page(
    request: Request,
    visitor: Visitor,
    tx: Read,
    *,
    fields: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    refused: Problem | None = None,
) -> Response:
    user_id, now = own_id(visitor.ctx), visitor.ctx.now
    values: dict[str, Any] = {
        "user": await get_user(tx, user_id),
        "has_password": await has_password(tx, user_id),
        "sessions": await list_sessions(tx, user_id, now=now, idle_since=now - IDLE),
        "identities": await list_identities(tx, user_id),
    }
    status = 422 if errors else 200 if refused is None else status_of(refused)
    given: dict[str, Any] = {
        "fields": fields or {},
        "errors": errors or {},
        "themes": THEMES,
        "languages": language_names(),
        "done": done_text(request),
        "refused": refused,
    }
    return page(request, "accounts/account.html", status=status, **values, **given)
