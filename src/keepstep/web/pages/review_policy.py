"""Runs in progress in the review: what the chosen policy makes of them, and the part of their plan that a person has to look at.

Of each question that does not go along as it is there is one form, for all older versions. Inputs are named `route.<id>` and
`params.<id>.<input>`. Must not know how anything is published.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from keepstep.actions.context import Context
from keepstep.actions.policies import Policied, planned
from keepstep.core.conversion import Conversion
from keepstep.core.conversion_preview import Distinct
from keepstep.core.convert import rule_for
from keepstep.core.counts import distinct_values
from keepstep.core.migration_counts import groups_of
from keepstep.core.plan import Carry, Plan
from keepstep.core.plan_changes import Said
from keepstep.core.plan_making import holds_answers, is_possible
from keepstep.core.structure import Calculated, OptionSet, Structure
from keepstep.core.text import text_in
from keepstep.db.transaction import Read
from keepstep.queries.drafts import WizardDraft
from keepstep.queries.impact import stored_counts
from keepstep.queries.plans import Versions
from keepstep.web.pages.impact_parameters import Group, params_in
from keepstep.web.pages.impact_parameters import groups_of as inputs_of

ARCHIVE: Final = "archive"
_ROUTE: Final = "route."
_PARAMS: Final = "params."


@dataclass(frozen=True, slots=True)
class Row:
    """A question of older versions whose answers do not simply go along. `goes`: where they go now. `waiting`: runs that stay for it."""

    id: str
    label: str
    numbers: tuple[int, ...]
    selection_type: str
    goes: str
    targets: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    faults: tuple[str, ...]
    waiting: int
    losing: int


@dataclass(frozen=True, slots=True)
class PolicyView:
    """`runs`: (version, in progress, abandoned, in the trash). `outcomes` None: the plan has faults, or the policy has none."""

    policy: str
    runs: tuple[tuple[int, int, int, int], ...]
    rows: tuple[Row, ...]
    faults: tuple[str, ...]
    outcomes: Sequence[Mapping[str, Any]] | None
    moving: int
    staying: int
    on_conflict: str

    @property
    def has_plan(self) -> bool:
        return self.policy != "finish"


async def policy_view(ctx: Context, tx: Read, wizard_id: str, policy: Policied) -> PolicyView:
    """All that the review says of runs in progress. One statement at most besides those of the report."""
    runs = tuple((number, *_unsent(counts)) for number, counts in sorted(policy.runs.items()))
    if policy.plan is None:
        return PolicyView("finish", runs, (), (), None, 0, sum(each[1] + each[2] for each in runs), "stay")
    plan, versions = policy.plan, policy.versions
    rows = tuple([each async for each in _rows(ctx, tx, wizard_id, policy)])
    own = {each for row in rows for each in row.faults}
    others = tuple(fault.detail for fault in policy.faults if fault.detail not in own)
    groups = None if policy.tallies is None else [each for each in groups_of(policy.tallies) if each["runs"]]
    held = {"trashed", "erased"}
    staying = sum(each["runs"] - each["moves"] for each in groups or () if each["outcome"] not in held)
    assert plan.target in versions
    return PolicyView(policy.policy, runs, rows, others, groups, policy.moving, staying, plan.on_conflict)


def _unsent(counts: Any) -> tuple[int, int, int]:
    return counts.by_status.get("in_progress", 0), counts.by_status.get("abandoned", 0), counts.trashed


# --- the rows --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Open:
    """A question in one version on a way that is worth a look. `conversion` None: to the archive."""

    version_id: str
    number: int
    source: OptionSet
    structure: Structure
    goes: str
    conversion: Conversion | None


def _open_ways(plan: Plan, versions: Versions) -> dict[str, list[_Open]]:
    """By question, the newest version first."""
    target = versions[plan.target].structure
    found: dict[str, list[_Open]] = {}
    for version in sorted((versions[each] for each in plan.sources), key=lambda each: -each.number):
        for source in filter(_is_worth, version.structure.option_sets):
            route = plan.routes[version.id].get(source.id)
            place = target.option_set_by_id.get(route.to) if isinstance(route, Carry) else None
            conversion = None
            if place is not None and is_possible(source, place):
                conversion = rule_for(source, place, language=version.structure.default_language)
                if _is_plain(source, place, conversion, route):
                    continue
            goes = place.id if place is not None else ARCHIVE
            found.setdefault(source.id, []).append(_Open(version.id, version.number, source, version.structure, goes, conversion))
    return found


def _is_worth(option_set: OptionSet) -> bool:
    return holds_answers(option_set) and not isinstance(option_set, Calculated)


def _is_plain(source: OptionSet, place: OptionSet, conversion: Conversion, route: Any) -> bool:
    """The same kind of question in the same place, with every choice that it had."""
    if source.id != place.id or source.selection_type != place.selection_type or route.params:
        return False
    return not conversion.needs and {each.value for each in _choices(source)} <= {each.value for each in _choices(place)}


def _choices(option_set: OptionSet) -> Sequence[Any]:
    return getattr(option_set, "options", None) or ()


async def _rows(ctx: Context, tx: Read, wizard_id: str, policy: Policied) -> Any:
    plan, versions = policy.plan, policy.versions
    assert plan is not None
    ways = _open_ways(plan, versions)
    counts = await stored_counts(tx, wizard_id, sorted(ways), as_of=ctx.now) if ways else None
    target = versions[plan.target].structure
    for option_set_id, opened in ways.items():
        tallies = [] if counts is None else [each for each in counts.answers.get(option_set_id, ()) if each.status != "completed"]
        distinct = distinct_values(tallies)
        faults = tuple(dict.fromkeys(fault.detail for fault in policy.faults if option_set_id in fault.pointer.split("/")))
        if not distinct and not faults:
            # No run in progress has answered it.
            continue
        yield _row(opened, target, (policy, faults), [(value, other, count) for value, other, count in distinct])


def _row(opened: Sequence[_Open], target: Structure, of: tuple[Policied, tuple[str, ...]], distinct: Sequence[Distinct]) -> Row:
    first, (policy, faults) = opened[0], of
    assert policy.plan is not None
    route = policy.plan.routes[first.version_id].get(first.source.id)
    params = route.params if isinstance(route, Carry) else {}
    groups = tuple(_needed(inputs_of(first.conversion, params, distinct), first.conversion)) if first.conversion is not None else ()
    language = first.structure.default_language
    reasons = [] if policy.tallies is None else list(policy.tallies.reasons.items())
    own = [(outcome, runs) for (_, name, outcome, _), runs in reasons if name == first.source.id]
    return Row(
        id=first.source.id,
        label=text_in(first.source.name, language, language),
        numbers=tuple(sorted(each.number for each in opened)),
        selection_type=first.source.selection_type,
        goes=first.goes,
        targets=tuple(_targets(first.source, target)),
        groups=groups,
        faults=faults,
        waiting=sum(runs for outcome, runs in own if outcome in ("conflicts", "blocked")),
        losing=sum(runs for outcome, runs in own if outcome == "loses"),
    )


def _needed(groups: Sequence[Group], conversion: Conversion) -> Iterator[Group]:
    """Without the rows of choices that the target has as well: they become themselves."""
    same = {each.value for each in _choices(conversion.target)} & {each.value for each in _choices(conversion.source)}
    for group in groups:
        inputs = tuple(each for each in group.inputs if group.name != "options" or each.key not in same or each.value)
        if inputs:
            yield replace(group, inputs=inputs)


def _targets(source: OptionSet, target: Structure) -> Iterator[tuple[str, str]]:
    language = target.default_language
    for place in target.option_sets:
        if place.id == source.id or (not place.retired and is_possible(source, place)):
            yield place.id, text_in(place.name, language, language)


# --- read ------------------------------------------------------------------------------------------------------------


async def said_in(ctx: Context, tx: Read, state: WizardDraft, fields: Mapping[str, str]) -> Said:
    """What the form says of the plan, for each version in its own words."""
    policy = {"on_conflict": fields["on_conflict"]} if fields.get("on_conflict") in ("stay", "archive") else {}
    if not any(name.startswith(_ROUTE) for name in fields):
        return Said(policy=policy)
    made = await planned(ctx, tx, state.wizard, state.draft.structure)
    if made.plan is None:
        return Said(policy=policy)
    target = made.versions[made.plan.target].structure
    mapping: dict[str, dict[str, Any]] = {}
    for option_set_id, goes in _routes(fields):
        for version in (made.versions[each] for each in made.plan.sources):
            source = version.structure.option_set_by_id.get(option_set_id)
            if source is not None:
                mapping.setdefault(str(version.number), {})[option_set_id] = _route(source, goes, (version.structure, target), fields)
    return Said(mapping=mapping, policy=policy)


def _routes(fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, goes in fields.items():
        if name.startswith(_ROUTE):
            yield name.removeprefix(_ROUTE), goes


def _route(source: OptionSet, goes: str, between: tuple[Structure, Structure], fields: Mapping[str, str]) -> Any:
    structure, target = between
    place = target.option_set_by_id.get(goes)
    if place is None:
        return ARCHIVE if goes == ARCHIVE else {"to": goes}
    if source == place or not is_possible(source, place):
        return {"to": goes}
    prefix = f"{_PARAMS}{source.id}."
    own = {name.removeprefix(prefix): value for name, value in fields.items() if name.startswith(prefix)}
    params = params_in(own, rule_for(source, place, language=structure.default_language))
    return {"to": goes, "params": params}
