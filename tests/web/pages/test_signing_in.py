from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from tests.pages_kit import HTMX, PASSWORD, Browser, Page

from keepstep.actions.accounts import NewUser, create_user, token_digest
from keepstep.config import Resources
from keepstep.core.permissions import SYSTEM
from keepstep.db.tables import sessions
from keepstep.db.transaction import open_read, open_write

SignedIn = Callable[..., Awaitable[Browser]]
COOKIE = "keepstep_session"
WRONG = "This e-mail address and password do not belong together."


async def actions_on_record(resources: Resources) -> list[str]:
    async with open_read(resources.engine) as tx:
        return [row.action for row in await tx.rows(text("SELECT action FROM audit_events WHERE channel = 'web' ORDER BY at, id"))]


async def digests(resources: Resources) -> list[bytes]:
    async with open_read(resources.engine) as tx:
        return list(await tx.scalars(select(sessions.c.digest)))


async def test_a_page_asks_for_signing_in_and_comes_afterwards(signed_in: SignedIn, stranger: Browser) -> None:
    await signed_in()
    answer = await stranger.client.get("/?q=a%26b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F%3Fq%3Da%2526b")
    welcome = await stranger.sign_in("admin@example.org", path=answer.headers["location"])
    assert (welcome.status_code, welcome.headers["location"]) == (303, "/?q=a%26b")
    assert (await stranger.open("/")).text("h1").startswith("Wizards")


async def test_the_cookie_cannot_be_read_by_scripts_and_only_its_digest_is_stored(signed_in: SignedIn, resources: Resources) -> None:
    browser = await signed_in()
    answer = await browser.client.post("/login", data={"email": "admin@example.org", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    secret = browser.client.cookies[COOKIE]
    assert await digests(resources) == [token_digest(secret)]


async def test_signing_in_again_ends_the_session_that_the_browser_had(signed_in: SignedIn) -> None:
    browser = await signed_in()
    before = browser.client.cookies[COOKIE]
    await browser.client.post("/login", data={"email": "admin@example.org", "password": PASSWORD})
    assert browser.client.cookies[COOKIE] != before
    browser.client.cookies.clear()
    assert (await browser.client.get("/", headers={"Cookie": f"{COOKIE}={before}"})).status_code == 303


@pytest.mark.parametrize("email", ["admin@example.org", "nobody@example.org", ""])
async def test_a_wrong_password_and_an_unknown_account_are_answered_alike(signed_in: SignedIn, stranger: Browser, email: str) -> None:
    await signed_in()
    answer = await stranger.sign_in(email, "wrong")
    page = Page(answer)
    assert (answer.status_code, page.text("[role=alert]"), page.is_whole) == (401, WRONG, True)
    assert page.labelled("E-mail address")["value"] == email
    assert "value" not in page.labelled("Password").attrs or page.labelled("Password")["value"] == ""
    assert COOKIE not in stranger.client.cookies


async def test_an_account_is_tried_ten_times_and_then_waits_a_quarter_of_an_hour(
    signed_in: SignedIn, stranger: Browser, clock: Any
) -> None:
    await signed_in()
    statuses = [(await stranger.sign_in("Admin@example.org ", "wrong")).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    refused = await stranger.sign_in("admin@example.org")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "900")
    assert "Wait 15 minutes" in Page(refused).text("[role=alert]")
    clock.advance(minutes=15)
    assert (await stranger.sign_in("admin@example.org")).status_code == 303


async def test_an_account_that_does_not_exist_is_throttled_alike(stranger: Browser, signed_in: SignedIn) -> None:
    await signed_in()
    assert [(await stranger.sign_in("nobody@example.org", "x")).status_code for _ in range(11)][-2:] == [401, 429]


async def test_tries_are_counted_in_the_database_without_naming_anybody(
    signed_in: SignedIn, stranger: Browser, resources: Resources
) -> None:
    await signed_in()
    await stranger.sign_in("editor@example.org", "wrong")
    async with open_read(resources.engine) as tx:
        rows = await tx.rows(text("SELECT key, tries FROM sign_in_tries ORDER BY tries"))
    # The account that was typed, and the address of both browsers; what the admin's signing in counted was given back.
    assert [(len(row.key), row.tries) for row in rows] == [(32, 1), (32, 2)]
    assert b"editor" not in rows[0].key


async def test_people_who_sign_in_from_one_address_do_not_lock_it_and_who_guesses_there_does(
    signed_in: SignedIn, stranger: Browser, open_browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keepstep.actions.sessions.TRIES", {"account": 10, "address": 4})
    await signed_in()
    signing_in = [(await (await open_browser()).sign_in("admin@example.org")).status_code for _ in range(6)]
    assert signing_in == [303] * 6
    guesses = [(await stranger.sign_in(f"guess{each}@example.org", "wrong")).status_code for each in range(4)]
    assert guesses == [401, 401, 401, 429]
    assert (await stranger.sign_in("admin@example.org")).status_code == 429


async def test_a_session_ends_when_it_was_not_used_for_half_a_day(signed_in: SignedIn, clock: Any) -> None:
    browser = await signed_in()
    for _ in range(3):
        clock.advance(hours=11)
        assert (await browser.client.get("/")).status_code == 200
    clock.advance(hours=12)
    assert (await browser.client.get("/")).status_code == 303


async def test_a_session_ends_after_a_fortnight_whatever_happens(signed_in: SignedIn, clock: Any) -> None:
    browser = await signed_in()
    for _ in range(33):
        clock.advance(hours=10)
        assert (await browser.client.get("/")).status_code == 200
    clock.advance(hours=6)
    assert (await browser.client.get("/")).status_code == 303


async def test_a_disabled_user_is_signed_out(signed_in: SignedIn, resources: Resources) -> None:
    browser = await signed_in("editor")
    async with open_write(resources.engine) as tx:
        await tx.execute(text("UPDATE users SET disabled_at = now()"))
    assert (await browser.client.get("/")).status_code == 303


async def test_signing_out_ends_the_session_here_and_everywhere_ends_all(
    signed_in: SignedIn, resources: Resources, open_browser: Any
) -> None:
    browser, other, third = await signed_in(), await open_browser(), await open_browser()
    for each in (other, third):
        await each.sign_in("admin@example.org")
    answer = await browser.press(await browser.open("/"), "Sign out")
    assert (answer.status_code, answer.headers["location"], COOKIE in browser.client.cookies) == (303, "/login", False)
    assert (await other.client.get("/")).status_code == 200
    await other.press(await other.open("/"), "Sign out everywhere")
    assert (await third.client.get("/")).status_code == 303
    assert await actions_on_record(resources) == ["session.opened"] * 3 + ["session.ended", "session.ended_everywhere"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
    ],
)
async def test_a_form_of_another_site_is_refused(signed_in: SignedIn, headers: dict[str, str], status: int) -> None:
    browser = await signed_in()
    answer = await browser.press(await browser.open("/"), "Sign out", headers=headers)
    assert answer.status_code == status
    assert ((await browser.client.get("/")).status_code == 200) == (status == 403)


@pytest.mark.parametrize("token", ["", "0" * 32, "é"])
async def test_a_form_without_the_token_of_its_session_is_refused(signed_in: SignedIn, token: str) -> None:
    browser = await signed_in()
    answer = await browser.press(await browser.open("/"), "Sign out", {"csrf_token": token})
    assert (answer.status_code, (await browser.client.get("/")).status_code) == (403, 200)
    assert Page(answer).text("h1") == "This did not come from a page of ours"


async def test_the_token_may_come_in_a_header_as_the_script_sends_it(signed_in: SignedIn) -> None:
    browser = await signed_in()
    token = str((await browser.open("/")).one("meta[name=csrf-token]")["content"])
    answer = await browser.client.post("/logout", headers={"X-CSRF-Token": token, **HTMX})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/login")


async def test_a_form_sent_after_the_session_ended_is_kept_and_sent_after_signing_in(signed_in: SignedIn, clock: Any) -> None:
    browser = await signed_in()
    page = await browser.open("/")
    clock.advance(hours=13)
    action, held = page.form_of("Sign out everywhere")
    late = Page(await browser.client.post(action, data={**held, "note": 'a "long" text'}))
    assert (late.answer.status_code, late.is_whole) == (403, True)
    kept = Page(await browser.press(late, "Sign in", {"email": "admin@example.org", "password": PASSWORD}))
    action, held = kept.form_of("Send what I typed")
    assert (action, held["note"], held["everywhere"]) == ("/logout", 'a "long" text', "1")
    assert (await browser.press(kept, "Send what I typed")).headers["location"] == "/login"


async def test_a_part_of_a_page_without_a_session_gets_the_sign_in_form_for_the_dialog(signed_in: SignedIn, stranger: Browser) -> None:
    await signed_in()
    answer = await stranger.client.get("/", headers=HTMX)
    part = Page(answer)
    assert (answer.status_code, part.is_whole, "www-authenticate" in answer.headers) == (401, False, False)
    action, held = part.form_of("Sign in")
    signed = await stranger.client.post(action, data={**held, "email": "admin@example.org", "password": PASSWORD}, headers=HTMX)
    assert signed.status_code == 204
    page = await stranger.open("/")
    assert page.one("meta[name=csrf-token]")["content"] == signed.headers["x-csrf-token"]


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb", ""])
async def test_nobody_is_led_elsewhere_by_signing_in(signed_in: SignedIn, stranger: Browser, path: str) -> None:
    await signed_in()
    data = {"email": "admin@example.org", "password": PASSWORD, "next": path}
    assert (await stranger.client.post("/login", data=data)).headers["location"] == "/"


async def test_the_api_takes_no_cookie(signed_in: SignedIn) -> None:
    browser = await signed_in()
    assert (await browser.client.get("/api/v1/me")).status_code == 401


async def test_a_new_password_signs_out_everywhere(signed_in: SignedIn, admin: Any) -> None:
    browser = await signed_in("editor")
    users = (await admin.get("/api/v1/users")).json()["items"]
    user_id = next(each["id"] for each in users if each["email"] == "editor@example.org")
    await admin.put(f"/api/v1/users/{user_id}/password", json={"password": "another long password"})
    assert (await browser.client.get("/")).status_code == 303


async def test_a_password_of_none_is_no_password(resources: Resources, stranger: Browser, app: FastAPI) -> None:
    async with open_write(resources.engine) as tx:
        await create_user(resources.context(SYSTEM), tx, NewUser("program@example.org", "editor"))
    for given in ("", "nobody's"):
        assert (await stranger.sign_in("program@example.org", given)).status_code == 401


# --- Back, and who typed what -----------------------------------------------------------------------------------------


async def test_the_browser_may_keep_what_a_form_was_answered_with_until_somebody_signs_out(signed_in: SignedIn) -> None:
    browser = await signed_in()
    page = await browser.open("/account")
    wrong = await browser.press(page, "Change the password", {"password": "wrong", "new_password": "a new password 42"})
    assert (wrong.status_code, wrong.headers["cache-control"], "Cookie" in wrong.headers["vary"]) == (422, "private, no-cache", False)
    part = await browser.press(page, "Change the password", {"password": "wrong"}, headers=HTMX)
    assert part.headers["cache-control"] == "no-store"
    out = await browser.press(page, "Sign out")
    assert out.headers["clear-site-data"] == '"cache"'


async def test_where_another_person_signs_in_both_are_named_and_the_text_can_be_copied(signed_in: SignedIn, clock: Any) -> None:
    await signed_in("editor")
    browser = await signed_in("admin")
    page = await browser.open("/account")
    clock.advance(hours=13)
    came = {"Referer": "http://keepstep.test/account?shown=1"}
    late = Page(await browser.press(page, "Save", {"name": "Typed by the admin"}, headers=came))
    assert late.text("#sign-in > p").startswith("The session of Admin Okafor is over. What Admin Okafor typed is kept.")
    wrong = Page(await browser.press(late, "Sign in", {"email": "editor@example.org", "password": "wrong"}))
    assert (wrong.answer.status_code, wrong.text("[role=alert]")) == (403, WRONG)
    asked = Page(await browser.press(wrong, "Sign in", {"email": "editor@example.org", "password": PASSWORD}))
    assert asked.text("h1") == "You are signed in as Editor Okafor"
    assert "What Admin Okafor typed here before was not sent. Sent now, it is done in the name of Editor Okafor." in asked.text("main")
    assert "Typed by the admin" in asked.labelled("To copy:").get_text()
    assert asked.link("Do not send it") == "/account?shown=1"
    assert (await browser.press(asked, "Send it as Editor Okafor")).headers["location"] == "/account?done=profile"
