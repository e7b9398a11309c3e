"""What can be done about being signed in with a browser: try, open, use, end, end everywhere; and the first user of an installation.

A session's secret is in the cookie alone; stored is its digest. Tries are counted by keyed digests of what was typed and of
where it came from, so that what is stored names nobody.
"""

import asyncio
import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from sqlalchemy import delete, func, insert, or_, select, update

from keepstep.actions.accounts import NewUser, check_password, create_user, random_secret, token_digest
from keepstep.actions.audit import audit_user
from keepstep.actions.context import Context
from keepstep.actions.tries import count_within
from keepstep.core.permissions import require
from keepstep.db.tables import sessions, sign_in_tries
from keepstep.db.transaction import Write
from keepstep.errors import AlreadySetUp, Forbidden
from keepstep.queries.accounts import User
from keepstep.queries.sessions import has_users

# A working day with its breaks; and a fortnight, after which even somebody who works daily shows that they still know the password.
IDLE: Final = timedelta(hours=12)
ABSOLUTE: Final = timedelta(days=14)
# How exactly the last use is known: one write a minute, not one a request.
REMEMBERED: Final = timedelta(minutes=1)
# Within this time an account is tried this often, and one address fails this often: far more than people mistype, far less
# than guessing needs. Counted before the password is looked at, so that tries at the same moment count, too.
WINDOW: Final = timedelta(minutes=15)
TRIES: Final[Mapping[str, int]] = {"account": 10, "address": 100}
# Any number of Keepstep's own: "frst" in ASCII.
_FIRST_USER: Final = 0x66727374


async def count_try(ctx: Context, tx: Write, *, email: str | None, address: str) -> timedelta | None:
    """How long to wait; None while there are tries left. `address` is where the request comes from; `email` None without an account.

    In the database, so that several processes and a restart count as one. An address that nobody has is counted alike.
    """
    keys = {_key(ctx, "address", address): TRIES["address"]}
    if email is not None:
        keys[_key(ctx, "account", email)] = TRIES["account"]
    waits = []
    # Always in the same order: two tries at once would else wait for each other.
    for key in sorted(keys):
        tries, since = await count_within(tx, sign_in_tries, key, ctx.now, WINDOW)
        if tries > keys[key]:
            waits.append(since + WINDOW - ctx.now)
    await tx.execute(delete(sign_in_tries).where(sign_in_tries.c.since <= ctx.now - 2 * WINDOW))
    return max(waits, default=None)


async def is_password_of(stored: str | None, given: str) -> bool:
    """Takes the same time for an account that does not exist or has no password (`stored` None)."""
    return await asyncio.to_thread(check_password, stored, given)


@dataclass(frozen=True, slots=True)
class Opening:
    """Whom to sign in, and where: `device` is what the browser calls itself, `by` how they showed who they are.

    `replacing` is the digest of the session that the browser had, which ends. `address` is the one that `count_try` counted.
    """

    user_id: str
    email: str
    device: str = ""
    by: Literal["password", "set-up", "link", "provider"] = "password"
    replacing: bytes | None = None
    address: str | None = None


async def open_session(ctx: Context, tx: Write, new: Opening) -> str:
    """The secret of a new session, for the cookie."""
    ends = or_(sessions.c.digest == new.replacing, sessions.c.expires_at <= ctx.now, sessions.c.used_at <= ctx.now - IDLE)
    await tx.execute(delete(sessions).where(sessions.c.user_id == new.user_id, ends))
    # Whoever signed in has shown that the tries of the account were theirs. The address gets this one back and no other: a house
    # full of people behind one address is not locked out for signing in, and who guesses there is.
    await tx.execute(delete(sign_in_tries).where(sign_in_tries.c.key == _key(ctx, "account", new.email)))
    if new.address is not None:
        mine = (sign_in_tries.c.key == _key(ctx, "address", new.address), sign_in_tries.c.tries > 1)
        await tx.execute(update(sign_in_tries).where(*mine).values(tries=sign_in_tries.c.tries - 1))
    secret = random_secret(ctx)
    row = {"digest": token_digest(secret), "user_id": new.user_id, "created_at": ctx.now, "used_at": ctx.now, "device": new.device}
    await tx.execute(insert(sessions).values(**row, expires_at=ctx.now + ABSOLUTE))
    await audit_user(ctx, tx, "session.opened", new.user_id, by=new.by)
    return secret


async def see_session(ctx: Context, tx: Write, digest: bytes) -> None:
    """The session was used now."""
    await tx.execute(update(sessions).where(sessions.c.digest == digest, sessions.c.used_at < ctx.now).values(used_at=ctx.now))


async def end_session(ctx: Context, tx: Write, digest: bytes) -> None:
    """Signs out one browser of one's own: this one, or another. Ending it again changes nothing."""
    assert ctx.actor.id is not None  # somebody with a session is a user
    if await tx.execute(delete(sessions).where(sessions.c.digest == digest, sessions.c.user_id == ctx.actor.id)):
        await audit_user(ctx, tx, "session.ended", ctx.actor.id)


async def end_sessions(ctx: Context, tx: Write, user_id: str) -> int:
    """Signs a user out everywhere and says of how many browsers; one's own, or an admin anybody's."""
    if user_id != ctx.actor.id:
        require(ctx.actor, "administer")
    ended = await tx.execute(delete(sessions).where(sessions.c.user_id == user_id))
    await audit_user(ctx, tx, "session.ended_everywhere", user_id, sessions=ended)
    return ended


def setup_token(secret: bytes) -> str:
    """What opens the set-up page while there is no user, and nothing afterwards. From the installation's key, so that every
    process knows it without its being stored.
    """
    return base64.urlsafe_b64encode(hmac.digest(secret, b"first-run set-up", "sha256")[:24]).decode()


async def require_setup(tx: Write, token: str, secret: bytes) -> None:
    """Raises AlreadySetUp once there is a user, Forbidden for another token."""
    if await has_users(tx):
        raise AlreadySetUp
    if not hmac.compare_digest(token.encode(), setup_token(secret).encode()):
        raise Forbidden("This is not the address that `keepstep serve` printed when it started. Copy it whole.")


async def create_first_admin(ctx: Context, tx: Write, new: NewUser, *, token: str) -> User:
    """The first user, an admin. Raises AlreadySetUp, Forbidden, RequestInvalid; of two at once, one is the first."""
    await tx.scalar(select(func.pg_advisory_xact_lock(_FIRST_USER)))
    await require_setup(tx, token, ctx.secret)
    user, _ = await create_user(ctx, tx, new)
    return user


def _key(ctx: Context, kind: str, text: str) -> bytes:
    return hmac.digest(ctx.secret, f"sign-in:{kind}:{text.strip().lower()}".encode(), "sha256")
