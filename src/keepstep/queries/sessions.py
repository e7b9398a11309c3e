"""Who is signed in with a browser, whether anybody can be, and how often sign-in was tried. Must not know cookies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import JSONB

from keepstep.core.permissions import Actor
from keepstep.db.tables import grants, sessions, users
from keepstep.db.transaction import Read


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A session that holds: whose it is, when it was last seen used, and when it ends whatever happens."""

    digest: bytes
    actor: Actor
    email: str
    used_at: datetime
    expires_at: datetime
    language: str | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is checked against. `password_hash` is None where none is set."""

    user_id: str
    password_hash: str | None


_GRANTS: Final = select(func.jsonb_object_agg(grants.c.wizard_id, grants.c.role)).where(grants.c.user_id == users.c.id).scalar_subquery()
# Built once: this runs before every page.
_SESSION: Final = (
    select(
        sessions.c.digest,
        sessions.c.used_at,
        sessions.c.expires_at,
        users.c.id,
        users.c.email,
        users.c.name,
        users.c.role,
        users.c.language,
        func.coalesce(_GRANTS, func.jsonb_build_object(), type_=JSONB).label("grants"),
    )
    .join_from(sessions, users)
    .where(
        sessions.c.digest == bindparam("digest"),
        sessions.c.expires_at > bindparam("now"),
        sessions.c.used_at > bindparam("idle_since"),
        users.c.disabled_at.is_(None),
    )
)


async def find_session(tx: Read, digest: bytes, *, now: datetime, idle_since: datetime) -> BrowserSession | None:
    """The session with this SHA-256; None for one that is unknown, over, unused since `idle_since`, or of a disabled user."""
    row = await tx.one_or_none(_SESSION, {"digest": digest, "now": now, "idle_since": idle_since})
    if row is None:
        return None
    actor = Actor(id=row.id, name=row.name, role=row.role, channel="web", grants=row.grants)
    return BrowserSession(row.digest, actor, row.email, row.used_at, row.expires_at, row.language)


async def find_owner(tx: Read, digest: bytes) -> tuple[str, str] | None:
    """(id, name) of whom a session belongs to or belonged to, as long as it is known, whether it still holds or not."""
    columns = (users.c.id, func.coalesce(func.nullif(users.c.name, ""), users.c.email).label("name"))
    row = await tx.one_or_none(select(*columns).join_from(sessions, users).where(sessions.c.digest == digest))
    return None if row is None else (row.id, row.name)


async def find_credentials(tx: Read, email: str) -> Credentials | None:
    """By the stored form of the address; None for nobody, and for a disabled user."""
    wanted = (users.c.email == email, users.c.disabled_at.is_(None))
    row = await tx.one_or_none(select(users.c.id, users.c.password_hash).where(*wanted))
    return None if row is None else Credentials(row.id, row.password_hash)


async def has_users(tx: Read) -> bool:
    """Whether the first user has been made."""
    return bool(await tx.scalar(select(exists(select(users.c.id)))))


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner knows it: `device` is what the browser called itself when they signed in."""

    digest: bytes
    device: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime


async def list_sessions(tx: Read, user_id: str, *, now: datetime, idle_since: datetime) -> Sequence[OpenSession]:
    """The sessions of a user that hold, the last used first."""
    holds = (sessions.c.user_id == user_id, sessions.c.expires_at > now, sessions.c.used_at > idle_since)
    columns = (sessions.c.digest, sessions.c.device, sessions.c.created_at, sessions.c.used_at, sessions.c.expires_at)
    rows = await tx.rows(select(*columns).where(*holds).order_by(sessions.c.used_at.desc(), sessions.c.digest))
    return [OpenSession(bytes(row.digest), row.device, row.created_at, row.used_at, row.expires_at) for row in rows]
