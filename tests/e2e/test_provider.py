"""Signing in through a provider in a real browser, on another site: cookies, redirects and the policy of the pages let it through."""

import os
import re
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.conftest import CheckPage
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, TestProvider, person, providing
from tests.pages_kit import PASSWORD
from tests.served import COMMAND, Served, free_port, serving


@pytest.fixture(scope="module")
def provider() -> Iterator[tuple[TestProvider, int]]:
    """Calls itself localhost, which is another site than 127.0.0.1; and the port that the server will have."""
    port = free_port()
    with providing(f"http://127.0.0.1:{port}/login/provider/callback", host="localhost") as made:
        yield made, port


@pytest.fixture(scope="module")
def house(provider: tuple[TestProvider, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that knows the provider, with the admin Ada, who has a password."""
    made, port = provider
    home = tmp_path_factory.mktemp("p")
    environment = {
        "KEEPSTEP_HOME": str(home),
        "KEEPSTEP_BASE_URL": f"http://127.0.0.1:{port}",
        "KEEPSTEP_OIDC_ISSUER": made.issuer,
        "KEEPSTEP_OIDC_CLIENT_ID": CLIENT_ID,
        "KEEPSTEP_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "KEEPSTEP_OIDC_NAME": "House Account",
        "KEEPSTEP_OIDC_DOMAINS": "example.org",
        "KEEPSTEP_OIDC_ROLE": "analyst",
    }
    add = [COMMAND, "user", "add", "ada@example.org", "--role", "admin", "--password-stdin"]
    subprocess.run(add, env={**os.environ, **environment}, input=PASSWORD, text=True, check=True, capture_output=True)
    with serving(environment, "", home / "log", port=port) as server:
        yield server


@pytest.fixture
def page(browser: Browser, house: Served) -> Iterator[Page]:
    context = browser.new_context(base_url=house.address)
    yield context.new_page()
    context.close()


def test_a_new_colleague_signs_in_through_the_house(page: Page, provider: tuple[TestProvider, int], accessible: CheckPage) -> None:
    provider[0].person = person("grace", email="grace@example.org", name="Grace Hopper")
    page.goto("/account")
    accessible(page)
    page.get_by_role("link", name="Sign in with House Account").click()
    page.wait_for_url(re.compile(r"/account$"))
    expect(page.get_by_label("Name")).to_have_value("Grace Hopper")
    accessible(page)


def test_an_account_with_a_password_is_connected_by_its_owner(
    page: Page, provider: tuple[TestProvider, int], accessible: CheckPage
) -> None:
    provider[0].person = person("ada")
    page.goto("/login")
    page.get_by_role("link", name="Sign in with House Account").click()
    expect(page.get_by_role("alert")).to_contain_text("Sign in with its password")
    accessible(page)
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/$"))
    page.goto("/account")
    page.get_by_role("link", name="Connect").click()
    expect(page.get_by_role("heading", name="Connect your account?")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("status")).to_contain_text("connected")
    page.context.clear_cookies()
    page.goto("/login?next=/admin")
    page.get_by_role("link", name="Sign in with House Account").click()
    expect(page.get_by_role("heading", name="Health")).to_be_visible()


def test_what_waits_in_a_page_is_sent_after_signing_in_in_another_window(page: Page, provider: tuple[TestProvider, int]) -> None:
    provider[0].person = person("grace", email="grace@example.org", name="Grace Hopper")
    page.goto("/login")
    page.get_by_role("link", name="Sign in with House Account").click()
    page.wait_for_url(re.compile(r"/$"))
    page.context.clear_cookies()
    page.get_by_label("Search wizards").fill("nothing")
    dialog = page.get_by_role("dialog")
    with page.context.expect_page() as opened:
        dialog.get_by_role("link", name="in a new window").click()
    opened.value.wait_for_url(re.compile(r"/$"))
    dialog.get_by_role("button", name="go on").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Search wizards")).to_have_value("nothing")
    expect(page.locator("#wizards")).to_contain_text("No wizard is called that")
