"""Which tables there are, as SQLAlchemy Core metadata: what statements are written against.

The tables themselves are made by the schema revisions in db/schema; a test keeps the two equal. Guards, views and
privileges lie beside them (guards.py, views.py, roles.py). Ids are text in Python, like everywhere in the core.
"""

from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    cast,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT, BYTEA, JSONB, TIMESTAMP, UUID
from sqlalchemy.types import TypeDecorator

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


class Id(TypeDecorator[str]):
    """A UUID that is text in Python. The core, the API and every digest know ids as text, and a UUID object never equals its text."""

    impl = UUID(as_uuid=False)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return None if value is None else str(value)


class Bits(TypeDecorator[str]):
    """A bit string: "0101" in Python, four bits and a length in the database. Sent and read as text, because the driver has
    a class of its own for it, which takes no empty bit string.
    """

    impl = BIT(varying=True)
    cache_ok = True

    def bind_expression(self, bindparam: Any) -> ColumnElement[Any]:
        return cast(type_coerce(bindparam, Text), BIT(varying=True))

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(column, Text)

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Text arrives, so there is nothing to convert."""


# None is SQL NULL, never the JSON value null: a column of this type means "nothing here" by it.
Json: Final = JSONB(none_as_null=True)


_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware time. The first and the last hours of the calendar, seen from another zone, lie beyond it in UTC, where the
    driver fails; they are the first and the last moment here.
    """

    impl = TIMESTAMP(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        if value is None:
            return None
        try:
            return value.astimezone(UTC)
        except OverflowError:
            return _FIRST if value.year == _FIRST.year else _LAST


Moment: Final = Instant()


def _id(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    return Column(name, Id, nullable=nullable, primary_key=primary_key)


def _at(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Moment, nullable=nullable)


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _is_digest(column: str) -> CheckConstraint:
    return CheckConstraint(f"octet_length({column}) = 32", name=column)


def _is_object(column: str) -> CheckConstraint:
    return CheckConstraint(f"jsonb_typeof({column}) = 'object'", name=column)


RunStatus = Literal["in_progress", "completed", "abandoned"]
Cause = Literal["respondent", "editor", "migration", "undo", "import", "restore", "checkpoint", "reopen", "system"]
Role = Literal["admin", "editor", "analyst"]
Scope = Literal["read", "submit", "edit", "admin"]

# --- wizards: small tables, the same on every node of a cluster -----------------------------------------------------

wizards: Final = Table(
    "wizards",
    metadata,
    _id("id", primary_key=True),
    Column("slug", Text, unique=True),
    Column("name", Text, nullable=False),
    Column("draft", Json),
    Column("shelf", Json),
    Column("draft_revision", BigInteger, nullable=False),
    _id("active_version_id", nullable=True),
    Column("settings", Json),
    _at("created_at"),
    _id("created_by", nullable=True),
    _at("updated_at"),
    _at("trashed_at", nullable=True),
    _at("removed_at", nullable=True),
    # Only a version of this very wizard can be its active one.
    ForeignKeyConstraint(
        ["id", "active_version_id"],
        ["wizard_versions.origin_wizard_id", "wizard_versions.id"],
        name="fk_wizards_active_version_id",
        use_alter=True,
    ),
    # A removed wizard keeps its row, its name and its grants, and nothing else.
    CheckConstraint(
        "num_nonnulls(slug, draft, shelf, settings) = CASE WHEN removed_at IS NULL THEN 4 ELSE 0 END", name="emptied_when_removed"
    ),
    CheckConstraint("draft_revision >= 0", name="draft_revision"),
)

draft_edits: Final = Table(
    "draft_edits",
    metadata,
    # No foreign key: the log of a wizard outlives its row.
    _id("wizard_id", primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("edit", Json, nullable=False),
    Column("inverse", Json, nullable=False),
    Column("undoes", BigInteger),
    _id("actor", nullable=True),
    _at("at"),
    _one_of("kind", "edit", "undo", "redo"),
    CheckConstraint("(kind = 'edit') = (undoes IS NULL)", name="undoes"),
)

wizard_versions: Final = Table(
    "wizard_versions",
    metadata,
    _id("id", primary_key=True),
    _id("origin_wizard_id"),
    Column("wizard_id", Id, ForeignKey("wizards.id", ondelete="SET NULL")),
    Column("version_number", Integer, nullable=False),
    Column("structure", Json, nullable=False),
    Column("digest", BYTEA, nullable=False),
    Column("change_summary", Text),
    Column("changes", Json, nullable=False),
    Column("based_on", Integer),
    Column("rolled_back_to", Integer),
    Column("in_progress_policy", Text, nullable=False),
    _at("created_at"),
    _id("created_by", nullable=True),
    UniqueConstraint("wizard_id", "version_number"),
    # wizard_id may be gone; the number must stay unique then, too.
    UniqueConstraint("origin_wizard_id", "version_number"),
    UniqueConstraint("origin_wizard_id", "id"),
    CheckConstraint("wizard_id = origin_wizard_id", name="wizard_id"),
    CheckConstraint("version_number >= 1", name="version_number"),
    _one_of("in_progress_policy", "finish", "offer", "migrate"),
    _is_object("structure"),
    _is_digest("digest"),
)

version_option_sets: Final = Table(
    "version_option_sets",
    metadata,
    Column("version_id", Id, ForeignKey("wizard_versions.id", ondelete="RESTRICT"), primary_key=True),
    _id("option_set_id", primary_key=True),
    _id("step_id"),
    Column("position", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("option_set_snapshot", Json, nullable=False),
    Column("step_snapshot", Json, nullable=False),
    UniqueConstraint("version_id", "position"),
    UniqueConstraint("version_id", "key"),
    CheckConstraint("position >= 0", name="position"),
    Index(None, "option_set_id"),
)

nodes: Final = Table(
    "nodes",
    metadata,
    _id("id", primary_key=True),
    Column("kind", Text, nullable=False),
    _id("origin_wizard_id"),
    _at("first_seen"),
    _one_of("kind", "step", "option_set"),
    Index(None, "origin_wizard_id"),
)

option_values: Final = Table(
    "option_values",
    metadata,
    Column("option_set_id", Id, ForeignKey("nodes.id", ondelete="RESTRICT"), primary_key=True),
    Column("value", Text, primary_key=True),
)

reserved_keys: Final = Table(
    "reserved_keys",
    metadata,
    _id("origin_wizard_id", primary_key=True),
    Column("key", Text, primary_key=True),
    Column("option_set_id", Id, ForeignKey("nodes.id", ondelete="RESTRICT"), nullable=False),
    Index(None, "option_set_id"),
)

# What became of each file that a wizard was made from or brought up to date with, for those who look at it later.
import_receipts: Final = Table(
    "import_receipts",
    metadata,
    _id("id", primary_key=True),
    Column("wizard_id", Id, ForeignKey("wizards.id", ondelete="CASCADE"), nullable=False),
    _at("at"),
    _id("actor", nullable=True),
    Column("filename", Text, nullable=False),
    Column("is_new", Boolean, nullable=False),
    # The name of the edit of the draft; NULL for a new wizard, and where the file changed nothing.
    Column("edit", Text),
    Column("receipt", Json, nullable=False),
    _is_object("receipt"),
    Index(None, "wizard_id", "at", "id"),
)

# Who may begin a wizard once, each by a link of their own. The secret is in the link alone; NULL until one was made.
invitations: Final = Table(
    "invitations",
    metadata,
    _id("id", primary_key=True),
    Column("wizard_id", Id, ForeignKey("wizards.id", ondelete="CASCADE"), nullable=False),
    # Who is invited, in the wizard's own terms; and the same folded, by which nobody is in the list twice.
    Column("respondent", Text, nullable=False),
    Column("respondent_key", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("digest", BYTEA, unique=True),
    _at("created_at"),
    _id("created_by", nullable=True),
    _at("linked_at", nullable=True),
    _at("used_at", nullable=True),
    # No foreign key: no table that is the same on every node points at a run.
    _id("run_id", nullable=True),
    _at("revoked_at", nullable=True),
    UniqueConstraint("wizard_id", "respondent_key"),
    _is_digest("digest"),
    CheckConstraint("(digest IS NULL) = (linked_at IS NULL)", name="linked_at"),
    CheckConstraint("run_id IS NULL OR used_at IS NOT NULL", name="run_id"),
    Index(None, "wizard_id", "id"),
    Index(None, "run_id"),
)

# How many runs were begun since when, by a keyed digest of the wizard and of the address that they came from.
start_tries: Final = Table(
    "start_tries",
    metadata,
    Column("key", BYTEA, primary_key=True),
    _at("since"),
    Column("tries", Integer, nullable=False),
    _is_digest("key"),
    CheckConstraint("tries >= 1", name="tries"),
    Index(None, "since"),
)

# A filter of the table of runs with its columns under a name. Holds no words of answers: see queries/run_views.py.
run_views: Final = Table(
    "run_views",
    metadata,
    _id("id", primary_key=True),
    Column("wizard_id", Id, ForeignKey("wizards.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("query", Json, nullable=False),
    _id("created_by", nullable=True),
    _at("created_at"),
    _is_object("query"),
    Index(None, "wizard_id", "name"),
)

# --- runs: every key starts with the run's id, so that they can lie on many nodes ------------------------------------

wizard_runs: Final = Table(
    "wizard_runs",
    metadata,
    _id("id", primary_key=True),
    _id("origin_wizard_id"),
    Column("wizard_id", Id, ForeignKey("wizards.id", ondelete="SET NULL")),
    Column("wizard_version_id", Id, ForeignKey("wizard_versions.id", ondelete="RESTRICT"), nullable=False),
    Column("status", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("save_number", Integer, nullable=False),
    Column("working_answers", Json),
    Column("language", Text, nullable=False),
    Column("respondent", Text),
    # Keyed digest of the request that made the run, so that sending it again is told from another one under the same id.
    Column("request_digest", BYTEA),
    _id("saved_by", nullable=True),
    _at("started_at"),
    _at("updated_at"),
    _at("completed_at", nullable=True),
    _at("trashed_at", nullable=True),
    _at("erased_at", nullable=True),
    _one_of("status", "in_progress", "completed", "abandoned"),
    _is_digest("request_digest"),
    CheckConstraint("wizard_id = origin_wizard_id", name="wizard_id"),
    CheckConstraint("revision >= 0 AND save_number >= 0", name="counters"),
    # An abandoned run can be resumed, so it keeps its working copy; a completed one lives in its revisions alone.
    CheckConstraint("(status = 'completed') = (working_answers IS NULL)", name="working_answers"),
    CheckConstraint("status <> 'completed' OR (revision >= 1 AND completed_at IS NOT NULL)", name="completed"),
    # Lists of one wizard's runs, by id and by last change; counts by version; and what the daily job looks for.
    Index(None, "origin_wizard_id", "id"),
    Index(None, "origin_wizard_id", "updated_at", "id"),
    Index(None, "wizard_version_id", "status"),
    Index("ix_wizard_runs_in_progress", "updated_at", postgresql_where=text("status = 'in_progress'")),
    # The trash of a wizard is a few of many runs.
    Index("ix_wizard_runs_trashed", "origin_wizard_id", "updated_at", "id", postgresql_where=text("trashed_at IS NOT NULL")),
)

run_revisions: Final = Table(
    "run_revisions",
    metadata,
    Column("run_id", Id, ForeignKey("wizard_runs.id", ondelete="RESTRICT"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("wizard_version_id", Id, ForeignKey("wizard_versions.id", ondelete="RESTRICT"), nullable=False),
    Column("language", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("answers", Json, nullable=False),
    Column("archive", Json, nullable=False),
    Column("asked", Bits, nullable=False),
    _at("evaluated_at"),
    # The zone that "today" was taken in; PostgreSQL keeps the moment of a timestamp and not its zone.
    Column("evaluated_zone", Text, nullable=False),
    Column("cause", Text, nullable=False),
    _id("actor", nullable=True),
    _id("job_id", nullable=True),
    _at("at"),
    Column("salt", BYTEA),
    Column("content_digest", BYTEA, nullable=False),
    Column("previous_digest", BYTEA),
    Column("leaves", Json),
    CheckConstraint("revision >= 1", name="revision"),
    _one_of("status", "in_progress", "completed", "abandoned"),
    _one_of("cause", "respondent", "editor", "migration", "undo", "import", "restore", "checkpoint", "reopen", "system"),
    _is_object("answers"),
    _is_object("archive"),
    # A revision is checked by its salt, or, once something was erased from it, by its leaves.
    CheckConstraint("(salt IS NULL) = (leaves IS NOT NULL)", name="salt_or_leaves"),
    CheckConstraint("octet_length(salt) >= 16", name="salt"),
    CheckConstraint("(revision = 1) = (previous_digest IS NULL)", name="chain"),
    _is_digest("content_digest"),
    _is_digest("previous_digest"),
    # What a job wrote, in the order of its runs: for its undo and for its proof. Nothing else has a job.
    Index("ix_run_revisions_job", "job_id", "run_id", postgresql_where=text("job_id IS NOT NULL")),
)

erasures: Final = Table(
    "erasures",
    metadata,
    # No foreign key: what was erased is on record even where the run is not.
    _id("run_id", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("option_set_ids", ARRAY(Text)),
    Column("leaves", Json, nullable=False),
    Column("reason", Text, nullable=False),
    _id("actor", nullable=True),
    _at("at"),
    _id("audit_event_id"),
    Column("digest", BYTEA, nullable=False),
    Column("previous_digest", BYTEA),
    CheckConstraint("(number = 1) = (previous_digest IS NULL) AND number >= 1", name="chain"),
    _is_object("leaves"),
    _is_digest("digest"),
    _is_digest("previous_digest"),
)

edits: Final = Table(
    "edits",
    metadata,
    Column("run_id", Id, ForeignKey("wizard_runs.id", ondelete="RESTRICT"), primary_key=True),
    _id("id", primary_key=True),
    _id("actor"),
    Column("base_revision", Integer, nullable=False),
    Column("answers", Json, nullable=False),
    _at("created_at"),
    _at("updated_at"),
    # A person has one open edit of a run; opening it on a second device goes on where the first one was.
    UniqueConstraint("run_id", "actor"),
    _is_object("answers"),
)

# How a respondent comes back to a run that they began in the player. Holds no answer: `forms` says which form last saved which page.
passages: Final = Table(
    "passages",
    metadata,
    Column("run_id", Id, ForeignKey("wizard_runs.id", ondelete="RESTRICT"), primary_key=True),
    # Of the token that is the resume link and the browser's cookie; `nonce` and the installation's key make it again to be shown.
    Column("digest", BYTEA, nullable=False),
    Column("nonce", BYTEA, nullable=False),
    _at("created_at"),
    _at("expires_at"),
    Column("forms", Json, nullable=False),
    # The version that was offered to the respondent last and that they would rather not have.
    _id("declined_version_id", nullable=True),
    _is_digest("digest"),
    CheckConstraint("octet_length(nonce) = 16", name="nonce"),
    _is_object("forms"),
)

files: Final = Table(
    "files",
    metadata,
    _id("id", primary_key=True),
    # Set once, when an answer of a run names the file. No foreign key: an upload comes before its run, and the table
    # does not distribute with the runs.
    _id("run_id", nullable=True),
    _id("wizard_id"),
    Column("sha256", BYTEA, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("name", Text, nullable=False),
    _at("uploaded_at"),
    _id("uploaded_by", nullable=True),
    _is_digest("sha256"),
    CheckConstraint("size >= 0", name="size"),
    Index(None, "run_id"),
    Index(None, "sha256"),
)

# --- moving runs between versions ------------------------------------------------------------------------------------

# What a migration does with each answer (core/plan.py). It changes until it is approved, and never after.
plans: Final = Table(
    "plans",
    metadata,
    _id("id", primary_key=True),
    _id("origin_wizard_id"),
    Column("target_id", Id, ForeignKey("wizard_versions.id", ondelete="RESTRICT"), nullable=False),
    Column("content", Json, nullable=False),
    Column("digest", BYTEA, nullable=False),
    Column("revision", Integer, nullable=False),
    _at("created_at"),
    _id("created_by", nullable=True),
    _at("updated_at"),
    _at("approved_at", nullable=True),
    _id("approved_by", nullable=True),
    # Of one that nobody approved and nobody wants: its row stays, so that the numbers of the others do.
    _at("discarded_at", nullable=True),
    _id("discarded_by", nullable=True),
    # Of the plan that a version was published with, for the runs in progress at that time; at most one for each version.
    Column("policy", Text),
    _is_object("content"),
    _is_digest("digest"),
    CheckConstraint("revision >= 1", name="revision"),
    CheckConstraint("discarded_at IS NULL OR approved_at IS NULL", name="discarded"),
    _one_of("policy", "offer", "migrate"),
    Index(None, "origin_wizard_id", "id"),
    Index("uq_plans_target_id_policy", "target_id", unique=True, postgresql_where=text("policy IS NOT NULL")),
)

# One pass over the runs of a plan: counting them, moving them, or taking a move back.
migration_jobs: Final = Table(
    "migration_jobs",
    metadata,
    _id("id", primary_key=True),
    Column("plan_id", Id, ForeignKey("plans.id", ondelete="RESTRICT"), nullable=False),
    _id("origin_wizard_id"),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("plan_digest", BYTEA, nullable=False),
    # The job that this one takes back, and the preview that this one was approved by.
    _id("undoes", nullable=True),
    _id("preview_id", nullable=True),
    # The job whose conflict a person resolved: what moves then is a small job of its own, with a proof of its own.
    _id("continues", nullable=True),
    Column("scope", Json, nullable=False),
    # Runs that began later are none of this job's (semantics 24).
    _at("frozen_at"),
    _at("created_at"),
    _id("created_by", nullable=True),
    _at("started_at", nullable=True),
    _at("finished_at", nullable=True),
    _at("updated_at"),
    # Why it stopped by itself; NULL for one that a person stopped, or that goes on.
    Column("reason", Text),
    Column("canary", Text, nullable=False),
    # With more conflicts than this it stops: more than 10 % beyond its preview. NULL where nothing was foreseen.
    Column("conflict_limit", Integer),
    # Runs by outcome as the preview counted them, and all that was counted when it was over.
    Column("expected", Json, nullable=False),
    Column("counts", Json),
    _one_of("kind", "preview", "apply", "undo"),
    _one_of(
        "state", "queued", "running", "paused", "completed", "completed_with_conflicts", "failed", "cancelled", "reverting", "reverted"
    ),
    _one_of("canary", "none", "pending", "verified"),
    CheckConstraint("(kind = 'undo') = (undoes IS NOT NULL)", name="undoes"),
    _is_digest("plan_digest"),
    _is_object("scope"),
    _is_object("expected"),
    Index(None, "origin_wizard_id", "id"),
    Index(None, "plan_id", "id"),
    Index(None, "undoes"),
    Index(None, "continues"),
)

# A range of run ids that a worker has claimed: those behind `after`, up to `upto`. It is done exactly when its revisions are there.
migration_chunks: Final = Table(
    "migration_chunks",
    metadata,
    Column("job_id", Id, ForeignKey("migration_jobs.id", ondelete="RESTRICT"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _id("after", nullable=True),
    _id("upto"),
    Column("runs", Integer, nullable=False),
    # The first pass is over ranges; a later one over what no range had: runs that were stored late, or were busy.
    Column("is_rest", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("worker", Text, nullable=False),
    _at("lease_until"),
    Column("tries", Integer, nullable=False),
    Column("milliseconds", Integer),
    Column("counts", Json),
    _one_of("state", "claimed", "done"),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("(state = 'done') = (counts IS NOT NULL)", name="done"),
)

# What became of a run where it is not trivial: a reason for each question, never an answer. What moved without one has no row.
migration_items: Final = Table(
    "migration_items",
    metadata,
    Column("run_id", Id, ForeignKey("wizard_runs.id", ondelete="RESTRICT"), primary_key=True),
    Column("job_id", Id, ForeignKey("migration_jobs.id", ondelete="RESTRICT"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("outcome", Text, nullable=False),
    _id("option_set_id", nullable=True),
    Column("code", Text, nullable=False),
    # The revision that was looked at, and whether the run moved nevertheless.
    Column("revision", Integer, nullable=False),
    Column("moved", Boolean, nullable=False),
    _id("actor", nullable=True),
    _at("at"),
    CheckConstraint("number >= 1", name="number"),
    Index(None, "job_id", "run_id", "number"),
)

# What a person decided about a conflict, until all of the run's are decided and it moves. Goes with the answers of the run.
migration_resolutions: Final = Table(
    "migration_resolutions",
    metadata,
    Column("run_id", Id, ForeignKey("wizard_runs.id", ondelete="RESTRICT"), primary_key=True),
    Column("job_id", Id, ForeignKey("migration_jobs.id", ondelete="RESTRICT"), primary_key=True),
    _id("option_set_id", primary_key=True),
    Column("resolution", Text, nullable=False),
    Column("envelope", Json),
    _id("actor", nullable=True),
    _at("at"),
    CheckConstraint("(resolution = 'value') = (envelope IS NOT NULL)", name="envelope"),
)

# The proof that a job leaves (core/manifest.py), chained within its wizard.
migration_manifests: Final = Table(
    "migration_manifests",
    metadata,
    Column("job_id", Id, ForeignKey("migration_jobs.id", ondelete="RESTRICT"), primary_key=True),
    _id("origin_wizard_id"),
    Column("number", Integer, nullable=False),
    _at("at"),
    Column("record", Json, nullable=False),
    Column("digest", BYTEA, nullable=False),
    Column("previous_digest", BYTEA),
    UniqueConstraint("origin_wizard_id", "number"),
    CheckConstraint("(number = 1) = (previous_digest IS NULL) AND number >= 1", name="chain"),
    _is_object("record"),
    _is_digest("digest"),
    _is_digest("previous_digest"),
)

# --- proof and people ------------------------------------------------------------------------------------------------

checkpoints: Final = Table(
    "checkpoints",
    metadata,
    _id("id", primary_key=True),
    _at("at"),
    Column("cause", Text, nullable=False),
    Column("root", BYTEA, nullable=False),
    Column("counts", Json, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", BYTEA, nullable=False),
    _one_of("cause", "daily", "backup", "job", "request"),
    _is_digest("root"),
    Index(None, "at"),
)

users: Final = Table(
    "users",
    metadata,
    _id("id", primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text),
    _at("created_at"),
    _at("disabled_at", nullable=True),
    # In which the pages speak to them; NULL: as their browser asks.
    Column("language", Text),
    CheckConstraint("email = lower(email)", name="email"),
    _one_of("role", "admin", "editor", "analyst"),
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("digest", BYTEA, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    _at("created_at"),
    _at("used_at"),
    _at("expires_at"),
    # What the browser calls itself, in a few words; empty for one that does not say.
    Column("device", Text, nullable=False, server_default=text("''")),
    _is_digest("digest"),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

# How often signing in was tried since when, by a keyed digest of the account or of where the tries come from.
sign_in_tries: Final = Table(
    "sign_in_tries",
    metadata,
    Column("key", BYTEA, primary_key=True),
    _at("since"),
    Column("tries", Integer, nullable=False),
    _is_digest("key"),
    CheckConstraint("tries >= 1", name="tries"),
    Index(None, "since"),
)

# Who an OpenID Connect provider says somebody is: its issuer and its own, unchanging name for them.
user_identities: Final = Table(
    "user_identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    _at("linked_at"),
    Index(None, "user_id"),
)

# Links with which somebody sets a password once: at most one for each user.
password_links: Final = Table(
    "password_links",
    metadata,
    Column("digest", BYTEA, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, unique=True),
    _at("created_at"),
    _at("expires_at"),
    _is_digest("digest"),
)

# Who went to the provider and has not come back yet; each row is used once.
oidc_requests: Final = Table(
    "oidc_requests",
    metadata,
    Column("digest", BYTEA, primary_key=True),
    Column("browser", BYTEA, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("next", Text, nullable=False),
    _at("expires_at"),
    _is_digest("digest"),
    _is_digest("browser"),
    Index(None, "expires_at"),
)

api_tokens: Final = Table(
    "api_tokens",
    metadata,
    _id("id", primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", BYTEA, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    _at("created_at"),
    _id("created_by", nullable=True),
    _at("expires_at", nullable=True),
    # Written by a job from time to time, never on the path of a request.
    _at("last_used_at", nullable=True),
    _at("revoked_at", nullable=True),
    CheckConstraint("scopes <@ ARRAY['read', 'submit', 'edit', 'admin'] AND cardinality(scopes) > 0", name="scopes"),
    _is_digest("digest"),
    Index(None, "user_id"),
)

grants: Final = Table(
    "grants",
    metadata,
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    # No foreign key: whoever could read the runs of a wizard still can when its row is gone.
    _id("wizard_id", primary_key=True),
    Column("role", Text, nullable=False),
    _at("granted_at"),
    _id("granted_by", nullable=True),
    _one_of("role", "admin", "editor", "analyst"),
    Index(None, "wizard_id"),
)

audit_events: Final = Table(
    "audit_events",
    metadata,
    _id("id", primary_key=True),
    _at("at"),
    _id("actor", nullable=True),
    Column("channel", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Text),
    _id("wizard_id", nullable=True),
    _id("run_id", nullable=True),
    Column("details", Json, nullable=False),
    _one_of("channel", "web", "api", "cli", "job", "system"),
    _is_object("details"),
    Index(None, "wizard_id", "at", "id"),
    Index(None, "run_id", "at", "id"),
    Index(None, "at", "id"),
    # The last check is asked for by pages that everybody opens, and may lie behind millions of other events.
    Index("ix_audit_events_checked", "at", "id", postgresql_where=text("action = 'integrity.checked'")),
    # What the daily work did last, for the same reason.
    Index("ix_audit_events_daily", "at", "id", postgresql_where=text("action = 'database.maintained'")),
)
