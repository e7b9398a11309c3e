"""The application over a database of the test's own, and clients that are signed in."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uuid_utils
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.actions.accounts import NewToken, NewUser, create_token, create_user
from keepstep.config import Resources, settings_from
from keepstep.core.permissions import ALL_SCOPES, SYSTEM, Role, Scope
from keepstep.db.transaction import open_write
from keepstep.web.app import create_app

SECRET = b"the key of the tests, long enough"
SignIn = Callable[..., Awaitable[httpx.AsyncClient]]


def new_id() -> str:
    return str(uuid_utils.uuid7())


@pytest.fixture
def resources(engine: AsyncEngine, tmp_path: Path) -> Resources:
    settings = settings_from({"KEEPSTEP_HOME": str(tmp_path), "KEEPSTEP_MAX_BODY": "1", "KEEPSTEP_MAX_FILE": "2"})
    return Resources(
        engine=engine,
        settings=settings,
        secret=SECRET,
        now=lambda: datetime.now(UTC),
        make_id=new_id,
        make_salt=lambda: os.urandom(16),
    )


@pytest.fixture
def app(resources: Resources) -> FastAPI:
    return create_app(resources)


@pytest.fixture
async def clients(app: FastAPI) -> AsyncIterator[Callable[[str | None], Awaitable[httpx.AsyncClient]]]:
    """Makes a client that sends this token, or none."""
    async with AsyncExitStack() as stack:

        async def make(token: str | None) -> httpx.AsyncClient:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://keepstep.test", headers=headers)
            return await stack.enter_async_context(client)

        yield make


@pytest.fixture
async def sign_in(resources: Resources, clients: Callable[[str | None], Awaitable[httpx.AsyncClient]]) -> SignIn:
    """Makes a user of this role and a client with a token of theirs. `client.headers["X-User"]` is the user's id."""

    async def make(role: Role = "admin", *, scopes: frozenset[Scope] = ALL_SCOPES, email: str = "") -> httpx.AsyncClient:
        ctx = resources.context(SYSTEM)
        async with open_write(resources.engine) as tx:
            user, _ = await create_user(ctx, tx, NewUser(email or f"{role}-{new_id()}@example.org", role))
            made = await create_token(ctx, tx, user.id, NewToken("test", scopes))
        client = await clients(made.secret)
        client.headers["X-User"] = user.id
        return client

    return make


@pytest.fixture
async def anonymous(clients: Callable[[str | None], Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    return await clients(None)


@pytest.fixture
async def admin(sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in("admin")


@pytest.fixture
async def editor(sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in("editor")


@pytest.fixture
async def analyst(sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in("analyst")
