"""Makes the pictures in docs/pictures: a survey with three versions and its runs on a real server, looked at in a real Chromium.

Run by `make pictures`. Draws everything by seed, so that a picture changes when the page does. Needs Chromium on the machine.
"""

import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from tests.e2e.conftest import chromium
from tests.factories import option, option_set, step, wizard
from tests.served import keepstep, serving

FOLDER: Final = Path(__file__).parents[1] / "docs/pictures"
EMAIL, PASSWORD = "ada@example.org", "a long enough password"
SEED: Final = 3
_COLORS: Final = ("blue", "red", "green", "orange")
_Shot = tuple[str, int, str, str, Callable[[Page], None] | None]


def structure() -> dict[str, Any]:
    """What a shop asks its customers."""
    personal = step("personal-info", option_set("full-name", is_required=True), option_set("email", "email"), option_set("fax-number"))
    personal |= {"help": "So that we can reach you about your visit."}
    colors = option_set("favorite-color", "single_select", options=[option(color) for color in _COLORS])
    why = option_set("why-this-color", "textarea", visible_if={"!=": [{"var": colors["id"]}, None]})
    contact = [option("email"), option("phone"), option("post")]
    preferences = step("preferences", colors, why, option_set("contact-me-by", "single_select", options=contact))
    rating = option_set("how-satisfied-were-you", "rating", constraints={"max": 5})
    visit = step("your-visit", option_set("date-of-last-visit", "date"), rating, option_set("what-could-be-better", "textarea"))
    return wizard(personal, preferences, visit, name="Customer Survey")


class Story:
    """The survey on the server: published, answered and changed through the API."""

    def __init__(self, client: httpx.Client) -> None:
        self.client, self.draw = client, random.Random(SEED)  # noqa: S311 - the same pictures each time
        self.form = structure()
        self.ids = {each["key"]: each["id"] for one in self.form["steps"] for each in one["option_sets"]}
        made = client.post("/api/v1/wizards", json={"structure": self.form, "slug": "customer-survey"})
        made.raise_for_status()
        self.url = f"/api/v1/wizards/{made.json()['id']}"

    def send(self, method: str, url: str, **body: Any) -> dict[str, Any]:
        """A write on the draft; what asks for a confirmation gets the one that it asked for."""
        tag = self.client.get(f"{self.url}/draft").headers["ETag"]
        answer = self.client.request(method, url, json=body or None, headers={"If-Match": tag})
        if answer.status_code == 409 and "confirm" in answer.json():
            query = {"confirm": answer.json()["confirm"]}
            answer = self.client.request(method, url, json=body or None, headers={"If-Match": tag}, params=query)
        answer.raise_for_status()
        return dict(answer.json())

    def publish(self, summary: str) -> None:
        tag = self.client.get(f"{self.url}/draft").headers["ETag"]
        body = {"change_summary": summary}
        answer = self.client.post(f"{self.url}/publish", json=body, headers={"If-Match": tag})
        if answer.status_code == 409:
            body["confirm"] = answer.json()["confirm"]
            answer = self.client.post(f"{self.url}/publish", json=body, headers={"If-Match": tag})
        answer.raise_for_status()

    def answer(self, count: int, **more: Any) -> None:
        """So many runs; one in eight is still in progress, and not everybody leaves an address."""
        for number in range(count):
            answers = {"full-name": f"Customer {number}", "favorite-color": self.draw.choice(_COLORS), **more}
            if self.draw.random() < 0.85:
                answers["email"] = f"customer{number}@example.org"
            body = {"answers": answers, "complete": self.draw.random() < 0.875}
            self.client.post(f"{self.url}/runs", json=body).raise_for_status()

    def told(self) -> None:
        """Three versions with their runs, and a draft with five changes."""
        self.publish("First edition")
        self.answer(24, **{"fax-number": "030 123456"})
        self.send("POST", f"/api/v1/option-sets/{self.ids['fax-number']}/retire")
        self.publish("Nobody has a fax any more")
        self.answer(31)
        self.send("PATCH", f"/api/v1/option-sets/{self.ids['contact-me-by']}", name="How may we contact you?", meaning="same")
        self.publish("A clearer question")
        self.answer(38)
        self.send("PATCH", f"/api/v1/option-sets/{self.ids['favorite-color']}", selection_type="multiple_select")
        phone = {"step_id": self.form["steps"][0]["id"], "name": "Phone Number", "selection_type": "phone"}
        self.send("POST", "/api/v1/option-sets", **phone, is_required=True, help="With the country code, for example +44 20 7946 0018.")
        self.send(
            "PATCH", f"/api/v1/option-sets/{self.ids['how-satisfied-were-you']}", name="How satisfied were you with us?", meaning="same"
        )
        self.send("POST", f"/api/v1/option-sets/{self.ids['favorite-color']}/options/orange/retire")

    def changed_again(self) -> None:
        """The draft goes live without an option that many chose, and the old number of the fax becomes a telephone number."""
        self.all_sent()
        color, fax = self.ids["favorite-color"], self.ids["fax-number"]
        self.send("DELETE", f"/api/v1/option-sets/{color}/options/orange")
        self.send("PATCH", f"/api/v1/option-sets/{fax}", selection_type="phone")
        self.publish("Several colors, and a phone number")

    def all_sent(self) -> None:
        """Nobody is in the middle of a run any more: a migration would wait for them to pause."""
        running = self.client.get(f"{self.url}/runs", params={"status": "in_progress", "limit": 100}).json()["items"]
        for run in running:
            self.client.post(f"/api/v1/runs/{run['id']}/complete", headers={"If-Match": "*"}).raise_for_status()


def _planning(page: Page) -> None:
    page.get_by_role("button", name="Show what would happen").click()
    page.get_by_label("Orange", exact=True).first.select_option("red")
    page.get_by_role("button", name=re.compile("^Save and count again.*Favorite Color$")).first.click()
    page.get_by_role("heading", name="Samples").wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0)")


def _moving(page: Page) -> None:
    """The plan of the picture before, with the runs that lack a telephone number moved without it."""
    page.get_by_role("link", name="Migration 1", exact=True).click()
    page.get_by_label("Moves without it").check()
    page.get_by_role("button", name="Save and count again", exact=True).click()
    page.get_by_role("button", name=re.compile("^Approve and move")).click()
    page.get_by_text(re.compile("^Completed")).first.wait_for(timeout=120_000)


def _moving_one(page: Page) -> None:
    page.locator("table.ks-runs tbody th a").first.click()
    page.get_by_role("link", name="Move to the latest version…").click()
    page.get_by_role("dialog").wait_for()


def _deleting(page: Page) -> None:
    page.get_by_role("button", name="Delete “Email”").first.click()
    page.get_by_role("dialog").wait_for()


def shots(story: Story) -> tuple[_Shot, ...]:
    """Name, width, theme, address, and what is done there first."""
    build = f"/wizards/customer-survey/build?node={story.ids['email']}"
    return (
        ("home", 1280, "light", "/", None),
        ("builder", 1280, "light", build, None),
        ("builder-dark", 1280, "dark", build, None),
        ("builder-360", 360, "light", build, None),
        ("delete-dialog", 1280, "light", build, _deleting),
        ("review", 1280, "light", "/wizards/customer-survey/review", None),
        ("versions", 1280, "light", "/wizards/customer-survey/versions?from=1&to=3", None),
        ("preview", 1280, "light", "/wizards/customer-survey/preview", None),
    )


def shots_of_migrations() -> tuple[_Shot, ...]:
    """As `shots`, of the same survey one version later; each goes on from the one before."""
    bench = "/wizards/customer-survey/migrations"
    return (
        ("run-move", 1280, "light", "/wizards/customer-survey/runs?version=3&status=completed", _moving_one),
        ("migration-bench", 1280, "light", bench, _planning),
        ("migration-result", 1280, "light", bench, _moving),
    )


def taken(browser: Browser, address: str, shot: _Shot) -> None:
    """The picture, in docs/pictures."""
    name, width, theme, path, first = shot
    scheme: Any = theme
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce").new_page()
    page.goto(f"{address}/login?next=/account")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/account")
    page.goto(address + path)
    page.wait_for_load_state("networkidle")
    if first is not None:
        first(page)
        page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")
    page.context.close()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = {"KEEPSTEP_HOME": folder}
        keepstep(environment, "user", "add", EMAIL, "--role", "admin", "--name", "Adaeze Okafor", "--password-stdin", given=PASSWORD)
        token = keepstep(environment, "token", "add", EMAIL)
        with serving(environment, token, Path(folder, "log")) as server, server.client() as client, sync_playwright() as playwright:
            story = Story(client)
            story.told()
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            for shot in shots(story):
                taken(browser, server.address, shot)
            story.changed_again()
            for shot in shots_of_migrations():
                taken(browser, server.address, shot)
            browser.close()


if __name__ == "__main__":
    main()
