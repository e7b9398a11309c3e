"""Answers as the database grouped them, made tallies: texts that mean the same answer are one. Must not know where the rows come from.

A row is a line as COPY writes it: status, version number, `t` or `f` for live, option set id, the stored text of the answer, how many
runs hold it, and when the first and the last of them were changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final, cast

import msgspec

from keepstep.core import jsonvalue
from keepstep.core.counts import RunStatus, Tally

# What the core calls unanswered: null, an empty text, no choice. An "other" text alone is an answer.
_EMPTY: Final = frozenset({b"null", b'""', b"[]"})


class _Envelope(msgspec.Struct):
    value: msgspec.Raw = msgspec.Raw(b"null")
    other: str | msgspec.UnsetType | None = msgspec.UNSET


_envelope: Final = msgspec.json.Decoder(_Envelope)
_Answer = tuple[bytes, str | None]
"""The value as JSON text, and the "other" text."""
_Slot = tuple[bytes, bytes, bytes]
"""Status, version number, live: as the line has them."""
_Counted = tuple[int, bytes, bytes]
"""How many runs, and when the first and the last of them were changed."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """The lines so far: by option set and slot, each answer once."""

    option_sets: Sequence[str]
    held: dict[tuple[bytes, _Slot], dict[_Answer, _Counted]] = field(default_factory=dict)

    def take(self, lines: bytes) -> None:
        """Takes these whole lines, too. Some hundred kilobytes take milliseconds."""
        for line in lines.split(b"\n"):
            if line:
                self._take(*line.split(b"\t"))

    def _take(self, *fields: bytes) -> None:
        status, version_number, live, option_set_id, text, runs, oldest, newest = fields
        answer = _answer(text)
        if answer is None:
            return
        same = self.held.setdefault((option_set_id, (status, version_number, live)), {})
        counted, before = (int(runs), oldest, newest), same.get(answer)
        # Texts differ in who gave the answer, by which rule, and so on.
        same[answer] = counted if before is None else _joined(before, counted)

    def answers(self) -> Mapping[str, tuple[Tally, ...]]:
        """Every tally of each option set."""
        found: dict[str, list[Tally]] = {option_set_id: [] for option_set_id in self.option_sets}
        for (option_set_id, slot), held in self.held.items():
            found[option_set_id.decode()].extend(_tallies(slot, held.items()))
        return {option_set_id: tuple(tallies) for option_set_id, tallies in found.items()}


def _answer(text: bytes) -> _Answer | None:
    # The one character of JSON text that the text format of COPY escapes.
    envelope = _envelope.decode(text.replace(b"\\\\", b"\\") if b"\\" in text else text)
    value = bytes(envelope.value)
    if envelope.other is msgspec.UNSET:
        return None if value in _EMPTY else (value, None)
    return value, envelope.other


def _joined(one: _Counted, other: _Counted) -> _Counted:
    # As moments: of two texts of one second, the one with a fraction would come first.
    return one[0] + other[0], min(one[1], other[1], key=_moment), max(one[2], other[2], key=_moment)


def _tallies(slot: _Slot, held: Iterable[tuple[_Answer, _Counted]]) -> Iterable[Tally]:
    status, version_number, live = slot
    state, number, trashed = cast("RunStatus", status.decode()), int(version_number), live == b"f"
    for (value, other), (runs, oldest, newest) in held:
        yield Tally(jsonvalue.loads_stored(value), runs, state, number, other, trashed, _moment(oldest), _moment(newest))


@lru_cache(1_000)
def _moment(text: bytes) -> datetime:
    return datetime.fromisoformat(text.decode())
