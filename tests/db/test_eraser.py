"""The guard behind the door of erasure: even the eraser takes away what a tombstone names, and nothing else."""

from typing import Any

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db_rows import DIGEST, NOW, World, add_revision, add_world, new_id, revision_row

from keepstep.db import tables
from keepstep.db.transaction import open_write
from keepstep.errors import GuardRefused

LEAF, OTHER_LEAF, OTHER = "ab" * 32, "cd" * 32, b"x" * 32
REVISIONS = tables.run_revisions


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """The head of the completed run has an e-mail address, a colour and an archived entry."""
    async with open_write(engine) as write:
        world = await add_world(write)
        row = revision_row(world.survey, world.completed, revision=2, previous_digest=DIGEST, archive={"notes": {"value": "tall"}})
        row["answers"] = _before(world)
        await write.execute(insert(REVISIONS).values(row))
        await write.execute(text("UPDATE wizard_runs SET revision = 2 WHERE id = :run"), {"run": world.completed})
        return world


def _before(world: World) -> dict[str, Any]:
    return {world.survey.email: {"value": "john@example.com"}, world.survey.color: {"value": 1}}


def _after(world: World) -> dict[str, Any]:
    return {world.survey.color: {"value": 1}}


async def _erased(engine: AsyncEngine, world: World, role: str, **changed: Any) -> None:
    """A tombstone that names the e-mail address, and what the role makes of the revision then."""
    gone = {"answers": {world.survey.email: LEAF}, "archive": {}}
    tombstone = {"run_id": world.completed, "number": 1, "leaves": {"2": gone}, "reason": "r", "at": NOW, "audit_event_id": new_id()}
    left = {"answers": _after(world), "salt": None, "leaves": gone | {"keys": {}}}
    async with open_write(engine) as write:
        await write.execute(text(f"SET LOCAL ROLE {role}"))
        await write.execute(insert(tables.erasures).values(tombstone | {"digest": DIGEST}))
        await write.execute(update(REVISIONS).where(REVISIONS.c.revision == 2).values(left | changed))


async def test_the_eraser_takes_away_what_the_tombstone_names(superuser_engine: AsyncEngine, world: World) -> None:
    await _erased(superuser_engine, world, "keepstep_eraser")


@pytest.mark.parametrize("role", ["keepstep_owner", "postgres"])
async def test_nobody_else_does(superuser_engine: AsyncEngine, world: World, role: str) -> None:
    with pytest.raises(GuardRefused, match="never changes"):
        await _erased(superuser_engine, world, role)


async def test_an_answer_that_stays_is_not_altered_not_even_in_its_notation(superuser_engine: AsyncEngine, world: World) -> None:
    with pytest.raises(GuardRefused):
        await _erased(superuser_engine, world, "keepstep_eraser", answers={world.survey.color: {"value": 2}})
    one_point_zero = text("""jsonb_build_object(CAST(:color AS text), '{"value"\\: 1.0}'::jsonb)""").bindparams(color=world.survey.color)
    with pytest.raises(GuardRefused):
        await _erased(superuser_engine, world, "keepstep_eraser", answers=one_point_zero)


async def test_nothing_is_added(superuser_engine: AsyncEngine, world: World) -> None:
    with pytest.raises(GuardRefused):
        await _erased(superuser_engine, world, "keepstep_eraser", answers=_after(world) | {new_id(): {"value": 1}})


async def test_what_is_named_goes_and_what_is_not_named_stays(superuser_engine: AsyncEngine, world: World) -> None:
    for answers in (_before(world), {}):
        with pytest.raises(GuardRefused):
            await _erased(superuser_engine, world, "keepstep_eraser", answers=answers)
    with pytest.raises(GuardRefused):
        await _erased(superuser_engine, world, "keepstep_eraser", archive={})


async def test_the_revision_keeps_the_leaves_that_the_tombstone_names(superuser_engine: AsyncEngine, world: World) -> None:
    for leaf in ({world.survey.email: OTHER_LEAF}, {}):
        with pytest.raises(GuardRefused):
            await _erased(superuser_engine, world, "keepstep_eraser", leaves={"answers": leaf, "archive": {}, "keys": {}})


async def test_the_rest_of_the_revision_stays(superuser_engine: AsyncEngine, world: World) -> None:
    changes: list[dict[str, Any]] = [
        {"asked": "11"},
        {"content_digest": b"x" * 32},
        {"actor": new_id()},
        {"salt": b"x" * 32, "leaves": None},
    ]
    for change in changes:
        with pytest.raises(GuardRefused):
            await _erased(superuser_engine, world, "keepstep_eraser", **change)


async def test_a_file_that_a_stored_answer_names_stays(superuser_engine: AsyncEngine, world: World) -> None:
    named = {world.survey.email: {"value": [{"file_id": (file := new_id())}]}}
    content = {"wizard_id": world.survey.wizard, "sha256": DIGEST, "size": 1, "media_type": "text/plain", "name": "a", "uploaded_at": NOW}
    async with open_write(superuser_engine) as write:
        await write.execute(insert(tables.files).values({"id": file, "run_id": world.completed} | content))
        await add_revision(write, world.survey, world.completed, 3, answers=named)
    with pytest.raises(GuardRefused, match="belongs to stored answers"):
        await _delete_files(superuser_engine)


async def _delete_files(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        await write.execute(text("SET LOCAL ROLE keepstep_eraser"))
        await write.execute(text("DELETE FROM files"))
