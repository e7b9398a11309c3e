"""Who there is and what they may do: users, their tokens and grants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB

from keepstep.core.permissions import Actor
from keepstep.db.tables import api_tokens, grants, users, wizards
from keepstep.db.transaction import Read
from keepstep.errors import TokenNotFound, UserNotFound


@dataclass(frozen=True, slots=True)
class User:
    """A user without the password."""

    id: str
    email: str
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret, which is stored nowhere."""

    id: str
    user_id: str
    name: str
    scopes: Sequence[str]
    created_at: datetime
    created_by: Mapping[str, Any] | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user may do on one wizard. `wizard_name` is None when the wizard's row is gone."""

    user_id: str
    wizard_id: str
    wizard_name: str | None
    role: str
    granted_at: datetime
    granted_by: str | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whom a token speaks for, and until when at most."""

    actor: Actor
    expires_at: datetime | None


_GRANTS_OF_USER: Final = (
    select(func.jsonb_object_agg(grants.c.wizard_id, grants.c.role)).where(grants.c.user_id == users.c.id).scalar_subquery()
)
# Built once: this runs before every request that the cache of the web does not answer.
_SIGNED_IN: Final = (
    select(
        users.c.id,
        users.c.name,
        users.c.role,
        api_tokens.c.scopes,
        api_tokens.c.expires_at,
        func.coalesce(_GRANTS_OF_USER, func.jsonb_build_object(), type_=JSONB).label("grants"),
    )
    .join_from(api_tokens, users)
    .where(
        api_tokens.c.digest == bindparam("digest"),
        api_tokens.c.revoked_at.is_(None),
        func.coalesce(api_tokens.c.expires_at > bindparam("now"), True),
        users.c.disabled_at.is_(None),
    )
)
_USER: Final = select(users.c.id, users.c.email, users.c.name, users.c.role, users.c.created_at, users.c.disabled_at)
_CREATOR: Final = users.alias("creator")
_TOKEN: Final = select(
    api_tokens.c.id,
    api_tokens.c.user_id,
    api_tokens.c.name,
    api_tokens.c.scopes,
    api_tokens.c.created_at,
    api_tokens.c.created_by,
    _CREATOR.c.name.label("creator"),
    api_tokens.c.expires_at,
    api_tokens.c.last_used_at,
    api_tokens.c.revoked_at,
).select_from(api_tokens.outerjoin(_CREATOR, _CREATOR.c.id == api_tokens.c.created_by))


async def find_signed_in(tx: Read, digest: bytes, now: datetime) -> SignedIn | None:
    """Whom the token with this SHA-256 speaks for; None for one that is unknown, expired or revoked, or of a disabled user."""
    row = await tx.one_or_none(_SIGNED_IN, {"digest": digest, "now": now})
    if row is None:
        return None
    actor = Actor(id=row.id, name=row.name, role=row.role, channel="api", scopes=frozenset(row.scopes), grants=row.grants)
    return SignedIn(actor, row.expires_at)


async def get_user(tx: Read, user_id: str) -> User:
    """Raises UserNotFound."""
    user = await find_user(tx, user_id)
    if user is None:
        raise UserNotFound
    return user


async def find_user(tx: Read, user_id: str) -> User | None:
    return _user(await tx.one_or_none(_USER.where(users.c.id == user_id)))


async def find_user_by_email(tx: Read, email: str) -> User | None:
    """By the stored form of the address, which is in lower case."""
    return _user(await tx.one_or_none(_USER.where(users.c.email == email)))


async def list_users(tx: Read, *, after: Sequence[str] | None, limit: int) -> Sequence[User]:
    """In order of their addresses, from behind the address `after`."""
    statement = _USER.order_by(users.c.email).limit(limit)
    if after is not None:
        statement = statement.where(users.c.email > after[0])
    return [User(**row._asdict()) for row in await tx.rows(statement)]


async def password_hash(tx: Read, user_id: str) -> str | None:
    """The argon2 hash, None where no password is set."""
    found: str | None = await tx.scalar(select(users.c.password_hash).where(users.c.id == user_id))
    return found


async def get_token(tx: Read, token_id: str) -> Token:
    """Raises TokenNotFound."""
    token = await find_token(tx, token_id)
    if token is None:
        raise TokenNotFound
    return token


async def find_token(tx: Read, token_id: str) -> Token | None:
    row = await tx.one_or_none(_TOKEN.where(api_tokens.c.id == token_id))
    return _token(row) if row else None


async def list_tokens(tx: Read, user_id: str, *, after: Sequence[str] | None, limit: int) -> Sequence[Token]:
    """Newest first: the ids are made in order of time. Revoked and expired ones included."""
    statement = _TOKEN.where(api_tokens.c.user_id == user_id).order_by(api_tokens.c.id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(api_tokens.c.id < after[0])
    return [_token(row) for row in await tx.rows(statement)]


def _token(row: Row[Any]) -> Token:
    values = {name: getattr(row, name) for name in Token.__dataclass_fields__}
    return Token(**values | {"created_by": creator_of_row(row)})


def creator_of_row(row: Row[Any]) -> Mapping[str, Any] | None:
    """`{id, name}` of who created what is in the row; None for what no user made."""
    return None if row.created_by is None else {"id": row.created_by, "name": row.creator}


async def list_grants(tx: Read, user_id: str, *, after: Sequence[str] | None, limit: int) -> Sequence[Grant]:
    statement = _grant_rows().where(grants.c.user_id == user_id).order_by(grants.c.wizard_id).limit(limit)
    if after is not None:
        statement = statement.where(grants.c.wizard_id > after[0])
    return [Grant(**row._asdict()) for row in await tx.rows(statement)]


async def find_grant(tx: Read, user_id: str, wizard_id: str) -> Grant | None:
    row = await tx.one_or_none(_grant_rows().where(grants.c.user_id == user_id, grants.c.wizard_id == wizard_id))
    return Grant(**row._asdict()) if row else None


async def granted_roles(tx: Read, user_id: str, wizard_ids: Sequence[str]) -> dict[str, str]:
    """The roles of a user's grants on these wizards, by wizard id; without a grant there is no entry."""
    mine = (grants.c.user_id == user_id, grants.c.wizard_id.in_(wizard_ids))
    return {row.wizard_id: row.role for row in await tx.rows(select(grants.c.wizard_id, grants.c.role).where(*mine))}


async def is_wizard(tx: Read, wizard_id: str) -> bool:
    """Whether there is, or was before its removal, a wizard with this id."""
    return bool(await tx.scalar(select(wizards.c.id).where(wizards.c.id == wizard_id)))


def _grant_rows() -> Select[Any]:
    return select(
        grants.c.user_id, grants.c.wizard_id, wizards.c.name.label("wizard_name"), grants.c.role, grants.c.granted_at, grants.c.granted_by
    ).select_from(grants.outerjoin(wizards, wizards.c.id == grants.c.wizard_id))


def _user(row: Row[Any] | None) -> User | None:
    return User(**row._asdict()) if row else None
