"""Erasure takes answers away for good, leaves a tombstone that still proves the rest, and is the only door."""

from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db_rows import DIGEST, NOW, SALT, World, add_revision, add_world, new_id

from keepstep.core import integrity
from keepstep.core.jsonvalue import dumps
from keepstep.db import tables
from keepstep.db.erasure import Erased, Erasure, erase, erasure_record
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import RunNotFound


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """The completed run has two revisions: an e-mail address, then also a colour and an archived entry."""
    async with open_write(engine) as write:
        world = await add_world(write)
        answers = {world.survey.email: {"value": "john@example.com"}, world.survey.color: {"value": "blue"}}
        await add_revision(write, world.survey, world.completed, 2, answers=answers, archive={"notes": {"value": "tall"}})
        return world


def _erasure(run: str, names: tuple[str, ...] | None = None) -> Erasure:
    return Erasure(run_id=run, names=names, reason="asked for", actor=new_id(), at=NOW, event_id=new_id(), channel="api")


async def _erase(engine: AsyncEngine, erasure: Erasure) -> Erased:
    async with open_write(engine) as write:
        return await erase(write, erasure)


async def _revisions(engine: AsyncEngine, run: str) -> list[Any]:
    async with open_read(engine) as read:
        own = tables.run_revisions
        return list(await read.rows(select(own).where(own.c.run_id == run).order_by(own.c.revision)))


def _before(world: World, number: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The leaves of a revision as its digest was taken over them."""
    answers: dict[str, Any] = {world.survey.email: {"value": "john@example.com"}}
    archive: dict[str, Any] = {}
    if number == 2:
        answers[world.survey.color] = {"value": "blue"}
        archive["notes"] = {"value": "tall"}
    return integrity.leaves_of(SALT, answers), integrity.leaves_of(SALT, archive)


def _now(row: Any) -> tuple[dict[str, bytes], dict[str, bytes]]:
    if row.leaves is None:
        return integrity.leaves_of(bytes(row.salt), row.answers), integrity.leaves_of(bytes(row.salt), row.archive)
    erased = integrity.Erased(row.leaves["answers"], row.leaves["archive"], row.leaves["keys"])
    return integrity.remaining_leaves(erased, row.answers, row.archive)


async def test_erasing_one_answer_takes_it_from_every_revision_and_proves_the_rest(engine: AsyncEngine, world: World) -> None:
    done = await _erase(engine, _erasure(world.completed, (world.survey.email,)))
    first, second = await _revisions(engine, world.completed)
    assert (done.number, done.revisions, done.answers) == (1, (1, 2), 2)
    assert first.answers == {}
    assert second.answers == {world.survey.color: {"value": "blue"}}
    assert first.salt is second.salt is None
    assert [_now(row) for row in (first, second)] == [_before(world, 1), _before(world, 2)]


async def test_a_revision_that_loses_nothing_keeps_its_salt(engine: AsyncEngine, world: World) -> None:
    done = await _erase(engine, _erasure(world.completed, (world.survey.color, "notes")))
    first, second = await _revisions(engine, world.completed)
    assert done.revisions == (2,)
    assert bytes(first.salt) == SALT
    assert second.archive == {}


async def test_answers_go_one_after_the_other_and_the_chain_of_tombstones_grows(engine: AsyncEngine, world: World) -> None:
    erasures = [_erasure(world.completed, (name,)) for name in (world.survey.email, "notes", world.survey.color)]
    for erasure in erasures:
        await _erase(engine, erasure)
    revisions = await _revisions(engine, world.completed)
    assert [_now(row) for row in revisions] == [_before(world, 1), _before(world, 2)]
    assert all(row.leaves["keys"] == {} for row in revisions)
    previous = None
    async with open_read(engine) as read:
        for number, row in enumerate(await read.rows(select(tables.erasures).order_by(tables.erasures.c.number)), 1):
            assert bytes(row.digest) == integrity.chained(previous, erasure_record(erasures[number - 1], number, row.leaves))
            assert row.previous_digest == previous
            previous = bytes(row.digest)


async def test_erasing_everything_leaves_digests_alone(engine: AsyncEngine, world: World) -> None:
    await _erase(engine, _erasure(world.completed))
    for number, row in enumerate(await _revisions(engine, world.completed), 1):
        assert (row.answers, row.archive, row.salt, row.leaves["keys"]) == ({}, {}, None, {})
        assert _now(row) == _before(world, number)
    async with open_read(engine) as read:
        run = await read.row(select(tables.wizard_runs).where(tables.wizard_runs.c.id == world.completed))
    assert (run.erased_at, run.respondent, run.status, run.revision) == (NOW, None, "completed", 2)


async def test_a_run_in_progress_loses_its_working_copy_and_its_respondent(engine: AsyncEngine, world: World) -> None:
    async with open_write(engine) as write:
        own = update(tables.wizard_runs).where(tables.wizard_runs.c.id == world.in_progress)
        await write.execute(own.values(working_answers={world.survey.email: {"value": "a"}, world.survey.color: {"value": "b"}}))
    await _erase(engine, _erasure(world.in_progress, (world.survey.email,)))
    async with open_read(engine) as read:
        run = await read.row(select(tables.wizard_runs).where(tables.wizard_runs.c.id == world.in_progress))
    assert (run.working_answers, run.respondent, run.save_number) == ({world.survey.color: {"value": "b"}}, "john", 1)
    await _erase(engine, _erasure(world.in_progress))
    async with open_read(engine) as read:
        run = await read.row(select(tables.wizard_runs).where(tables.wizard_runs.c.id == world.in_progress))
    assert (run.working_answers, run.respondent, run.save_number) == ({}, None, 2)


async def test_the_audit_event_names_what_went_and_no_answer(engine: AsyncEngine, world: World) -> None:
    erasure = _erasure(world.completed, (world.survey.email,))
    await _erase(engine, erasure)
    async with open_read(engine) as read:
        event = await read.row(select(tables.audit_events))
    assert (event.id, event.action, event.actor, event.run_id) == (erasure.event_id, "run.erased", erasure.actor, world.completed)
    assert event.details == {"number": 1, "option_sets": 1, "revisions": [1, 2], "answers": 2, "files": 0}


async def test_files_go_with_the_answers_that_named_them(engine: AsyncEngine, world: World) -> None:
    named, kept = new_id(), new_id()
    content = {"wizard_id": world.survey.wizard, "sha256": DIGEST, "size": 1, "media_type": "a/b", "name": "cv", "uploaded_at": NOW}
    async with open_write(engine) as write:
        for file in (named, kept):
            await write.execute(insert(tables.files).values({"id": file, "run_id": world.completed} | content))
        answers = {world.survey.email: {"value": [{"file_id": named}]}, world.survey.color: {"value": [{"file_id": kept}]}}
        await add_revision(write, world.survey, world.completed, 3, answers=answers)
    done = await _erase(engine, _erasure(world.completed, (world.survey.email,)))
    assert dict(done.files) == {named: DIGEST.hex()}
    assert dict((await _erase(engine, _erasure(world.completed))).files) == {kept: DIGEST.hex()}


async def test_open_edits_lose_what_is_erased(engine: AsyncEngine, world: World) -> None:
    answers = {world.survey.email: {"value": "new@example.com"}, world.survey.color: {"value": "red"}}
    edit = {"run_id": world.completed, "id": new_id(), "actor": new_id(), "base_revision": 2, "created_at": NOW, "updated_at": NOW}
    async with open_write(engine) as write:
        await write.execute(insert(tables.edits).values(edit | {"answers": answers}))
    await _erase(engine, _erasure(world.completed, (world.survey.email,)))
    async with open_read(engine) as read:
        assert await read.scalars(select(tables.edits.c.answers)) == [{world.survey.color: {"value": "red"}}]
    await _erase(engine, _erasure(world.completed))
    async with open_read(engine) as read:
        assert await read.scalars(select(tables.edits.c.id)) == []


async def test_the_run_can_be_edited_on_after_a_part_of_it_was_erased(engine: AsyncEngine, world: World) -> None:
    await _erase(engine, _erasure(world.completed, (world.survey.email,)))
    async with open_write(engine) as write:
        await add_revision(write, world.survey, world.completed, 3, answers={})


async def test_a_run_that_is_not_there_is_said_so(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(RunNotFound):
        await _erase(engine, _erasure(new_id()))


LEAF = "ab" * 32


@pytest.mark.parametrize(
    "leaves",
    [
        {},  # nothing stays of what goes
        {"1": {"answers": {}, "archive": {}, "keys": {}}, "2": {"answers": {}, "archive": {}, "keys": {}}},
        {"1": {"answers": {"EMAIL": "short"}, "archive": {}, "keys": {}}},  # no digest
        {"1": {"answers": {}, "archive": {}, "keys": {}}, "2": "REST"},  # no digest of what goes
        # No keys for what remains.
        {"1": {"answers": {"EMAIL": LEAF}, "archive": {}, "keys": {}}, "2": {"answers": {"EMAIL": LEAF}, "archive": {}, "keys": {}}},
        {"1": {"answers": {"EMAIL": LEAF}, "archive": {}, "keys": {}}, "2": "REST", "3": "REST"},  # a revision that is not there
    ],
)
async def test_the_door_does_not_open_for_leaves_that_do_not_fit(engine: AsyncEngine, world: World, leaves: dict[str, Any]) -> None:
    rest = {"answers": {"EMAIL": LEAF}, "archive": {}, "keys": {"COLOR": LEAF, "notes": LEAF}}
    filled = str({number: rest if given == "REST" else given for number, given in leaves.items()})
    given = filled.replace("'", '"').replace("EMAIL", world.survey.email).replace("COLOR", world.survey.color)
    call = "SELECT erase_run(:run, ARRAY[:name], 'r', NULL, now(), gen_random_uuid(), 'api', CAST(:leaves AS jsonb), sha256('x'))"
    with pytest.raises(DBAPIError, match=r"do not fit|loses nothing"):
        await _call(engine, call, {"run": world.completed, "name": world.survey.email, "leaves": given})


async def test_a_second_erasure_does_not_alter_the_first_tombstone(engine: AsyncEngine, world: World) -> None:
    await _erase(engine, _erasure(world.completed, (world.survey.color,)))
    left = (await _revisions(engine, world.completed))[1].leaves
    keys = {world.survey.email: left["keys"][world.survey.email]}
    leaves = {"2": left | {"answers": left["answers"] | {world.survey.color: LEAF}, "keys": keys}}
    call = "SELECT erase_run(:run, ARRAY['notes'], 'r', NULL, now(), gen_random_uuid(), 'api', CAST(:leaves AS jsonb), sha256('x'))"
    with pytest.raises(DBAPIError, match="do not fit"):
        await _call(engine, call, {"run": world.completed, "leaves": dumps(leaves)})


async def _call(engine: AsyncEngine, statement: str, parameters: dict[str, Any]) -> None:
    async with open_write(engine) as write:
        await write.execute(text(statement), parameters)


async def test_only_the_application_may_open_the_door(engine: AsyncEngine, superuser_engine: AsyncEngine, world: World) -> None:
    await _call(superuser_engine, "CREATE ROLE stranger", {})
    try:
        with pytest.raises(DBAPIError, match="permission denied"):
            await _as_stranger(superuser_engine)
    finally:
        await _call(superuser_engine, "DROP ROLE stranger", {})


async def _as_stranger(superuser_engine: AsyncEngine) -> None:
    async with open_write(superuser_engine) as write:
        await write.execute(text("SET LOCAL ROLE stranger"))
        await write.execute(text("SELECT erase_run(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"))


async def test_erasure_and_its_tombstone_are_stored_together_or_not_at_all(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        await _erase_and_fail(engine, world)
    async with open_read(engine) as read:
        assert await read.scalars(select(tables.erasures.c.number)) == []
    assert [row.salt is not None for row in await _revisions(engine, world.completed)] == [True, True]


async def _erase_and_fail(engine: AsyncEngine, world: World) -> None:
    async with open_write(engine) as write:
        await erase(write, _erasure(world.completed))
        raise ZeroDivisionError
