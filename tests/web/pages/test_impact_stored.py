"""What is stored beside the nodes: the pills of every question, and the panel of one with its versions, uses and history."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.factories import count_queries
from tests.pages_kit import Browser, Page
from tests.web.pages.impact_kit import JOHN, address
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    made = await web_survey(editor)
    await made.answer(**JOHN)
    return made


def parts(page: Page) -> dict[str, str]:
    found = page.tree.select("hx-partial")
    return {str(each["hx-target"]): each.select_one(".visually-hidden").get_text() if each.find("span") else "" for each in found}  # type: ignore[union-attr]


async def test_the_pills_of_every_question_come_as_parts_for_the_places_of_the_page(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Ann")
    page = await editor_browser.open(f"/wizards/{survey.wizard}/build/impact/counts", htmx=True)
    found = {target: " ".join(text.split()) for target, text in parts(page).items()}
    assert found == {
        f".ks-stored-{survey.steps[0]}": "3 answers in 1 version",
        f".ks-stored-{survey.full_name}": "2 answers in 1 version",
        f".ks-stored-{survey.email}": "1 answer in 1 version",
        f".ks-stored-{survey.steps[1]}": "1 answer in 1 version",
        f".ks-stored-{survey.color}": "1 answer in 1 version",
    }


async def test_a_deleted_question_still_has_its_pill(editor_browser: Browser, survey: WebSurvey) -> None:
    asked = await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}")
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}?confirm={asked.json()['confirm']}")
    page = await editor_browser.open(f"/wizards/{survey.wizard}/build/impact/counts", htmx=True)
    assert parts(page)[f".ks-stored-{survey.email}"].startswith("1 answer")


async def test_without_a_script_the_counts_are_a_page_that_leads_to_each_question(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open(f"/wizards/{survey.wizard}/build/impact/counts")
    assert [row.get_text(" ", strip=True) for row in page.tree.select("tbody th")] == ["Full Name", "Email", "Favorite Color"]
    panel = await editor_browser.open(page.link("Email"))
    assert panel.text("#stored-answers .ks-pill .visually-hidden") == "1 answer in 1 version"
    assert panel.link("Back") == f"/wizards/{survey.wizard}/build/impact/counts"


async def test_the_panel_shows_versions_states_values_uses_and_history(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.color}", json={"name": "Color", "meaning": "same"})
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.full_name}", json={"help": f"Likes {{{{{survey.color}}}}}"})
    assert (await survey.publish()).status_code == 201
    await survey.answer(favorite_color="red")
    await survey.client.post(f"{survey.url}/runs", json={"answers": {"favorite-color": "red"}})
    panel = await editor_browser.open(address(survey, "answers", survey.color), htmx=True)
    assert panel.is_whole is False
    assert panel.text(".ks-pill .visually-hidden") == "3 answers in 2 versions"
    assert [" ".join(each.get_text(" ", strip=True).split()) for each in panel.tree.select(".ks-lane")] == [
        "v1 1 answer",
        "v2 live 2 answers",
    ]
    assert [each["width"] for each in panel.tree.select(".ks-lane rect")] == ["50", "100"]
    assert "2 completed, 1 in progress, 0 abandoned" in panel.answer.text
    assert panel.text(".ks-values") == "Red red 2 Blue blue 1"
    assert [each.get_text() for each in panel.tree.select(".ks-places a")] == ["The help text of “Full Name”"]
    history = [" ".join(each.get_text(" ", strip=True).split()) for each in panel.tree.select(".ks-history li")]
    assert [line.split("”")[0] for line in history] == ["v1 First published as “Favorite Color", "v2 live Reworded to “Color"]
    assert panel.link("Restore it as it was in v1…") == f"/wizards/{survey.wizard}/versions/1/questions/{survey.color}"


async def test_the_history_tells_retired_and_back_deleted_and_retyped(editor_browser: Browser, survey: WebSurvey) -> None:
    url = f"/api/v1/option-sets/{survey.email}"

    async def then(method: str, path: str, **named: Any) -> None:
        answer = await survey.send(method, path, **named)
        if answer.status_code == 409:
            answer = await survey.send(method, f"{path}?confirm={answer.json()['confirm']}", **named)
        assert answer.status_code == 200, answer.text
        assert (await survey.publish()).status_code == 201

    await then("POST", f"{url}/retire")
    await then("POST", f"{url}/restore")
    await then("PATCH", url, json={"selection_type": "email"})
    await then("DELETE", url)
    await then("POST", f"{url}/restore")
    panel = await editor_browser.open(address(survey, "answers", survey.email))
    lines = [" ".join(each.get_text(" ", strip=True).split()) for each in panel.tree.select(".ks-history li")]
    assert [line.removeprefix("v").split(" ", 1)[0] for line in lines] == ["1", "2", "3", "4", "5", "6"]
    wanted = [
        "First published as “Email”",
        "Retired",
        "Back, with the same id",
        "Type changed to email",
        "Deleted",
        "Back, with the same id",
    ]
    assert [text in line for text, line in zip(wanted, lines, strict=True)] == [True] * 6


@pytest.mark.parametrize("value", [None, "blue"])
async def test_steps_and_options_have_a_panel_too(editor_browser: Browser, survey: WebSurvey, value: str | None) -> None:
    node = survey.steps[0] if value is None else survey.color
    panel = await editor_browser.open(address(survey, "answers", node, **({} if value is None else {"value": value})))
    answers = "2 answers in 1 version" if value is None else "1 answer in 1 version"
    assert panel.text(".ks-pill .visually-hidden") == answers
    assert "First published" in panel.text(".ks-history")


async def test_an_analyst_may_look(signed_in: SignedIn, survey: WebSurvey) -> None:
    browser = await signed_in("analyst")
    assert (await browser.open(f"/wizards/{survey.wizard}/build/impact/counts")).answer.status_code == 200
    assert (await browser.open(address(survey, "answers", survey.email))).answer.status_code == 200


async def test_a_foreign_wizard_is_refused(signed_in: SignedIn, admin: httpx.AsyncClient, survey: WebSurvey) -> None:
    mine = (await admin.post("/api/v1/wizards", json={"name": "Mine"})).json()
    browser = await signed_in("analyst")
    user = next(each for each in (await admin.get("/api/v1/users")).json()["items"] if each["email"] == "analyst@example.org")
    await admin.put(f"/api/v1/users/{user['id']}/grants/{mine['id']}", json={"role": "editor"})
    for page in ("counts", "answers", "delete", "change"):
        assert (await browser.open(address(survey, page, survey.email))).answer.status_code == 403


async def test_a_wizard_without_questions_says_what_comes_next(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "New"})).json()
    page = await editor_browser.open(f"/wizards/{made['id']}/build/impact/counts")
    assert page.text(".ks-empty h2") == "No questions yet"


async def test_counts_and_panel_cost_the_same_for_one_run_and_fifty(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    for path, most in ((f"/wizards/{survey.wizard}/build/impact/counts", 8), (address(survey, "answers", survey.steps[0]), 10)):
        counts = []
        for more in (0, 49):
            for number in range(more):
                await survey.answer(email=f"{number}@example.com", full_name="X")
            with count_queries(resources.engine) as found:
                await admin_browser.open(path)
            counts.append(len(found))
        assert max(counts) <= most, counts
