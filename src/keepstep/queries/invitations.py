"""Who is invited to begin a wizard, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Row, func, or_, select

from keepstep.db.tables import invitations, wizard_runs, wizards
from keepstep.db.transaction import Read
from keepstep.errors import InvitationNotFound

Status = Literal["not_used", "started", "completed", "revoked"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One invitation. `linked_at`: when its present link was made, None without one; `at`: when it came to its status."""

    id: str
    respondent: str
    note: str
    status: Status
    at: datetime
    created_at: datetime
    linked_at: datetime | None
    used_at: datetime | None
    completed_at: datetime | None
    revoked_at: datetime | None
    run_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationFilter:
    """Which invitations a list shows. `words` is looked for in respondent and note."""

    status: Status | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class InvitationCounts:
    """How many invitations there are by status; `without_link` of those that are not used have no link yet."""

    not_used: int = 0
    started: int = 0
    completed: int = 0
    revoked: int = 0
    without_link: int = 0

    @property
    def total(self) -> int:
        return self.not_used + self.started + self.completed + self.revoked

    def to_json(self) -> dict[str, int]:
        """`{total, not_used, started, completed, revoked, without_link}`."""
        return {"total": self.total} | {name: getattr(self, name) for name in (*STATUSES, "without_link")}


_OWN: Final = invitations.c
# A run keeps its row for ever, so a used invitation always finds it.
_FROM: Final = invitations.outerjoin(wizard_runs, wizard_runs.c.id == _OWN.run_id)
_COLUMNS: Final = (
    _OWN.id,
    _OWN.respondent,
    _OWN.note,
    _OWN.created_at,
    _OWN.linked_at,
    _OWN.used_at,
    _OWN.revoked_at,
    _OWN.run_id,
    wizard_runs.c.completed_at,
    wizard_runs.c.status.label("run_status"),
)
_IS_COMPLETED: Final = wizard_runs.c.status == "completed"
_IS: Final[dict[Status, Sequence[ColumnElement[bool]]]] = {
    "not_used": (_OWN.used_at.is_(None), _OWN.revoked_at.is_(None)),
    "started": (_OWN.used_at.is_not(None), or_(_OWN.run_id.is_(None), ~_IS_COMPLETED)),
    "completed": (_OWN.used_at.is_not(None), _IS_COMPLETED),
    "revoked": (_OWN.revoked_at.is_not(None),),
}


async def list_invitations(
    tx: Read, wizard_id: str, chosen: InvitationFilter, *, limit: int, after: str | None = None
) -> Sequence[Invitation]:
    """Up to `limit` invitations, the newest first, behind the one with the id `after`."""
    conditions: list[ColumnElement[bool]] = [_OWN.wizard_id == wizard_id]
    if chosen.status is not None:
        conditions += _IS[chosen.status]
    if chosen.words:
        words = chosen.words
        conditions.append(or_(_OWN.respondent.icontains(words, autoescape=True), _OWN.note.icontains(words, autoescape=True)))
    if after is not None:
        conditions.append(_OWN.id < after)
    rows = await tx.rows(select(*_COLUMNS).select_from(_FROM).where(*conditions).order_by(_OWN.id.desc()).limit(limit))
    return [_invitation(row) for row in rows]


async def get_invitation(tx: Read, wizard_id: str, invitation_id: str) -> Invitation:
    """Raises InvitationNotFound."""
    mine = (_OWN.wizard_id == wizard_id, _OWN.id == invitation_id)
    row = await tx.one_or_none(select(*_COLUMNS).select_from(_FROM).where(*mine))
    if row is None:
        raise InvitationNotFound
    return _invitation(row)


async def invitations_of(tx: Read, respondent: str) -> Sequence[tuple[str, Invitation]]:
    """Every invitation of exactly this respondent, in whatever wizard: the wizard's id and the invitation, the oldest first."""
    columns = (*_COLUMNS, _OWN.wizard_id)
    rows = await tx.rows(select(*columns).select_from(_FROM).where(_OWN.respondent == respondent).order_by(_OWN.id))
    return [(row.wizard_id, _invitation(row)) for row in rows]


async def count_invitations(tx: Read, wizard_id: str) -> InvitationCounts:
    """All of them by status, in one statement."""
    each = {name: func.count().filter(*conditions).label(name) for name, conditions in _IS.items()}
    each["without_link"] = func.count().filter(*_IS["not_used"], _OWN.digest.is_(None)).label("without_link")  # type: ignore[index]
    row = await tx.row(select(*each.values()).select_from(_FROM).where(_OWN.wizard_id == wizard_id))
    return InvitationCounts(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


async def invited_to(tx: Read, digest: bytes) -> str | None:
    """The slug of the wizard that the invitation with this digest opens; None for an unknown or revoked one, or a wizard that is gone."""
    holds = (_OWN.digest == digest, _OWN.revoked_at.is_(None), wizards.c.removed_at.is_(None))
    slug: str | None = await tx.scalar(select(wizards.c.slug).join_from(invitations, wizards).where(*holds))
    return slug


def _invitation(row: Row[Any]) -> Invitation:
    completed = row.completed_at if row.run_status == "completed" else None
    status: Status
    if row.revoked_at is not None:
        status, at = "revoked", row.revoked_at
    elif completed is not None:
        status, at = "completed", completed
    elif row.used_at is not None:
        status, at = "started", row.used_at
    else:
        status, at = "not_used", row.created_at
    values = {
        name: getattr(row, name) for name in ("id", "respondent", "note", "created_at", "linked_at", "used_at", "revoked_at", "run_id")
    }
    return Invitation(**values, completed_at=completed, status=status, at=at)
