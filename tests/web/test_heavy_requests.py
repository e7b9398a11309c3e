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


@pytest.mark.parametrize("query", ["?encoding=undefined", "?encoding=utf-8%00", "?encoding=idna"])
async def test_an_encoding_that_is_none_is_named(survey: WebSurvey, query: str) -> None:
    sent = await survey.client.post(f"{survey.url}/runs/import{query}", content=b"email\nx\n", headers={"Content-Type": "text/csv"})
    assert (sent.status_code, sent.json()["code"]) == (422, "file-unreadable")
    assert "There is no encoding" in sent.json()["detail"]


async def test_a_charset_that_is_none_is_named(survey: WebSurvey) -> None:
    headers = {"Content-Type": "text/csv; charset=undefined"}
    sent = await survey.client.post(f"{survey.url}/runs/import", content=b"email\nx\n", headers=headers)
    assert (sent.status_code, sent.json()["code"]) == (422, "file-unreadable")
