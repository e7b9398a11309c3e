"""A plan made ready for runs: for each question of a source version its way, with everything that does not depend on a run worked out.

Must not know what becomes of a run: that is `moving`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from keepstep.core.archive import envelope_in, origin_of
from keepstep.core.clock import Clock
from keepstep.core.conversion import NOTHING, Conflict, Conversion, Converted, Envelope, Params
from keepstep.core.convert import convert, former_exactly, rule_for
from keepstep.core.diff import diff
from keepstep.core.flow import Answers, is_answered
from keepstep.core.plan import Carry, Plan, Route
from keepstep.core.plan_making import holds_answers
from keepstep.core.selection import check_value
from keepstep.core.severity import O6, Q17, rule_of
from keepstep.core.structure import Calculated, OptionSet, Structure

# With one of these a person says what a value becomes; the others only say how it is read or written.
_TABLES: Final = frozenset({"options", "others", "values", "pick", "derive", "buckets"})
# An answer to a choice as most are: nothing of its own beside it.
_ALONE: Final = frozenset({"value", "source"})
_MOST_REMEMBERED: Final = 5_000
_MEANING: Final[Mapping[str, str]] = {
    O6.code: "Labels were exchanged between options: say whether the choices keep their meaning, or which option becomes which.",
    Q17.code: "The unit changed: say that the numbers keep their meaning, or let these answers stay or go to the archive.",
}


class Carried(Protocol):
    """What a way looks at in a run."""

    @property
    def answers(self) -> Answers: ...
    @property
    def archive(self) -> Mapping[str, object]: ...
    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Of one question of a source version. `target` None: to the archive. `conversion` None: the answer itself, whatever it is.

    `undecided` says what a person has to decide first; "" for nothing. `back` is the conversion that answers of the target's
    type once took to become what the source holds: its own results go back exactly.
    """

    source: OptionSet
    position: int
    target: OptionSet | None = None
    conversion: Conversion | None = None
    back: Conversion | None = None
    params: Params
    as_legacy: bool = False
    undecided: str = ""
    remembered: dict[tuple[str, str], Converted | Conflict] = field(default_factory=dict, compare=False, repr=False)

    def converted(self, envelope: Envelope, clock: Clock) -> Converted | Conflict:
        """As `convert`. What became of an option or a short text is remembered: a job asks it of a hundred thousand runs, and of many
        columns there are a few hundred different answers.
        """
        assert self.conversion is not None
        value = envelope.get("value")
        if type(value) is not str or envelope.keys() != _ALONE or not self.conversion.is_timeless:
            return convert(envelope, self.conversion, self.params, clock=clock)
        place = (value, str(envelope["source"]))
        known = self.remembered.get(place)
        if known is None:
            known = convert(envelope, self.conversion, self.params, clock=clock)
            if len(self.remembered) < _MOST_REMEMBERED:
                self.remembered[place] = known
        return known

    def former(self, envelope: Envelope, run: Carried) -> Envelope | None:
        """The answer that a conversion in the other direction made this one of, where it still fits; else None."""
        if self.back is None or self.params.keys() & _TABLES or envelope.get("rule") != self.back.rule_id:
            return None
        entry = run.archive.get(self.back.source.id)
        archived = envelope_in(entry) if isinstance(entry, Mapping) else None
        found = former_exactly(envelope, self.back, archived)
        assert self.target is not None
        fits = found is not None and not check_value(found.get("value"), self.target, run.clock)
        return found if fits else None


@dataclass(frozen=True, slots=True)
class Prepared:
    """`ways` and `fresh` by source version: its questions, and the target's questions that none of them leads to.

    `straight` are those ways on which an answer goes as it is, alone, as (source, target, position); `turning` the others: most questions
    of most plans go straight, and a job asks for each of them in each run. `told`: what only tells something and is there on both sides, as
    (target, position): it takes no answer, and was shown or not. `requires`: whether the target requires any answer at all.
    """

    plan: Plan
    target: Structure
    structures: Mapping[str, Structure]
    ways: Mapping[str, tuple[Way, ...]]
    fresh: Mapping[str, tuple[OptionSet, ...]]
    straight: Mapping[str, tuple[tuple[str, str, int], ...]]
    turning: Mapping[str, tuple[Way, ...]]
    told: Mapping[str, tuple[tuple[str, int], ...]]
    known: Mapping[str, frozenset[str]]
    requires: bool

    def returned(self, option_set: OptionSet, run: Carried) -> Envelope | None:
        """What an earlier move of this run put into the archive for this very question, where it fits without a parameter."""
        entry = run.archive.get(option_set.id)
        if not isinstance(entry, Mapping):
            return None
        structure = self.structures.get(origin_of(entry) or "")
        former = structure.option_set_by_id.get(option_set.id) if structure is not None else None
        if structure is None or former is None or isinstance(former, Calculated) != isinstance(option_set, Calculated):
            return None
        conversion = rule_for(former, option_set, language=structure.default_language)
        result = convert(envelope_in(entry), conversion, clock=run.clock)
        return result.envelope if isinstance(result, Converted) and is_answered(result.envelope) else None


def prepared(plan: Plan, structures: Mapping[str, Structure], target: Structure) -> Prepared:
    """The plan, ready for any number of runs; it has passed `faults_in_plan`.

    `structures`: every version, by id, in which an answer of these runs may have stood: the sources, and others for their archives.
    """
    ways = {version_id: tuple(_ways(plan.routes[version_id], structures[version_id], target)) for version_id in plan.sources}
    reached = {version_id: {way.target.id for way in each if way.target is not None} for version_id, each in ways.items()}
    fresh = {
        version_id: tuple(item for item in target.option_sets if holds_answers(item) and item.id not in reached[version_id])
        for version_id in plan.sources
    }
    straight = {version_id: tuple(_straight(each, plan)) for version_id, each in ways.items()}
    led = {version_id: {source_id for source_id, *_ in each} for version_id, each in straight.items()}
    return Prepared(
        plan,
        target,
        structures,
        ways,
        fresh,
        straight=straight,
        turning={version_id: tuple(way for way in each if way.source.id not in led[version_id]) for version_id, each in ways.items()},
        told={version_id: tuple(_told(structures[version_id], target)) for version_id in plan.sources},
        known={version_id: frozenset(way.source.id for way in each) for version_id, each in ways.items()},
        requires=any(item.is_required for item in target.option_sets),
    )


def _straight(ways: tuple[Way, ...], plan: Plan) -> Iterator[tuple[str, str, int]]:
    leading = Counter(way.target.id for way in ways if way.target is not None)
    for way in ways:
        if way.target is not None and way.conversion is None and leading[way.target.id] == 1 and way.target.id not in plan.merges:
            yield way.source.id, way.target.id, way.position


def _told(source: Structure, target: Structure) -> Iterator[tuple[str, int]]:
    for position, option_set in enumerate(source.option_sets):
        other = target.option_set_by_id.get(option_set.id)
        if other is not None and not holds_answers(option_set) and not holds_answers(other):
            yield other.id, position


def _ways(routes: Mapping[str, Route], source: Structure, target: Structure) -> Iterator[Way]:
    meaning = _undecided(source, target)
    for position, option_set in enumerate(source.option_sets):
        if not holds_answers(option_set):
            continue
        route = routes[option_set.id]
        if isinstance(route, Carry):
            yield _carrying(option_set, position, route, (source, target), meaning.get(option_set.id, ""))
        else:
            yield Way(source=option_set, position=position, params=NOTHING)


def _carrying(option_set: OptionSet, position: int, route: Carry, between: tuple[Structure, Structure], meaning: str) -> Way:
    source, target = between
    place = target.option_set_by_id[route.to]
    is_itself = option_set == place or isinstance(option_set, Calculated)
    is_open = meaning and place.id == option_set.id and not route.keeps_meaning and not route.params
    return Way(
        source=option_set,
        position=position,
        target=place,
        conversion=None if is_itself else rule_for(option_set, place, language=source.default_language),
        back=None if is_itself else rule_for(place, option_set, language=target.default_language),
        params=route.params,
        as_legacy=route.as_legacy,
        undecided=meaning if is_open else "",
    )


def _undecided(source: Structure, target: Structure) -> Mapping[str, str]:
    """By option set: what changed in such a way that the same value may mean another thing."""
    found: dict[str, str] = {}
    for change in diff(source, target):
        code = rule_of(change, source, target).code
        if code in _MEANING:
            found[getattr(change, "option_set_id", "")] = _MEANING[code]
    return found
