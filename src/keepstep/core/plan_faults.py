"""Everything that is wrong with a plan, all at once. Must not know runs; the values that are stored are given where they matter."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from keepstep.core.clock import Clock
from keepstep.core.conversion import Conflict
from keepstep.core.convert import Stored, faults_in_parameters, rule_for, sample_conversions
from keepstep.core.issue import Issue, pointer
from keepstep.core.plan import RULE_SET, Carry, Constant, Default, Joined, Plan, Route, Union
from keepstep.core.plan_making import holds_answers, is_possible
from keepstep.core.selection import check_value
from keepstep.core.structure import Calculated, OptionSet, Structure

Faults = Iterator[Issue]
Used = Mapping[tuple[str, str], Sequence[Stored]]
"""Distinct stored answers by source version and option set."""

_TEXTS = ("text_input", "textarea")


def faults_in_plan(
    plan: Plan, structures: Mapping[str, Structure], target: Structure, clock: Clock, *, used: Used | None = None
) -> tuple[Issue, ...]:
    """Pointers are into the plan's JSON. `structures`: the versions of the wizard that the plan may name, by id."""
    check = _Check(plan, structures, target, clock, used or {})
    return (*check.sources(), *_of_fills(plan, target, clock), *_of_merges(plan, target))


@dataclass(frozen=True, slots=True)
class _Check:
    plan: Plan
    structures: Mapping[str, Structure]
    target: Structure
    clock: Clock
    used: Used

    def sources(self) -> Faults:
        plan = self.plan
        if plan.rule_set != RULE_SET:
            detail = "The plan was made for other rules of conversion. Make it anew and compare the preview."
            yield Issue("/rule_set", "rules-changed", detail)
        if not plan.sources:
            yield Issue("/sources", "missing", "Name at least one version that runs are moved from.")
        for index, version_id in enumerate(plan.sources):
            yield from self.source(version_id, pointer("sources", index))
        for version_id in sorted(plan.routes.keys() - set(plan.sources)):
            yield Issue(pointer("routes", version_id), "version-not-a-source", "The plan moves no runs of this version.")

    def source(self, version_id: str, at: str) -> Faults:
        if version_id not in self.structures:
            yield Issue(at, "version-unknown", "This wizard has no such version.")
        elif version_id == self.plan.target:
            yield Issue(at, "version-is-target", "Runs of the target version are there already.")
        else:
            yield from self.routes(version_id)

    def routes(self, version_id: str) -> Faults:
        source, routes = self.structures[version_id], self.plan.routes.get(version_id, {})
        for option_set_id in sorted(routes.keys() - source.option_set_by_id.keys()):
            yield Issue(pointer("routes", version_id, option_set_id), "question-unknown", "This version has no such question.")
        for option_set in filter(holds_answers, source.option_sets):
            at = pointer("routes", version_id, option_set.id)
            route = routes.get(option_set.id)
            if route is None:
                yield Issue(at, "route-missing", f"Say where the answers to “{option_set.key}” go: to a question, or to the archive.")
            elif isinstance(route, Carry):
                yield from self.route(route, option_set, source.default_language, at)
                yield from self.used_options(route, option_set, version_id, at)
        yield from self.shared_targets(version_id, routes)

    def shared_targets(self, version_id: str, routes: Mapping[str, Route]) -> Faults:
        leading = Counter(route.to for route in routes.values() if isinstance(route, Carry))
        for option_set_id, route in routes.items():
            if isinstance(route, Carry) and leading[route.to] > 1 and route.to not in self.plan.merges:
                at = pointer("routes", version_id, option_set_id, "to")
                yield Issue(at, "merge-rule-missing", "Several questions lead to this one: say by `merges` which answer counts.")

    def route(self, route: Carry, source: OptionSet, language: str, at: str) -> Faults:
        place = self.target.option_set_by_id.get(route.to)
        if place is None:
            yield Issue(f"{at}/to", "question-removed", "The target has no such question. Choose another, or the archive.")
            return
        if isinstance(source, Calculated) and is_possible(source, place):
            # What a calculation came to is carried as it was stored.
            return
        conversion = rule_for(source, place, language=language) if is_possible(source, place) else None
        if conversion is None or conversion.kind == "-":
            detail = f"Answers of a {source.selection_type} cannot become answers of a {place.selection_type}."
            yield Issue(f"{at}/to", "no-conversion", detail)
            return
        for fault in faults_in_parameters(conversion, route.params, self.clock) if route.params or conversion.needs else ():
            yield Issue(f"{at}/params{fault.pointer}", fault.code, fault.detail)

    def used_options(self, route: Carry, source: OptionSet, version_id: str, at: str) -> Faults:
        """Options that runs have chosen and that the target lacks; one that nobody chose is no fault."""
        place = self.target.option_set_by_id.get(route.to)
        stored = self.used.get((version_id, source.id), ())
        if place is None or not stored or not is_possible(source, place):
            return
        conversion = rule_for(source, place, language=self.structures[version_id].default_language)
        for sample in sample_conversions(stored, conversion, route.params, clock=self.clock):
            if isinstance(sample.result, Conflict) and sample.result.code == "option-missing":
                detail = f"{sample.stored.count} answers hold {sample.stored.value!r}, which the target lacks: say what it becomes."
                yield Issue(f"{at}/params/options", "option-unmapped", detail)


def _of_fills(plan: Plan, target: Structure, clock: Clock) -> Faults:
    for option_set_id, fill in plan.fills.items():
        at = pointer("fills", option_set_id)
        option_set = target.option_set_by_id.get(option_set_id)
        if option_set is None or not holds_answers(option_set):
            yield Issue(at, "question-unknown", "The target has no such question.")
        elif isinstance(fill, Default) and option_set.default is None:
            yield Issue(at, "default-missing", "This question has no default.")
        elif isinstance(fill, Constant):
            for issue in check_value(fill.value, option_set, clock):
                yield Issue(f"{at}/value{issue.pointer}", issue.code, issue.detail)


def _of_merges(plan: Plan, target: Structure) -> Faults:
    for option_set_id, rule in plan.merges.items():
        at = pointer("merges", option_set_id)
        option_set = target.option_set_by_id.get(option_set_id)
        if option_set is None:
            yield Issue(at, "question-unknown", "The target has no such question.")
        elif isinstance(rule, Union) and option_set.selection_type != "multiple_select":
            yield Issue(at, "merge-impossible", "Only a question of several choices takes the options of several answers.")
        elif isinstance(rule, Joined) and option_set.selection_type not in _TEXTS:
            yield Issue(at, "merge-impossible", "Only a text takes several texts joined.")
