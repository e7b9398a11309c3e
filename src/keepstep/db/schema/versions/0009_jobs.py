"""Background jobs: the tables and functions of procrastinate, as the installed release has them, and an index for the daily work.

Its own migrations cannot be run in one transaction on every PostgreSQL, so it is its whole schema. A later revision that runs a
migration of the library must look first whether this one made what it brings; a test holds which migrations the schema has.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alembic import op

revision = "0009_jobs"
down_revision = "0008_runs"

DAILY = "CREATE INDEX ix_audit_events_daily ON audit_events (at, id) WHERE action = 'database.maintained'"


def upgrade() -> None:
    # Found without importing the library, which brings its own drivers along.
    package = find_spec("procrastinate")
    assert package is not None
    assert package.origin is not None
    statements = Path(package.origin).with_name("sql").joinpath("schema.sql").read_text(encoding="utf-8")
    # Many statements in one text, which only the driver's own call takes; it works in the transaction that is open.
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(statements))
    op.execute(DAILY)
