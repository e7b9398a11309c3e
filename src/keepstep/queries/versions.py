"""Published versions as values. A version never changes, so each is parsed once for a process and kept by id."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Final

from sqlalchemy import Row, bindparam, select

from keepstep.core.structure import Structure, parse
from keepstep.core.validate import prepare
from keepstep.db.tables import wizard_versions
from keepstep.db.transaction import Read
from keepstep.errors import VersionNotFound

# A parsed version of 600 questions takes about 3 MB; the versions that runs are on at one time are few.
MAX_CACHED: Final = 128


@dataclass(frozen=True, slots=True)
class Version:
    """A published structure. `digest` is the SHA-256 of the structure's canonical bytes."""

    id: str
    origin_wizard_id: str
    number: int
    structure: Structure
    digest: bytes
    created_at: datetime


class _Kept:
    """The least recently used parsed versions, bounded."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._versions: OrderedDict[str, Version] = OrderedDict()
        self._lock = Lock()

    def get(self, version_id: str) -> Version | None:
        with self._lock:
            version = self._versions.get(version_id)
            if version is not None:
                self._versions.move_to_end(version_id)
            return version

    def put(self, version: Version) -> None:
        with self._lock:
            self._versions[version.id] = version
            self._versions.move_to_end(version.id)
            while len(self._versions) > self._most:
                self._versions.popitem(last=False)


_kept: Final = _Kept(MAX_CACHED)
# Wizard id or slug → the active version when it was last looked up. At most as many as there are wizards with runs; the
# bound keeps a client that tries slugs from filling the memory.
MAX_REFS: Final = 1_024
_active: Final[dict[str, str]] = {}

_COLUMNS: Final = (
    wizard_versions.c.id,
    wizard_versions.c.origin_wizard_id,
    wizard_versions.c.version_number,
    wizard_versions.c.structure,
    wizard_versions.c.digest,
    wizard_versions.c.created_at,
)
_BY_ID: Final = select(*_COLUMNS).where(wizard_versions.c.id == bindparam("version_id"))
_ID_BY_NUMBER: Final = select(wizard_versions.c.id).where(
    wizard_versions.c.origin_wizard_id == bindparam("wizard_id"), wizard_versions.c.version_number == bindparam("number")
)


async def _version(row: Row[Any]) -> Version:
    """In a thread: the largest structure takes seconds to parse and compile, in which the server goes on answering others."""
    structure = await asyncio.to_thread(_prepared, row.structure)
    version = Version(row.id, row.origin_wizard_id, row.version_number, structure, bytes(row.digest), row.created_at)
    _kept.put(version)
    return version


def _prepared(data: Any) -> Structure:
    """The structure with all that the first run on it would otherwise wait for."""
    structure = parse(data)
    prepare(structure)
    return structure


def cached_version(version_id: str) -> Version | None:
    """The version if this process has it, without asking the database."""
    return _kept.get(version_id)


def remember_active(wizard_ref: str, version_id: str) -> None:
    """This version was active when the wizard was last looked up by this id or slug."""
    if len(_active) >= MAX_REFS:
        _active.clear()
    _active[wizard_ref] = version_id


def likely_active(wizard_ref: str) -> Version | None:
    """The version that was active when last looked up. Whoever relies on it has the database check that it still is."""
    return _kept.get(_active.get(wizard_ref, ""))


async def version_by_id(tx: Read, version_id: str) -> Version:
    """The version; it exists, since runs and wizards refer to it by a foreign key."""
    kept = _kept.get(version_id)
    if kept is None:
        row = await tx.row(_BY_ID, {"version_id": version_id})
        # Another request may have read it meanwhile.
        kept = _kept.get(version_id) or await _version(row)
    return kept


async def version_by_number(tx: Read, wizard_id: str, number: int) -> Version:
    """A wizard's version by its number. Raises VersionNotFound."""
    version_id = await tx.scalar(_ID_BY_NUMBER, {"wizard_id": wizard_id, "number": number}) if 0 < number < 2**31 else None
    if version_id is None:
        raise VersionNotFound(f"This wizard has no version {number}.")
    return await version_by_id(tx, version_id)


async def versions_of(tx: Read, wizard_id: str) -> tuple[Version, ...]:
    """Every version of a wizard, oldest first; two queries at most."""
    statement = select(wizard_versions.c.id).where(wizard_versions.c.origin_wizard_id == wizard_id)
    ids = await tx.scalars(statement.order_by(wizard_versions.c.version_number))
    missing = [version_id for version_id in ids if _kept.get(version_id) is None]
    fetched = await tx.rows(select(*_COLUMNS).where(wizard_versions.c.id.in_(missing))) if missing else ()
    known = {row.id: await _version(row) for row in fetched}
    return tuple([known.get(version_id) or await version_by_id(tx, version_id) for version_id in ids])
