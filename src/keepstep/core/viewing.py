"""A run as it would be in another version, to look at: by plans one behind the other, nothing stored, nothing guessed (semantics 23).

Where a move would leave the run alone because an answer needs a person, the view shows that answer as a conflict beside its original.
Must not know which plans there are, nor storage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from keepstep.core.archive import Parked, put
from keepstep.core.conversion import Conflict, Envelope
from keepstep.core.flow import is_answered
from keepstep.core.moving import Reason, Subject, decide
from keepstep.core.plan_making import holds_answers
from keepstep.core.structure import Structure
from keepstep.core.ways import Prepared

_OPEN: Final = frozenset({"conflicts", "blocked"})


@dataclass(frozen=True, slots=True)
class Held:
    """An answer without a rule into the target: why, and the envelope as it stood in the question `name` of the version `version_id`.

    `to` is the question that it was meant for when no rule was found.
    """

    conflict: Conflict
    to: str
    name: str
    envelope: Envelope
    version_id: str


@dataclass(frozen=True, slots=True)
class View:
    """`run` is the run in the target. `held`: by option set of the target, the answer that no rule converts, where none stands there.

    `origins`: by option set of the target, the questions of the run's own version that lead to it, in their order.
    """

    run: Subject
    held: Mapping[str, Held]
    origins: Mapping[str, tuple[str, ...]]

    def is_like(self, other: "View") -> bool:
        """Whether both give the same answers and the same conflicts."""
        return self.held.keys() == other.held.keys() and _answers(self.run) == _answers(other.run)


def _answers(run: Subject) -> dict[str, Any]:
    return {name: (each.get("value"), each.get("other")) for name, each in run.answers.items() if is_answered(each)}


def viewed(run: Subject, own: Structure, hops: Sequence[Prepared]) -> View:
    """The run by these plans, of which the first starts from its version, whose structure is `own`. Without any it is what it is."""
    # What was asked is a fact: a view asks nothing anew, whether the run is complete or not.
    view = View(replace(run, is_completed=True), {}, {each.id: (each.id,) for each in own.option_sets})
    for hop in hops:
        view = _one_further(view, hop)
    return replace(view, run=replace(view.run, is_completed=run.is_completed))


def _one_further(view: View, hop: Prepared) -> View:
    # Nobody is asked: a required answer that is not there is simply not there.
    hop = replace(hop, plan=hop.plan.model_copy(update={"on_need": "waive"}))
    decision = decide(view.run, hop)
    found = {reason.option_set_id: reason for reason in decision.reasons if reason.outcome in _OPEN}
    if found:
        decision = decide(view.run, hop, dict.fromkeys(found, "park"))
    assert decision.moved is not None  # every conflict is settled, and every need waived
    waived = {reason.option_set_id for reason in decision.reasons if reason.code == "required"}
    answers, archive = {name: each for name, each in decision.moved.answers.items() if name not in waived}, dict(decision.moved.archive)
    going_on = dict(_going_on(view, hop, answers))
    held = going_on | _newly_held(view, hop, (found, going_on), (answers, archive))
    for each in view.held.values():
        if not any(each is other for other in going_on.values()):
            put(archive, each.name, each.envelope, version_id=each.version_id, parked=Parked(each.conflict, each.to))
    return View(replace(decision.moved, answers=answers, archive=archive), held, _origins(view, hop))


def _going_on(view: View, hop: Prepared, answers: Mapping[str, Envelope]) -> Iterator[tuple[str, Held]]:
    """What an earlier hop found no rule for, with the place that its question goes to: one for each place that is empty."""
    places = {way.source.id: way.target.id for way in hop.ways[view.run.version_id] if way.target is not None}
    taken: set[str] = set()
    for name, each in view.held.items():
        place = places.get(name)
        if place is not None and place not in answers and place not in taken:
            taken.add(place)
            yield place, each


def _newly_held(
    view: View, hop: Prepared, known: tuple[Mapping[str, Reason], Mapping[str, Held]], moved: tuple[Mapping[str, Envelope], dict[str, Any]]
) -> dict[str, Held]:
    """The conflicts of this hop, out of the archive and to the places that they were meant for: one for each place that is empty."""
    (found, before), (answers, archive) = known, moved
    held: dict[str, Held] = {}
    for way in hop.ways[view.run.version_id]:
        reason, place = found.get(way.source.id), None if way.target is None else way.target.id
        if reason is None or place is None or place in answers or place in held or place in before:
            continue
        envelope = view.run.answers[way.source.id]
        conflict = Conflict(reason.code, reason.detail, envelope.get("value"))
        held[place] = Held(conflict, place, way.source.id, envelope, view.run.version_id)
        entry = archive.pop(way.source.id)
        if "earlier" in entry:
            archive[way.source.id] = entry["earlier"]
    return held


def _origins(view: View, hop: Prepared) -> dict[str, tuple[str, ...]]:
    # What only tells something has no way: it is the same thing where it has the same id.
    found = {each.id: view.origins[each.id] for each in hop.target.option_sets if not holds_answers(each) and each.id in view.origins}
    for way in hop.ways[view.run.version_id]:
        if way.target is not None:
            found[way.target.id] = (*found.get(way.target.id, ()), *view.origins.get(way.source.id, ()))
    return found
