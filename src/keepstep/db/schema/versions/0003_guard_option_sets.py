"""Option sets of a version only in the transaction that publishes it: a guard, so there is nothing to do to tables.

A database that is at the newest revision is left alone; this one makes upgrade.py look at the guards of those before it.
"""

revision = "0003_guard_option_sets"
down_revision = "0002_signing_in"


def upgrade() -> None:
    """Guards are put in place by upgrade.py, after the last revision."""
