"""What our schema revisions make of the library's tables and functions is what the library that is installed expects."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from procrastinate.schema import SchemaManager
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

# Everything of a schema by its definition, its own name taken out.
MADE = text("""
  SELECT kind, replace(definition, CAST(:schema AS text) || '.', '') FROM (
    SELECT 'function' AS kind, pg_get_functiondef(oid) AS definition FROM pg_proc
      WHERE pronamespace = CAST(CAST(:schema AS text) AS regnamespace) AND starts_with(proname, 'procrastinate_')
    UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = CAST(:schema AS text) AND starts_with(tablename, 'procrastinate_')
    UNION ALL SELECT 'trigger', pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
      WHERE relnamespace = CAST(CAST(:schema AS text) AS regnamespace) AND starts_with(relname, 'procrastinate_') AND NOT tgisinternal
    UNION ALL SELECT 'constraint', relname || ' ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint
      JOIN pg_class ON pg_class.oid = conrelid
      WHERE relnamespace = CAST(CAST(:schema AS text) AS regnamespace) AND starts_with(relname, 'procrastinate_')
    UNION ALL SELECT 'column', concat_ws(' ', table_name, column_name, udt_name, column_default, is_nullable)
      FROM information_schema.columns WHERE table_schema = CAST(:schema AS text) AND starts_with(table_name, 'procrastinate_')
    UNION ALL SELECT 'value', typname || ' ' || enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid
      WHERE typnamespace = CAST(CAST(:schema AS text) AS regnamespace)
  ) AS found ORDER BY 1, 2
""")


async def made_in(connection: AsyncConnection, schema: str) -> Sequence[tuple[str, str]]:
    rows = await connection.execute(MADE, {"schema": schema})
    return [(kind, " ".join(definition.split())) for kind, definition in rows]


async def test_the_schema_that_the_revisions_make_is_the_one_that_the_library_expects(superuser_engine: AsyncEngine) -> None:
    async with superuser_engine.connect() as connection:
        ours = await made_in(connection, "public")
        await connection.execute(text("CREATE SCHEMA expected"))
        await connection.execute(text("SET LOCAL search_path TO expected"))
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute(SchemaManager.get_schema())
        assert await made_in(connection, "expected") == ours
        assert {kind for kind, _ in ours} == {"function", "index", "trigger", "constraint", "column", "value"}


def test_the_library_has_no_migration_that_no_revision_knows_of() -> None:
    # Another one: the library changed its schema. Write a revision that runs it where 0009_jobs has not made it, and name it here.
    last = max(path.name for path in Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    assert last == "03.04.00_50_post_add_retry_failed_job_procedure.sql"
