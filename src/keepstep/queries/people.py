"""Users as an admin looks at them: found by words, with how far they may act and whether they can sign in at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, Select, exists, func, or_, select

from keepstep.db.tables import api_tokens, grants, password_links, sessions, user_identities, users
from keepstep.db.transaction import Read
from keepstep.errors import UserNotFound
from keepstep.queries.accounts import User

State = Literal["active", "invited", "no_way_in", "disabled"]


@dataclass(frozen=True, slots=True)
class Person:
    """A user with the number of their grants, of their tokens that were not revoked, and when a browser of theirs was last used.

    `state`: active can sign in; invited has an open link and nothing else; no_way_in neither; disabled may not.
    """

    user: User
    state: State
    grants: int
    tokens: int
    used_at: datetime | None


_GRANTS: Final = select(func.count()).where(grants.c.user_id == users.c.id).scalar_subquery()
_TOKENS: Final = select(func.count()).where(api_tokens.c.user_id == users.c.id, api_tokens.c.revoked_at.is_(None)).scalar_subquery()
_USED_AT: Final = select(func.max(sessions.c.used_at)).where(sessions.c.user_id == users.c.id).scalar_subquery()
_KNOWN: Final = exists().where(user_identities.c.user_id == users.c.id)


def _people(now: datetime) -> Select[Any]:
    invited = exists().where(password_links.c.user_id == users.c.id, password_links.c.expires_at > now)
    own = (users.c.id, users.c.email, users.c.name, users.c.role, users.c.created_at, users.c.disabled_at)
    counted = (_GRANTS.label("grants"), _TOKENS.label("tokens"), _USED_AT.label("used_at"))
    can_sign_in = users.c.password_hash.is_not(None) | _KNOWN
    return select(*own, *counted, can_sign_in.label("can_sign_in"), invited.label("invited"))


def _person(row: Row[Any]) -> Person:
    user = User(row.id, row.email, row.name, row.role, row.created_at, row.disabled_at)
    state: State = "disabled" if row.disabled_at else "active" if row.can_sign_in else "invited" if row.invited else "no_way_in"
    return Person(user, state, row.grants, row.tokens, row.used_at)


async def list_people(tx: Read, words: str, *, now: datetime, after: str | None, limit: int) -> Sequence[Person]:
    """In order of their addresses, from behind the address `after`; those whose name or address holds the words. One query."""
    conditions: list[ColumnElement[bool]] = []
    if words:
        conditions.append(or_(users.c.name.icontains(words, autoescape=True), users.c.email.icontains(words, autoescape=True)))
    if after is not None:
        conditions.append(users.c.email > after)
    return [_person(row) for row in await tx.rows(_people(now).where(*conditions).order_by(users.c.email).limit(limit))]


async def get_person(tx: Read, user_id: str, *, now: datetime) -> Person:
    """Raises UserNotFound."""
    row = await tx.one_or_none(_people(now).where(users.c.id == user_id))
    if row is None:
        raise UserNotFound
    return _person(row)


async def is_last_admin(tx: Read, user_id: str) -> bool:
    """Whether nobody else may administer: what a page says beforehand, and an action decides under a lock."""
    admins = await tx.scalars(select(users.c.id).where(users.c.role == "admin", users.c.disabled_at.is_(None)).limit(2))
    return list(admins) == [user_id]
