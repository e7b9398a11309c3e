"""Requests that used to hold the whole server: each is refused at once, and never a 500."""

import time
from typing import Any

import httpx
import pytest
from tests.web_kit import WebSurvey, web_survey

AT_ONCE = 2.0
"""Seconds. Without its limit each of these took many times as long."""


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


async def refused(request: Any) -> tuple[int, str, list[Any]]:
    """Status, code and errors of the answer, which has to come at once."""
    started = time.process_time()
    answer = await request
    assert time.process_time() - started < AT_ONCE
    return answer.status_code, answer.json()["code"], answer.json().get("errors", [])


def huge(**members: Any) -> dict[str, Any]:
    return {"name": "x", "languages": ["en"], "default_language": "en", **members}


@pytest.mark.parametrize(
    ("structure", "code"),
    [
        (huge(steps=[{"name": "s"}] * 50_000), "too-many-steps"),
        (huge(steps=[{"name": "s", "option_sets": [{"selection_type": "email"}] * 25_000}]), "too-many-option-sets"),
        (huge(steps=[{"name": "s", "option_sets": [{"selection_type": "dropdown", "options": [{}] * 100_000}]}]), "too-many-options"),
    ],
)
async def test_a_huge_structure_is_refused_before_a_key_is_made(survey: WebSurvey, structure: Any, code: str) -> None:
    client = survey.client
    for request in (
        client.post("/api/v1/wizards", json={"structure": structure}),
        client.put(f"{survey.url}/draft", json={"structure": structure}, headers={"If-Match": "*"}),
    ):
        status, problem, errors = await refused(request)
        assert (status, problem, [error["code"] for error in errors]) == (422, "structure-invalid", [code])


async def test_a_huge_step_is_refused_as_well(survey: WebSurvey) -> None:
    step = {"wizard_id": survey.wizard, "name": "s", "option_sets": [{"selection_type": "email"}] * 25_000}
    status, code, _ = await refused(survey.client.post("/api/v1/steps", json=step, headers={"If-Match": "*"}))
    assert (status, code) == (422, "structure-invalid")


JSON = {"Content-Type": "application/json"}
NUMBERED = b",".join(b'"%d":1' % number for number in range(80_000))
HEAVY: dict[str, tuple[bytes, int, str]] = {
    "answers to nothing": (b'{"answers":{%s}}' % NUMBERED, 422, "request-invalid"),
    "members that there are none of": (b"{%s}" % NUMBERED, 422, "request-invalid"),
    "empty arrays": (b'{"answers":{"email":[%s1]}}' % (b"[]," * 310_000), 413, "too-large"),
    "one long array": (b'{"answers":{"email":[%s1]}}' % (b"1," * 400_000), 422, "answers-invalid"),
    "a choice of many things": (b'{"answers":{"favorite-color":[%s"x"]}}' % (b'"x",' * 9_999), 422, "answers-invalid"),
}


@pytest.mark.parametrize("what", HEAVY)
async def test_a_body_of_very_many_values_is_refused_at_once(survey: WebSurvey, what: str) -> None:
    body, status, code = HEAVY[what]
    found = await refused(survey.client.post(f"{survey.url}/runs", content=body, headers=JSON))
    assert found[:2] == (status, code)
    assert len(found[2]) <= 1


async def test_many_findings_are_told_in_part_with_the_number_of_the_rest(survey: WebSurvey) -> None:
    body = {"answers": {str(number): 1 for number in range(1_000)}}
    answer = (await survey.client.post(f"{survey.url}/runs", json=body)).json()
    assert (len(answer["errors"]), answer["more_errors"]) == (200, 800)
    assert "1000 answers do not fit" in answer["detail"]


async def test_filters_by_answer_are_counted(survey: WebSurvey) -> None:
    for count, status in ((20, 200), (21, 422)):
        query = "&".join(["answer[email]=a"] * count)
        assert (await survey.client.get(f"{survey.url}/runs?{query}")).status_code == status


async def test_more_values_than_any_question_has_options_are_one_finding(survey: WebSurvey) -> None:
    body = {"answers": {"email": [1] * 10_001}}
    errors = (await survey.client.post(f"{survey.url}/runs", json=body)).json()["errors"]
    assert [error["code"] for error in errors] == ["too-many-values"]


@pytest.mark.parametrize("body", [{"complete": 1}, {"complete": "yes"}, {"version_number": "1"}, {"version_number": True}, {"language": 1}])
async def test_what_is_no_boolean_number_or_text_is_not_taken_for_one(survey: WebSurvey, body: dict[str, Any]) -> None:
    answer = await survey.client.post(f"{survey.url}/runs", json=body)
    (member,) = body
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [f"/{member}"])


@pytest.mark.parametrize(
    ("encoding", "status"), [("gzip", 415), ("br", 415), ("gzip, identity", 415), ("identity", 201), ("Identity", 201)]
)
async def test_a_body_that_says_it_is_compressed_is_not_read(survey: WebSurvey, encoding: str, status: int) -> None:
    answer = await survey.client.post(f"{survey.url}/runs", content=b"{}", headers=JSON | {"Content-Encoding": encoding})
    assert answer.status_code == status
    table = {"Content-Type": "text/csv", "Content-Encoding": encoding}
    assert (await survey.client.post(f"{survey.url}/runs/import", content=b"email\nx\n", headers=table)).status_code == status


@pytest.mark.parametrize("query", ["?encoding=undefined", "?encoding=utf-8%00", "?encoding=idna"])
async def test_an_encoding_that_is_none_is_named(survey: WebSurvey, query: str) -> None:
    sent = await survey.client.post(f"{survey.url}/runs/import{query}", content=b"email\nx\n", headers={"Content-Type": "text/csv"})
    assert (sent.status_code, sent.json()["code"]) == (422, "file-unreadable")
    assert "There is no encoding" in sent.json()["detail"]


async def test_a_charset_that_is_none_is_named(survey: WebSurvey) -> None:
    headers = {"Content-Type": "text/csv; charset=undefined"}
    sent = await survey.client.post(f"{survey.url}/runs/import", content=b"email\nx\n", headers=headers)
    assert (sent.status_code, sent.json()["code"]) == (422, "file-unreadable")
