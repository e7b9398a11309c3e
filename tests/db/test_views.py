"""The view for SQL and BI tools: one row for each option set of the run's version, with its state and its own wording."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db_rows import NOW, World, add_revision, add_world, new_id, version_row

from keepstep.db import tables
from keepstep.db.erasure import Erasure, erase
from keepstep.db.transaction import open_read, open_write


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with open_write(engine) as write:
        return await add_world(write)


async def _responses(engine: AsyncEngine, run: str, *, view: str = "run_responses") -> list[Any]:
    async with open_read(engine) as read:
        statement = text(f"SELECT * FROM {view} WHERE run_id = :run ORDER BY revision, key").columns(
            option_set_id=tables.Id, response_value=tables.Json, option_set_snapshot=tables.Json, answered_at=tables.Moment
        )
        return list(await read.rows(statement, {"run": run}))


async def test_each_option_set_of_the_version_has_one_row_with_its_state(engine: AsyncEngine, world: World) -> None:
    color, email = await _responses(engine, world.completed)
    assert (email.key, email.state, email.asked, email.response_value) == ("email", "answered", True, {"value": "john@example.com"})
    assert (color.key, color.state, color.asked, color.response_value) == ("color", "not_asked", False, None)
    assert (email.option_set_snapshot, email.version_number) == ({"id": world.survey.email, "name": "Email"}, 1)
    assert (email.answered_at, color.answered_at) == (NOW, None)


@pytest.mark.parametrize(
    ("answers", "asked", "state"),
    [
        ({"value": None}, "10", "empty"),
        (None, "10", "empty"),
        ({"value": None}, "00", "not_asked"),
        (None, "00", "not_asked"),
        ({"value": False}, "00", "answered"),  # a stored value is never hidden
        ({"value": ""}, "10", "empty"),  # as everywhere else
        ({"value": None, "other": "teal"}, "10", "answered"),
    ],
)
async def test_state_speaks_of_the_value(engine: AsyncEngine, world: World, answers: Any, asked: str, state: str) -> None:
    stored = {} if answers is None else {world.survey.email: answers}
    async with open_write(engine) as write:
        await add_revision(write, world.survey, world.completed, 2, answers=stored, asked=asked)
    _, email = await _responses(engine, world.completed)
    assert (email.state, email.asked) == (state, asked == "10")


async def test_an_answer_keeps_the_time_at_which_it_was_given(engine: AsyncEngine, world: World) -> None:
    email, color = world.survey.email, world.survey.color
    later = [NOW + timedelta(days=days) for days in range(4)]
    async with open_write(engine) as write:
        both: dict[str, Any] = {email: {"value": "john@example.com"}, color: {"value": "red"}}
        await add_revision(write, world.survey, world.completed, 2, at=later[1], answers=both)
        await add_revision(write, world.survey, world.completed, 3, at=later[2], answers=both | {color: {"value": "blue"}})
        await add_revision(write, world.survey, world.completed, 4, at=later[3], answers=both | {color: {"value": "blue"}})
    times = [(row.key, row.answered_at) for row in await _responses(engine, world.completed)]
    assert times == [("color", later[2]), ("email", NOW)]


async def test_an_archived_answer_keeps_the_wording_of_its_version(engine: AsyncEngine, world: World) -> None:
    version = version_row(new_id(), world.survey.wizard, 2)
    archive = {world.survey.email: {"value": "john@example.com"}, "column 7": {"value": "x"}}
    async with open_write(engine) as write:
        await write.execute(insert(tables.wizard_versions).values(version))
        await add_revision(write, world.survey, world.completed, 2, answers={}, archive=archive, wizard_version_id=version["id"])
    column, email = await _responses(engine, world.completed)
    assert (email.key, email.state, email.option_set_snapshot["name"], email.version_number) == ("email", "archived", "Email", 2)
    assert (email.response_value, email.answered_at) == ({"value": "john@example.com"}, NOW)
    assert (column.key, column.option_set_id, column.state, column.option_set_snapshot) == ("column 7", None, "archived", None)


async def test_erased_answers_are_listed_as_erased(engine: AsyncEngine, world: World) -> None:
    erasure: dict[str, Any] = {"reason": "r", "actor": None, "at": NOW, "event_id": new_id(), "channel": "api"}
    async with open_write(engine) as write:
        await add_revision(write, world.survey, world.completed, 2, archive={"column 7": {"value": "x"}})
        await erase(write, Erasure(run_id=world.completed, names=None, **erasure))
    states = [(row.key, row.state) for row in await _responses(engine, world.completed)]
    assert states == [("color", "not_asked"), ("column 7", "erased"), ("email", "erased")]


async def test_every_revision_is_in_the_full_view_and_the_head_alone_in_the_other(engine: AsyncEngine, world: World) -> None:
    async with open_write(engine) as write:
        await add_revision(write, world.survey, world.completed, 2)
    assert {row.revision for row in await _responses(engine, world.completed)} == {2}
    assert {row.revision for row in await _responses(engine, world.completed, view="run_responses_all")} == {1, 2}


async def test_a_run_without_a_revision_has_no_rows(engine: AsyncEngine, world: World) -> None:
    assert await _responses(engine, world.in_progress) == []
