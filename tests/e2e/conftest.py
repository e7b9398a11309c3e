"""A Keepstep that is really served, a real Chromium that looks at it, and axe, which says what somebody cannot read or reach."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.pages_kit import PASSWORD
from tests.served import Served, keepstep, serving

ROOT = Path(__file__).parents[2]
AXE = ROOT / "assets/node_modules/axe-core/axe.min.js"
EMAIL = "ada@example.org"
THEMES = ("light", "dark")
WIDTHS = (360, 1280)
# Every width and every theme on every page; each with each would take twice as long.
LOOKS = ((360, "dark"), (1280, "light"))
# The same Chromium without its windows is asked first: a page opens there in half the time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CheckPage = Callable[[Page], None]


def chromium() -> str:
    """Where the browser is: KEEPSTEP_CHROMIUM, else the one of the system. Without one these tests skip, saying so; where
    KEEPSTEP_REQUIRE_CHROMIUM is set, as `.ci/run` does, they fail.
    """
    named = os.environ.get("KEEPSTEP_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found and not os.environ.get("KEEPSTEP_REQUIRE_CHROMIUM"):
        pytest.skip("needs Chromium: install it, or name it by KEEPSTEP_CHROMIUM")
    assert found, "these tests need Chromium: install it, or name it by KEEPSTEP_CHROMIUM"
    return found


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the session, with the admin Ada (EMAIL, PASSWORD) and her token. Tests make wizards of their own in it."""
    # A short path: the socket of the database lies in it.
    home = tmp_path_factory.mktemp("e")
    environment = {"KEEPSTEP_HOME": str(home)}
    keepstep(environment, "user", "add", EMAIL, "--role", "admin", "--name", "Adaeze Okafor", "--password-stdin", given=PASSWORD)
    token = keepstep(environment, "token", "add", EMAIL)
    with serving(environment, token, home / "log") as server:
        yield server


# For each module and not for the session: while it is open, Playwright's event loop runs in this thread, and the asynchronous tests of
# other folders could not have theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, served: Served) -> Iterator[Callable[..., Page]]:
    """Makes a page in a browser of its own, at addresses of the server. What the console complains of fails the test."""
    contexts = []
    complaints: list[str] = []

    def make(*, width: int = 1280, theme: str = "light", script: bool = True) -> Page:
        context = browser.new_context(
            base_url=served.address,
            viewport={"width": width, "height": 800},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=script,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said.type, said.text) else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


def _is_complaint(kind: str, text: str) -> bool:
    """An answer of 4xx or a lost connection is something that a test may want; anything else in red is not, and so is what the policy
    refused.
    """
    return kind == "error" and not re.match(r"Failed to load resource: (the server responded with a status of 4\d\d|net::ERR_)", text)


@pytest.fixture(scope="session")
def kept_cookies() -> list[Any]:
    """The cookies of the last browser that signed in as Ada."""
    return []


@pytest.fixture
def signed_in(open_page: Callable[..., Page], kept_cookies: list[Any]) -> Callable[..., Page]:
    """As `open_page`, signed in as Ada and on the first page: with the session of an earlier test while it lasts."""

    def make(**given: Any) -> Page:
        page = open_page(**given)
        page.context.add_cookies(kept_cookies)
        page.goto("/")
        if urlsplit(page.url).path != "/":
            sign_in(page)
            page.wait_for_url(re.compile(r"/$"))
            kept_cookies[:] = page.context.cookies()
        return page

    return make


def sign_in(page: Page, password: str = PASSWORD, email: str = EMAIL) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.fixture
def accessible() -> CheckPage:
    """Fails with what axe finds on a page as it is now, and when the page is wider than its window."""

    def check(page: Page) -> None:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "the page is wider than its window"

    return check
