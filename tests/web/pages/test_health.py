"""The page on whether every answer is kept: what it counts is what is stored, and what somebody altered is named."""

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.factories import count_queries
from tests.pages_kit import Browser, Page
from tests.tampering import tamper
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources
from keepstep.db.transaction import open_read
from keepstep.db.upgrade import head
from keepstep.jobs.daily import do_daily_work
from keepstep.queries.integrity import EVERYTHING, Scope
from keepstep.queries.showing import unshown_answers
from keepstep.web.pages import health


@pytest.fixture
async def survey(admin: Any) -> WebSurvey:
    """Two completed runs with three answers each, and one in progress with one."""
    made = await web_survey(admin)
    for name in ("John Doe", "Ada"):
        await made.answer(full_name=name, email="x@example.org", favorite_color="blue")
    await made.client.post(f"{made.url}/runs", json={"answers": {"full-name": "Zoë"}})
    return made


async def check(browser: Browser, **fields: str) -> Page:
    return Page(await browser.press(await browser.open("/admin"), "Check", fields))


async def test_before_any_check_the_page_claims_nothing(admin_browser: Browser) -> None:
    page = await admin_browser.open("/admin")
    assert "Nothing was checked to its end yet." in page.text("section[aria-labelledby=kept]")
    assert "cannot be shown" not in page.text("main")


async def test_a_check_counts_what_is_stored_and_is_put_on_record(admin_browser: Browser, survey: WebSurvey, resources: Resources) -> None:
    page = await check(admin_browser)
    assert "Nothing was found" in page.text("section[aria-labelledby=result]")
    kept = (await admin_browser.open("/admin")).text("section[aria-labelledby=kept]")
    assert kept.startswith(
        "Every answer kept All checks pass 0 answers cannot be shown Answers looked at 7 Runs checked 3 Revisions checked 2"
    )
    async with open_read(resources.engine) as tx:
        row = await tx.row(text("SELECT details, channel FROM audit_events WHERE action = 'integrity.checked'"))
    counts = {"versions": 1, "runs": 3, "revisions": 2, "altered": 0, "answers": 7, "unshown": 0, "whole": True}
    assert (row.details, row.channel) == (counts, "web")


async def test_one_wizard_is_checked_alone_and_is_no_check_of_everything(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await check(admin_browser, wizard="customer-survey")
    assert page.text("#result") == "Just checked: Customer Survey"
    assert "Nothing was checked to its end yet." in page.text("section[aria-labelledby=kept]")
    assert "one wizard, 3 runs" in page.text("section[aria-labelledby=check]")


@pytest.mark.parametrize("name", ["nobody", "<script>", "\x00", "x" * 10_000])
async def test_a_wizard_that_is_not_there_is_said_beside_the_field(admin_browser: Browser, name: str) -> None:
    page = await check(admin_browser, wizard=name)
    assert page.answer.status_code == 422
    if "\x00" not in name:
        assert page.labelled("One wizard alone")["value"] == name


async def test_an_answer_without_a_place_in_its_version_is_counted_and_named(
    admin_browser: Browser, survey: WebSurvey, superuser_engine: AsyncEngine
) -> None:
    gone = survey.email.replace(survey.email[-4:], "0000")
    await tamper(
        superuser_engine,
        f"UPDATE run_revisions SET answers = (answers - '{survey.email}') || jsonb_build_object('{gone}', answers -> '{survey.email}')",
    )
    page = await check(admin_browser)
    result = page.text("section[aria-labelledby=result]")
    assert "2 answers cannot be shown" in result
    assert (gone in result, "The stored content does not match its digest." in result) == (True, True)
    assert "Something was found 2 answers cannot be shown" in page.text("section[aria-labelledby=kept]")


async def test_an_answer_that_has_no_reading_is_counted(survey: WebSurvey, superuser_engine: AsyncEngine, resources: Resources) -> None:
    await tamper(superuser_engine, f"UPDATE run_revisions SET answers = jsonb_set(answers, '{{{survey.email}}}', '\"bare\"')")
    async with open_read(resources.engine) as tx:
        showing = await unshown_answers(tx, EVERYTHING)
    assert (showing.unshown, {each.option_set_id for each in showing.named}) == (2, {survey.email})


async def test_all_answers_of_a_version_that_cannot_be_read_are_counted(
    admin_browser: Browser, survey: WebSurvey, superuser_engine: AsyncEngine, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tamper(superuser_engine, "UPDATE wizard_versions SET structure = '{}'")
    monkeypatch.setattr("keepstep.queries.versions._kept", type("Nothing", (), {"get": lambda *_: None, "put": lambda *_: None})())
    async with open_read(resources.engine) as tx:
        showing = await unshown_answers(tx, Scope())
    assert (showing.answers, showing.unshown) == (7, 7)


async def test_a_check_in_pieces_finds_and_counts_what_one_piece_does(
    admin_browser: Browser, survey: WebSurvey, superuser_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tamper(superuser_engine, "UPDATE wizard_versions SET digest = sha256('other')")
    await tamper(superuser_engine, "UPDATE run_revisions SET salt = substr(sha256(salt), 1, 16)")
    whole = (await check(admin_browser)).text("section[aria-labelledby=kept]")
    monkeypatch.setattr(health, "RUNS_AT_ONCE", 1)
    page = await check(admin_browser)
    for _ in range(2):
        assert "There are more runs" in page.text("section[aria-labelledby=result]")
        page = Page(await admin_browser.press(page, "Go on with the next runs"))
    while page.tree.select("input[name=go_on]"):
        page = Page(await admin_browser.press(page, "Go on with the next runs"))
    assert page.text("section[aria-labelledby=kept]") == whole
    assert "(not to its end)" in page.text("section[aria-labelledby=check]")


async def test_where_a_check_goes_on_cannot_be_made_up(admin_browser: Browser, survey: WebSurvey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "RUNS_AT_ONCE", 1)
    page = await check(admin_browser)
    action, fields = page.form_of("Go on with the next runs")
    assert (await admin_browser.client.post(action, data={**fields, "go_on": fields["go_on"][:-3] + "AAA"})).status_code == 422
    assert (await admin_browser.client.post(action, data={**fields, "wizard": "customer-survey"})).status_code == 422


async def test_the_facts_are_those_of_this_installation(admin_browser: Browser, survey: WebSurvey, resources: Resources) -> None:
    facts = (await admin_browser.open("/admin")).text("section[aria-labelledby=system]")
    async with open_read(resources.engine) as tx:
        server = str(await tx.scalar(text("SHOW server_version"))).split()[0]
    for fact in (str(resources.settings.home), f"PostgreSQL {server}, embedded", head(), "Wizards 1", "Runs 3"):
        assert fact in facts
    assert resources.secret.decode() not in facts


async def test_the_page_costs_the_same_number_of_queries_after_one_check_and_many(
    admin_browser: Browser, app: FastAPI, resources: Resources
) -> None:
    counts = []
    for _ in range(2):
        await check(admin_browser)
        with count_queries(resources.engine) as statements:
            await admin_browser.open("/admin")
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_a_part_for_the_script_has_the_same_content(admin_browser: Browser) -> None:
    part = await admin_browser.open("/admin", htmx=True)
    assert (part.is_whole, part.text("h1")) == (False, "Health")


async def test_the_page_tells_what_the_daily_work_did(admin_browser: Browser, app: FastAPI) -> None:
    card = "section[aria-labelledby=daily]"
    assert "It was not done yet" in (await admin_browser.open("/admin")).text(card)
    await do_daily_work(app.state.resources)
    told = (await admin_browser.open("/admin")).text(card)
    assert "Last done" in told
    assert "Runs marked as abandoned 0" in told
