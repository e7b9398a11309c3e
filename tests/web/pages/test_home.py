from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import event
from tests.pages_kit import Browser
from tests.web_kit import web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]


def row_of(page: object, name: str) -> list[str]:
    rows = [each for each in page.tree.select("tbody tr") if name in each.get_text()]  # type: ignore[attr-defined] # a Page
    assert len(rows) == 1
    return [" ".join(cell.get_text(" ", strip=True).split()) for cell in rows[0].select("td")]


async def test_a_wizard_shows_what_is_live_what_is_in_its_draft_and_its_runs(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="Ann")
    await editor.post(f"{survey.url}/runs", json={"answers": {"full-name": "Bob"}})
    assert row_of(await admin_browser.open("/"), "Customer Survey") == ["Live · v1", "No draft changes", "1", "2"]
    await editor.patch(survey.url, json={"name": "Client Survey"})
    assert row_of(await admin_browser.open("/"), "Client Survey") == ["Live · v1", "Draft changes", "1", "2"]


async def test_a_wizard_without_a_version_says_so(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    await editor.post("/api/v1/wizards", json={"name": "New <script>alert(1)</script>"})
    page = await admin_browser.open("/")
    assert row_of(page, "New <script>") == ["Not published yet", "Draft · first version", "0", "0"]


async def test_the_same_address_gives_the_list_alone_to_the_script(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    await editor.post("/api/v1/wizards", json={"name": "Intake"})
    await editor.post("/api/v1/wizards", json={"name": "Survey"})
    part = await admin_browser.open("/?q=inta", htmx=True)
    whole = await admin_browser.open("/?q=inta")
    assert (part.is_whole, whole.is_whole) == (False, True)
    assert part.text("#wizards") == whole.text("#wizards")
    assert [each.get_text() for each in part.tree.select(".ks-name")] == ["Intake"]
    assert whole.labelled("Search wizards")["value"] == "inta"


async def test_the_trash_is_a_list_of_its_own(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "Old"})).json()
    assert (await editor.delete(f"/api/v1/wizards/{made['id']}")).status_code == 200
    home = await admin_browser.open("/")
    assert home.text("#wizards h2") == "No wizards yet"
    trash = await admin_browser.open(home.link("Trash 1"))
    assert (trash.text("h1"), trash.text(".ks-name")) == ("Trash", "Old")


@pytest.mark.parametrize(
    ("path", "title"), [("/", "No wizards yet"), ("/?q=x", "No wizard is called that"), ("/?trashed=true", "The trash is empty")]
)
async def test_an_empty_list_says_what_comes_next(admin_browser: Browser, path: str, title: str) -> None:
    assert (await admin_browser.open(path)).text("#wizards h2") == title


async def test_one_wizard_and_fifty_cost_the_same_number_of_queries(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    counts = []
    found: list[str] = []
    event.listen(resources.engine.sync_engine, "before_cursor_execute", lambda *given: found.append(given[2]))
    for many in (1, 49):
        for number in range(many):
            assert (await editor.post("/api/v1/wizards", json={"name": f"W{number}"})).status_code == 201
        found.clear()
        await admin_browser.open("/")
        counts.append(len(found))
    assert counts[0] == counts[1] <= 5


async def test_more_than_a_page_goes_on_behind_a_link(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    for number in range(51):
        await editor.post("/api/v1/wizards", json={"name": f"W{number}"})
    first = await admin_browser.open("/")
    second = await admin_browser.open(first.link("Older wizards"))
    assert [len(page.tree.select(".ks-name")) for page in (first, second)] == [50, 1]


async def test_somebody_with_grants_sees_their_wizards_alone(
    signed_in: SignedIn, admin: httpx.AsyncClient, editor: httpx.AsyncClient
) -> None:
    mine, _ = [(await editor.post("/api/v1/wizards", json={"name": name})).json() for name in ("Mine", "Other")]
    browser = await signed_in("analyst")
    user = next(each for each in (await admin.get("/api/v1/users")).json()["items"] if each["email"] == "analyst@example.org")
    await admin.put(f"/api/v1/users/{user['id']}/grants/{mine['id']}", json={"role": "editor"})
    assert [each.get_text() for each in (await browser.open("/")).tree.select(".ks-name")] == ["Mine"]


@pytest.mark.parametrize("query", ["cursor=nonsense", "trashed=maybe", "q=" + "x" * 300])
async def test_a_query_that_cannot_be_is_a_problem_and_no_fault(admin_browser: Browser, query: str) -> None:
    page = await admin_browser.open(f"/?{query}")
    assert (page.answer.status_code, page.is_whole) == (422, True)
