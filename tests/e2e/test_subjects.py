"""Everything of one respondent, in a browser: found, and erased through the dialog by keyboard."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.actions_kit import survey_structure
from tests.served import Served

OpenPage = Callable[..., Page]
CheckPage = Callable[[Page], None]
NAME = "a-very-long-respondent-name-without-any-blank-" * 2 + "عربي@example.org"


@pytest.fixture
def respondent(served: Served, request: pytest.FixtureRequest) -> str:
    """Somebody with a run, and somebody else whose name differs in case."""
    name = f"{request.node.callspec.params['width']}-{NAME}"
    with served.client() as client:
        made = client.post("/api/v1/wizards", json={"name": "Asked", "structure": survey_structure()})
        wizard: dict[str, Any] = made.json()
        client.post(f"/api/v1/wizards/{wizard['id']}/publish", headers={"If-Match": made.headers["etag"]}).raise_for_status()
        for each in (name, name.upper()):
            client.post(f"/api/v1/wizards/{wizard['id']}/runs", json={"respondent": each}).raise_for_status()
    return name


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
def test_a_respondent_is_found_and_erased(signed_in: OpenPage, accessible: CheckPage, respondent: str, width: int, theme: str) -> None:
    page = signed_in(width=width, theme=theme)
    page.goto("/admin/subjects")
    page.get_by_label("Respondent", exact=True).fill(respondent)
    page.get_by_role("button", name="Find").press("Enter")
    expect(page.locator("#subject-runs tbody tr")).to_have_count(1)
    accessible(page)
    page.get_by_role("link", name="Erase everything").press("Enter")
    expect(page.locator(".ks-going")).to_contain_text("1 run")
    accessible(page)
    page.get_by_label("Reason").fill("asked for")
    page.get_by_role("button", name="Erase everything for good").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("erased for good")
