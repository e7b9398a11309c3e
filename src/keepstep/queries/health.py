"""How an installation is: what the last integrity check found, and facts about the system. Must not know how they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select, text

from keepstep.db.tables import audit_events, users, wizard_runs, wizards
from keepstep.db.transaction import Read
from keepstep.db.upgrade import head

_COUNTS: Final = ("versions", "runs", "revisions", "altered", "answers", "unshown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One integrity check as the record holds it. `wizard_id` None: of everything. `is_whole` False: not every run was looked at.

    `altered`: findings of `verify`; `unshown`: answers, of all `answers`, that cannot be shown.
    """

    at: datetime
    by: str | None
    wizard_id: str | None
    is_whole: bool
    versions: int
    runs: int
    revisions: int
    altered: int
    answers: int
    unshown: int

    @property
    def passed(self) -> bool:
        return self.altered == 0 and self.unshown == 0


@dataclass(frozen=True, slots=True)
class Facts:
    """`schema` is what the database has, `expected_schema` what this release knows; `size` in bytes."""

    schema: str | None
    expected_schema: str
    server: str
    size: int
    counts: Mapping[str, int]


async def last_check(tx: Read) -> Check | None:
    """The last check of everything, to its end; None when there never was one."""
    whole = audit_events.c.details["whole"].as_boolean()
    return _check(await tx.one_or_none(_checks().where(audit_events.c.wizard_id.is_(None), whole).limit(1)))


async def list_checks(tx: Read, *, limit: int) -> list[Check]:
    """The last ones, of one wizard and unfinished ones included."""
    return [check for row in await tx.rows(_checks().limit(limit)) if (check := _check(row)) is not None]


def _checks() -> Select[Any]:
    event = audit_events.c
    joined = audit_events.outerjoin(users, users.c.id == event.actor)
    columns = (event.at, users.c.name, event.wizard_id, event.details)
    # The name of the action is written out, since the index is one of these events alone.
    return select(*columns).select_from(joined).where(text("action = 'integrity.checked'")).order_by(event.at.desc(), event.id.desc())


def _check(row: Any) -> Check | None:
    if row is None:
        return None
    counts = {name: int(row.details[name]) for name in _COUNTS}
    return Check(at=row.at, by=row.name, wizard_id=row.wizard_id, is_whole=bool(row.details["whole"]), **counts)


async def system_facts(tx: Read) -> Facts:
    """Two queries."""
    counted = {"users": users, "wizards": wizards, "runs": wizard_runs}
    counts = [select(func.count()).select_from(table).scalar_subquery().label(name) for name, table in counted.items()]
    size = func.pg_database_size(func.current_database()).label("size")
    row = await tx.row(select(func.current_setting("server_version").label("server"), size, *counts))
    schema = await tx.scalar(text("SELECT version_num FROM alembic_version"))
    return Facts(schema, head(), str(row.server).partition(" ")[0], row.size, {name: getattr(row, name) for name in counted})
