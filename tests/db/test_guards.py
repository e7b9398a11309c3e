"""The database refuses, to the application, to the owner and to the superuser, what must never happen."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest
from sqlalchemy import Table, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db_fixtures import Database, Server, made_database, run_apart
from tests.db_rows import DIGEST, World, add_revision, add_world, fill_logs, new_id, revision_row, run_row, version_row, wizard_row

from keepstep.db import tables
from keepstep.db.engine import open_engine
from keepstep.db.guards import APPEND_ONLY, NEVER_TRUNCATED
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import GuardRefused

EVERYBODY = ("engine", "owner_engine", "superuser_engine")
# The application has no privilege for most of this, so it is refused one door earlier; a check may stand before a guard.
WORDS = "kept for ever|never changes|changes only by|permission denied|violates check constraint|has no revision"


@pytest.fixture(scope="module")
def database(database_server: Server, superuser: psycopg.Connection[Any], template: str) -> Iterator[Database]:
    """One for all: whatever is refused leaves nothing behind."""
    yield from made_database(database_server, superuser, template)


@pytest.fixture(scope="module")
def world(database: Database) -> World:
    return run_apart(_world(database.superuser_url))


async def _world(url: str) -> World:
    engine = open_engine(url, role=None)
    async with open_write(engine) as write:
        world = await add_world(write)
        await fill_logs(write, world)
    await engine.dispose()
    return world


@pytest.fixture(params=EVERYBODY)
def anybody(request: pytest.FixtureRequest, world: World) -> AsyncEngine:
    engine: AsyncEngine = request.getfixturevalue(request.param)
    return engine


def _refused() -> pytest.RaisesExc[GuardRefused | DBAPIError]:
    return pytest.raises((GuardRefused, DBAPIError), match=WORDS)


async def _run(engine: AsyncEngine, *statements: str, **parameters: Any) -> None:
    """The statements in one unit of work, each with those of the parameters that it names."""
    async with open_write(engine) as write:
        for statement in statements:
            await write.execute(text(statement), {name: value for name, value in parameters.items() if f":{name}" in statement})


async def _add(engine: AsyncEngine, table: Table, row: dict[str, Any]) -> None:
    async with open_write(engine) as write:
        await write.execute(insert(table).values(row))


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
async def test_logs_only_grow_whoever_asks(anybody: AsyncEngine, world: World, table: str, verb: str) -> None:
    column = next(iter(tables.metadata.tables[table].columns)).name
    statement = f"UPDATE {table} SET {column} = {column}" if verb == "UPDATE" else f"DELETE FROM {table}"
    with _refused():
        await _run(anybody, statement)


@pytest.mark.parametrize("table", NEVER_TRUNCATED)
async def test_nothing_kept_for_ever_is_truncated(anybody: AsyncEngine, table: str) -> None:
    with _refused():
        await _run(anybody, f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", ["wizard_versions", "wizard_runs", "run_revisions"])
async def test_versions_runs_and_revisions_are_never_deleted(anybody: AsyncEngine, table: str) -> None:
    with _refused():
        await _run(anybody, f"DELETE FROM {table}")


@pytest.mark.parametrize("table", ["wizard_versions", "wizard_runs", "run_revisions", *APPEND_ONLY])
async def test_replica_mode_switches_no_guard_off(superuser_engine: AsyncEngine, world: World, table: str) -> None:
    with pytest.raises(GuardRefused):
        await _run(superuser_engine, "SET LOCAL session_replication_role = replica", f"DELETE FROM {table}")


@pytest.mark.parametrize(
    "change",
    [
        "structure = '{\"a\": 1}'",
        "digest = sha256('x')",
        "version_number = 2",
        "created_at = now()",
        "wizard_id = wizard_id",
        "change_summary = 'x'",
    ],
)
async def test_a_published_version_never_changes(anybody: AsyncEngine, change: str) -> None:
    with _refused():
        await _run(anybody, f"UPDATE wizard_versions SET {change}")


@pytest.mark.parametrize(
    "change",
    ["answers = '{}'", "asked = B'11'", "salt = NULL, leaves = '{}'", "content_digest = sha256('x')", "at = now()", "cause = 'editor'"],
)
async def test_a_stored_revision_never_changes(anybody: AsyncEngine, change: str) -> None:
    with _refused():
        await _run(anybody, f"UPDATE run_revisions SET {change}")


async def test_not_even_the_eraser_role_changes_a_revision_without_a_tombstone(superuser_engine: AsyncEngine, world: World) -> None:
    with pytest.raises(GuardRefused, match="never changes"):
        await _run(
            superuser_engine, "SET LOCAL ROLE keepstep_eraser", "UPDATE run_revisions SET answers = '{}', salt = NULL, leaves = '{}'"
        )


@pytest.mark.parametrize(
    "change",
    [
        "status = 'in_progress', working_answers = '{}'",
        "language = 'de'",
        "respondent = 'somebody'",
        "completed_at = now()",
        "started_at = now()",
        "updated_at = now() + interval '1 hour'",
        "save_number = 7",
        "revision = 2",
        "revision = 3",
        "revision = 0, status = 'abandoned', working_answers = '{}'",
        "origin_wizard_id = gen_random_uuid(), wizard_id = NULL",
        "erased_at = now()",
        "request_digest = sha256('x')",
    ],
)
async def test_a_completed_run_changes_only_by_a_new_revision(anybody: AsyncEngine, world: World, change: str) -> None:
    with _refused():
        await _run(anybody, f"UPDATE wizard_runs SET {change} WHERE id = :run", run=world.completed)


@pytest.mark.parametrize(
    "values",
    [
        {"previous_digest": b"\x09" * 32},  # another chain
        {"status": "in_progress"},  # the run says completed
        {"language": "de"},  # the run says en
        {"revision": 3},  # a gap
    ],
)
async def test_a_revision_that_does_not_follow_is_refused_at_commit(engine: AsyncEngine, world: World, values: dict[str, Any]) -> None:
    with pytest.raises(GuardRefused):
        async with open_write(engine) as write:
            await add_revision(write, world.survey, world.completed, 2, **values)


async def test_a_head_of_another_version_than_the_runs_is_refused(engine: AsyncEngine, world: World) -> None:
    other = version_row(new_id(), world.survey.wizard, 2)
    row = revision_row(world.survey, world.completed, revision=2, previous_digest=DIGEST, wizard_version_id=other["id"])
    with pytest.raises(GuardRefused, match="has no revision 2 of its version"):
        await _moved(engine, world, other, row)


async def _moved(engine: AsyncEngine, world: World, version: dict[str, Any], revision: dict[str, Any]) -> None:
    async with open_write(engine) as write:
        await write.execute(insert(tables.wizard_versions).values(version))
        await write.execute(insert(tables.run_revisions).values(revision))
        await write.execute(text("UPDATE wizard_runs SET revision = 2 WHERE id = :run"), {"run": world.completed})


async def test_a_new_revision_does_not_change_the_respondent_of_a_completed_run(engine: AsyncEngine, world: World) -> None:
    row = revision_row(world.survey, world.completed, revision=2, previous_digest=DIGEST)
    with pytest.raises(GuardRefused, match="changes only by"):
        await _renamed(engine, world, row)


async def _renamed(engine: AsyncEngine, world: World, revision: dict[str, Any]) -> None:
    async with open_write(engine) as write:
        await write.execute(insert(tables.run_revisions).values(revision))
        await write.execute(text("UPDATE wizard_runs SET revision = 2, respondent = 'x' WHERE id = :run"), {"run": world.completed})


async def test_a_revision_without_its_run_moving_is_refused(engine: AsyncEngine, world: World) -> None:
    row = revision_row(world.survey, world.completed, revision=2, previous_digest=DIGEST)
    with pytest.raises(GuardRefused, match="does not follow"):
        await _add(engine, tables.run_revisions, row)


async def test_a_run_that_claims_a_revision_it_has_not_is_refused(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(GuardRefused, match="has no revision 1"):
        await _add(engine, tables.wizard_runs, run_row(world.survey))


@pytest.mark.parametrize(
    "change",
    [
        "working_answers = NULL",
        "status = 'completed', working_answers = NULL, completed_at = now()",
        "wizard_version_id = :other",
        "started_at = now()",
        "id = gen_random_uuid()",
        "revision = 2",
    ],
)
async def test_a_run_in_progress_keeps_its_version_and_its_working_copy(anybody: AsyncEngine, world: World, change: str) -> None:
    with _refused():
        await _run(anybody, f"UPDATE wizard_runs SET {change} WHERE id = :run", run=world.in_progress, other=new_id())


def _option_set_row(version: str) -> dict[str, Any]:
    ids = {"version_id": version, "option_set_id": new_id(), "step_id": new_id(), "position": 7, "key": "forged"}
    return ids | {"option_set_snapshot": {"name": "Forged"}, "step_snapshot": {}}


async def test_a_published_version_never_gets_another_option_set(anybody: AsyncEngine, world: World) -> None:
    with pytest.raises(GuardRefused, match="never gets another option set"):
        await _add(anybody, tables.version_option_sets, _option_set_row(world.survey.version))


async def test_nor_does_a_version_that_is_not_there(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(GuardRefused, match="never gets another option set"):
        await _add(engine, tables.version_option_sets, _option_set_row(new_id()))


@pytest.mark.parametrize("statement", ["UPDATE wizard_versions SET wizard_id = NULL", "DELETE FROM wizards"])
async def test_nor_one_whose_row_this_transaction_has_touched(owner_engine: AsyncEngine, world: World, statement: str) -> None:
    """Letting go of the wizard is the one change that a version admits; it is no way in."""
    with pytest.raises(GuardRefused, match="never gets another option set"):
        await _touched(owner_engine, statement, _option_set_row(world.survey.version))


async def _touched(engine: AsyncEngine, statement: str, row: dict[str, Any]) -> None:
    async with open_write(engine) as write:
        assert await write.execute(text(statement)) >= 1
        await write.execute(insert(tables.version_option_sets).values(row))


async def test_a_version_being_published_at_the_same_moment_gets_none_from_another_transaction(engine: AsyncEngine, world: World) -> None:
    version = version_row(new_id(), world.survey.wizard, 5)
    async with open_write(engine) as publishing, open_write(engine) as other:
        await other.scalar(text("SELECT pg_current_xact_id()"))
        await publishing.execute(insert(tables.wizard_versions).values(version))
        with pytest.raises(GuardRefused, match="never gets another option set"):
            await other.execute(insert(tables.version_option_sets).values(_option_set_row(version["id"])))


async def test_nor_when_it_was_published_after_the_other_transaction_began(engine: AsyncEngine, world: World) -> None:
    version = version_row(new_id(), world.survey.wizard, 6)
    async with open_write(engine) as other:
        await other.scalar(text("SELECT pg_current_xact_id()"))
        await _add(engine, tables.wizard_versions, version)
        with pytest.raises(GuardRefused, match="never gets another option set"):
            await other.execute(insert(tables.version_option_sets).values(_option_set_row(version["id"])))


@pytest.mark.parametrize("inside", ["version", "option set", "both"])
async def test_a_version_gets_its_option_sets_with_it_also_across_savepoints(engine: AsyncEngine, world: World, inside: str) -> None:
    version = version_row(new_id(), world.survey.wizard, 10 + len(inside))
    steps = {"version": insert(tables.wizard_versions).values(version)}
    steps["option set"] = insert(tables.version_option_sets).values(_option_set_row(version["id"]))
    async with open_write(engine) as write:
        for name, statement in steps.items():
            async with write.part() if inside in (name, "both") else nullcontext():
                await write.execute(statement)
    async with open_read(engine) as read:
        stored = text("SELECT key FROM version_option_sets WHERE version_id = :version")
        assert await read.scalars(stored, {"version": version["id"]}) == ["forged"]


async def test_the_application_cannot_delete_a_wizard(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        await _run(engine, "DELETE FROM wizards")


async def test_the_active_version_is_one_of_the_same_wizard(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(DBAPIError, match="fk_wizards_active_version_id"):
        await _add(engine, tables.wizards, wizard_row(new_id(), "other") | {"active_version_id": world.survey.version})


async def test_a_temporary_table_does_not_stand_in_for_a_real_one(engine: AsyncEngine, world: World) -> None:
    """The guards look at the stored revisions, whatever the session calls by the same name."""
    with pytest.raises(GuardRefused, match="has no revision 2"):
        await _run(
            engine,
            "CREATE TEMP TABLE run_revisions AS SELECT * FROM public.run_revisions",
            "UPDATE run_revisions SET revision = 2",
            "UPDATE public.wizard_runs SET revision = 2 WHERE id = :run",
            run=world.completed,
        )


async def test_a_plan_is_completed_until_it_is_approved_and_never_changed_after(anybody: AsyncEngine, world: World) -> None:
    for statement in ("UPDATE plans SET content = '{\"other\": 1}'", "UPDATE plans SET approved_at = NULL", "DELETE FROM plans"):
        with _refused():
            await _run(anybody, statement)
