import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db_fixtures import Database

from keepstep.config import Resources, settings_from
from keepstep.db.engine import open_engine
from keepstep.db.tables import users
from keepstep.db.transaction import open_read
from keepstep.web.app import create_app
from keepstep.web.deps import ReadTx, WriteTx
from keepstep.web.exactjson import ExactJson, api_router

Client = httpx.AsyncClient
A_USER = {"email": "ada@example.org", "role": "editor"}
# Raises at the commit and not before, as a full disk or a deferred constraint would.
REFUSING_COMMIT = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no' USING ERRCODE = '53100'; END$$",
    """CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED
       FOR EACH ROW EXECUTE FUNCTION refuse()""",
)


def count_statements(engine: AsyncEngine) -> list[str]:
    """What is sent to the database from now on."""
    found: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: found.append(given[2]))
    return found


async def stored_users(resources: Resources) -> int:
    async with open_read(resources.engine) as tx:
        return int(await tx.scalar(text("SELECT count(*) FROM users")))


async def test_a_commit_that_fails_answers_an_error_and_stores_nothing(
    admin: Client, resources: Resources, owner_engine: AsyncEngine
) -> None:
    before = await stored_users(resources)
    async with owner_engine.begin() as connection:
        for statement in REFUSING_COMMIT:
            await connection.execute(text(statement))
    answer = await admin.post("/api/v1/users", json=A_USER)
    assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")
    assert await stored_users(resources) == before


async def test_the_answer_is_sent_after_the_commit(app: FastAPI, admin: Client, resources: Resources) -> None:
    events: list[str] = []
    event.listen(resources.engine.sync_engine, "commit", lambda _connection: events.append("commit"))

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def send_on(message: Any) -> None:
            events.append(message["type"])
            await send(message)

        await app(scope, receive, send_on)

    async with Client(transport=httpx.ASGITransport(watched), base_url="http://keepstep.test", headers=admin.headers) as client:
        assert (await client.post("/api/v1/users", json=A_USER)).status_code == 201
    assert events[-3:] == ["commit", "http.response.start", "http.response.body"]


async def test_a_route_that_raises_stores_nothing(app: FastAPI, admin: Client, resources: Resources) -> None:
    router = api_router("test")

    @router.post("/test")
    async def half(tx: WriteTx) -> ExactJson:
        row = {"id": resources.make_id(), "email": "x@example.org", "name": "x", "role": "editor", "created_at": resources.now()}
        await tx.execute(insert(users).values(**row))
        raise ValueError

    app.include_router(router)
    before = await stored_users(resources)
    assert (await admin.post("/test")).status_code == 500
    assert await stored_users(resources) == before


async def test_a_read_cannot_write(app: FastAPI, admin: Client) -> None:
    router = api_router("test")

    @router.get("/test")
    async def sly(tx: ReadTx) -> ExactJson:
        await tx.scalar(text("DELETE FROM grants RETURNING 1"))
        return ExactJson(None)

    app.include_router(router)
    assert (await admin.get("/test")).status_code == 500


async def test_somebody_unknown_never_takes_a_connection_for_a_write(anonymous: Client, resources: Resources) -> None:
    statements = count_statements(resources.engine)
    assert (await anonymous.post("/api/v1/users", json=A_USER)).status_code == 401
    assert statements == []


async def test_a_token_is_looked_up_once_for_many_requests(admin: Client, resources: Resources) -> None:
    await admin.get("/api/v1/me")
    statements = count_statements(resources.engine)
    for _ in range(5):
        assert (await admin.get("/api/v1/me")).status_code == 200
    assert statements == []


async def test_a_token_costs_one_statement(anonymous: Client, admin: Client, resources: Resources) -> None:
    statements = count_statements(resources.engine)
    await admin.get("/api/v1/me")
    assert len([each for each in statements if "api_tokens" in each]) == len(statements) == 1


async def test_more_requests_than_connections_wait_and_none_fails(database: Database, resources: Resources, admin: Client) -> None:
    engine = open_engine(database.url, pool_size=1)
    app = create_app(replace(resources, engine=engine))
    async with Client(transport=httpx.ASGITransport(app), base_url="http://keepstep.test", headers=admin.headers) as client:
        bodies = [{"email": f"user{number}@example.org"} for number in range(12)]
        answers = await asyncio.gather(*(client.post("/api/v1/users", json=body) for body in bodies))
    await engine.dispose()
    assert {answer.status_code for answer in answers} == {201}


async def test_a_list_of_one_and_of_fifty_costs_the_same_number_of_statements(admin: Client, resources: Resources) -> None:
    costs = []
    for count in (1, 49):
        for _ in range(count):
            await admin.post("/api/v1/users", json={"email": f"{resources.make_id()}@example.org"})
        await admin.get("/api/v1/me")
        statements = count_statements(resources.engine)
        assert (await admin.get("/api/v1/users")).status_code == 200
        costs.append(len(statements))
    assert costs[0] == costs[1]


async def test_health_needs_no_database_and_readiness_does(resources: Resources) -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    app = create_app(replace(resources, engine=engine))
    async with Client(transport=httpx.ASGITransport(app), base_url="http://keepstep.test") as client:
        assert (await client.get("/healthz")).json()["status"] == "ok"
        answer = await client.get("/readyz")
    await engine.dispose()
    assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_database_without_the_schema_is_not_ready(resources: Resources, empty_database: Database, anonymous: Client) -> None:
    assert (await anonymous.get("/readyz")).json() == {"status": "ready"}
    engine = open_engine(empty_database.url)
    app = create_app(replace(resources, engine=engine))
    async with Client(transport=httpx.ASGITransport(app), base_url="http://keepstep.test") as client:
        answer = await client.get("/readyz")
    await engine.dispose()
    assert answer.status_code == 503
    assert "keepstep db upgrade" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/me", "/nothing", "/api/docs"])
async def test_every_answer_has_the_safe_headers(anonymous: Client, path: str) -> None:
    headers = (await anonymous.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "strict-transport-security" not in headers


async def test_answers_are_kept_by_nobody_in_between(admin: Client) -> None:
    assert (await admin.get("/api/v1/me")).headers["cache-control"] == "no-store"


async def test_transport_security_is_asked_for_only_where_the_address_has_it(resources: Resources) -> None:
    app = create_app(replace(resources, settings=settings_from({"KEEPSTEP_BASE_URL": "https://forms.example.org"})))
    async with Client(transport=httpx.ASGITransport(app), base_url="http://keepstep.test") as client:
        assert "max-age" in (await client.get("/healthz")).headers["strict-transport-security"]


async def test_metrics_count_by_route_and_hold_no_path(admin: Client, anonymous: Client, resources: Resources) -> None:
    unknown = resources.make_id()
    await admin.get(f"/api/v1/users/{unknown}")
    await anonymous.get("/secret-path?answer[email]=a@example.org")
    await anonymous.request("BREW", "/healthz")
    page = (await anonymous.get("/metrics")).text
    assert 'method="GET",route="/api/v1/users/{user_id}",status="404"} 1' in page
    assert 'route="none",status="404"} 1' in page
    assert 'method="other"' in page
    assert not [private for private in (unknown, "secret-path", "example.org", "BREW") if private in page]


async def test_the_log_of_requests_holds_no_path_and_no_query(
    admin: Client, resources: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "keepstep.access")
    await admin.get(f"/api/v1/users/{resources.make_id()}?answer[email]=a@example.org")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "keepstep.access"]
    assert line.startswith("GET /api/v1/users/{user_id} 422 ")
    assert "example.org" not in line


async def test_buckets_of_the_metrics_sum_up(anonymous: Client) -> None:
    for _ in range(3):
        await anonymous.get("/healthz")
    lines = [line for line in (await anonymous.get("/metrics")).text.splitlines() if 'route="/healthz"' in line]
    buckets = [int(line.rsplit(" ", 1)[1]) for line in lines if "_bucket" in line]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 3 == int(next(line for line in lines if "_count" in line).rsplit(" ", 1)[1])
