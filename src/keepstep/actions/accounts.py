"""What can be done with users, their tokens and their grants. Each act leaves its audit event, which names no address and no secret."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import delete, insert, select, update

from keepstep.actions.audit import event_of
from keepstep.actions.context import Context
from keepstep.core.permissions import SCOPED, Actor, Permission, Role, Scope, may, require
from keepstep.db.audit import append_event
from keepstep.db.tables import api_tokens, grants, password_links, sessions, users
from keepstep.db.transaction import Write
from keepstep.errors import Forbidden, IdConflict, LastAdmin, LastGrant, RequestInvalid, TokenNotFound, WizardNotFound
from keepstep.queries import accounts as queries
from keepstep.queries.accounts import Grant, Token, User

TOKEN_PREFIX: Final = "ks_"  # noqa: S105 - what tokens begin with, so that a leaked one is found by searching
SHORTEST_PASSWORD: Final = 12
# argon2 reads all of it; a longer one would only cost time.
LONGEST_PASSWORD: Final = 1024
_hasher: Final = PasswordHasher()


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to make. `id` is the client's own, for sending the request twice; an empty `name` is taken from the address."""

    email: str
    role: Role
    name: str = ""
    id: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class UserChange:
    """What to change about a user; None leaves it."""

    name: str | None = None
    role: Role | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to make: what it is for, what it may do, and until when. `id` is the client's own: sent twice, it is made once."""

    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new token with its secret, which is in no other place: whoever gets it here keeps it."""

    token: Token
    secret: str


async def create_user(ctx: Context, tx: Write, new: NewUser) -> tuple[User, bool]:
    """The user, and whether this request made them. Raises EmailTaken, IdConflict, RequestInvalid."""
    require(ctx.actor, "administer")
    email = address_of(new.email)
    name = new.name.strip() or email.partition("@")[0]
    known = await queries.find_user(tx, new.id) if new.id else None
    if known is not None:
        if (known.email, known.name, known.role) != (email, name, new.role):
            raise IdConflict("Another user has this id.", id=known.id)
        return known, False
    user = User(new.id or ctx.make_id(), email, name, new.role, ctx.now, None)
    hashed = await _hashed(ctx, new.password) if new.password is not None else None
    row = {"id": user.id, "email": email, "name": name, "role": user.role, "password_hash": hashed, "created_at": ctx.now}
    await tx.execute(insert(users).values(**row))
    await _record(ctx, tx, "user.created", user.id, role=user.role)
    return user, True


async def change_user(ctx: Context, tx: Write, user_id: str, change: UserChange) -> User:
    """The user as changed. Raises LastAdmin when nobody would be left who may administer."""
    require(ctx.actor, "administer")
    user = await queries.get_user(tx, user_id)
    values = _changed_values(user, change, ctx.now)
    if not values:
        return user
    if "role" in values or values.get("disabled_at"):
        await _require_other_admin(tx, user)
    await tx.execute(update(users).where(users.c.id == user_id).values(**values))
    if values.get("disabled_at"):
        # Enabled again one day, they sign in anew: what lay open meanwhile may be in anybody's hands.
        await tx.execute(delete(sessions).where(sessions.c.user_id == user_id))
        await tx.execute(delete(password_links).where(password_links.c.user_id == user_id))
    # The name is a person's, and the record cannot be erased: it says that it changed and not to what.
    await _record(ctx, tx, "user.changed", user_id, changed=sorted(values), role=change.role or user.role)
    return await queries.get_user(tx, user_id)


async def set_password(ctx: Context, tx: Write, user_id: str, password: str, *, present: str | None = None) -> None:
    """An admin sets anybody's; others their own, giving the `present` one. Raises Forbidden, RequestInvalid."""
    await queries.get_user(tx, user_id) if may(ctx.actor, "administer") else await _require_own(ctx, tx, user_id, present)
    await store_password(ctx, tx, user_id, password)
    await _record(ctx, tx, "user.password_set", user_id)


async def store_password(ctx: Context, tx: Write, user_id: str, password: str) -> None:
    """A part of every act that sets one: whoever knew the old one is signed in no longer, and a link to set one is over."""
    await tx.execute(update(users).where(users.c.id == user_id).values(password_hash=await _hashed(ctx, password)))
    await tx.execute(delete(sessions).where(sessions.c.user_id == user_id))
    await tx.execute(delete(password_links).where(password_links.c.user_id == user_id))


async def create_token(ctx: Context, tx: Write, user_id: str, new: NewToken) -> MadeToken:
    """The token with its secret. One's own tokens need no admin, but none may do more than the one that makes it."""
    _require_own_or_admin(ctx.actor, user_id, new.scopes)
    user = await queries.get_user(tx, user_id)
    if user.disabled_at is not None:
        raise Forbidden("This user is disabled; enable them first.")
    if new.expires_at is not None and new.expires_at <= ctx.now:
        raise _invalid("/expires_at", "past", "The expiry must be in the future.")
    secret = TOKEN_PREFIX + random_secret(ctx)
    row: dict[str, Any] = {"id": new.id or ctx.make_id(), "user_id": user_id, "name": new.name, "scopes": sorted(new.scopes)}
    row |= {"created_at": ctx.now, "created_by": ctx.actor.id, "expires_at": new.expires_at}
    await tx.execute(insert(api_tokens).values(**row, digest=token_digest(secret)))
    await _record(ctx, tx, "token.created", row["id"], user_id=user_id, scopes=row["scopes"])
    return MadeToken(await queries.get_token(tx, row["id"]), secret)


async def revoke_token(ctx: Context, tx: Write, token_id: str) -> Token:
    """The token, of no use from now on. Revoking it again changes nothing. Raises TokenNotFound for somebody else's."""
    token = await queries.get_token(tx, token_id)
    if token.user_id != ctx.actor.id and not may(ctx.actor, "administer"):
        raise TokenNotFound
    _require_own_or_admin(ctx.actor, token.user_id, frozenset(token.scopes))
    if token.revoked_at is None:
        await tx.execute(update(api_tokens).where(api_tokens.c.id == token_id).values(revoked_at=ctx.now))
        await _record(ctx, tx, "token.revoked", token_id, user_id=token.user_id)
    return await queries.get_token(tx, token_id)


async def grant_role(ctx: Context, tx: Write, user_id: str, wizard_id: str, role: Role) -> Grant:
    """The grant: what this user may do on this wizard. Somebody with grants sees the wizards of those grants alone."""
    require(ctx.actor, "administer")
    await queries.get_user(tx, user_id)
    if not await queries.is_wizard(tx, wizard_id):
        raise WizardNotFound
    # The row of the user is the lock: two grants at once would both find none and the second would break.
    await tx.execute(select(users.c.id).where(users.c.id == user_id).with_for_update())
    known = await queries.find_grant(tx, user_id, wizard_id)
    if known is None or known.role != role:
        await tx.execute(delete(grants).where(grants.c.user_id == user_id, grants.c.wizard_id == wizard_id))
        row = {"user_id": user_id, "wizard_id": wizard_id, "role": role, "granted_at": ctx.now, "granted_by": ctx.actor.id}
        await tx.execute(insert(grants).values(**row))
        await _record(ctx, tx, "grant.given", user_id, wizard_id=wizard_id, role=role)
    found = await queries.find_grant(tx, user_id, wizard_id)
    assert found is not None  # stored above
    return found


async def withdraw_grant(ctx: Context, tx: Write, user_id: str, wizard_id: str, *, everywhere: bool = False) -> None:
    """Withdrawing what was not given changes nothing.

    Without the last grant the user's role holds for every wizard. Raises LastGrant, unless `everywhere` says that this is meant.
    """
    require(ctx.actor, "administer")
    user = await queries.get_user(tx, user_id)
    # Locked, or two withdrawals at once would each see the other's grant left.
    await tx.execute(select(users.c.id).where(users.c.id == user_id).with_for_update())
    held = set(await tx.scalars(select(grants.c.wizard_id).where(grants.c.user_id == user_id)))
    if held == {wizard_id} and user.role != "admin" and not everywhere:
        raise LastGrant(f"Without this grant {user.name} would be {user.role} of every wizard.")
    if await tx.execute(delete(grants).where(grants.c.user_id == user_id, grants.c.wizard_id == wizard_id)):
        await _record(ctx, tx, "grant.withdrawn", user_id, wizard_id=wizard_id)


def random_secret(ctx: Context) -> str:
    """32 random bytes as text: too many to guess, so that a fast digest is enough to keep them by."""
    return base64.urlsafe_b64encode(ctx.make_salt() + ctx.make_salt()).rstrip(b"=").decode()


def token_digest(secret: str) -> bytes:
    """What is stored of a token's secret. Its 256 random bits cannot be guessed from a fast hash, unlike a password."""
    return hashlib.sha256(secret.encode()).digest()


def _changed_values(user: User, change: UserChange, now: datetime) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    if change.name is not None and change.name.strip() and change.name.strip() != user.name:
        values["name"] = change.name.strip()
    if change.role is not None and change.role != user.role:
        values["role"] = change.role
    if change.disabled is not None and change.disabled != (user.disabled_at is not None):
        values["disabled_at"] = now if change.disabled else None
    return values


async def _require_other_admin(tx: Write, user: User) -> None:
    """Locks the admins in one order, so that two who disable each other at once do not both succeed, nor wait for each other."""
    active = select(users.c.id).where(users.c.role == "admin", users.c.disabled_at.is_(None)).order_by(users.c.id).with_for_update()
    admins = await tx.scalars(active)
    if list(admins) == [user.id]:
        raise LastAdmin


def _require_own_or_admin(actor: Actor, user_id: str, scopes: frozenset[Any]) -> None:
    if may(actor, "administer"):
        return
    if user_id != actor.id:
        require(actor, "administer")
    more = _permissions(scopes) - _permissions(actor.scopes)
    if more:
        raise Forbidden(f"Your token may not {', '.join(sorted(more))}, so it cannot make or revoke one that may.")


def _permissions(scopes: frozenset[Scope]) -> frozenset[Permission]:
    return frozenset().union(*(SCOPED[scope] for scope in scopes))


async def _require_own(ctx: Context, tx: Write, user_id: str, present: str | None) -> None:
    if user_id != ctx.actor.id:
        require(ctx.actor, "administer")
    stored = await queries.password_hash(tx, user_id)
    if stored is None or present is None or not await asyncio.to_thread(check_password, stored, present):
        raise Forbidden("Give your present password, or ask an admin to set a new one.")


def check_password(stored: str | None, given: str) -> bool:
    """Whether this is the password. Takes its time for no password at all, too, so that the time says nothing."""
    try:
        _hasher.verify(stored or _nobodys_hash(), given)
    except VerificationError:
        return False
    return stored is not None


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody's")


async def _hashed(ctx: Context, password: str) -> str:
    """argon2id takes tens of milliseconds on purpose, so a thread does it and other requests go on."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise _invalid("/password", "length", f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    return await asyncio.to_thread(_hasher.hash, password, salt=ctx.make_salt())


def address_of(text: str) -> str:
    """An e-mail address as it is stored. Raises RequestInvalid."""
    try:
        # Not looked up in the DNS: a test address or one of an intranet is as good.
        return validate_email(text.strip(), check_deliverability=False, globally_deliverable=False).normalized.lower()
    except EmailNotValidError as error:
        raise _invalid("/email", "email", f"{error}") from error


def _invalid(pointer: str, code: str, detail: str) -> RequestInvalid:
    return RequestInvalid(detail, errors=[{"pointer": pointer, "code": code, "detail": detail}])


async def _record(ctx: Context, tx: Write, action: str, subject_id: str, *, wizard_id: str | None = None, **details: Any) -> None:
    """The audit event; what the action is named after (`user.created`) is the kind of its subject."""
    kind = action.partition(".")[0]
    await append_event(tx, event_of(ctx, action=action, subject_kind=kind, subject_id=subject_id, wizard_id=wizard_id, details=details))
