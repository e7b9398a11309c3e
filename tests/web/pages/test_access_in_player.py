"""What the page Share says holds in the player: each mode, once and at once, the limit, the end, and programs."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.pages_kit import Browser, Page
from tests.player_kit import begun, finished, form_in, sent
from tests.web.pages.conftest import Clock
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources
from keepstep.core.admission import is_proof
from keepstep.db.transaction import open_read

SignedIn = Callable[..., Awaitable[Browser]]
OpenBrowser = Callable[..., Awaitable[Browser]]
REF = "customer-survey"


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


async def _set(survey: WebSurvey, **access: Any) -> dict[str, Any]:
    answer = await survey.client.patch(f"{survey.url}/access", json=access)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _invite(survey: WebSurvey, who: str) -> str:
    """The path of the link of somebody who is invited now."""
    await survey.client.post(f"{survey.url}/invitations", json={"invitations": [{"respondent": who}]})
    made = await survey.client.post(f"{survey.url}/invitations/links", json={"which": "new"})
    return "/i/" + str(made.json()["items"][0]["link"]).rpartition("/")[2]


async def _start(browser: Browser, page: Page, **extra: str) -> httpx.Response:
    return await browser.client.post(str(page.one("form")["action"]), data={**form_in(page), **extra})


async def _complete(browser: Browser, page: Page) -> Page:
    """From the first step to the end."""
    page = await sent(browser, page, {"Full Name": "Ann"})
    while not page.tree.select(".pl-answers"):
        page = await sent(browser, page)
    return await finished(browser, page)


async def _statuses(survey: WebSurvey) -> dict[str, str]:
    items = (await survey.client.get(f"{survey.url}/invitations")).json()["items"]
    return {each["respondent"]: each["status"] for each in items}


async def test_somebody_invited_answers_once_and_the_list_says_how_far_they_are(
    open_browser: OpenBrowser, stranger: Browser, survey: WebSurvey
) -> None:
    await _set(survey, mode="invitation")
    link = await _invite(survey, "ann@x.org")
    assert (await stranger.open(link)).answer.url.path == f"/w/{REF}"
    assert await _statuses(survey) == {"ann@x.org": "not_used"}
    page = await begun(stranger, REF)
    assert await _statuses(survey) == {"ann@x.org": "started"}
    await _complete(stranger, page)
    assert await _statuses(survey) == {"ann@x.org": "completed"}
    run = (await survey.client.get(f"{survey.url}/runs")).json()["items"][0]
    assert run["respondent"] == "ann@x.org"
    other = await open_browser()
    again = await other.open(link)
    refused = Page(await _start(other, again)) if again.answer.status_code == 200 else again
    assert refused.answer.status_code in {403, 410}
    assert len((await survey.client.get(f"{survey.url}/runs")).json()["items"]) == 1


async def test_without_an_invitation_nobody_begins(stranger: Browser, survey: WebSurvey) -> None:
    page = await stranger.open(f"/w/{REF}")
    await _set(survey, mode="invitation")
    assert (await _start(stranger, page)).status_code == 403
    assert (await stranger.open(f"/w/{REF}")).answer.status_code == 403
    assert (await _start(stranger, page, t="guess")).status_code == 404


async def test_two_browsers_with_one_invitation_begin_one_run(open_browser: OpenBrowser, survey: WebSurvey) -> None:
    await _set(survey, mode="invitation")
    link = await _invite(survey, "ann@x.org")
    browsers = [await open_browser() for _ in range(4)]
    pages = [await each.open(link) for each in browsers]
    answers = await asyncio.gather(*(_start(each, page) for each, page in zip(browsers, pages, strict=True)))
    assert sorted(each.status_code == 303 for each in answers) == [False, False, False, True]
    assert len((await survey.client.get(f"{survey.url}/runs")).json()["items"]) == 1


async def test_the_secret_link_opens_it_and_the_address_alone_does_not(stranger: Browser, survey: WebSurvey) -> None:
    access = await _set(survey, mode="link")
    query = "?" + str(access["link"]).partition("?")[2]
    assert (await stranger.open(f"/w/{REF}")).answer.status_code == 403
    page = await begun(stranger, REF, query)
    await survey.client.post(f"{survey.url}/access/renew-link")
    assert (await stranger.open(f"/w/{REF}{query}")).answer.status_code == 403
    await _complete(stranger, page)
    assert [run["status"] for run in (await survey.client.get(f"{survey.url}/runs")).json()["items"]] == ["completed"]


async def test_somebody_signed_in_is_who_answers(signed_in: SignedIn, stranger: Browser, survey: WebSurvey) -> None:
    await _set(survey, mode="signed_in")
    assert (await stranger.open(f"/w/{REF}")).answer.status_code in {401, 403}
    analyst = await signed_in("analyst", email="ann@example.org")
    await _complete(analyst, await begun(analyst, REF))
    assert (await survey.client.get(f"{survey.url}/runs")).json()["items"][0]["respondent"] == "ann@example.org"


async def test_the_last_place_is_given_once_and_who_has_begun_may_finish(
    open_browser: OpenBrowser, stranger: Browser, survey: WebSurvey
) -> None:
    await _set(survey, max_runs=1)
    late = await open_browser()
    waiting = await late.open(f"/w/{REF}")
    page = await begun(stranger, REF)
    assert (await _start(late, waiting)).status_code in {403, 410}
    await _complete(stranger, page)
    runs = (await survey.client.get(f"{survey.url}/runs")).json()["items"]
    assert [run["status"] for run in runs] == ["completed"]


async def test_closing_in_the_middle_lets_finish_or_not_as_it_was_said(
    open_browser: OpenBrowser, stranger: Browser, survey: WebSurvey, clock: Clock
) -> None:
    await _set(survey, closes_at="2026-03-03T10:00:00Z")
    first = await begun(stranger, REF)
    second_browser = await open_browser()
    second = await begun(second_browser, REF)
    clock.advance(hours=1)
    assert (await stranger.open(f"/w/{REF}")).answer.status_code in {403, 410}
    await _complete(stranger, first)
    await _set(survey, finish_within=0)
    refused = await sent(second_browser, second, {"Full Name": "Bob"})
    assert refused.answer.status_code in {403, 410}
    runs = (await survey.client.get(f"{survey.url}/runs")).json()["items"]
    assert sorted(run["status"] for run in runs) == ["completed", "in_progress"]


async def test_a_program_that_fills_every_field_begins_nothing(stranger: Browser, survey: WebSurvey) -> None:
    page = await stranger.open(f"/w/{REF}")
    assert (await _start(stranger, page, trap="http://spam.example")).status_code == 403
    assert (await survey.client.get(f"{survey.url}/runs")).json()["items"] == []
    assert (await _start(stranger, page)).status_code == 303


async def test_work_lets_in_at_once_and_patience_without_it(stranger: Browser, survey: WebSurvey, clock: Clock) -> None:
    await _set(survey, proof_of_work=True)
    page = await stranger.open(f"/w/{REF}")
    challenge = str(page.one("input[data-work]")["data-work"])
    impatient = Page(await _start(stranger, page))
    assert impatient.answer.status_code == 429
    proof = next(str(n) for n in count() if is_proof(challenge, str(n)))
    assert (await _start(stranger, page, proof=proof)).status_code == 303
    patient = await stranger.open(f"/w/{REF}")
    clock.advance(seconds=21)
    assert (await _start(stranger, patient)).status_code == 303


async def test_a_proof_begins_one_run_whoever_sends_it_again(open_browser: OpenBrowser, stranger: Browser, survey: WebSurvey) -> None:
    await _set(survey, proof_of_work=True)
    page = await stranger.open(f"/w/{REF}")
    challenge = str(page.one("input[data-work]")["data-work"])
    proof = next(str(n) for n in count() if is_proof(challenge, str(n)))
    await _complete(stranger, Page(await stranger.client.get((await _start(stranger, page, proof=proof)).headers["location"])))
    for _ in range(3):
        refused = Page(await _start(await open_browser(), page, proof=proof))
        assert refused.answer.status_code == 403
    # The form that is shown then is a new one, so whoever is a person gets on with it.
    assert refused.one("input[data-work]")["data-work"] != challenge
    assert len((await survey.client.get(f"{survey.url}/runs")).json()["items"]) == 1


async def test_one_address_begins_so_often_and_is_nowhere_stored(
    open_browser: OpenBrowser, survey: WebSurvey, resources: Resources
) -> None:
    await _set(survey, starts_per_hour=2)
    answers = []
    for _ in range(3):
        browser = await open_browser()
        answers.append((await _start(browser, await browser.open(f"/w/{REF}"))).status_code)
    assert answers == [303, 303, 429]
    async with open_read(resources.engine) as tx:
        tables = await tx.scalars(text("SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()"))
        for table in tables:
            held = await tx.scalar(text(f"SELECT count(*) FROM {table} AS each WHERE each::text LIKE '%127.0.0.1%'"))
            assert (table, held) == (table, 0)


async def test_a_form_of_yesterday_is_shown_anew_and_then_lets_in(stranger: Browser, survey: WebSurvey, clock: Clock) -> None:
    await _set(survey, proof_of_work=True)
    page = await stranger.open(f"/w/{REF}")
    clock.advance(hours=25)
    refused = Page(await _start(stranger, page))
    assert refused.answer.status_code == 403
    clock.advance(seconds=21)
    assert (await _start(stranger, refused)).status_code == 303
