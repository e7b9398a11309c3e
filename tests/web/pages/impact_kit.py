"""What tests of the dialogs share: their addresses, and forms as pages of the builder send them."""

import json
from typing import Any

import httpx
from tests.pages_kit import HTMX, Browser, Page
from tests.web_kit import WebSurvey

JOHN = {"full_name": "John Doe", "email": "john@example.com", "favorite_color": "blue"}


def address(survey: WebSurvey, page: str, node: str, **more: str) -> str:
    return str(httpx.URL(f"/wizards/{survey.wizard}/build/impact/{page}", params={"node": node, **more}))


async def send(browser: Browser, survey: WebSurvey, page: str, *, htmx: bool = False, **fields: str) -> httpx.Response:
    """What a form of the builder sends, before anything was shown."""
    token = (await browser.open("/")).one("meta[name=csrf-token]")["content"]
    data = {"csrf_token": str(token), **fields}
    return await browser.client.post(f"/wizards/{survey.wizard}/build/impact/{page}", data=data, headers=HTMX if htmx else {})


async def change(browser: Browser, survey: WebSurvey, node: str, fields: dict[str, Any], **more: str) -> httpx.Response:
    return await send(browser, survey, "change", htmx=False, node=node, fields=json.dumps(fields), **more)


async def changed(browser: Browser, survey: WebSurvey, node: str, fields: dict[str, Any], **more: str) -> Page:
    """The dialog that the change meets."""
    return Page(await change(browser, survey, node, fields, **more))


def rows_of(page: Page, table: str = ".ks-numbers") -> list[list[str]]:
    rows = page.tree.select(f"{table} tbody tr, {table} tfoot tr")
    return [[" ".join(cell.get_text(" ", strip=True).split()) for cell in row.select("th, td")] for row in rows]


async def option_set(survey: WebSurvey, option_set_id: str) -> dict[str, Any]:
    steps = (await survey.draft())["structure"]["steps"]
    found: dict[str, Any] = next(item for step in steps for item in step["option_sets"] if item["id"] == option_set_id)
    return found
