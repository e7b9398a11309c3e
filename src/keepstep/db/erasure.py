"""The one door through which stored answers go: a database function that checks, removes, and leaves tombstone and audit event.

`erase` computes what stays (core/integrity.py) and calls it; the function verifies what SQL can see. Must not know why
somebody erases, nor whether they may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.types import Text

from keepstep.core import integrity
from keepstep.db.guards import Function
from keepstep.db.tables import Id, Json, Moment, erasures, run_revisions, wizard_runs
from keepstep.db.transaction import Write
from keepstep.errors import RunNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What to erase from a run, and on whose account. `names`: ids of option sets and names of archive entries, None for all.

    `reason` is kept for ever, so it must not name the person. `event_id` becomes the id of the audit event.
    """

    run_id: str
    names: Sequence[str] | None
    reason: str
    actor: str | None
    at: datetime
    event_id: str
    channel: str


@dataclass(frozen=True, slots=True)
class Erased:
    """What went: how many answers from which revisions, and the files by id and digest whose rows are gone."""

    number: int
    revisions: tuple[int, ...]
    answers: int
    files: Mapping[str, str]


async def erase(write: Write, erasure: Erasure) -> Erased:
    """Erases in the caller's unit of work. File contents are the caller's to remove after it. Raises RunNotFound."""
    locked = select(wizard_runs.c.id).where(wizard_runs.c.id == erasure.run_id).with_for_update()
    if await write.scalar(locked) is None:
        raise RunNotFound("There is no run with this id.")
    own = run_revisions.c
    stored = await write.rows(select(own.revision, own.answers, own.archive, own.salt, own.leaves).where(own.run_id == erasure.run_id))
    leaves = {str(row.revision): left for row in stored if (left := _leaves_after(row, erasure.names))}
    latest = select(erasures.c.number, erasures.c.digest).where(erasures.c.run_id == erasure.run_id)
    last = await write.one_or_none(latest.order_by(erasures.c.number.desc()).limit(1))
    named = {str(row.revision): _named(row, leaves[str(row.revision)], erasure.names) for row in stored if str(row.revision) in leaves}
    record = erasure_record(erasure, last.number + 1 if last else 1, named)
    given = {name: getattr(erasure, name) for name in ("run_id", "names", "reason", "actor", "at", "event_id", "channel")}
    digest = integrity.chained(bytes(last.digest) if last else None, record)
    done = await write.scalar(_CALL, given | {"leaves": leaves, "digest": digest})
    files = {file["id"]: file["sha256"] for file in done["files"]}
    return Erased(done["number"], tuple(done["revisions"]), done["answers"], files)


def erasure_record(erasure: Erasure, number: int, named: Mapping[str, Any]) -> dict[str, Any]:
    """What the digest of a row in erasures is taken over, by `core.integrity.chained`; `named` is its column `leaves`."""
    return {
        "run_id": erasure.run_id,
        "number": number,
        "option_set_ids": None if erasure.names is None else list(erasure.names),
        "leaves": named,
        "reason": erasure.reason,
        "actor": erasure.actor,
        "at": integrity.instant(erasure.at),
        "audit_event_id": erasure.event_id,
    }


def _gone(envelopes: Mapping[str, Any], names: Sequence[str] | None) -> list[str]:
    return [name for name in envelopes if names is None or name in names]


def _leaves_after(row: Row[Any], names: Sequence[str] | None) -> dict[str, Any] | None:
    """The tombstone of a revision (its column `leaves`), None when it loses nothing."""
    gone = {*_gone(row.answers, names), *_gone(row.archive, names)}
    if not gone:
        return None
    if row.leaves is None:
        erased = integrity.erased_leaves(bytes(row.salt), row.answers, row.archive, gone)
        return {"answers": dict(erased.answer_leaves), "archive": dict(erased.archive_leaves), "keys": dict(erased.keys)}
    # The salt went with an earlier erasure; the keys of what remained are still there.
    before = integrity.Erased(row.leaves["answers"], row.leaves["archive"], row.leaves["keys"])
    answers, archive = integrity.remaining_leaves(before, row.answers, row.archive)
    keys = {name: key for name, key in before.keys.items() if name not in gone}
    return {"answers": _hexed(answers), "archive": _hexed(archive), "keys": keys}


def _hexed(leaves: Mapping[str, bytes]) -> dict[str, str]:
    return {name: leaf.hex() for name, leaf in leaves.items()}


def _named(row: Row[Any], leaves: Mapping[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """The leaves that go now, as the row in erasures names them for this revision."""
    return {
        "answers": {name: leaves["answers"][name] for name in _gone(row.answers, names)},
        "archive": {name: leaves["archive"][name] for name in _gone(row.archive, names)},
    }


_CALL: Final = (
    text("SELECT erase_run(:run_id, :names, :reason, :actor, :at, :event_id, :channel, :leaves, :digest) AS done")
    .bindparams(
        bindparam("run_id", type_=Id),
        bindparam("names", type_=ARRAY(Text)),
        bindparam("reason", type_=Text),
        bindparam("actor", type_=Id),
        bindparam("at", type_=Moment),
        bindparam("event_id", type_=Id),
        bindparam("channel", type_=Text),
        bindparam("leaves", type_=Json),
        bindparam("digest", type_=BYTEA),
    )
    .columns(done=Json)
)

# `p_option_set_ids`: names of answers and archive entries, NULL for all. `p_leaves`: by revision number, what stays of each
# revision that loses something: {"answers": {id: hex}, "archive": {id: hex}, "keys": {id: hex}} as core.integrity.Erased.
# `p_digest`: of the new row in erasures, chained to the run's row before. Returns {number, revisions, answers, files}.
ERASE_RUN: Final = Function(
    "erase_run(p_run_id uuid, p_option_set_ids text[], p_reason text, p_actor uuid, p_at timestamptz, p_event_id uuid, "
    "p_channel text, p_leaves jsonb, p_digest bytea)",
    """
DECLARE
  run wizard_runs;
  stored record;
  given jsonb;
  gone_answers jsonb;
  gone_archive jsonb;
  kept_answers jsonb;
  kept_archive jsonb;
  working jsonb;
  named jsonb := '{}';
  gone jsonb := '[]';
  file_ids text[];
  result jsonb;
  latest record;
BEGIN
  SELECT * INTO run FROM wizard_runs WHERE id = p_run_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'There is no run %.', p_run_id USING ERRCODE = 'KS404';
  END IF;

  -- What goes from each revision, checked against the leaves given for it, before anything is touched.
  FOR stored IN SELECT * FROM run_revisions WHERE run_id = p_run_id ORDER BY revision LOOP
    kept_answers := CASE WHEN p_option_set_ids IS NULL THEN '{}' ELSE stored.answers - p_option_set_ids END;
    kept_archive := CASE WHEN p_option_set_ids IS NULL THEN '{}' ELSE stored.archive - p_option_set_ids END;
    gone_answers := stored.answers - keepstep_keys(kept_answers);
    gone_archive := stored.archive - keepstep_keys(kept_archive);
    CONTINUE WHEN gone_answers = '{}' AND gone_archive = '{}';
    given := p_leaves -> stored.revision::text;
    IF given IS NULL
      OR EXISTS (
        SELECT FROM jsonb_path_query(given, '$.*.*') AS leaf WHERE leaf #>> '{}' !~ '^[0-9a-f]{64}$')
      OR NOT keepstep_keys(given -> 'answers') @> keepstep_keys(gone_answers)
      OR NOT keepstep_keys(given -> 'archive') @> keepstep_keys(gone_archive)
      OR NOT coalesce(given -> 'answers', '{}') @> coalesce(stored.leaves -> 'answers', '{}')
      OR NOT coalesce(given -> 'archive', '{}') @> coalesce(stored.leaves -> 'archive', '{}')
      OR keepstep_keys(given -> 'keys') <> keepstep_keys(kept_answers || kept_archive)
      OR stored.leaves IS NOT NULL AND NOT stored.leaves -> 'keys' @> coalesce(given -> 'keys', '{}')
    THEN
      RAISE EXCEPTION 'The leaves given for revision % do not fit what it stores.', stored.revision USING ERRCODE = 'KS002';
    END IF;
    named := named || jsonb_build_object(stored.revision::text, jsonb_build_object(
      'answers', (SELECT coalesce(jsonb_object_agg(key, given -> 'answers' -> key), '{}') FROM jsonb_object_keys(gone_answers) AS key),
      'archive', (SELECT coalesce(jsonb_object_agg(key, given -> 'archive' -> key), '{}') FROM jsonb_object_keys(gone_archive) AS key)));
    gone := gone || jsonb_build_array(gone_answers, gone_archive);
  END LOOP;
  IF keepstep_keys(named) <> keepstep_keys(p_leaves) THEN
    RAISE EXCEPTION 'Leaves are given for a revision that loses nothing.' USING ERRCODE = 'KS002';
  END IF;

  -- The tombstone comes first: the guard of run_revisions lets go only of what it names.
  SELECT number, digest INTO latest FROM erasures WHERE run_id = p_run_id ORDER BY number DESC LIMIT 1;
  INSERT INTO erasures (run_id, number, option_set_ids, leaves, reason, actor, at, audit_event_id, digest, previous_digest)
  VALUES (p_run_id, coalesce(latest.number, 0) + 1, p_option_set_ids, named, p_reason, p_actor, p_at, p_event_id, p_digest, latest.digest);
  UPDATE run_revisions SET
    answers = CASE WHEN p_option_set_ids IS NULL THEN '{}' ELSE answers - p_option_set_ids END,
    archive = CASE WHEN p_option_set_ids IS NULL THEN '{}' ELSE archive - p_option_set_ids END,
    salt = NULL,
    leaves = p_leaves -> revision::text
  WHERE run_id = p_run_id AND named ? revision::text;

  -- The working copy, open edits, and the files that the answers named.
  working := CASE WHEN p_option_set_ids IS NULL THEN run.working_answers - keepstep_keys(run.working_answers)
    ELSE run.working_answers - p_option_set_ids END;
  gone := gone || jsonb_build_array(run.working_answers - keepstep_keys(working));
  UPDATE wizard_runs SET
    working_answers = working,
    save_number = save_number + (working_answers IS NOT NULL)::int,
    respondent = CASE WHEN p_option_set_ids IS NOT NULL THEN respondent END,
    request_digest = CASE WHEN p_option_set_ids IS NOT NULL THEN request_digest END,
    erased_at = CASE WHEN p_option_set_ids IS NULL THEN p_at ELSE erased_at END,
    updated_at = p_at
  WHERE id = p_run_id;
  DELETE FROM migration_resolutions
  WHERE run_id = p_run_id AND (p_option_set_ids IS NULL OR option_set_id::text = ANY (p_option_set_ids));
  IF p_option_set_ids IS NULL THEN
    DELETE FROM edits WHERE run_id = p_run_id;
  ELSE
    gone := gone || (
      SELECT coalesce(jsonb_agg(answers - keepstep_keys(answers - p_option_set_ids)), '[]') FROM edits WHERE run_id = p_run_id);
    UPDATE edits SET answers = answers - p_option_set_ids WHERE run_id = p_run_id AND answers ?| p_option_set_ids;
  END IF;
  file_ids := ARRAY(SELECT DISTINCT value #>> '{}' FROM jsonb_path_query(gone, '$.**.file_id') AS value);
  WITH deleted AS (
    DELETE FROM files WHERE run_id = p_run_id AND (p_option_set_ids IS NULL OR id::text = ANY (file_ids) AND NOT EXISTS (
      SELECT FROM run_revisions AS kept
      WHERE kept.run_id = p_run_id
        AND strpos(kept.answers::text || kept.archive::text || coalesce(working, '{}')::text, files.id::text) > 0))
    RETURNING id, sha256)
  SELECT jsonb_build_object(
    'number', coalesce(latest.number, 0) + 1,
    'revisions', coalesce((SELECT jsonb_agg(key::int ORDER BY key::int) FROM jsonb_object_keys(named) AS key), '[]'),
    'answers', (SELECT count(*) FROM jsonb_path_query(named, '$.*.*.*')),
    'files', coalesce((SELECT jsonb_agg(jsonb_build_object('id', id, 'sha256', encode(sha256, 'hex')) ORDER BY id) FROM deleted), '[]'))
  INTO result;

  INSERT INTO audit_events (id, at, actor, channel, action, subject_kind, subject_id, wizard_id, run_id, details)
  VALUES (p_event_id, p_at, p_actor, p_channel, 'run.erased', 'run', p_run_id::text, run.origin_wizard_id, p_run_id,
    jsonb_build_object('number', result -> 'number', 'option_sets', cardinality(p_option_set_ids), 'revisions', result -> 'revisions',
      'answers', result -> 'answers', 'files', jsonb_array_length(result -> 'files')));
  RETURN result;
END
""",
    returns="jsonb",
    options="SECURITY DEFINER",
)
