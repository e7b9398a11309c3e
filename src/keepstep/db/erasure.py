"""The one door through which stored answers go: a database function that checks, removes, and leaves tombstone and audit event.

Its caller computes the leaf digests (core/integrity.py) and has decided that this may be; the function verifies what SQL can
see. Must not know why somebody erases.
"""

from typing import Final

from keepstep.db.guards import Function

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
    erased_at = CASE WHEN p_option_set_ids IS NULL THEN p_at ELSE erased_at END,
    updated_at = p_at
  WHERE id = p_run_id;
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
