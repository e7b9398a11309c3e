"""The retention rule of a wizard in the browser and over HTTP: counted, then switched on with the token of those counts."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.factories import count_queries
from tests.history_kit import squeezed
from tests.pages_kit import Browser, Page
from tests.web.pages.conftest import Clock
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]
SETTINGS = "/wizards/customer-survey/settings"
ASK = f"{SETTINGS}/retention"
TRASH: dict[str, Any] = {"after": "completion", "days": 30, "then": "trash"}
COUNT, ON, OFF = "Count what is due…", "Switch the rule on", "Switch the rule off"


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


async def asked(browser: Browser, **rule: Any) -> Page:
    """The dialog, by the form of the settings page filled in."""
    action, held = (await browser.open(SETTINGS)).form_of(COUNT)
    answer = await browser.client.get(action, params={**held, **TRASH, **{name: str(value) for name, value in rule.items()}})
    return Page(answer)


async def stored(survey: WebSurvey) -> Any:
    return (await survey.client.get(survey.url)).json()["settings"].get("retention")


async def test_it_is_off_and_says_so(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(SETTINGS)
    assert page.text("#retention-rule") == "Off: runs stay until somebody trashes or erases them."
    assert page.labelled("Days to keep a run")["value"] == ""
    assert [page.text(f"#retention-{name} option[selected]") for name in ("after", "then")] == ["its completion", "move it to the trash"]
    assert OFF not in page.answer.text


async def test_the_counts_are_shown_before_it_is_switched_on(admin_browser: Browser, survey: WebSurvey, clock: Clock) -> None:
    await survey.answer(full_name="Ada")
    await survey.answer(full_name="Bo")
    clock.advance(days=31)
    await admin_browser.sign_in("admin@example.org")
    page = await asked(admin_browser)
    assert page.text("#dialog-title") == "Switch this retention rule on?"
    assert "2 runs are due already and go to the trash with the next daily work." in page.text(".ks-dialog-body")
    heads = [squeezed(each) for each in page.tree.select(".ks-run-numbers thead th")]
    numbers = [squeezed(each) for each in page.tree.select(".ks-run-numbers tbody tr > *")]
    assert dict(zip(heads, numbers, strict=True)) == {"Version": "v1", "completed": "2", "in progress": "0", "abandoned": "0"}
    assert await stored(survey) is None
    answer = await admin_browser.press(page, ON)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{SETTINGS}?saved=true")
    assert await stored(survey) == TRASH


async def test_a_rule_that_is_on_is_said_and_can_be_changed_and_switched_off(admin_browser: Browser, survey: WebSurvey) -> None:
    await admin_browser.press(await asked(admin_browser, days=1, after="last_activity", then="erase"), ON)
    page = await admin_browser.open(SETTINGS)
    assert page.text("#retention-rule") == "Runs are erased 1 day after anything was last done to them."
    assert (page.labelled("Days to keep a run")["value"], page.text("#retention-then option[selected]")) == (
        "1",
        "erase its answers for good",
    )
    await admin_browser.press(await asked(admin_browser, days=2), ON)
    assert await stored(survey) == TRASH | {"days": 2}
    await admin_browser.press(await admin_browser.open(SETTINGS), OFF)
    assert await stored(survey) is None


async def test_where_other_runs_are_due_by_now_the_new_numbers_are_shown(admin_browser: Browser, survey: WebSurvey, clock: Clock) -> None:
    page = await asked(admin_browser)
    assert "No run is due yet." in page.text(".ks-dialog-body")
    await survey.answer(full_name="Ada")
    clock.advance(days=31)
    again = Page(await admin_browser.press(await reopened(admin_browser, page), ON))
    assert (again.answer.status_code, await stored(survey)) == (409, None)
    assert "Other runs are due now than when you looked." in again.text("[role=alert]")
    assert "1 run is due already" in again.text(".ks-dialog-body")
    assert (await admin_browser.press(again, ON)).status_code == 303


async def reopened(browser: Browser, page: Page) -> Page:
    """The page, in a browser whose session did not end meanwhile."""
    await browser.sign_in("admin@example.org")
    token = str((await browser.open("/")).one("meta[name=csrf-token]")["content"])
    page.one(".ks-dialog-foot input[name=csrf_token]")["value"] = token
    return page


@pytest.mark.parametrize("days", ["", "0", "soon", "36526", "1.5", "99999999999"])
async def test_days_that_cannot_be_are_said_at_the_field_and_stay_typed(admin_browser: Browser, survey: WebSurvey, days: str) -> None:
    page = await asked(admin_browser, days=days, then="erase")
    field = page.labelled("Days to keep a run")
    assert (page.answer.status_code, field["aria-invalid"], field["value"]) == (422, "true", days)
    assert "whole number of days" in page.text(f"#{field['id']}-error")
    assert page.text("#retention-then option[selected]") == "erase its answers for good"


async def test_a_made_up_choice_is_refused(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await asked(admin_browser, then="<script>alert(1)</script>")
    assert (page.answer.status_code, "<script>alert" in page.answer.text) == (422, False)
    assert "One of trash, erase." in page.text("[aria-labelledby=retention] [role=alert]")
    assert (await admin_browser.open(ASK)).answer.status_code == 422


async def test_erasing_says_that_it_is_for_good(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await asked(admin_browser, then="erase")
    assert "Erasing cannot be undone" in page.text(".ks-facts")
    part = await admin_browser.open(f"{ASK}?after=completion&days=30&then=erase", htmx=True)
    assert (part.is_whole, part.text("#dialog-title")) == (False, "Switch this retention rule on?")


async def test_admins_alone_see_it_and_use_it(editor_browser: Browser, signed_in: SignedIn, survey: WebSurvey) -> None:
    assert (await editor_browser.open(SETTINGS)).tree.select("[aria-labelledby=retention]") == []
    for browser in (editor_browser, await signed_in("analyst")):
        assert (await browser.open(f"{ASK}?after=completion&days=30&then=trash")).answer.status_code == 403
        assert (await browser.open(ASK)).answer.status_code == 403
    token = str((await editor_browser.open("/")).one("meta[name=csrf-token]")["content"])
    sent = await editor_browser.client.post(ASK, data={"csrf_token": token, **TRASH})
    assert (sent.status_code, await stored(survey)) == (403, None)


async def test_a_wizard_in_the_trash_takes_no_new_rule(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await asked(admin_browser)
    await survey.client.delete(survey.url)
    assert (await admin_browser.press(page, ON)).status_code == 410


async def test_the_audit_trail_says_which_rule_was_set(admin_browser: Browser, survey: WebSurvey) -> None:
    await admin_browser.press(await asked(admin_browser), ON)
    page = await admin_browser.open("/wizards/customer-survey/audit")
    assert "retention = trash 30 days after completion" in page.text("#main")


async def test_over_http_the_dry_run_gives_the_token_and_without_it_the_counts_come_back(
    admin: httpx.AsyncClient, survey: WebSurvey
) -> None:
    await survey.answer(full_name="Ada")
    body = {"settings": {"retention": TRASH}}
    dry = await admin.patch(survey.url, json=body, params={"dry_run": True})
    assert {**dry.json(), "confirm": ""} == {"retention": TRASH, "runs": 0, "by_version": [], "confirm": ""}
    refused = await admin.patch(survey.url, json=body)
    assert (refused.status_code, refused.json()["code"], refused.json()["runs"]) == (409, "impact-unconfirmed", 0)
    assert (await admin.patch(survey.url, json=body, params={"confirm": "made up"})).status_code == 409
    assert await stored(survey) is None
    done = await admin.patch(survey.url, json=body, params={"confirm": dry.json()["confirm"]})
    assert (done.status_code, done.json()["settings"]["retention"]) == (200, TRASH)
    assert (await admin.patch(survey.url, json=body)).status_code == 200


async def test_over_http_an_editor_is_refused_and_so_is_a_dry_run_of_something_else(
    editor: httpx.AsyncClient, admin: httpx.AsyncClient, survey: WebSurvey
) -> None:
    for query in ({}, {"dry_run": "true"}):
        assert (await editor.patch(survey.url, json={"settings": {"retention": TRASH}}, params=query)).status_code == 403
    bodies: list[Any] = [{"name": "X"}, {"settings": {"retention": TRASH, "abandon_after": 5}}, {"settings": {}}, {}]
    for body in bodies:
        answer = await admin.patch(survey.url, json=body, params={"dry_run": True})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "nothing-to-count")
    wrong = await admin.patch(survey.url, json={"settings": {"retention": {"days": 5}}})
    assert [each["pointer"] for each in wrong.json()["errors"]] == ["/settings/retention/after", "/settings/retention/then"]


async def test_the_dialog_costs_the_same_number_of_queries_with_one_run_and_with_ten(
    admin_browser: Browser, resources: Resources, survey: WebSurvey
) -> None:
    path = f"{ASK}?after=last_activity&days=1&then=erase"
    counts = []
    await admin_browser.open(path)
    for many in (1, 9):
        for _ in range(many):
            await survey.answer(full_name="Ada")
        with count_queries(resources.engine) as found:
            await admin_browser.open(path)
        counts.append(len(found))
    assert counts[0] == counts[1] <= 6
