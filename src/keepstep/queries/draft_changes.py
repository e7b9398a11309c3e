"""How many changes each of many drafts holds against what is live, without reading every draft each time.

A draft of one revision and a version never change, so what was counted between them stays. Must not know pages.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from sqlalchemy import Row, Text, cast, func, select

from keepstep.core.diff import diff
from keepstep.core.structure import parse
from keepstep.db.tables import wizard_versions, wizards
from keepstep.db.transaction import Read
from keepstep.queries.wizards import Wizard

# Characters of drafts that one call reads: about a quarter of a second. What is beyond is counted by a call of its own.
READ_AT_ONCE: Final = 400_000
MAX_KEPT: Final = 10_000
_Key = tuple[str, int, str | None]


@dataclass(frozen=True, slots=True)
class DraftChanges:
    """`number` is None where it was not counted, and before the first version, when there is nothing to compare with."""

    differs: bool
    number: int | None = None


class _Counted:
    """The numbers by wizard, revision of its draft and active version, bounded; the oldest go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[_Key, int] = OrderedDict()
        self._lock = Lock()

    def get(self, key: _Key) -> int | None:
        with self._lock:
            return self._kept.get(key)

    def put(self, key: _Key, number: int) -> None:
        with self._lock:
            self._kept[key] = number
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


_COUNTED: Final = _Counted(MAX_KEPT)


async def count_draft_changes(tx: Read, found: Sequence[Wizard]) -> Mapping[str, DraftChanges]:
    """The draft of each of these wizards against its active version. Two queries at most; large drafts may stay uncounted.

    The smallest of those that are not known yet is counted whatever its size, so that calls go on until all are.
    """
    known = {wizard.id: _known(wizard) for wizard in found}
    open_ones = [wizard for wizard in found if known[wizard.id] is None]
    sizes = await _sizes_of_differing(tx, [wizard.id for wizard in open_ones]) if open_ones else {}
    for wizard in open_ones:
        if wizard.id not in sizes:
            _keep(wizard, 0)
            known[wizard.id] = DraftChanges(differs=False, number=0)
    counted = await _counted(tx, [wizard for wizard in open_ones if wizard.id in _within(sizes, READ_AT_ONCE)])
    return {wizard_id: each or DraftChanges(differs=True, number=counted.get(wizard_id)) for wizard_id, each in known.items()}


def _known(wizard: Wizard) -> DraftChanges | None:
    if wizard.active_version_id is None:
        return DraftChanges(differs=True)
    number = _COUNTED.get(_key(wizard))
    return None if number is None else DraftChanges(differs=number > 0, number=number)


def _key(wizard: Wizard) -> _Key:
    return wizard.id, wizard.draft_revision, wizard.active_version_id


def _keep(wizard: Wizard, number: int) -> None:
    _COUNTED.put(_key(wizard), number)


_JOINED: Final = wizards.join(wizard_versions, wizard_versions.c.id == wizards.c.active_version_id)


async def _sizes_of_differing(tx: Read, ids: Sequence[str]) -> Mapping[str, int]:
    """The characters of each draft that is another structure than the active version; compared in the database, since both are large."""
    differs = wizards.c.draft.is_distinct_from(wizard_versions.c.structure)
    size = func.octet_length(cast(wizards.c.draft, Text)).label("size")
    rows = await tx.rows(select(wizards.c.id, size).select_from(_JOINED).where(wizards.c.id.in_(ids), differs))
    return {row.id: row.size for row in rows}


def _within(sizes: Mapping[str, int], at_once: int) -> frozenset[str]:
    """The smallest ones that fit, and the very smallest in any case."""
    chosen: set[str] = set()
    left = at_once
    for wizard_id, size in sorted(sizes.items(), key=lambda item: item[1]):
        left -= size
        if left < 0 and chosen:
            break
        chosen.add(wizard_id)
    return frozenset(chosen)


async def _counted(tx: Read, chosen: Sequence[Wizard]) -> Mapping[str, int]:
    if not chosen:
        return {}
    wanted = select(wizards.c.id, wizards.c.draft, wizard_versions.c.structure).select_from(_JOINED)
    rows = await tx.rows(wanted.where(wizards.c.id.in_([wizard.id for wizard in chosen])))
    # In a thread: parsing a form of 500 questions takes 40 ms.
    numbers = await asyncio.to_thread(_compared, rows)
    for wizard in chosen:
        _keep(wizard, numbers[wizard.id])
    return numbers


def _compared(rows: Sequence[Row[Any]]) -> Mapping[str, int]:
    return {row.id: len(diff(parse(row.structure), parse(row.draft))) for row in rows}
