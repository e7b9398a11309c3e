"""The page about one respondent: found by the exact name, everything to take along, and the dialog before all of it is erased."""

import io
import zipfile
from collections.abc import Awaitable, Callable

import httpx
import pytest
from bs4 import Tag
from sqlalchemy import select
from tests.history_kit import squeezed
from tests.pages_kit import Browser, Page
from tests.runs_kit import post
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources
from keepstep.db.tables import run_views
from keepstep.db.transaction import open_read

SignedIn = Callable[..., Awaitable[Browser]]
JOHN = "john+é & co@example.com"
ERASE = "Erase everything for good"


async def answered(client: httpx.AsyncClient, survey: WebSurvey, respondent: str = JOHN, **answers: str) -> str:
    body = {"answers": answers or {"full-name": "John Doe"}, "complete": True, "respondent": respondent}
    made = await client.post(f"/api/v1/wizards/{survey.wizard}/runs", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    """Two runs of John, one of them in the trash, his invitation, and a run of somebody whose name differs in case."""
    made = await web_survey(editor)
    await answered(editor, made)
    await editor.delete(f"/api/v1/runs/{await answered(editor, made)}")
    await answered(editor, made, JOHN.upper())
    invited = {"invitations": [{"respondent": JOHN}]}
    assert (await editor.post(f"/api/v1/wizards/{made.wizard}/invitations", json=invited)).status_code == 201
    return made


async def found(browser: Browser, respondent: str = JOHN) -> Page:
    return Page(await browser.client.get("/admin/subjects", params={"respondent": respondent}))


def rows(page: Page, table: str) -> list[list[str]]:
    return [[squeezed(cell) for cell in row.select("th, td")] for row in page.tree.select(f"#{table} tbody tr")]


async def test_everything_of_exactly_this_respondent_is_listed_by_wizard(admin_browser: Browser, survey: WebSurvey) -> None:
    empty = await admin_browser.open("/admin/subjects")
    assert empty.labelled("Respondent")["value"] == ""
    page = await found(admin_browser)
    assert rows(page, "subject-wizards") == [["Customer Survey", "2", "1", "0", "1"]]
    assert [row[0].endswith("in the trash") for row in rows(page, "subject-runs")] == [False, True]
    first = page.tree.select_one("#subject-runs a")
    assert isinstance(first, Tag)
    assert (await admin_browser.open(str(first["href"]))).answer.status_code == 200


async def test_other_spellings_are_named_and_not_taken_along(admin_browser: Browser, survey: WebSurvey) -> None:
    other = await admin_browser.open((await found(admin_browser)).link(JOHN.upper()))
    assert rows(other, "subject-wizards") == [["Customer Survey", "1", "0", "0", "0"]]
    assert other.link(JOHN)


async def test_a_name_that_nothing_is_stored_under_says_so(admin_browser: Browser, survey: WebSurvey) -> None:
    for name in ("nobody", "%", "john", "' OR 1=1", "<b>x</b>"):
        page = await found(admin_browser, name)
        assert page.text(".ks-empty h2") == "Nothing is stored under this name"
        assert "Erase everything" not in page.answer.text
    assert (await found(admin_browser, "a\x00b")).answer.status_code == 200


async def test_the_download_is_the_file_of_the_api(admin_browser: Browser, survey: WebSurvey) -> None:
    answer = await admin_browser.client.get((await found(admin_browser)).link("Download everything (ZIP)"))
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/zip", "no-store")
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert (len(names), "manifest.json" in names) == (4, True)


@pytest.mark.parametrize("htmx", [False, True])
async def test_all_of_it_is_erased_after_the_list_and_a_reason(
    admin_browser: Browser, survey: WebSurvey, admin: httpx.AsyncClient, htmx: bool
) -> None:
    dialog = await admin_browser.open((await found(admin_browser)).link("Erase everything"), htmx=htmx)
    assert dialog.is_whole is not htmx
    assert "2 runs (1 in the trash), 0 files with their content, 1 invitation" in dialog.text(".ks-going")
    done = await send(admin_browser, dialog, reason="asked for on 3 March")
    assert (done.status_code, done.headers["location"].split("&")[0]) == (303, "/admin/subjects?done=subject-erased")
    told = (await admin_browser.open(done.headers["location"])).text(".ks-banner")
    assert "erased for good" in told
    assert "2 runs, 2 answers, 0 files with their content, 1 invitation." in told
    assert (await found(admin_browser)).text(".ks-empty h2") == "Nothing is stored under this name"
    assert (await admin.get("/api/v1/verify")).json()["findings"] == []
    assert (await send(admin_browser, dialog, reason="asked for on 3 March")).headers["location"] == "/admin/subjects?done=subject-erased"


async def send(browser: Browser, dialog: Page, **fields: str) -> httpx.Response:
    """A dialog's form; a part of a page has no token of its own beside it."""
    _, held = dialog.form_of(ERASE)
    return await post(browser, "/admin/subjects/erase", **{**held, **fields})


async def test_a_reason_that_names_the_respondent_shows_the_dialog_again(admin_browser: Browser, survey: WebSurvey) -> None:
    dialog = await admin_browser.open((await found(admin_browser)).link("Erase everything"))
    again = Page(await send(admin_browser, dialog, reason=f"for {JOHN}"))
    assert (again.answer.status_code, again.labelled("Reason")["value"]) == (422, f"for {JOHN}")
    assert "must not name the respondent" in again.text("[role=alert]")
    assert (await send(admin_browser, again, reason="asked")).status_code == 303


async def test_what_came_since_shows_the_list_anew_and_erases_nothing(
    admin_browser: Browser, survey: WebSurvey, editor: httpx.AsyncClient
) -> None:
    dialog = await admin_browser.open((await found(admin_browser)).link("Erase everything"))
    await answered(editor, survey)
    again = Page(await send(admin_browser, dialog, reason="asked"))
    assert (again.answer.status_code, "3 runs" in again.text(".ks-going")) == (409, True)
    assert (await send(admin_browser, again, reason="asked")).status_code == 303


async def test_the_audit_trail_tells_of_it_without_the_name(admin_browser: Browser, survey: WebSurvey) -> None:
    await admin_browser.client.get((await found(admin_browser)).link("Download everything (ZIP)"))
    await send(admin_browser, await admin_browser.open((await found(admin_browser)).link("Erase everything")), reason="asked")
    trail = (await admin_browser.open("/admin/audit?subject=subject")).tree.get_text(" ")
    assert "Erased everything of one respondent: 2 runs, 1 invitation." in trail
    assert "Exported everything of one respondent: 2 runs, 1 invitation." in trail
    assert "john" not in trail.casefold()


async def test_no_saved_view_keeps_the_name(admin_browser: Browser, survey: WebSurvey, resources: Resources) -> None:
    """What somebody searched for is left out when a view is saved, so there is nothing of it to erase."""
    assert (await post(admin_browser, "/wizards/customer-survey/runs/views", name="One", q=JOHN)).status_code == 303
    async with open_read(resources.engine) as tx:
        (query,) = await tx.scalars(select(run_views.c.query))
    assert "john" not in str(query)


async def test_it_is_for_admins_alone(signed_in: SignedIn, survey: WebSurvey) -> None:
    for role in ("editor", "analyst"):
        browser = await signed_in(role)
        for path in ("", "/export", "/erase"):
            answer = await browser.client.get(f"/admin/subjects{path}", params={"respondent": JOHN})
            assert answer.status_code == 403
        assert (await post(browser, "/admin/subjects/erase", respondent=JOHN, reason="asked")).status_code == 403
        assert "Respondents" not in (await browser.open("/")).answer.text


async def test_nothing_ticked_is_said_so_and_erases_nothing(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="only@example.org")
    asked = Page(await admin_browser.client.get("/admin/subjects/erase", params={"respondent": "only@example.org"}))
    assert asked.text("#dialog-title") == "Nothing is ticked"
    assert "nothing would be erased" in asked.text(".ks-dialog-body")
    assert asked.tree.select("#erase, button.ks-danger") == []


async def test_runs_that_only_mention_it_are_ticked_before_they_go(
    admin_browser: Browser, editor: httpx.AsyncClient, survey: WebSurvey
) -> None:
    body = {"answers": {"full-name": JOHN}, "complete": True}
    runs = [(await editor.post(f"/api/v1/wizards/{survey.wizard}/runs", json=body)).json()["id"] for _ in range(2)]
    page = await found(admin_browser)
    assert [row[1:4] for row in rows(page, "subject-mentions")] == [[each[-8:], "Customer Survey", "Full Name"] for each in sorted(runs)]
    asked = Page(await admin_browser.client.get("/admin/subjects/erase", params={"respondent": JOHN, "run": runs[0]}))
    assert "1 of these runs is under another name or under none" in asked.text("main")
    assert [str(each["value"]) for each in asked.tree.select("#erase input[name=run]")] == [runs[0]]
    answer = await admin_browser.press(asked, ERASE, {"reason": "asked by letter 7"})
    told = (await admin_browser.open(answer.headers["location"])).text(".ks-banner")
    assert "3 runs, " in told
    assert "1 run that was not ticked still holds the name as an answer." in told
    assert answer.status_code == 303, answer.text[:2000]
    left = await found(admin_browser)
    assert [row[1] for row in rows(left, "subject-mentions")] == [runs[1][-8:]]
