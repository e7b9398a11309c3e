"""Links to resume may be deleted, once they are over. Nothing is altered: privileges are no part of a revision, and upgrade.py
puts those of the release in place after the last one.
"""

revision = "0010_store"
down_revision = "0009_jobs"


def upgrade() -> None:
    """Only so that a database of before gets the privilege."""
