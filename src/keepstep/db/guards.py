"""What the database itself refuses, to everybody: changing or deleting versions, revisions and logs; skipping a revision.

Triggers, because the owner of a table passes any privilege. This module holds the definitions and their names; upgrade.py
puts them in place and reports what is missing. Must not know who asks.
"""

from dataclasses import dataclass
from typing import Final

# The SQLSTATE of every refusal; transaction.py turns it into GuardRefused.
GUARD: Final = "KS001"


@dataclass(frozen=True, slots=True)
class Function:
    """A function in the database. `body` is PL/pgSQL; `head` is its name and arguments; `returns` and `options` as in SQL."""

    head: str
    body: str
    returns: str = "trigger"
    options: str = ""

    @property
    def name(self) -> str:
        return self.head.partition("(")[0]


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger. `when` is its events, `table` what it watches, `call` the function; `deferred` ones run at commit."""

    name: str
    table: str
    when: str
    call: str
    each: str = "ROW"
    deferred: bool = False
    condition: str = ""


def create_function(function: Function, schema: str) -> str:
    """The statement that puts a function in place. `schema` is where Keepstep's tables are.

    The search path is pinned with pg_temp last, or a temporary table of the caller's would stand in for the real one.
    """
    return (
        f"CREATE OR REPLACE FUNCTION {function.head} RETURNS {function.returns} LANGUAGE plpgsql {function.options} "
        f"SET search_path = pg_catalog, {schema}, pg_temp AS $body${function.body}$body$"
    )


def create_trigger(trigger: Trigger) -> tuple[str, ...]:
    """The statements that put a trigger in place. ENABLE ALWAYS: it fires under session_replication_role = replica too."""
    kind = "CONSTRAINT TRIGGER" if trigger.deferred else "TRIGGER"
    timing = "DEFERRABLE INITIALLY DEFERRED " if trigger.deferred else ""
    condition = f"WHEN ({trigger.condition}) " if trigger.condition else ""
    what = f"{trigger.when} ON {trigger.table} {timing}FOR EACH {trigger.each} {condition}"
    return (
        f"DROP TRIGGER IF EXISTS {trigger.name} ON {trigger.table}",
        f"CREATE {kind} {trigger.name} {what}EXECUTE FUNCTION {trigger.call}()",
        f"ALTER TABLE {trigger.table} ENABLE ALWAYS TRIGGER {trigger.name}",
    )


# --- functions ----------------------------------------------------------------------------------------------------------

REFUSE: Final = Function(
    "keepstep_refuse()",
    """
BEGIN
  RAISE EXCEPTION '% on % is refused: its rows are kept for ever.', TG_OP, TG_TABLE_NAME USING ERRCODE = 'KS001';
END
""",
)

# The eraser is whoever owns erase_run: keepstep_eraser, or the login itself where roles could not be made. Nothing that a
# session can set counts.
IS_ERASER: Final = Function(
    "keepstep_is_eraser()",
    """
BEGIN
  RETURN EXISTS (
    SELECT FROM pg_proc
    WHERE oid = to_regprocedure('erase_run(uuid, text[], text, uuid, timestamptz, uuid, text, jsonb, bytea)')
      AND pg_get_userbyid(proowner) = current_user);
END
""",
    returns="boolean",
    options="STABLE",
)

KEYS: Final = Function(
    "keepstep_keys(object jsonb)",
    """
BEGIN
  RETURN ARRAY(SELECT jsonb_object_keys(coalesce(object, '{}')) ORDER BY 1);
END
""",
    returns="text[]",
    options="IMMUTABLE",
)

# Only members may go; a member that stays must stay as it was, to the last digit (jsonb's = takes 1.0 for 1).
ONLY_REMOVES: Final = Function(
    "keepstep_only_removes(before jsonb, after jsonb)",
    """
BEGIN
  RETURN NOT EXISTS (SELECT FROM jsonb_each(after) AS kept WHERE (before -> kept.key)::text IS DISTINCT FROM kept.value::text);
END
""",
    returns="boolean",
    options="IMMUTABLE",
)

GUARD_VERSION: Final = Function(
    "keepstep_guard_version()",
    """
DECLARE
  allowed record := OLD;
BEGIN
  -- The net under a hand-written DELETE of the wizard: ON DELETE SET NULL, and exactly that.
  IF NEW.wizard_id IS NULL THEN
    allowed.wizard_id := NULL;
  END IF;
  IF NEW *= allowed AND OLD.wizard_id IS NOT NULL AND NEW.wizard_id IS NULL THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'Version % is published: it never changes.', OLD.id USING ERRCODE = 'KS001';
END
""",
)

# What run_responses shows of a version is written with it and never added to. A row that this statement sees and whose
# transaction is in progress was written by this very transaction, a savepoint of it included. wizard_id tells a version that was
# inserted from one that was only touched by ON DELETE SET NULL: that update makes it this transaction's row as well.
# xmin has 32 bits: what comes before the transaction's own number belongs to another one, and the rest is told from it.
GUARD_OPTION_SET: Final = Function(
    "keepstep_guard_option_set()",
    """
DECLARE
  current bigint := pg_current_xact_id_if_assigned()::text::bigint;
  later bigint;
BEGIN
  SELECT (xmin::text::bigint - current % 4294967296 + 4294967296) % 4294967296 INTO later
  FROM wizard_versions WHERE id = NEW.version_id AND wizard_id IS NOT NULL;
  IF later < 2147483648 AND pg_xact_status((current + later)::text::xid8) = 'in progress' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'Version % is published: it never gets another option set.', NEW.version_id USING ERRCODE = 'KS001';
END
""",
)

# A run in progress moves freely, but its version, and its step into or out of completed, only with a new revision. A
# completed run moves with a new revision alone; trash and SET NULL are no part of what was answered.
GUARD_RUN: Final = Function(
    "keepstep_guard_run()",
    """
DECLARE
  allowed record := OLD;
  moves boolean := NEW.revision = OLD.revision + 1;
BEGIN
  IF NEW.wizard_id IS NULL THEN
    allowed.wizard_id := NULL;
  END IF;
  IF NEW.trashed_at IS DISTINCT FROM OLD.trashed_at THEN
    allowed.trashed_at := NEW.trashed_at;
    allowed.updated_at := NEW.updated_at;
  END IF;
  IF moves OR OLD.status <> 'completed' THEN
    allowed.updated_at := NEW.updated_at;
    allowed.save_number := NEW.save_number;
    allowed.saved_by := NEW.saved_by;
    allowed.working_answers := NEW.working_answers;
    allowed.language := NEW.language;
    allowed.completed_at := NEW.completed_at;
    IF OLD.status <> 'completed' THEN
      allowed.respondent := NEW.respondent;
    END IF;
    -- Into completed without a revision: keepstep_check_head refuses it at commit.
    allowed.status := NEW.status;
  END IF;
  IF moves THEN
    allowed.revision := NEW.revision;
    allowed.wizard_version_id := NEW.wizard_version_id;
  END IF;
  IF NOT NEW *= allowed AND keepstep_is_eraser() THEN
    allowed.updated_at := NEW.updated_at;
    allowed.erased_at := NEW.erased_at;
    allowed.save_number := OLD.save_number + (OLD.working_answers IS NOT NULL)::int;
    IF NEW.erased_at IS NOT NULL AND OLD.erased_at IS NULL THEN
      allowed.respondent := NULL;
      allowed.request_digest := NULL;
    END IF;
    IF keepstep_only_removes(OLD.working_answers, NEW.working_answers) THEN
      allowed.working_answers := NEW.working_answers;
    END IF;
  END IF;
  IF NEW *= allowed THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'Run % changes only by a new revision.', OLD.id USING ERRCODE = 'KS001';
END
""",
)

# At commit, because a run and its revision are two statements: the head names a stored revision of the same state.
CHECK_HEAD: Final = Function(
    "keepstep_check_head()",
    """
BEGIN
  IF NOT EXISTS (
    SELECT FROM run_revisions AS head
    WHERE head.run_id = NEW.id AND head.revision = NEW.revision
      AND head.wizard_version_id = NEW.wizard_version_id
      AND (head.status = 'completed') = (NEW.status = 'completed')
      AND (NEW.status <> 'completed' OR head.language = NEW.language)
  ) THEN
    RAISE EXCEPTION 'Run % has no revision % of its version and status.', NEW.id, NEW.revision USING ERRCODE = 'KS001';
  END IF;
  RETURN NULL;
END
""",
)

# At commit as well: no gap, no second branch, no revision that the run does not know of.
CHECK_CHAIN: Final = Function(
    "keepstep_check_chain()",
    """
DECLARE
  found record;
BEGIN
  SELECT run.revision AS head, before.content_digest AS digest INTO found
  FROM wizard_runs AS run LEFT JOIN run_revisions AS before ON before.run_id = run.id AND before.revision = NEW.revision - 1
  WHERE run.id = NEW.run_id;
  IF found.head < NEW.revision OR found.digest IS DISTINCT FROM NEW.previous_digest THEN
    RAISE EXCEPTION 'Revision % of run % does not follow the one before.', NEW.revision, NEW.run_id USING ERRCODE = 'KS001';
  END IF;
  RETURN NULL;
END
""",
)

# Erasure may only take answers away, and only those that the run's newest row in erasures names with their leaves.
GUARD_REVISION: Final = Function(
    "keepstep_guard_revision()",
    """
DECLARE
  allowed record := OLD;
  named jsonb;
BEGIN
  IF keepstep_is_eraser() THEN
    SELECT leaves -> NEW.revision::text INTO named FROM erasures WHERE run_id = NEW.run_id ORDER BY number DESC LIMIT 1;
    allowed.answers := NEW.answers;
    allowed.archive := NEW.archive;
    allowed.salt := NULL;
    allowed.leaves := NEW.leaves;
    IF NEW *= allowed
      AND keepstep_only_removes(OLD.answers, NEW.answers)
      AND keepstep_only_removes(OLD.archive, NEW.archive)
      AND keepstep_keys(OLD.answers - keepstep_keys(NEW.answers)) = keepstep_keys(named -> 'answers')
      AND keepstep_keys(OLD.archive - keepstep_keys(NEW.archive)) = keepstep_keys(named -> 'archive')
      AND NEW.leaves -> 'answers' @> (named -> 'answers')
      AND NEW.leaves -> 'archive' @> (named -> 'archive')
    THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'Revision % of run % is stored: it never changes.', OLD.revision, OLD.run_id USING ERRCODE = 'KS001';
END
""",
)

# A file belongs to a run once; it goes only when no revision names it: because none ever did, or because erase_run has taken
# the answer away just before.
GUARD_FILE: Final = Function(
    "keepstep_guard_file()",
    """
DECLARE
  allowed record := OLD;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.run_id IS NULL THEN
      allowed.run_id := NEW.run_id;
    END IF;
    IF NEW *= allowed THEN
      RETURN NEW;
    END IF;
  ELSIF NOT EXISTS (
    SELECT FROM run_revisions
    WHERE run_id = OLD.run_id AND (strpos(answers::text, OLD.id::text) > 0 OR strpos(archive::text, OLD.id::text) > 0)
  ) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'File % belongs to stored answers: it never changes.', OLD.id USING ERRCODE = 'KS001';
END
""",
)

# What was approved is what jobs did: nobody changes it afterwards. Approving is the last change.
GUARD_PLAN: Final = Function(
    "keepstep_guard_plan()",
    """
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.approved_at IS NULL THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'Plan % is approved: it never changes.', OLD.id USING ERRCODE = 'KS001';
END
""",
)

FUNCTIONS: Final = (
    REFUSE,
    IS_ERASER,
    KEYS,
    ONLY_REMOVES,
    GUARD_VERSION,
    GUARD_OPTION_SET,
    GUARD_RUN,
    CHECK_HEAD,
    CHECK_CHAIN,
    GUARD_REVISION,
    GUARD_FILE,
    GUARD_PLAN,
)

# --- triggers -----------------------------------------------------------------------------------------------------------

APPEND_ONLY: Final = (
    "draft_edits",
    "version_option_sets",
    "nodes",
    "option_values",
    "reserved_keys",
    "erasures",
    "migration_items",
    "migration_manifests",
    "checkpoints",
    "audit_events",
)
NEVER_TRUNCATED: Final = (*APPEND_ONLY, "wizards", "wizard_versions", "wizard_runs", "run_revisions", "files", "plans")

TRIGGERS: Final = (
    *(Trigger("keepstep_append_only", table, "BEFORE UPDATE OR DELETE", "keepstep_refuse") for table in APPEND_ONLY),
    *(Trigger("keepstep_never_truncated", table, "BEFORE TRUNCATE", "keepstep_refuse", each="STATEMENT") for table in NEVER_TRUNCATED),
    Trigger("keepstep_never_deleted", "wizard_versions", "BEFORE DELETE", "keepstep_refuse"),
    Trigger("keepstep_never_deleted", "wizard_runs", "BEFORE DELETE", "keepstep_refuse"),
    Trigger("keepstep_never_deleted", "run_revisions", "BEFORE DELETE", "keepstep_refuse"),
    Trigger("keepstep_guard", "wizard_versions", "BEFORE UPDATE", "keepstep_guard_version"),
    Trigger("keepstep_guard", "version_option_sets", "BEFORE INSERT", "keepstep_guard_option_set"),
    Trigger("keepstep_guard", "wizard_runs", "BEFORE UPDATE", "keepstep_guard_run"),
    Trigger("keepstep_guard", "run_revisions", "BEFORE UPDATE", "keepstep_guard_revision"),
    Trigger("keepstep_guard", "files", "BEFORE UPDATE OR DELETE", "keepstep_guard_file"),
    Trigger("keepstep_guard", "plans", "BEFORE UPDATE OR DELETE", "keepstep_guard_plan"),
    Trigger(
        "keepstep_head",
        "wizard_runs",
        "AFTER INSERT OR UPDATE OF revision, status, wizard_version_id, language",
        "keepstep_check_head",
        deferred=True,
        condition="NEW.revision > 0",
    ),
    Trigger("keepstep_chain", "run_revisions", "AFTER INSERT", "keepstep_check_chain", deferred=True),
)
