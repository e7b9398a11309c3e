"""A submission of a known wizard is one statement; nothing that a client sees tells it from the long way."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from tests.factories import JOHN, count_queries, customer_survey, new_id, published

from keepstep.actions.runs import RunRequest
from keepstep.actions.submit import submit_run
from keepstep.config import Resources
from keepstep.core.permissions import SYSTEM
from keepstep.db.tables import wizard_runs, wizard_versions, wizards
from keepstep.db.transaction import open_read, open_write
from keepstep.queries import versions

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]
# What differs between any two runs, however they were stored.
OWN = {"id", "digest", "started_at", "updated_at", "completed_at", "evaluated_at"}


@pytest.fixture
async def survey(resources: Resources) -> str:
    return await published(resources, customer_survey())


@pytest.fixture
async def editor(sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in("editor")


async def submitted(client: httpx.AsyncClient, wizard_ref: str, **body: Any) -> httpx.Response:
    return await client.post(f"/api/v1/wizards/{wizard_ref}/runs", json={"answers": JOHN, "complete": True} | body)


async def change(resources: Resources, wizard_id: str, **values: Any) -> None:
    async with open_write(resources.engine) as tx:
        await tx.execute(update(wizards).where(wizards.c.id == wizard_id).values(**values))


async def test_the_short_way_stores_and_answers_what_the_long_way_does(editor: httpx.AsyncClient, survey: str) -> None:
    long, short = [await submitted(editor, survey, respondent="John", language="en") for _ in range(2)]
    assert (long.status_code, short.status_code) == (201, 201)
    assert {name: value for name, value in long.json().items() if name not in OWN} == {
        name: value for name, value in short.json().items() if name not in OWN
    }
    first, second = [(await editor.get(answer.headers["Location"])).json() for answer in (long, short)]
    assert first["responses"] == second["responses"]
    assert short.headers["ETag"] == '"1.0"'


async def test_the_short_way_stores_the_same_columns(editor: httpx.AsyncClient, survey: str, resources: Resources) -> None:
    for _ in range(2):
        await submitted(editor, survey, id=new_id())
    async with open_read(resources.engine) as tx:
        long, short = [row._asdict() for row in await tx.rows(select(wizard_runs).order_by(wizard_runs.c.id))]
    assert {name for name in long if long[name] != short[name]} == {"id", "request_digest", *OWN & set(long)}


async def test_a_submission_of_a_known_wizard_needs_no_transaction_around_it(
    editor: httpx.AsyncClient, survey: str, resources: Resources
) -> None:
    await submitted(editor, survey)
    with count_queries(resources.engine) as queries:
        assert (await submitted(editor, survey)).status_code == 201
    assert queries == []


async def test_a_submission_after_a_publish_begins_on_the_new_version(editor: httpx.AsyncClient, survey: str, resources: Resources) -> None:
    await submitted(editor, survey)
    other = new_id()
    async with open_write(resources.engine) as tx:
        rows = await tx.rows(select(wizard_versions).where(wizard_versions.c.origin_wizard_id == survey))
        await tx.execute(wizard_versions.insert().values(rows[0]._asdict() | {"id": other, "version_number": 2}))
    await change(resources, survey, active_version_id=other)
    answer = await submitted(editor, survey)
    assert (answer.status_code, answer.json()["version"]["version_number"]) == (201, 2)


async def test_a_known_wizard_that_was_trashed_or_renamed_is_no_longer_there(
    editor: httpx.AsyncClient, survey: str, resources: Resources
) -> None:
    await change(resources, survey, slug="survey-one")
    assert (await submitted(editor, "survey-one")).status_code == 201
    await change(resources, survey, slug="survey-two")
    assert (await submitted(editor, "survey-one")).json()["code"] == "wizard-not-found"
    await submitted(editor, survey)
    await change(resources, survey, trashed_at=resources.now())
    assert (await submitted(editor, survey)).json()["code"] == "wizard-trashed"


async def test_a_slug_that_moved_to_another_wizard_means_that_one(editor: httpx.AsyncClient, survey: str, resources: Resources) -> None:
    other = await published(resources, customer_survey())
    await change(resources, survey, slug="here")
    await submitted(editor, "here")
    await change(resources, survey, slug="elsewhere")
    await change(resources, other, slug="here")
    assert (await submitted(editor, "here")).json()["wizard"]["id"] == other


async def test_a_version_that_is_no_longer_active_refuses_nothing(resources: Resources, survey: str) -> None:
    """Whatever is found on the way, the active version decides; so the short way never raises."""
    async with open_read(resources.engine) as tx:
        version = (await versions.versions_of(tx, survey))[0]
    versions.remember_active(survey, version.id)
    ctx = resources.context(SYSTEM)
    for request in (
        RunRequest(answers={"nickname": "J"}, complete=True),
        RunRequest(answers={}, complete=True),
        RunRequest(answers=JOHN),
        RunRequest(answers=JOHN, complete=True, version_number=1),
        RunRequest(answers=JOHN, complete=True, language="xx"),
    ):
        assert await submit_run(ctx, resources.engine, survey, request) is None
    async with open_read(resources.engine) as tx:
        assert await tx.rows(select(wizard_runs)) == []


async def test_who_may_not_submit_is_told_so_on_both_ways(sign_in: SignIn, editor: httpx.AsyncClient, survey: str) -> None:
    analyst = await sign_in("analyst")
    assert (await submitted(analyst, survey)).status_code == 403
    await submitted(editor, survey)
    assert (await submitted(analyst, survey)).json()["code"] == "forbidden"
