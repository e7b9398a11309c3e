"""Each edit of a wizard, published between two pages of a running passage: not one stored byte changes, the passage goes on and is sent as
it began, and reads back as it was asked. The edits are those of test_runs_after_edits.py, where they come after a run was completed.
"""

import csv
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.pages_kit import Browser, Page
from tests.player_kit import answers_on, asked_in, begun, finished, path_of, run_id_of, sent, title
from tests.web.pages.conftest import OpenBrowser
from tests.web.pages.test_player_resume import link_of
from tests.web.pages.test_runs_after_edits import EDITS, new_case

from keepstep.config import Resources

GIVEN = {
    "Full Name": "Ann",
    "Age": "41",
    "Favorite Color": "Blue",
    "Why this color?": "It suits the room",
    "Nickname": "You left this empty",
}
# Of its five questions in the order of version 1: not asked yet, or because of what was answered; then as it was sent.
IN_THE_MIDDLE = ["answered", "answered", "not_asked", "not_asked", "not_asked"]
SENT = ["answered", "answered", "answered", "answered", "empty"]


async def stored(resources: Resources, run_id: str) -> tuple[Any, ...]:
    """All that is kept of a run and its revisions, as the database writes it."""
    statements = (
        "SELECT wizard_runs::text FROM wizard_runs WHERE id = :id",
        "SELECT run_revisions::text FROM run_revisions WHERE run_id = :id ORDER BY revision",
        "SELECT passages::text FROM passages WHERE run_id = :id",
    )
    async with resources.engine.connect() as connection:
        return tuple([tuple(await connection.scalars(text(each), {"id": run_id})) for each in statements])


def choices_on(page: Page) -> list[str]:
    return [each.get_text(strip=True) for each in page.tree.select(".pl-choice")]


async def states_of(editor: httpx.AsyncClient, run_id: str) -> list[str]:
    """The cell states of a run, under the labels that it was asked with."""
    run = (await editor.get(f"/api/v1/runs/{run_id}")).json()
    assert [each["label"] for each in run["responses"]] == list(GIVEN)
    return [each["state"] for each in run["responses"]]


async def exported(editor: httpx.AsyncClient, run_id: str, keys: list[str]) -> list[str]:
    """The same in an export over all versions, where questions that came later have cells of their own."""
    table = csv.DictReader((await editor.get("/api/v1/wizards/taste/export.csv")).text.lstrip("\ufeff").splitlines())
    row = next(each for each in table if run_id in each.values())
    cells = {name.removesuffix(".state"): cell for name, cell in row.items() if name.endswith(".state")}
    assert {cells[key] for key in cells.keys() - set(keys)} <= {"not_in_version"}
    return [cells[key] for key in keys]


@pytest.mark.parametrize("edit", EDITS)
async def test_a_passage_goes_on_as_it_began_whatever_is_published(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources, editor: httpx.AsyncClient, edit: str
) -> None:
    case = await new_case(editor)
    shown_before = page = await sent(stranger, await begun(stranger, "taste"), {"Full Name": "Ann", "Age": "41"})
    run_id, link, kept = run_id_of(page), await link_of(stranger, page), await stored(resources, run_id_of(page))
    await EDITS[edit](case)
    assert await stored(resources, run_id) == kept
    assert await states_of(editor, run_id) == await exported(editor, run_id, list(case.ids)) == IN_THE_MIDDLE
    other = await open_browser()
    for browser, where in ((stranger, path_of(page)), (other, link)):
        page = await browser.open(where)
        assert (title(page), asked_in(page), choices_on(page)) == ("Taste", ["Favorite Color", "Nickname"], ["Blue", "Red", "Green"])
    page = await sent(stranger, shown_before, {"Blue": "blue"})
    assert asked_in(page) == ["Favorite Color", "Why this color?", "Nickname"]
    page = await sent(other, await other.open(link), {"Why this color?": "It suits the room"})
    assert answers_on(page) == GIVEN
    page = await finished(other, page)
    assert answers_on(await other.open(page.link("See a copy of your answers"))) == GIVEN
    assert await states_of(editor, run_id) == await exported(editor, run_id, list(case.ids)) == SENT
    assert [each["revision"] for each in (await editor.get(f"/api/v1/runs/{run_id}/revisions")).json()["items"]] == [1]
