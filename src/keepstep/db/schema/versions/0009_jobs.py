"""Background jobs: the tables and functions of procrastinate, by its own migrations up to one, and an index for the daily work.

Migrations once released are not changed by the library, and later ones are not run here, so this revision makes the same whatever
release is installed; a test compares it with what the installed one expects.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alembic import op

revision = "0009_jobs"
down_revision = "0008_runs"

LAST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
DAILY = "CREATE INDEX ix_audit_events_daily ON audit_events (at, id) WHERE action = 'database.maintained'"


def upgrade() -> None:
    # Found without importing the library, which brings its own drivers along.
    package = find_spec("procrastinate")
    assert package is not None
    assert package.origin is not None
    migrations = sorted(Path(package.origin).with_name("sql").joinpath("migrations").glob("*.sql"))
    statements = "\n".join(each.read_text(encoding="utf-8") for each in migrations if each.name <= LAST)
    # Many statements in one text, which only the driver's own call takes; it works in the transaction that is open.
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(statements))
    op.execute(DAILY)
