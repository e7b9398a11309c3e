from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from fastapi import FastAPI
from tests.pages_kit import PASSWORD, Browser

from keepstep.actions.accounts import NewUser, create_user
from keepstep.config import Resources
from keepstep.core.permissions import SYSTEM
from keepstep.db.transaction import open_write
from keepstep.web.app import create_app

ADDRESS = "https://forms.example.org"


@pytest.fixture
def app(resources: Resources) -> FastAPI:
    return create_app(replace(resources, settings=replace(resources.settings, base_url=ADDRESS)))


async def test_under_https_the_cookie_is_bound_to_host_and_transport(
    resources: Resources, open_browser: Callable[..., Awaitable[Browser]]
) -> None:
    async with open_write(resources.engine) as tx:
        await create_user(resources.context(SYSTEM), tx, NewUser("ada@example.org", "admin", password=PASSWORD))
    browser = await open_browser(ADDRESS)
    cookie = (await browser.sign_in("ada@example.org")).headers["set-cookie"]
    assert cookie.startswith("__Host-keepstep_session=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert (await browser.open("/")).text("h1").startswith("Wizards")
