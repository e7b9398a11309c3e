"""How a move is undone: what was not touched since goes back exactly, what was edited by the rule of the other direction.

Appends like everything else: what comes out is the next revision. Must not know storage.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from keepstep.core.archive import put
from keepstep.core.conversion import Conflict, Converted, Envelope
from keepstep.core.convert import inverse
from keepstep.core.flow import ASKED, evaluate, is_answered
from keepstep.core.moving import Reason, Subject
from keepstep.core.ways import Prepared, Way

Resolution = Literal["before", "archive"]
"""Of an edit that no rule brings back: the answer of before the move counts, and the edit goes to the archive; or the question is left
empty with the edit in the archive."""


@dataclass(frozen=True, slots=True)
class Undone:
    """`back` is the run in its former version; None while `conflicts` are open, for a run never goes back by half."""

    back: Subject | None
    conflicts: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """What a job did to a run: it was `before`, it became `after`."""

    before: Subject
    after: Subject


def undone(move: Move, head: Subject, prepared: Prepared, resolutions: Mapping[str, Resolution] | None = None) -> Undone:
    """The run as it goes back from `head`, its state now. `resolutions`: by option set of the former version."""
    if _same(head, move.after):
        return Undone(move.before, ())
    return _Return(move, head, prepared, resolutions or {}).result()


def _same(one: Subject, other: Subject) -> bool:
    return (one.version_id, one.answers, one.archive, one.is_completed) == (
        other.version_id,
        other.answers,
        other.archive,
        other.is_completed,
    )


class _Return:
    """One way back under way: it lives for one call and is never shared."""

    __slots__ = ("answers", "archive", "conflicts", "edited", "head", "move", "prepared", "resolutions")

    def __init__(self, move: Move, head: Subject, prepared: Prepared, resolutions: Mapping[str, Resolution]) -> None:
        self.move = move
        self.head = head
        self.prepared = prepared
        self.resolutions = resolutions
        self.edited = frozenset(_differing(move.after.answers, head.answers))
        self.answers: dict[str, Envelope] = dict(move.before.answers)
        self.archive: dict[str, Any] = dict(move.before.archive)
        self.conflicts: list[Reason] = []

    def result(self) -> Undone:
        ways = self.prepared.ways[self.move.before.version_id]
        leading: dict[str, list[Way]] = {}
        for way in ways:
            if way.target is not None:
                leading.setdefault(way.target.id, []).append(way)
        for target_id in sorted(self.edited):
            self.take_back(target_id, leading.get(target_id, []))
        self.keep_later_archive()
        return Undone(None, tuple(self.conflicts)) if self.conflicts else Undone(self.back(), ())

    def take_back(self, target_id: str, ways: list[Way]) -> None:
        """One answer that somebody gave or changed after the move."""
        envelope = self.head.answers.get(target_id, {"value": None})
        if not ways:
            self.put_away(target_id, envelope)
            return
        if len(ways) > 1:
            self.conflict(ways[0], envelope, Conflict("merge-edited", "It was made of several answers and changed since.", None))
            return
        result = self.inverted(ways[0], envelope)
        if isinstance(result, Conflict):
            self.conflict(ways[0], envelope, result)
        else:
            self.answers[ways[0].source.id] = result.envelope

    def inverted(self, way: Way, envelope: Envelope) -> Converted | Conflict:
        if way.conversion is None or not is_answered(envelope):
            return Converted(envelope)
        return inverse(envelope, way.conversion, way.params, clock=self.head.clock)

    def conflict(self, way: Way, envelope: Envelope, conflict: Conflict) -> None:
        resolution = self.resolutions.get(way.source.id)
        if resolution is None:
            self.conflicts.append(Reason(way.source.id, "conflicts", conflict.code, conflict.detail))
            return
        if resolution == "archive":
            self.answers[way.source.id] = {"value": None, "source": "conversion"}
        self.put_away(way.source.id, envelope)

    def put_away(self, option_set_id: str, envelope: Envelope) -> None:
        if is_answered(envelope):
            put(self.archive, option_set_id, envelope, version_id=self.head.version_id)

    def keep_later_archive(self) -> None:
        """What came to the archive after the move stays there."""
        for name in _differing(_without_marks(self.move.after.archive), _without_marks(self.head.archive)):
            if name in self.head.archive:
                self.archive[name] = self.head.archive[name]

    def back(self) -> Subject:
        source = self.prepared.structures[self.move.before.version_id]
        # Who completed it after the move has completed it, and an undo of the move does not take that back; but what the move itself
        # reopened is complete again.
        since = self.head.is_completed != self.move.after.is_completed
        is_completed = self.head.is_completed if since else self.move.before.is_completed
        back = replace(self.move.before, answers=self.answers, archive=self.archive, is_completed=is_completed, clock=self.head.clock)
        if is_completed and self.move.before.is_completed:
            given = {name for name in _differing(self.move.before.answers, self.answers) if is_answered(self.answers.get(name))}
            bits = zip(source.option_sets, back.asked, strict=True)
            return replace(back, asked="".join(ASKED if item.id in given else bit for item, bit in bits))
        return replace(back, asked=evaluate(source, self.answers, self.head.clock).asked)


def _without_marks(archive: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a person decided of a parked answer only takes its mark away; the answer itself came to the archive with the move."""
    return {name: {key: value for key, value in entry.items() if key != "conflict"} for name, entry in archive.items()}


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*one, *other)):
        if one.get(name) != other.get(name):
            yield name
