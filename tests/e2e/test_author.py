"""What an author does besides building: tries the draft, sets conditions, looks at problems, translates."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.authoring_kit import EVIL, asked
from tests.e2e.conftest import LOOKS, THEMES, CheckPage
from tests.factories import new_id
from tests.served import Served

from keepstep.core.structure import SELECTION_TYPES

OpenPage = Callable[..., Page]


def wizard_of(served: Served, *steps: list[dict[str, Any]], **members: Any) -> str:
    """The address of a new wizard."""
    pages = [{"id": new_id(), "key": f"s{index}", "name": f"Step {index}", "option_sets": step} for index, step in enumerate(steps)]
    structure = {"name": f"Intake {EVIL}", "steps": pages, **members}
    with served.client() as client:
        made = client.post("/api/v1/wizards", json={"name": "Intake", "structure": structure})
        assert made.status_code == 201, made.text
        return f"/wizards/{made.json()['slug']}"


@pytest.fixture(scope="module")
def every_type(served: Served) -> str:
    """A wizard with a question of each type, one that is only asked after another, and two languages."""
    some = [asked(kind.replace("_", "-"), kind, is_required=kind == "text_input") for kind in SELECTION_TYPES]
    other = asked("several", "multiple_select", allow_other=True, visible_if={"==": [{"var": some[5]["id"]}, "yes"]})
    return wizard_of(served, some, [other], languages=["en", "de"])


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_every_page_of_an_author_can_be_read_and_reached_by_everybody(
    signed_in: OpenPage, accessible: CheckPage, every_type: str, width: int, theme: str
) -> None:
    page = signed_in(width=width, theme=theme)
    for path in ("/preview", "/conditions", "/problems", "/languages"):
        page.goto(every_type + path)
        accessible(page)


@pytest.mark.parametrize("theme", THEMES)
def test_every_state_of_these_pages_can_be_read_and_reached_by_everybody(
    signed_in: OpenPage, accessible: CheckPage, every_type: str, theme: str
) -> None:
    page = signed_in(width=360, theme=theme)
    page.goto(every_type + "/preview?width=320")
    page.get_by_role("button", name="Save and continue").click()
    expect(page.locator(".pl-summary")).to_be_focused()
    accessible(page)
    page.goto(every_type + "/conditions")
    page.get_by_role("link", name=re.compile("several")).click()
    accessible(page)
    page.get_by_role("button", name="Edit as an expression").click()
    accessible(page)


@pytest.mark.parametrize("script", [True, False])
def test_a_draft_is_answered_with_the_keyboard_alone(signed_in: OpenPage, accessible: CheckPage, served: Served, script: bool) -> None:
    color = asked("color", "single_select", is_required=True)
    shade = asked("shade", "text_input", visible_if={"==": [{"var": color["id"]}, "yes"]}, is_required=True)
    page = signed_in(script=script, width=360)
    page.goto(wizard_of(served, [color, shade], [asked("day", "date")]) + "/preview?width=320")
    page.get_by_label("Yes").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("further questions")
    page.get_by_label("The shade").focus()
    page.keyboard.type("Teal <b>")
    page.keyboard.press("Enter")
    page.get_by_label("Day").focus()
    page.keyboard.type("31")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("is not complete. Missing: Month, Year")
    page.get_by_role("link", name=re.compile("Missing: Month")).press("Enter")
    expect(page.get_by_label("Month")).to_be_focused()
    page.keyboard.type("march")
    page.keyboard.press("Tab")
    page.keyboard.type("2026")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Check your answers")).to_be_visible()
    expect(page.locator(".pl-answers")).to_contain_text(["Teal <b>", "31 March 2026"])
    if script:
        accessible(page)
    page.get_by_role("button", name="Send").press("Enter")
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()


@pytest.mark.parametrize("width", [320, 1920])
def test_long_and_foreign_texts_fit_every_page(signed_in: OpenPage, accessible: CheckPage, served: Served, width: int) -> None:
    long = {"ar": "Wordwithoutaspace" * 600, "en": "مرحبا 👋" * 500}
    options = [{"value": "yes", "label": long}]
    first = asked("first", "single_select", name=long, help=long, options=options)
    yes = {"==": [{"var": first["id"]}, "yes"]}
    second = asked("second", "text_input", name=long, visible_if=yes, is_required=True)
    address = wizard_of(served, [first, second], languages=["ar", "en"], default_language="ar")
    page = signed_in(width=width)
    for path in ("/preview", "/conditions", f"/conditions?node={second['id']}", "/problems", "/languages"):
        page.goto(address + path)
        accessible(page)


def test_an_exclusive_box_and_a_slider_help_where_a_script_runs(signed_in: OpenPage, served: Served) -> None:
    options = [{"value": "a", "label": "Apples"}, {"value": "none", "label": "None of these", "exclusive": True}]
    page = signed_in()
    fruit = asked("fruit", "multiple_select", options=options, allow_other=True)
    page.goto(wizard_of(served, [fruit, asked("pain", "slider")]) + "/preview")
    expect(page.get_by_label("Your own answer")).to_be_hidden()
    page.get_by_label("Apples").check()
    page.get_by_label("None of these").check()
    expect(page.get_by_label("Apples")).not_to_be_checked()
    page.get_by_role("slider").press("ArrowRight")
    expect(page.get_by_role("textbox", name="The pain")).to_have_value("51")
    page.get_by_label("Other").check()
    expect(page.get_by_label("Your own answer")).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_a_condition_is_built_and_found_again(signed_in: OpenPage, served: Served, script: bool) -> None:
    first, second = asked("first", "single_select"), asked("second", "text_input")
    address = wizard_of(served, [first, second])
    page = signed_in(script=script, width=360)
    page.goto(f"{address}/conditions?node={second['id']}")
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    expect(page.get_by_label("How “The first” is compared")).to_be_focused()
    page.get_by_label("Value for “The first”").select_option(label="Yes")
    page.get_by_role("button", name="Save the condition").click()
    expect(page.get_by_role("status")).to_contain_text("Saved in the draft.")
    page.goto(f"{address}/conditions?node={first['id']}")
    page.get_by_role("link", name="the condition of “The second”").click()
    expect(page.get_by_label("Value for “The first”")).to_have_value("yes")


def test_texts_are_translated_by_keyboard_each_saved_when_it_is_left(signed_in: OpenPage, accessible: CheckPage, every_type: str) -> None:
    page = signed_in(theme="dark")
    page.goto(every_type + "/languages?show=untranslated")
    texts = page.locator(".ks-text-row textarea")
    texts.nth(1).fill("Schritt")
    texts.nth(1).press("Tab")
    expect(page.locator(".ks-saved")).to_contain_text("Saved")
    expect(texts.nth(2)).to_be_focused()
    accessible(page)
    page.reload()
    expect(page.locator(".ks-text-row textarea").nth(1)).not_to_have_value("Schritt")
    page.goto(every_type + "/languages")
    expect(page.locator(".ks-text-row textarea").nth(1)).to_have_value("Schritt")
    # Without a connection, and through a reload, nothing typed is lost.
    page.context.set_offline(True)
    texts.nth(2).fill("Ohne Netz")
    texts.nth(2).press("Tab")
    expect(page.locator(".ks-kept")).to_contain_text("Offline, kept here")
    accessible(page)
    page.context.set_offline(False)
    expect(page.locator(".ks-saved")).to_contain_text("Saved")
    texts.nth(3).fill("Vor dem Neuladen")
    page.reload()
    expect(page.locator(".ks-saved")).to_contain_text("Saved")
    expect(texts.nth(3)).to_have_value("Vor dem Neuladen")
    assert page.evaluate("() => Object.keys(localStorage).filter((key) => key.startsWith('keepstep-languages')).length") == 0
