"""The migration bench in Chromium: from the choice of versions to the undo by mouse, the work list by keyboard, looked at by axe."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import LOOKS, CheckPage
from tests.factories import option, option_set, step, wizard
from tests.served import Served


def send(client: httpx.Client, url: str, structure: dict[str, Any]) -> None:
    """The draft replaced and published, whatever it asks."""
    tag = client.get(f"{url}/draft").headers["ETag"]
    client.put(f"{url}/draft", json={"structure": structure}, headers={"If-Match": tag}).raise_for_status()
    tag = client.get(f"{url}/draft").headers["ETag"]
    answer = client.post(f"{url}/publish", json={}, headers={"If-Match": tag})
    if answer.status_code == 409:
        answer = client.post(f"{url}/publish", json={"confirm": answer.json()["confirm"]}, headers={"If-Match": tag})
    answer.raise_for_status()


@pytest.fixture
def slug(served: Served) -> str:
    """A survey of two versions: a color becomes several, an age becomes a number, a fax goes. Two ages are no number."""
    color = option_set("favorite-color", "single_select", options=[option("blue"), option("red"), option("teal")])
    age, fax = option_set("age"), option_set("fax-number")
    with served.client() as client:
        made = client.post("/api/v1/wizards", json={"structure": wizard(step("page", color, age, fax), name="Moved in the browser")}).json()
        url = f"/api/v1/wizards/{made['id']}"
        structure = client.get(f"{url}/draft").json()["structure"]
        send(client, url, structure)
        for number, (chosen, years) in enumerate((("blue", "30"), ("teal", "41"), ("red", "old"), ("red", "<b>young</b>"))):
            answers = {"favorite-color": chosen, "age": years, "fax-number": str(number)}
            client.post(f"{url}/runs", json={"answers": answers, "complete": True}).raise_for_status()
        several = {**color, "selection_type": "multiple_select", "options": [option("blue"), option("red"), option("green")]}
        steps = [{**structure["steps"][0], "option_sets": [several, {**age, "selection_type": "integer"}]}]
        send(client, url, {**structure, "steps": steps})
        return str(made["slug"])


def test_runs_are_mapped_previewed_moved_decided_about_and_taken_back(
    signed_in: Callable[..., Page], slug: str, accessible: CheckPage
) -> None:
    page = signed_in()
    page.goto(f"/wizards/{slug}/migrations")
    accessible(page)
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_role("heading", name="1 thing has to be said before anything can be counted")).to_be_visible()
    accessible(page)
    page.get_by_label("Teal", exact=True).select_option("green")
    page.get_by_role("button", name=re.compile("^Save and count again.*Favorite Color$")).click()
    expect(page.get_by_text("<b>young</b>").first).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Approve and move 2 runs").click()
    expect(page.locator("#progress .ks-job-state")).to_have_text("Completed, some runs wait", timeout=60_000)
    accessible(page)
    decide_by_keyboard(page)
    page.get_by_role("button", name="Undo migration 1").click()
    expect(page.locator("#progress .ks-job-state")).to_have_text("Completed", timeout=60_000)
    for width, theme in LOOKS:
        looked = signed_in(width=width, theme=theme)
        looked.goto(page.url)
        accessible(looked)


def decide_by_keyboard(page: Page) -> None:
    """The first with an answer, and the focus is on the second, which goes to the archive."""
    page.locator(".ks-work-answer input[type=text]").first.focus()
    page.keyboard.type("77")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The run has moved.")).to_be_visible()
    expect(page.locator(".ks-work-answer input[type=text]").first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No run waits for a person.")).to_be_visible()


def test_one_run_moves_by_the_dialog_of_its_page(signed_in: Callable[..., Page], slug: str, served: Served, accessible: CheckPage) -> None:
    with served.client() as client:
        run = client.get(f"/api/v1/wizards/{slug}/runs").json()["items"][0]["id"]
    page = signed_in(width=360, theme="dark")
    page.goto(f"/wizards/{slug}/runs/{run}")
    page.get_by_role("link", name="Move to the latest version…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    accessible(page)
    for each in page.get_by_role("group").filter(has=page.get_by_role("radio")).all():
        each.get_by_role("radio").nth(1).check()
    page.get_by_role("button", name="Show what that makes of the run").click()
    page.get_by_role("button", name="Move to v2").click()
    expect(page.get_by_text("The run has moved.")).to_be_visible()
