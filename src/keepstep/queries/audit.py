"""The record of what was done: who, what, on what, when, through which door. Never holds answers; what words it is told in, core says."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, cast, func, or_, select, tuple_

from keepstep.db.tables import audit_events, users, wizards
from keepstep.db.transaction import Read

# As many people as a menu can offer; beyond that somebody is found by the API.
MOST_PEOPLE: Final = 500


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One entry of the record; `actor` is None for the system, `actor_name` None for somebody who is no longer known."""

    id: str
    at: datetime
    actor: str | None
    actor_name: str | None
    channel: str
    action: str
    subject_kind: str
    subject_id: str | None
    wizard_id: str | None
    run_id: str | None
    details: Any


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An entry with the names of what it is about, as they are now; None where there is no such row any more."""

    event: AuditEvent
    user_name: str | None
    wizard_name: str | None
    wizard_slug: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries: of one wizard or run, by one person, of these kinds (`draft` for every `draft.…`), from and before a time."""

    wizard_id: str | None = None
    run_id: str | None = None
    actor: str | None = None
    kinds: Collection[str] = ()
    since: datetime | None = None
    until: datetime | None = None


Position = tuple[datetime, str]
"""The time and the id of an entry."""

_EVENT: Final = audit_events.c
_COLUMNS: Final[Sequence[ColumnElement[Any]]] = (
    _EVENT.id,
    _EVENT.at,
    _EVENT.actor,
    users.c.name.label("actor_name"),
    _EVENT.channel,
    _EVENT.action,
    _EVENT.subject_kind,
    _EVENT.subject_id,
    _EVENT.wizard_id,
    _EVENT.run_id,
    _EVENT.details,
)
# Left joins, everywhere: the record outlives whoever and whatever it speaks of.
_BY: Final = audit_events.outerjoin(users, users.c.id == _EVENT.actor)
_subject: Final = users.alias("subject")
# Of a token the person whose it is; of a user, a grant or a session its subject.
_ABOUT: Final = func.coalesce(_EVENT.details["user_id"].astext, _EVENT.subject_id)
_NAMED: Final = _BY.outerjoin(
    _subject, and_(_EVENT.subject_kind.in_(("user", "token", "grant", "session")), cast(_subject.c.id, Text) == _ABOUT)
).outerjoin(wizards, wizards.c.id == _EVENT.wizard_id)


async def list_audit_events(tx: Read, chosen: AuditFilter, *, before: Position | None, limit: int) -> Sequence[AuditEvent]:
    """Newest first, from behind the position `before`."""
    statement = select(*_COLUMNS).select_from(_BY).where(*_conditions(chosen, before))
    rows = await tx.rows(statement.order_by(_EVENT.at.desc(), _EVENT.id.desc()).limit(limit))
    return [AuditEvent(**row._asdict()) for row in rows]


async def list_audit_lines(tx: Read, chosen: AuditFilter, *, before: Position | None, limit: int) -> Sequence[AuditLine]:
    """As `list_audit_events`, with names. One query."""
    names = (_subject.c.name.label("user_name"), wizards.c.name.label("wizard_name"), wizards.c.slug.label("wizard_slug"))
    statement = select(*_COLUMNS, *names).select_from(_NAMED).where(*_conditions(chosen, before))
    rows = await tx.rows(statement.order_by(_EVENT.at.desc(), _EVENT.id.desc()).limit(limit))
    return [_line(row._asdict()) for row in rows]


def _line(row: dict[str, Any]) -> AuditLine:
    names = {name: row.pop(name) for name in ("user_name", "wizard_name", "wizard_slug")}
    return AuditLine(AuditEvent(**row), **names)


def _conditions(chosen: AuditFilter, before: Position | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if chosen.wizard_id is not None:
        found.append(_EVENT.wizard_id == chosen.wizard_id)
    if chosen.run_id is not None:
        found.append(_EVENT.run_id == chosen.run_id)
    if chosen.actor is not None:
        found.append(_EVENT.actor == chosen.actor)
    if chosen.kinds:
        found.append(or_(*(_EVENT.action.startswith(f"{kind}.", autoescape=True) for kind in sorted(chosen.kinds))))
    if chosen.since is not None:
        found.append(_EVENT.at >= chosen.since)
    if chosen.until is not None:
        found.append(_EVENT.at < chosen.until)
    if before is not None:
        found.append(tuple_(_EVENT.at, _EVENT.id) < before)
    return found


async def people_who_acted(tx: Read, wizard_id: str | None) -> Sequence[tuple[str, str]]:
    """Ids and names of those who did something to this wizard, by name; without one, of everybody, since that would look through it all."""
    statement = select(users.c.id, users.c.name).order_by(users.c.name, users.c.id).limit(MOST_PEOPLE)
    if wizard_id is not None:
        statement = statement.where(select(_EVENT.id).where(_EVENT.wizard_id == wizard_id, _EVENT.actor == users.c.id).exists())
    return [(row.id, row.name) for row in await tx.rows(statement)]
