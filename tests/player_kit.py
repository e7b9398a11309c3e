"""How tests answer a wizard: as a respondent in a browser without a script does, by the labels of its questions."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
from bs4 import Tag
from tests.browser_form import sent_form
from tests.pages_kit import Browser, Page

Upload = tuple[str, bytes, str]


def path_of(page: Page) -> str:
    """Where the page stands, without its query."""
    return page.answer.url.path


def title(page: Page) -> str:
    return page.text("h1")


def asked_in(page: Page) -> list[str]:
    """The questions of a page, in order."""
    return [_plain(each) for each in page.tree.select(".pl-question .pl-label")]


def _plain(label: Tag) -> str:
    return " ".join(label.get_text(" ", strip=True).split()).removesuffix(" (optional)")


def input_of(page: Page, label: str) -> str:
    """The name of the first input of a question, or of the input with a label of its own."""
    held = [each for each in page.tree.select("label, legend") if _plain(each) == label]
    assert held, f"no {label!r} among {[_plain(each) for each in page.tree.select('label, legend')]}"
    named = held[0].get("for")
    if named:
        return str(page.one(f"#{named}")["name"])
    group = held[0].find_parent("fieldset")
    within = held[0].select("input") or (group.select("input[name^=q-]") if group else [])
    return str(within[0]["name"])


def form_in(page: Page) -> dict[str, list[str]]:
    """What the page's form would send as it stands, without a button."""
    form = sent_form(str(page.one("form")))
    form.pop("trap", None)
    return form


async def begun(browser: Browser, ref: str, query: str = "") -> Page:
    """The first page of a new passage."""
    page = await browser.open(f"/w/{ref}{query}")
    assert page.answer.status_code == 200, page.answer.text[:2000]
    action = str(page.one("form")["action"])
    answer = await browser.client.post(action, data=form_in(page))
    assert answer.status_code == 303, answer.text[:3000]
    return await browser.open(answer.headers["location"])


async def send_raw(
    browser: Browser,
    page: Page,
    given: Mapping[str, str | Sequence[str]] | None = None,
    *,
    go: str | None = "next",
    files: Mapping[str, Upload] | None = None,
    also: Mapping[str, str | Sequence[str]] | None = None,
) -> httpx.Response:
    """The answer to the page's form with these inputs filled in by label, and `also` by name."""
    form = form_in(page)
    for label, value in (given or {}).items():
        form[input_of(page, label)] = [value] if isinstance(value, str) else list(value)
    form |= {name: [value] if isinstance(value, str) else list(value) for name, value in (also or {}).items()}
    if go:
        form["go"] = [go]
    action = str(page.one("form")["action"])
    uploads = {input_of(page, label): upload for label, upload in (files or {}).items()}
    return await browser.client.post(action, data=form, files=uploads or None)


async def sent(browser: Browser, page: Page, given: Mapping[str, str | Sequence[str]] | None = None, **how: Any) -> Page:
    """The page after a button was pressed, redirects followed."""
    answer = await send_raw(browser, page, given, **how)
    if answer.status_code == 303:
        return await browser.open(answer.headers["location"])
    return Page(answer)


async def finished(browser: Browser, page: Page) -> Page:
    """The end, from the check page."""
    answer = await browser.client.post(str(page.one("form")["action"]))
    assert answer.status_code == 303, answer.text[:3000]
    return await browser.open(answer.headers["location"])


def run_id_of(page: Page) -> str:
    return urlsplit(str(page.answer.url)).path.split("/")[3]


def answers_on(page: Page) -> dict[str, str]:
    """The check page or the copy, as question → answer."""
    return {
        " ".join(row.select_one("dt").get_text().split()): " ".join(row.select_one("dd").get_text().split())  # type: ignore[union-attr] # a row has both
        for row in page.tree.select(".pl-answers > div")
    }
