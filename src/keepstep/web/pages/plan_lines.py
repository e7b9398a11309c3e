"""A plan as its page shows it: a line for each question of the sources, the questions that are new in the target, and what several lead to.

Versions in which a question is the same and goes the same way share a line. Works on values alone; must not know what is stored.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from keepstep.core.conversion import Conversion
from keepstep.core.convert import rule_for
from keepstep.core.issue import Issue
from keepstep.core.plan import Carry, Fill, Merge, Plan, Route
from keepstep.core.plan_making import holds_answers, is_possible
from keepstep.core.structure import OptionSet, Structure
from keepstep.core.text import text_in
from keepstep.queries.migration_reports import Report
from keepstep.queries.plans import Versions
from keepstep.queries.versions import Version

# Conversions that lose and refuse nothing by themselves: nobody has to look at them.
_HARMLESS: Final = ("·", "L", "S")


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingLine:
    """One question in these versions. `codes`: why runs do not simply carry, as the preview found; `waiting` is how many runs those are."""

    source: OptionSet
    versions: tuple[Version, ...]
    route: Route | None
    target: OptionSet | None
    conversion: Conversion | None
    faults: tuple[Issue, ...] = ()
    codes: frozenset[str] = frozenset()
    waiting: int = 0

    @property
    def key(self) -> str:
        """Names the line in addresses and forms."""
        return f"{self.source.id}:{'-'.join(str(version.number) for version in self.versions)}"

    @property
    def is_archived(self) -> bool:
        return self.route is not None and not isinstance(self.route, Carry)

    @property
    def params(self) -> Mapping[str, object]:
        return self.route.params if isinstance(self.route, Carry) else {}

    @property
    def is_elsewhere(self) -> bool:
        """Whether the answers go to another question than their own."""
        return self.target is not None and self.target.id != self.source.id

    @property
    def asks(self) -> bool:
        """Whether somebody should look at it."""
        kind = "·" if self.conversion is None else self.conversion.kind
        is_said = isinstance(self.route, Carry) and bool(self.route.params or self.route.keeps_meaning or self.route.as_legacy)
        return bool(self.faults or self.waiting or is_said) or self.is_elsewhere or kind not in _HARMLESS


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQuestion:
    """A question of the target that some source has no answer for, and what fills it."""

    option_set: OptionSet
    fill: Fill | None
    numbers: tuple[int, ...]
    lacking: int
    faults: tuple[Issue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A question of the target that several questions of one version lead to."""

    option_set: OptionSet
    sources: tuple[OptionSet, ...]
    merge: Merge | None
    faults: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a plan, by the place in it; `general` belongs to no line."""

    of_route: Mapping[tuple[str, str], tuple[Issue, ...]]
    of_target: Mapping[tuple[str, str], tuple[Issue, ...]]
    general: tuple[Issue, ...]


def faults_by_place(faults: Iterable[Issue]) -> Faults:
    routes: dict[tuple[str, str], tuple[Issue, ...]] = {}
    targets: dict[tuple[str, str], tuple[Issue, ...]] = {}
    general: list[Issue] = []
    for fault in faults:
        parts = fault.pointer.split("/")[1:]
        if parts[0] == "routes" and len(parts) > 2:
            routes[parts[1], parts[2]] = (*routes.get((parts[1], parts[2]), ()), fault)
        elif parts[0] in ("fills", "merges") and len(parts) > 1:
            targets[parts[0], parts[1]] = (*targets.get((parts[0], parts[1]), ()), fault)
        else:
            general.append(fault)
    return Faults(routes, targets, tuple(general))


def lines_of(plan: Plan, versions: Versions, faults: Faults, report: Report | None) -> list[MappingLine]:
    """In the order of the newest source, what only older ones have behind it."""
    target = versions[plan.target].structure
    lines: list[MappingLine] = []
    places: dict[str, list[int]] = {}
    for version in _newest_first(plan, versions):
        for option_set in filter(holds_answers, version.structure.option_sets):
            line = _line(plan, version, option_set, target)
            at = next((place for place in places.get(option_set.id, ()) if _alike(lines[place], line)), None)
            if at is None:
                places.setdefault(option_set.id, []).append(len(lines))
                lines.append(line)
            else:
                lines[at] = replace(lines[at], versions=(version, *lines[at].versions))
    return [_with_findings(line, faults, report) for line in lines]


def _newest_first(plan: Plan, versions: Versions) -> list[Version]:
    return sorted((versions[each] for each in plan.sources if each in versions), key=lambda version: -version.number)


def _line(plan: Plan, version: Version, option_set: OptionSet, target: Structure) -> MappingLine:
    route = plan.routes.get(version.id, {}).get(option_set.id)
    place = target.option_set_by_id.get(route.to) if isinstance(route, Carry) else None
    converts = place is not None and option_set != place and is_possible(option_set, place) and option_set.selection_type != "calculated"
    conversion = rule_for(option_set, place, language=version.structure.default_language) if converts and place is not None else None
    return MappingLine(source=option_set, versions=(version,), route=route, target=place, conversion=conversion)


def _alike(first: MappingLine, second: MappingLine) -> bool:
    return first.source == second.source and first.route == second.route


def _with_findings(line: MappingLine, faults: Faults, report: Report | None) -> MappingLine:
    found = [fault for version in line.versions for fault in faults.of_route.get((version.id, line.source.id), ())]
    unique = tuple({(fault.code, fault.detail): fault for fault in found}.values())
    if report is None:
        return replace(line, faults=unique)
    numbers = {version.number for version in line.versions}
    whys = [
        why
        for why in report.reasons
        if why.option_set is not None and why.option_set.id == line.source.id and why.version_number in numbers and why.code != "required"
    ]
    waiting = sum(why.runs for why in whys if why.outcome in ("conflicts", "blocked"))
    return replace(line, faults=unique, codes=frozenset(why.code for why in whys), waiting=waiting)


def new_questions(plan: Plan, versions: Versions, faults: Faults, report: Report | None) -> list[NewQuestion]:
    """In the order of the target."""
    reached = {
        version_id: {route.to for route in routes.values() if isinstance(route, Carry)} for version_id, routes in plan.routes.items()
    }
    found = []
    for option_set in filter(holds_answers, versions[plan.target].structure.option_sets):
        without = tuple(
            sorted(versions[each].number for each, places in reached.items() if option_set.id not in places and each in versions)
        )
        if without and option_set.selection_type != "calculated":
            lacking = _lacking(option_set, report)
            own = faults.of_target.get(("fills", option_set.id), ())
            fill = plan.fills.get(option_set.id)
            found.append(NewQuestion(option_set=option_set, fill=fill, numbers=without, lacking=lacking, faults=own))
    return found


def _lacking(option_set: OptionSet, report: Report | None) -> int:
    whys = report.reasons if report is not None else ()
    return sum(why.runs for why in whys if why.code == "required" and why.option_set is not None and why.option_set.id == option_set.id)


def meetings(plan: Plan, versions: Versions, faults: Faults) -> list[Meeting]:
    """Every question of the target that several of one version lead to, or that has a rule for that."""
    target = versions[plan.target].structure
    leading: dict[str, dict[str, OptionSet]] = {}
    for version_id, routes in plan.routes.items():
        for target_id, sources in _by_target(routes, versions[version_id].structure).items():
            if len(sources) > 1 or target_id in plan.merges:
                leading.setdefault(target_id, {}).update({source.id: source for source in sources})
    return [
        Meeting(
            option_set=target.option_set_by_id[target_id],
            sources=tuple(sources.values()),
            merge=plan.merges.get(target_id),
            faults=faults.of_target.get(("merges", target_id), ()),
        )
        for target_id, sources in leading.items()
        if target_id in target.option_set_by_id
    ]


def _by_target(routes: Mapping[str, Route], structure: Structure) -> Mapping[str, Sequence[OptionSet]]:
    found: dict[str, list[OptionSet]] = {}
    for option_set in structure.option_sets:
        route = routes.get(option_set.id)
        if isinstance(route, Carry):
            found.setdefault(route.to, []).append(option_set)
    return found


def targets_of(structure: Structure) -> Iterator[tuple[str, str, str]]:
    """Every question that answers can go to: its id, label and type."""
    language = structure.default_language
    for option_set in filter(holds_answers, structure.option_sets):
        yield option_set.id, text_in(option_set.name, language, language) or option_set.key, option_set.selection_type
