"""Moving runs between versions: plans, jobs with the ranges that workers claim, what became of runs, and the proofs that jobs leave.

Besides the new tables one index, by which a job finds the revisions that it wrote; no revision has a job yet.
"""

from alembic import op

revision = "0011_migration"
down_revision = "0010_store"

STEPS = (
    """
    CREATE TABLE plans (
      id uuid NOT NULL,
      origin_wizard_id uuid NOT NULL,
      target_id uuid NOT NULL,
      content jsonb NOT NULL,
      digest bytea NOT NULL,
      revision integer NOT NULL,
      created_at timestamptz NOT NULL,
      created_by uuid,
      updated_at timestamptz NOT NULL,
      approved_at timestamptz,
      approved_by uuid,
      CONSTRAINT pk_plans PRIMARY KEY (id),
      CONSTRAINT ck_plans_content CHECK (jsonb_typeof(content) = 'object'),
      CONSTRAINT ck_plans_digest CHECK (octet_length(digest) = 32),
      CONSTRAINT ck_plans_revision CHECK (revision >= 1),
      CONSTRAINT fk_plans_target_id FOREIGN KEY (target_id) REFERENCES wizard_versions (id) ON DELETE RESTRICT
    )
    """,
    "CREATE INDEX ix_plans_origin_wizard_id_id ON plans (origin_wizard_id, id)",
    """
    CREATE TABLE migration_jobs (
      id uuid NOT NULL,
      plan_id uuid NOT NULL,
      origin_wizard_id uuid NOT NULL,
      kind text NOT NULL,
      state text NOT NULL,
      plan_digest bytea NOT NULL,
      undoes uuid,
      preview_id uuid,
      continues uuid,
      scope jsonb NOT NULL,
      frozen_at timestamptz NOT NULL,
      created_at timestamptz NOT NULL,
      created_by uuid,
      started_at timestamptz,
      finished_at timestamptz,
      updated_at timestamptz NOT NULL,
      reason text,
      canary text NOT NULL,
      conflict_limit integer,
      expected jsonb NOT NULL,
      counts jsonb,
      CONSTRAINT pk_migration_jobs PRIMARY KEY (id),
      CONSTRAINT ck_migration_jobs_kind CHECK (kind IN ('preview', 'apply', 'undo')),
      CONSTRAINT ck_migration_jobs_state CHECK (
        state IN ('queued', 'running', 'paused', 'completed', 'completed_with_conflicts', 'failed',
        'cancelled', 'reverting', 'reverted')),
      CONSTRAINT ck_migration_jobs_canary CHECK (canary IN ('none', 'pending', 'verified')),
      CONSTRAINT ck_migration_jobs_undoes CHECK ((kind = 'undo') = (undoes IS NOT NULL)),
      CONSTRAINT ck_migration_jobs_plan_digest CHECK (octet_length(plan_digest) = 32),
      CONSTRAINT ck_migration_jobs_scope CHECK (jsonb_typeof(scope) = 'object'),
      CONSTRAINT ck_migration_jobs_expected CHECK (jsonb_typeof(expected) = 'object'),
      CONSTRAINT fk_migration_jobs_plan_id FOREIGN KEY (plan_id) REFERENCES plans (id) ON DELETE RESTRICT
    )
    """,
    "CREATE INDEX ix_migration_jobs_continues ON migration_jobs (continues)",
    "CREATE INDEX ix_migration_jobs_origin_wizard_id_id ON migration_jobs (origin_wizard_id, id)",
    "CREATE INDEX ix_migration_jobs_plan_id_id ON migration_jobs (plan_id, id)",
    "CREATE INDEX ix_migration_jobs_undoes ON migration_jobs (undoes)",
    """
    CREATE TABLE migration_chunks (
      job_id uuid NOT NULL,
      number integer NOT NULL,
      after uuid,
      upto uuid NOT NULL,
      runs integer NOT NULL,
      is_rest boolean NOT NULL,
      state text NOT NULL,
      worker text NOT NULL,
      lease_until timestamptz NOT NULL,
      tries integer NOT NULL,
      milliseconds integer,
      counts jsonb,
      CONSTRAINT pk_migration_chunks PRIMARY KEY (job_id, number),
      CONSTRAINT ck_migration_chunks_state CHECK (state IN ('claimed', 'done')),
      CONSTRAINT ck_migration_chunks_number CHECK (number >= 1),
      CONSTRAINT ck_migration_chunks_done CHECK ((state = 'done') = (counts IS NOT NULL)),
      CONSTRAINT fk_migration_chunks_job_id FOREIGN KEY (job_id) REFERENCES migration_jobs (id) ON DELETE RESTRICT
    )
    """,
    """
    CREATE TABLE migration_items (
      run_id uuid NOT NULL,
      job_id uuid NOT NULL,
      number integer NOT NULL,
      outcome text NOT NULL,
      option_set_id uuid,
      code text NOT NULL,
      revision integer NOT NULL,
      moved boolean NOT NULL,
      actor uuid,
      at timestamptz NOT NULL,
      CONSTRAINT pk_migration_items PRIMARY KEY (run_id, job_id, number),
      CONSTRAINT ck_migration_items_number CHECK (number >= 1),
      CONSTRAINT fk_migration_items_run_id FOREIGN KEY (run_id) REFERENCES wizard_runs (id) ON DELETE RESTRICT,
      CONSTRAINT fk_migration_items_job_id FOREIGN KEY (job_id) REFERENCES migration_jobs (id) ON DELETE RESTRICT
    )
    """,
    "CREATE INDEX ix_migration_items_job_id_run_id_number ON migration_items (job_id, run_id, number)",
    """
    CREATE TABLE migration_resolutions (
      run_id uuid NOT NULL,
      job_id uuid NOT NULL,
      option_set_id uuid NOT NULL,
      resolution text NOT NULL,
      envelope jsonb,
      actor uuid,
      at timestamptz NOT NULL,
      CONSTRAINT pk_migration_resolutions PRIMARY KEY (run_id, job_id, option_set_id),
      CONSTRAINT ck_migration_resolutions_envelope CHECK ((resolution = 'value') = (envelope IS NOT NULL)),
      CONSTRAINT fk_migration_resolutions_run_id FOREIGN KEY (run_id) REFERENCES wizard_runs (id) ON DELETE RESTRICT,
      CONSTRAINT fk_migration_resolutions_job_id FOREIGN KEY (job_id) REFERENCES migration_jobs (id) ON DELETE RESTRICT
    )
    """,
    """
    CREATE TABLE migration_manifests (
      job_id uuid NOT NULL,
      origin_wizard_id uuid NOT NULL,
      number integer NOT NULL,
      at timestamptz NOT NULL,
      record jsonb NOT NULL,
      digest bytea NOT NULL,
      previous_digest bytea,
      CONSTRAINT pk_migration_manifests PRIMARY KEY (job_id),
      CONSTRAINT uq_migration_manifests_origin_wizard_id_number UNIQUE (origin_wizard_id, number),
      CONSTRAINT ck_migration_manifests_chain CHECK ((number = 1) = (previous_digest IS NULL) AND number >= 1),
      CONSTRAINT ck_migration_manifests_record CHECK (jsonb_typeof(record) = 'object'),
      CONSTRAINT ck_migration_manifests_digest CHECK (octet_length(digest) = 32),
      CONSTRAINT ck_migration_manifests_previous_digest CHECK (octet_length(previous_digest) = 32),
      CONSTRAINT fk_migration_manifests_job_id FOREIGN KEY (job_id) REFERENCES migration_jobs (id) ON DELETE RESTRICT
    )
    """,
    "CREATE INDEX ix_run_revisions_job ON run_revisions (job_id, run_id) WHERE job_id IS NOT NULL",
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
