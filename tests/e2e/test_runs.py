"""The run store in Chromium: by mouse and by keyboard, with and without a script, and nothing that axe finds."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.actions_kit import survey_structure
from tests.e2e.conftest import THEMES, WIDTHS, CheckPage
from tests.served import Served


@pytest.fixture
def runs(served: Served) -> tuple[str, list[str]]:
    """The slug of a published survey, and three completed runs of it; the last with a text in Hebrew."""
    with served.client() as client:
        structure = survey_structure()
        made = client.post("/api/v1/wizards", json={"name": "Runs in the browser", "structure": structure}).json()
        etag = client.get(f"/api/v1/wizards/{made['id']}/draft").headers["ETag"]
        client.post(f"/api/v1/wizards/{made['id']}/publish", headers={"If-Match": etag}, json={}).raise_for_status()
        names = ("John Doe", "Ann", "שלום 😀")
        return made["slug"], [_answered(client, made["id"], name) for name in names]


def _answered(client: httpx.Client, wizard: str, name: str) -> str:
    answers = {"full-name": name, "email": "a@example.com", "favorite-color": "blue"}
    made = client.post(f"/api/v1/wizards/{wizard}/runs", json={"answers": answers, "complete": True})
    made.raise_for_status()
    return str(made.json()["id"])


def test_ticked_runs_go_to_the_trash_by_mouse(signed_in: Callable[..., Page], runs: tuple[str, list[str]]) -> None:
    slug, ids = runs
    page = signed_in()
    page.goto(f"/wizards/{slug}/runs")
    expect(page.locator(".ks-bulk")).to_be_hidden()
    page.get_by_label(f"Run {ids[0][-8:]}").check()
    page.get_by_label(f"Run {ids[1][-8:]}").check()
    expect(page.locator(".ks-bulk-count")).to_contain_text("2 runs ticked")
    page.get_by_role("button", name="Move to the trash…").click()
    expect(page.get_by_role("heading", name="Move 2 runs to the trash?")).to_be_visible()
    page.get_by_role("button", name="Move 2 runs to the trash").click()
    expect(page.get_by_text("2 runs are in the trash.")).to_be_visible()
    expect(page.locator("table.ks-runs tbody tr")).to_have_count(1)


def test_an_old_run_is_found_edited_and_saved_by_keyboard(signed_in: Callable[..., Page], runs: tuple[str, list[str]]) -> None:
    slug, _ = runs
    page = signed_in()
    page.goto(f"/wizards/{slug}/runs")
    page.get_by_label("Search answers and references").focus()
    page.keyboard.type("john")
    page.keyboard.press("Enter")
    expect(page.locator("table.ks-runs tbody tr")).to_have_count(1)
    page.locator("table.ks-runs tbody th a").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Edit in v1").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Email").focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("john.doe@example.com")
    page.get_by_role("button", name="Save as revision 2").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The edit is stored as a new revision.")).to_be_visible()
    expect(page.locator(".ks-revisions > li")).to_have_count(2)


def test_without_a_script_the_bar_is_there_and_its_dialog_is_a_page(signed_in: Callable[..., Page], runs: tuple[str, list[str]]) -> None:
    slug, ids = runs
    page = signed_in(script=False)
    page.goto(f"/wizards/{slug}/runs")
    page.get_by_label(f"Run {ids[2][-8:]}").check()
    page.get_by_role("button", name="Move to the trash…").click()
    page.get_by_role("button", name="Move 1 run to the trash").click()
    expect(page.get_by_text("1 run is in the trash.")).to_be_visible()


PAGES = (
    "",
    "?trashed=1",
    "/columns",
    "/filter",
    "/views",
    "/act?deed=erase&all=1",
    "/{run}",
    "/{run}/edit",
    "/{run}/erase",
    "/{run}/compare",
)


@pytest.mark.parametrize("theme", THEMES)
def test_nothing_is_found_on_any_page_in_either_theme(
    theme: str, signed_in: Callable[..., Page], runs: tuple[str, list[str]], accessible: CheckPage
) -> None:
    slug, ids = runs
    for width in WIDTHS if theme == "light" else (WIDTHS[0],):
        page: Any = signed_in(theme=theme, width=width)
        for each in PAGES:
            page.goto(f"/wizards/{slug}/runs{each.format(run=ids[2])}")
            accessible(page)
