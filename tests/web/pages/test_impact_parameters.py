"""What a change of the type needs to convert stored answers: the form of its parameters, and what they come to on real values."""

from typing import Any

import httpx
import pytest
from sqlalchemy import String, func, select
from tests.build_kit import structure_of
from tests.pages_kit import HTMX, Browser, Page
from tests.small_structures import CLOCK, alone, choice
from tests.web.pages.impact_kit import changed, option_set, rows_of
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources
from keepstep.core.convert import MATRIX, rule_for
from keepstep.core.convert_parameters import PARAMETERS, faults_in_parameters
from keepstep.core.plan import Carry
from keepstep.core.plan_making import made_plan
from keepstep.core.structure import OptionSet, parse, parse_option_set
from keepstep.db.tables import draft_edits
from keepstep.db.transaction import open_read
from keepstep.queries.drafts import tried_conversions
from keepstep.web.pages.impact_parameters import LABELS, groups_of, params_in


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


async def tried(browser: Browser, page: Page, typed: dict[str, str], *, htmx: bool = False) -> Page:
    """The page after a try: the fields of the form as they stand, but for what was typed."""
    form = page.one("#parameters")
    data = {str(each["name"]): str(each.get("value", "")) for each in form.select("input[name]") if each.get("type") != "checkbox"}
    for each in form.select("select[name]"):
        chosen = each.select_one("option[selected]") or each.select_one("option")
        data[str(each["name"])] = str(chosen["value"]) if chosen else ""
    data |= typed
    return Page(await browser.client.post(str(form["action"]), data=data, headers=HTMX if htmx else {}))


async def test_options_become_numbers_by_a_table_of_the_real_options(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(favorite_color="blue")
    await survey.answer(favorite_color="red")
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "integer"})
    assert page.text("#parameters legend") == "Which value each becomes needed"
    assert page.text(".ks-outcomes") == "2 answers wait for a person"
    page = await tried(editor_browser, page, {"p-values-value-0": "1"}, htmx=True)
    assert page.is_whole is False
    assert rows_of(page, ".ks-conversion")[0][2] == "1"
    assert page.text(".ks-outcomes") == "1 answer converts 1 answer waits for a person"
    assert page.one("input[name=p-values-value-0]")["value"] == "1"
    assert (await option_set(survey, survey.color))["selection_type"] == "single_select"


async def test_without_a_script_a_try_is_the_whole_dialog_from_which_the_change_is_made(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(favorite_color="blue")
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "integer"})
    page = await tried(editor_browser, page, {"p-values-value-0": "7", "p-values-value-1": "8"})
    assert page.text("#dialog-title") == "Change “Favorite Color”"
    assert rows_of(page, ".ks-conversion") == [["Blue blue", "1", "7"]]
    assert (await editor_browser.press(page, "Change “Favorite Color”")).status_code == 303
    assert (await option_set(survey, survey.color))["selection_type"] == "integer"


async def test_numbers_written_the_continental_way_are_read_with_their_signs(editor_browser: Browser, survey: WebSurvey) -> None:
    for name in ("1.234,5", "7"):
        await survey.answer(full_name=name)
    page = await changed(editor_browser, survey, survey.full_name, {"selection_type": "number"})
    assert page.text(".ks-outcomes") == "1 answer converts 1 answer waits for a person"
    page = await tried(editor_browser, page, {"p-locale-decimal": ",", "p-locale-group": "."})
    assert page.text(".ks-outcomes") == "2 answers convert"
    assert {row[2] for row in rows_of(page, ".ks-conversion")} == {"1234.5", "7"}


async def test_what_is_wrong_with_the_values_is_said_and_what_was_typed_stays(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="3")
    page = await changed(editor_browser, survey, survey.full_name, {"selection_type": "number"})
    page = await tried(editor_browser, page, {"p-locale-decimal": "<b>"})
    assert "decimal is" in page.text("#parameters .ks-form-error")
    assert page.one("input[name=p-locale-decimal]")["value"] == "<b>"


async def test_what_was_tried_is_kept_with_the_change_and_proposed_to_a_plan(
    editor_browser: Browser, resources: Resources, survey: WebSurvey
) -> None:
    await survey.answer(favorite_color="blue")
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "integer"})
    page = await tried(editor_browser, page, {"p-values-value-0": "7", "p-values-value-1": "8"})
    await editor_browser.press(page, "Change “Favorite Color”")
    async with open_read(resources.engine) as tx:
        kept = await tried_conversions(tx, survey.wizard)
    assert kept == {(survey.color, "single_select", "integer"): {"values": {"blue": 7, "red": 8}}}
    source, target = parse((await survey.client.get(f"{survey.url}/versions/1")).json()["structure"]), parse(await structure_of(survey))
    route = made_plan({"one": source}, "two", target, kept).routes["one"][survey.color]
    assert isinstance(route, Carry)
    assert route.params == {"values": {"blue": 7, "red": 8}}
    # Whoever comes to the same change again finds it there.
    undone = await survey.send("POST", f"{survey.url}/draft/undo", json={"revision": 2})
    assert undone.status_code == 200, undone.text
    again = await changed(editor_browser, survey, survey.color, {"selection_type": "integer"})
    assert again.one("input[name=p-values-value-0]")["value"] == "7"
    assert again.text(".ks-outcomes") == "1 answer converts"


async def test_a_plan_that_is_made_after_publishing_takes_up_what_was_tried(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(favorite_color="blue")
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "integer"})
    page = await tried(editor_browser, page, {"p-values-value-0": "7", "p-values-value-1": "8"})
    await editor_browser.press(page, "Change “Favorite Color”")
    assert (await survey.publish()).status_code == 201
    made = await survey.send("POST", f"{survey.url}/plans", json={})
    assert made.status_code == 201, made.text
    (line,) = [line for line in made.json()["mapping"] if line["option_set_id"] == survey.color]
    assert line["route"]["params"] == {"values": {"blue": 7, "red": 8}}


async def test_a_report_counts_with_what_was_tried_and_a_plan_then_does_exactly_that(editor_browser: Browser, survey: WebSurvey) -> None:
    for color in ("blue", "blue", "red"):
        await survey.answer(favorite_color=color)
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "integer"})
    assert "Blocking until mapped" in page.text(".ks-changes")
    page = await tried(editor_browser, page, {"p-values-value-0": "7"})
    assert "Convertible, 1 conflict" in page.text(".ks-changes")
    await editor_browser.press(page, "Change “Favorite Color”")
    review = (await editor_browser.open(f"/wizards/{survey.wizard}/review")).text("#changes")
    assert "2 stored answers convert; 1 would wait for a person. Counted with the values that were tried" in review
    assert "Blocking until mapped" not in review
    assert (await survey.publish()).status_code == 201
    (told,) = (await survey.client.get(f"{survey.url}/diff?from=1&to=2")).json()["changes"]
    assert (told["class"], told["effective_class"], told["conversion"]["tried"]) == ("blocking", "convertible", True)
    plan = (await survey.send("POST", f"{survey.url}/plans", json={})).json()
    groups = {each["outcome"]: each["runs"] for each in (await survey.send("POST", f"/api/v1/plans/{plan['id']}/preview")).json()["groups"]}
    assert (groups["carries"], groups["conflicts"]) == (told["conversion"]["converted"], told["conversion"]["conflicts"]) == (2, 1)


async def test_a_publish_that_moves_runs_in_progress_takes_up_what_was_tried(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(favorite_color="blue")
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "integer"})
    page = await tried(editor_browser, page, {"p-values-value-0": "7", "p-values-value-1": "8"})
    await editor_browser.press(page, "Change “Favorite Color”")
    told = await survey.send("POST", f"{survey.url}/publish?dry_run=true", json={"in_progress": "migrate"})
    assert told.status_code == 200, told.text
    (line,) = [line for line in told.json()["in_progress"]["mapping"] if line["option_set_id"] == survey.color]
    assert line["route"]["params"] == {"values": {"blue": 7, "red": 8}}


async def test_what_respondents_wrote_is_not_kept_outside_of_their_runs(
    editor_browser: Browser, resources: Resources, survey: WebSurvey
) -> None:
    await survey.answer(full_name="Ann Somebody")
    fields = {"selection_type": "single_select", "options": [{"value": "a", "label": "A"}]}
    page = await changed(editor_browser, survey, survey.full_name, fields)
    assert "what respondents wrote is kept nowhere but in their runs" in page.text("#parameters")
    page = await tried(editor_browser, page, {"p-options-value-0": "a"})
    assert rows_of(page, ".ks-conversion")[0][2] == "A"
    await editor_browser.press(page, "Change “Full Name”")
    assert (await option_set(survey, survey.full_name))["selection_type"] == "single_select"
    async with open_read(resources.engine) as tx:
        assert await tried_conversions(tx, survey.wizard) == {}
        assert await tx.scalar(select(func.count()).where(draft_edits.c.edit.cast(String).contains("Somebody"))) == 0


async def test_of_another_type_it_is_said_which_options_go(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(favorite_color="blue")
    await survey.send("POST", f"/api/v1/option-sets/{survey.color}/options/red/retire")
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "text_input"})
    going = page.text(".ks-going")
    assert "“Blue” leaves the draft with this change" in going
    assert "“Red”, which was retired before, goes as well." in going
    assert not (await changed(editor_browser, survey, survey.color, {"selection_type": "dropdown"})).tree.select(".ks-going")


# --- the form and what it gives ------------------------------------------------------------------------------------

OPTIONS = [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]


def made(kind: str) -> OptionSet:
    if kind in ("single_select", "dropdown", "multiple_select"):
        return parse_option_set(choice(1, kind, options=OPTIONS), ("en",), "en")
    return alone(kind)


@pytest.mark.parametrize(
    ("source", "target", "params"),
    [
        ("text_input", "number", {"locale": {"decimal": ",", "group": "."}}),
        ("text_input", "boolean", {"words": {"en": {"true": ["yes", "si"], "false": ["no"]}}}),
        ("text_input", "datetime", {"pattern": "DD.MM.YYYY HH:mm", "zone": "Europe/Zurich"}),
        ("text_input", "phone", {"region": "CH"}),
        ("text_input", "multiple_select", {"options": {"x, y": "a"}, "delimiter": ";"}),
        ("single_select", "boolean", {"values": {"a": True, "b": False}}),
        ("single_select", "number", {"values": {"a": 1, "b": 2}}),
        ("multiple_select", "single_select", {"pick": "first"}),
        ("multiple_select", "number", {"derive": {"count": True}}),
        ("multiple_select", "number", {"derive": {"scores": {"a": 1, "b": 3}}}),
        ("multiple_select", "boolean", {"derive": {"contains": "b"}}),
        ("number", "single_select", {"buckets": [{"option": "a", "below": 5}, {"option": "b", "from": 5}]}),
        ("boolean", "text_input", {"spelling": {"true": "ja", "false": "nein"}}),
        ("boolean", "single_select", {"values": {"true": "a", "false": "b"}}),
        ("slider", "boolean", {"threshold": {"at_least": 3}}),
        ("integer", "date", {"epoch": "1970-01-01", "unit": "days"}),
        ("date", "datetime", {"local_time": "12:00", "zone": "UTC"}),
        ("datetime", "time", {"zone": "UTC", "accept_loss": True}),
        ("file", "text_input", {"file_as": "links", "link_prefix": "https://example.org/"}),
        ("slider", "rating", {"rescale": True}),
    ],
)
def test_a_form_gives_the_parameters_that_it_was_made_of(source: str, target: str, params: dict[str, Any]) -> None:
    conversion = rule_for(made(source), made(target))
    groups = groups_of(conversion, params, [("x, y", None, 1)])
    sent = {each.name: each.value for group in groups for each in group.inputs if each.value}
    sent |= {each.name.replace("-value-", "-key-"): each.key for group in groups for each in group.inputs if each.key}
    assert params_in(sent, conversion) == params
    assert faults_in_parameters(conversion, params, CLOCK) == ()


def test_every_parameter_has_a_label_and_every_needed_one_an_input() -> None:
    assert set(LABELS) == set(PARAMETERS)
    for source, target in MATRIX:
        conversion = rule_for(made(source), made(target))
        shown = {group.name for group in groups_of(conversion, {}, [("x", "own", 1)])}
        assert {name for group in conversion.needs for name in group} <= shown
