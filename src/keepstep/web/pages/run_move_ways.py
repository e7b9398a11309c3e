"""Where each answer of one run goes when it moves, and by which values: the forms of it, and what they say of the plan.

Must not know what somebody decided about single answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepstep.actions.single_moves import MoveReport
from keepstep.core.clock import Clock
from keepstep.core.conversion import Conversion
from keepstep.core.convert import Conflict, convert, faults_in_parameters, rule_for
from keepstep.core.issue import Issue
from keepstep.core.plan import Carry, Route
from keepstep.core.plan_changes import Said
from keepstep.core.plan_making import holds_answers, is_possible
from keepstep.core.selection import display
from keepstep.core.structure import Calculated, OptionSet, Structure
from keepstep.core.text import text_in, without_pipes
from keepstep.queries.runs import RunState
from keepstep.queries.versions import Version
from keepstep.web.pages.migration_words import RULE_WORDS
from keepstep.web.pages.plan_form import ARCHIVE, ROUTE, Parameters, parameters_of, said_in_form, targets_for
from keepstep.web.pages.plan_lines import Meeting, faults_by_place, meetings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWay:
    """The form of one question of the run; `is_open`: it waits for somebody to say something."""

    id: str
    label: str
    value: str
    types: tuple[str, str]
    rule: str
    goes: str
    targets: tuple[tuple[str, str, str], ...]
    parameters: Parameters
    faults: tuple[Issue, ...]
    keeps_meaning: bool | None
    as_legacy: bool | None
    is_open: bool


def ways_of(report: MoveReport, clock: Clock, posted: set[str]) -> list[RunWay]:
    """Of each answer that does not simply stay what it is, and of what a form that was `posted` showed."""
    state = report.state
    faults = faults_by_place(report.faults).of_route
    found = []
    for option_set in filter(holds_answers, state.version.structure.option_sets):
        own = tuple(each for each in faults.get((state.version.id, option_set.id), ()) if each.code != "merge-rule-missing")
        if isinstance(option_set, Calculated) or not (own or option_set.id in posted or _is_worth(option_set, report)):
            continue
        found.append(_way(option_set, report, clock, own))
    return found


def _is_worth(option_set: OptionSet, report: MoveReport) -> bool:
    """Whether the run has an answer to it that goes elsewhere, converts, or was held up."""
    envelope = report.state.answers.get(option_set.id)
    if envelope is None or (envelope.get("value") is None and not envelope.get("other")):
        return False
    place, conversion = _place(option_set, report)
    if place is None or place.id != option_set.id or conversion is None or conversion.kind != "·":
        return True
    return any(each.option_set_id == option_set.id for each in (report.decision.reasons if report.decision else ()))


def _place(option_set: OptionSet, report: MoveReport) -> tuple[OptionSet | None, Conversion | None]:
    route = report.plan.routes[report.state.version.id].get(option_set.id)
    place = report.target.structure.option_set_by_id.get(route.to) if isinstance(route, Carry) else None
    if place is None or not is_possible(option_set, place):
        return place, None
    return place, rule_for(option_set, place, language=report.state.version.structure.default_language)


def _way(option_set: OptionSet, report: MoveReport, clock: Clock, faults: tuple[Issue, ...]) -> RunWay:
    state, default = report.state, report.state.version.structure.default_language
    route = report.plan.routes[state.version.id].get(option_set.id)
    place, conversion = _place(option_set, report)
    codes = {
        each.code: each.outcome for each in (report.decision.reasons if report.decision else ()) if each.option_set_id == option_set.id
    }
    envelope: Mapping[str, Any] = state.answers.get(option_set.id) or {}
    is_held = any(outcome in ("conflicts", "blocked") for outcome in codes.values()) or _refused(envelope, conversion, route, clock)
    keeps, legacy = (route.keeps_meaning, route.as_legacy) if isinstance(route, Carry) else (False, False)
    distinct = [(envelope.get("value"), envelope.get("other"), 1)]
    return RunWay(
        id=option_set.id,
        label=without_pipes(text_in(option_set.name, default, default)) or option_set.key,
        value=display(envelope, option_set, state.language, default),
        types=(option_set.selection_type, "" if place is None else place.selection_type),
        rule="" if conversion is None else RULE_WORDS.get(conversion.rule, ""),
        goes=ARCHIVE if place is None else place.id,
        targets=tuple(targets_for(option_set, report.target.structure)),
        parameters=parameters_of(conversion, route, (distinct, clock), asks=bool(faults or is_held)),
        faults=faults,
        keeps_meaning=keeps if keeps or "meaning-undecided" in codes else None,
        as_legacy=legacy if legacy or (is_held and conversion is not None and conversion.kind == "·") else None,
        is_open=bool(faults) or is_held,
    )


def _refused(envelope: Mapping[str, Any], conversion: Conversion | None, route: Route | None, clock: Clock) -> bool:
    """Whether the answer does not convert so: found here, since nothing is decided while the plan is at fault elsewhere."""
    if conversion is None or not isinstance(route, Carry) or route.as_legacy or faults_in_parameters(conversion, route.params, clock):
        return False
    return isinstance(convert(envelope, conversion, route.params, clock=clock), Conflict)


def meetings_of(report: MoveReport) -> Sequence[Meeting]:
    """What several answers of the run lead to."""
    versions = {each.id: each for each in (report.state.version, report.target)}
    return meetings(report.plan, versions, faults_by_place(report.faults))


# --- read ------------------------------------------------------------------------------------------------------------


def said_of_run(state: RunState, target: Version | None, fields: Mapping[str, str]) -> Said:
    """What the form says; of questions that it did not show, what codes and labels suggest for conversions that need to be told."""
    if target is None:
        return Said()
    shown = {name.removeprefix(ROUTE) for name in fields if name.startswith(ROUTE)}
    said = said_in_form(fields, {state.version.number: state.version.structure}, target.structure)
    suggested = _suggested(state.version.structure, target.structure, shown)
    return Said(mapping=said.mapping, merges=said.merges, parameters=suggested)


def _suggested(source: Structure, target: Structure, shown: set[str]) -> dict[str, Any]:
    parameters = {}
    for option_set in filter(holds_answers, source.option_sets):
        place = target.option_set_by_id.get(option_set.id)
        if place is None or place == option_set or option_set.id in shown or not is_possible(option_set, place):
            continue
        conversion = rule_for(option_set, place, language=source.default_language)
        if conversion.kind != "-" and conversion.suggestions and (conversion.needs or "options" in conversion.suggestions):
            wanted = {name for group in conversion.needs for name in group} | {"options"}
            parameters[option_set.id] = {name: value for name, value in conversion.suggestions.items() if name in wanted}
    return {name: params for name, params in parameters.items() if params}


def faults_elsewhere(report: MoveReport, ways: Sequence[RunWay]) -> list[Issue]:
    """What is told neither at a question nor where several meet."""
    told = {fault.detail for way in ways for fault in way.faults}
    return [fault for fault in report.faults if fault.detail not in told and fault.code != "merge-rule-missing"]
