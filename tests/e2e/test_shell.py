from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import EMAIL, LOOKS, THEMES, CheckPage, sign_in
from tests.served import Served

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def wizard(served: Served) -> str:
    with served.client() as client:
        made = client.post("/api/v1/wizards", json={"name": "Equipment request"})
        assert made.status_code == 201, made.text
        name: str = made.json()["name"]
        return name


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_home_can_be_read_and_reached_by_everybody(signed_in: OpenPage, accessible: CheckPage, wizard: str, width: int, theme: str) -> None:
    page = signed_in(width=width, theme=theme)
    expect(page.get_by_role("heading", name="Wizards")).to_be_visible()
    # Others on the same server may be called alike.
    expect(page.get_by_role("rowheader", name=wizard).first).to_be_visible()
    accessible(page)
    page.locator("summary", has_text="Account and appearance").click()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    accessible(page)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", ["/login", "/nowhere"])
def test_pages_without_an_account_can_be_read_by_everybody(open_page: OpenPage, accessible: CheckPage, path: str, theme: str) -> None:
    page = open_page(theme=theme, width=360)
    page.goto(path)
    accessible(page)


def test_a_wrong_password_keeps_the_address_and_says_why(open_page: OpenPage, accessible: CheckPage) -> None:
    page = open_page()
    page.goto("/login")
    sign_in(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("E-mail address")).to_have_value(EMAIL)
    expect(page.get_by_label("Password")).to_be_focused()
    accessible(page)


def test_everything_works_without_a_script(signed_in: OpenPage, wizard: str) -> None:
    page = signed_in(script=False)
    page.get_by_label("Search wizards").fill("equipment")
    page.get_by_label("Search wizards").press("Enter")
    expect(page.get_by_role("rowheader", name=wizard).first).to_be_visible()
    page.locator("summary", has_text="Account and appearance").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.locator("summary", has_text="Account and appearance").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_searching_changes_the_list_while_typing_and_nothing_else(signed_in: OpenPage, wizard: str) -> None:
    page = signed_in()
    page.get_by_label("Search wizards").press_sequentially("nothing of that name")
    expect(page.get_by_role("heading", name="No wizard is called that")).to_be_visible()
    expect(page.get_by_label("Search wizards")).to_have_value("nothing of that name")
    expect(page.get_by_label("Search wizards")).to_be_focused()


def test_a_session_that_ends_while_typing_loses_nothing(signed_in: OpenPage, wizard: str, accessible: CheckPage) -> None:
    page = signed_in()
    page.context.clear_cookies()
    page.get_by_label("Search wizards").press_sequentially("equipment")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Sign in")).to_be_visible()
    accessible(page)
    sign_in(page, "wrong")
    expect(dialog.get_by_role("alert")).to_be_visible()
    with page.expect_response(lambda answer: "q=equipment" in answer.url) as sent:
        sign_in(page)
    assert sent.value.status == 200
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Search wizards")).to_have_value("equipment")
    expect(page.get_by_role("rowheader", name=wizard).first).to_be_visible()


def test_a_form_of_an_old_page_works_after_signing_in_again_in_the_dialog(signed_in: OpenPage) -> None:
    page = signed_in()
    before = page.locator("meta[name=csrf-token]").get_attribute("content")
    page.context.clear_cookies()
    page.get_by_label("Search wizards").press_sequentially("x")
    expect(page.get_by_role("dialog")).to_be_visible()
    sign_in(page)
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.locator("meta[name=csrf-token]").get_attribute("content") != before
    page.locator("summary", has_text="Account and appearance").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_keyboard_reaches_the_content_and_closes_the_menu(signed_in: OpenPage) -> None:
    page = signed_in()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    menu = page.locator("summary", has_text="Account and appearance")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Dark")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_server_says_how_to_set_up_only_while_there_is_nobody(served: Served) -> None:
    assert "/setup?token=" not in served.log.read_text()
    assert httpx.get(f"{served.address}/setup?token=x", headers={"Accept": "text/html"}).headers["location"] == "/login"
