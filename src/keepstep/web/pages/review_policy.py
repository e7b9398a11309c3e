"""Runs in progress at a publish or a rollback: what a policy makes of them, and the part of their plan that a person has to look at.

Of each question that does not go along as it is there is one form, for all older versions (`plan_form`). Must not know how anything is
published.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from keepstep.actions.context import Context
from keepstep.actions.policies import Policied, Policy, planned
from keepstep.core.clock import Clock
from keepstep.core.conversion import Conversion
from keepstep.core.conversion_preview import Distinct
from keepstep.core.convert import rule_for
from keepstep.core.counts import distinct_values
from keepstep.core.issue import Issue
from keepstep.core.migration_counts import groups_of
from keepstep.core.plan import Carry, Plan
from keepstep.core.plan_changes import Said
from keepstep.core.plan_making import holds_answers, is_possible
from keepstep.core.structure import Calculated, OptionSet, Structure, choices_of
from keepstep.core.text import text_in, without_pipes
from keepstep.db.transaction import Read
from keepstep.errors import RequestInvalid
from keepstep.queries.impact import stored_counts
from keepstep.queries.plans import Versions
from keepstep.queries.wizards import Wizard
from keepstep.web.pages.build_view import TYPE_NAMES
from keepstep.web.pages.migration_words import RULE_WORDS, SAYINGS
from keepstep.web.pages.plan_form import ARCHIVE, FillForm, Parameters, fill_form, parameters_of, said_in_form, targets_for
from keepstep.web.pages.plan_lines import Meeting, faults_by_place, meetings, new_questions

_HELD: Final = ("conflicts", "blocked")
_MEETING: Final = "merge-rule-missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A question of older versions whose answers do not simply go along. `goes`: where they go now. `waiting`: runs that stay for it."""

    id: str
    label: str
    numbers: tuple[int, ...]
    types: tuple[str, str]
    rule: str
    goes: str
    targets: tuple[tuple[str, str, str], ...]
    parameters: Parameters
    faults: tuple[Issue, ...]
    waiting: int
    losing: int
    keeps_meaning: bool | None
    as_legacy: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """`runs`: (version, in progress, abandoned, in the trash). `outcomes` None: the plan has faults, or the policy has none."""

    policy: str
    runs: tuple[tuple[int, int, int, int], ...]
    rows: tuple[Row, ...] = ()
    meetings: tuple[Meeting, ...] = ()
    fresh: tuple[FillForm, ...] = ()
    faults: tuple[Issue, ...] = ()
    outcomes: Sequence[Mapping[str, Any]] | None = None
    moving: int = 0
    on_conflict: str = "stay"
    language: str = "en"

    @property
    def has_plan(self) -> bool:
        return self.policy != "finish"

    @property
    def type_names(self) -> Mapping[str, str]:
        return TYPE_NAMES

    @property
    def sayings(self) -> Mapping[str, str]:
        return SAYINGS

    def called(self, option_set: OptionSet) -> str:
        return without_pipes(text_in(option_set.name, self.language, self.language)) or option_set.key

    @property
    def running(self) -> int:
        return sum(running for _, running, _, _ in self.runs)

    @property
    def running_versions(self) -> int:
        return sum(1 for _, running, _, _ in self.runs if running)


async def policy_view(ctx: Context, tx: Read, wizard_id: str, policy: Policied) -> PolicyView:
    """All that is said of runs in progress. One statement at most besides those of the report."""
    runs = tuple((number, *_unsent(counts)) for number, counts in sorted(policy.runs.items()))
    if policy.plan is None:
        return PolicyView(policy="finish", runs=runs)
    plan, versions = policy.plan, policy.versions
    rows = tuple([each async for each in _rows(ctx, tx, wizard_id, policy)])
    placed = faults_by_place(policy.faults)
    leading = tuple(meetings(plan, versions, placed))
    language = versions[plan.target].structure.default_language
    fresh = tuple(fill_form(each, language) for each in new_questions(plan, versions, placed, None) if _can_be_filled(each.option_set))
    told = {fault.detail for faults in (*(each.faults for each in rows), *(each.faults for each in fresh)) for fault in faults}
    told |= {fault.detail for each in leading for fault in each.faults}
    return PolicyView(
        policy=policy.policy,
        runs=runs,
        rows=rows,
        meetings=leading,
        fresh=fresh,
        faults=tuple(fault for fault in policy.faults if fault.detail not in told and not (leading and fault.code == _MEETING)),
        outcomes=None if policy.tallies is None else [each for each in groups_of(policy.tallies) if each["runs"]],
        moving=policy.moving,
        on_conflict=plan.on_conflict,
        language=language,
    )


def _can_be_filled(option_set: OptionSet) -> bool:
    return not option_set.retired and option_set.selection_type != "file"


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


def _open_ways(plan: Plan, versions: Versions, held: set[str]) -> dict[str, list[_Open]]:
    """By question, the newest version first. `held`: questions that hold a run up."""
    target = versions[plan.target].structure
    found: dict[str, list[_Open]] = {}
    for version in sorted((versions[each] for each in plan.sources), key=lambda each: -each.number):
        for source in filter(_is_worth, version.structure.option_sets):
            route = plan.routes[version.id].get(source.id)
            place = target.option_set_by_id.get(route.to) if isinstance(route, Carry) else None
            conversion = None
            if place is not None and is_possible(source, place):
                conversion = rule_for(source, place, language=version.structure.default_language)
                if source.id not in held and _is_plain(source, place, conversion, route):
                    continue
            goes = place.id if place is not None else ARCHIVE
            found.setdefault(source.id, []).append(_Open(version.id, version.number, source, version.structure, goes, conversion))
    return found


def _is_worth(option_set: OptionSet) -> bool:
    return holds_answers(option_set) and not isinstance(option_set, Calculated)


def _is_plain(source: OptionSet, place: OptionSet, conversion: Conversion, route: Any) -> bool:
    """The same kind of question in the same place, with every choice that it had."""
    if source.id != place.id or source.selection_type != place.selection_type or route.params or route.keeps_meaning or route.as_legacy:
        return False
    return not conversion.needs and {each.value for each in choices_of(source)} <= {each.value for each in choices_of(place)}


async def _rows(ctx: Context, tx: Read, wizard_id: str, policy: Policied) -> AsyncIterator[Row]:
    plan, versions = policy.plan, policy.versions
    assert plan is not None
    reasons = [] if policy.tallies is None else policy.tallies.reasons
    ways = _open_ways(plan, versions, {name for _, name, outcome, _ in reasons if outcome in _HELD})
    counts = await stored_counts(tx, wizard_id, sorted(ways), as_of=ctx.now) if ways else None
    target = versions[plan.target].structure
    for option_set_id, opened in ways.items():
        tallies = [] if counts is None else [each for each in counts.answers.get(option_set_id, ()) if each.status != "completed"]
        distinct = distinct_values(tallies)
        # What several questions meet in is said at the meeting.
        own = (each for each in policy.faults if option_set_id in each.pointer.split("/") and each.code != _MEETING)
        faults = tuple({fault.detail: fault for fault in own}.values())
        if not distinct and not faults:
            # No run in progress has answered it.
            continue
        yield _row(opened, target, (policy, faults), (distinct, ctx.clock))


def _row(
    opened: Sequence[_Open], target: Structure, of: tuple[Policied, tuple[Issue, ...]], stored: tuple[Sequence[Distinct], Clock]
) -> Row:
    first, (policy, faults) = opened[0], of
    assert policy.plan is not None
    route = policy.plan.routes[first.version_id].get(first.source.id)
    language = first.structure.default_language
    reasons = [] if policy.tallies is None else list(policy.tallies.reasons.items())
    own = [(outcome, code, runs) for (_, name, outcome, code), runs in reasons if name == first.source.id]
    waiting = sum(runs for outcome, _, runs in own if outcome in _HELD)
    place = target.option_set_by_id.get(first.goes)
    keeps, legacy = (route.keeps_meaning, route.as_legacy) if isinstance(route, Carry) else (False, False)
    is_same = first.conversion is not None and first.conversion.kind == "·"
    return Row(
        id=first.source.id,
        label=text_in(first.source.name, language, language) or first.source.key,
        numbers=tuple(sorted(each.number for each in opened)),
        types=(first.source.selection_type, "" if place is None else place.selection_type),
        rule=RULE_WORDS.get(first.conversion.rule, "") if first.conversion is not None else "",
        goes=first.goes,
        targets=tuple(targets_for(first.source, target)),
        parameters=parameters_of(first.conversion, route, stored, asks=bool(faults or waiting)),
        faults=faults,
        waiting=waiting,
        losing=sum(runs for outcome, _, runs in own if outcome == "loses"),
        keeps_meaning=keeps if keeps or any(code == "meaning-undecided" for _, code, _ in own) else None,
        as_legacy=legacy if legacy or (is_same and waiting) else None,
    )


# --- read ------------------------------------------------------------------------------------------------------------


def policy_in(fields: Mapping[str, str]) -> Policy:
    """Which policy the form chose. Raises RequestInvalid."""
    given = fields.get("in_progress", "finish")
    found: Policy | None = next((policy for policy in get_args(Policy) if policy == given), None)
    if found is None:
        raise RequestInvalid("Say what becomes of runs in progress: finish, offer or migrate.")
    return found


async def said_in(ctx: Context, tx: Read, of: tuple[Wizard, Structure], fields: Mapping[str, str]) -> Said:
    """What the form says of the plan to this structure, for each version in its own words. Nothing where runs finish where they are."""
    if fields.get("in_progress", "finish") == "finish":
        return Said()
    policy = {"on_conflict": fields["on_conflict"]} if fields.get("on_conflict") in ("stay", "archive") else {}
    made = await planned(ctx, tx, *of)
    if made.plan is None:
        return Said(policy=policy)
    sources = {made.versions[each].number: made.versions[each].structure for each in made.plan.sources}
    said = said_in_form(fields, sources, made.versions[made.plan.target].structure)
    return Said(mapping=said.mapping, fills=said.fills, merges=said.merges, policy=policy)
