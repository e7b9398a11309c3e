"""How the tables are laid out over a cluster. No cluster is at hand here: functions of its names write down what they are asked."""

import pytest
from sqlalchemy import text
from tests.db_fixtures import Database

from keepstep.db.distribute import BY_RUN, distribute
from keepstep.db.engine import open_engine
from keepstep.db.tables import metadata
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import Unsupported

CLUSTER = (
    "CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, place text, at serial)",
    """CREATE FUNCTION create_reference_table(t regclass) RETURNS void LANGUAGE sql
       AS $$ INSERT INTO pg_dist_partition (logicalrelid, place) VALUES (t, 'everywhere') $$""",
    """CREATE FUNCTION create_distributed_table(t regclass, by text, colocate_with text DEFAULT 'none') RETURNS void LANGUAGE sql
       AS $$ INSERT INTO pg_dist_partition (logicalrelid, place) VALUES (t, by || ' beside ' || colocate_with) $$""",
)


async def test_a_database_that_is_no_cluster_is_left_as_it_is(database: Database) -> None:
    engine = open_engine(database.url, role=None)
    with pytest.raises(Unsupported, match="CREATE EXTENSION citus"):
        await distribute(engine)
    await engine.dispose()


async def test_runs_are_laid_out_by_their_id_and_everything_else_everywhere_and_once(database: Database) -> None:
    engine = open_engine(database.superuser_url, role=None)
    async with open_write(engine) as write:
        for statement in CLUSTER:
            await write.execute(text(statement))
    made = await distribute(engine)
    assert set(made) == {table.name for table in metadata.sorted_tables}
    assert made[-len(BY_RUN) :] == tuple(BY_RUN)
    assert await distribute(engine) == ()
    async with open_read(engine) as read:
        rows = await read.rows(text("SELECT logicalrelid::text AS name, place FROM pg_dist_partition ORDER BY at"))
    places = {row.name: row.place for row in rows}
    assert [row.name for row in rows] == list(made)
    assert {places[name] for name in BY_RUN} == {"id beside none", "run_id beside wizard_runs"}
    assert {place for name, place in places.items() if name not in BY_RUN} == {"everywhere"}
    await engine.dispose()


def test_every_key_of_a_table_that_is_laid_out_by_run_includes_the_run() -> None:
    for name, column in BY_RUN.items():
        table = metadata.tables[name]
        unique = [index for index in table.indexes if index.unique]
        assert column in table.primary_key.columns
        assert all(column in index.columns for index in unique)
        for other in metadata.sorted_tables:
            pointing = [key for key in other.foreign_keys if key.column.table is table]
            assert not pointing or other.name in BY_RUN, f"{other.name} lies everywhere and points at {name}"
