"""The five scenarios that Keepstep exists for, whole: builder, what it touches, review, publish, versions and back again. Each is done
with the mouse, and once more by somebody who has a keyboard alone: nothing is clicked, and nothing focused but by Tab.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from tests.factories import customer_survey
from tests.served import Served

OpenPage = Callable[..., Page]
JOHN = {"full-name": "John Doe", "email": "john@example.com", "favorite-color": "blue"}
# More presses of Tab than a page of these has things to go to.
MOST_TABS = 150


@dataclass
class Survey:
    """The Customer Survey, published, with John's run."""

    client: httpx.Client
    id: str
    slug: str
    run: str
    ids: dict[str, str]

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def evidence(self) -> Any:
        """What must never change by anything that is done to the wizard: the run as it was asked and answered, and its version."""
        run = self.get(f"runs/{self.run}")
        version = self.get(f"wizards/{self.id}/versions/1")
        return [run[each] for each in ("responses", "revision", "status")], version["digest"]

    def keys(self) -> list[str]:
        """The keys of what the live version asks."""
        live = self.get(f"wizards/{self.id}/versions")["items"][0]["version_number"]
        steps = self.get(f"wizards/{self.id}/versions/{live}")["structure"]["steps"]
        return [item["key"] for step in steps for item in step["option_sets"]]

    def edit_the_run(self) -> None:
        """The run stays one that can be saved in its own version, whatever the wizard has become (P5)."""
        etag = self.client.get(f"/api/v1/runs/{self.run}").headers["ETag"]
        answers = {"answers": {"full-name": "John A. Doe"}}
        saved = self.client.patch(f"/api/v1/runs/{self.run}/answers", json=answers, headers={"If-Match": etag})
        assert saved.status_code == 200, saved.text


@pytest.fixture
def survey(served: Served) -> Iterator[Survey]:
    with served.client() as client:
        structure = customer_survey()
        made = client.post("/api/v1/wizards", json={"structure": structure}).json()
        assert client.post(f"/api/v1/wizards/{made['id']}/publish", headers={"If-Match": '"1"'}, json={}).status_code == 201
        run = client.post(f"/api/v1/wizards/{made['id']}/runs", json={"answers": JOHN, "complete": True}).json()["id"]
        nodes = [node for step in structure["steps"] for node in (step, *step["option_sets"])]
        yield Survey(client, made["id"], made["slug"], run, {node["key"]: node["id"] for node in nodes})


class Hand:
    """Somebody with a mouse, or with a keyboard alone."""

    def __init__(self, page: Page, survey: Survey, by: str) -> None:
        self.page, self.survey, self.by_keyboard = page, survey, by == "keyboard"

    def open(self, rest: str) -> None:
        self.page.goto(f"/wizards/{self.survey.slug}/{rest}")

    def to(self, target: Locator) -> None:
        """Tab until the target has the focus."""
        expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            if target.evaluate("each => each === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} cannot be reached by the keyboard")

    def press(self, target: Locator) -> None:
        if self.by_keyboard:
            self.to(target)
            self.page.keyboard.press("Space" if target.get_attribute("type") == "checkbox" else "Enter")
        else:
            target.click()

    def button(self, name: str, *, within: Locator | None = None) -> None:
        self.press((within or self.page).get_by_role("button", name=name, exact=True))

    def link(self, name: str | re.Pattern[str]) -> None:
        self.press(self.page.get_by_role("link", name=name).first)

    def choose(self, key: str) -> None:
        """A row of the outline."""
        self.press(self.page.locator(f"#row-{self.survey.ids[key]}"))
        expect(self.page.locator(f"#row-{self.survey.ids[key]}")).to_have_attribute("aria-current", "true")

    def select(self, target: Locator, label: str) -> None:
        if self.by_keyboard:
            self.to(target)
            self.page.keyboard.type(label)
            self.page.keyboard.press("Tab")
        else:
            target.select_option(label=label)

    def type(self, target: Locator, text: str) -> None:
        if self.by_keyboard:
            self.to(target)
            self.page.keyboard.press("Control+a")
            self.page.keyboard.type(text)
            self.page.keyboard.press("Tab")
        else:
            target.fill(text)
            target.blur()

    def delete(self, name: str) -> None:
        """In the dialog that counts first."""
        self.press(self.page.locator("#properties").get_by_role("button", name=f"Delete “{name}”…"))
        dialog = self.page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name=f"Delete “{name}”?")).to_be_visible()
        expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
        expect(dialog.get_by_role("row", name="All runs")).to_contain_text("1")
        self.button(f"Delete “{name}” anyway", within=dialog)
        expect(dialog).to_be_hidden()

    def publish(self, sentence: str) -> None:
        """Reviewed: the change stands there in a sentence."""
        self.link(re.compile("^Review and publish"))
        expect(self.page.locator("#main")).to_contain_text(sentence)
        self.button("Publish version 2")
        expect(self.page.get_by_text("Version 2 is live.")).to_be_visible()

    def roll_back(self) -> None:
        self.link(re.compile("^Versions"))
        menu = self.page.locator("details", has=self.page.get_by_role("link", name="View as of v1", include_hidden=True)).last
        self.press(menu.locator("summary"))
        self.press(menu.get_by_role("link", name="Roll back to v1…"))
        dialog = self.page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name="Roll back to v1?")).to_be_visible()
        self.button("Roll back to v1", within=dialog)
        expect(self.page.get_by_text("Version 3 is live, with the structure of version 1.")).to_be_visible()


@pytest.fixture(params=["mouse", "keyboard"])
def hand(request: pytest.FixtureRequest, signed_in: OpenPage, survey: Survey) -> Hand:
    return Hand(signed_in(), survey, request.param)


ALL = ["full-name", "email", "favorite-color"]


def test_scenario_a_a_question_is_deleted_and_its_answer_stays(hand: Hand, survey: Survey) -> None:
    before = survey.evidence()
    hand.open("build")
    hand.choose("email")
    hand.delete("Email")
    hand.publish("The question “Email” was removed")
    assert (survey.keys(), survey.evidence()) == (["full-name", "favorite-color"], before)
    hand.roll_back()
    assert (survey.keys(), survey.evidence()) == (ALL, before)
    survey.edit_the_run()


def test_scenario_b_a_step_is_deleted_with_its_questions(hand: Hand, survey: Survey) -> None:
    before = survey.evidence()
    hand.open("build")
    hand.choose("personal-info")
    hand.delete("Personal Info")
    hand.publish("The step “Personal Info” was removed")
    assert (survey.keys(), survey.evidence()) == (["favorite-color"], before)
    hand.roll_back()
    assert (survey.keys(), survey.evidence()) == (ALL, before)
    survey.edit_the_run()


def test_scenario_c_a_wizard_goes_to_the_trash_and_comes_back(hand: Hand, survey: Survey) -> None:
    before = survey.evidence()
    hand.open("settings")
    hand.link("Move “Customer Survey” to the trash…")
    dialog = hand.page.get_by_role("dialog")
    expect(dialog.get_by_role("row", name="All")).to_contain_text("1")
    hand.button("Move “Customer Survey” to the trash", within=dialog)
    expect(hand.page).to_have_url(re.compile(r"(/|\?.*|/trash.*)$"))
    assert survey.get(f"wizards/{survey.id}")["trashed_at"] is not None
    assert survey.evidence() == before
    hand.open("settings")
    hand.button("Restore “Customer Survey”")
    expect(hand.page.get_by_text("This wizard is in the trash")).to_have_count(0)
    assert survey.get(f"wizards/{survey.id}")["trashed_at"] is None
    assert (survey.keys(), survey.evidence()) == (ALL, before)
    survey.edit_the_run()


def test_scenario_d_a_choice_becomes_several_and_the_stored_one_is_shown_first(hand: Hand, survey: Survey) -> None:
    before = survey.evidence()
    hand.open("build")
    hand.choose("favorite-color")
    hand.select(hand.page.get_by_label("Selection type", exact=True), "Multiple choice")
    dialog = hand.page.get_by_role("dialog")
    expect(dialog.get_by_role("row", name="Blue")).to_contain_text("1")
    hand.button("Change “Favorite Color”", within=dialog)
    expect(dialog).to_be_hidden()
    expect(hand.page.locator("#undo")).to_contain_text("selection type")
    hand.publish("Favorite Color")
    live = survey.get(f"wizards/{survey.id}/versions/2")["structure"]["steps"][1]["option_sets"][0]
    assert live["selection_type"] == "multiple_select"
    assert survey.evidence() == before
    hand.roll_back()
    assert (survey.keys(), survey.evidence()) == (ALL, before)
    survey.edit_the_run()


def test_scenario_e_a_required_question_is_added_and_the_old_run_is_still_saved(hand: Hand, survey: Survey) -> None:
    before = survey.evidence()
    hand.open("build")
    hand.press(hand.page.locator("#add-end"))
    search = hand.page.get_by_label("Search selection types")
    expect(search).to_be_focused()
    hand.page.keyboard.type("phone")
    hand.page.keyboard.press("Enter")
    name = hand.page.get_by_role("textbox", name="Question", exact=True)
    expect(name).to_be_focused()
    hand.page.keyboard.type("Phone Number")
    hand.page.keyboard.press("Enter")
    expect(hand.page.locator("#undo")).to_contain_text("Rename")
    hand.press(hand.page.get_by_role("switch", name="Required"))
    # A form is saved as it is left.
    hand.page.keyboard.press("Tab")
    dialog = hand.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Runs that lack an answer")
    hand.button("Change “Phone Number”", within=dialog)
    expect(dialog).to_be_hidden()
    expect(hand.page.locator("#undo")).to_contain_text("requirement")
    hand.publish("“Phone Number” was added")
    added = survey.get(f"wizards/{survey.id}/versions/2")["structure"]["steps"][0]["option_sets"][2]
    assert (added["name"], added["is_required"]) == ("Phone Number", True)
    assert survey.evidence() == before
    survey.edit_the_run()
    edited = survey.evidence()
    hand.roll_back()
    assert (survey.keys(), survey.evidence()) == (ALL, edited)


# --- the preview beside the canvas ---------------------------------------------------------------------------------


def test_the_preview_stands_beside_the_canvas_and_follows_the_draft(hand: Hand, survey: Survey) -> None:
    hand.open("build")
    hand.link("Preview")
    expect(hand.page.locator("#preview-title")).to_be_focused()
    inside = hand.page.frame_locator("#preview-drawer iframe")
    expect(inside.get_by_label("Full Name")).to_be_visible()
    hand.button("768")
    expect(hand.page.locator("#preview-drawer iframe")).to_have_attribute("width", "768")
    hand.type(hand.page.get_by_role("textbox", name="Title of the step"), "About you")
    expect(inside.get_by_role("heading", name="About you")).to_be_visible()
    hand.button("Close the preview")
    expect(hand.page.locator("#preview-drawer")).to_be_hidden()
    expect(hand.page.locator("#preview-open")).to_be_focused()
