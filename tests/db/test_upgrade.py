"""The schema: made by the real revisions, the same as tables.py says, checked, repaired, and safe to upgrade on a live system."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db_fixtures import Database
from tests.db_rows import NOW, add_world, fill_logs, new_id

from keepstep.db import upgrade as schema
from keepstep.db.audit import Event
from keepstep.db.engine import open_engine
from keepstep.db.erasure import Erasure, erase
from keepstep.db.tables import audit_events, metadata
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import Busy, GuardRefused
from keepstep.queries.integrity import guard_findings

REVISIONS = [script.revision for script in ScriptDirectory.from_config(schema._config()).walk_revisions()][::-1]


@pytest.fixture
async def login(database: Database) -> AsyncIterator[AsyncEngine]:
    """As the login that Keepstep is given: the owner of the database, no superuser."""
    engine = open_engine(database.url, role=None)
    yield engine
    await engine.dispose()


@pytest.fixture
async def empty(empty_database: Database) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(empty_database.url, role=None)
    yield engine
    await engine.dispose()


async def _run(engine: AsyncEngine, *statements: str) -> None:
    async with open_write(engine) as write:
        for statement in statements:
            await write.execute(text(statement))


async def _codes(engine: AsyncEngine) -> list[tuple[str, str]]:
    return [(issue.pointer, issue.code) for issue in await schema.check(engine)]


async def test_a_database_made_by_the_revisions_is_as_it_should_be(login: AsyncEngine) -> None:
    assert await schema.check(login) == ()
    assert await schema.current(login) == schema.head() == REVISIONS[-1]


async def test_an_empty_database_has_no_schema_and_says_so(empty: AsyncEngine) -> None:
    assert await schema.current(empty) is None
    assert await _codes(empty) == [("/schema", "schema-missing")]


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_released_schema_is_upgraded(empty: AsyncEngine, revision: str) -> None:
    assert await schema.upgrade(empty, to=revision) == revision
    assert await schema.upgrade(empty) == schema.head()
    assert await schema.check(empty) == ()


async def test_a_database_of_before_gets_the_guard_of_option_sets(empty: AsyncEngine, empty_database: Database) -> None:
    """Before, one could be added to a version that was published; afterwards nobody can."""
    forged = (
        "INSERT INTO version_option_sets SELECT version_id, gen_random_uuid(), step_id, 9, 'forged', '{}', '{}' FROM version_option_sets"
    )
    await schema.upgrade(empty, to="0002_signing_in")
    async with open_write(empty) as write:
        await add_world(write)
    superuser = open_engine(empty_database.superuser_url, role=None)
    await _run(superuser, forged.replace("9, 'forged'", "8, 'before'") + " LIMIT 1")
    await schema.upgrade(empty)
    assert await schema.check(empty) == ()
    with pytest.raises(GuardRefused, match="never gets another option set"):
        await _run(superuser, f"{forged} LIMIT 1")
    await superuser.dispose()


async def test_users_and_sessions_of_before_go_on_with_accounts(empty: AsyncEngine) -> None:
    """And the release before, which knows nothing of the new columns, still signs people in."""
    await schema.upgrade(empty, to="0002_signing_in")
    user = "INSERT INTO users (id, email, name, role, created_at) VALUES ('{}', '{}@example.org', 'Ada', 'admin', now())"
    session = "INSERT INTO sessions (digest, user_id, created_at, used_at, expires_at) VALUES (sha256('{}'), '{}', now(), now(), now())"
    ids = [new_id(), new_id()]
    await _run(empty, user.format(ids[0], "old"), session.format("old", ids[0]))
    await schema.upgrade(empty)
    await _run(empty, user.format(ids[1], "new"), session.format("new", ids[1]))
    async with open_read(empty) as read:
        rows = await read.rows(
            text("SELECT u.id::text, u.language, s.device FROM users u JOIN sessions s ON s.user_id = u.id ORDER BY u.email")
        )
    assert [tuple(row) for row in rows] == [(ids[1], None, ""), (ids[0], None, "")]


async def test_upgrading_what_is_there_already_changes_nothing_and_waits_for_nobody(login: AsyncEngine, engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        await add_world(write)
        assert await asyncio.wait_for(schema.upgrade(login), 5) == schema.head()


async def test_two_processes_that_upgrade_at_once_do_it_once(empty: AsyncEngine) -> None:
    assert set(await asyncio.gather(schema.upgrade(empty), schema.upgrade(empty))) == {schema.head()}
    assert await schema.check(empty) == ()


async def test_an_upgrade_that_fails_leaves_nothing_behind(empty: AsyncEngine) -> None:
    await _run(empty, "CREATE TABLE run_revisions (other int)")
    with pytest.raises(DBAPIError, match="already exists"):
        await schema.upgrade(empty)
    assert await schema.current(empty) is None
    async with open_read(empty) as read:
        assert await read.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")) == ["run_revisions"]


async def test_an_upgrade_that_does_not_get_its_lock_gives_up(login: AsyncEngine, superuser_engine: AsyncEngine) -> None:
    await _run(superuser_engine, "ALTER TABLE wizard_runs DISABLE TRIGGER keepstep_guard")
    async with open_write(superuser_engine) as write:
        await write.execute(text("LOCK TABLE wizard_runs IN ACCESS SHARE MODE"))
        with pytest.raises(Busy):
            await asyncio.wait_for(schema.repair(login, _event()), 15)


# --- tables.py and the revisions say the same -------------------------------------------------------------------------

COLUMNS = """
    SELECT table_name::text, column_name::text, udt_name::text, is_nullable::text, column_default::text
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ANY(:tables) ORDER BY 1, 2
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text = ANY(:tables) AND contype <> 't' ORDER BY 1, 2
"""
INDEXES = "SELECT tablename::text, indexdef::text FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(:tables) ORDER BY 1, 2"


async def _described(engine: AsyncEngine) -> list[Sequence[Any]]:
    async with open_read(engine) as read:
        names = {"tables": list(metadata.tables)}
        return [await read.rows(text(statement), names) for statement in (COLUMNS, CONSTRAINTS, INDEXES)]


async def test_the_revisions_make_the_tables_that_statements_are_written_against(login: AsyncEngine, empty: AsyncEngine) -> None:
    async with open_write(empty) as write:
        await write.synchronously(metadata.create_all)
    assert await _described(login) == await _described(empty)


async def test_every_key_on_runs_holds_the_runs_id_and_nothing_points_at_a_run_from_outside(login: AsyncEngine) -> None:
    """So that the same tables can lie on many nodes."""
    of_run = ("run_revisions", "erasures", "edits", "passages", "migration_items", "migration_resolutions")
    by_run = {"wizard_runs": "id", **dict.fromkeys(of_run, "run_id")}
    for name, column in by_run.items():
        for constraint in metadata.tables[name].constraints:
            if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
                assert column in constraint.columns, constraint.name
    keys = [key for table in metadata.sorted_tables for key in table.foreign_keys]
    assert {key.parent.table.name for key in keys if key.column.table.name in by_run} <= set(by_run)


# --- check and repair -------------------------------------------------------------------------------------------------

SABOTAGE = {
    "ALTER TABLE run_revisions DISABLE TRIGGER keepstep_guard": ("/tables/run_revisions/triggers/keepstep_guard", "guard-differs"),
    "ALTER TABLE run_revisions ENABLE TRIGGER keepstep_guard": ("/tables/run_revisions/triggers/keepstep_guard", "guard-differs"),
    "DROP TRIGGER keepstep_append_only ON nodes": ("/tables/nodes/triggers/keepstep_append_only", "guard-missing"),
    "CREATE OR REPLACE FUNCTION keepstep_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'": (
        "/functions/keepstep_refuse",
        "guard-differs",
    ),
    "ALTER FUNCTION keepstep_guard_run() RESET search_path": ("/functions/keepstep_guard_run", "guard-differs"),
    "DROP VIEW run_responses": ("/views/run_responses", "guard-missing"),
    "GRANT DELETE ON wizard_versions TO keepstep_app": ("/tables/wizard_versions", "privilege-differs"),
    "REVOKE INSERT ON wizard_runs FROM keepstep_app": ("/tables/wizard_runs", "privilege-differs"),
    "GRANT TRUNCATE ON files TO keepstep_eraser": ("/tables/files", "privilege-differs"),
    "ALTER TABLE wizard_runs OWNER TO keepstep": ("/roles", "owner-differs"),
    "ALTER FUNCTION erase_run OWNER TO keepstep_owner": ("/functions/erase_run", "owner-differs"),
}


def _event() -> Event:
    return Event(id=new_id(), at=NOW, actor=None, channel="cli", action="database.repaired", subject_kind="database", subject_id="database")


@pytest.mark.parametrize("statement", SABOTAGE)
async def test_what_was_tampered_with_is_found_and_repaired(login: AsyncEngine, superuser_engine: AsyncEngine, statement: str) -> None:
    await _run(superuser_engine, statement)
    assert SABOTAGE[statement] in await _codes(login)
    # Starting does not put it right in passing: then nobody would hear of it.
    await schema.upgrade(login)
    assert SABOTAGE[statement] in await _codes(login)
    found = await schema.repair(login, _event())
    assert await schema.check(login) == ()
    assert SABOTAGE[statement] in {(issue.pointer, issue.code) for issue in found}
    async with open_read(login) as read:
        events = await read.rows(select(audit_events).where(audit_events.c.action == "database.repaired"))
    assert [event.details for event in events] == [{"found": [issue.pointer for issue in found]}]


async def test_a_repair_without_anything_to_mend_leaves_no_event(login: AsyncEngine) -> None:
    assert await schema.repair(login, _event()) == ()
    async with open_read(login) as read:
        assert await read.rows(select(audit_events).where(audit_events.c.action == "database.repaired")) == []


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("ALTER TABLE wizard_runs DROP CONSTRAINT ck_wizard_runs_status", "check-missing"),
        ("ALTER TABLE wizard_runs DROP COLUMN respondent", "table-differs"),
        ("ALTER TABLE wizard_runs ALTER language DROP NOT NULL", "table-differs"),
        ("DROP INDEX ix_wizard_runs_origin_wizard_id_id", "table-differs"),
        ("ALTER TABLE wizard_runs DROP CONSTRAINT fk_wizard_runs_wizard_version_id", "table-differs"),
        ("ALTER TABLE wizard_runs ALTER save_number TYPE bigint", "table-differs"),
    ],
)
async def test_tables_that_were_altered_by_hand_are_reported(
    login: AsyncEngine, superuser_engine: AsyncEngine, statement: str, code: str
) -> None:
    await _run(superuser_engine, statement)
    assert code in {found for _, found in await _codes(login)}


async def test_tables_of_others_in_the_same_database_are_none_of_ours(login: AsyncEngine) -> None:
    await _run(login, "CREATE TABLE somebody_elses (id int PRIMARY KEY)")
    await schema.upgrade(login)
    assert await schema.check(login) == ()
    async with open_read(login) as read:
        assert await read.scalar(text("SELECT tableowner::text FROM pg_tables WHERE tablename = 'somebody_elses'")) == "keepstep"


# --- roles ------------------------------------------------------------------------------------------------------------


async def test_the_application_works_as_its_role_and_not_as_its_login(engine: AsyncEngine) -> None:
    async with open_read(engine) as read:
        row = await read.row(text("SELECT current_user::text AS current, session_user::text AS login, current_setting('TimeZone') AS zone"))
    assert tuple(row) == ("keepstep_app", "keepstep", "UTC")


async def test_after_an_upgrade_nobody_but_the_function_is_the_eraser(login: AsyncEngine) -> None:
    async with open_read(login) as read:
        assert await read.scalar(text("SELECT pg_has_role(session_user, 'keepstep_eraser', 'USAGE')")) is False
        assert await read.scalar(text("SELECT has_schema_privilege('keepstep_eraser', 'public', 'CREATE')")) is False


async def test_a_login_that_made_itself_the_eraser_is_named_and_loses_it_again(login: AsyncEngine) -> None:
    await _run(login, "GRANT keepstep_eraser TO keepstep")
    try:
        assert await _codes(login) == [("/roles/keepstep_eraser", "eraser-granted")]
        async with open_read(login) as read:
            assert [finding.code for finding in await guard_findings(read)] == ["guard"]
    finally:
        # Roles belong to the whole server, so to other tests as well.
        assert [issue.code for issue in await schema.repair(login, _event())] == ["eraser-granted"]
    assert await schema.check(login) == ()


async def test_what_somebody_else_granted_is_named_and_stops_no_upgrade(login: AsyncEngine, superuser: psycopg.Connection[Any]) -> None:
    superuser.execute("GRANT keepstep_eraser TO keepstep_app")
    try:
        assert ("/roles/keepstep_eraser", "eraser-granted") in await _codes(login)
        # From 16 on a login takes away only what it gave; that must not stop what else an upgrade does.
        await schema.repair(login, _event())
    finally:
        superuser.execute("REVOKE keepstep_eraser FROM keepstep_app")
    assert await schema.check(login) == ()


@pytest.fixture
async def lesser(database: Database, superuser: psycopg.Connection[Any]) -> AsyncIterator[AsyncEngine]:
    """A login that is a member of keepstep_app and of nothing else."""
    superuser.execute("CREATE ROLE lesser LOGIN IN ROLE keepstep_app")
    engine = open_engine(database.url.replace("//keepstep@", "//lesser@"), role=None)
    try:
        yield engine
    finally:
        await engine.dispose()
        superuser.execute("DROP ROLE lesser")


BEYOND = (
    "SET ROLE keepstep_owner",
    "SET ROLE keepstep_eraser",
    "GRANT keepstep_eraser TO lesser",
    "ALTER TABLE run_revisions DISABLE TRIGGER keepstep_guard",
    "ALTER TABLE run_revisions ALTER answers TYPE jsonb USING '{}'",
    "DROP TABLE version_option_sets",
    "CREATE TABLE mine (id int)",
)


async def test_a_login_that_is_the_application_alone_can_neither_rebuild_tables_nor_become_the_eraser(lesser: AsyncEngine) -> None:
    assert await schema.upgrade(lesser) == schema.head()
    assert await schema.check(lesser) == ()
    for statement in BEYOND:
        with pytest.raises(DBAPIError, match=r"must be owner|permission denied|must have admin option"):
            await _run(lesser, statement)
    async with open_write(lesser) as write:
        await add_world(write)


@pytest.fixture
async def powerless(empty_database: Database, superuser: psycopg.Connection[Any]) -> AsyncIterator[AsyncEngine]:
    """A login that owns its database and may neither create roles nor act as Keepstep's."""
    superuser.execute("CREATE ROLE powerless LOGIN")
    superuser.execute(f"ALTER DATABASE {empty_database.name} OWNER TO powerless")
    engine = open_engine(empty_database.url.replace("//keepstep@", "//powerless@"))
    try:
        yield engine
    finally:
        await engine.dispose()
        superuser.execute(f"ALTER DATABASE {empty_database.name} OWNER TO keepstep")
        with psycopg.connect(empty_database.superuser_url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY powerless CASCADE")
        superuser.execute("DROP ROLE powerless")


async def test_a_login_without_the_right_to_roles_gets_triggers_alone_and_check_says_so(template: str, powerless: AsyncEngine) -> None:
    assert await schema.upgrade(powerless) == schema.head()
    assert {code for _, code in await _codes(powerless)} == {"owner-differs", "privilege-differs"}
    async with open_write(powerless) as write:
        world = await add_world(write)
        await fill_logs(write, world)
    for statement in ("DELETE FROM run_revisions", "UPDATE run_revisions SET answers = '{}'", "TRUNCATE wizard_runs CASCADE"):
        with pytest.raises(GuardRefused):
            await _run(powerless, statement)
    async with open_write(powerless) as write:
        erasure = Erasure(run_id=world.completed, names=None, reason="r", actor=None, at=NOW, event_id=new_id(), channel="cli")
        assert (await erase(write, erasure)).revisions == (1,)


async def test_a_database_without_roles_is_handed_over_once_somebody_may(
    template: str, powerless: AsyncEngine, empty_database: Database
) -> None:
    await schema.upgrade(powerless)
    superuser = open_engine(empty_database.superuser_url, role=None)
    assert await schema.repair(superuser, _event())
    assert await schema.check(superuser) == ()
    await superuser.dispose()


async def test_a_session_of_before_was_last_used_when_it_was_opened(empty: AsyncEngine) -> None:
    await schema.upgrade(empty, to="0001_tables")
    user, opened = new_id(), NOW.isoformat()
    await _run(
        empty,
        f"INSERT INTO users (id, email, name, role, created_at) VALUES ('{user}', 'a@example.org', 'A', 'admin', '{opened}')",
        f"INSERT INTO sessions (digest, user_id, created_at, expires_at) VALUES (sha256('s'), '{user}', '{opened}', '{opened}')",
    )
    await schema.upgrade(empty)
    async with open_read(empty) as tx:
        assert (await tx.row(text("SELECT created_at, used_at FROM sessions"))) == (NOW, NOW)
