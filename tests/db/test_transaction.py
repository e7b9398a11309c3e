"""The unit of work: stored whole or not at all, read-only where it says so, and refusals as Problems."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db_fixtures import Database
from tests.db_rows import NOW, Survey, add_run, add_survey, add_world, fill_logs, new_id, revision_row, run_row, version_row, wizard_row

from keepstep.db import tables
from keepstep.db.engine import Timeouts, open_engine
from keepstep.db.prepared import Prepared
from keepstep.db.transaction import UNIQUE, Read, Write, open_read, open_write, store_at_once
from keepstep.errors import (
    Busy,
    DatabaseUnavailable,
    EmailTaken,
    GuardRefused,
    IdConflict,
    IdTaken,
    KeyReserved,
    OptionValueReserved,
    Problem,
    SlugTaken,
    Stale,
)


async def _count(engine: AsyncEngine, table: str) -> int:
    async with open_read(engine) as read:
        return int(await read.scalar(text(f"SELECT count(*) FROM {table}")))


async def _add(engine: AsyncEngine, *rows: tuple[Any, dict[str, Any]]) -> None:
    async with open_write(engine) as write:
        for table, row in rows:
            await write.execute(insert(table).values(row))


async def _run(engine: AsyncEngine, *statements: str) -> None:
    async with open_write(engine) as write:
        for statement in statements:
            await write.execute(text(statement))


async def test_everything_is_stored_at_the_end_of_the_block(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        await add_survey(write)
        assert await _count(engine, "wizards") == 0
    assert await _count(engine, "wizards") == 1


async def test_nothing_is_stored_when_the_block_raises(engine: AsyncEngine) -> None:
    with pytest.raises(ZeroDivisionError):
        await _fail(engine)
    assert await _count(engine, "wizards") == 0


async def _fail(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        await add_survey(write)
        raise ZeroDivisionError


async def test_a_commit_that_fails_raises_and_stores_nothing(engine: AsyncEngine) -> None:
    """The chain of a run is checked at commit; whoever answers a request must hear of it."""
    async with open_write(engine) as write:
        survey = await add_survey(write)
    run = run_row(survey)
    with pytest.raises(GuardRefused, match=f"Run {run['id']} has no revision 1"):
        await _add(engine, (tables.wizard_runs, run))
    assert await _count(engine, "wizard_runs") == 0


def _stored_run(run: dict[str, Any]) -> Prepared:
    """Stores a run and gives its id."""
    table = tables.wizard_runs
    return Prepared.of(insert(table).values({name: bindparam(name, type_=table.c[name].type) for name in run}).returning(table.c.id))


async def test_a_statement_by_itself_is_stored_when_it_returns(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        survey = await add_survey(write)
    run = run_row(survey, status="in_progress", revision=0, working_answers={survey.email: {"value": EXACT}}, completed_at=None)
    stored = await store_at_once(engine, _stored_run(run), run)
    assert stored is not None
    assert str(stored["id"]) == run["id"]
    async with open_read(engine) as read:
        assert (await read.row(select(tables.wizard_runs))).working_answers == run["working_answers"]


async def test_a_statement_by_itself_that_fails_at_its_commit_raises_and_stores_nothing(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        survey = await add_survey(write)
    run = run_row(survey)
    with pytest.raises(GuardRefused, match=f"Run {run['id']} has no revision 1"):
        await store_at_once(engine, _stored_run(run), run)
    assert await _count(engine, "wizard_runs") == 0


async def test_a_statement_by_itself_names_what_a_refusal_means(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        survey = await add_survey(write)
        run = run_row(survey, id=await add_run(write, survey))
    with pytest.raises(IdConflict, match="a run with this id"):
        await store_at_once(engine, _stored_run(run), run, refused={UNIQUE: IdConflict("a run with this id")})


async def test_a_part_fails_alone(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        await add_survey(write, "first")
        with pytest.raises(SlugTaken):
            await _part(write)
        await add_survey(write, "second")
    assert await _count(engine, "wizards") == 2


async def _part(write: Write) -> None:
    async with write.part():
        await add_survey(write, "third")
        await add_survey(write, "first")


async def test_a_reader_cannot_write(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"):
        await _written_by_reader(engine)


async def _written_by_reader(engine: AsyncEngine) -> None:
    async with open_read(engine) as read:
        await read.rows(text("DELETE FROM sessions RETURNING digest"))


async def test_a_reader_sees_one_moment(engine: AsyncEngine) -> None:
    async with open_read(engine) as read:
        before = await read.scalar(text("SELECT count(*) FROM wizards"))
        async with open_write(engine) as write:
            await add_survey(write)
        assert await read.scalar(text("SELECT count(*) FROM wizards")) == before
    assert await _count(engine, "wizards") == before + 1


async def test_a_writer_comes_after_a_reader_on_the_same_connection(database: Database) -> None:
    engine = open_engine(database.url, pool_size=1)
    assert await _count(engine, "wizards") == 0
    async with open_write(engine) as write:
        await add_survey(write)
        assert await write.scalar(text("SELECT current_setting('transaction_isolation')")) == "read committed"
    assert await _count(engine, "wizards") == 1
    await engine.dispose()


async def test_the_ways_to_read(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        surveys = [await add_survey(write, f"survey-{number}") for number in range(3)]
    own = tables.wizards.c
    async with open_read(engine) as read:
        ordered = select(own.id, own.slug).order_by(own.slug)
        assert [row.id for row in await read.rows(ordered)] == [survey.wizard for survey in surveys]
        assert [row.slug async for row in read.stream(ordered, size=2)] == ["survey-0", "survey-1", "survey-2"]
        assert await read.scalars(select(own.slug).order_by(own.slug)) == ["survey-0", "survey-1", "survey-2"]
        assert (await read.row(ordered.where(own.slug == "survey-1"))).id == surveys[1].wizard
        assert await read.one_or_none(ordered.where(own.slug == "none")) is None
        assert await read.scalar(ordered.where(own.slug == "none")) is None


async def test_a_write_counts_the_rows_that_it_changes(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        for number in range(3):
            await add_survey(write, f"survey-{number}")
        assert await write.execute(update(tables.wizards).values(name="Other")) == 3
        assert await write.execute(update(tables.wizards).where(tables.wizards.c.slug == "none").values(name="Other")) == 0


EXACT = {"a": Decimal("0.1000000000000000000000000001"), "b": 12345678901234567890, "c": "ünï\n\t\\x", "d": [None, True, 1], "e": {}}


async def test_numbers_and_bits_come_back_exactly(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        survey = await add_survey(write)
        run = await add_run(write, survey, answers={survey.email: {"value": EXACT}}, asked="1011010")
    async with open_read(engine) as read:
        row = await read.row(select(tables.run_revisions))
    value = row.answers[survey.email]["value"]
    assert (value, type(value["a"]), type(value["b"])) == (EXACT, Decimal, int)
    assert (row.asked, type(row.asked), row.at, row.run_id) == ("1011010", str, NOW, run)


@pytest.mark.parametrize("asked", ["", "0", "1" * 4000])
async def test_any_number_of_bits_is_kept(engine: AsyncEngine, asked: str) -> None:
    async with open_write(engine) as write:
        await add_run(write, await add_survey(write), asked=asked)
    async with open_read(engine) as read:
        assert await read.scalar(select(tables.run_revisions.c.asked)) == asked


async def test_copy_stores_what_insert_stores(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        survey = await add_survey(write)
        runs = [run_row(survey, respondent=f"a\tb\\N\n{number}") for number in range(1_200)]
        revisions = [revision_row(survey, run["id"], answers={survey.email: {"value": EXACT}}) for run in runs]
        assert await write.copy(tables.wizard_runs, tuple(runs[0]), [tuple(run.values()) for run in runs]) == 1_200
        assert await write.copy(tables.run_revisions, tuple(revisions[0]), [tuple(row.values()) for row in revisions]) == 1_200
        await add_run(write, survey, answers={survey.email: {"value": EXACT}})
    async with open_read(engine) as read:
        own = tables.run_revisions.c
        kinds = select(own.answers, own.asked, own.salt, own.at, own.evaluated_zone).distinct()
        assert len(await read.rows(kinds)) == 1
        assert {run["respondent"] for run in runs} == set(await read.scalars(select(tables.wizard_runs.c.respondent))) - {None}


async def test_copy_alone_is_part_of_the_unit_of_work(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        survey = await add_survey(write)
    with pytest.raises(ZeroDivisionError):
        await _copy_and_fail(engine, survey)
    assert await _count(engine, "wizard_runs") == 0


async def _copy_and_fail(engine: AsyncEngine, survey: Survey) -> None:
    run = run_row(survey, status="in_progress", revision=0, working_answers={}, completed_at=None)
    async with open_write(engine) as write:
        await write.copy(tables.wizard_runs, tuple(run), [tuple(run.values())])
        raise ZeroDivisionError


async def test_a_refusal_by_constraint_is_the_problem_that_it_means(engine: AsyncEngine, superuser_engine: AsyncEngine) -> None:
    async with open_write(superuser_engine) as write:
        world = await add_world(write)
        await fill_logs(write, world)
    survey = world.survey
    user = {"id": new_id(), "email": "a@example.com", "name": "A", "role": "admin", "created_at": NOW}
    await _add(engine, (tables.users, user))
    edit = {"wizard_id": survey.wizard, "revision": 1, "kind": "edit", "name": "x", "edit": {}, "inverse": {}, "at": NOW}
    node = {"id": survey.email, "kind": "step", "origin_wizard_id": survey.wizard, "first_seen": NOW}
    twice: dict[type[Problem], tuple[Any, dict[str, Any]]] = {
        SlugTaken: (tables.wizards, wizard_row(new_id(), "survey")),
        IdConflict: (tables.wizards, wizard_row(survey.wizard, "other")),
        EmailTaken: (tables.users, user | {"id": new_id()}),
        IdTaken: (tables.nodes, node),
        OptionValueReserved: (tables.option_values, {"option_set_id": survey.email, "value": "a"}),
        KeyReserved: (tables.reserved_keys, {"origin_wizard_id": survey.wizard, "key": "email", "option_set_id": survey.email}),
    }
    for problem, row in twice.items():
        with pytest.raises(problem):
            await _add(engine, row)
    for row in ((tables.draft_edits, edit), (tables.wizard_versions, version_row(new_id(), survey.wizard, 1))):
        with pytest.raises(Stale):
            await _add(engine, row)


async def test_on_runs_the_caller_says_what_a_refusal_means(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        survey = await add_survey(write)
        run = await add_run(write, survey)
    refused = {UNIQUE: IdConflict("a run with this id")}
    with pytest.raises(IdConflict, match="a run with this id"):
        await _insert_refused(engine, run_row(survey, id=run), refused)
    with pytest.raises(IdConflict, match="a run with this id"):
        await _copy_refused(engine, run_row(survey, id=run), refused)


async def _insert_refused(engine: AsyncEngine, row: dict[str, Any], refused: Mapping[str, Problem]) -> None:
    async with open_write(engine) as write:
        await write.execute(insert(tables.wizard_runs).values(row), refused=refused)


async def _copy_refused(engine: AsyncEngine, row: dict[str, Any], refused: Mapping[str, Problem]) -> None:
    async with open_write(engine) as write:
        await write.copy(tables.wizard_runs, tuple(row), [tuple(row.values())], refused=refused)


async def test_a_lock_that_is_not_given_in_time_is_busy(database: Database) -> None:
    engine = open_engine(database.url, timeouts=Timeouts(lock=50))
    await _run(engine, "INSERT INTO users VALUES (gen_random_uuid(), 'a@b.c', 'A', 'admin', NULL, now())")
    async with open_write(engine) as write:
        await write.execute(text("UPDATE users SET name = 'B'"))
        with pytest.raises(Busy):
            await _run(engine, "UPDATE users SET name = 'C'")
    await engine.dispose()


async def test_a_statement_that_takes_too_long_is_busy(database: Database) -> None:
    engine = open_engine(database.url, timeouts=Timeouts(statement=50))
    with pytest.raises(Busy):
        await _run(engine, "SELECT pg_sleep(5)")
    await engine.dispose()


async def test_a_deadlock_is_busy_for_one_of_the_two(engine: AsyncEngine) -> None:
    insert_users = "INSERT INTO users SELECT gen_random_uuid(), e, 'A', 'admin', NULL, now() FROM unnest(ARRAY['a', 'b']) AS e"
    await _run(engine, insert_users)
    barrier = asyncio.Barrier(2)

    async def update_both(first: str, second: str) -> None:
        async with open_write(engine) as write:
            await write.execute(text("UPDATE users SET name = 'x' WHERE email = :email"), {"email": first})
            await barrier.wait()
            await write.execute(text("UPDATE users SET name = 'x' WHERE email = :email"), {"email": second})

    outcomes = await asyncio.gather(update_both("a", "b"), update_both("b", "a"), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Busy", "NoneType"]


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    engine = open_engine("postgresql://keepstep@/keepstep?host=/nonexistent")
    with pytest.raises(DatabaseUnavailable):
        await _count(engine, "wizards")
    nobody_listens = open_engine("postgresql://keepstep@127.0.0.1:1/keepstep")
    with pytest.raises(DatabaseUnavailable):
        await _count(nobody_listens, "wizards")


async def test_a_connection_that_the_server_ends_is_unavailable_once(engine: AsyncEngine, superuser_engine: AsyncEngine) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    with pytest.raises(DatabaseUnavailable):
        await _ended(engine, superuser_engine, end)
    assert await _count(engine, "wizards") == 0


async def test_a_connection_that_the_server_ended_costs_nobody_a_request(engine: AsyncEngine, superuser_engine: AsyncEngine) -> None:
    """A restart of the database between two requests: nothing is asked of it to find out, and nothing fails."""
    assert await _count(engine, "wizards") == 0
    end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    await _run(superuser_engine, end)
    await asyncio.sleep(0.05)
    assert await _count(engine, "wizards") == 0


async def _ended(engine: AsyncEngine, superuser_engine: AsyncEngine, end: str) -> None:
    async with open_write(engine) as write:
        await add_survey(write)
        await _run(superuser_engine, end)
        await add_survey(write, "other")


async def test_a_full_pool_is_busy(database: Database) -> None:
    engine = open_engine(database.url, pool_size=1)
    vars(engine.sync_engine.pool)["_timeout"] = 0.05
    async with open_read(engine) as first, open_read(engine) as second:
        assert isinstance(first, Read)
        assert isinstance(second, Read)
        with pytest.raises(Busy):
            await _count(engine, "wizards")
    await engine.dispose()


async def test_a_fault_of_the_program_is_no_problem(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError, match="does not exist"):
        await _count(engine, "nonsense")


async def test_no_parameter_reaches_an_error_message(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as caught:
        await _secret(engine)
    assert "my answer" not in str(caught.value)


async def _secret(engine: AsyncEngine) -> None:
    async with open_write(engine) as write:
        await write.execute(text("SELECT :given || nonsense"), {"given": "my answer"})
