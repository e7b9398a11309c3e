"""A wizard's versions as a history shows them: who published what and when, and how many runs are on each.

The structures themselves come from versions.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select

from keepstep.db.tables import users, wizard_versions
from keepstep.db.transaction import Read
from keepstep.errors import VersionNotFound
from keepstep.queries.accounts import creator_of_row
from keepstep.queries.wizards import RunCounts, Wizard, count_runs_by_version


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """One published version without its structure. `changes` as publishing counted them: structure and numbers, no answers."""

    id: str
    wizard_id: str
    number: int
    is_active: bool
    created_at: datetime
    created_by: Mapping[str, Any] | None
    change_summary: str | None
    based_on: int | None
    rolled_back_to: int | None
    in_progress_policy: str
    digest: bytes
    changes: Sequence[Any]
    runs: RunCounts


_COLUMNS: Final = (
    wizard_versions.c.id,
    wizard_versions.c.version_number,
    wizard_versions.c.created_at,
    wizard_versions.c.created_by,
    users.c.name.label("creator"),
    wizard_versions.c.change_summary,
    wizard_versions.c.based_on,
    wizard_versions.c.rolled_back_to,
    wizard_versions.c.in_progress_policy,
    wizard_versions.c.digest,
    wizard_versions.c.changes,
)
_FROM: Final = wizard_versions.outerjoin(users, users.c.id == wizard_versions.c.created_by)


async def list_versions(tx: Read, wizard: Wizard, *, limit: int, before: int | None = None) -> Sequence[VersionLine]:
    """Up to `limit` versions, the newest first, below the number `before`. Two queries."""
    wanted = [wizard_versions.c.origin_wizard_id == wizard.id]
    if before is not None:
        wanted.append(wizard_versions.c.version_number < before)
    statement = select(*_COLUMNS).select_from(_FROM).where(*wanted).order_by(wizard_versions.c.version_number.desc()).limit(limit)
    runs = await count_runs_by_version(tx, wizard.id)
    return [_line(row, wizard, runs) for row in await tx.rows(statement)]


async def get_version_line(tx: Read, wizard: Wizard, number: int) -> VersionLine:
    """One version by its number. Raises VersionNotFound."""
    wanted = (wizard_versions.c.origin_wizard_id == wizard.id, wizard_versions.c.version_number == number)
    row = await tx.one_or_none(select(*_COLUMNS).select_from(_FROM).where(*wanted)) if 0 < number < 2**31 else None
    if row is None:
        raise VersionNotFound(f"This wizard has no version {number}.")
    return _line(row, wizard, await count_runs_by_version(tx, wizard.id))


def _line(row: Row[Any], wizard: Wizard, runs: Mapping[str, RunCounts]) -> VersionLine:
    return VersionLine(
        id=row.id,
        wizard_id=wizard.id,
        number=row.version_number,
        is_active=row.id == wizard.active_version_id,
        created_at=row.created_at,
        created_by=creator_of_row(row),
        change_summary=row.change_summary,
        based_on=row.based_on,
        rolled_back_to=row.rolled_back_to,
        in_progress_policy=row.in_progress_policy,
        digest=bytes(row.digest),
        changes=row.changes,
        runs=runs.get(row.id, RunCounts()),
    )


async def last_version(tx: Read, wizard_id: str) -> tuple[int, datetime | None]:
    """The highest number given so far and when that version was published; 0 and None before the first."""
    own = wizard_versions.c
    newest = (
        select(own.version_number, own.created_at).where(own.origin_wizard_id == wizard_id).order_by(own.version_number.desc()).limit(1)
    )
    row = await tx.one_or_none(newest)
    return (0, None) if row is None else (row.version_number, row.created_at)
