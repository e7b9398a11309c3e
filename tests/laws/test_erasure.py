"""Laws of erasure over a real database: no digest changes, whatever is erased in whatever order, and `verify` finds nothing."""

import random
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import ADMIN, Desk, Survey
from tests.tampering import tampered

from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.runs import complete_run, restore_revision, save_answers
from keepstep.db.tables import run_revisions
from keepstep.errors import AlreadyCompleted, AnswersInvalid, RequestInvalid, RevisionNotFound, RunErased
from keepstep.queries.integrity import verify
from keepstep.queries.runs import load_run

KEYS = ("full-name", "email", "favorite-color")
ACTS = 60
REFUSALS = (AlreadyCompleted, AnswersInvalid, RequestInvalid, RevisionNotFound, RunErased)


async def act(desk: Desk, survey: Survey, runs: list[str], chance: random.Random) -> None:
    """One thing that somebody may do to some run; what is refused changes nothing."""
    run = chance.choice(runs)
    state = await desk.read(load_run, run)
    key = chance.choice(KEYS)
    value = chance.choice(("blue", "red", None)) if key == "favorite-color" else chance.choice(("Ann", "Bob", None))
    what = chance.choice(("save", "save", "save", "complete", "restore", "erase", "erase whole", "start"))
    with suppress(*REFUSALS):
        match what:
            case "save":
                await desk.do(save_answers, run, {key: value}, state.etag)
            case "complete":
                await desk.do(complete_run, run, state.etag)
            case "restore":
                await desk.do(restore_revision, run, chance.randint(1, 3), state.etag)
            case "erase":
                await desk.as_(ADMIN).do(erase_run, run, ErasureRequest(reason="asked for", option_sets=[key]))
            case "erase whole":
                if chance.random() < 0.3:
                    await desk.as_(ADMIN).do(erase_run, run, ErasureRequest(reason="asked for"))
            case _:
                runs.append(await desk.run(survey.wizard, complete=chance.random() < 0.6, full_name="Ann", email="a@example.com"))


async def digests(desk: Desk) -> dict[tuple[str, int], bytes]:
    own = run_revisions.c

    async def read(tx: Any) -> Any:
        return await tx.rows(select(own.run_id, own.revision, own.content_digest))

    return {(row.run_id, row.revision): bytes(row.content_digest) for row in await desk.read(read)}


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_done_and_erased_the_digests_stay_and_verify_finds_nothing(engine: AsyncEngine, seed: int) -> None:
    desk, chance = Desk(engine), random.Random(seed)
    survey = await desk.survey()
    runs = [await desk.run(survey.wizard, full_name="Ann", email="a@example.com", favorite_color="blue") for _ in range(3)]
    seen = await digests(desk)
    for _ in range(ACTS):
        await act(desk, survey, runs, chance)
        now = await digests(desk)
        assert {place: now[place] for place in seen} == seen
        seen = now
    result = await desk.read(verify)
    assert (result.findings, result.runs, result.erased > 0) == ([], len(runs), True)


async def test_after_any_history_one_altered_answer_is_found(engine: AsyncEngine, superuser_engine: AsyncEngine) -> None:
    desk, chance = Desk(engine), random.Random(7)
    survey = await desk.survey()
    runs = [await desk.run(survey.wizard, full_name="Ann", email="a@example.com") for _ in range(3)]
    for _ in range(ACTS):
        await act(desk, survey, runs, chance)
    change = 'answers = (SELECT jsonb_object_agg(key, value || \'{"value": "X"}\') FROM jsonb_each(answers))'
    for run, revision in await digests(desk):
        where = f"WHERE run_id = '{run}' AND revision = {revision}"
        async with tampered(superuser_engine, f"UPDATE run_revisions SET {change} {where} AND answers <> '{{}}'", required=False) as tx:
            stored = await tx.scalar(
                select(run_revisions.c.answers).where(run_revisions.c.run_id == run, run_revisions.c.revision == revision)
            )
            found = {(finding.run_id, finding.revision) for finding in (await verify(tx)).findings}
        assert found == ({(run, revision)} if stored else set())
