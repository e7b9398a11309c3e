"""Signing in through the provider: there, back, and connecting the account that somebody has already."""

import secrets
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keepstep.actions.accounts import token_digest
from keepstep.actions.identities import (
    ON_THE_WAY,
    Admission,
    Arrival,
    Claimed,
    Departure,
    admissible_address,
    admit,
    arrive,
    connect_identity,
    depart,
    disconnect_identity,
)
from keepstep.actions.sessions import Opening, count_try, open_session
from keepstep.config import Resources
from keepstep.core.permissions import SYSTEM
from keepstep.core.tokens import sign, verified
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import Forbidden, ProviderUnavailable, RouteNotFound, SignInRefused
from keepstep.queries.sign_in import find_identity
from keepstep.web.deps import ResourcesDep
from keepstep.web.device import device_of
from keepstep.web.oidc import Provider
from keepstep.web.pages.account import not_connected
from keepstep.web.pages.route import SEE_OTHER, fields_of, local_path, page_router, see_other
from keepstep.web.passwords import Refused, address_of_client
from keepstep.web.problems import status_of
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, Visitor, find_visitor, keep_cookie, session_secret, writing

router = page_router()

CALLBACK: Final = "/login/provider/callback"
_COOKIE: Final = "keepstep_provider"
_PURPOSE: Final = "connect-identity"
# State, nonce and verifier: as long as PKCE wants its verifier at least (43 characters).
_BYTES: Final = 32


@router.get("/login/provider", name="page:provider")
async def go_there(request: Request, resources: ResourcesDep, next_: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Sends the browser to the provider. A link and no form: the policy of the pages lets forms go nowhere else."""
    provider = _provider_of(request)
    browser = request.cookies.get(_cookie_name(resources)) or secrets.token_urlsafe(_BYTES)
    state, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(3))
    going = Departure(state, browser, nonce, verifier, local_path(next_))
    try:
        async with open_write(resources.engine) as tx:
            ctx = resources.context(SYSTEM)
            wait = await count_try(ctx, tx, email=None, address=address_of_client(request))
            if wait is None:
                await depart(ctx, tx, going)
        if wait is not None:
            return _sign_in_page(request, status=429, wait=Refused(wait).minutes)
        answer: Response = RedirectResponse(await provider.address_for(going), status_code=SEE_OTHER)
    except ProviderUnavailable as problem:
        return _sign_in_page(request, status=status_of(problem), error=problem.detail)
    _keep_browser(answer, resources, browser)
    return answer


@router.get(CALLBACK, name="page:provider-callback")
async def come_back(
    request: Request,
    resources: ResourcesDep,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    iss: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Signs in whom the provider vouches for; somebody who is signed in already is asked whether to connect the two."""
    visitor = await find_visitor(request)
    try:
        arrival, claimed = await _vouched(request, resources, state=state, code=code, issuer=iss)
        if visitor is not None:
            return await _connecting(request, resources, visitor, claimed)
        secret = await _let_in(request, resources, claimed)
    except (SignInRefused, ProviderUnavailable) as problem:
        if visitor is not None:
            return await not_connected(request, visitor, problem)
        return _sign_in_page(request, status=status_of(problem), error=problem.detail)
    answer = see_other(request, local_path(arrival.next))
    keep_cookie(answer, resources.settings.base_url, secret)
    return answer


@router.post("/account/identities", name="page:connect")
async def connect(request: Request, visitor: CurrentVisitor, resources: ResourcesDep) -> Response:
    """What the page after coming back sends: the provider's word, signed for this session."""
    told = verified(resources.secret, _PURPOSE, (await fields_of(request)).get("identity", ""))
    if told is None or told["session"] != visitor.digest.hex() or datetime.fromisoformat(told["until"]) <= visitor.ctx.now:
        late = SignInRefused("This took too long, or was begun in another session. Begin again on this page.")
        return await not_connected(request, visitor, late)
    try:
        async with writing(request) as tx:
            await connect_identity(visitor.ctx, tx, Claimed(told["issuer"], told["subject"], None, ""))
    except SignInRefused as problem:
        return await not_connected(request, visitor, problem)
    return see_other(request, "/account?done=connected")


@router.post("/account/identities/end", name="page:disconnect")
async def disconnect(request: Request, visitor: CurrentVisitor) -> Response:
    fields = await fields_of(request)
    try:
        async with writing(request) as tx:
            await disconnect_identity(visitor.ctx, tx, issuer=fields.get("issuer", ""), subject=fields.get("subject", ""))
    except Forbidden as problem:
        return await not_connected(request, visitor, problem)
    return see_other(request, "/account?done=disconnected")


async def _vouched(request: Request, resources: Resources, *, state: str, code: str, issuer: str | None) -> tuple[Arrival, Claimed]:
    """What was kept of this sign-in, which ends with it whatever comes next, and who the provider says this is."""
    provider = _provider_of(request)
    async with open_write(resources.engine) as tx:
        browser = request.cookies.get(_cookie_name(resources), "")
        arrival = await arrive(resources.context(SYSTEM), tx, state=state, browser=browser)
    # RFC 9207: an answer of another provider than the one that was asked is not sent on to this one.
    if issuer is not None and issuer != provider.settings.issuer:
        raise SignInRefused("This answer came from another provider than the one that was asked. Begin again.")
    if not code:
        raise SignInRefused("The provider did not sign you in. Begin again, or sign in with your password.")
    return arrival, await provider.claimed(code, nonce=arrival.nonce, verifier=arrival.verifier)


async def _let_in(request: Request, resources: Resources, claimed: Claimed) -> str:
    """The secret of the new session."""
    ctx, before = resources.context(SYSTEM), session_secret(request)
    async with writing(request) as tx:
        user = await admit(ctx, tx, claimed, _admission(request))
        replacing = token_digest(before) if before else None
        opening = Opening(user.id, user.email, device_of(request), "provider", replacing, address_of_client(request))
        return await open_session(ctx, tx, opening)


async def _connecting(request: Request, resources: Resources, visitor: Visitor, claimed: Claimed) -> Response:
    """The question whether to connect: being signed in here and there says nothing yet about wanting it."""
    email = admissible_address(claimed, _admission(request))
    async with open_read(resources.engine) as tx:
        known = await find_identity(tx, claimed.issuer, claimed.subject)
    if known is not None and known.user_id != visitor.actor.id:
        raise SignInRefused("Another account is connected with this already.")
    if known is not None:
        return see_other(request, "/account?done=connected")
    until = (visitor.ctx.now + ON_THE_WAY).isoformat()
    told = {"issuer": claimed.issuer, "subject": claimed.subject, "session": visitor.digest.hex(), "until": until}
    return page(request, "accounts/connect.html", identity=sign(resources.secret, _PURPOSE, told), email=email)


def _provider_of(request: Request) -> Provider:
    provider: Provider | None = request.app.state.provider
    if provider is None:
        raise RouteNotFound("No provider to sign in with is set here.")
    return provider


def _admission(request: Request) -> Admission:
    settings = _provider_of(request).settings
    return Admission(settings.domains, settings.role)


def _sign_in_page(request: Request, *, status: int, error: str = "", wait: int = 0) -> Response:
    values: dict[str, Any] = {"next": "/", "email": "", "is_new": False, "kept": None}
    return page(request, "login.html", status=status, error=error, wait=wait, **values)


def _cookie_name(resources: Resources) -> str:
    return f"__Host-{_COOKIE}" if resources.settings.base_url.startswith("https://") else _COOKIE


def _keep_browser(answer: Response, resources: Resources, browser: str) -> None:
    """Lax, since the way back is a link from elsewhere. One value for all tabs, so that two sign-ins at once both come back."""
    secure = resources.settings.base_url.startswith("https://")
    age = int(ON_THE_WAY.total_seconds())
    answer.set_cookie(_cookie_name(resources), browser, max_age=age, path="/", secure=secure, httponly=True, samesite="lax")
