"""Accounts: what a session runs on, the language of a user, links that set a password once, sign-in through a provider;
and an index for the last integrity check.

Guards, views and privileges are no part of a revision: upgrade.py puts them in place after the last one.
"""

from alembic import op

revision = "0004_accounts"
down_revision = "0003_guard_option_sets"

STEPS = (
    "ALTER TABLE users ADD COLUMN language text",
    "ALTER TABLE sessions ADD COLUMN device text NOT NULL DEFAULT ''",
    """
    CREATE TABLE user_identities (
      issuer text NOT NULL,
      subject text NOT NULL,
      user_id uuid NOT NULL,
      linked_at timestamptz NOT NULL,
      CONSTRAINT pk_user_identities PRIMARY KEY (issuer, subject),
      CONSTRAINT fk_user_identities_user_id FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_user_identities_user_id ON user_identities (user_id)",
    """
    CREATE TABLE password_links (
      digest bytea NOT NULL,
      user_id uuid NOT NULL,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      CONSTRAINT pk_password_links PRIMARY KEY (digest),
      CONSTRAINT fk_password_links_user_id FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
      CONSTRAINT uq_password_links_user_id UNIQUE (user_id),
      CONSTRAINT ck_password_links_digest CHECK (octet_length(digest) = 32)
    )
    """,
    """
    CREATE TABLE oidc_requests (
      digest bytea NOT NULL,
      browser bytea NOT NULL,
      nonce text NOT NULL,
      verifier text NOT NULL,
      next text NOT NULL,
      expires_at timestamptz NOT NULL,
      CONSTRAINT pk_oidc_requests PRIMARY KEY (digest),
      CONSTRAINT ck_oidc_requests_digest CHECK (octet_length(digest) = 32),
      CONSTRAINT ck_oidc_requests_browser CHECK (octet_length(browser) = 32)
    )
    """,
    "CREATE INDEX ix_oidc_requests_expires_at ON oidc_requests (expires_at)",
    "CREATE INDEX ix_audit_events_checked ON audit_events (at, id) WHERE action = 'integrity.checked'",
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
