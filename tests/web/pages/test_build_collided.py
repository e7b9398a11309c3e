"""Two editors at one node: only what somebody wrote is sent, and what they wrote in a node that is gone brings it back."""

import re

import httpx
import pytest
from tests.build_kit import path, send, sets_of, structure_of
from tests.pages_kit import Browser, Page
from tests.web_kit import WebSurvey, web_survey

CHANGE = "change-option-set"
ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-")


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


def said(page: Page) -> str:
    """What people read of a dialog, which never holds an id or a pointer."""
    text = " ".join(page.one(".ks-dialog-inner").get_text(" ", strip=True).split())
    # The clients of the API in these tests have no name but an id.
    for name in page.tree.select(".kb-list strong"):
        text = text.replace(name.get_text(strip=True), "")
    assert not ID.search(text)
    assert "/steps/" not in text
    return text


async def test_without_a_script_what_nobody_touched_is_not_sent_with_what_was_typed(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"name": "E-mail address"})
    asked = Page(await send(admin_browser, page, CHANGE, {"help": "Mine"}, form="f-question"))
    assert asked.answer.status_code == 409
    assert [each.get_text() for each in asked.tree.select(".kb-written label")] == ["Help text"]
    done = await send(admin_browser, asked, CHANGE)
    assert done.status_code == 200
    email = sets_of(await structure_of(survey))[1]
    assert (email["name"], email["help"]) == ("E-mail address", "Mine")


async def test_boxes_and_limits_that_nobody_touched_are_not_sent_either(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"is_required": True, "constraints": {"max_length": 9}})
    for fields, form in (({"personal_data": "on"}, "f-flags"), ({"constraints.min_length": "2"}, "f-limits")):
        asked = Page(await send(admin_browser, page, CHANGE, fields, form=form))
        assert asked.answer.status_code == 409
        await send(admin_browser, asked, CHANGE)
    email = sets_of(await structure_of(survey))[1]
    assert (email["is_required"], email["personal_data"], email["constraints"]) == (True, True, {"min_length": 2, "max_length": 9})


async def test_a_form_in_which_nobody_changed_anything_asks_nothing(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"name": "E-mail address"})
    before = await survey.draft()
    assert (await send(admin_browser, page, CHANGE, form="f-question")).status_code == 200
    assert await survey.draft() == before


@pytest.mark.parametrize("script", [False, True])
async def test_a_question_that_somebody_deleted_comes_back_with_what_was_typed_in_it(
    admin_browser: Browser, survey: WebSurvey, script: bool
) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}")
    asked = Page(await send(admin_browser, page, CHANGE, {"help": "Typed long"}, form="f-question", script=script))
    assert asked.labelled("Help text").get_text().strip() == "Typed long"
    assert "Make my change all the same" not in said(asked)
    for _ in range(2):
        done = await admin_browser.press(asked, "Bring it back with my text")
        assert done.status_code == 303
    email = sets_of(await structure_of(survey))[1]
    assert (email["id"], email["help"]) == (survey.email, "Typed long")
    assert (await survey.draft())["revision"] == 4


async def test_what_comes_back_lies_in_a_step_that_comes_back_too(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.color))
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.color}/options/red")
    await survey.send("DELETE", f"/api/v1/steps/{survey.steps[1]}")
    asked = Page(await send(admin_browser, page, "change-option", {"label": "Crimson"}, value="red"))
    assert asked.answer.status_code == 409
    assert "“Red” was taken out of the draft" in said(asked)
    assert "comes with what it lay in: “Preferences”" in said(asked)
    assert (await admin_browser.press(asked, "Bring it back with my text")).status_code == 303
    assert [each["label"] for each in sets_of(await structure_of(survey), 1)[0]["options"]] == ["Blue", "Crimson"]


async def test_a_question_whose_adding_was_undone_comes_back_from_the_history(
    admin_browser: Browser, editor_browser: Browser, survey: WebSurvey
) -> None:
    adding = await editor_browser.open(path(survey, node=survey.steps[0], add=""))
    added = Page(await send(editor_browser, adding, "add-option-set", {"selection_type": "date"}))
    node = sets_of(await structure_of(survey))[2]["id"]
    mine = await admin_browser.open(path(survey, node=node))
    await send(editor_browser, added, "undo")
    assert len(sets_of(await structure_of(survey))) == 2
    asked = Page(await send(admin_browser, mine, CHANGE, {"name": "Day of birth"}, form="f-question"))
    assert "“New question” was taken out" in said(asked)
    assert (await admin_browser.press(asked, "Bring it back with my text")).status_code == 303
    back = sets_of(await structure_of(survey))[2]
    assert (back["id"], back["name"], back["selection_type"]) == (node, "Day of birth", "date")


async def test_a_label_typed_for_an_answered_question_still_asks_what_it_means_when_that_comes_back(
    admin_browser: Browser, survey: WebSurvey
) -> None:
    await survey.answer(full_name="Ann", email="a@b.c")
    page = await admin_browser.open(path(survey, node=survey.email))
    gone = await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}")
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}?confirm={gone.json()['confirm']}")
    asked = Page(await send(admin_browser, page, CHANGE, {"name": "Address"}, form="f-question"))
    meaning = Page(await admin_browser.press(asked, "Bring it back with my text"))
    assert "Does “Email” still mean the same?" in said(meaning)
    assert (await admin_browser.press(meaning, "The same meaning")).status_code == 303
    assert [item["name"] for item in sets_of(await structure_of(survey))] == ["Full Name", "Address"]


async def test_an_option_typed_for_a_question_that_is_gone_and_lines_of_options_are_not_lost(
    admin_browser: Browser, survey: WebSurvey
) -> None:
    page = await admin_browser.open(path(survey, node=survey.color))
    dialog = await admin_browser.open(f"/wizards/customer-survey/build/options?option_set_id={survey.color}")
    compared = Page(await send(admin_browser, dialog, "options", {"lines": "blue\tBlue\nteal\tTeal"}))
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.color}")
    asked = Page(await send(admin_browser, page, "add-option", {"label": "Green"}))
    assert asked.labelled("New option").get_text().strip() == "Green"
    assert (await admin_browser.press(asked, "Bring it back with my text")).status_code == 303
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.color}")
    lines = Page(await send(admin_browser, compared, "replace-options"))
    assert "teal Teal" in said(lines)
    assert (await admin_browser.press(lines, "Bring it back with my text")).status_code == 303
    offered = [each["label"] for each in sets_of(await structure_of(survey), 1)[0]["options"] if not each.get("retired")]
    assert offered == ["Blue", "Teal"]


async def test_an_ending_or_a_rule_that_is_gone_shows_what_was_typed(admin_browser: Browser, survey: WebSurvey) -> None:
    rule = {"expression": {"!=": [{"var": "."}, "x"]}, "message": "No."}
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"constraints": {"rules": [rule]}})
    await send(admin_browser, await admin_browser.open(path(survey, node="wizard")), "add-ending")
    endings, rules = await admin_browser.open(path(survey, node="wizard")), await admin_browser.open(path(survey, node=survey.email))
    await send(admin_browser, endings, "delete-ending")
    asked = Page(await send(admin_browser, endings, "change-ending", {"text": "Farewell"}))
    assert (asked.answer.status_code, asked.labelled("Text").get_text().strip()) == (409, "Farewell")
    await send(admin_browser, rules, "delete-rule")
    asked = Page(await send(admin_browser, rules, "change-rule", {"message": "Not x, please"}))
    assert (asked.answer.status_code, "Not x, please" in said(asked)) == (409, True)
    assert "Copy what you need" in said(asked)
