"""The list of invitations: in by file or typed, out as links once, and what can be done with each."""

import csv
import io
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.factories import count_queries
from tests.pages_kit import Browser, Page
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]
PAGE = "/wizards/customer-survey/share/invitations"
HOSTILE = "<script>alert(1)</script> \u202eRTL \U0001f680"


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    survey = await web_survey(editor)
    await editor.patch(f"{survey.url}/access", json={"mode": "invitation"})
    return survey


async def _add(browser: Browser, people: str) -> Page:
    answer = await browser.press(await browser.open(PAGE), "Add to the list", {"people": people})
    assert answer.status_code == 303, answer.text
    return await browser.open(answer.headers["location"])


async def _links(browser: Browser, button: str, page: Page | None = None) -> list[dict[str, str]]:
    answer = await browser.press(page or await browser.open(PAGE), button)
    assert answer.headers["content-disposition"] == 'attachment; filename="customer-survey-invitations.csv"'
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_a_list_comes_in_with_a_receipt_of_its_bad_lines(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await _add(editor_browser, "email,note,ward\nann@x.org,Ann,3\n,nobody,\nann@X.org,,\nbob@x.org,,")
    said = page.text("#notices")
    assert said.startswith("2 people added")
    assert "Columns that were passed over: ward." in said
    assert re.search(r"2 lines invite nobody: Line 3: Nobody is named here\. Line 4: The same person stands further up in the file\.", said)
    assert [each.get_text() for each in page.tree.select("tbody th bdi")] == ["bob@x.org", "ann@x.org", "Ann"]


async def test_the_address_of_a_receipt_names_nobody_and_cannot_be_made_up(editor_browser: Browser, survey: WebSurvey) -> None:
    answer = await editor_browser.press(await editor_browser.open(PAGE), "Add to the list", {"people": "ann@x.org\nann@x.org"})
    address = answer.headers["location"]
    assert "ann" not in address
    forged = address[:-6] + "AAAAAA"
    assert (await editor_browser.open(forged)).text("#notices") == ""


async def test_a_file_goes_before_what_is_typed_and_sent_twice_adds_nobody_twice(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open(PAGE)
    action, fields = page.form_of("Add to the list")
    for said in ("2 people added", "0 people added"):
        answer = await editor_browser.client.post(
            action, data={**fields, "people": "typed"}, files={"file": ("list.csv", "name;note\nAnn;a\nBob;b\n".encode("utf-16"))}
        )
        assert (await editor_browser.open(answer.headers["location"])).text("#notices").startswith(said)


@pytest.mark.parametrize("people", ["", '"never closed\nx'])
async def test_what_is_no_list_is_refused_and_stays_typed(editor_browser: Browser, survey: WebSurvey, people: str) -> None:
    answer = await editor_browser.press(await editor_browser.open(PAGE), "Add to the list", {"people": people})
    page = Page(answer)
    assert answer.status_code == 422
    assert page.text("title").startswith("Error:")
    assert page.labelled("People").get_text().removeprefix("\n") == people


async def test_names_are_text_whatever_stands_in_them(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await _add(editor_browser, f'"{HOSTILE}","=1+1"\n{"long " * 60}')
    assert page.tree.find_all("script", src=False) == []
    assert HOSTILE in [each.get_text() for each in page.tree.select("tbody th bdi")]


async def test_links_come_out_once_and_are_renewed_after_a_question(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await _add(editor_browser, "ann@x.org\n=cmd()\n")
    first = await _links(editor_browser, "Save 2 new links", page)
    assert [row["respondent"] for row in first] == ["ann@x.org", "'=cmd()"]
    assert all(re.fullmatch(r"http://127\.0\.0\.1:8000/i/[\w-]{43}", row["link"]) for row in first)
    page = await editor_browser.open(PAGE)
    assert "new link" not in page.text(".ks-links")
    dialog = await editor_browser.open(page.link("Renew all that were not used…"))
    assert "2 links that were sent before open nothing any more." in dialog.text("main")
    second = await _links(editor_browser, "Renew and save 2 links", dialog)
    assert {row["link"] for row in first}.isdisjoint(row["link"] for row in second)


async def test_a_link_leads_to_its_wizard_with_a_cookie_for_it_alone(editor_browser: Browser, stranger: Browser, survey: WebSurvey) -> None:
    row = (await _links(editor_browser, "Save 1 new link", await _add(editor_browser, "ann@x.org")))[0]
    answer = await stranger.client.get(row["link"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/w/customer-survey")
    cookie = answer.headers["set-cookie"]
    assert "Path=/w/customer-survey" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await editor_browser.open(PAGE)).text("tbody .ks-badge") == "Not used"


@pytest.mark.parametrize("token", ["guess", "x" * 43, "%00", "a" * 201, "\u00e4"])
async def test_a_guess_leads_nowhere(stranger: Browser, survey: WebSurvey, token: str) -> None:
    answer = await stranger.client.get(f"/i/{token}")
    assert answer.status_code == 404
    assert 'class="pl pl-page"' in answer.text
    assert "set-cookie" not in answer.headers


async def test_one_invitation_is_revoked_renewed_and_deleted(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await _add(editor_browser, "ann@x.org")
    revoking = await editor_browser.open(page.link("Revoke: ann@x.org"))
    answer = await editor_browser.press(revoking, "Revoke the invitation of “ann@x.org”")
    page = await editor_browser.open(answer.headers["location"])
    assert (page.text("tbody .ks-badge"), page.text("#notices")) == (
        "Revoked",
        "The invitation is revoked. Its link opens nothing any more.",
    )
    renewing = await editor_browser.open(page.link("Renew: ann@x.org"))
    made = await editor_browser.press(renewing, "Renew the invitation of “ann@x.org”")
    assert made.status_code == 201
    assert str(Page(made).labelled("New link")["value"]).startswith("http://127.0.0.1:8000/i/")
    deleting = await editor_browser.open(page.link("Delete: ann@x.org"))
    answer = await editor_browser.press(deleting, "Delete “ann@x.org”")
    assert "Nobody is invited yet" in (await editor_browser.open(answer.headers["location"])).text("main")
    assert (await editor_browser.client.get(page.link("Renew: ann@x.org"))).status_code == 404


async def test_the_list_is_searched_filtered_and_paged(editor_browser: Browser, survey: WebSurvey) -> None:
    await _add(editor_browser, "\n".join(f"p{n:02}@x.org" for n in range(60)))
    page = await editor_browser.open(PAGE)
    assert len(page.tree.select("tbody tr")) == 50
    rest = await editor_browser.open(page.link("Older ones"))
    assert len(rest.tree.select("tbody tr")) == 10
    assert len((await editor_browser.open(f"{PAGE}?q=P0")).tree.select("tbody tr")) == 10
    assert "Nobody fits that" in (await editor_browser.open(f"{PAGE}?status=completed", htmx=True)).text("#people")
    assert (await editor_browser.client.get(f"{PAGE}?q=p&cursor=made-up")).status_code == 422


async def test_the_list_takes_the_same_statements_for_one_and_for_fifty(
    editor_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    counts = []
    for many in (1, 50):
        await _add(editor_browser, "\n".join(f"{many}-{n}@x.org" for n in range(many)))
        with count_queries(resources.engine) as statements:
            await editor_browser.open(PAGE)
        counts.append(len(statements))
    assert counts[0] == counts[1]
