"""One's own account: who may change what of it, and what ends when the password does."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select, text
from tests.factories import count_queries
from tests.pages_kit import HTMX, PASSWORD, Browser, Page

from keepstep.config import Resources
from keepstep.db.tables import sessions, users
from keepstep.db.transaction import open_read, open_write

SignedIn = Callable[..., Awaitable[Browser]]
COOKIE = "keepstep_session"
NEW = "a much longer sentence"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def own(resources: Resources, email: str = "editor@example.org") -> Any:
    async with open_read(resources.engine) as tx:
        return await tx.row(select(users).where(users.c.email == email))


async def recorded(resources: Resources) -> list[tuple[str, Any]]:
    async with open_read(resources.engine) as tx:
        rows = await tx.rows(text("SELECT action, details FROM audit_events WHERE channel = 'web' ORDER BY at, id"))
    return [(row.action, row.details) for row in rows]


async def test_the_page_is_whole_and_a_part_for_the_script(editor_browser: Browser) -> None:
    page, part = await editor_browser.open("/account"), await editor_browser.open("/account", htmx=True)
    assert (page.is_whole, part.is_whole) == (True, False)
    assert page.text("h1") == part.text("h1") == "Your account"
    assert page.labelled("Name")["value"] == "Editor Okafor"
    assert "editor@example.org" in page.text("section[aria-labelledby=email]")


@pytest.mark.parametrize("path", ["/account", "/account/tokens"])
async def test_a_stranger_is_asked_to_sign_in(stranger: Browser, path: str) -> None:
    assert (await stranger.client.get(path)).headers["location"].startswith("/login?next=")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "مرحبا بالعالم", "👩‍👩‍👧 Zoë", "n" * 200])
async def test_a_name_stays_text_whatever_it_is(editor_browser: Browser, resources: Resources, name: str) -> None:
    answer = await editor_browser.press(await editor_browser.open("/account"), "Save", {"name": name})
    page = await editor_browser.open(answer.headers["location"])
    assert page.labelled("Name")["value"] == name
    assert "Your account was changed." in page.text("#notices")
    assert "<script>alert" not in page.answer.text
    assert ("user.changed", {"changed": ["name"]}) in await recorded(resources)


async def test_a_name_that_is_too_long_is_kept_in_the_form_and_not_stored(editor_browser: Browser, resources: Resources) -> None:
    page = Page(await editor_browser.press(await editor_browser.open("/account"), "Save", {"name": "n" * 10_000}))
    assert (page.answer.status_code, page.labelled("Name")["value"], page.labelled("Name")["aria-invalid"]) == (422, "n" * 10_000, "true")
    assert page.text("title").startswith("Error:")
    assert (await own(resources)).name == "Editor Okafor"


async def test_the_language_is_remembered_for_the_account(editor_browser: Browser, resources: Resources) -> None:
    await editor_browser.press(await editor_browser.open("/account"), "Save", {"name": "", "language": "en"})
    assert (await own(resources)).language == "en"
    assert (await editor_browser.open("/account")).one("option[value=en]").has_attr("selected")
    await editor_browser.press(await editor_browser.open("/account"), "Save", {"language": "xx-none"})
    assert (await own(resources)).language is None


async def test_the_appearance_leads_back_to_the_account(editor_browser: Browser) -> None:
    page = await editor_browser.open("/account")
    form = page.one("main form[action='/appearance']")
    answer = await editor_browser.client.post("/appearance", data={"next": form.select_one("[name=next]")["value"], "theme": "dark"})  # type: ignore[index]
    assert answer.headers["location"] == "/account"
    assert (await editor_browser.open("/account")).one("html")["data-bs-theme"] == "dark"


# --- the address ------------------------------------------------------------------------------------------------------


async def test_the_address_changes_with_the_present_password(editor_browser: Browser, resources: Resources) -> None:
    fields = {"email": "New.Me@Example.org", "password": PASSWORD}
    answer = await editor_browser.press(await editor_browser.open("/account"), "Change the address", fields)
    assert answer.headers["location"] == "/account?done=email"
    assert (await own(resources, "new.me@example.org")).name == "Editor Okafor"
    assert ("user.changed", {"changed": ["email"]}) in await recorded(resources)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"email": "new@example.org", "password": "wrong"}, "This is not your present password."),
        ({"email": "new@example.org", "password": ""}, "This is not your present password."),
        ({"email": "no address", "password": PASSWORD}, "@"),
        ({"email": "admin@example.org", "password": PASSWORD}, "in use"),
    ],
)
async def test_an_address_that_cannot_be_taken_says_why(
    admin_browser: Browser, editor_browser: Browser, resources: Resources, fields: dict[str, str], words: str
) -> None:
    page = Page(await editor_browser.press(await editor_browser.open("/account"), "Change the address", fields))
    assert (page.answer.status_code, page.labelled("New e-mail address")["value"]) == (422, fields["email"])
    assert words in page.text("section[aria-labelledby=email] .ks-error")
    assert (await own(resources)).email == "editor@example.org"


async def test_guessing_the_present_password_has_to_wait(editor_browser: Browser) -> None:
    fields = {"email": "new@example.org", "password": "wrong"}
    for _ in range(10):
        await editor_browser.press(await editor_browser.open("/account"), "Change the address", fields)
    page = Page(await editor_browser.press(await editor_browser.open("/account"), "Change the address", {**fields, "password": PASSWORD}))
    assert "Too many tries" in page.text("section[aria-labelledby=email] .ks-error")


# --- the password -----------------------------------------------------------------------------------------------------


async def test_a_new_password_rotates_this_session_and_ends_the_others(
    editor_browser: Browser, stranger: Browser, resources: Resources
) -> None:
    await stranger.sign_in("editor@example.org")
    before = editor_browser.client.cookies[COOKIE]
    fields = {"password": PASSWORD, "new_password": NEW}
    answer = await editor_browser.press(await editor_browser.open("/account"), "Change the password", fields)
    assert answer.headers["location"] == "/account?done=password"
    assert editor_browser.client.cookies[COOKIE] != before
    assert "All your other sessions have ended." in (await editor_browser.open("/account?done=password")).text("#notices")
    assert (await stranger.client.get("/")).status_code == 303
    editor_browser.client.cookies.clear()
    assert (await editor_browser.client.get("/", headers={"Cookie": f"{COOKIE}={before}"})).status_code == 303
    assert (await stranger.sign_in("editor@example.org", NEW)).status_code == 303


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"password": "wrong", "new_password": NEW}, "password"),
        ({"new_password": NEW}, "password"),
        ({"password": PASSWORD, "new_password": "short"}, "new_password"),
        ({"password": PASSWORD, "new_password": "x" * 1025}, "new_password"),
        ({"password": PASSWORD}, "new_password"),
    ],
)
async def test_a_password_is_not_changed_without_the_old_one_or_to_a_bad_one(
    editor_browser: Browser, resources: Resources, fields: dict[str, str], field: str
) -> None:
    stored = (await own(resources)).password_hash
    page = Page(await editor_browser.press(await editor_browser.open("/account"), "Change the password", fields))
    marked = [each["name"] for each in page.tree.select("section[aria-labelledby=password] [aria-invalid]")]
    assert (page.answer.status_code, marked) == (422, [field])
    assert (await own(resources)).password_hash == stored
    assert not [secret for secret in fields.values() if secret and secret in page.answer.text]


async def test_even_an_admin_gives_the_old_password_for_their_own(admin_browser: Browser) -> None:
    page = await admin_browser.open("/account")
    assert (await admin_browser.press(page, "Change the password", {"new_password": NEW})).status_code == 422


async def test_a_form_without_the_token_of_the_session_changes_nothing(editor_browser: Browser, resources: Resources) -> None:
    stored = (await own(resources)).password_hash
    sent = {"password": PASSWORD, "new_password": NEW}
    assert (await editor_browser.client.post("/account/password", data=sent)).status_code == 403
    page = await editor_browser.open("/account")
    strange = {"Sec-Fetch-Site": "cross-site"}
    assert (await editor_browser.press(page, "Change the password", sent, headers=strange)).status_code == 403
    assert (await own(resources)).password_hash == stored


async def test_a_password_that_came_too_late_is_not_written_into_the_sign_in_page(editor_browser: Browser) -> None:
    page = await editor_browser.open("/account")
    editor_browser.client.cookies.clear()
    answer = await editor_browser.press(page, "Change the password", {"password": PASSWORD, "new_password": NEW})
    assert (answer.status_code, PASSWORD in answer.text, NEW in answer.text) == (403, False, False)


# --- sessions ---------------------------------------------------------------------------------------------------------


async def test_sessions_are_listed_with_browser_and_time_and_ended_one_by_one(editor_browser: Browser, stranger: Browser) -> None:
    stranger.client.headers["User-Agent"] = FIREFOX
    await stranger.sign_in("editor@example.org")
    page = await editor_browser.open("/account")
    rows = [" ".join(row.get_text(" ", strip=True).split()) for row in page.tree.select("section[aria-labelledby=sessions] tbody tr")]
    assert len(rows) == 2
    assert any("Firefox · Linux" in row and "3 Mar 2026, 09:00" in row for row in rows)
    assert sum("This browser" in row for row in rows) == 1
    form = page.one("form[action='/account/sessions/end']")
    fields = {str(each["name"]): str(each["value"]) for each in form.select("input")}
    assert (await editor_browser.client.post("/account/sessions/end", data=fields)).headers["location"] == "/account?done=session"
    assert (await stranger.client.get("/account")).status_code == 303
    assert (await editor_browser.client.get("/account")).status_code == 200


async def test_nobody_ends_somebody_elses_session(editor_browser: Browser, admin_browser: Browser, resources: Resources) -> None:
    async with open_read(resources.engine) as tx:
        other = await tx.scalar(select(sessions.c.digest).join(users).where(users.c.email == "admin@example.org"))
    token = (await editor_browser.open("/account")).one("meta[name=csrf-token]")["content"]
    for session in (bytes(other).hex(), "no digest", ""):
        await editor_browser.client.post("/account/sessions/end", data={"csrf_token": token, "session": session})
    assert (await admin_browser.client.get("/account")).status_code == 200


async def test_signing_out_everywhere_ends_this_browser_too(editor_browser: Browser, stranger: Browser) -> None:
    await stranger.sign_in("editor@example.org")
    page = await editor_browser.open("/account")
    form = page.one("section[aria-labelledby=sessions] form[action='/logout']")
    fields = {str(each["name"]): str(each["value"]) for each in form.select("input, button[name]")}
    assert (await editor_browser.client.post("/logout", data=fields)).headers["location"] == "/login"
    assert [(await each.client.get("/account")).status_code for each in (editor_browser, stranger)] == [303, 303]


async def test_many_sessions_cost_no_more_queries_than_one(editor_browser: Browser, resources: Resources) -> None:
    with count_queries(resources.engine) as one:
        await editor_browser.open("/account")
    async with open_write(resources.engine) as tx:
        await tx.execute(
            text(
                "INSERT INTO sessions (digest, user_id, created_at, used_at, expires_at) SELECT sha256(n::text::bytea), "
                "(SELECT id FROM users LIMIT 1), '2026-03-03 08:00Z', '2026-03-03 08:00Z', '2026-03-09 08:00Z' "
                "FROM generate_series(1, 49) AS n"
            )
        )
    with count_queries(resources.engine) as fifty:
        page = await editor_browser.open("/account")
    assert len(page.tree.select("section[aria-labelledby=sessions] tbody tr")) == 50
    assert len(one) == len(fifty)


async def test_a_problem_is_a_notice_for_the_script(editor_browser: Browser) -> None:
    token = str((await editor_browser.open("/account")).one("meta[name=csrf-token]")["content"])
    headers = {**HTMX, "X-CSRF-Token": token}
    answer = await editor_browser.client.post("/account/sessions/end", data={"session": "x"}, headers=headers)
    assert (answer.status_code, answer.headers["hx-retarget"]) == (422, "#notices")
