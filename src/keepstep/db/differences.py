"""Whether the tables in the database are those of tables.py: columns, types, keys, indexes and checks.

Must not change anything.
"""

from collections.abc import Iterator
from typing import Any, Literal

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, text

from keepstep.core.issue import Issue, pointer
from keepstep.db.tables import metadata


def table_faults(connection: Connection) -> tuple[Issue, ...]:
    """Every difference. Tables of others in the same schema are none of ours."""
    context = MigrationContext.configure(connection, opts={"include_name": _is_ours})
    compared = (Issue("/tables", "table-differs", _sentence(difference)) for difference in _flat(compare_metadata(context, metadata)))
    return (*compared, *_check_faults(connection))


def _is_ours(name: str | None, kind: str, _parents: Any) -> Literal[True, False]:
    return kind != "table" or name in metadata.tables


def _flat(differences: Any) -> Iterator[Any]:
    """Alembic groups what belongs to one table into a list."""
    for difference in differences:
        if isinstance(difference, list):
            yield from _flat(difference)
        else:
            yield difference


def _sentence(difference: Any) -> str:
    return "To make it as this release expects: " + " ".join(str(part) for part in difference)


def _check_faults(connection: Connection) -> Iterator[Issue]:
    """Alembic does not look at checks."""
    statement = """
        SELECT conname::text FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace AND contype = 'c' AND convalidated
    """
    found = set(connection.scalars(text(statement)))
    for table in metadata.sorted_tables:
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint) and constraint.name not in found:
                yield Issue(pointer("tables", table.name), "check-missing", f"The check {constraint.name} is missing.")
