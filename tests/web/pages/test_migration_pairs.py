"""Every pair of types can be told its parameters on the bench, and the page costs the same for many questions."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.actions_kit import Desk
from tests.history_kit import Statements
from tests.migration_kit import Bench, changed, options, question
from tests.pages_kit import Browser
from tests.small_structures import CLOCK, alone
from tests.web.pages.bench_kit import new_plan

from keepstep.config import Resources
from keepstep.core.convert import MATRIX, faults_in_parameters, rule_for
from keepstep.core.convert_matrix import TYPES
from keepstep.core.counts import Tally
from keepstep.core.plan import Carry
from keepstep.core.structure import OptionSet, parse
from keepstep.queries.versions import Version
from keepstep.web.pages.impact_parameters import Input, params_in
from keepstep.web.pages.plan_cards import Card, card_of
from keepstep.web.pages.plan_lines import MappingLine

_CHOICES = ("single_select", "multiple_select", "dropdown")
_PAIRS = sorted(pair for pair, cell in MATRIX.items() if pair[0] != pair[1])
_TYPED = {
    "p-delimiter": ";",
    "p-zone": "Europe/Berlin",
    "p-epoch": "1970-01-01",
    "p-pattern": "DD.MM.YYYY",
    "p-local_time": "12:00",
    "p-locale-decimal": ",",
    "p-locale-group": ".",
    "p-words-true": "ja, oui",
    "p-words-false": "nein",
    "p-spelling-true": "Ja",
    "p-spelling-false": "Nein",
    "p-threshold-at_least": "1",
    "p-link_prefix": "https://example.org/",
    "p-buckets-from-0": "0",
    "p-buckets-below-0": "10",
}
_RESULTS: Mapping[str, str] = {
    "date": "2026-03-03",
    "time": "09:00",
    "datetime": "2026-03-03T09:00:00Z",
    "email": "a@example.org",
    "phone": "+493012345",
    "url": "https://example.org",
    "boolean": "true",
}


def of_type(selection_type: str) -> OptionSet:
    return alone(selection_type, **({"options": options("blue", "red")} if selection_type in _CHOICES else {}))


def line_of(source: OptionSet, target: OptionSet, params: Mapping[str, Any]) -> MappingLine:
    version = Version("v", "w", 1, parse({"name": "Survey", "steps": []}), b"", CLOCK.at)
    conversion = rule_for(source, target)
    route = Carry(to=target.id, params=dict(params))
    return MappingLine(source=source, versions=(version,), route=route, target=target, conversion=conversion)


def stored(selection_type: str) -> list[Tally]:
    """A real answer or two of this type."""
    values: Mapping[str, Any] = {"boolean": True, "multiple_select": ["blue", "red"], "single_select": "blue", "dropdown": "red"}
    value = values.get(
        selection_type, 3 if selection_type in ("number", "integer", "slider", "rating") else _RESULTS.get(selection_type, "text")
    )
    return (
        [Tally(value, 2, "completed", 1), Tally("about thirty", 1, "completed", 1)]
        if value == "text"
        else [Tally(value, 2, "completed", 1)]
    )


def inputs_of(card: Card) -> list[Input]:
    rows = [row.entry for table in card.tables for row in table.rows if row.entry is not None]
    return [*rows, *[each for group in card.groups for each in group.inputs]]


def filled(card: Card) -> dict[str, str]:
    """Every input of the form as somebody could fill it in."""
    form: dict[str, str] = {}
    typed = _TYPED | _written({card.line.source.selection_type, card.line.target.selection_type if card.line.target else ""})
    for each in inputs_of(card):
        options_of = [value for value, _ in each.choices if value]
        target = card.line.target.selection_type if card.line.target else ""
        form[each.name] = "on" if each.is_check else options_of[0] if options_of else typed.get(each.name, _RESULTS.get(target, "1"))
        if each.key:
            form[each.name.replace("-value-", "-key-")] = each.key
    return form


def _written(types: set[str]) -> dict[str, str]:
    """How a number writes a day or a time: without signs between, and from a moment on where it counts."""
    if not types & {"number", "integer", "slider"}:
        return {}
    moment = {"p-epoch": "1970-01-01T00:00:00Z"} if "datetime" in types else {}
    return moment | {"p-pattern": "HHmmss" if "time" in types else "YYYYMMDDHHmmss" if "datetime" in types else "YYYYMMDD"}


@pytest.mark.parametrize("source_type", TYPES)
def test_each_conversion_from_a_type_can_be_told_what_it_needs_in_the_form(source_type: str) -> None:
    for _, target_type in (pair for pair in _PAIRS if pair[0] == source_type):
        source, target = of_type(source_type), of_type(target_type)
        conversion = rule_for(source, target)
        card = card_of(line_of(source, target, {}), stored(source_type), CLOCK)
        if conversion.kind == "-":
            assert inputs_of(card) == []
            continue
        params = params_in(filled(card), conversion)
        assert conversion.needs_met(params), (source_type, target_type, params)
        for group in conversion.needs or [()]:
            told = {name: params[name] for name in group}
            assert faults_in_parameters(conversion, told, CLOCK) == () or not group, (source_type, target_type, told)
        again = card_of(line_of(source, target, params), stored(source_type), CLOCK)
        assert params_in({**filled(again), **_as_shown(again)}, conversion) == params, (source_type, target_type)


def _as_shown(card: Card) -> dict[str, str]:
    """What the inputs hold when the saved parameters are shown again."""
    return {each.name: each.value for each in inputs_of(card)}


def test_all_272_pairs_are_among_them() -> None:
    assert len(_PAIRS) == 272
    assert {source for source, _ in _PAIRS} == set(TYPES)


async def test_the_bench_costs_the_same_for_few_and_for_many_questions_and_runs(admin_browser: Browser, resources: Resources) -> None:
    statements, counts = Statements(resources.engine), []
    for many in (1, 15):
        questions = [question(f"q{number}") for number in range(many)]
        bench = await Bench.of(Desk(resources.engine, minute=[-500]), resources, *questions)
        await bench.answer(many * 2, lambda n: {"q0": f"text {n}"})
        retyped: dict[str, Any] = {each["key"]: {"selection_type": "integer"} for each in questions}
        await bench.publish(changed(bench.structure, **retyped))
        plan = await new_plan(admin_browser, bench)
        path = plan.answer.url.path
        await admin_browser.open(path)
        counts.append(await statements.during(admin_browser.open(path)))
        counts.append(await statements.during(admin_browser.open(f"/wizards/{bench.wizard}/migrations")))
    assert counts[:2] == counts[2:]
