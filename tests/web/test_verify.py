"""GET /api/v1/verify: an admin learns, in pieces, what was altered."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.factories import JOHN, customer_survey, published
from tests.tampering import tamper

from keepstep.config import Resources

URL = "/api/v1/verify"


@pytest.fixture
async def runs(admin: httpx.AsyncClient, resources: Resources) -> list[str]:
    """Three runs, in the order of their ids."""
    wizard_id = await published(resources, customer_survey())
    made = [await admin.post(f"/api/v1/wizards/{wizard_id}/runs", json={"answers": JOHN, "complete": True}) for _ in range(3)]
    return [answer.json()["id"] for answer in made]


async def test_what_is_intact_is_said_with_counts(admin: httpx.AsyncClient, runs: list[str]) -> None:
    answer = await admin.get(URL)
    assert answer.status_code == 200
    assert answer.json() == {
        "intact": True,
        "versions": 1,
        "runs": 3,
        "revisions": 3,
        "erased": 0,
        "files": 0,
        "contents": None,
        "content_bytes": 0,
        "left_over": None,
        "altered": 0,
        "next": None,
        "findings": [],
    }


async def test_an_altered_run_is_named_and_no_answer_is(admin: httpx.AsyncClient, runs: list[str], superuser_engine: AsyncEngine) -> None:
    change = "answers = replace(answers::text, 'john@', 'kohn@')::jsonb"
    await tamper(superuser_engine, f"UPDATE run_revisions SET {change} WHERE run_id = :run", {"run": runs[1]})
    answer = await admin.get(URL)
    (finding,) = answer.json()["findings"]
    assert (finding["code"], finding["run_id"], finding["revision"]) == ("revision", runs[1], 1)
    assert "example.com" not in answer.text


async def test_runs_come_in_pieces(admin: httpx.AsyncClient, runs: list[str]) -> None:
    seen: list[Any] = []
    after: str | None = None
    while not seen or after:
        piece = (await admin.get(URL, params={"limit": 2} | ({"after": after} if after else {}))).json()
        seen.append(piece["runs"])
        after = piece["next"]
    assert seen == [2, 1]


async def test_one_wizard_can_be_asked_for(admin: httpx.AsyncClient, runs: list[str]) -> None:
    assert (await admin.get(URL, params={"wizard": "customer-survey"})).json()["runs"] == 3
    assert (await admin.get(URL, params={"wizard": "nothing"})).json()["code"] == "wizard-not-found"


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 10_001}, {"after": "x"}, {"limit": "many"}])
async def test_a_query_that_makes_no_sense_is_refused(admin: httpx.AsyncClient, query: dict[str, Any]) -> None:
    assert (await admin.get(URL, params=query)).status_code == 422


async def test_only_an_admin_may_ask(editor: httpx.AsyncClient, analyst: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    assert [(await client.get(URL)).status_code for client in (editor, analyst, anonymous)] == [403, 403, 401]
