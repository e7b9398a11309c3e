"""A plan that nobody approved can be discarded. Plans that are there are not."""

from alembic import op

revision = "0013_discarded_plans"
down_revision = "0012_policies"

STEPS = (
    "ALTER TABLE plans ADD COLUMN discarded_at timestamptz",
    "ALTER TABLE plans ADD COLUMN discarded_by uuid",
    "ALTER TABLE plans ADD CONSTRAINT ck_plans_discarded CHECK (discarded_at IS NULL OR approved_at IS NULL)",
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
