"""What tests of the builder share: its address, its forms by what they hold, and the draft that they change."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import httpx
from bs4 import Tag
from tests.pages_kit import HTMX, Browser, Page
from tests.web_kit import WebSurvey


def path(survey: WebSurvey, **query: str) -> str:
    return f"/wizards/customer-survey/build?{httpx.QueryParams(query)}"


def form_of(page: Page, act: str, **held: str) -> Tag:
    """The one form of this act that holds these values."""
    found = [
        form for form in page.tree.select("form") if str(form["action"]).endswith(f"/{act}") and held.items() <= fields_in(form).items()
    ]
    assert len(found) >= 1, f"no form of {act} with {held}"
    return found[0]


def fields_in(form: Tag) -> dict[str, str]:
    """What the form sends as it stands, but for its buttons."""
    found = {
        str(each["name"]): str(each.get("value", ""))
        for each in form.select("input[name]")
        if each.get("type") not in {"checkbox", "radio"} or each.has_attr("checked")
    }
    found |= {str(each["name"]): each.get_text().removeprefix("\n") for each in form.select("textarea[name]")}
    for each in form.select("select[name]"):
        chosen = each.select_one("option[selected]") or each.select_one("option")
        found |= {str(each["name"]): str(chosen["value"])} if chosen else {}
    return found


async def send(
    browser: Browser, page: Page, act: str, fields: Mapping[str, str] | None = None, *, script: bool = False, **held: str
) -> httpx.Response:
    form = form_of(page, act, **held)
    data = {**fields_in(form), **(fields or {})}
    url = urljoin(str(page.answer.url), str(form["action"]))
    return await browser.client.post(url, data=data, headers=HTMX if script else {}, follow_redirects=not script)


async def structure_of(survey: WebSurvey) -> dict[str, Any]:
    structure: dict[str, Any] = (await survey.draft())["structure"]
    return structure


def sets_of(structure: dict[str, Any], number: int = 0) -> list[dict[str, Any]]:
    sets: list[dict[str, Any]] = structure["steps"][number]["option_sets"]
    return sets
