"""Users, their tokens and grants, and the record of what was done, over HTTP (docs/api.md)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from keepstep.actions.accounts import (
    LONGEST_PASSWORD,
    MadeToken,
    NewToken,
    NewUser,
    UserChange,
    change_user,
    create_token,
    create_user,
    grant_role,
    revoke_token,
    set_password,
    withdraw_grant,
)
from keepstep.actions.context import Context
from keepstep.core.permissions import Role, Scope, require
from keepstep.core.structure import ID_PATTERN
from keepstep.queries import accounts as queries
from keepstep.queries.audit import AuditFilter, list_audit_events
from keepstep.web.api import shapes
from keepstep.web.deps import AccountTx, CurrentContext, ReadTx, ResourcesDep
from keepstep.web.exactjson import LOWER_CASE, ExactJson, RequestBody, api_router
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Limit, Listing

router = api_router("Accounts")

UserId = Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN, description="The user's id.")]
TokenId = Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN, description="The token's id, which is not its secret.")]
WizardId = Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN, description="The wizard's id.")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Password = Annotated[str, Field(max_length=LONGEST_PASSWORD)]


class CreateUser(RequestBody):
    """A user to make. Send `id` to be able to send the same request again."""

    id: Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)] | None = None
    email: Annotated[str, Field(max_length=320)]
    name: Annotated[str, Field(max_length=200)] = ""
    role: Role = "editor"
    password: Password | None = None


class ChangeUser(RequestBody):
    """What to change; members left out stay."""

    name: Name | None = None
    role: Role | None = None
    disabled: bool | None = None


class SetPassword(RequestBody):
    """`current` is needed by whoever is no admin."""

    password: Password
    current: Password | None = None


class CreateToken(RequestBody):
    """A token to make. `edit` covers `read` and `submit`; `admin` covers everything its owner's role allows."""

    name: Name
    # Not strict, as JSON has neither sets nor times.
    scopes: Annotated[frozenset[Scope], Field(min_length=1, strict=False)]
    expires_at: AwareDatetime | None = Field(None, strict=False, description="Never, when left out.")


class GiveGrant(RequestBody):
    """The role on one wizard."""

    role: Role


@router.get("/api/v1/me", summary="Who the token speaks for", responses=shapes.answers(shapes.Myself))
async def me(ctx: CurrentContext) -> ExactJson:
    """The user, and what this token may do. `grants` is the role by wizard id; empty: `role` holds for every wizard."""
    actor = ctx.actor
    return ExactJson({"id": actor.id, "name": actor.name, "role": actor.role, "scopes": sorted(actor.scopes), "grants": dict(actor.grants)})


@router.get("/api/v1/users", summary="List users", responses=shapes.answers(shapes.UserPage))
async def list_users(
    ctx: CurrentContext, tx: ReadTx, resources: ResourcesDep, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> ExactJson:
    """In order of their addresses, disabled ones included. For admins."""
    require(ctx.actor, "administer")
    listing = Listing("users", {}, resources.secret)
    found = await queries.list_users(tx, after=listing.after(cursor), limit=limit + 1)
    return _page(*listing.page(found, limit, position=lambda user: [user.email]))


@router.post("/api/v1/users", status_code=201, summary="Create a user", responses=shapes.answers(shapes.UserAnswer, 201, 200))
async def post_user(ctx: CurrentContext, tx: AccountTx, body: CreateUser) -> ExactJson:
    """200 instead of 201 when the user was already made by this request. For admins."""
    user, is_new = await create_user(ctx, tx, NewUser(**body.model_dump()))
    return ExactJson(user, status_code=201 if is_new else 200, headers={"Location": f"/api/v1/users/{user.id}"})


@router.get("/api/v1/users/{user_id}", summary="One user", responses=shapes.answers(shapes.UserAnswer))
async def get_user(ctx: CurrentContext, tx: ReadTx, user_id: UserId) -> ExactJson:
    """For admins, and for oneself."""
    _require_self_or_admin(ctx, user_id)
    return ExactJson(await queries.get_user(tx, user_id))


@router.patch("/api/v1/users/{user_id}", summary="Change a user", responses=shapes.answers(shapes.UserAnswer))
async def patch_user(ctx: CurrentContext, tx: AccountTx, user_id: UserId, body: ChangeUser) -> ExactJson:
    """Name, role, or whether they are disabled: tokens of a disabled user stop working. The last admin stays one."""
    return ExactJson(await change_user(ctx, tx, user_id, UserChange(**body.model_dump())))


@router.put("/api/v1/users/{user_id}/password", status_code=204, summary="Set a password")
async def put_password(ctx: CurrentContext, tx: AccountTx, user_id: UserId, body: SetPassword) -> Response:
    """For admins; for oneself with the `current` password."""
    await set_password(ctx, tx, user_id, body.password, present=body.current)
    return Response(status_code=204)


@router.get("/api/v1/users/{user_id}/tokens", summary="List a user's tokens", responses=shapes.answers(shapes.TokenPage))
async def list_tokens(
    ctx: CurrentContext, tx: ReadTx, resources: ResourcesDep, user_id: UserId, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> ExactJson:
    """Newest first, revoked and expired ones included; never their secrets."""
    _require_self_or_admin(ctx, user_id)
    await queries.get_user(tx, user_id)
    listing = Listing("tokens", {"user": user_id}, resources.secret)
    found = await queries.list_tokens(tx, user_id, after=listing.after(cursor), limit=limit + 1)
    return _page(*listing.page(found, limit, position=lambda token: [token.id]))


@router.post(
    "/api/v1/users/{user_id}/tokens", status_code=201, summary="Create a token", responses=shapes.answers(shapes.NewTokenAnswer, 201)
)
async def post_token(ctx: CurrentContext, tx: AccountTx, user_id: UserId, body: CreateToken) -> ExactJson:
    """The member `token` is the secret: it is shown here and never again. A token cannot make one that may do more."""
    made = await create_token(ctx, tx, user_id, NewToken(body.name, body.scopes, body.expires_at))
    return ExactJson(_made(made), status_code=201)


@router.delete("/api/v1/tokens/{token_id}", status_code=204, summary="Revoke a token")
async def delete_token(ctx: CurrentContext, tx: AccountTx, token_id: TokenId) -> Response:
    """It stops working at once in this process, and within two seconds in others."""
    await revoke_token(ctx, tx, token_id)
    return Response(status_code=204)


@router.get("/api/v1/users/{user_id}/grants", summary="List a user's grants", responses=shapes.answers(shapes.GrantPage))
async def list_grants(
    ctx: CurrentContext, tx: ReadTx, resources: ResourcesDep, user_id: UserId, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> ExactJson:
    """The wizards that the user is confined to, with the role on each. For admins, and for oneself."""
    _require_self_or_admin(ctx, user_id)
    await queries.get_user(tx, user_id)
    listing = Listing("grants", {"user": user_id}, resources.secret)
    found = await queries.list_grants(tx, user_id, after=listing.after(cursor), limit=limit + 1)
    return _page(*listing.page(found, limit, position=lambda grant: [grant.wizard_id]))


@router.put("/api/v1/users/{user_id}/grants/{wizard_id}", summary="Grant a role on a wizard", responses=shapes.answers(shapes.GrantAnswer))
async def put_grant(ctx: CurrentContext, tx: AccountTx, user_id: UserId, wizard_id: WizardId, body: GiveGrant) -> ExactJson:
    """Somebody with a grant acts on the wizards of their grants alone. For admins."""
    return ExactJson(await grant_role(ctx, tx, user_id, wizard_id, body.role))


@router.delete("/api/v1/users/{user_id}/grants/{wizard_id}", status_code=204, summary="Withdraw a grant")
async def delete_grant(
    ctx: CurrentContext,
    tx: AccountTx,
    user_id: UserId,
    wizard_id: WizardId,
    everywhere: Annotated[bool, Query(description="Take the last grant, too: the user's role then holds for every wizard.")] = False,
) -> Response:
    """The last one is taken only with `everywhere=true`, since without any the user's role holds for every wizard. For admins."""
    await withdraw_grant(ctx, tx, user_id, wizard_id, everywhere=everywhere)
    return Response(status_code=204)


@router.get("/api/v1/audit", summary="The record of what was done", responses=shapes.answers(shapes.AuditPage))
async def list_audit(
    ctx: CurrentContext,
    tx: ReadTx,
    resources: ResourcesDep,
    wizard_id: Annotated[str | None, LOWER_CASE, Query(pattern=ID_PATTERN)] = None,
    run_id: Annotated[str | None, LOWER_CASE, Query(pattern=ID_PATTERN)] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ExactJson:
    """Newest first: who did what, on what, when, through which door. Never holds answers. For admins."""
    require(ctx.actor, "administer")
    listing = Listing("audit", {"wizard_id": wizard_id, "run_id": run_id}, resources.secret)
    after = listing.after(cursor)
    before = (datetime.fromisoformat(after[0]), after[1]) if after else None
    found = await list_audit_events(tx, AuditFilter(wizard_id=wizard_id, run_id=run_id), before=before, limit=limit + 1)
    return _page(*listing.page(found, limit, position=lambda event: [event.at.isoformat(), event.id]))


def _require_self_or_admin(ctx: Context, user_id: str) -> None:
    if user_id != ctx.actor.id:
        require(ctx.actor, "administer")


def _made(made: MadeToken) -> Mapping[str, Any]:
    return {"token": made.secret} | {name: getattr(made.token, name) for name in made.token.__slots__}


def _page(items: Sequence[Any], following: str | None) -> ExactJson:
    return ExactJson({"items": items, "next": following})
