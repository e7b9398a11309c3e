"""Links with which somebody sets a password once: an invitation for who has none yet, a new start for who forgot it.

The secret is in the link alone; stored is its digest. An admin hands the link over, in whatever way they trust.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select

from keepstep.actions.accounts import random_secret, store_password, token_digest
from keepstep.actions.audit import audit_user
from keepstep.actions.context import Context
from keepstep.core.permissions import require
from keepstep.db.tables import password_links, users
from keepstep.db.transaction import Write
from keepstep.errors import Forbidden, LinkOver
from keepstep.queries.accounts import User, get_user
from keepstep.queries.sign_in import find_link_user

# A new colleague may be away for some days; somebody who forgot their password waits in front of the screen.
INVITATION: Final = timedelta(days=7)
RESET: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link: its secret is in no other place. `is_invitation` for somebody who has no password yet."""

    user: User
    secret: str
    is_invitation: bool
    expires_at: datetime


async def make_password_link(ctx: Context, tx: Write, user_id: str) -> MadeLink:
    """A link for this user, in place of the one before. Their password works on until it is used. Raises Forbidden for a disabled one."""
    require(ctx.actor, "administer")
    # The row of the user is the lock: of two links made at once, the later one is the one that works.
    stored = await tx.one_or_none(select(users.c.password_hash).where(users.c.id == user_id).with_for_update())
    user = await get_user(tx, user_id)
    if user.disabled_at is not None:
        raise Forbidden("This user is disabled; enable them first.")
    is_invitation = stored is not None and stored.password_hash is None
    secret = random_secret(ctx)
    made = MadeLink(user, secret, is_invitation, ctx.now + (INVITATION if is_invitation else RESET))
    await tx.execute(delete(password_links).where(password_links.c.user_id == user_id))
    row = {"digest": token_digest(secret), "user_id": user_id, "created_at": ctx.now, "expires_at": made.expires_at}
    await tx.execute(insert(password_links).values(**row))
    await audit_user(ctx, tx, "user.invited" if is_invitation else "user.reset_link_made", user_id)
    return made


async def withdraw_password_link(ctx: Context, tx: Write, user_id: str) -> None:
    """The link that is open for this user is of no use from now on."""
    require(ctx.actor, "administer")
    await get_user(tx, user_id)
    if await tx.execute(delete(password_links).where(password_links.c.user_id == user_id)):
        await audit_user(ctx, tx, "user.link_withdrawn", user_id)


async def use_password_link(ctx: Context, tx: Write, secret: str, password: str) -> User:
    """Sets the password; the link is used up and every session ends. Raises LinkOver, RequestInvalid (the link is still good then)."""
    user = await find_link_user(tx, token_digest(secret), now=ctx.now)
    # Of two who use it at once, one takes the row.
    if user is None or not await tx.execute(delete(password_links).where(password_links.c.digest == token_digest(secret))):
        raise LinkOver
    await store_password(ctx, tx, user.id, password)
    await audit_user(ctx, tx, "user.password_set", user.id, by="link")
    return user
