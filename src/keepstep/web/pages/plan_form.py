"""A plan in one form for many questions: how its inputs are named, and what was sent as what is said of the plan.

Of a question of the sources: `route.<id>`, `was.<id>` (where its answers went when the form was shown), `params.<id>.<input>`,
`keeps.<id>`, `legacy.<id>`. Of one of the target: `merge.<id>`, `sign.<id>`, `fill.<id>`, and `q-<id>`, the answer for every run. Must not
know storage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request

from keepstep.core.clock import Clock
from keepstep.core.conversion import Conversion, Params
from keepstep.core.conversion_preview import Distinct
from keepstep.core.convert import rule_for
from keepstep.core.convert_proposals import proposed
from keepstep.core.issue import Issue
from keepstep.core.plan import Carry, Fill, Route
from keepstep.core.plan_changes import Said
from keepstep.core.plan_making import holds_answers, is_possible
from keepstep.core.selection import display
from keepstep.core.structure import OptionSet, Structure, choices_of
from keepstep.core.text import text_in, without_pipes
from keepstep.web.pages.impact_parameters import MOST_ROWS, Group, groups_of, params_in
from keepstep.web.pages.job_list import control_of
from keepstep.web.pages.plan_lines import NewQuestion
from keepstep.web.pages.route import fields_of
from keepstep.web.questions.posted import SHOWN, field_name, given_in
from keepstep.web.questions.situation import Situation

ARCHIVE: Final = "archive"
ROUTE: Final = "route."
PARAMS: Final = "params."
_WAS, _KEEPS, _LEGACY, _MERGE, _SIGN, _FILL = "was.", "keeps.", "legacy.", "merge.", "sign.", "fill."
_ANSWER: Final = field_name("")
DELIMITERS: Final[Mapping[str, str]] = {"comma": ", ", "semicolon": "; ", "space": " ", "line": "\n"}
MERGES: Final = ("first", "union", "joined")
_FILLS: Final[Mapping[str, str | None]] = {"none": None, "default": "default", "empty": "empty"}
# Rows of a table about values that nobody stored: enough to find one, and no list of a whole codebook.
_UNUSED: Final = 50
Fields = Mapping[str, str]


async def fields_with_signs(request: Request) -> dict[str, str]:
    """As every form, but that a sign between parts may be a space, and that several choices of one question are a line each."""
    fields = await fields_of(request)
    chosen: dict[str, list[str]] = {}
    for name, value in (await request.form()).multi_items():
        if name.startswith(_ANSWER) and isinstance(value, str):
            chosen.setdefault(name, []).append(value.strip())
        if name.endswith("p-delimiter") and isinstance(value, str) and value and not value.strip(" \t"):
            fields[name] = value
    return fields | {name: "\n".join(values) for name, values in chosen.items() if len(values) > 1}


# --- shown -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameters:
    """The form of a conversion's parameters. `is_suggested`: what stands in it are proposals that nobody has said yet."""

    groups: tuple[Group, ...]
    is_suggested: bool = False


def parameters_of(conversion: Conversion | None, route: Route | None, of: tuple[Sequence[Distinct], Clock], *, asks: bool) -> Parameters:
    """`asks`: something of it waits for a person, so that suggestions are worth a look."""
    if conversion is None or conversion.kind == "-" or not isinstance(route, Carry):
        return Parameters(())
    distinct, clock = of
    suggested = {} if route.params else suggestions_for(conversion, distinct, clock, asks=asks)
    groups = groups_of(conversion, suggested or route.params, distinct, rows=MOST_ROWS)
    return Parameters(tuple(_worth_showing(groups, conversion, distinct)), bool(suggested))


def suggestions_for(conversion: Conversion, distinct: Sequence[Distinct], clock: Clock, *, asks: bool) -> Params:
    """What codes, labels and the stored answers suggest, where somebody has to say something; else nothing."""
    if not conversion.needs and not asks:
        return {}
    found = proposed(conversion, distinct, clock)
    return {**conversion.suggestions, **found} if found or conversion.needs or not distinct else _of_options(conversion.suggestions)


def _of_options(suggestions: Params) -> Params:
    """Words and signs that are taken anyway are no news."""
    return {name: value for name, value in suggestions.items() if name == "options"}


def _worth_showing(groups: Sequence[Group], conversion: Conversion, distinct: Sequence[Distinct]) -> Iterator[Group]:
    """Without the rows of options that the target has as well, since they become themselves; what is stored always, of the rest some."""
    same = {each.value for each in choices_of(conversion.target)} & {each.value for each in choices_of(conversion.source)}
    stored = set(_codes(distinct))
    for group in groups:
        rows = [each for each in group.inputs if group.name != "options" or each.key not in same or each.value]
        unused = [each for each in rows if each.key and each.key not in stored and not each.value][_UNUSED:]
        inputs = tuple(each for each in rows if each not in unused)
        if inputs:
            yield replace(group, inputs=inputs)


def _codes(distinct: Sequence[Distinct]) -> Iterator[str]:
    for value, other, _ in distinct:
        yield from (each for each in (*(value if isinstance(value, list) else [value]), other) if isinstance(each, str))


def targets_for(source: OptionSet, target: Structure) -> Iterator[tuple[str, str, str]]:
    """Where answers to it could go: id, label and type of each such question."""
    language = target.default_language
    for place in target.option_sets:
        if place.id == source.id or (not place.retired and is_possible(source, place)):
            yield place.id, without_pipes(text_in(place.name, language, language)) or place.key, place.selection_type


@dataclass(frozen=True, slots=True, kw_only=True)
class FillForm:
    """What fills a question that is new in the target. `control`: how one answer for every run is given; "" where that takes more."""

    id: str
    label: str
    is_required: bool
    has_default: bool
    kind: str
    typed: str
    control: str
    options: tuple[tuple[str, str], ...]
    faults: tuple[Issue, ...]


def fill_form(new: NewQuestion, language: str) -> FillForm:
    option_set, fill = new.option_set, new.fill
    control, options = _fill_control(option_set, language)
    return FillForm(
        id=option_set.id,
        label=without_pipes(text_in(option_set.name, language, language)) or option_set.key,
        is_required=option_set.is_required is True,
        has_default=option_set.default is not None,
        kind="none" if fill is None else fill.kind,
        typed=_typed(fill, option_set, (control, language)),
        control=control,
        options=options,
        faults=new.faults,
    )


def _fill_control(option_set: OptionSet, language: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    if option_set.selection_type != "multiple_select":
        return control_of(option_set, language, language)
    shown = [each for each in choices_of(option_set) if not each.retired]
    return "checks", tuple((each.value, text_in(each.label, language, language) or each.value) for each in shown)


def _typed(fill: Fill | None, option_set: OptionSet, of: tuple[str, str]) -> str:
    control, language = of
    value = getattr(fill, "value", None)
    if value is None:
        return ""
    if control == "checks":
        return "\n".join(value) if isinstance(value, list | tuple) else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if control == "select" else display({"value": value}, option_set, language, language)


# --- read ------------------------------------------------------------------------------------------------------------


def said_in_form(fields: Fields, sources: Mapping[int, Structure], target: Structure) -> Said:
    """What the form says, for each version (by number) in its own words."""
    mapping: dict[str, dict[str, Any]] = {}
    for option_set_id, goes in _named(fields, ROUTE):
        for number, structure in sources.items():
            source = structure.option_set_by_id.get(option_set_id)
            if source is not None:
                mapping.setdefault(str(number), {})[option_set_id] = _route(source, goes, (structure, target), fields)
    return Said(mapping=mapping, fills=dict(_fills(fields, target)), merges=dict(_merges(fields, target)))


def _named(fields: Fields, prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), value


def _route(source: OptionSet, goes: str, between: tuple[Structure, Structure], fields: Fields) -> Any:
    structure, target = between
    place = target.option_set_by_id.get(goes)
    if place is None:
        return ARCHIVE if goes == ARCHIVE else {"to": goes}
    route = {"to": goes, "keeps_meaning": f"{_KEEPS}{source.id}" in fields, "as_legacy": f"{_LEGACY}{source.id}" in fields}
    # Parameters are of the pair of questions that the form was about; another target has others.
    if source == place or not is_possible(source, place) or fields.get(f"{_WAS}{source.id}", goes) != goes:
        return route
    own = dict(_named(fields, f"{PARAMS}{source.id}."))
    return {**route, "params": params_in(own, rule_for(source, place, language=structure.default_language))}


def _merges(fields: Fields, target: Structure) -> Iterator[tuple[str, Any]]:
    for option_set_id, kind in _named(fields, _MERGE):
        if kind in MERGES and option_set_id in target.option_set_by_id:
            yield option_set_id, merge_rule(kind, fields.get(f"{_SIGN}{option_set_id}", ""))


def merge_rule(kind: str, sign: str) -> dict[str, str]:
    """`kind` is one of MERGES, `sign` a name of DELIMITERS."""
    return {"kind": kind} | ({"delimiter": DELIMITERS.get(sign, ", ")} if kind == "joined" else {})


def _fills(fields: Fields, target: Structure) -> Iterator[tuple[str, Any]]:
    for option_set_id, kind in _named(fields, _FILL):
        option_set = target.option_set_by_id.get(option_set_id)
        if option_set is None or not holds_answers(option_set):
            continue
        if kind in _FILLS:
            yield option_set_id, _FILLS[kind]
        elif kind == "constant":
            yield option_set_id, {"constant": constant_in(fields, option_set, target.default_language)}


def constant_in(fields: Fields, option_set: OptionSet, language: str) -> Any:
    """The answer as it was typed; as a text where it cannot be read, so that the plan is told to be at fault there."""
    name = field_name(option_set.id)
    texts = fields.get(name, "").splitlines() if option_set.selection_type == "multiple_select" else [fields.get(name, "")]
    given = given_in({name: texts, SHOWN: [option_set.id]}, [option_set], Situation(language, language))
    value = given.answers.get(option_set.id, {}).get("value")
    return fields.get(name, "") if given.issues or value is None else value
