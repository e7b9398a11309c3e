"""The audit trail in words: of one wizard and of everything, filtered, page by page, and never an answer."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import text
from tests.history_kit import Statements, squeezed
from tests.pages_kit import Browser, Page
from tests.web.pages.conftest import Clock
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    survey = await web_survey(editor)
    await survey.answer(full_name="Johanna Secret", email="secret@example.com", favorite_color="blue")
    return survey


def deeds(page: Page) -> list[str]:
    return [squeezed(each) for each in page.tree.select("td.ks-deed")]


async def test_the_trail_of_a_wizard_tells_what_was_done_to_it_in_words(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("PUT", f"/api/v1/option-sets/{survey.color}", json={"is_required": True})
    await survey.publish()
    page = await admin_browser.open(f"/wizards/{survey.wizard}/audit")
    assert deeds(page) == [
        "Published version 2 with 1 change.",
        "Change requirement of question “Favorite Color”.",
        "Published version 1.",
        "Created the wizard “Customer Survey”.",
    ]
    row = [squeezed(cell) for cell in page.tree.select("tbody tr")[0].select("th, td")]
    assert row[3] == "through the API"


async def test_no_answer_ever_stands_in_a_trail(admin_browser: Browser, survey: WebSurvey) -> None:
    run = await survey.answer(email="secret@example.com")
    await survey.client.delete(f"/api/v1/runs/{run}")
    for path in (f"/wizards/{survey.wizard}/audit", "/admin/audit"):
        page = await admin_browser.open(path)
        assert f"Moved run {run[-8:]} to the trash." in deeds(page)
        assert "secret" not in page.answer.text.lower()


async def test_the_trail_of_everything_is_for_admins_and_tells_of_accounts_too(
    admin_browser: Browser, signed_in: SignedIn, survey: WebSurvey
) -> None:
    editor_browser = await signed_in("editor")
    page = await admin_browser.open("/admin/audit")
    assert {"Editor Okafor signed in.", "Made an account for Editor Okafor (editor).", "Published version 1."} <= set(deeds(page))
    assert {each["href"] for each in page.tree.select("tbody a")} == {"/wizards/customer-survey/audit"}
    refused = await editor_browser.open("/admin/audit")
    assert refused.answer.status_code == 403
    assert "Audit trail" not in [each.get_text(strip=True) for each in refused.tree.select(".ks-nav a")]


async def test_whoever_may_see_a_wizard_may_see_its_trail_and_nobody_else(
    signed_in: SignedIn, admin: httpx.AsyncClient, survey: WebSurvey
) -> None:
    analyst = await signed_in("analyst")
    page = await analyst.open(f"/wizards/{survey.wizard}/audit")
    assert (page.answer.status_code, len(deeds(page))) == (200, 2)
    other = (await admin.post("/api/v1/wizards", json={"name": "Other"})).json()
    user = next(each for each in (await admin.get("/api/v1/users")).json()["items"] if each["email"] == "analyst@example.org")
    await admin.put(f"/api/v1/users/{user['id']}/grants/{other['id']}", json={"role": "analyst"})
    assert (await analyst.open(f"/wizards/{survey.wizard}/audit")).answer.status_code == 403


async def test_the_trail_of_a_removed_wizard_stays_by_its_id(admin_browser: Browser, admin: httpx.AsyncClient) -> None:
    made = (await admin.post("/api/v1/wizards", json={"name": "Gone"})).json()
    await admin.delete(f"/api/v1/wizards/{made['id']}")
    await admin.delete(f"/api/v1/wizards/{made['id']}?permanent=true")
    page = await admin_browser.open(f"/wizards/{made['id']}/audit")
    assert deeds(page)[0] == "Removed the wizard “Gone” for good; 0 runs stay readable."


async def test_filters_choose_by_person_by_subject_and_by_day(
    signed_in: SignedIn, editor: httpx.AsyncClient, survey: WebSurvey, clock: Clock
) -> None:
    clock.advance(days=2)
    admin_browser = await signed_in("admin")
    await survey.send("PUT", f"/api/v1/option-sets/{survey.color}", json={"help": "x"})
    path = f"/wizards/{survey.wizard}/audit"
    drafts = await admin_browser.open(f"{path}?what=draft")
    assert deeds(drafts) == ["Change help text of question “Favorite Color”."]
    assert len(deeds(await admin_browser.open(f"{path}?until=2026-03-03"))) == 2
    assert deeds(await admin_browser.open(f"{path}?since=2026-03-04")) == deeds(drafts)
    me = editor.headers["X-User"]
    assert len(deeds(await admin_browser.open(f"{path}?who={me}"))) == 3
    empty = await admin_browser.open(f"{path}?what=run")
    assert empty.text("#trail h2") == "Nothing like that was done"
    assert empty.labelled("What").select("option[selected]")[0]["value"] == "run"


async def test_a_day_that_is_none_is_named_and_filters_nothing(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(f"/wizards/{survey.wizard}/audit?since=31.3.26")
    field = page.labelled("From")
    assert (field["value"], field["aria-invalid"], len(deeds(page))) == ("31.3.26", "true", 2)


@pytest.mark.parametrize("query", ["who=x", "what=password", "cursor=nonsense", "since=" + "9" * 100])
async def test_a_query_that_cannot_be_is_a_problem_and_no_fault(admin_browser: Browser, query: str) -> None:
    assert (await admin_browser.open(f"/admin/audit?{query}")).answer.status_code == 422


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
async def test_the_ends_of_the_calendar_can_be_asked_for(admin_browser: Browser, day: str) -> None:
    for name in ("since", "until"):
        assert (await admin_browser.open(f"/admin/audit?{name}={day}")).answer.status_code == 200


async def test_page_after_page_shows_every_entry_once_also_while_new_ones_come(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    for number in range(120):
        answer = await survey.send("PUT", f"/api/v1/option-sets/{survey.color}", json={"help": f"Help {number}"})
        assert answer.status_code == 200
    page = await admin_browser.open(f"/wizards/{survey.wizard}/audit?what=draft")
    seen = list(deeds(page))
    times = [str(each["datetime"]) for each in page.tree.select("time")]
    while [each for each in page.tree.find_all("a") if squeezed(each) == "Older entries"]:
        await survey.send("PUT", f"/api/v1/option-sets/{survey.color}", json={"help": "x" if len(seen) % 100 else "y"})
        page = await admin_browser.open(page.link("Older entries"))
        seen += deeds(page)
        times += [str(each["datetime"]) for each in page.tree.select("time")]
    assert len(seen) == 120
    assert [datetime.fromisoformat(each) for each in times] == sorted(map(datetime.fromisoformat, times), reverse=True)


async def test_the_script_gets_the_entries_alone(admin_browser: Browser, survey: WebSurvey) -> None:
    path = f"/wizards/{survey.wizard}/audit?what=wizard"
    whole, part = [await admin_browser.open(path, htmx=htmx) for htmx in (False, True)]
    assert (whole.is_whole, part.is_whole) == (True, False)
    assert part.text("#trail") == whole.text("#trail")


async def test_one_entry_and_fifty_cost_the_same_number_of_queries(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "New"})).json()
    statements, counts = Statements(resources.engine), []
    for number in range(50):
        if number in (0, 49):
            pages = (f"/wizards/{made['id']}/audit", "/admin/audit")
            counts.append([await statements.during(admin_browser.open(path)) for path in pages])
        etag = {"If-Match": "*"}
        await editor.post("/api/v1/steps", json={"wizard_id": made["id"], "name": f"<script>{number}</script>"}, headers=etag)
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 8
    page = await admin_browser.open("/admin/audit")
    assert "Add step “<script>48</script>”." in deeds(page)


async def test_the_trail_of_a_wizard_comes_in_order_from_its_index(resources: Resources) -> None:
    """However long it is, a page of it reads its own rows: the plan without a sort looks them up by wizard, time and id."""
    plan = text("""
      EXPLAIN SELECT id FROM audit_events
      WHERE wizard_id = CAST(:wizard AS uuid) AND (at, id) < (CAST(:at AS timestamptz), CAST(:wizard AS uuid))
      ORDER BY at DESC, id DESC LIMIT 51
    """)
    async with resources.engine.connect() as connection:
        # The test's table is empty, where sorting nothing would look cheapest.
        await connection.execute(text("SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true)"))
        values = {"at": datetime(2026, 3, 4, tzinfo=UTC), "wizard": resources.make_id()}
        lines = " ".join((await connection.scalars(plan, values)).all())
    assert "ix_audit_events_wizard_id_at_id" in lines
    assert "Sort" not in lines, lines
