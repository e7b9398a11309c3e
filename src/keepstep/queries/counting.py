"""Answers counted as they pass: lines of text in, tallies out, each kind of answer looked into once.

A line is `slot TAB updated_at TAB answers`: the slot is "status version live" (or "trashed"), the answers are the stored text of each
option set asked for, in order, between `SEPARATOR`s and empty where there is none. Lines come by slot, then oldest first.
Must not know where they come from.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Final, cast

import msgspec

from keepstep.core import jsonvalue
from keepstep.core.counts import RunStatus, RunTally, Tally

# No JSON text holds this character, it is always escaped there.
SEPARATOR: Final = "\x01"
_SEPARATOR: Final = SEPARATOR.encode()
# What the core calls unanswered: null, an empty text, no choice. An "other" text alone is an answer.
_EMPTY: Final = frozenset({b"null", b'""', b"[]"})


class _Envelope(msgspec.Struct):
    value: msgspec.Raw = msgspec.Raw(b"null")
    other: str | msgspec.UnsetType | None = msgspec.UNSET


_envelope: Final = msgspec.json.Decoder(_Envelope)
_Answer = tuple[bytes, str | None]
"""The value as JSON text, and the "other" text."""
_Slot = tuple[RunStatus, int, bool]
_Counted = tuple[_Answer, int, datetime, datetime]
"""An answer, how many runs hold it, and when the first and the last of them were changed."""


@dataclass(frozen=True, slots=True)
class _Column:
    """The stored texts of one option set in one slot: how often, when first and last, and what those mean that are answers."""

    runs: Counter[bytes] = field(default_factory=Counter)
    oldest: dict[bytes, bytes] = field(default_factory=dict)
    newest: dict[bytes, bytes] = field(default_factory=dict)
    answers: dict[bytes, _Answer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passing:
    """What passed so far. `groups`: for which sets of option sets the runs are counted that answered any of them."""

    option_sets: Sequence[str]
    groups: Collection[frozenset[str]] = ()
    columns: dict[bytes, tuple[_Column, ...]] = field(default_factory=dict)
    together: Counter[tuple[frozenset[str], bytes]] = field(default_factory=Counter)

    def count(self, lines: bytes) -> None:
        """Counts these whole lines, too. Some hundred kilobytes take milliseconds."""
        rows = (line.split(b"\t", 2) for line in lines.split(b"\n") if line)
        for slot, some in groupby(rows, key=itemgetter(0)):
            _, times, texts = zip(*some, strict=True)
            self._count_slot(slot, times, tuple(zip(*(text.split(_SEPARATOR) for text in texts), strict=True)))

    def _count_slot(self, slot: bytes, times: Sequence[bytes], given: Sequence[Sequence[bytes]]) -> None:
        columns = self.columns.setdefault(slot, tuple(_Column() for _ in self.option_sets))
        for column, texts in zip(columns, given, strict=True):
            _count_column(column, times, texts)
        places = {option_set_id: place for place, option_set_id in enumerate(self.option_sets)}
        for group in self.groups:
            left: Sequence[int] = range(len(times))
            for place in (places[option_set_id] for option_set_id in sorted(group)):
                answers, texts = columns[place].answers, given[place]
                left = [row for row in left if texts[row] not in answers]
                if not left:
                    break
            self.together[(group, slot)] += len(times) - len(left)

    def answers(self) -> Mapping[str, tuple[Tally, ...]]:
        """Every tally of each option set."""
        found: dict[str, list[Tally]] = {option_set_id: [] for option_set_id in self.option_sets}
        for slot, columns in self.columns.items():
            for option_set_id, column in zip(self.option_sets, columns, strict=True):
                found[option_set_id].extend(_merged(_parts(slot), _counted(column)))
        return {option_set_id: tuple(tallies) for option_set_id, tallies in found.items()}

    def runs_together(self) -> Mapping[frozenset[str], tuple[RunTally, ...]]:
        """The runs that answered any of each group."""
        counted = [(group, RunTally(runs, *_parts(slot))) for (group, slot), runs in self.together.items() if runs]
        return {group: tuple(tally for one, tally in counted if one == group) for group in self.groups}


def _count_column(column: _Column, times: Sequence[bytes], texts: Sequence[bytes]) -> None:
    # Everything that happens for each answer happens inside these calls; loops run over new texts alone.
    column.runs.update(texts)
    newest = dict(zip(texts, times, strict=True))
    column.newest.update(newest)
    # Of a set, because taking keys from keys looks at all that were ever seen.
    unseen = set(newest).difference(column.oldest)
    if unseen:
        first = dict(zip(reversed(texts), reversed(times), strict=True))
        column.oldest.update((text, first[text]) for text in unseen)
        # The one character of JSON text that the text format of COPY escapes.
        plain = ((text, text.replace(b"\\\\", b"\\")) for text in unseen if text)
        column.answers.update((text, answer) for text, json in plain if (answer := _answer(json)) is not None)


def _answer(text: bytes) -> _Answer | None:
    envelope = _envelope.decode(text)
    value = bytes(envelope.value)
    if envelope.other is msgspec.UNSET:
        return None if value in _EMPTY else (value, None)
    return value, envelope.other


def _counted(column: _Column) -> Iterator[_Counted]:
    for text, answer in column.answers.items():
        yield answer, column.runs[text], _moment(column.oldest[text]), _moment(column.newest[text])


def tallies_of(rows: Iterable[Any]) -> tuple[Tally, ...]:
    """The tallies of one option set, of rows `slot, given, runs, oldest, newest` that the database grouped by slot and text."""
    ordered = sorted(rows, key=attrgetter("slot"))
    return tuple(
        tally for slot, some in groupby(ordered, key=attrgetter("slot")) for tally in _merged(_parts(slot.encode()), _counted_rows(some))
    )


def _counted_rows(rows: Iterable[Any]) -> Iterator[_Counted]:
    for row in rows:
        answer = _answer(row.given.encode()) if row.given is not None else None
        if answer is not None:
            yield answer, row.runs, row.oldest, row.newest


def _merged(slot: _Slot, counted: Iterable[_Counted]) -> Iterator[Tally]:
    """Texts that differ only in who gave the answer, by which rule, and so on, are one."""
    same: dict[_Answer, _Counted] = {}
    for one in counted:
        other = same.get(one[0])
        same[one[0]] = one if other is None else (one[0], one[1] + other[1], min(one[2], other[2]), max(one[3], other[3]))
    status, version_number, trashed = slot
    for (value, text), runs, oldest, newest in same.values():
        yield Tally(jsonvalue.loads_stored(value), runs, status, version_number, text, trashed, oldest, newest)


def _parts(slot: bytes) -> _Slot:
    status, version_number, trashed = slot.decode().split(" ")
    return cast("RunStatus", status), int(version_number), trashed == "trashed"


@lru_cache(1_000)
def _moment(text: bytes) -> datetime:
    return datetime.fromisoformat(text.decode())
