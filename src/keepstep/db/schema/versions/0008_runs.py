"""Saved views of the table of runs, and an index by which the trash of a wizard is found among its runs.

Guards, views and privileges are no part of a revision: upgrade.py puts them in place after the last one.
"""

from alembic import op

revision = "0008_runs"
down_revision = "0007_access"

STEPS = (
    """
    CREATE TABLE run_views (
      id uuid NOT NULL,
      wizard_id uuid NOT NULL,
      name text NOT NULL,
      query jsonb NOT NULL,
      created_by uuid,
      created_at timestamptz NOT NULL,
      CONSTRAINT pk_run_views PRIMARY KEY (id),
      CONSTRAINT fk_run_views_wizard_id FOREIGN KEY (wizard_id) REFERENCES wizards (id) ON DELETE CASCADE,
      CONSTRAINT ck_run_views_query CHECK (jsonb_typeof(query) = 'object')
    )
    """,
    "CREATE INDEX ix_run_views_wizard_id_name ON run_views (wizard_id, name)",
    "CREATE INDEX ix_wizard_runs_trashed ON wizard_runs (origin_wizard_id, updated_at, id) WHERE trashed_at IS NOT NULL",
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
