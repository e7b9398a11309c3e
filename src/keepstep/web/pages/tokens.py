"""One's own API tokens: made with scopes and an expiry, their secret shown once, revoked."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.accounts import MadeToken, NewToken, create_token, revoke_token
from keepstep.actions.profile import own_id
from keepstep.core.permissions import ALLOWED, SCOPED, Role, Scope
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import Read, open_read
from keepstep.errors import IdConflict, RequestInvalid, TokenNotFound
from keepstep.queries.accounts import Token, find_token, list_tokens
from keepstep.web.deps import ResourcesDep
from keepstep.web.done import done_text
from keepstep.web.forms import by_field, id_in
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Listing
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor, writing

router = page_router()

TokenId = Annotated[str, Path(pattern=ID_PATTERN)]

# What each scope is for, in the order of the form.
SCOPE_TEXTS: Final[Mapping[Scope, str]] = {
    "read": message("Read wizards, runs and exports"),
    "submit": message("Start runs and send answers"),
    "edit": message("Change wizards and runs; reads and sends as well"),
    "admin": message("Everything that your role allows, users included"),
}
# Days from today; 0 is without an end.
EXPIRIES: Final[Mapping[int, str]] = {
    30: message("In 30 days"),
    90: message("In 90 days"),
    365: message("In a year"),
    0: message("Never"),
}
_LONGEST_NAME: Final = 200


@router.get("/account/tokens", name="page:tokens")
async def tokens(request: Request, visitor: CurrentVisitor, tx: PageRead, cursor: Cursor = None) -> Response:
    """Newest first, those that work no longer included."""
    return await _page(request, visitor, tx, cursor=cursor)


@router.post("/account/tokens", name="page:new-token")
async def make(request: Request, visitor: CurrentVisitor, resources: ResourcesDep) -> Response:
    """The secret is in this answer alone: no redirect, which would have to keep it somewhere. Sent again, it makes nothing."""
    fields = await fields_of(request)
    scopes = [str(each) for each in (await request.form()).getlist("scopes")]
    try:
        new = _new_token(fields, scopes, visitor)
        async with writing(request) as tx:
            if new.id is not None and await find_token(tx, new.id) is not None:
                return see_other(request, "/account/tokens?done=again")
            made = await create_token(visitor.ctx, tx, own_id(visitor.ctx), new)
    except IdConflict:
        return see_other(request, "/account/tokens?done=again")
    except RequestInvalid as invalid:
        async with open_read(resources.engine) as read:
            return await _page(request, visitor, read, fields=fields, scopes=scopes, errors=by_field(invalid))
    async with open_read(resources.engine) as read:
        return await _page(request, visitor, read, made=made)


@router.get("/account/tokens/{token_id}/revoke", name="page:revoke-token")
async def ask(request: Request, visitor: CurrentVisitor, tx: PageRead, token_id: TokenId) -> Response:
    """What stops working, before it does."""
    token = await find_token(tx, token_id)
    if token is None or token.user_id != visitor.actor.id:
        raise TokenNotFound
    return page(request, "accounts/revoke.html", block="dialog", token=token, back="/account/tokens")


@router.post("/account/tokens/{token_id}/revoke", name="page:token-revoked")
async def revoke(request: Request, visitor: CurrentVisitor, tx: PageWrite, token_id: TokenId) -> Response:
    """An admin may revoke other people's, too, from the page of the user."""
    token = await revoke_token(visitor.ctx, tx, token_id)
    own = token.user_id == visitor.actor.id
    return see_other(request, "/account/tokens?done=revoked" if own else f"/admin/users/{token.user_id}?done=revoked")


def scopes_for(role: Role) -> Sequence[Scope]:
    """The scopes that let a token of this role do anything more than the others do."""
    allowed = ALLOWED[role]
    return [scope for scope in SCOPE_TEXTS if SCOPED[scope] <= allowed]


def _new_token(fields: Mapping[str, str], scopes: Sequence[str], visitor: Visitor) -> NewToken:
    errors = {}
    chosen = frozenset(scope for scope in scopes_for(visitor.actor.role) if scope in scopes)
    if not 1 <= len(fields.get("name", "")) <= _LONGEST_NAME:
        errors["name"] = message("Say in a few words what the token is for.")
    if not chosen:
        errors["scopes"] = message("Choose at least one thing that the token may do.")
    if errors:
        pairs = [{"pointer": f"/{name}", "code": "missing", "detail": detail} for name, detail in errors.items()]
        raise RequestInvalid("The token needs a name and a scope.", errors=pairs)
    return NewToken(fields["name"], chosen, _expiry(fields.get("expires", ""), visitor), id_in(fields))


def _expiry(text: str, visitor: Visitor) -> datetime | None:
    """The end of the last day, in the zone of the installation. What no form of ours sends is the default."""
    days = int(text) if text in {str(each) for each in EXPIRIES} else next(iter(EXPIRIES))
    if not days:
        return None
    zone = ZoneInfo(visitor.ctx.zone)
    day = visitor.ctx.now.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(day, time(), zone)


async def _page(
    request: Request,
    visitor: Visitor,
    tx: Read,
    *,
    cursor: str | None = None,
    made: MadeToken | None = None,
    fields: Mapping[str, str] | None = None,
    scopes: Sequence[str] = (),
    errors: Mapping[str, str] | None = None,
) -> Response:
    user_id = own_id(visitor.ctx)
    listing = Listing("own-tokens", {"user": user_id}, visitor.ctx.secret)
    found = await list_tokens(tx, user_id, after=listing.after(cursor), limit=DEFAULT_LIMIT + 1)
    shown, following = listing.page(found, DEFAULT_LIMIT, position=lambda token: [token.id])
    values: dict[str, Any] = {
        "tokens": [(token, state_of(token, visitor.ctx.now)) for token in shown],
        "following": following,
        "made": made,
        "new_id": visitor.ctx.make_id(),
        "offered": [(scope, SCOPE_TEXTS[scope]) for scope in scopes_for(visitor.actor.role)],
        "expiries": EXPIRIES,
        "fields": fields or {},
        "chosen": scopes,
        "errors": errors or {},
        "done": "" if made else done_text(request),
    }
    return page(request, "accounts/tokens.html", status=422 if errors else 201 if made else 200, **values)


def state_of(token: Token, now: datetime) -> str:
    """`revoked`, `expired` or `works`."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now else "works"
