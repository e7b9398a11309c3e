"""Wizards as values: found by id or slug, listed, their runs counted. Must not know drafts: those are in drafts.py."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, Select, case, func, or_, select
from sqlalchemy.dialects.postgresql import BIGINT

from keepstep.core.permissions import Actor, Permission, require, visible_wizards
from keepstep.db.tables import RunStatus, audit_events, users, wizard_runs, wizard_versions, wizards
from keepstep.db.transaction import Read
from keepstep.errors import WizardNotFound, WizardRemoved
from keepstep.queries.accounts import creator_of_row

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STATUSES: Final[tuple[RunStatus, ...]] = ("completed", "in_progress", "abandoned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wizard:
    """A wizard without its draft. A removed one has no slug and no settings. `name` follows the draft's name in its default language."""

    id: str
    slug: str | None
    name: str
    draft_revision: int
    active_version_id: str | None
    active_version_number: int | None
    settings: Mapping[str, Any] | None
    created_at: datetime
    created_by: Mapping[str, Any] | None
    updated_at: datetime
    trashed_at: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Runs by status; those in the trash apart, whatever their status."""

    by_status: Mapping[RunStatus, int] = field(default_factory=dict)
    trashed: int = 0

    @property
    def total(self) -> int:
        """Every run, the trashed ones too: none of them may be touched unseen."""
        return sum(self.by_status.values()) + self.trashed

    def to_json(self) -> dict[str, int]:
        """`{completed, in_progress, abandoned, trashed}`."""
        return {status: self.by_status.get(status, 0) for status in _STATUSES} | {"trashed": self.trashed}


@dataclass(frozen=True, slots=True, kw_only=True)
class WizardFilter:
    """Which wizards a list shows. `words` is looked for in name and slug."""

    words: str | None = None
    trashed: bool = False


WIZARD_COLUMNS: Final = (
    wizards.c.id,
    wizards.c.slug,
    wizards.c.name,
    wizards.c.draft_revision,
    wizards.c.active_version_id,
    wizard_versions.c.version_number.label("active_version_number"),
    wizards.c.settings,
    wizards.c.created_at,
    wizards.c.created_by,
    users.c.name.label("creator"),
    wizards.c.updated_at,
    wizards.c.trashed_at,
    wizards.c.removed_at,
)
_FROM: Final = wizards.outerjoin(wizard_versions, wizard_versions.c.id == wizards.c.active_version_id).outerjoin(
    users, users.c.id == wizards.c.created_by
)


def is_id(ref: str) -> bool:
    """Whether a reference to a wizard is an id; else it is a slug, which never looks like one."""
    return _ID.fullmatch(ref) is not None


def referred(ref: str) -> ColumnElement[bool]:
    """The wizard that an id or a slug names, as a condition."""
    return wizards.c.id == ref if is_id(ref) else wizards.c.slug == ref


def wizard_select(*more: ColumnElement[Any]) -> Select[Any]:
    """Wizards with the number of their active version, and further columns."""
    return select(*WIZARD_COLUMNS, *more).select_from(_FROM)


def wizard_of_row(row: Row[Any]) -> Wizard:
    """The wizard in a row of `wizard_select`."""
    values = {name: getattr(row, name) for name in Wizard.__dataclass_fields__}
    return Wizard(**values | {"created_by": creator_of_row(row)})


async def find_wizard(tx: Read, ref: str) -> Wizard | None:
    """The wizard with this id or slug, removed ones by id as well."""
    row = None if "\x00" in ref else await tx.one_or_none(wizard_select().where(referred(ref)))
    return None if row is None else wizard_of_row(row)


async def get_wizard(tx: Read, actor: Actor, ref: str, permission: Permission = "submit", *, removed: bool = False) -> Wizard:
    """The wizard, for somebody who has this permission on it. Raises WizardNotFound, Forbidden, and WizardRemoved unless `removed`.

    A wizard in the trash is found: runs that were started on it may still be finished.
    """
    wizard = await find_wizard(tx, ref)
    return admitted(wizard, actor, ref, permission) if removed else not_removed(admitted(wizard, actor, ref, permission))


async def lock_wizard(tx: Read, ref: str, what: Literal["draft", "whole"]) -> None:
    """Until the end of the transaction nobody else changes the wizard: its draft, while runs go on starting; or the whole of it.

    A statement of its own, before the one that reads: one that locks and joins would, after waiting for a publish, show the
    new row of the wizard beside what its snapshot saw of the versions, where the new one is missing.
    """
    if "\x00" not in ref:
        await tx.one_or_none(select(wizards.c.id).where(referred(ref)).with_for_update(key_share=what == "draft"))


def admitted(wizard: Wizard | None, actor: Actor, ref: str, permission: Permission) -> Wizard:
    """The wizard that was looked for. Raises WizardNotFound, Forbidden."""
    if wizard is None:
        raise no_wizard(ref)
    require(actor, permission, wizard.id)
    return wizard


def no_wizard(ref: str) -> WizardNotFound:
    return WizardNotFound(f"There is no wizard {ref[:80]!r}.")


def not_removed(wizard: Wizard) -> Wizard:
    """Raises WizardRemoved."""
    if wizard.removed_at is not None:
        raise WizardRemoved(f"This wizard was removed on {wizard.removed_at:%Y-%m-%d}; its versions and runs stay readable by its id.")
    return wizard


async def list_wizards(tx: Read, actor: Actor, chosen: WizardFilter, *, limit: int, after: str | None) -> Sequence[Wizard]:
    """Up to `limit` wizards, the newest first, behind the one with the id `after`. Removed ones are in no list."""
    require(actor, "view")
    conditions: list[ColumnElement[bool]] = [
        wizards.c.removed_at.is_(None),
        wizards.c.trashed_at.is_not(None) if chosen.trashed else wizards.c.trashed_at.is_(None),
    ]
    visible = visible_wizards(actor)
    if visible is not None:
        conditions.append(wizards.c.id.in_(sorted(visible)))
    if chosen.words:
        conditions.append(
            or_(wizards.c.name.icontains(chosen.words, autoescape=True), wizards.c.slug.contains(chosen.words, autoescape=True))
        )
    if after is not None:
        conditions.append(wizards.c.id < after)
    rows = await tx.rows(wizard_select().where(*conditions).order_by(wizards.c.id.desc()).limit(limit))
    return [wizard_of_row(row) for row in rows]


async def count_runs(tx: Read, wizard_id: str) -> RunCounts:
    """The runs of one wizard, on whatever version."""
    return (await _counts(tx, wizard_runs.c.origin_wizard_id, wizard_runs.c.origin_wizard_id == wizard_id)).get(wizard_id, RunCounts())


async def count_runs_by_version(tx: Read, wizard_id: str) -> Mapping[str, RunCounts]:
    """The runs of one wizard by version id, in one query; versions without runs are not in it."""
    return await _counts(tx, wizard_runs.c.wizard_version_id, wizard_runs.c.origin_wizard_id == wizard_id)


async def count_runs_by_wizard(tx: Read, wizard_ids: Sequence[str]) -> Mapping[str, RunCounts]:
    """The runs of each of these wizards on whatever version, in one query; those without runs are not in it."""
    return await _counts(tx, wizard_runs.c.origin_wizard_id, wizard_runs.c.origin_wizard_id.in_(wizard_ids))


async def _counts(tx: Read, group: ColumnElement[str], condition: ColumnElement[bool]) -> dict[str, RunCounts]:
    state = case((wizard_runs.c.trashed_at.is_not(None), "trashed"), else_=wizard_runs.c.status)
    counted = select(group.label("owner"), state.label("state"), func.count(type_=BIGINT).label("runs")).where(condition)
    found: dict[str, dict[str, int]] = {}
    for row in await tx.rows(counted.group_by(group, state)):
        found.setdefault(row.owner, {})[row.state] = row.runs
    return {
        owner: RunCounts({status: states[status] for status in _STATUSES if status in states}, states.get("trashed", 0))
        for owner, states in found.items()
    }


async def taken_slugs(tx: Read, stem: str) -> frozenset[str]:
    """The slugs in use that begin with this one."""
    return frozenset(await tx.scalars(select(wizards.c.slug).where(wizards.c.slug.startswith(stem, autoescape=True))))


async def request_of_creation(tx: Read, wizard_id: str) -> str | None:
    """The keyed digest of the request that created the wizard, from its audit event."""
    wanted = (audit_events.c.wizard_id == wizard_id, audit_events.c.action == "wizard.created")
    details = await tx.scalar(select(audit_events.c.details).where(*wanted).order_by(audit_events.c.at).limit(1))
    return None if details is None else details.get("request")
