"""Runs in progress at a publish: which plan a version was published with, and which version a respondent declined."""

from alembic import op

revision = "0012_policies"
down_revision = "0011_migration"

STEPS = (
    "ALTER TABLE plans ADD COLUMN policy text",
    "ALTER TABLE plans ADD CONSTRAINT ck_plans_policy CHECK (policy IN ('offer', 'migrate'))",
    "CREATE UNIQUE INDEX uq_plans_target_id_policy ON plans (target_id) WHERE policy IS NOT NULL",
    "ALTER TABLE passages ADD COLUMN declined_version_id uuid",
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
