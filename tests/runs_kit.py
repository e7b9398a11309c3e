"""What tests of the run store share: the survey with runs on two versions, and what a page says of them."""

from typing import Any

import httpx
from bs4 import Tag
from tests.history_kit import squeezed
from tests.pages_kit import Browser, Page
from tests.web_kit import WebSurvey, web_survey


async def confirmed(survey: WebSurvey, method: str, url: str, **named: Any) -> None:
    """An edit of the draft that says yes to whatever it is asked."""
    answer = await survey.send(method, url, **named)
    if answer.status_code == 409:
        answer = await survey.send(method, url, params={"confirm": answer.json()["confirm"]}, **named)
    assert answer.status_code < 300, answer.text


async def two_versions(editor: httpx.AsyncClient) -> tuple[WebSurvey, dict[str, str]]:
    """John and Ann on v1; then Email goes; Zoe on v2."""
    survey = await web_survey(editor)
    john = await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    ann = await survey.answer(full_name="Ann", favorite_color="red")
    await confirmed(survey, "DELETE", f"/api/v1/option-sets/{survey.email}")
    assert (await survey.publish()).status_code == 201
    return survey, {"john": john, "ann": ann, "zoe": await survey.answer(full_name="Zoe")}


def runs_path(survey: WebSurvey, rest: str = "") -> str:
    return f"/wizards/customer-survey/runs{rest}"


def table_of(page: Page) -> list[dict[str, str]]:
    """Each row by the heading of its columns."""
    heads = [squeezed(each) for each in page.tree.select("table.ks-runs thead th")]
    return [dict(zip(heads, map(squeezed, row.select("td, th")), strict=True)) for row in page.tree.select("table.ks-runs tbody tr")]


def names_in(page: Page) -> list[str]:
    return [row["Full Name"] for row in table_of(page)]


def lines_of(page: Page) -> dict[str, tuple[str, str]]:
    """Question → (answer, state) as the page of a run tells them."""
    return {_part(line, "dt"): (_part(line, ".ks-answer-text"), _part(line, ".ks-answer-state")) for line in page.tree.select(".ks-answer")}


def _part(line: Tag, selector: str) -> str:
    found = line.select_one(selector)
    return squeezed(found) if found else ""


async def post(browser: Browser, path: str, **fields: Any) -> httpx.Response:
    """A form with these fields and the token, as a page would send it."""
    token = (await browser.open("/")).one("meta[name=csrf-token]")["content"]
    return await browser.client.post(path, data={"csrf_token": str(token), **fields})


async def send_step(browser: Browser, page: Page, button: str, fields: dict[str, Any] | None = None) -> httpx.Response:
    """As `Browser.press`, for a form whose questions each say by a field of one name that they were shown."""
    _, held = page.form_of(button)
    shown = [str(each["value"]) for each in page.tree.select("#edit-form input[name=shown]")]
    return await browser.client.post(str(page.one("#edit-form")["action"]), data={**held, **(fields or {}), "shown": shown})
