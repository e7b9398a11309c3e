"""The database refuses, to the application, to the owner and to the superuser, what must never happen."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.db import tables
from keepstep.db.guards import APPEND_ONLY, NEVER_TRUNCATED
from keepstep.db.transaction import Write, open_read, open_write
from keepstep.errors import GuardRefused
from tests.db_rows import (
    DIGEST,
    NOW,
    Survey,
    add_revision,
    add_run,
    add_survey,
    new_id,
    revision_row,
    run_row,
    version_row,
    wizard_row,
)

EVERYBODY = ("engine", "owner_engine", "superuser_engine")
# The application has no privilege for most of this, so it is refused one door earlier.
REFUSALS = (GuardRefused, DBAPIError)


@dataclass(frozen=True)
class World:
    """A survey with one completed run and one in progress."""

    survey: Survey
    completed: str
    in_progress: str


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with open_write(engine) as write:
        survey = await add_survey(write)
        completed = await add_run(write, survey)
        run = run_row(survey, status="in_progress", revision=0, working_answers={}, completed_at=None, respondent="john")
        await write.execute(insert(tables.wizard_runs).values(run))
        await _fill_logs(write, survey, completed)
        return World(survey, completed, str(run["id"]))


async def _fill_logs(write: Write, survey: Survey, run: str) -> None:
    """One row in each table that only grows, so that a row-level guard has something to refuse."""
    edit = {"wizard_id": survey.wizard, "revision": 1, "kind": "edit", "name": "First", "edit": {}, "inverse": {}, "at": NOW}
    await write.execute(insert(tables.draft_edits).values(edit))
    node = {"id": survey.email, "kind": "option_set", "origin_wizard_id": survey.wizard, "first_seen": NOW}
    await write.execute(insert(tables.nodes).values(node))
    await write.execute(insert(tables.option_values).values(option_set_id=survey.email, value="a"))
    await write.execute(insert(tables.reserved_keys).values(origin_wizard_id=survey.wizard, key="email", option_set_id=survey.email))
    proof = {"id": new_id(), "at": NOW, "cause": "daily", "root": DIGEST, "counts": {}, "key_id": "k", "signature": b"s"}
    await write.execute(insert(tables.checkpoints).values(proof))
    event = {"id": new_id(), "at": NOW, "channel": "api", "action": "run.started", "subject_kind": "run", "run_id": run, "details": {}}
    await write.execute(insert(tables.audit_events).values(event))


@pytest.fixture(params=EVERYBODY)
def anybody(request: pytest.FixtureRequest, world: World) -> AsyncEngine:
    engine: AsyncEngine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture(params=EVERYBODY[1:])
def privileged(request: pytest.FixtureRequest, world: World) -> AsyncEngine:
    engine: AsyncEngine = request.getfixturevalue(request.param)
    return engine


async def _run(engine: AsyncEngine, statement: str, **parameters: Any) -> int:
    async with open_write(engine) as write:
        return await write.execute(text(statement), parameters)


async def _erasure(privileged: AsyncEngine, run: str) -> None:
    values = {"run_id": run, "number": 1, "leaves": {}, "reason": "r", "at": NOW, "audit_event_id": new_id(), "digest": DIGEST}
    async with open_write(privileged) as write:
        await write.execute(insert(tables.erasures).values(values))


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
async def test_logs_only_grow_whoever_asks(anybody: AsyncEngine, superuser_engine: AsyncEngine, world: World, table: str, verb: str) -> None:
    if table == "erasures":
        await _erasure(superuser_engine, world.completed)
    column = next(iter(tables.metadata.tables[table].columns)).name
    statement = f"UPDATE {table} SET {column} = {column}" if verb == "UPDATE" else f"DELETE FROM {table}"
    with pytest.raises(REFUSALS):
        await _run(anybody, statement)


@pytest.mark.parametrize("table", NEVER_TRUNCATED)
async def test_nothing_kept_for_ever_is_truncated(anybody: AsyncEngine, table: str) -> None:
    with pytest.raises(REFUSALS):
        await _run(anybody, f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", ["wizard_versions", "wizard_runs", "run_revisions"])
async def test_versions_runs_and_revisions_are_never_deleted(anybody: AsyncEngine, table: str) -> None:
    with pytest.raises(REFUSALS):
        await _run(anybody, f"DELETE FROM {table}")


@pytest.mark.parametrize("table", ["wizard_versions", "wizard_runs", "run_revisions", *APPEND_ONLY])
async def test_replica_mode_switches_no_guard_off(superuser_engine: AsyncEngine, world: World, table: str) -> None:
    await _erasure(superuser_engine, world.completed)
    with pytest.raises(GuardRefused):
        async with open_write(superuser_engine) as write:
            await write.execute(text("SET LOCAL session_replication_role = replica"))
            await write.execute(text(f"DELETE FROM {table}"))


@pytest.mark.parametrize(
    "change",
    ["structure = '{\"a\": 1}'", "digest = sha256('x')", "version_number = 2", "created_at = now()", "wizard_id = wizard_id", "change_summary = 'x'"],
)
async def test_a_published_version_never_changes(anybody: AsyncEngine, change: str) -> None:
    with pytest.raises(REFUSALS):
        await _run(anybody, f"UPDATE wizard_versions SET {change}")


async def test_a_version_lets_go_of_its_wizard_and_of_nothing_else(privileged: AsyncEngine) -> None:
    with pytest.raises(GuardRefused):
        await _run(privileged, "UPDATE wizard_versions SET wizard_id = NULL, change_summary = 'x'")
    assert await _run(privileged, "UPDATE wizard_versions SET wizard_id = NULL") == 1
    with pytest.raises(GuardRefused):
        await _run(privileged, "UPDATE wizard_versions SET wizard_id = origin_wizard_id")


@pytest.mark.parametrize(
    "change", ["answers = '{}'", "asked = B'11'", "salt = NULL, leaves = '{}'", "content_digest = sha256('x')", "at = now()", "cause = 'editor'"]
)
async def test_a_stored_revision_never_changes(anybody: AsyncEngine, change: str) -> None:
    with pytest.raises(REFUSALS):
        await _run(anybody, f"UPDATE run_revisions SET {change}")


async def test_not_even_the_eraser_role_changes_a_revision_without_a_tombstone(superuser_engine: AsyncEngine, world: World) -> None:
    with pytest.raises(GuardRefused, match="never changes"):
        async with open_write(superuser_engine) as write:
            await write.execute(text("SET LOCAL ROLE keepstep_eraser"))
            await write.execute(text("UPDATE run_revisions SET answers = '{}', salt = NULL, leaves = '{}'"))


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
    with pytest.raises(REFUSALS):
        await _run(anybody, f"UPDATE wizard_runs SET {change} WHERE id = :run", run=world.completed)


async def test_a_completed_run_goes_to_the_trash_and_back(anybody: AsyncEngine, world: World) -> None:
    statement = "UPDATE wizard_runs SET trashed_at = CAST(:at AS timestamptz), updated_at = now() WHERE id = :run"
    assert await _run(anybody, statement, run=world.completed, at=NOW) == 1
    assert await _run(anybody, statement, run=world.completed, at=None) == 1


async def test_a_completed_run_moves_with_its_new_revision(engine: AsyncEngine, world: World) -> None:
    async with open_write(engine) as write:
        await add_revision(write, world.survey, world.completed, 2)
    async with open_read(engine) as read:
        assert await read.scalar(text("SELECT revision FROM wizard_runs WHERE id = :id"), {"id": world.completed}) == 2


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


async def test_a_revision_without_its_run_moving_is_refused(engine: AsyncEngine, world: World) -> None:
    row = revision_row(world.survey, world.completed, revision=2, previous_digest=DIGEST)
    with pytest.raises(GuardRefused, match="does not follow"):
        async with open_write(engine) as write:
            await write.execute(insert(tables.run_revisions).values(row))


async def test_a_run_that_claims_a_revision_it_has_not_is_refused(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(GuardRefused, match="has no revision 1"):
        async with open_write(engine) as write:
            await write.execute(insert(tables.wizard_runs).values(run_row(world.survey)))


async def test_a_run_in_progress_is_saved_freely(engine: AsyncEngine, world: World) -> None:
    statement = "UPDATE wizard_runs SET working_answers = '{\"a\": {}}', save_number = 1, updated_at = now(), language = 'de' WHERE id = :run"
    assert await _run(engine, statement, run=world.in_progress) == 1
    assert await _run(engine, "UPDATE wizard_runs SET status = 'abandoned' WHERE id = :run", run=world.in_progress) == 1
    assert await _run(engine, "UPDATE wizard_runs SET status = 'in_progress' WHERE id = :run", run=world.in_progress) == 1


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
    other = version_row(new_id(), world.survey.wizard, 2)
    with pytest.raises(REFUSALS):
        async with open_write(anybody) as write:
            await write.execute(insert(tables.wizard_versions).values(other))
            parameters = {"run": world.in_progress} | ({"other": other["id"]} if ":other" in change else {})
            await write.execute(text(f"UPDATE wizard_runs SET {change} WHERE id = :run"), parameters)


async def test_completing_a_run_stores_its_first_revision(engine: AsyncEngine, world: World) -> None:
    values = {"status": "completed", "revision": 1, "working_answers": None, "completed_at": NOW, "updated_at": NOW}
    async with open_write(engine) as write:
        await write.execute(insert(tables.run_revisions).values(revision_row(world.survey, world.in_progress)))
        await write.execute(update(tables.wizard_runs).where(tables.wizard_runs.c.id == world.in_progress).values(values))


async def test_deleting_the_wizard_by_hand_leaves_versions_and_runs(privileged: AsyncEngine, world: World) -> None:
    assert await _run(privileged, "DELETE FROM wizards") == 1
    async with open_read(privileged) as read:
        left = await read.row(text("SELECT count(*), count(wizard_id), count(origin_wizard_id) FROM wizard_runs"))
        assert tuple(left) == (2, 0, 2)
        assert tuple(await read.row(text("SELECT count(*), count(wizard_id) FROM wizard_versions"))) == (1, 0)
        assert await read.scalar(text("SELECT count(*) FROM draft_edits")) == 1


async def test_the_application_cannot_delete_a_wizard(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        await _run(engine, "DELETE FROM wizards")


async def test_a_removed_wizard_is_emptied_whole_or_not_at_all(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(DBAPIError, match="emptied_when_removed"):
        await _run(engine, "UPDATE wizards SET removed_at = now(), draft = NULL")
    assert await _run(engine, "UPDATE wizards SET removed_at = now(), draft = NULL, shelf = NULL, settings = NULL, slug = NULL") == 1


async def test_the_active_version_is_one_of_the_same_wizard(engine: AsyncEngine, world: World) -> None:
    with pytest.raises(DBAPIError, match="fk_wizards_active_version_id"):
        async with open_write(engine) as write:
            other = wizard_row(new_id(), "other") | {"active_version_id": world.survey.version}
            await write.execute(insert(tables.wizards).values(other))


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


async def test_a_file_that_a_revision_names_stays(anybody: AsyncEngine, engine: AsyncEngine, world: World) -> None:
    file = new_id()
    await _add_file(engine, world, file, run_id=world.completed)
    async with open_write(engine) as write:
        answers = {world.survey.email: {"value": [{"file_id": file}]}}
        await add_revision(write, world.survey, world.completed, 2, answers=answers)
    with pytest.raises(GuardRefused):
        await _run(anybody, "DELETE FROM files")
    with pytest.raises(GuardRefused):
        await _run(anybody, "UPDATE files SET run_id = :run", run=world.in_progress)


async def _add_file(engine: AsyncEngine, world: World, file: str, **values: Any) -> None:
    content = {"sha256": DIGEST, "size": 1, "media_type": "text/plain", "name": "cv.txt", "uploaded_at": NOW}
    async with open_write(engine) as write:
        await write.execute(insert(tables.files).values({"id": file, "wizard_id": world.survey.wizard} | content | values))


async def test_a_temporary_table_does_not_stand_in_for_a_real_one(engine: AsyncEngine, world: World) -> None:
    """The guards look at the stored revisions, whatever the session calls by the same name."""
    with pytest.raises(GuardRefused, match="has no revision 2"):
        async with open_write(engine) as write:
            await write.execute(text("CREATE TEMP TABLE run_revisions AS SELECT * FROM public.run_revisions"))
            await write.execute(text("UPDATE run_revisions SET revision = 2"))
            await write.execute(text("UPDATE public.wizard_runs SET revision = 2 WHERE id = :run"), {"run": world.completed})
