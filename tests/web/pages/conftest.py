"""Browsers without a script: clients that are signed in by /login, send what forms send, and whose clock can be moved."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import update
from tests.pages_kit import PASSWORD, Browser

from keepstep.actions.accounts import NewUser, create_user
from keepstep.config import Resources
from keepstep.core.permissions import SYSTEM, Role
from keepstep.db.tables import users
from keepstep.db.transaction import open_write
from keepstep.web.app import create_app

# A real hash of the password that costs next to nothing to check: a thousand sign-ins at the product's cost take minutes. What
# the product itself hashes is tested where passwords are set.
QUICKLY_CHECKED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
OpenBrowser = Callable[..., Awaitable[Browser]]


@dataclass
class Clock:
    """The time as the application sees it."""

    now: datetime = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(resources: Resources, clock: Clock) -> FastAPI:
    return create_app(replace(resources, now=lambda: clock.now))


@pytest.fixture
async def open_browser(app: FastAPI) -> AsyncIterator[OpenBrowser]:
    """Makes a browser that nobody has signed in with; `base_url` is where it thinks the pages are."""
    async with AsyncExitStack() as stack:

        async def make(base_url: str = "http://keepstep.test") -> Browser:
            headers = {"Accept": "text/html", "Origin": base_url}
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url, headers=headers)
            return Browser(await stack.enter_async_context(client))

        yield make


@pytest.fixture
async def stranger(open_browser: OpenBrowser) -> Browser:
    return await open_browser()


@pytest.fixture
async def signed_in(resources: Resources, clock: Clock, open_browser: OpenBrowser) -> Callable[..., Awaitable[Browser]]:
    """Makes a user of this role, and a browser that they have signed in with."""

    async def make(role: Role = "admin", *, email: str = "") -> Browser:
        address = email or f"{role}@example.org"
        ctx = replace(resources.context(SYSTEM), now=clock.now)
        async with open_write(resources.engine) as tx:
            user, _ = await create_user(ctx, tx, NewUser(address, role, f"{role.title()} Okafor"))
            await tx.execute(update(users).where(users.c.id == user.id).values(password_hash=QUICKLY_CHECKED))
        browser = await open_browser()
        answer = await browser.sign_in(address)
        assert answer.status_code == 303, answer.text
        return browser

    return make


@pytest.fixture
async def admin_browser(signed_in: Callable[..., Awaitable[Browser]]) -> Browser:
    return await signed_in("admin")


@pytest.fixture
async def editor_browser(signed_in: Callable[..., Awaitable[Browser]]) -> Browser:
    return await signed_in("editor")
