"""Signing in with a browser: when a session was last used, and how often signing in was tried.

Guards, views and privileges are no part of a revision: upgrade.py puts them in place after the last one.
"""

from alembic import op

revision = "0002_signing_in"
down_revision = "0001_tables"

STEPS = (
    "ALTER TABLE sessions ADD COLUMN used_at timestamptz",
    "UPDATE sessions SET used_at = created_at",
    "ALTER TABLE sessions ALTER COLUMN used_at SET NOT NULL",
    """
    CREATE TABLE sign_in_tries (
      key bytea NOT NULL,
      since timestamptz NOT NULL,
      tries integer NOT NULL,
      CONSTRAINT pk_sign_in_tries PRIMARY KEY (key),
      CONSTRAINT ck_sign_in_tries_key CHECK (octet_length(key) = 32),
      CONSTRAINT ck_sign_in_tries_tries CHECK (tries >= 1)
    )
    """,
    "CREATE INDEX ix_sign_in_tries_since ON sign_in_tries (since)",
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
