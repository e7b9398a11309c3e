"""Background jobs: the tables and functions of procrastinate, as its release 3.10.0 has them, and an index for the daily work.

Its SQL lies beside as a file and is never read from the library, or an update of that would change what this revision made.
"""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0009_jobs"
down_revision = "0008_runs"

LIBRARY = Path(__file__).parents[1] / "sql" / "procrastinate-3.10.0.sql"
DAILY = "CREATE INDEX ix_audit_events_daily ON audit_events (at, id) WHERE action = 'database.maintained'"


def upgrade() -> None:
    statements = LIBRARY.read_text(encoding="utf-8")
    # Many statements in one text, which only the driver's own call takes; it works in the transaction that is open.
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(statements))
    op.execute(DAILY)
