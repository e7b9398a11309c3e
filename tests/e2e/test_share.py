"""How a wizard is shared, in a browser: who may begin is set by keyboard, people are invited, links saved; and the work of a start form."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.actions_kit import survey_structure
from tests.served import Served

from keepstep.core.admission import PROOF_BITS, is_proof
from keepstep.web.assets import assets_in

OpenPage = Callable[..., Page]
CheckPage = Callable[[Page], None]


@pytest.fixture
def share(served: Served) -> str:
    """The path of the page of a new, published wizard."""
    with served.client() as client:
        made = client.post("/api/v1/wizards", json={"name": "Shared", "structure": survey_structure()})
        wizard: dict[str, Any] = made.json()
        client.post(f"/api/v1/wizards/{wizard['id']}/publish", headers={"If-Match": made.headers["etag"]}).raise_for_status()
    return f"/wizards/{wizard['slug']}/share"


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
def test_people_are_invited_and_their_links_saved(signed_in: OpenPage, accessible: CheckPage, share: str, width: int, theme: str) -> None:
    page = signed_in(width=width, theme=theme)
    page.goto(share)
    accessible(page)
    page.get_by_role("radio", name="Everybody Whoever").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("It holds at once")
    page.get_by_role("link", name="Invitations").click()
    page.get_by_role("textbox", name="People").fill("ann@example.org, Ann\n,nobody\nbob@example.org")
    page.get_by_role("button", name="Add to the list").click()
    expect(page.get_by_text("Line 2: Nobody is named here.")).to_be_visible()
    accessible(page)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save 2 new links").click()
    rows = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text(encoding="utf-8-sig"), newline="")))
    assert [row["respondent"] for row in rows] == ["ann@example.org", "bob@example.org"]
    page.reload()
    page.get_by_role("link", name="Revoke: ann@example.org").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    accessible(page)
    dialog.get_by_role("button", name="Revoke the invitation").click()
    expect(page.get_by_text("Revoked", exact=True).last).to_be_visible()


def test_the_work_of_a_start_form_is_done_by_its_script_and_sent_when_it_is_done(signed_in: OpenPage, share: str) -> None:
    page = signed_in()
    page.goto(share)
    challenge = "x" * 90 + "-_\u0041"
    page.evaluate(
        """([challenge, bits, address]) => {
          document.body.innerHTML = `<form method="get" action="/nowhere"><input type="hidden" name="proof" data-work="${challenge}"
            data-bits="${bits}"><p data-work-said="Wait">Without a script</p><button>Start</button></form>`;
          document.addEventListener("submit", (event) => {
            if (!event.defaultPrevented) document.body.dataset.sent = "yes";
            event.preventDefault();
          });
          const script = document.createElement("script");
          script.src = address;
          script.onload = () => document.querySelector("button").click();
          document.body.append(script);
        }""",
        [challenge, PROOF_BITS, assets_in().address("gate.js")],
    )
    expect(page.locator("body")).to_have_attribute("data-sent", "yes")
    assert is_proof(challenge, page.locator("[data-work]").input_value())
    expect(page.locator("p")).to_have_text("")
