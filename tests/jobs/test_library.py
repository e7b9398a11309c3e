"""The copy of the library's SQL that a schema revision runs is that of the library which is installed."""

from importlib.metadata import version
from pathlib import Path

from procrastinate.schema import SchemaManager

import keepstep.db

SQL = Path(keepstep.db.__path__[0]) / "schema" / "sql"


def test_the_schema_that_the_revision_makes_is_the_one_that_the_library_expects() -> None:
    [copy] = SQL.iterdir()
    # Where they differ, the library brought a migration of its own: write a revision that runs it, and name it here.
    assert copy.read_text(encoding="utf-8") == SchemaManager.get_schema()
    assert copy.name == f"procrastinate-{version('procrastinate')}.sql"
