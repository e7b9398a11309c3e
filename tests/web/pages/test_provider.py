"""Signing in through a provider that really runs, and everything that a provider, or somebody in between, may try."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, TestProvider, person, providing
from tests.pages_kit import HTMX, PASSWORD, Browser, Page

from keepstep.actions.accounts import NewUser, UserChange, change_user, create_user
from keepstep.actions.password_links import make_password_link
from keepstep.actions.sessions import setup_token
from keepstep.config import OidcSettings, Resources
from keepstep.core.permissions import SYSTEM
from keepstep.db.tables import user_identities, users
from keepstep.db.transaction import open_read, open_write
from keepstep.web.app import create_app

BASE = "http://keepstep.test"
COOKIE = "keepstep_session"
UNVERIFIED = "What the provider sent could not be verified"


@pytest.fixture(scope="module")
def running() -> Iterator[TestProvider]:
    with providing(f"{BASE}/login/provider/callback") as made:
        yield made


@pytest.fixture
def provider(running: TestProvider) -> TestProvider:
    running.tell_the_truth()
    return running


@pytest.fixture
def oidc(provider: TestProvider) -> OidcSettings:
    return OidcSettings(provider.issuer, CLIENT_ID, CLIENT_SECRET, "House Account", frozenset({"example.org"}), "analyst")


@pytest.fixture
def resources(resources: Resources, oidc: OidcSettings) -> Resources:
    return replace(resources, settings=replace(resources.settings, oidc=oidc, base_url=BASE), now=lambda: datetime.now(UTC))


@pytest.fixture
def app(resources: Resources) -> FastAPI:
    """The real time, since the provider has it, too."""
    return create_app(resources)


async def add_user(resources: Resources, email: str = "ada@example.org", **more: Any) -> str:
    async with open_write(resources.engine) as tx:
        user, _ = await create_user(resources.context(SYSTEM), tx, NewUser(email, more.pop("role", "editor"), "Ada", **more))
    return user.id


@pytest.fixture(autouse=True)
async def root(resources: Resources) -> str:
    """The admin without whom the provider makes nobody."""
    return await add_user(resources, "root@example.org", role="admin", password=PASSWORD)


async def at_the_provider(browser: Browser, path: str = "/login/provider") -> str:
    """Where the provider sends the browser back to, as an address of ours."""
    there = await browser.client.get(path)
    assert there.status_code == 303, there.text
    async with httpx.AsyncClient() as client:
        back = await client.get(there.headers["location"])
    assert back.status_code == 302, back.text
    return str(back.headers["location"])


async def come_back(browser: Browser, address: str) -> httpx.Response:
    return await browser.client.get(address)


async def sign_in(browser: Browser, path: str = "/login/provider") -> httpx.Response:
    return await come_back(browser, await at_the_provider(browser, path))


async def identities(resources: Resources) -> list[tuple[str, str]]:
    async with open_read(resources.engine) as tx:
        return [(row.subject, row.user_id) for row in await tx.rows(select(user_identities))]


async def refused(browser: Browser, answer: httpx.Response, words: str) -> None:
    """Nobody was signed in, and the sign-in page says why."""
    assert answer.status_code == 403, answer.text
    assert words in Page(answer).text("[role=alert]")
    assert COOKIE not in browser.client.cookies
    assert (await browser.client.get("/")).status_code == 303


async def test_somebody_whom_an_admin_added_is_signed_in_and_goes_on(resources: Resources, stranger: Browser) -> None:
    user_id = await add_user(resources)
    login = await stranger.open("/login?next=/%3Fq%3Dx")
    answer = await sign_in(stranger, login.link("Sign in with House Account"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=x")
    assert await identities(resources) == [("248289761001", user_id)]
    assert (await stranger.open("/account")).labelled("Name")["value"] == "Ada"


async def test_the_request_has_a_challenge_a_state_and_a_nonce_of_its_own(stranger: Browser) -> None:
    asked = [parse_qs(urlsplit((await stranger.client.get("/login/provider")).headers["location"]).query) for _ in range(2)]
    for query in asked:
        assert (query["response_type"], query["code_challenge_method"], query["scope"]) == (["code"], ["S256"], ["openid email profile"])
        assert query["redirect_uri"] == [f"{BASE}/login/provider/callback"]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
        assert len(asked[0][name][0]) >= 43


async def test_somebody_of_the_domain_becomes_what_the_settings_say(resources: Resources, stranger: Browser) -> None:
    assert (await sign_in(stranger)).status_code == 303
    async with open_read(resources.engine) as tx:
        row = await tx.row(select(users).where(users.c.email != "root@example.org"))
    assert (row.email, row.name, row.role, row.password_hash) == ("ada@example.org", "Ada of the Provider", "analyst", None)


async def test_a_second_time_the_subject_counts_and_not_the_address(
    resources: Resources, provider: TestProvider, stranger: Browser
) -> None:
    await sign_in(stranger)
    stranger.client.cookies.clear()
    provider.person = person(email="another@elsewhere.example", email_verified=False)
    assert (await sign_in(stranger)).status_code == 303
    assert len(await identities(resources)) == 1


# --- what somebody in between may try -----------------------------------------------------------------------------------


async def test_a_state_that_was_not_given_to_this_browser_is_refused(stranger: Browser, open_browser: Callable[..., Any]) -> None:
    """An attacker who sends the victim their own answer of the provider would have them work in the attacker's account."""
    address = await at_the_provider(stranger)
    victim = await open_browser()
    await refused(victim, await come_back(victim, address), "not begun in this browser")
    assert (await come_back(stranger, address)).status_code == 303


@pytest.mark.parametrize("state", ["", "x", "A" * 43])
async def test_a_made_up_state_is_refused(stranger: Browser, state: str) -> None:
    address = urlsplit(await at_the_provider(stranger))
    code = parse_qs(address.query)["code"][0]
    await refused(stranger, await come_back(stranger, f"{address.path}?code={code}&state={state}"), "not begun in this browser")


async def test_an_answer_of_the_provider_is_good_once(stranger: Browser) -> None:
    address = await at_the_provider(stranger)
    assert (await come_back(stranger, address)).status_code == 303
    del stranger.client.cookies[COOKIE]
    await refused(stranger, await come_back(stranger, address), "used already")


async def test_a_code_that_was_used_is_refused_under_a_new_state(stranger: Browser) -> None:
    first = parse_qs(urlsplit(await at_the_provider(stranger)).query)
    second = urlsplit(await at_the_provider(stranger))
    state = parse_qs(second.query)["state"][0]
    # The first code belongs to another verifier; the provider refuses it, whatever the state.
    await refused(stranger, await come_back(stranger, f"{second.path}?code={first['code'][0]}&state={state}"), UNVERIFIED)


async def test_an_answer_that_came_too_late_is_refused(stranger: Browser, resources: Resources) -> None:
    address = await at_the_provider(stranger)
    async with open_write(resources.engine) as tx:
        await tx.execute(text("UPDATE oidc_requests SET expires_at = now() - interval '1 second'"))
    await refused(stranger, await come_back(stranger, address), "took too long")


async def test_an_answer_of_another_provider_is_not_sent_on(stranger: Browser) -> None:
    address = await at_the_provider(stranger)
    await refused(stranger, await come_back(stranger, f"{address}&iss=https://evil.example"), "another provider")


async def test_somebody_who_said_no_there_is_told_so(stranger: Browser) -> None:
    address = urlsplit(await at_the_provider(stranger))
    state = parse_qs(address.query)["state"][0]
    answer = await come_back(stranger, f"{address.path}?error=access_denied&error_description=<script>&state={state}")
    await refused(stranger, answer, "did not sign you in")
    assert "<script>" not in answer.text.split("<main", 1)[1]


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/%09/evil.example"])
async def test_nobody_is_sent_elsewhere_afterwards(resources: Resources, stranger: Browser, path: str) -> None:
    await add_user(resources)
    answer = await sign_in(stranger, str(httpx.URL("/login/provider", params={"next": path})))
    target = urlsplit(answer.headers["location"])
    assert (target.scheme, target.netloc) == ("", "")
    assert answer.headers["location"] == "/" or path.startswith("/%09")


async def test_an_id_token_that_is_not_for_this_sign_in_signs_nobody_in(provider: TestProvider, stranger: Browser) -> None:
    """What else is refused: tests/web/test_oidc.py."""
    provider.tamper = lambda claims: claims.update(nonce="of another sign-in")
    await refused(stranger, await sign_in(stranger), UNVERIFIED)


async def test_a_provider_that_describes_itself_wrongly_is_not_used(provider: TestProvider, stranger: Browser) -> None:
    provider.metadata = {"issuer": "https://evil.example"}
    answer = await stranger.client.get("/login/provider")
    assert (answer.status_code, Page(answer).text("h1")) == (503, "Sign in")


async def test_without_the_provider_people_still_sign_in_with_passwords(
    app: FastAPI, resources: Resources, oidc: OidcSettings, stranger: Browser
) -> None:
    await add_user(resources, password=PASSWORD)
    gone = replace(oidc, issuer="http://127.0.0.1:9")
    app.state.provider.settings = gone
    answer = await stranger.client.get("/login/provider")
    assert (answer.status_code, "could not be reached" in Page(answer).text("[role=alert]")) == (503, True)
    assert (await stranger.sign_in("ada@example.org")).status_code == 303


async def test_going_there_too_often_has_to_wait(stranger: Browser) -> None:
    statuses = {(await stranger.client.get("/login/provider")).status_code for _ in range(101)}
    assert statuses == {303, 429}


# --- who is let in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verified", [False, "true", None, 1])
async def test_an_address_that_the_provider_does_not_vouch_for_lets_nobody_in(
    resources: Resources, provider: TestProvider, stranger: Browser, verified: Any
) -> None:
    await add_user(resources)
    provider.person = person(email_verified=verified)
    await refused(stranger, await sign_in(stranger), "does not vouch")
    assert await identities(resources) == []


@pytest.mark.parametrize(
    "email", ["ada@elsewhere.example", "ada@example.org.evil.example", "ada@sub.example.org", "example.org", "a\x00@example.org"]
)
async def test_another_domain_is_not_let_in(resources: Resources, provider: TestProvider, stranger: Browser, email: str) -> None:
    provider.person = person(email=email)
    answer = await sign_in(stranger)
    assert (answer.status_code, await identities(resources)) == (403, [])


async def test_whom_nobody_added_is_refused_where_the_settings_say_so(app: FastAPI, oidc: OidcSettings, stranger: Browser) -> None:
    app.state.provider.settings = replace(oidc, role=None)
    await refused(stranger, await sign_in(stranger), "Nobody has added you")


async def test_nobody_is_made_by_the_provider_before_there_is_an_admin(
    resources: Resources, stranger: Browser, superuser_engine: AsyncEngine
) -> None:
    async with open_write(superuser_engine) as tx:
        await tx.execute(text("DELETE FROM users"))
    await refused(stranger, await sign_in(stranger), "has no admin yet")
    setup = await stranger.client.get("/setup", params={"token": setup_token(resources.secret)})
    assert setup.status_code == 200


async def test_a_disabled_user_is_refused(resources: Resources, stranger: Browser) -> None:
    user_id = await add_user(resources)
    await sign_in(stranger)
    stranger.client.cookies.clear()
    async with open_write(resources.engine) as tx:
        await change_user(resources.context(SYSTEM), tx, user_id, UserChange(disabled=True))
    await refused(stranger, await sign_in(stranger), "disabled")


async def test_an_account_with_a_password_is_not_taken_over_by_its_address(resources: Resources, stranger: Browser) -> None:
    await add_user(resources, password=PASSWORD)
    await refused(stranger, await sign_in(stranger), "Sign in with its password")
    assert await identities(resources) == []


async def test_an_account_of_another_subject_is_not_taken_over_by_its_address(
    resources: Resources, provider: TestProvider, stranger: Browser
) -> None:
    await sign_in(stranger)
    stranger.client.cookies.clear()
    provider.person = person("somebody else, given the address of who left")
    await refused(stranger, await sign_in(stranger), "There is an account")
    assert len(await identities(resources)) == 1


async def test_an_invitation_that_was_not_used_is_over_once_the_provider_signed_them_in(resources: Resources, stranger: Browser) -> None:
    user_id = await add_user(resources)
    async with open_write(resources.engine) as tx:
        link = await make_password_link(resources.context(SYSTEM), tx, user_id)
    assert (await sign_in(stranger)).status_code == 303
    assert (await stranger.client.get(f"/password?token={link.secret}")).status_code == 410


# --- connecting ---------------------------------------------------------------------------------------------------------


async def test_an_account_is_connected_by_its_owner_after_a_question_and_disconnected(resources: Resources, stranger: Browser) -> None:
    user_id = await add_user(resources, password=PASSWORD)
    await stranger.sign_in("ada@example.org")
    question = Page(await sign_in(stranger, (await stranger.open("/account")).link("Connect")))
    assert (question.text("h1"), await identities(resources)) == ("Connect your account?", [])
    connected = await stranger.press(question, "Connect")
    assert (connected.headers["location"], await identities(resources)) == ("/account?done=connected", [("248289761001", user_id)])
    stranger.client.cookies.clear()
    assert (await sign_in(stranger)).status_code == 303
    await stranger.press(await stranger.open("/account"), "Disconnect")
    assert await identities(resources) == []


async def test_the_question_is_answered_in_the_session_that_was_asked(resources: Resources, open_browser: Callable[..., Any]) -> None:
    """Whoever gets somebody else to send the attacker's answer would be able to sign in to their account."""
    await add_user(resources, "eve@example.org", password=PASSWORD)
    await add_user(resources, "bob@example.org", password=PASSWORD)
    eve, bob = await open_browser(), await open_browser()
    await eve.sign_in("eve@example.org")
    await bob.sign_in("bob@example.org")
    question = Page(await sign_in(eve))
    identity = question.form_of("Connect")[1]["identity"]
    own = Page(await sign_in(bob)).form_of("Connect")[1]
    answer = await bob.client.post("/account/identities", data={**own, "identity": identity})
    assert (answer.status_code, await identities(resources)) == (403, [])
    assert (await bob.client.post("/account/identities", data={**own, "identity": own["identity"][:-2] + "AA"})).status_code == 403


async def test_what_is_connected_with_somebody_else_stays_theirs(resources: Resources, open_browser: Callable[..., Any]) -> None:
    first = await open_browser()
    await sign_in(first)
    await add_user(resources, "eve@example.org", password=PASSWORD)
    eve = await open_browser()
    await eve.sign_in("eve@example.org")
    answer = await sign_in(eve)
    page = Page(answer)
    assert (answer.status_code, page.text("h1"), "Another account" in page.text("#notices")) == (403, "Your account", True)


async def test_the_only_way_to_sign_in_cannot_be_taken_away(resources: Resources, stranger: Browser) -> None:
    await sign_in(stranger)
    page = await stranger.open("/account")
    assert "You have none." in page.text("section[aria-labelledby=password]")
    assert "Ask an admin for a link to set a password" in page.text("section[aria-labelledby=provider]")
    assert page.tree.find("button", string="Disconnect") is None
    sent = {"csrf_token": page.tree.select("[name=csrf_token]")[0]["value"]}
    again = Page(await stranger.client.post("/account/identities/end", data=sent))
    assert (again.answer.status_code, again.text("h1"), "the only way" in again.text("#notices")) == (403, "Your account", True)
    assert len(await identities(resources)) == 1


async def test_the_record_says_what_happened_without_addresses_or_secrets(resources: Resources, stranger: Browser) -> None:
    await sign_in(stranger)
    async with open_read(resources.engine) as tx:
        rows = await tx.rows(text("SELECT action, details::text AS details FROM audit_events ORDER BY at, id"))
    assert [row.action for row in rows] == ["user.created", "user.created", "user.identity_connected", "session.opened"]
    told = " ".join(row.details for row in rows)
    assert '"by": "provider"' in told
    assert not [secret for secret in ("ada@", "248289761001", CLIENT_SECRET) if secret in told]


async def test_what_was_typed_waits_while_somebody_signs_in_in_another_window(resources: Resources, stranger: Browser) -> None:
    await sign_in(stranger)
    page = await stranger.open("/account")
    del stranger.client.cookies[COOKIE]
    late = Page(await stranger.press(page, "Save", {"name": "Typed in vain?"}))
    assert (late.answer.status_code, late.one("a[target=_blank]")["href"]) == (403, "/login/provider")
    _, held = late.form_of("I have signed in there: go on")
    early = await stranger.client.post("/login/again", data=held)
    assert "not signed in in any other window" in Page(early).text("[role=alert]")
    await sign_in(stranger)
    _, held = Page(early).form_of("I have signed in there: go on")
    kept = Page(await stranger.client.post("/login/again", data=held))
    assert (await stranger.press(kept, kept.one(".btn-primary").get_text(strip=True))).headers["location"] == "/account?done=profile"
    assert (await stranger.open("/account")).labelled("Name")["value"] == "Typed in vain?"


async def test_the_dialog_of_a_page_goes_on_with_the_session_of_the_other_window(stranger: Browser) -> None:
    await sign_in(stranger)
    answer = await stranger.client.post("/login/again", headers=HTMX)
    token = (await stranger.open("/account")).one("meta[name=csrf-token]")["content"]
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (204, token)
    strange = {**HTMX, "Sec-Fetch-Site": "cross-site"}
    assert (await stranger.client.post("/login/again", headers=strange)).status_code == 403
