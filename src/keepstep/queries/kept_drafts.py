"""Parsed drafts that this process has seen, so that an edit of a large wizard does not read all of it anew.

A draft is kept under the stamp of the row that held it: its id, the transaction that wrote it and its place on disk. No two
versions of a row share both, and a row that was rolled back is never seen, so whoever finds the stamp has exactly that draft.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from sqlalchemy import ColumnElement, literal_column

from keepstep.core.edits import Draft

# A parsed draft of 600 questions takes about 3 MB; few wizards are under construction at one time.
MAX_KEPT: Final = 32
STAMP: Final[ColumnElement[Any]] = literal_column("concat_ws(' ', wizards.id, wizards.xmin, wizards.ctid)")


@dataclass(frozen=True, slots=True)
class Kept:
    stamp: str
    draft: Draft


class _Drafts:
    """The least recently used drafts by the id or slug that they were asked for, bounded."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = Lock()

    def get(self, ref: str) -> Kept | None:
        with self._lock:
            kept = self._kept.get(ref)
            if kept is not None:
                self._kept.move_to_end(ref)
            return kept

    def put(self, ref: str, kept: Kept) -> None:
        with self._lock:
            self._kept[ref] = kept
            self._kept.move_to_end(ref)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def exchange(self, old: Draft, new: Draft) -> None:
        """The same draft in other objects: `new` from now on wherever `old` is kept."""
        with self._lock:
            for ref, kept in self._kept.items():
                if kept.draft is old:
                    self._kept[ref] = Kept(kept.stamp, new)


KEPT: Final = _Drafts(MAX_KEPT)
