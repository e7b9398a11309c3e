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
    page.goto(f"/wizards/{slug}/runs?trashed=1")
    page.get_by_label(f"Run {ids[0][-8:]}").check()
    page.get_by_role("button", name="Out of the trash…").click()
    page.get_by_role("button", name="Restore 1 run").click()
    expect(page.locator("table.ks-runs tbody tr")).to_have_count(1)


def test_runs_are_exported_without_personal_data_and_erased_by_keyboard(
    signed_in: Callable[..., Page], runs: tuple[str, list[str]]
) -> None:
    slug, ids = runs
    page = signed_in()
    page.goto(f"/wizards/{slug}/runs?q=ann")
    page.get_by_label(f"Run {ids[1][-8:]}").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Export…").press("Enter")
    page.get_by_label("Leave out personal data").press("Space")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export 1 run").press("Enter")
    assert download.value.suggested_filename == f"{slug}-without-personal-data.csv"
    page.goto(f"/wizards/{slug}/runs?q=ann")
    page.get_by_label(f"Run {ids[1][-8:]}").press("Space")
    page.get_by_role("button", name="Erase…").press("Enter")
    page.get_by_label("Reason").fill("asked for")
    page.get_by_role("button", name="Erase 1 run for good").press("Enter")
    expect(page.get_by_text("The answers of 1 run are erased for good.")).to_be_visible()
    page.goto(f"/wizards/{slug}/runs/{ids[1]}")
    expect(page.get_by_text("asked for")).to_be_visible()


def test_a_retention_rule_is_counted_and_switched_on(signed_in: Callable[..., Page], runs: tuple[str, list[str]]) -> None:
    slug, _ = runs
    page = signed_in(width=360)
    page.goto(f"/wizards/{slug}/settings")
    page.get_by_label("Days to keep a run").fill("30")
    page.get_by_role("button", name="Count what is due…").click()
    expect(page.get_by_role("heading", name="Switch this retention rule on?")).to_be_visible()
    page.get_by_role("button", name="Switch the rule on").click()
    expect(page.locator("#retention-rule")).to_contain_text("30 days")


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
    "/act?deed=export&all=1",
    "/act?deed=trash&all=1",
    "/{run}",
    "/{run}/edit",
    "/{run}/erase",
    "/{run}/compare",
    "/../settings",
    "/../settings/retention?after=last_activity&days=1&then=erase",
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
