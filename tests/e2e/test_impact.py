"""Scenarios A, B and D in a real Chromium: what is stored is shown before anything happens, by mouse and by keyboard alone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.e2e.conftest import LOOKS, CheckPage, sign_in
from tests.factories import JOHN, customer_survey
from tests.served import Served

OpenPage = Callable[..., Page]
# What the builder does with a link: htmx puts the dialog into the page, and without a script it is a page of its own.
OPENER = """(path) => {
  const link = Object.assign(document.createElement("a"), {href: path, textContent: "Open the dialog"});
  link.setAttribute("hx-get", path);
  link.setAttribute("hx-target", "#dialog");
  link.setAttribute("hx-swap", "innerHTML");
  document.querySelector("main").prepend(link);
  htmx.process(link);
}"""


@dataclass
class Survey:
    """The Customer Survey of the scenarios with John's run, over the API."""

    client: httpx.Client
    id: str
    ids: dict[str, str]

    @property
    def home(self) -> str:
        """A page of the wizard to start from and to come back to."""
        return f"/wizards/{self.id}/build/impact/counts"

    def path(self, page: str, key: str, **more: str) -> str:
        return f"/wizards/{self.id}/build/impact/{page}?{urlencode({'node': self.ids[key], 'return': self.home, **more})}"

    def change(self, key: str, fields: dict[str, Any], **more: str) -> str:
        return self.path("change", key, fields=json.dumps(fields), **more)

    def draft(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/api/v1/wizards/{self.id}/draft").json()["structure"]
        return {item["key"]: item for step in found["steps"] for item in (step, *step["option_sets"])}

    def answer(self, **answers: Any) -> None:
        given = {key.replace("_", "-"): value for key, value in answers.items()}
        made = self.client.post(f"/api/v1/wizards/{self.id}/runs", json={"answers": {"full-name": "Ann", **given}, "complete": True})
        assert made.status_code == 201, made.text


@pytest.fixture
def survey(served: Served) -> Any:
    with served.client() as client:
        structure = customer_survey()
        made = client.post("/api/v1/wizards", json={"structure": structure}).json()
        assert client.post(f"/api/v1/wizards/{made['id']}/publish", headers={"If-Match": '"1"'}, json={}).status_code == 201
        assert client.post(f"/api/v1/wizards/{made['id']}/runs", json={"answers": JOHN, "complete": True}).status_code == 201
        nodes = [node for step in structure["steps"] for node in (step, *step["option_sets"])]
        yield Survey(client, made["id"], {node["key"]: node["id"] for node in nodes})


def opened(page: Page, survey: Survey, path: str) -> Any:
    """The dialog over a page of the wizard."""
    page.goto(survey.home)
    page.evaluate(OPENER, path)
    page.get_by_role("link", name="Open the dialog").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


# --- scenario A ------------------------------------------------------------------------------------------------------


def test_scenario_a_by_mouse(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    dialog = opened(page, survey, survey.path("delete", "email"))
    expect(dialog.get_by_role("heading", name="Delete “Email”?")).to_be_visible()
    expect(dialog.get_by_role("row", name="All runs")).to_contain_text("1")
    expect(dialog.get_by_text("john@example.com")).to_be_visible()
    dialog.get_by_role("button", name="Delete “Email” anyway").click()
    expect(page.get_by_role("rowheader", name="Favorite Color")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Email")).to_have_count(0)
    assert "email" not in survey.draft()


def test_scenario_a_by_keyboard_starts_at_cancel_and_retires(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    page.goto(survey.home)
    page.evaluate(OPENER, survey.path("delete", "email"))
    opener = page.get_by_role("link", name="Open the dialog")
    opener.focus()
    page.keyboard.press("Enter")
    cancel = page.get_by_role("dialog").get_by_role("link", name="Cancel")
    expect(cancel).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(cancel).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Retire “Email”")).to_be_focused()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert survey.draft()["email"]["retired"] is True


def test_cancel_closes_and_nothing_is_done(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    dialog = opened(page, survey, survey.path("delete", "email"))
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Open the dialog")).to_be_focused()
    assert survey.draft()["email"].get("retired", False) is False


def test_an_answer_that_came_in_between_is_shown_in_the_same_dialog(signed_in: OpenPage, survey: Survey, accessible: CheckPage) -> None:
    page = signed_in()
    dialog = opened(page, survey, survey.path("delete", "email"))
    survey.answer(email="ann@example.com")
    dialog.get_by_role("button", name="Delete “Email” anyway").click()
    expect(dialog.get_by_text("Nothing was done")).to_be_visible()
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    expect(dialog.get_by_text("ann@example.com")).to_be_visible()
    accessible(page)
    assert "email" in survey.draft()
    dialog.get_by_role("button", name="Delete “Email” anyway").click()
    expect(page.get_by_role("rowheader", name="Email")).to_have_count(0)


def test_a_session_that_ends_behind_the_dialog_loses_nothing(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    dialog = opened(page, survey, survey.path("delete", "email"))
    page.context.clear_cookies()
    dialog.get_by_role("button", name="Retire “Email”").click()
    expect(dialog.get_by_role("heading", name="Sign in")).to_be_visible()
    with page.expect_navigation():
        sign_in(page)
    assert survey.draft()["email"]["retired"] is True


def test_without_a_script_the_dialog_is_a_page(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in(script=False)
    page.goto(survey.path("delete", "email"))
    expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    page.get_by_role("button", name="Retire “Email”").click()
    expect(page.get_by_role("rowheader", name="Full Name")).to_be_visible()
    assert survey.draft()["email"]["retired"] is True


def test_back_shows_what_a_form_was_answered_with_and_what_was_typed_in_it(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in(script=False)
    page.goto(f"/wizards/{survey.id}/build?node={survey.ids['favorite-color']}")
    page.locator("#f-question textarea[name=name]").fill("Colour typed")
    page.locator("#f-question").get_by_role("button").click()
    for _ in range(2):
        expect(page.get_by_role("button", name="Another meaning")).to_be_visible()
        expect(page.get_by_role("insertion")).to_have_text("Colour typed")
        page.goto("/")
        page.go_back()
    page.get_by_role("button", name="The same meaning").click()
    assert survey.draft()["favorite-color"]["name"] == "Colour typed"


# --- scenario B ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_keyboard", [False, True])
def test_scenario_b_is_one_change_with_its_questions(signed_in: OpenPage, survey: Survey, by_keyboard: bool) -> None:
    page = signed_in()
    dialog = opened(page, survey, survey.path("delete", "personal-info"))
    expect(dialog.get_by_text("2 questions with answers")).to_be_visible()
    button = dialog.get_by_role("button", name="Delete “Personal Info” anyway")
    if by_keyboard:
        page.keyboard.press("Tab")
        expect(button).to_be_focused()
        with page.expect_navigation():
            page.keyboard.press("Enter")
    else:
        button.click()
    expect(page.get_by_role("rowheader", name="Favorite Color")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Full Name")).to_have_count(0)
    assert set(survey.draft()) == {"preferences", "favorite-color"}


# --- scenario D ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_keyboard", [False, True])
def test_scenario_d_shows_what_becomes_of_each_stored_value(signed_in: OpenPage, survey: Survey, by_keyboard: bool) -> None:
    page = signed_in()
    dialog = opened(page, survey, survey.change("favorite-color", {"selection_type": "multiple_select"}))
    expect(dialog.get_by_role("table", name="Each distinct stored value and its result")).to_contain_text("Blue")
    button = dialog.get_by_role("button", name="Change “Favorite Color”")
    if by_keyboard:
        page.keyboard.press("Tab")
        expect(button).to_be_focused()
        with page.expect_navigation():
            page.keyboard.press("Enter")
    else:
        button.click()
        expect(dialog).to_be_hidden()
    assert survey.draft()["favorite-color"]["selection_type"] == "multiple_select"


def test_another_meaning_of_an_option_is_said_by_keyboard_with_a_value_that_is_free(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    dialog = opened(page, survey, survey.change("favorite-color", {"label": "Sky blue"}, value="blue"))
    value = dialog.get_by_label("Value of the new option")
    value.fill("red")
    value.press("Enter")
    expect(dialog.get_by_label("Value of the new option")).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_label("Value of the new option")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("sky")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    options = survey.draft()["favorite-color"]["options"]
    assert [(each["value"], each.get("retired", False)) for each in options[:2]] == [("blue", True), ("sky", False)]


# --- everybody can read it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_every_dialog_and_page_can_be_read_by_everybody(
    signed_in: OpenPage, accessible: CheckPage, survey: Survey, width: int, theme: str
) -> None:
    page = signed_in(width=width, theme=theme)
    survey.answer(full_name="a dozen " + "x" * 300, email="ann@example.com", favorite_color="red")
    dialogs = [
        survey.path("delete", "email"),
        survey.path("delete", "personal-info"),
        survey.path("delete", "favorite-color", value="blue"),
        survey.change("email", {"name": "E-mail of your manager"}),
        survey.change("favorite-color", {"label": "Sky"}, value="blue"),
        survey.change("full-name", {"selection_type": "integer"}),
        survey.change("favorite-color", {"is_required": True, "visible_if": {"==": [{"var": survey.ids["email"]}, "x"]}}),
    ]
    for path in dialogs:
        opened(page, survey, path)
        accessible(page)
        page.goto(path)
        accessible(page)
    opened(page, survey, survey.change("full-name", {"selection_type": "date"}))
    expect(page.locator("#parameters")).to_be_visible()
    accessible(page)
    for path in (survey.home, survey.path("answers", "favorite-color"), survey.path("answers", "personal-info")):
        page.goto(path)
        accessible(page)
