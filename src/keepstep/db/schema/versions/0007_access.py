"""Invitations to begin a wizard once, and how often runs were begun from where.

Guards, views and privileges are no part of a revision: upgrade.py puts them in place after the last one.
"""

from alembic import op

revision = "0007_access"
down_revision = "0006_player"

STEPS = (
    """
    CREATE TABLE invitations (
      id uuid NOT NULL,
      wizard_id uuid NOT NULL,
      respondent text NOT NULL,
      respondent_key text NOT NULL,
      note text NOT NULL,
      digest bytea,
      created_at timestamptz NOT NULL,
      created_by uuid,
      linked_at timestamptz,
      used_at timestamptz,
      run_id uuid,
      revoked_at timestamptz,
      CONSTRAINT pk_invitations PRIMARY KEY (id),
      CONSTRAINT fk_invitations_wizard_id FOREIGN KEY (wizard_id) REFERENCES wizards (id) ON DELETE CASCADE,
      CONSTRAINT uq_invitations_digest UNIQUE (digest),
      CONSTRAINT uq_invitations_wizard_id_respondent_key UNIQUE (wizard_id, respondent_key),
      CONSTRAINT ck_invitations_digest CHECK (octet_length(digest) = 32),
      CONSTRAINT ck_invitations_linked_at CHECK ((digest IS NULL) = (linked_at IS NULL)),
      CONSTRAINT ck_invitations_run_id CHECK (run_id IS NULL OR used_at IS NOT NULL)
    )
    """,
    "CREATE INDEX ix_invitations_wizard_id_id ON invitations (wizard_id, id)",
    "CREATE INDEX ix_invitations_run_id ON invitations (run_id)",
    """
    CREATE TABLE start_tries (
      key bytea NOT NULL,
      since timestamptz NOT NULL,
      tries integer NOT NULL,
      CONSTRAINT pk_start_tries PRIMARY KEY (key),
      CONSTRAINT ck_start_tries_key CHECK (octet_length(key) = 32),
      CONSTRAINT ck_start_tries_tries CHECK (tries >= 1)
    )
    """,
    "CREATE INDEX ix_start_tries_since ON start_tries (since)",
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
