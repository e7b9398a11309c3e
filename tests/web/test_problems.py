from decimal import Decimal
from typing import Any, get_args

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from keepstep.config import Resources
from keepstep.errors import (
    AnswersInvalid,
    Busy,
    ImpactUnconfirmed,
    Kind,
    MethodNotAllowed,
    PreconditionRequired,
    Problem,
    RequestInvalid,
    Stale,
    Unauthenticated,
    catalogue,
)
from keepstep.web.app import create_app
from keepstep.web.etags import Seen, tag_in
from keepstep.web.exactjson import ExactJson, RequestBody, api_router
from keepstep.web.problems import STATUS, problem_body, problem_response, status_of

MEMBERS = {"type", "title", "status", "detail", "code", "instance"}


class Echoed(RequestBody):
    value: Any
    count: int = 0


async def answer_of(resources: Resources, *, raised: Exception | None = None, **request: Any) -> Response:
    """The answer of an application with one more route, which raises or echoes its body."""
    router = api_router("test")

    @router.post("/test")
    async def echo(body: Echoed, seen: Seen) -> ExactJson:
        if raised is not None:
            raise raised
        return ExactJson({"value": body.value, "seen": seen})

    app = create_app(resources)
    app.include_router(router)
    return await sent(app, **({"method": "POST", "url": "/test", "json": {"value": 1}} | request))


async def sent(app: FastAPI, **request: Any) -> Response:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://keepstep.test") as client:
        return await client.request(**request)


def test_every_kind_has_a_status() -> None:
    assert set(STATUS) == set(get_args(Kind))
    assert all(400 <= status < 600 for status in STATUS.values())


@pytest.mark.parametrize("problem", catalogue(), ids=lambda problem: problem.code)
async def test_every_problem_answers_in_the_one_shape(resources: Resources, problem: type[Problem]) -> None:
    answer = await answer_of(resources, raised=problem("What to do."))
    body = answer.json()
    assert set(body) == MEMBERS
    assert (answer.status_code, body["code"], body["detail"], body["instance"]) == (
        status_of(problem()),
        problem.code,
        "What to do.",
        "/test",
    )
    assert answer.headers["content-type"] == "application/problem+json"


async def test_where_a_problem_points_there_is_a_page_about_it(resources: Resources) -> None:
    app = create_app(resources)
    for problem in catalogue():
        page = await sent(app, method="GET", url=problem_body(problem(), instance="/")["type"])
        assert page.status_code == 200
        assert problem.code in page.text
    assert (await sent(app, method="GET", url="/api/problems/no-such")).status_code == 404


async def test_further_members_and_errors_stand_beside_the_standard_ones(resources: Resources) -> None:
    raised = AnswersInvalid("Two.", errors=[{"pointer": "/a", "code": "x", "detail": "y"}], weight=Decimal("0.10000000000000000001"))
    answer = await answer_of(resources, raised=raised)
    assert answer.json()["errors"] == [{"pointer": "/a", "code": "x", "detail": "y"}]
    assert '"weight":0.10000000000000000001' in answer.text


def test_a_further_member_never_replaces_a_standard_one() -> None:
    body = problem_body(ImpactUnconfirmed(status=200, code="fine", impact={"runs": 1}), instance="/x")
    assert (body["status"], body["code"], body["impact"]) == (409, "impact-unconfirmed", {"runs": 1})


@pytest.mark.parametrize(
    ("problem", "name", "value"),
    [
        (Unauthenticated(), "www-authenticate", 'Bearer realm="keepstep"'),
        (Busy(), "retry-after", "2"),
        (Stale(etag="1.3"), "etag", '"1.3"'),
        (PreconditionRequired(etag="7"), "etag", '"7"'),
    ],
)
def test_a_problem_has_the_headers_of_its_kind(problem: Problem, name: str, value: str) -> None:
    assert problem_response(problem, instance="/").headers[name] == value


async def test_an_unknown_address_and_a_wrong_method_are_problems(resources: Resources) -> None:
    app = create_app(resources)
    unknown = await sent(app, method="GET", url="/api/v1/nothing")
    wrong = await sent(app, method="DELETE", url="/healthz")
    assert [(each.status_code, each.json()["code"]) for each in (unknown, wrong)] == [(404, "not-found"), (405, "method-not-allowed")]
    assert wrong.headers["allow"] == "GET"
    assert status_of(MethodNotAllowed()) == 405


async def test_an_invalid_body_names_every_place_and_repeats_no_value(resources: Resources) -> None:
    answer = await answer_of(resources, json={"count": "secret", "other": "secret"})
    errors = {error["pointer"]: error["code"] for error in answer.json()["errors"]}
    assert (answer.status_code, errors) == (422, {"/value": "missing", "/count": "int-type", "/other": "extra-forbidden"})
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "content", [b"{", b"", b"[1", b'{"value": NaN}', b'{"value": 1e400000}', b'{"value": "\xff"}', b'{"value": "\\u0000"}', b"[" * 100_000]
)
async def test_a_body_that_is_no_json_is_told_so(resources: Resources, content: bytes) -> None:
    answer = await answer_of(resources, json=None, content=content, headers={"Content-Type": "application/json"})
    expected = (400, "malformed-json") if content else (422, "request-invalid")
    assert (answer.status_code, answer.json()["code"]) == expected


@pytest.mark.parametrize("number", ["0.1", "12345678901234567890.123456789012345678901", "-0.5", "9007199254740993", "1.50", "1e3"])
async def test_numbers_come_back_as_they_were_sent(resources: Resources, number: str) -> None:
    answer = await answer_of(resources, json=None, content=b'{"value": %s}' % number.encode(), headers={"Content-Type": "application/json"})
    shown = answer.text.partition(":")[2].partition(",")[0]
    assert Decimal(shown) == Decimal(number)
    assert "e" not in shown.lower()


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
async def test_a_body_of_another_media_type_is_refused(resources: Resources, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await answer_of(resources, json=None, content=b'{"value": 1}', headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["accepted"]) == (415, "unsupported", ["application/json"])


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"])
async def test_json_under_its_other_names_is_read(resources: Resources, media_type: str) -> None:
    answer = await answer_of(resources, json=None, content=b'{"value": 1}', headers={"Content-Type": media_type})
    assert answer.status_code == 200


async def test_an_unexpected_error_says_an_id_and_nothing_else(resources: Resources, caplog: pytest.LogCaptureFixture) -> None:
    answer = await answer_of(resources, raised=ValueError("the inside"))
    body = answer.json()
    assert (answer.status_code, body["code"]) == (500, "unexpected")
    assert "inside" not in answer.text
    assert body["id"] in body["detail"]
    assert body["id"] in caplog.text
    assert "the inside" in caplog.text


@pytest.mark.parametrize(("header", "seen"), [('"1.3"', "1.3"), ("*", "*"), (None, None), ("", None), (' "7" ', "7"), ('""', "")])
def test_if_match_names_the_state_that_was_seen(header: str | None, seen: str | None) -> None:
    assert tag_in(header) == seen


@pytest.mark.parametrize("header", ["7", 'W/"7"', '"7", "8"', '"7', "**"])
def test_another_form_of_if_match_is_refused_with_the_reason(header: str) -> None:
    with pytest.raises(RequestInvalid, match="If-Match"):
        tag_in(header)


async def test_if_match_reaches_the_route(resources: Resources) -> None:
    answer = await answer_of(resources, headers={"If-Match": '"1.3"'})
    assert answer.json()["seen"] == "1.3"
    assert (await answer_of(resources, headers={"If-Match": 'W/"1"'})).status_code == 422
