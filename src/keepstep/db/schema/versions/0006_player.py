"""Passages: how a respondent comes back to a run that they began in the player, on this device or another one.

Guards, views and privileges are no part of a revision: upgrade.py puts them in place after the last one.
"""

from alembic import op

revision = "0006_player"
down_revision = "0005_import_receipts"

STEPS = (
    """
    CREATE TABLE passages (
      run_id uuid NOT NULL,
      digest bytea NOT NULL,
      nonce bytea NOT NULL,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      forms jsonb NOT NULL,
      CONSTRAINT pk_passages PRIMARY KEY (run_id),
      CONSTRAINT fk_passages_run_id FOREIGN KEY (run_id) REFERENCES wizard_runs (id) ON DELETE RESTRICT,
      CONSTRAINT ck_passages_digest CHECK (octet_length(digest) = 32),
      CONSTRAINT ck_passages_nonce CHECK (octet_length(nonce) = 16),
      CONSTRAINT ck_passages_forms CHECK (jsonb_typeof(forms) = 'object')
    )
    """,
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
