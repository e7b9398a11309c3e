"""What stands for somebody who signs in otherwise than by a password: a link that is open, what a provider calls them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from keepstep.db.tables import password_links, user_identities, users
from keepstep.db.transaction import Read
from keepstep.queries.accounts import User, get_user


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as a provider names them."""

    issuer: str
    subject: str
    user_id: str
    linked_at: datetime


async def find_link_user(tx: Read, digest: bytes, *, now: datetime) -> User | None:
    """Whose password the link with this digest sets; None for one that is unknown or over, or of a disabled user."""
    held = (password_links.c.digest == digest, password_links.c.expires_at > now, users.c.disabled_at.is_(None))
    user_id = await tx.scalar(select(users.c.id).join_from(password_links, users).where(*held))
    return None if user_id is None else await get_user(tx, user_id)


async def open_link_until(tx: Read, user_id: str, *, now: datetime) -> datetime | None:
    """Until when the link that is open for a user can be used; None without one."""
    mine = (password_links.c.user_id == user_id, password_links.c.expires_at > now)
    found: datetime | None = await tx.scalar(select(password_links.c.expires_at).where(*mine))
    return found


async def find_identity(tx: Read, issuer: str, subject: str) -> Identity | None:
    mine = (user_identities.c.issuer == issuer, user_identities.c.subject == subject)
    row = await tx.one_or_none(select(*user_identities.c).where(*mine))
    return None if row is None else Identity(row.issuer, row.subject, row.user_id, row.linked_at)


async def list_identities(tx: Read, user_id: str) -> Sequence[Identity]:
    """The oldest first."""
    own = user_identities.c
    rows = await tx.rows(select(*own).where(own.user_id == user_id).order_by(own.linked_at, own.issuer, own.subject))
    return [Identity(row.issuer, row.subject, row.user_id, row.linked_at) for row in rows]


async def has_password(tx: Read, user_id: str) -> bool:
    return bool(await tx.scalar(select(users.c.password_hash.is_not(None)).where(users.c.id == user_id)))


async def is_unused(tx: Read, user_id: str) -> bool:
    """Whether nobody could have signed in as this user yet: neither a password nor a provider knows them."""
    known = exists().where(user_identities.c.user_id == users.c.id)
    return bool(await tx.scalar(select(users.c.password_hash.is_(None) & ~known).where(users.c.id == user_id)))
