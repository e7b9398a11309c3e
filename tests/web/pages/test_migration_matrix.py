"""Every pair of the conversion matrix from the mapping editor: the page offers what a conversion takes, and what is sent is the plan's."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from bs4 import Tag
from sqlalchemy import text
from tests.actions_kit import Desk
from tests.migration_kit import Bench, options, question
from tests.pages_kit import Browser, Page
from tests.web.pages.bench_kit import new_plan
from tests.web.pages.test_migration_pairs import _CHOICES, _RESULTS, _TYPED, _written, stored

from keepstep.config import Resources
from keepstep.core.conversion import Conversion
from keepstep.core.convert import MATRIX, rule_for
from keepstep.core.convert_matrix import TYPES
from keepstep.core.plan import Carry
from keepstep.core.structure import parse
from keepstep.queries.plans import faults_of, load_plan
from keepstep.web.pages.impact_parameters import params_in


def key_of(target: str) -> str:
    return f"to-{target}".replace("_", "-")


def of_type(key: str, selection_type: str) -> dict[str, Any]:
    return question(key, selection_type, **({"options": options("blue", "red")} if selection_type in _CHOICES else {}))


async def retyped_bench(resources: Resources, source: str) -> Bench:
    """A question of this type for each other type, answered, and then retyped to it."""
    others = [each for each in TYPES if each != source]
    bench = await Bench.of(Desk(resources.engine, minute=[-500]), resources, *[of_type(key_of(each), source) for each in others])
    if source != "file":
        await bench.answer(1, lambda _: {key_of(each): stored(source)[0].value for each in others})
    second = deepcopy(bench.structure)
    for each in second["steps"][0]["option_sets"]:
        kind = next(kind for kind in others if key_of(kind) == each["key"])
        each.pop("options", None)
        each.update({"selection_type": kind}, **({"options": options("blue", "red")} if kind in _CHOICES else {}))
    await bench.publish(second)
    return bench


def card_of(page: Page, label: str) -> Tag | None:
    return next(
        (each for each in page.tree.select(".ks-line-card") if each.h3 and label in each.h3.get_text(" ", strip=True).split(" v")[0]), None
    )


def offered(form: Tag) -> set[str]:
    """The parameters that the form has an input for."""
    return {str(each["name"]).split("-")[1] for each in form.select("[name^='p-']") if "-key-" not in str(each["name"])}


def filled(form: Tag, types: tuple[str, str], wanted: set[str]) -> dict[str, str]:
    """The inputs of these parameters as somebody could fill them in, and everything else as it stands."""
    pattern = {"time": "HH:mm", "datetime": "DD.MM.YYYY HH:mm"}.get(types[1], "DD.MM.YYYY")
    typed = {**_TYPED, "p-pattern": pattern, **_written(set(types))}
    sent = {str(each["name"]): str(each.get("value", "")) for each in form.select("input[type=hidden]")}
    sent |= {str(each["name"]): str(each.select_one("option[selected]")["value"]) for each in form.select("select[name=to]")}  # type: ignore[index]
    for each in form.select("[name^='p-']:not([type=hidden])"):
        name = str(each["name"])
        if name.split("-")[1] not in wanted or (name.startswith("p-buckets-") and not name.endswith("-0")):
            continue
        choices = [str(option["value"]) for option in each.select("option") if option["value"]]
        sent[name] = "on" if each.get("type") == "checkbox" else choices[0] if choices else typed.get(name, _RESULTS.get(types[1], "1"))
    return sent


def alternatives(conversion: Conversion) -> Iterator[set[str]]:
    """What is given at once: each of the ways to tell a conversion what it needs, with all that is optional beside it."""
    either = {name for group in conversion.needs for name in group}
    for group in conversion.needs or ((),):
        told = {*group, *(name for name in conversion.accepts if name not in either)}
        yield told - {"epoch"} if "pattern" in told else told


async def forms_of(browser: Browser, path: str, conversions: list[Conversion]) -> dict[str, Tag]:
    """The form of every question whose conversion takes something, and of what stands open anyway."""
    page = await browser.open(path)
    found: dict[str, Tag] = {}
    for conversion in conversions:
        own = conversion.source
        card = card_of(page, str(own.name))
        if card is None and conversion.accepts:
            card = card_of(await browser.open(f"{path}?edit={own.id}:1"), str(own.name))
            assert card is not None, own.key
        if card is not None and card.form is not None:
            found[own.id] = card.form
    return found


@pytest.mark.parametrize("source_type", TYPES)
async def test_each_conversion_from_a_type_is_told_in_the_mapping_editor(
    admin_browser: Browser, resources: Resources, source_type: str
) -> None:
    bench = await retyped_bench(resources, source_type)
    plan = await new_plan(admin_browser, bench)
    path = str(plan.answer.url.path)
    before, after = parse(await structure_of(bench, 1)), parse(bench.structure)
    conversions = [rule_for(own, after.option_set_by_id[own.id]) for own in before.option_sets]
    forms = await forms_of(admin_browser, path, conversions)
    expected: dict[str, Mapping[str, Any]] = {}
    for own, conversion in ((each.source, each) for each in conversions if each.source.id in forms):
        form = forms[own.id]
        takes = set(conversion.accepts) if conversion.kind != "-" else set()
        assert takes - {"others"} <= offered(form) <= takes, (own.key, offered(form))
        for wanted in alternatives(conversion) if takes else ():
            sent = filled(form, (source_type, conversion.target.selection_type), wanted)
            answer = await admin_browser.client.post(str(form["action"]), data={**sent, "seen": ""})
            assert answer.status_code == 303, (own.key, wanted, answer.text[-1500:])
            expected[own.id] = params_in(sent, conversion)
    await is_the_plan(bench, path, expected)


async def structure_of(bench: Bench, number: int) -> dict[str, Any]:
    statement = text("SELECT structure FROM wizard_versions WHERE wizard_id = CAST(:wizard AS uuid) AND version_number = :number")
    return dict(await bench.desk.read(lambda tx: tx.scalar(statement, {"wizard": bench.wizard, "number": number})))


async def is_the_plan(bench: Bench, path: str, expected: Mapping[str, Mapping[str, Any]]) -> None:
    """What was sent stands in the stored plan, and nothing but pairs without a conversion is at fault."""
    stored_plan = await bench.desk.read(load_plan, path.rsplit("/", 1)[1])
    (routes,) = stored_plan.plan.routes.values()
    told = {name: route.params for name, route in routes.items() if isinstance(route, Carry) and name in expected}
    assert told == expected
    faults = await bench.desk.read(faults_of, bench.wizard, stored_plan.plan, bench.desk.context().clock)
    assert [fault for fault in faults if fault.code != "no-conversion"] == []


def test_the_editor_is_asked_about_all_272_pairs() -> None:
    assert len([pair for pair in MATRIX if pair[0] != pair[1]]) == len(TYPES) * (len(TYPES) - 1) == 272
