"""What the guards let through: saving, completing, a new revision, the trash, and a wizard that is gone."""

from typing import Any

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db_rows import DIGEST, NOW, World, add_revision, add_world, fill_logs, new_id, revision_row

from keepstep.db import tables
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import GuardRefused


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with open_write(engine) as write:
        return await add_world(write)


@pytest.fixture(params=["owner_engine", "superuser_engine"])
def privileged(request: pytest.FixtureRequest, world: World) -> AsyncEngine:
    engine: AsyncEngine = request.getfixturevalue(request.param)
    return engine


async def _run(engine: AsyncEngine, statement: str, **parameters: Any) -> int:
    async with open_write(engine) as write:
        return await write.execute(text(statement), parameters)


async def _add_file(engine: AsyncEngine, world: World, file: str, **values: Any) -> None:
    content = {"sha256": DIGEST, "size": 1, "media_type": "text/plain", "name": "cv.txt", "uploaded_at": NOW}
    async with open_write(engine) as write:
        await write.execute(insert(tables.files).values({"id": file, "wizard_id": world.survey.wizard} | content | values))


async def test_a_version_lets_go_of_its_wizard_and_of_nothing_else(privileged: AsyncEngine) -> None:
    with pytest.raises(GuardRefused):
        await _run(privileged, "UPDATE wizard_versions SET wizard_id = NULL, change_summary = 'x'")
    assert await _run(privileged, "UPDATE wizard_versions SET wizard_id = NULL") == 1
    with pytest.raises(GuardRefused):
        await _run(privileged, "UPDATE wizard_versions SET wizard_id = origin_wizard_id")


async def test_a_completed_run_goes_to_the_trash_and_back(engine: AsyncEngine, world: World) -> None:
    statement = "UPDATE wizard_runs SET trashed_at = CAST(:at AS timestamptz), updated_at = now() WHERE id = :run"
    assert await _run(engine, statement, run=world.completed, at=NOW) == 1
    assert await _run(engine, statement, run=world.completed, at=None) == 1


async def test_a_completed_run_moves_with_its_new_revision(engine: AsyncEngine, world: World) -> None:
    async with open_write(engine) as write:
        await add_revision(write, world.survey, world.completed, 2)
    async with open_read(engine) as read:
        assert await read.scalar(text("SELECT revision FROM wizard_runs WHERE id = :id"), {"id": world.completed}) == 2


async def test_a_run_in_progress_is_saved_freely(engine: AsyncEngine, world: World) -> None:
    statement = "UPDATE wizard_runs SET working_answers = '{\"a\": {}}', save_number = 1, language = 'de' WHERE id = :run"
    assert await _run(engine, statement, run=world.in_progress) == 1
    assert await _run(engine, "UPDATE wizard_runs SET status = 'abandoned' WHERE id = :run", run=world.in_progress) == 1
    assert await _run(engine, "UPDATE wizard_runs SET status = 'in_progress' WHERE id = :run", run=world.in_progress) == 1


async def test_completing_a_run_stores_its_first_revision(engine: AsyncEngine, world: World) -> None:
    values = {"status": "completed", "revision": 1, "working_answers": None, "completed_at": NOW, "updated_at": NOW}
    async with open_write(engine) as write:
        await write.execute(insert(tables.run_revisions).values(revision_row(world.survey, world.in_progress)))
        await write.execute(update(tables.wizard_runs).where(tables.wizard_runs.c.id == world.in_progress).values(values))


async def test_deleting_the_wizard_by_hand_leaves_versions_and_runs(privileged: AsyncEngine, world: World) -> None:
    async with open_write(privileged) as write:
        await fill_logs(write, world)
        assert await write.execute(text("DELETE FROM wizards")) == 1
    async with open_read(privileged) as read:
        left = await read.row(text("SELECT count(*), count(wizard_id), count(origin_wizard_id) FROM wizard_runs"))
        assert tuple(left) == (2, 0, 2)
        assert tuple(await read.row(text("SELECT count(*), count(wizard_id) FROM wizard_versions"))) == (1, 0)
        assert await read.scalar(text("SELECT count(*) FROM draft_edits")) == 1


async def test_a_removed_wizard_is_emptied_whole_or_not_at_all(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(DBAPIError, match="emptied_when_removed"):
        await _run(engine, "UPDATE wizards SET removed_at = now(), draft = NULL")
    assert await _run(engine, "UPDATE wizards SET removed_at = now(), draft = NULL, shelf = NULL, settings = NULL, slug = NULL") == 1


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("UPDATE files SET run_id = :run", True),
        ("UPDATE files SET name = 'other'", False),
        ("DELETE FROM files", True),
    ],
)
async def test_a_file_finds_its_run_and_keeps_everything_else(engine: AsyncEngine, world: World, statement: str, allowed: bool) -> None:
    await _add_file(engine, world, new_id())
    parameters = {"run": world.completed} if ":run" in statement else {}
    if allowed:
        assert await _run(engine, statement, **parameters) == 1
    else:
        with pytest.raises(GuardRefused):
            await _run(engine, statement, **parameters)


async def test_a_file_that_a_revision_names_stays(privileged: AsyncEngine, engine: AsyncEngine, world: World) -> None:
    file = new_id()
    await _add_file(engine, world, file, run_id=world.completed)
    async with open_write(engine) as write:
        answers = {world.survey.email: {"value": [{"file_id": file}]}}
        await add_revision(write, world.survey, world.completed, 2, answers=answers)
    for anybody in (engine, privileged):
        with pytest.raises(GuardRefused):
            await _run(anybody, "DELETE FROM files")
    with pytest.raises(GuardRefused):
        await _run(privileged, "UPDATE files SET run_id = :run", run=world.in_progress)
