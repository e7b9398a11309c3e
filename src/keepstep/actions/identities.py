"""What can be done about signing in through a provider: go there, come back, be let in, connect and disconnect an account.

What the provider said comes verified. Must not know HTTP, nor how a token is signed.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, insert
from sqlalchemy.dialects.postgresql import insert as upsert

from keepstep.actions.accounts import NewUser, address_of, create_user, token_digest
from keepstep.actions.audit import audit_user
from keepstep.actions.context import Context
from keepstep.actions.profile import own_id
from keepstep.core.permissions import Role
from keepstep.db.tables import oidc_requests, password_links, user_identities
from keepstep.db.transaction import Write
from keepstep.errors import Forbidden, RequestInvalid, SignInRefused
from keepstep.queries.accounts import User, find_user_by_email, get_user
from keepstep.queries.sessions import has_users
from keepstep.queries.sign_in import Identity, find_identity, has_password, is_unused, list_identities

# Signing in there may need a second device, or a form of its own.
ON_THE_WAY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Departure:
    """Somebody who goes to the provider. `state` comes back with them; `browser` stays in a cookie, so that nobody else comes back."""

    state: str
    browser: str
    nonce: str
    verifier: str
    next: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """What was kept of somebody who comes back."""

    nonce: str
    verifier: str
    next: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who somebody is, as the provider says. `email` is None unless it says that it has verified the address."""

    issuer: str
    subject: str
    email: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom to let in who is not connected yet: of which domains (None: of any), and as what somebody whom no admin added (None: not)."""

    domains: frozenset[str] | None
    role: Role | None


async def depart(ctx: Context, tx: Write, going: Departure) -> None:
    """Keeps what is needed when they come back."""
    await tx.execute(delete(oidc_requests).where(oidc_requests.c.expires_at <= ctx.now))
    kept = {"nonce": going.nonce, "verifier": going.verifier, "next": going.next, "expires_at": ctx.now + ON_THE_WAY}
    digests = {"digest": token_digest(going.state), "browser": token_digest(going.browser)}
    await tx.execute(insert(oidc_requests).values(**digests, **kept))


async def arrive(ctx: Context, tx: Write, *, state: str, browser: str) -> Arrival:
    """What was kept, once: whoever comes back a second time, late, or in another browser, is refused. Raises SignInRefused."""
    own = oidc_requests.c
    mine = (own.digest == token_digest(state), own.browser == token_digest(browser), own.expires_at > ctx.now)
    row = await tx.one_or_none(delete(oidc_requests).where(*mine).returning(own.nonce, own.verifier, own.next))
    if row is None:
        raise SignInRefused("This sign-in was not begun in this browser, was used already, or took too long. Begin again.")
    return Arrival(row.nonce, row.verifier, row.next)


async def admit(ctx: Context, tx: Write, claimed: Claimed, admission: Admission) -> User:
    """The user whom the provider's word signs in: the connected one, or one that is connected or made now. Raises SignInRefused."""
    known = await find_identity(tx, claimed.issuer, claimed.subject)
    if known is None:
        email = admissible_address(claimed, admission)
        user = await find_user_by_email(tx, email)
        user = await _new_user(ctx, tx, claimed, email, admission) if user is None else await _unused(tx, user)
        known = await _connect(ctx, tx, claimed, user.id)
    user = await get_user(tx, known.user_id)
    if user.disabled_at is not None:
        raise SignInRefused("This account is disabled. Ask an admin.")
    return user


def admissible_address(claimed: Claimed, admission: Admission) -> str:
    """The address that the provider vouches for, in its stored form, of a domain that is let in. Raises SignInRefused."""
    if claimed.email is None:
        raise SignInRefused("The provider does not vouch for your e-mail address. Have it verified there, then try again.")
    try:
        email = address_of(claimed.email)
    except RequestInvalid as invalid:
        raise SignInRefused("The provider knows you under an e-mail address that cannot be used here.") from invalid
    if admission.domains is not None and email.rpartition("@")[2] not in admission.domains:
        raise SignInRefused("Addresses of your domain are not let in here. Ask an admin.")
    return email


async def connect_identity(ctx: Context, tx: Write, claimed: Claimed) -> Identity:
    """Connects one's own account, by somebody who is signed in and said so. Raises SignInRefused when it is somebody else's."""
    return await _connect(ctx, tx, claimed, own_id(ctx))


async def disconnect_identity(ctx: Context, tx: Write, *, issuer: str, subject: str) -> None:
    """Ends signing in through the provider. Raises Forbidden when nothing else would be left to sign in with."""
    user_id = own_id(ctx)
    if not await has_password(tx, user_id) and len(await list_identities(tx, user_id)) < 2:  # this one alone
        raise Forbidden("It is the only way in which you can sign in. Ask an admin for a link to set a password first.")
    own = user_identities.c
    if await tx.execute(delete(user_identities).where(own.issuer == issuer, own.subject == subject, own.user_id == user_id)):
        await audit_user(ctx, tx, "user.identity_disconnected", user_id, issuer=issuer)


async def _unused(tx: Write, user: User) -> User:
    """An account that somebody has used is connected by its owner alone: the address that it has may be one that they only said to have."""
    if not await is_unused(tx, user.id):
        raise SignInRefused(
            "There is an account with your address already. Sign in with its password, then connect it on your account page."
        )
    return user


async def _new_user(ctx: Context, tx: Write, claimed: Claimed, email: str, admission: Admission) -> User:
    if admission.role is None:
        raise SignInRefused("Nobody has added you here yet. Ask an admin.")
    if not await has_users(tx):
        # Once there is a user, the set-up page is closed, and the first one has to be an admin.
        raise SignInRefused("This Keepstep has no admin yet. Whoever started it makes the first account.")
    user, _ = await create_user(ctx, tx, NewUser(email, admission.role, claimed.name))
    return user


async def _connect(ctx: Context, tx: Write, claimed: Claimed, user_id: str) -> Identity:
    row = {"issuer": claimed.issuer, "subject": claimed.subject, "user_id": user_id, "linked_at": ctx.now}
    # Of two browsers that come back at once, the second finds what the first one stored.
    is_new = await tx.execute(upsert(user_identities).values(**row).on_conflict_do_nothing())
    known = await find_identity(tx, claimed.issuer, claimed.subject)
    if known is None or known.user_id != user_id:
        raise SignInRefused("Another account is connected with this already.")
    if is_new:
        # An invitation that is still open would be a second way in, for whoever has it.
        await tx.execute(delete(password_links).where(password_links.c.user_id == user_id))
        await audit_user(ctx, tx, "user.identity_connected", user_id, issuer=claimed.issuer)
    return known
