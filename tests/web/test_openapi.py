import re
from typing import Any, get_type_hints

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.responses import Response

from keepstep.web.app import ROUTERS
from keepstep.web.exactjson import ExactRoute

OPEN = {"/healthz", "/readyz", "/metrics", "/api/docs", "/api/problems", "/api/problems/{code}"}
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, each) for path, methods in schema["paths"].items() for method, each in methods.items()]


async def test_the_description_is_openapi_3_1_and_names_no_other_host(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/api/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    assert re.findall(r"https?://[^\"\s]+", answer.text) == []


def test_every_reference_in_the_description_leads_somewhere(app: FastAPI) -> None:
    schema = app.openapi()
    names = set(re.findall(r"#/components/schemas/([\w.-]+)", str(schema)))
    assert "Problem" in names
    assert names <= set(schema["components"]["schemas"])
    assert "HTTPValidationError" not in names


def test_every_operation_has_its_own_id_and_says_what_it_does(app: FastAPI) -> None:
    found = operations(app.openapi())
    ids = [each["operationId"] for _, _, each in found]
    assert len(ids) == len(set(ids))
    assert [path for path, _, each in found if not each.get("description")] == []


def test_every_operation_says_that_it_may_answer_a_problem(app: FastAPI) -> None:
    assert [path for path, _, each in operations(app.openapi()) if "application/problem+json" not in str(each["responses"])] == []


def test_signing_in_is_described_and_only_the_server_itself_is_open(app: FastAPI) -> None:
    schema = app.openapi()
    assert schema["security"] == [{"bearer": []}]
    assert {path for path, _, each in operations(schema) if each.get("security") == []} == OPEN


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES if route.path not in OPEN}))
async def test_every_other_route_wants_a_token(anonymous: httpx.AsyncClient, path: str) -> None:
    address = re.sub(r"\{\w+\}", "01905fa0-0000-7000-8000-000000000000", path)
    for method in sorted({method for route in ROUTES if route.path == path for method in route.methods or ()}):
        answer = await anonymous.request(method, address)
        assert (method, answer.status_code) == (method, 401)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_every_route_reads_and_writes_exactly(route: APIRoute) -> None:
    assert isinstance(route, ExactRoute)
    # A value returned as it is would be written by FastAPI, which turns a Decimal into a float.
    assert issubclass(get_type_hints(route.endpoint)["return"], Response)


@pytest.mark.parametrize("path", ["/api/docs", "/api/problems", "/api/problems/stale"])
async def test_the_pages_ask_for_nothing_from_elsewhere_and_run_nothing(anonymous: httpx.AsyncClient, path: str) -> None:
    page = await anonymous.get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"<script|https?://|src=|@import|url\(", page.text)
    assert "script-src" not in page.headers["content-security-policy"]


async def test_the_reference_lists_every_operation(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    page = (await anonymous.get("/api/docs")).text
    missing = [path for path, method, _ in operations(app.openapi()) if f"{method.upper()} {path}" not in page]
    assert missing == []


def test_every_included_route_is_one_of_the_routers(app: FastAPI) -> None:
    paths = {context.path for context in iter_route_contexts(app.routes)}
    assert {route.path for route in ROUTES} <= paths
