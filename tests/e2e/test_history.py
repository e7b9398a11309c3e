"""Review and publish, versions, going back and the audit trail in a real browser: by mouse, by keyboard, without a script, and with axe."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.actions_kit import survey_structure
from tests.e2e.conftest import LOOKS, CheckPage
from tests.served import Served

OpenPage = Callable[..., Page]
LONG = "A very long label with العربية and 🎈 and <script>alert(1)</script> " * 100


@dataclass
class Survey:
    """A Customer Survey of this test's own: two versions, one run on each, and a draft without Email."""

    served: Served
    url: str
    slug: str
    ids: dict[str, str]

    def call(self, method: str, path: str, **named: Any) -> Any:
        with self.served.client() as client:
            headers = {"If-Match": "*"}
            answer = client.request(method, path, headers=headers, **named)
            if answer.status_code == 409 and "confirm" in answer.json():
                answer = client.request(method, path, headers=headers, params={"confirm": answer.json()["confirm"]}, **named)
            assert answer.status_code < 300, answer.text
            return answer.json()

    def answer(self, **answers: Any) -> str:
        run: str = self.call("POST", f"{self.url}/runs", json={"answers": answers, "complete": True})["id"]
        return run

    def page(self, rest: str) -> str:
        return f"/wizards/{self.slug}/{rest}"

    def versions(self) -> list[Any]:
        found: list[Any] = self.call("GET", f"{self.url}/versions")["items"]
        return found


@pytest.fixture
def survey(served: Served) -> Survey:
    with served.client() as client:
        made = client.post("/api/v1/wizards", json={"name": "Customer Survey", "structure": survey_structure()}).json()
    survey = Survey(served, f"/api/v1/wizards/{made['id']}", made["slug"], {})
    structure = survey.call("GET", f"{survey.url}/draft")["structure"]
    survey.ids.update({item["key"]: item["id"] for step in structure["steps"] for item in step["option_sets"]})
    survey.call("POST", f"{survey.url}/publish", json={"change_summary": "First"})
    survey.answer(**{"full-name": "John Doe", "email": "john@example.com", "favorite-color": "blue"})
    survey.call("PUT", f"/api/v1/option-sets/{survey.ids['favorite-color']}", json={"selection_type": "multiple_select"})
    survey.call("POST", f"{survey.url}/publish", json={"change_summary": "Several colours"})
    survey.answer(**{"full-name": "Ann", "email": "ann@example.com", "favorite-color": ["red"]})
    survey.call("DELETE", f"/api/v1/option-sets/{survey.ids['email']}")
    return survey


# --- everybody can read and reach it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_pages_of_history_can_be_read_and_reached_by_everybody(
    signed_in: OpenPage, accessible: CheckPage, survey: Survey, width: int, theme: str
) -> None:
    survey.call("PUT", f"/api/v1/option-sets/{survey.ids['full-name']}", json={"name": LONG, "meaning": "same"})
    page = signed_in(width=width, theme=theme)
    for rest in ("review", "review?by=kind", "versions", "versions?from=1&to=draft", "versions/1", "audit"):
        page.goto(survey.page(rest))
        expect(page.get_by_role("main")).not_to_be_empty()
        for folded in page.locator("main details:not(.ks-menu)").all():
            folded.evaluate("element => element.open = true")
        accessible(page)
    page.goto("/admin/audit")
    accessible(page)


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_dialogs_of_history_can_be_read_and_reached_by_everybody(
    signed_in: OpenPage, accessible: CheckPage, survey: Survey, width: int, theme: str
) -> None:
    page = signed_in(width=width, theme=theme)
    page.goto(survey.page("versions/1"))
    for link in ("Roll back to v1…", "Restore from v1… Email"):
        page.get_by_role("link", name=link).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        accessible(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        # Closed, it takes a step back in the history, which would end a navigation that begins at once.
        page.wait_for_function("!history.state?.dialog")
    for rest in ("versions/1/rollback", f"versions/1/questions/{survey.ids['email']}"):
        page.goto(survey.page(rest))
        accessible(page)


# --- by mouse ----------------------------------------------------------------------------------------------------------


def test_a_deleted_question_is_reviewed_and_published_by_mouse(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    page.goto(survey.page("review"))
    change = page.get_by_role("listitem").filter(has_text="The question “Email” was removed")
    expect(change).to_contain_text("2 answers in 2 versions")
    expect(change).to_contain_text("In general")
    expect(page.locator("#beside del").filter(has_text="Email")).to_be_visible()
    page.get_by_label("Shown in the version list").fill("Nobody is asked for an address")
    page.get_by_role("button", name="Publish version 3").dblclick()
    expect(page.get_by_text("Version 3 is live.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Nobody is asked for an address")).to_contain_text("live")
    assert [line["version_number"] for line in survey.versions()] == [3, 2, 1]


def test_numbers_that_rose_replace_the_report_and_nothing_is_published(signed_in: OpenPage, survey: Survey, accessible: CheckPage) -> None:
    page = signed_in()
    page.goto(survey.page("review"))
    page.get_by_label("Shown in the version list").fill("kept")
    survey.answer(email="late@example.com")
    page.get_by_role("button", name="Publish version 3").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was published")
    expect(page.get_by_role("listitem").filter(has_text="The question “Email” was removed")).to_contain_text("3 answers in 2 versions")
    expect(page.get_by_label("Shown in the version list")).to_have_value("kept")
    accessible(page)
    assert len(survey.versions()) == 2
    page.get_by_role("button", name="Publish version 3").click()
    expect(page.get_by_text("Version 3 is live.")).to_be_visible()


def test_two_versions_are_ticked_and_compared_and_back_shows_the_list_again(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    page.goto(survey.page("versions"))
    page.get_by_role("checkbox", name="v1").check()
    page.get_by_role("checkbox", name="v2").check()
    page.get_by_role("button", name="Compare the ticked ones").click()
    page.wait_for_url(re.compile(r"v=2&v=1|v=1&v=2"))
    told = page.locator(".ks-change-what")
    expect(told).to_contain_text("is now a multiple choice instead of a single choice")
    expect(page.locator("#live")).to_contain_text("v1 → v2")
    page.get_by_role("link", name="Swap").click()
    expect(told).to_contain_text("is now a single choice instead of a multiple choice")
    page.go_back()
    expect(told).to_contain_text("is now a multiple choice instead of a single choice")


def test_one_question_comes_back_from_an_old_version_and_the_draft_keeps_the_rest(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    page.goto(survey.page("versions/1"))
    page.get_by_role("link", name="Restore from v1… Email").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("comes back into the draft with the same id")
    dialog.get_by_role("button", name="Restore “Email”").click()
    expect(page.get_by_text("“Email” is in the draft as v1 had it.")).to_be_visible()
    expect(page.get_by_role("link", name="Restore from v1… Email")).to_have_count(0)
    draft = survey.call("GET", f"{survey.url}/draft")["structure"]
    assert [item["key"] for item in draft["steps"][0]["option_sets"]] == ["full-name", "email"]
    assert draft["steps"][1]["option_sets"][0]["selection_type"] == "multiple_select"


# --- by keyboard alone ---------------------------------------------------------------------------------------------------


def tab_to(page: Page, name: str, *, most: int = 80) -> None:
    """Presses Tab until the element of this name has the focus; nothing is clicked or focused otherwise."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("() => (document.activeElement.innerText || document.activeElement.name || '').trim()").startswith(name):
            return
    raise AssertionError(f"{name!r} cannot be reached by the keyboard")


def test_a_draft_is_published_by_keyboard(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    page.goto(survey.page("review"))
    tab_to(page, "change_summary")
    page.keyboard.type("By keyboard")
    tab_to(page, "Publish version 3", most=3)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Version 3 is live.")).to_be_visible()
    assert survey.versions()[0]["change_summary"] == "By keyboard"


def test_a_version_is_gone_back_to_by_keyboard_and_the_draft_is_kept(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    page.goto(survey.page("versions/1"))
    tab_to(page, "Roll back to v1…")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Roll back to v1?")).to_be_visible()
    expect(dialog).to_contain_text("Your draft has changes of its own. It stays")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Roll back to v1…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    tab_to(page, "Roll back to v1", most=8)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Version 3 is live, with the structure of version 1.")).to_be_visible()
    expect(page.get_by_text("Your draft was kept")).to_be_visible()
    draft = survey.call("GET", f"{survey.url}/draft")["structure"]
    assert [item["key"] for item in draft["steps"][0]["option_sets"]] == ["full-name"]


# --- without a script --------------------------------------------------------------------------------------------------


def test_everything_about_versions_works_without_a_script(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in(script=False)
    page.goto(survey.page("versions"))
    page.get_by_role("checkbox", name="v1").check()
    page.get_by_role("checkbox", name="v3 draft").check()
    page.get_by_role("button", name="Compare the ticked ones").click()
    expect(page.get_by_text("The question “Email” was removed")).to_be_visible()
    page.get_by_role("link", name="Step 2").click()
    expect(page.locator("#beside")).to_contain_text("choose all that apply")
    page.get_by_role("link", name="Roll back to v1…", exact=True).click()
    page.get_by_role("button", name="Roll back to v1").click()
    expect(page.get_by_text("with the structure of version 1")).to_be_visible()
    page.goto(survey.page("review"))
    page.get_by_role("button", name="Publish version 4").click()
    expect(page.get_by_text("Version 4 is live.")).to_be_visible()


def test_the_trail_is_filtered_without_leaving_the_page(signed_in: OpenPage, survey: Survey) -> None:
    page = signed_in()
    page.goto(survey.page("audit"))
    page.get_by_label("What", exact=True).select_option(label="Edits of the draft")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("cell", name="Delete question “Email”.")).to_be_visible()
    expect(page.get_by_role("cell", name="Published version 1.")).to_have_count(0)
    expect(page).to_have_url(re.compile("what=draft"))
