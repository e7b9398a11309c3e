"""Wizards as wholes in a real browser: made, imported, thrown away and fetched back, by mouse and by keyboard alone."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import LOOKS, CheckPage
from tests.served import Served
from tests.small_form import small_form

OpenPage = Callable[..., Page]


def post(client: httpx.Client, path: str, **given: Any) -> dict[str, Any]:
    answer = client.post(f"/api/v1/{path}", **given)
    assert answer.is_success, answer.text
    body: dict[str, Any] = answer.json()
    return body


def make(served: Served, name: str) -> str:
    """The slug of a new published wizard with a run in progress and a draft that differs."""
    question = {"key": "colour", "name": "Colour?", "selection_type": "text_input"}
    structure = {"name": name, "steps": [{"key": "one", "name": "One", "option_sets": [question]}]}
    with served.client() as client:
        made = post(client, "wizards", json={"name": name, "structure": structure})
        post(client, f"wizards/{made['id']}/publish", headers={"If-Match": '"1"'})
        post(client, f"wizards/{made['id']}/runs", json={"answers": {"colour": "blue"}})
        client.patch(f"/api/v1/wizards/{made['id']}", json={"name": f"{name} again"})
        slug: str = made["slug"]
        return slug


def menu_of(page: Page, name: str) -> Any:
    return page.locator("summary", has_text=f"Menu of {name}")


# --- scenario C ----------------------------------------------------------------------------------------------------------


def test_a_wizard_goes_to_the_trash_and_comes_back_by_mouse(signed_in: OpenPage, served: Served, accessible: CheckPage) -> None:
    make(served, "Mouse")
    page = signed_in()
    menu_of(page, "Mouse again").click()
    page.get_by_role("link", name="Move to the trash…").filter(visible=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Move “Mouse again” to the trash?")).to_be_visible()
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    expect(dialog.get_by_role("row", name="All runs")).to_contain_text("1")
    accessible(page)
    dialog.get_by_role("button", name="Move “Mouse again” to the trash").click()
    expect(page.get_by_text("“Mouse again” is in the trash")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name=re.compile("^Trash")).click()
    page.get_by_role("button", name="Restore “Mouse again”").click()
    expect(page.get_by_text("“Mouse again” is back")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Mouse again")).to_be_visible()


def tab_to(page: Page, what: Any) -> None:
    """Tab as often as it takes, as somebody without a mouse does."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if what.evaluate("element => element === document.activeElement"):
            return
    pytest.fail("the keyboard does not reach it")


def test_a_wizard_goes_to_the_trash_and_comes_back_by_keyboard(signed_in: OpenPage, served: Served) -> None:
    make(served, "Keys")
    page = signed_in()
    page.goto("/?q=keys")
    menu = menu_of(page, "Keys again")
    tab_to(page, menu)
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Move to the trash…"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Move to the trash…"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Move “Keys again” to the trash"))
    page.keyboard.press("Enter")
    restore = page.get_by_role("button", name="Restore “Keys again”")
    expect(restore).to_be_visible()
    tab_to(page, restore)
    page.keyboard.press("Enter")
    expect(page.get_by_text("“Keys again” is back")).to_be_visible()


def test_a_wizard_is_removed_for_good_and_its_run_stays(signed_in: OpenPage, served: Served, accessible: CheckPage) -> None:
    slug = make(served, "Gone")
    with served.client() as client:
        wizard = client.get(f"/api/v1/wizards/{slug}").json()
        run = client.get(f"/api/v1/wizards/{slug}/runs").json()["items"][0]["id"]
        report = client.delete(f"/api/v1/wizards/{slug}", params={"dry_run": True}).json()
        client.delete(f"/api/v1/wizards/{slug}", params={"confirm": report["confirm"]})
    page = signed_in()
    page.goto("/trash")
    page.get_by_role("link", name="Remove “Gone again” for good…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This cannot be undone")
    accessible(page)
    dialog.get_by_role("button", name="Remove “Gone again” for good").click()
    expect(page.get_by_text("“Gone again” is removed")).to_be_visible()
    expect(page.get_by_text(wizard["id"])).to_be_visible()
    with served.client() as client:
        assert client.get(f"/api/v1/runs/{run}").json()["responses"][0]["response_value"] == {"value": "blue"}


# --- new -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False])
def test_a_form_is_imported_and_its_receipt_shown(signed_in: OpenPage, tmp_path: Path, script: bool) -> None:
    form = tmp_path / "visits.xlsx"
    form.write_bytes(small_form())
    page = signed_in(script=script)
    page.get_by_role("link", name="New wizard").click()
    page.get_by_label("File", exact=True).set_input_files(form)
    page.get_by_role("button", name="Import the file").click()
    expect(page.get_by_role("heading", name="Receipt of an import")).to_be_visible()
    expect(page.get_by_role("region", name=re.compile("Not supported"))).to_contain_text("Repeats are not supported yet")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Receipt as JSON").click()
    assert '"not_supported"' in Path(saved.value.path()).read_text(encoding="utf-8")


def test_a_wizard_is_made_from_a_template_by_keyboard_alone(signed_in: OpenPage, served: Served) -> None:
    page = signed_in()
    tab_to(page, page.get_by_role("link", name="New wizard"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New wizard")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Use “Incident report”"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Incident report", level=1)).to_be_visible()


def test_back_after_making_a_wizard_makes_no_second_one(signed_in: OpenPage, served: Served) -> None:
    page = signed_in()
    page.goto("/wizards/new")
    page.get_by_label("Name", exact=True).fill("Once only")
    page.get_by_role("button", name="Make a blank wizard").click()
    page.wait_for_url(re.compile("once-only"))
    page.go_back()
    page.go_forward()
    page.reload()
    with served.client() as client:
        assert len(client.get("/api/v1/wizards", params={"q": "Once only"}).json()["items"]) == 1


def test_settings_are_changed_without_a_script(signed_in: OpenPage, served: Served) -> None:
    slug = make(served, "Plain")
    page = signed_in(script=False)
    page.goto(f"/wizards/{slug}/settings")
    page.get_by_label("Address", exact=True).fill("plain words")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Address", exact=True)).to_be_focused()
    expect(page.get_by_label("Address", exact=True)).to_have_value("plain words")
    page.get_by_label("Address", exact=True).fill("plain-words")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    page.wait_for_url(re.compile("/wizards/plain-words/settings"))


# --- everybody can read it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_every_page_of_wizards_can_be_read_and_reached(
    signed_in: OpenPage, served: Served, accessible: CheckPage, width: int, theme: str
) -> None:
    name = f"Look {width} {theme} " + "ohne-Ende-" * 30 + "😀 استبيان"
    slug = make(served, name)
    with served.client() as client:
        files = {"file": ("visits.xlsx", small_form())}
        receipt = post(client, "import", files=files, data={"into": slug})["import_id"]
    page = signed_in(width=width, theme=theme)
    accessible(page)
    page.locator("summary", has_text="Menu of").first.click()
    accessible(page)
    for path in ("/wizards/new", f"/wizards/{slug}/settings", f"/wizards/{slug}/imports/{receipt}", f"/wizards/{slug}/trash", "/trash"):
        page.goto(path)
        for each in page.locator("main details").all():
            each.evaluate("element => { element.open = true }")
        accessible(page)
    page.goto("/wizards/new")
    page.get_by_role("button", name="Make a blank wizard").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    accessible(page)
