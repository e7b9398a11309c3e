"""The tables of the first release: wizards, versions, runs and their revisions, proof and people.

Guards, views and privileges are no part of a revision: upgrade.py puts them in place after the last one.
"""

from alembic import op

revision = "0001_tables"
down_revision = None

TABLES = """
CREATE TABLE wizards (
  id uuid NOT NULL,
  slug text,
  name text NOT NULL,
  draft jsonb,
  shelf jsonb,
  draft_revision bigint NOT NULL,
  active_version_id uuid,
  settings jsonb,
  created_at timestamptz NOT NULL,
  created_by uuid,
  updated_at timestamptz NOT NULL,
  trashed_at timestamptz,
  removed_at timestamptz,
  CONSTRAINT pk_wizards PRIMARY KEY (id),
  CONSTRAINT ck_wizards_emptied_when_removed
    CHECK (num_nonnulls(slug, draft, shelf, settings) = CASE WHEN removed_at IS NULL THEN 4 ELSE 0 END),
  CONSTRAINT ck_wizards_draft_revision CHECK (draft_revision >= 0),
  CONSTRAINT uq_wizards_slug UNIQUE (slug)
);

CREATE TABLE draft_edits (
  wizard_id uuid NOT NULL,
  revision bigint NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  edit jsonb NOT NULL,
  inverse jsonb NOT NULL,
  undoes bigint,
  actor uuid,
  at timestamptz NOT NULL,
  CONSTRAINT pk_draft_edits PRIMARY KEY (wizard_id, revision),
  CONSTRAINT ck_draft_edits_kind CHECK (kind IN ('edit', 'undo', 'redo')),
  CONSTRAINT ck_draft_edits_undoes CHECK ((kind = 'edit') = (undoes IS NULL))
);

CREATE TABLE wizard_versions (
  id uuid NOT NULL,
  origin_wizard_id uuid NOT NULL,
  wizard_id uuid,
  version_number integer NOT NULL,
  structure jsonb NOT NULL,
  digest bytea NOT NULL,
  change_summary text,
  changes jsonb NOT NULL,
  based_on integer,
  rolled_back_to integer,
  in_progress_policy text NOT NULL,
  created_at timestamptz NOT NULL,
  created_by uuid,
  CONSTRAINT pk_wizard_versions PRIMARY KEY (id),
  CONSTRAINT uq_wizard_versions_wizard_id_version_number UNIQUE (wizard_id, version_number),
  CONSTRAINT uq_wizard_versions_origin_wizard_id_version_number UNIQUE (origin_wizard_id, version_number),
  CONSTRAINT uq_wizard_versions_origin_wizard_id_id UNIQUE (origin_wizard_id, id),
  CONSTRAINT ck_wizard_versions_wizard_id CHECK (wizard_id = origin_wizard_id),
  CONSTRAINT ck_wizard_versions_version_number CHECK (version_number >= 1),
  CONSTRAINT ck_wizard_versions_in_progress_policy CHECK (in_progress_policy IN ('finish', 'offer', 'migrate')),
  CONSTRAINT ck_wizard_versions_structure CHECK (jsonb_typeof(structure) = 'object'),
  CONSTRAINT ck_wizard_versions_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT fk_wizard_versions_wizard_id FOREIGN KEY (wizard_id) REFERENCES wizards (id) ON DELETE SET NULL
);

CREATE TABLE version_option_sets (
  version_id uuid NOT NULL,
  option_set_id uuid NOT NULL,
  step_id uuid NOT NULL,
  position integer NOT NULL,
  key text NOT NULL,
  option_set_snapshot jsonb NOT NULL,
  step_snapshot jsonb NOT NULL,
  CONSTRAINT pk_version_option_sets PRIMARY KEY (version_id, option_set_id),
  CONSTRAINT uq_version_option_sets_version_id_position UNIQUE (version_id, position),
  CONSTRAINT uq_version_option_sets_version_id_key UNIQUE (version_id, key),
  CONSTRAINT ck_version_option_sets_position CHECK (position >= 0),
  CONSTRAINT fk_version_option_sets_version_id FOREIGN KEY (version_id) REFERENCES wizard_versions (id) ON DELETE RESTRICT
);
CREATE INDEX ix_version_option_sets_option_set_id ON version_option_sets (option_set_id);

CREATE TABLE nodes (
  id uuid NOT NULL,
  kind text NOT NULL,
  origin_wizard_id uuid NOT NULL,
  first_seen timestamptz NOT NULL,
  CONSTRAINT pk_nodes PRIMARY KEY (id),
  CONSTRAINT ck_nodes_kind CHECK (kind IN ('step', 'option_set'))
);
CREATE INDEX ix_nodes_origin_wizard_id ON nodes (origin_wizard_id);

CREATE TABLE option_values (
  option_set_id uuid NOT NULL,
  value text NOT NULL,
  CONSTRAINT pk_option_values PRIMARY KEY (option_set_id, value),
  CONSTRAINT fk_option_values_option_set_id FOREIGN KEY (option_set_id) REFERENCES nodes (id) ON DELETE RESTRICT
);

CREATE TABLE reserved_keys (
  origin_wizard_id uuid NOT NULL,
  key text NOT NULL,
  option_set_id uuid NOT NULL,
  CONSTRAINT pk_reserved_keys PRIMARY KEY (origin_wizard_id, key),
  CONSTRAINT fk_reserved_keys_option_set_id FOREIGN KEY (option_set_id) REFERENCES nodes (id) ON DELETE RESTRICT
);
CREATE INDEX ix_reserved_keys_option_set_id ON reserved_keys (option_set_id);

CREATE TABLE wizard_runs (
  id uuid NOT NULL,
  origin_wizard_id uuid NOT NULL,
  wizard_id uuid,
  wizard_version_id uuid NOT NULL,
  status text NOT NULL,
  revision integer NOT NULL,
  save_number integer NOT NULL,
  working_answers jsonb,
  language text NOT NULL,
  respondent text,
  request_digest bytea,
  saved_by uuid,
  started_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  completed_at timestamptz,
  trashed_at timestamptz,
  erased_at timestamptz,
  CONSTRAINT pk_wizard_runs PRIMARY KEY (id),
  CONSTRAINT ck_wizard_runs_status CHECK (status IN ('in_progress', 'completed', 'abandoned')),
  CONSTRAINT ck_wizard_runs_request_digest CHECK (octet_length(request_digest) = 32),
  CONSTRAINT ck_wizard_runs_wizard_id CHECK (wizard_id = origin_wizard_id),
  CONSTRAINT ck_wizard_runs_counters CHECK (revision >= 0 AND save_number >= 0),
  CONSTRAINT ck_wizard_runs_working_answers CHECK ((status = 'completed') = (working_answers IS NULL)),
  CONSTRAINT ck_wizard_runs_completed CHECK (status <> 'completed' OR (revision >= 1 AND completed_at IS NOT NULL)),
  CONSTRAINT fk_wizard_runs_wizard_id FOREIGN KEY (wizard_id) REFERENCES wizards (id) ON DELETE SET NULL,
  CONSTRAINT fk_wizard_runs_wizard_version_id FOREIGN KEY (wizard_version_id) REFERENCES wizard_versions (id) ON DELETE RESTRICT
);
CREATE INDEX ix_wizard_runs_in_progress ON wizard_runs (updated_at) WHERE status = 'in_progress';
CREATE INDEX ix_wizard_runs_origin_wizard_id_id ON wizard_runs (origin_wizard_id, id);
CREATE INDEX ix_wizard_runs_origin_wizard_id_updated_at_id ON wizard_runs (origin_wizard_id, updated_at, id);
CREATE INDEX ix_wizard_runs_wizard_version_id_status ON wizard_runs (wizard_version_id, status);

CREATE TABLE run_revisions (
  run_id uuid NOT NULL,
  revision integer NOT NULL,
  wizard_version_id uuid NOT NULL,
  language text NOT NULL,
  status text NOT NULL,
  answers jsonb NOT NULL,
  archive jsonb NOT NULL,
  asked bit varying NOT NULL,
  evaluated_at timestamptz NOT NULL,
  evaluated_zone text NOT NULL,
  cause text NOT NULL,
  actor uuid,
  job_id uuid,
  at timestamptz NOT NULL,
  salt bytea,
  content_digest bytea NOT NULL,
  previous_digest bytea,
  leaves jsonb,
  CONSTRAINT pk_run_revisions PRIMARY KEY (run_id, revision),
  CONSTRAINT ck_run_revisions_revision CHECK (revision >= 1),
  CONSTRAINT ck_run_revisions_status CHECK (status IN ('in_progress', 'completed', 'abandoned')),
  CONSTRAINT ck_run_revisions_cause
    CHECK (cause IN ('respondent', 'editor', 'migration', 'undo', 'import', 'restore', 'checkpoint', 'reopen', 'system')),
  CONSTRAINT ck_run_revisions_answers CHECK (jsonb_typeof(answers) = 'object'),
  CONSTRAINT ck_run_revisions_archive CHECK (jsonb_typeof(archive) = 'object'),
  CONSTRAINT ck_run_revisions_salt_or_leaves CHECK ((salt IS NULL) = (leaves IS NOT NULL)),
  CONSTRAINT ck_run_revisions_salt CHECK (octet_length(salt) >= 16),
  CONSTRAINT ck_run_revisions_chain CHECK ((revision = 1) = (previous_digest IS NULL)),
  CONSTRAINT ck_run_revisions_content_digest CHECK (octet_length(content_digest) = 32),
  CONSTRAINT ck_run_revisions_previous_digest CHECK (octet_length(previous_digest) = 32),
  CONSTRAINT fk_run_revisions_run_id FOREIGN KEY (run_id) REFERENCES wizard_runs (id) ON DELETE RESTRICT,
  CONSTRAINT fk_run_revisions_wizard_version_id FOREIGN KEY (wizard_version_id) REFERENCES wizard_versions (id) ON DELETE RESTRICT
);

CREATE TABLE erasures (
  run_id uuid NOT NULL,
  number integer NOT NULL,
  option_set_ids text[],
  leaves jsonb NOT NULL,
  reason text NOT NULL,
  actor uuid,
  at timestamptz NOT NULL,
  audit_event_id uuid NOT NULL,
  digest bytea NOT NULL,
  previous_digest bytea,
  CONSTRAINT pk_erasures PRIMARY KEY (run_id, number),
  CONSTRAINT ck_erasures_chain CHECK ((number = 1) = (previous_digest IS NULL) AND number >= 1),
  CONSTRAINT ck_erasures_leaves CHECK (jsonb_typeof(leaves) = 'object'),
  CONSTRAINT ck_erasures_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT ck_erasures_previous_digest CHECK (octet_length(previous_digest) = 32)
);

CREATE TABLE edits (
  run_id uuid NOT NULL,
  id uuid NOT NULL,
  actor uuid NOT NULL,
  base_revision integer NOT NULL,
  answers jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT pk_edits PRIMARY KEY (run_id, id),
  CONSTRAINT uq_edits_run_id_actor UNIQUE (run_id, actor),
  CONSTRAINT ck_edits_answers CHECK (jsonb_typeof(answers) = 'object'),
  CONSTRAINT fk_edits_run_id FOREIGN KEY (run_id) REFERENCES wizard_runs (id) ON DELETE RESTRICT
);

CREATE TABLE files (
  id uuid NOT NULL,
  run_id uuid,
  wizard_id uuid NOT NULL,
  sha256 bytea NOT NULL,
  size bigint NOT NULL,
  media_type text NOT NULL,
  name text NOT NULL,
  uploaded_at timestamptz NOT NULL,
  uploaded_by uuid,
  CONSTRAINT pk_files PRIMARY KEY (id),
  CONSTRAINT ck_files_sha256 CHECK (octet_length(sha256) = 32),
  CONSTRAINT ck_files_size CHECK (size >= 0)
);
CREATE INDEX ix_files_run_id ON files (run_id);
CREATE INDEX ix_files_sha256 ON files (sha256);

CREATE TABLE checkpoints (
  id uuid NOT NULL,
  at timestamptz NOT NULL,
  cause text NOT NULL,
  root bytea NOT NULL,
  counts jsonb NOT NULL,
  key_id text NOT NULL,
  signature bytea NOT NULL,
  CONSTRAINT pk_checkpoints PRIMARY KEY (id),
  CONSTRAINT ck_checkpoints_cause CHECK (cause IN ('daily', 'backup', 'job', 'request')),
  CONSTRAINT ck_checkpoints_root CHECK (octet_length(root) = 32)
);
CREATE INDEX ix_checkpoints_at ON checkpoints (at);

CREATE TABLE users (
  id uuid NOT NULL,
  email text NOT NULL,
  name text NOT NULL,
  role text NOT NULL,
  password_hash text,
  created_at timestamptz NOT NULL,
  disabled_at timestamptz,
  CONSTRAINT pk_users PRIMARY KEY (id),
  CONSTRAINT ck_users_email CHECK (email = lower(email)),
  CONSTRAINT ck_users_role CHECK (role IN ('admin', 'editor', 'analyst')),
  CONSTRAINT uq_users_email UNIQUE (email)
);

CREATE TABLE sessions (
  digest bytea NOT NULL,
  user_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT pk_sessions PRIMARY KEY (digest),
  CONSTRAINT ck_sessions_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT fk_sessions_user_id FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);

CREATE TABLE api_tokens (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  name text NOT NULL,
  digest bytea NOT NULL,
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL,
  created_by uuid,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT pk_api_tokens PRIMARY KEY (id),
  CONSTRAINT ck_api_tokens_scopes CHECK (scopes <@ ARRAY['read', 'submit', 'edit', 'admin'] AND cardinality(scopes) > 0),
  CONSTRAINT ck_api_tokens_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT fk_api_tokens_user_id FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT uq_api_tokens_digest UNIQUE (digest)
);
CREATE INDEX ix_api_tokens_user_id ON api_tokens (user_id);

CREATE TABLE grants (
  user_id uuid NOT NULL,
  wizard_id uuid NOT NULL,
  role text NOT NULL,
  granted_at timestamptz NOT NULL,
  granted_by uuid,
  CONSTRAINT pk_grants PRIMARY KEY (user_id, wizard_id),
  CONSTRAINT ck_grants_role CHECK (role IN ('admin', 'editor', 'analyst')),
  CONSTRAINT fk_grants_user_id FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX ix_grants_wizard_id ON grants (wizard_id);

CREATE TABLE audit_events (
  id uuid NOT NULL,
  at timestamptz NOT NULL,
  actor uuid,
  channel text NOT NULL,
  action text NOT NULL,
  subject_kind text NOT NULL,
  subject_id text,
  wizard_id uuid,
  run_id uuid,
  details jsonb NOT NULL,
  CONSTRAINT pk_audit_events PRIMARY KEY (id),
  CONSTRAINT ck_audit_events_channel CHECK (channel IN ('web', 'api', 'cli', 'job', 'system')),
  CONSTRAINT ck_audit_events_details CHECK (jsonb_typeof(details) = 'object')
);
CREATE INDEX ix_audit_events_at_id ON audit_events (at, id);
CREATE INDEX ix_audit_events_run_id_at_id ON audit_events (run_id, at, id);
CREATE INDEX ix_audit_events_wizard_id_at_id ON audit_events (wizard_id, at, id);

ALTER TABLE wizards ADD CONSTRAINT fk_wizards_active_version_id
  FOREIGN KEY (id, active_version_id) REFERENCES wizard_versions (origin_wizard_id, id);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
