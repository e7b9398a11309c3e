"""Where every answer of a run went when it moved, found from the two revisions alone: it must not know how `decide` decides.

Per question of the source: answered = carried + converted + mapped + archived + conflicted. Anything else is lost, and a fault.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from keepstep.core.archive import envelope_in, origin_of
from keepstep.core.conversion import Converted, Envelope
from keepstep.core.convert import inverse
from keepstep.core.flow import is_answered
from keepstep.core.moving import Subject
from keepstep.core.ways import Prepared, Way

Fate = Literal["carried", "converted", "mapped", "archived", "conflicted", "unanswered", "lost"]
Table = Mapping[str, Counter[Fate]]
"""Fates by option set of the source version."""


def fates(before: Subject, after: Subject, prepared: Prepared) -> dict[str, Fate]:
    """What became of each question of the source, by its id."""
    return {way.source.id: _fate(way, before, after) for way in prepared.ways[before.version_id]}


def conservation(moves: Iterable[tuple[Subject, Subject]], prepared: Prepared) -> Table:
    """The sums over many runs: before and after."""
    table: dict[str, Counter[Fate]] = {}
    for before, after in moves:
        for option_set_id, fate in fates(before, after, prepared).items():
            table.setdefault(option_set_id, Counter())[fate] += 1
    return table


def _fate(way: Way, before: Subject, after: Subject) -> Fate:
    envelope = before.answers.get(way.source.id)
    if envelope is None or not is_answered(envelope):
        return "unanswered"
    kept = _kept(after.archive.get(way.source.id), envelope, before.version_id)
    placed = _placed(way, envelope, before, after)
    if placed is not None:
        return placed
    return kept or "lost"


def _kept(entry: Any, envelope: Envelope, version_id: str) -> Fate | None:
    """Whether the archive holds this very answer, put there from this version."""
    if not isinstance(entry, Mapping) or origin_of(entry) != version_id or envelope_in(entry) != dict(envelope):
        return None
    return "conflicted" if "conflict" in entry else "archived"


def _placed(way: Way, envelope: Envelope, before: Subject, after: Subject) -> Fate | None:
    """Whether the target holds the answer, or one from which it is read back exactly."""
    if way.target is None or way.target.id not in after.answers:
        return None
    there = after.answers[way.target.id]
    goes_elsewhere = way.target.id != way.source.id
    if _but_flags(there) == _but_flags(envelope):
        return "mapped" if goes_elsewhere else "carried"
    if way.conversion is None or not _leads_back(way, envelope, there, before, after):
        return None
    return "mapped" if goes_elsewhere or "options" in way.params or "values" in way.params else "converted"


def _but_flags(envelope: Envelope) -> dict[str, Any]:
    return {name: member for name, member in envelope.items() if name != "flags"}


def _leads_back(way: Way, envelope: Envelope, there: Envelope, before: Subject, after: Subject) -> bool:
    """The round trip: what is there, with the archive, is the answer that was. Either direction may be the one that made it."""
    assert way.conversion is not None
    entry = after.archive.get(way.source.id)
    archived = envelope_in(entry) if _kept(entry, envelope, before.version_id) and isinstance(entry, Mapping) else None
    back = inverse(there, way.conversion, way.params, clock=before.clock, archived=archived)
    if isinstance(back, Converted) and dict(back.envelope) == dict(envelope):
        return True
    return way.back is not None and way.former(envelope, before) == there


def is_conserved(table: Table) -> bool:
    """Whether nothing was lost."""
    return all(not counts["lost"] for counts in table.values())
