"""Receipts of imported wizards are kept, so that they can be looked at after the import.

Guards, views and privileges are no part of a revision: upgrade.py puts them in place after the last one.
"""

from alembic import op

revision = "0005_import_receipts"
down_revision = "0004_accounts"

STEPS = (
    """
    CREATE TABLE import_receipts (
      id uuid NOT NULL,
      wizard_id uuid NOT NULL,
      at timestamptz NOT NULL,
      actor uuid,
      filename text NOT NULL,
      is_new boolean NOT NULL,
      edit text,
      receipt jsonb NOT NULL,
      CONSTRAINT pk_import_receipts PRIMARY KEY (id),
      CONSTRAINT fk_import_receipts_wizard_id FOREIGN KEY (wizard_id) REFERENCES wizards (id) ON DELETE CASCADE,
      CONSTRAINT ck_import_receipts_receipt CHECK (jsonb_typeof(receipt) = 'object')
    )
    """,
    "CREATE INDEX ix_import_receipts_wizard_id_at_id ON import_receipts (wizard_id, at, id)",
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
