"""One's own API tokens, made, used and revoked by pages and programs that really do."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.factories import count_queries
from tests.pages_kit import Browser, Page

from keepstep.config import Resources
from keepstep.db.transaction import open_read, open_write

SignedIn = Callable[..., Awaitable[Browser]]


async def make(browser: Browser, **fields: Any) -> Page:
    page = await browser.open("/account/tokens")
    given: dict[str, Any] = {"name": "Nightly export", "scopes": ["read"], **fields}
    return Page(await browser.press(page, "Make the token", given))


async def program(app: FastAPI, secret: str, path: str = "/api/v1/wizards") -> int:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://keepstep.test") as client:
        return (await client.get(path, headers={"Authorization": f"Bearer {secret}"})).status_code


async def test_the_secret_works_and_is_shown_once(admin_browser: Browser, app: FastAPI, resources: Resources) -> None:
    page = await make(admin_browser)
    secret = page.text("#secret")
    assert (page.answer.status_code, page.answer.headers["cache-control"], secret[:3]) == (201, "no-store", "ks_")
    assert await program(app, secret) == 200
    assert secret not in (await admin_browser.open("/account/tokens")).answer.text
    async with open_read(resources.engine) as tx:
        kept = await tx.scalars(text("SELECT to_jsonb(t)::text FROM api_tokens t UNION SELECT details::text FROM audit_events"))
    assert not [row for row in kept if secret in row or secret[3:] in row]


async def test_a_form_that_is_sent_twice_makes_one_token(admin_browser: Browser) -> None:
    page = await admin_browser.open("/account/tokens")
    fields = {"name": "Nightly export", "scopes": "read"}
    first, second = [await admin_browser.press(page, "Make the token", fields) for _ in range(2)]
    assert (first.status_code, second.headers["location"]) == (201, "/account/tokens?done=again")
    listed = await admin_browser.open("/account/tokens?done=again")
    assert len(listed.tree.select("tbody tr")) == 1
    assert "sent twice" in listed.text("#notices")


@pytest.mark.parametrize(
    ("days", "until"), [("30", "3 Apr 2026, 00:00"), ("365", "4 Mar 2027, 00:00"), ("0", "no end"), ("nonsense", "3 Apr 2026, 00:00")]
)
async def test_a_token_ends_after_the_day_that_was_chosen(admin_browser: Browser, days: str, until: str) -> None:
    page = await make(admin_browser, expires=days)
    assert page.text("td[data-label='Works until']") == until


async def test_a_token_that_ended_says_so_and_works_no_longer(admin_browser: Browser, app: FastAPI, clock: Any, stranger: Browser) -> None:
    secret = (await make(admin_browser, expires="30")).text("#secret")
    clock.advance(days=32)
    assert await program(app, secret) == 401
    await stranger.sign_in("admin@example.org")
    assert (await stranger.open("/account/tokens")).text("td[data-label='Works until']") == "Expired"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "what the token is for"),
        ({"name": "n" * 10_000}, "what the token is for"),
        ({"scopes": []}, "at least one"),
        ({"scopes": ["root"]}, "at least one"),
    ],
)
async def test_a_token_without_a_name_or_a_scope_is_not_made(admin_browser: Browser, fields: dict[str, Any], words: str) -> None:
    page = await make(admin_browser, **fields)
    assert (page.answer.status_code, words in page.text(".ks-error")) == (422, True)
    assert page.labelled("What it is for")["value"] == fields.get("name", "Nightly export")
    assert (await admin_browser.open("/account/tokens")).text(".ks-empty h2") == "No tokens yet"


async def test_what_is_offered_is_what_the_role_allows(signed_in: SignedIn, app: FastAPI) -> None:
    analyst = await signed_in("analyst")
    page = await analyst.open("/account/tokens")
    assert [each["value"] for each in page.tree.select("[name=scopes]")] == ["read"]
    forged = await make(analyst, scopes=["read", "admin"])
    assert forged.text("td[data-label='May']") == "read"
    assert await program(app, forged.text("#secret"), "/api/v1/users") == 403


async def test_a_token_is_revoked_after_a_question(admin_browser: Browser, app: FastAPI) -> None:
    page = await make(admin_browser, name="<b>Bold</b>")
    secret, path = page.text("#secret"), page.link("Revoke “<b>Bold</b>”")
    question, part = await admin_browser.open(path), await admin_browser.open(path, htmx=True)
    assert (question.is_whole, part.is_whole) == (True, False)
    assert question.text("#dialog-title") == part.text("#dialog-title") == "Revoke “<b>Bold</b>”?"
    answer = await admin_browser.press(question, "Revoke “<b>Bold</b>”")
    assert answer.headers["location"] == "/account/tokens?done=revoked"
    assert await program(app, secret) == 401
    assert (await admin_browser.open("/account/tokens")).text("td[data-label='Works until']") == "Revoked"


async def test_somebody_elses_token_is_not_there(admin_browser: Browser, editor_browser: Browser, app: FastAPI) -> None:
    page = await make(admin_browser)
    path = page.link("Revoke “Nightly export”")
    assert (await editor_browser.client.get(path)).status_code == 404
    token = str((await editor_browser.open("/account")).one("meta[name=csrf-token]")["content"])
    assert (await editor_browser.client.post(path, data={"csrf_token": token})).status_code == 404
    assert await program(app, page.text("#secret")) == 200


async def test_many_tokens_cost_no_more_queries_than_one_and_go_on_a_second_page(admin_browser: Browser, resources: Resources) -> None:
    await make(admin_browser)
    with count_queries(resources.engine) as one:
        await admin_browser.open("/account/tokens")
    async with open_write(resources.engine) as tx:
        await tx.execute(
            text(
                "INSERT INTO api_tokens (id, user_id, name, digest, scopes, created_at) SELECT gen_random_uuid(), (SELECT id FROM users), "
                "'t' || n, sha256(n::text::bytea), '{read}', '2026-03-03Z' FROM generate_series(1, 60) AS n"
            )
        )
    with count_queries(resources.engine) as many:
        page = await admin_browser.open("/account/tokens")
    assert (len(many), len(page.tree.select("tbody tr"))) == (len(one), 50)
    assert len((await admin_browser.open(page.link("Older tokens"))).tree.select("tbody tr")) == 11
