"""Each edit of a wizard, published between two pages of a running passage: not one stored byte changes, the passage goes on and is sent as
it began, and reads back as it was asked. The edits are those of test_runs_after_edits.py, where they come after a run was completed.
"""

from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.pages_kit import Browser, Page
from tests.player_kit import answers_on, asked_in, begun, finished, path_of, run_id_of, sent, title
from tests.runs_kit import lines_of, table_of
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
IN_THE_MIDDLE = {
    "Full Name": ("Ann", "answered"),
    "Age": ("41", "answered"),
    "Favorite Color": ("The run has not come to this question yet.", "not asked"),
    "Why this color?": ("Asked only if “Favorite Color” is “Blue”. “Favorite Color” was not answered.", "not asked"),
    "Nickname": ("The run has not come to this question yet.", "not asked"),
}
SENT = {name: (said, "answered") for name, said in GIVEN.items()} | {"Nickname": ("No answer given", "left empty")}


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


async def cells_of(browser: Browser, run_id: str, ids: dict[str, str]) -> list[str]:
    """The answers of a run in the table over all versions, sorted, since an edit may move a column."""
    page = await browser.open(f"/wizards/taste/runs?{'&'.join(f'c={each}' for each in ids.values())}")
    rows = [str(row) for row in page.tree.select("table.ks-runs tbody tr")]
    row = next(found for row, found in zip(rows, table_of(page), strict=True) if run_id in row)
    return sorted(cell for head, cell in row.items() if head not in ("Tick", "Run", "Version", "Status", "Last change"))


@pytest.mark.parametrize("edit", EDITS)
async def test_a_passage_goes_on_as_it_began_whatever_is_published(
    stranger: Browser, open_browser: OpenBrowser, editor_browser: Browser, resources: Resources, editor: httpx.AsyncClient, edit: str
) -> None:
    case = await new_case(editor)
    page = await sent(stranger, await begun(stranger, "taste"), {"Full Name": "Ann", "Age": "41"})
    run_id, link, kept = run_id_of(page), await link_of(stranger, page), await stored(resources, run_id_of(page))
    await EDITS[edit](case)
    assert await stored(resources, run_id) == kept
    of_run = f"/wizards/taste/runs/{run_id}"
    assert lines_of(await editor_browser.open(of_run)) == IN_THE_MIDDLE
    other = await open_browser()
    for browser, where in ((stranger, path_of(page)), (other, link)):
        page = await browser.open(where)
        assert (title(page), asked_in(page), choices_on(page)) == ("Taste", ["Favorite Color", "Nickname"], ["Blue", "Red", "Green"])
    page = await sent(other, page, {"Blue": "blue"})
    assert asked_in(page) == ["Favorite Color", "Why this color?", "Nickname"]
    page = await sent(other, page, {"Why this color?": "It suits the room"})
    assert answers_on(page) == GIVEN
    page = await finished(other, page)
    assert answers_on(await other.open(page.link("See a copy of your answers"))) == GIVEN
    assert lines_of(await editor_browser.open(of_run)) == SENT
    assert await cells_of(editor_browser, run_id, case.ids) == sorted(["Ann", "41", "Blue", "It suits the room", "left empty"])
    assert [each["revision"] for each in (await editor.get(f"/api/v1/runs/{run_id}/revisions")).json()["items"]] == [1]
