"""Requests that schemathesis makes from the description of the API, right and wrong ones, for each operation over a real database.

Whatever they are, no answer is a fault of the server, each is what the description says, and everything stored can be verified.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
import requests
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.db_fixtures import Server, made_database
from tests.factories import JOHN, new_id
from tests.web_kit import web_survey

from keepstep.actions.accounts import NewToken, NewUser, create_token, create_user
from keepstep.config import Resources, settings_from
from keepstep.core.permissions import ALL_SCOPES, SYSTEM
from keepstep.db.engine import open_engine
from keepstep.db.transaction import open_read, open_write
from keepstep.queries.integrity import verify
from keepstep.web.app import ROUTERS, create_app

T = TypeVar("T")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute) and route.include_in_schema]
OPERATIONS = sorted({(method, route.path) for route in ROUTES for method in route.methods or ()})
# With sixty operations: under a minute on two cores. `torture` goes on for as long as it takes.
EXAMPLES = {"torture": 300, "fast": 3}.get(os.environ.get("KEEPSTEP_HYPOTHESIS", "ci"), 8)
# What servers take at most; the client refuses to send more.
LONGEST_ADDRESS = 60_000
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 100,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


class Loop:
    """An event loop in a thread of its own: the generated tests are no coroutines, and the application's connections belong to one loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        done: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True)
class Fuzzed:
    """The application, what its description says, and ids that really are there, by the names of path parameters."""

    loop: Loop
    client: httpx.AsyncClient
    resources: Resources
    schema: Any
    known: Mapping[str, tuple[str, ...]]
    statuses: Counter[int] = field(default_factory=Counter)

    def request(self, case: Case[Any]) -> httpx.Request:
        prepared = requests.Request(**_of_requests(case.as_transport_kwargs(base_url="http://keepstep.test"))).prepare()
        # The token stays the client's own: what happens without one is another test.
        headers = {_plain(name): _plain(value) for name, value in prepared.headers.items() if name.lower() != "authorization"}
        content = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
        assert isinstance(content, bytes | None)
        return self.client.build_request(str(prepared.method), str(prepared.url)[:LONGEST_ADDRESS], headers=headers, content=content)


def _plain(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("latin-1")


def _of_requests(given_: Mapping[str, Any]) -> dict[str, Any]:
    names = ("method", "url", "headers", "files", "data", "json", "params", "cookies")
    return {name: given_[name] for name in names if name in given_}


@pytest.fixture(scope="module")
def fuzzed(
    database_server: Server, superuser: psycopg.Connection[Any], template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fuzzed]:
    making = made_database(database_server, superuser, template)
    loop = Loop()
    environment = {"KEEPSTEP_HOME": str(tmp_path_factory.mktemp("fuzz")), "KEEPSTEP_MAX_BODY": "1", "KEEPSTEP_MAX_FILE": "1"}
    resources = Resources(
        engine=open_engine(next(making).url),
        settings=settings_from(environment),
        secret=b"the key of the tests, long enough",
        now=lambda: datetime.now(UTC),
        make_id=new_id,
        make_salt=lambda: os.urandom(16),
    )
    try:
        yield loop.run(_fuzzed(loop, resources))
    finally:
        loop.run(resources.engine.dispose())
        loop.close()
        next(making, None)


async def _fuzzed(loop: Loop, resources: Resources) -> Fuzzed:
    app = create_app(resources)
    async with open_write(resources.engine) as tx:
        ctx = resources.context(SYSTEM)
        user, _ = await create_user(ctx, tx, NewUser("fuzz@example.org", "admin"))
        token = await create_token(ctx, tx, user.id, NewToken("fuzz", ALL_SCOPES))
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://keepstep.test", headers={"Authorization": f"Bearer {token.secret}"}
    )
    survey, other = await web_survey(client), await web_survey(client)
    completed = await survey.answer(**{name.replace("-", "_"): value for name, value in JOHN.items()})
    working = (await client.post(f"{survey.url}/runs", json={"answers": {}})).json()["id"]
    known = {
        "wizard_ref": (survey.wizard, other.wizard, "customer-survey"),
        "run_id": (completed, working),
        "step_id": tuple(survey.steps),
        "option_set_id": (survey.email, survey.color),
        "value": ("blue", "red"),
        "number": ("1",),
        "revision": ("1",),
    }
    schema = schemathesis.openapi.from_dict((await client.get("/api/openapi.json")).json())
    return Fuzzed(loop, client, resources, schema, known)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_is_answered_with_a_fault_or_against_the_description(fuzzed: Fuzzed, method: str, path: str) -> None:
    operation = fuzzed.schema[path.replace(":path}", "}")][method]
    # Some operations take whatever comes, so that there are no wrong requests to be made for them alone.
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @FUZZ
    @given(case=cases, data=st.data())
    def check(case: Case[Any], data: st.DataObject) -> None:
        _with_known_ids(case, fuzzed.known, data.draw)
        request = fuzzed.request(case)
        assume(len(str(request.url)) < LONGEST_ADDRESS)
        answer = fuzzed.loop.run(fuzzed.client.send(request))
        fuzzed.statuses[answer.status_code // 100] += 1
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code

    check()


def _with_known_ids(case: Case[Any], known: Mapping[str, tuple[str, ...]], draw: Callable[[Any], Any]) -> None:
    """Three in four of the requests are about something that is there, and name the state that it is in."""
    if draw(st.integers(0, 3)):
        case.path_parameters.update({name: draw(st.sampled_from(known[name])) for name in list(case.path_parameters) if name in known})
        case.headers["If-Match"] = draw(st.sampled_from(["*", '"1"', '"1.0"']))


@pytest.mark.slow
def test_what_all_of_this_left_behind_can_be_read_and_verified(fuzzed: Fuzzed) -> None:
    async def verified() -> Any:
        async with open_read(fuzzed.resources.engine) as tx:
            return await verify(tx)

    found = fuzzed.loop.run(verified())
    assert (found.findings, found.runs > 1, found.versions > 1) == ([], True, True)
    # Requests that are all refused would prove little.
    assert fuzzed.statuses[2] > fuzzed.statuses.total() / 10
    for wizard in fuzzed.loop.run(fuzzed.client.get("/api/v1/wizards")).json()["items"]:
        for part in ("draft", "changes", "versions", "runs"):
            read = fuzzed.loop.run(fuzzed.client.get(f"/api/v1/wizards/{wizard['id']}/{part}"))
            assert read.status_code == 200, read.text
