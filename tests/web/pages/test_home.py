from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

import httpx
import pytest
from tests.factories import count_queries
from tests.pages_kit import Browser, Page
from tests.web.pages.conftest import Clock
from tests.web_kit import web_survey

from keepstep.config import Resources
from keepstep.core.clock import Clock as CoreClock
from keepstep.db.transaction import open_read
from keepstep.queries.home import activity_of

SignedIn = Callable[..., Awaitable[Browser]]


def rows_of(page: Page, name: str = "") -> list[list[str]]:
    rows = [each for each in page.tree.select("tbody tr") if name in each.get_text()]
    return [[" ".join(cell.get_text(" ", strip=True).split()) for cell in row.select("td")] for row in rows]


def row_of(page: Page, name: str) -> list[str]:
    (row,) = rows_of(page, name)
    return row


async def test_a_wizard_shows_what_is_live_what_is_in_its_draft_and_its_runs(
    signed_in: SignedIn, editor: httpx.AsyncClient, clock: Clock
) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="Ann")
    clock.advance(days=2)
    await editor.post(f"{survey.url}/runs", json={"answers": {"full-name": "Bob"}})
    admin_browser = await signed_in("admin")
    row = row_of(await admin_browser.open("/"), "Customer Survey")
    assert row[:4] + row[5:6] == ["Live · v1", "No draft changes", "1", "1", "2"]
    await editor.patch(survey.url, json={"name": "Client Survey"})
    await survey.send("POST", "/api/v1/steps", json={"wizard_id": survey.wizard, "name": "More"})
    assert row_of(await admin_browser.open("/"), "Client Survey")[1] == "Draft · 2 changes"


async def test_the_drawing_of_the_last_days_says_its_numbers_in_words(signed_in: SignedIn, editor: httpx.AsyncClient, clock: Clock) -> None:
    survey = await web_survey(editor)
    for _ in range(2):
        await survey.answer(full_name="Ann")
    clock.advance(days=3)
    await survey.answer(full_name="Ann")
    drawing = (await (await signed_in("admin")).open("/")).one("svg.ks-spark")
    numbers = "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1"
    assert (drawing["role"], drawing["aria-label"]) == ("img", f"Runs started on each of the last 14 days, today last: {numbers}")
    clock.advance(days=14)
    later = await (await signed_in("analyst")).open("/")
    assert "no runs in 14 days" in row_of(later, "Customer Survey")


async def test_a_day_begins_in_the_zone_of_the_installation(resources: Resources, editor: httpx.AsyncClient, clock: Clock) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="Ann")  # 9:00 UTC on 3 March: 22:00 that day in Auckland
    clock.advance(hours=3)
    local = clock.now.astimezone(ZoneInfo("Pacific/Auckland"))
    async with open_read(resources.engine) as tx:
        there = await activity_of(tx, [survey.wizard], CoreClock(local, "Pacific/Auckland"))
        here = await activity_of(tx, [survey.wizard], CoreClock(clock.now, "UTC"))
    assert (there[survey.wizard].days[-2:], here[survey.wizard].days[-2:]) == ((1, 0), (0, 1))


async def test_runs_in_the_trash_are_said_apart(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await editor.delete(f"/api/v1/runs/{await survey.answer(full_name='Ann')}")
    await survey.answer(full_name="Bob")
    row = row_of(await admin_browser.open("/"), "Customer Survey")
    assert (row[2], row[5]) == ("1", "1 and 1 in the trash")


async def test_a_wizard_without_a_version_says_so(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    await editor.post("/api/v1/wizards", json={"name": "New <script>alert(1)</script>"})
    page = await admin_browser.open("/")
    assert row_of(page, "New <script>")[:3] == ["Not published yet", "Draft · first version", "– none yet"]
    assert page.tree.select("tbody script") == []


async def test_a_draft_too_large_to_be_counted_with_others_is_counted_by_itself(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    surveys = [await web_survey(editor), await web_survey(editor)]
    for survey in surveys:
        await survey.send("POST", "/api/v1/steps", json={"wizard_id": survey.wizard, "name": "More"})
    monkeypatch.setattr("keepstep.queries.draft_changes.READ_AT_ONCE", 1)
    page = await admin_browser.open("/")
    chips = [" ".join(each.get_text(" ", strip=True).split()) for each in page.tree.select("tbody .ks-chip-draft")]
    assert sorted(chips) == ["Draft changes", "Draft · 1 change"]
    address = page.one("[hx-trigger=load]")["hx-get"]
    part = await admin_browser.open(str(address), htmx=True)
    assert part.text(".ks-chip") == "Draft · 1 change"
    assert not (await admin_browser.open("/")).tree.select("[hx-trigger=load]")


async def test_the_same_address_gives_the_list_alone_to_the_script(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    await editor.post("/api/v1/wizards", json={"name": "Intake"})
    await editor.post("/api/v1/wizards", json={"name": "Survey"})
    part = await admin_browser.open("/?q=inta", htmx=True)
    whole = await admin_browser.open("/?q=inta")
    assert (part.is_whole, whole.is_whole) == (False, True)
    assert part.text("#wizards") == whole.text("#wizards")
    assert [each.get_text() for each in part.tree.select(".ks-name")] == ["Intake"]
    assert whole.labelled("Search wizards")["value"] == "inta"


async def test_what_waits_and_what_happened_lately_stands_below_the_list(
    signed_in: SignedIn, editor: httpx.AsyncClient, clock: Clock
) -> None:
    survey = await web_survey(editor)
    for name in ("One", "Two", "Three"):
        await survey.send("POST", "/api/v1/steps", json={"wizard_id": survey.wizard, "name": name})
    clock.advance(days=6, minutes=1)
    page = await (await signed_in("admin")).open("/")
    waiting, lately, _ = [each.get_text(" ", strip=True) for each in page.tree.select(".ks-cards section")]
    assert "Draft with 3 unpublished changes Customer Survey · open for 6 days" in " ".join(waiting.split())
    assert "Add step “Three”. and 2 edits before Customer Survey · " in " ".join(lately.split())
    assert "Published version 1." in " ".join(lately.split())


@pytest.mark.parametrize(
    ("path", "title"), [("/", "No wizards yet"), ("/?q=x", "No wizard is called that"), ("/trash", "The trash is empty")]
)
async def test_an_empty_list_says_what_comes_next(admin_browser: Browser, path: str, title: str) -> None:
    assert (await admin_browser.open(path)).text("#wizards h2") == title


async def test_one_wizard_and_fifty_cost_the_same_number_of_queries(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    counts = []
    for many in (1, 49):
        for _ in range(many):
            survey = await web_survey(editor)
            await survey.answer(full_name="Ann")
            await survey.send("POST", "/api/v1/steps", json={"wizard_id": survey.wizard, "name": "More"})
        with count_queries(resources.engine) as found:
            page = await admin_browser.open("/")
        counts.append(len(found))
        assert [row[1] for row in rows_of(page)] == ["Draft · 1 change"] * len(rows_of(page))
    assert counts[0] == counts[1] <= 9


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


@pytest.mark.parametrize("query", ["cursor=nonsense", "q=" + "x" * 300])
async def test_a_query_that_cannot_be_is_a_problem_and_no_fault(admin_browser: Browser, query: str) -> None:
    page = await admin_browser.open(f"/?{query}")
    assert (page.answer.status_code, page.is_whole) == (422, True)


async def test_admins_see_what_the_last_check_of_everything_found(
    admin_browser: Browser, editor_browser: Browser, editor: httpx.AsyncClient
) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="Ann")
    assert "Nobody has checked yet" in (await admin_browser.open("/")).text("[aria-labelledby=card-kept]")
    health = await admin_browser.open("/admin")
    (form,) = health.tree.select('form[action="/admin/check"]:not(:has([name=wizard][value]:not([value=""])))')[:1]
    fields = {str(each["name"]): str(each.get("value", "")) for each in form.select("input[name]")}
    assert (await admin_browser.client.post("/admin/check", data=fields)).status_code == 200
    card = (await admin_browser.open("/")).text("[aria-labelledby=card-kept]")
    assert card.startswith("Every answer kept All checks pass 0 answers cannot be shown Runs checked 1 Revisions checked 1 Findings 0")
    assert (await editor_browser.open("/")).tree.select("[aria-labelledby=card-kept]") == []
