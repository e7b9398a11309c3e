"""How SQL and BI tools see answers: one row for each option set of a run's version, with its state and its own wording.

Must not decide anything that core decides: `state` here follows semantics 2 from what is stored.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class View:
    name: str
    query: str


# As core.flow.is_answered has it: a value, or "other" text alone.
_ANSWERED: Final = (
    """coalesce((given.envelope -> 'value') NOT IN ('null', '""', '[]'), false) OR coalesce(given.envelope ->> 'other', '') <> ''"""
)

# `answered_at` is when the value that stands now was stored, not when its revision was: a run that was moved to another
# version in May was still answered in March. Runs of a single revision, nearly all of them, pay no subquery.
_ANSWERED_AT: Final = f"""
  CASE WHEN NOT ({_ANSWERED}) THEN NULL
    WHEN r.revision = 1 THEN r.at
    ELSE (
      SELECT min(since.at) FROM run_revisions AS since
      WHERE since.run_id = r.run_id AND since.revision <= r.revision AND since.revision > coalesce((
        SELECT max(other.revision) FROM run_revisions AS other
        WHERE other.run_id = r.run_id AND other.revision < r.revision
          AND ((other.answers || other.archive) -> given.name -> 'value' IS DISTINCT FROM given.envelope -> 'value'
            OR (other.answers || other.archive) -> given.name -> 'other' IS DISTINCT FROM given.envelope -> 'other')), 0))
  END"""  # noqa: S608 - constants of this module

# The second half lists the archive: an archived answer keeps the wording of the last version that asked it. Entries of the
# archive that never belonged to an option set (columns of an import) have their name as key and no id.
RUN_RESPONSES_ALL: Final = View(
    "run_responses_all",
    f"""
SELECT
  r.run_id, r.revision, v.version_number, o.step_id, o.option_set_id, o.key,
  CASE
    WHEN {_ANSWERED} THEN 'answered'
    WHEN given.envelope IS NULL AND r.leaves -> 'answers' ? given.name THEN 'erased'
    WHEN r.archive <> '{{}}' AND EXISTS (
      SELECT FROM jsonb_each(r.archive) AS parked
      WHERE parked.value ? 'conflict' AND coalesce(parked.value -> 'conflict' ->> 'to', parked.key) = given.name) THEN 'conflict'
    WHEN given.asked THEN 'empty'
    ELSE 'not_asked'
  END AS state,
  given.asked,
  o.option_set_snapshot, o.step_snapshot,
  given.envelope AS response_value,
  {_ANSWERED_AT} AS answered_at
FROM run_revisions AS r
JOIN wizard_versions AS v ON v.id = r.wizard_version_id
JOIN version_option_sets AS o ON o.version_id = r.wizard_version_id
CROSS JOIN LATERAL (
  SELECT
    o.option_set_id::text AS name,
    r.answers -> o.option_set_id::text AS envelope,
    o.position < length(r.asked) AND substring(r.asked FROM o.position + 1 FOR 1) = B'1' AS asked
) AS given
UNION ALL
SELECT
  r.run_id, r.revision, v.version_number, o.step_id,
  CASE WHEN given.name ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$' THEN given.name::uuid END AS option_set_id,
  coalesce(o.key, given.name) AS key,
  CASE WHEN given.envelope IS NULL THEN 'erased' ELSE 'archived' END AS state,
  false AS asked,
  o.option_set_snapshot, o.step_snapshot,
  given.envelope AS response_value,
  {_ANSWERED_AT} AS answered_at
FROM run_revisions AS r
JOIN wizard_versions AS v ON v.id = r.wizard_version_id
CROSS JOIN LATERAL (
  SELECT key AS name, value AS envelope FROM jsonb_each(r.archive)
  UNION ALL
  SELECT key, NULL FROM jsonb_object_keys(r.leaves -> 'archive') AS key WHERE NOT r.archive ? key
) AS given
LEFT JOIN LATERAL (
  SELECT s.step_id, s.key, s.option_set_snapshot, s.step_snapshot
  FROM run_revisions AS earlier
  JOIN version_option_sets AS s ON s.version_id = earlier.wizard_version_id AND s.option_set_id::text = given.name
  WHERE earlier.run_id = r.run_id AND earlier.revision < r.revision
  ORDER BY earlier.revision DESC LIMIT 1
) AS o ON true
""",  # noqa: S608 - constants of this module
)

RUN_RESPONSES: Final = View(
    "run_responses",
    """
SELECT responses.*
FROM wizard_runs AS run
JOIN run_responses_all AS responses ON responses.run_id = run.id AND responses.revision = run.revision
""",
)

VIEWS: Final = (RUN_RESPONSES_ALL, RUN_RESPONSES)


def create_view(view: View) -> str:
    """The statement that puts a view in place. Columns are only ever added, so that views of others on top of it stay."""
    return f"CREATE OR REPLACE VIEW {view.name} AS {view.query}"
