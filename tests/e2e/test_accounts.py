"""Journeys through accounts in a real browser: by mouse and by keyboard, on a phone, and every page with axe, light and dark."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import EMAIL, LOOKS, CheckPage
from tests.pages_kit import PASSWORD
from tests.served import Served

MakePage = Callable[..., Page]
NEW = "a much longer sentence"


def user_of(served: Served, email: str, **more: Any) -> str:
    """The id of a user, made over the API where there is none yet."""
    with served.client() as client:
        found = [each for each in client.get("/api/v1/users", params={"limit": 200}).json()["items"] if each["email"] == email]
        return str((found or [client.post("/api/v1/users", json={"email": email, "role": "editor", **more}).json()])[0]["id"])


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_pages_of_accounts_can_be_read_and_reached_by_everybody(
    signed_in: MakePage, served: Served, accessible: CheckPage, width: int, theme: str
) -> None:
    person = user_of(served, "margaret@example.org", name="Margaret " + "Hamilton" * 12)
    page = signed_in(width=width, theme=theme)
    paths = ["/account", "/account/tokens", "/admin/users", "/admin/users/new", "/admin"]
    for path in [*paths, f"/admin/users/{person}", f"/admin/users/{person}/grants", f"/admin/users/{person}/disable"]:
        page.goto(path)
        accessible(page)


def test_somebody_is_invited_sets_a_password_and_works(signed_in: MakePage, open_page: MakePage, accessible: CheckPage) -> None:
    admin = signed_in()
    admin.get_by_role("link", name="Users").click()
    admin.get_by_role("link", name="Add a user").click()
    admin.get_by_label("E-mail address").fill("grace@example.org")
    admin.get_by_label("Name").fill("Grace Hopper")
    admin.get_by_role("combobox", name="Role").select_option("analyst")
    admin.get_by_role("button", name="Add and make the link").click()
    accessible(admin)
    link = admin.get_by_label("Link").input_value()
    invited = open_page(width=360)
    invited.goto(re.sub(r"^https?://[^/]+", "", link))
    accessible(invited)
    invited.get_by_label("New password").fill(NEW)
    invited.get_by_role("button", name="Set the password").click()
    invited.wait_for_url(re.compile(r"/$"))
    invited.goto("/account")
    expect(invited.get_by_label("Name")).to_have_value("Grace Hopper")
    assert invited.get_by_role("link", name="Users").count() == 0


def test_a_token_is_made_and_revoked_by_keyboard_alone(signed_in: MakePage, accessible: CheckPage) -> None:
    page = signed_in()
    page.goto("/account/tokens")
    page.get_by_label("What it is for").focus()
    page.keyboard.type("Keyboard")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Make the token").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Secret")).to_be_focused()
    accessible(page)
    page.get_by_role("link", name="Revoke “Keyboard”").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Revoke “Keyboard”")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Revoke “Keyboard”").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("revoked")


def test_a_changed_password_ends_the_other_browser(signed_in: MakePage, open_page: MakePage, served: Served) -> None:
    user_of(served, "ines@example.org", name="Ines Costa", password=PASSWORD)
    pages = [open_page(), open_page(script=False)]
    for page in pages:
        page.goto("/login?next=/account")
        page.get_by_label("E-mail address").fill("ines@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
    here, other = pages
    section = here.locator("section[aria-labelledby=password]")
    section.get_by_label("Present password").fill(PASSWORD)
    section.get_by_label("New password").fill(NEW)
    section.get_by_role("button", name="Change the password").click()
    expect(here.get_by_role("status")).to_contain_text("All your other sessions have ended.")
    other.reload()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()


def test_users_are_found_while_typing_and_a_wizard_is_granted(signed_in: MakePage, served: Served) -> None:
    person = user_of(served, "tom@example.org", name="Tom Reuter")
    with served.client() as client:
        client.post("/api/v1/wizards", json={"name": "Granted wizard"})
    page = signed_in()
    page.goto("/admin/users")
    page.get_by_label("Search users").fill("reut")
    expect(page.locator("#people tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Tom Reuter").click()
    page.get_by_role("link", name="Grant a wizard").click()
    page.get_by_label("Search wizards").fill("Granted")
    expect(page.locator("#wizards tbody tr")).to_have_count(1)
    page.get_by_role("combobox", name="Role on Granted wizard").select_option("analyst")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/admin/users/{person}?done=granted")
    expect(page.locator("section[aria-labelledby=grants]")).to_contain_text("Granted wizard")


def test_a_check_says_that_every_answer_can_be_shown(signed_in: MakePage, accessible: CheckPage) -> None:
    page = signed_in(width=360)
    page.goto("/admin")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("section[aria-labelledby=kept]")).to_contain_text("0 answers cannot be shown")
    accessible(page)
    assert EMAIL not in page.locator("main").inner_text()
