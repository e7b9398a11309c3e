"""Scenario C on the pages: a wizard with runs goes to the trash, comes back, and is removed for good; its runs stay."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.factories import count_queries
from tests.pages_kit import Browser, Page
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]
TO_TRASH = "Move “Customer Survey” to the trash"
FOR_GOOD = "Remove “Customer Survey” for good"


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    """Published, with a completed run and one in progress."""
    made = await web_survey(editor)
    await made.answer(full_name="Ann", email="ann@example.org")
    await editor.post(f"{made.url}/runs", json={"answers": {"full-name": "Bob"}})
    return made


def cells(page: Page) -> list[list[str]]:
    return [[each.get_text(" ", strip=True) for each in row.select("th, td")] for row in page.tree.select(".ks-counts tbody tr")]


async def pressed(browser: Browser, path: str, button: str) -> Page:
    answer = await browser.press(await browser.open(path), button)
    assert answer.status_code == 303, answer.text
    return await browser.open(answer.headers["location"])


async def test_the_dialog_counts_what_is_stored_and_says_that_it_stays(editor_browser: Browser, survey: WebSurvey) -> None:
    home = await editor_browser.open("/")
    dialog = await editor_browser.open(home.link("Move to the trash…"), htmx=True)
    assert not dialog.is_whole
    assert dialog.text("#dialog-title") == f"{TO_TRASH}?"
    assert dialog.text(".ks-pill > span[aria-hidden]") == "3 answers · 1 version"
    assert cells(dialog) == [["v1 live", "1", "1", "0", "0"], ["All runs", "1", "1", "0", "0"]]
    assert dialog.one("[data-close]").has_attr("autofocus")
    assert (await editor_browser.open(home.link("Move to the trash…"))).is_whole


async def test_the_counts_of_the_dialog_are_those_of_the_api(editor_browser: Browser, survey: WebSurvey) -> None:
    report = (await survey.client.delete(survey.url, params={"dry_run": True})).json()
    dialog = await editor_browser.open("/wizards/customer-survey/trash")
    assert dialog.text(".ks-pill b") == str(report["impact"]["answers"])
    assert cells(dialog)[-1][1:4] == [str(report["impact"]["runs"][state]) for state in ("completed", "in_progress", "abandoned")]


async def test_a_wizard_goes_to_the_trash_and_comes_back(editor_browser: Browser, survey: WebSurvey) -> None:
    home = await pressed(editor_browser, "/wizards/customer-survey/trash", TO_TRASH)
    assert "“Customer Survey” is in the trash" in home.text("#notices")
    assert (home.text("#wizards h2"), home.link("Trash 1")) == ("No wizards yet", "/trash")
    trash = await editor_browser.open("/trash")
    assert (trash.text(".ks-trash h2"), trash.text(".ks-pill b")) == ("Customer Survey", "2")
    back = await pressed(editor_browser, "/trash", "Restore “Customer Survey”")
    assert "“Customer Survey” is back" in back.text("#notices")
    assert [each.get_text() for each in back.tree.select(".ks-name")] == ["Customer Survey"]


async def test_the_notice_takes_it_back_at_once(editor_browser: Browser, survey: WebSurvey) -> None:
    home = await pressed(editor_browser, "/wizards/customer-survey/trash", TO_TRASH)
    answer = await editor_browser.press(home, "Restore “Customer Survey”")
    assert (await survey.client.get(survey.url)).json()["trashed_at"] is None
    assert answer.status_code == 303


async def test_runs_stay_readable_when_a_wizard_is_removed_for_good(admin_browser: Browser, survey: WebSurvey) -> None:
    runs = (await survey.client.get(f"{survey.url}/runs")).json()["items"]
    await pressed(admin_browser, "/wizards/customer-survey/trash", TO_TRASH)
    after = await pressed(admin_browser, f"/wizards/{survey.wizard}/remove", FOR_GOOD)
    assert "“Customer Survey” is removed" in after.text("#notices")
    assert survey.wizard in after.text("#notices")
    assert after.text("#wizards h2") == "The trash is empty"
    assert [(await survey.client.get(f"/api/v1/runs/{run['id']}")).json()["responses"] for run in runs]
    assert (await admin_browser.open(f"/wizards/{survey.wizard}/settings")).answer.status_code == 410


async def test_a_run_that_came_meanwhile_is_shown_before_anything_is_done(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    dialog = await editor_browser.open("/wizards/customer-survey/trash")
    assert "no run and no answer" in dialog.text("main")
    await survey.answer(full_name="Ann")
    again = Page(await editor_browser.press(dialog, TO_TRASH))
    assert (again.answer.status_code, again.one(".ks-form-error")["role"]) == (409, "alert")
    assert cells(again)[-1] == ["All runs", "1", "0", "0", "0"]
    assert (await survey.client.get(survey.url)).json()["trashed_at"] is None
    assert (await editor_browser.press(again, TO_TRASH)).status_code == 303


async def test_without_the_token_of_the_dialog_nothing_is_done(editor_browser: Browser, survey: WebSurvey) -> None:
    dialog = await editor_browser.open("/wizards/customer-survey/trash")
    for token in ("", "nonsense"):
        assert (await editor_browser.press(dialog, TO_TRASH, {"confirm": token})).status_code == 409
    assert (await survey.client.get(survey.url)).json()["trashed_at"] is None


async def test_an_analyst_trashes_nothing_and_an_editor_removes_nothing(
    signed_in: SignedIn, editor_browser: Browser, survey: WebSurvey
) -> None:
    analyst = await signed_in("analyst")
    assert (await analyst.open("/wizards/customer-survey/trash")).answer.status_code == 403
    assert "Move to the trash…" not in (await analyst.open("/")).text("main")
    assert (await editor_browser.open("/wizards/customer-survey/remove")).answer.status_code == 403
    dialog = await editor_browser.open("/wizards/customer-survey/trash")
    action, held = dialog.form_of(TO_TRASH)
    assert (await editor_browser.client.post(action.replace("/trash", "/remove"), data=held)).status_code == 403
    await editor_browser.press(dialog, TO_TRASH)
    assert "for good" not in (await editor_browser.open("/trash")).text("main")
    assert "Restore" not in (await analyst.open("/trash")).text("main")


async def test_one_trashed_wizard_and_thirty_cost_the_same_number_of_queries(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    counts = []
    for many in (1, 29):
        for number in range(many):
            made = (await editor.post("/api/v1/wizards", json={"name": f"<b>W{number}</b>"})).json()
            await editor.delete(f"/api/v1/wizards/{made['id']}")
        with count_queries(resources.engine) as found:
            page = await admin_browser.open("/trash")
        counts.append(len(found))
    assert counts[0] == counts[1] <= 4
    assert (len(page.tree.select(".ks-trash > li")), page.tree.select(".ks-trash h2 b")) == (30, [])


async def test_searching_the_trash_gives_the_list_alone_to_the_script(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    for name in ("Intake", "Survey"):
        made = (await editor.post("/api/v1/wizards", json={"name": name})).json()
        await editor.delete(f"/api/v1/wizards/{made['id']}")
    part = await admin_browser.open("/trash?q=inta", htmx=True)
    assert (part.is_whole, [each.get_text() for each in part.tree.select("h2")]) == (False, ["Intake"])
    assert (await admin_browser.open("/trash?q=none")).text("#wizards h2") == "No wizard in the trash is called that"
