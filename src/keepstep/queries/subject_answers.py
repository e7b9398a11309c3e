"""Runs that hold somebody's e-mail address, number or name as an answer, whoever began them: anonymous ones, too. Reads only.

Whose run it is nobody can tell from that: it may be their own, or that of somebody who named them. So they are listed apart, and taken
along only where a person chose them. One statement looks through every revision, the archives, the working copies and open edits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Any, Final

from sqlalchemy import Row, text

from keepstep.db.transaction import Read

MOST_FOUND: Final = 1_000
"""Of one search. More runs than that answer with a word, and not with a person."""
# What respondents write themselves. A code such as "blue" is nobody's name.
_TYPES: Final = ("email", "phone", "text_input", "textarea", "url")


@dataclass(frozen=True, slots=True)
class Mention:
    """A run, and which of its questions, or columns of an imported file, it was the answer to: ids with the newest wording of each."""

    run: Row[Any]
    answers: Mapping[str, str]


_FOUND: Final = text("""
  WITH held AS MATERIALIZED (
    SELECT DISTINCT run_id, jsonb_path_query(held_in, CAST(:which AS jsonpath), CAST(:given AS jsonb)) #>> '{}' AS name FROM (
      SELECT run_id, answers AS held_in FROM run_revisions
      UNION ALL SELECT run_id, archive FROM run_revisions WHERE archive <> '{}'
      UNION ALL SELECT id, working_answers FROM wizard_runs WHERE working_answers IS NOT NULL
      UNION ALL SELECT run_id, answers FROM edits
    ) AS every
    WHERE jsonb_path_exists(held_in, CAST(:any AS jsonpath), CAST(:given AS jsonb))
      OR jsonb_path_exists(held_in, '$.*.other ? (@ == $x)', CAST(:given AS jsonb))
  ), named AS (
    SELECT DISTINCT ON (option_set_id) own.option_set_id::text AS name, own.option_set_snapshot -> 'name' AS label,
      version.structure ->> 'default_language' AS language,
      own.option_set_snapshot ->> 'selection_type' AS kind
    FROM version_option_sets AS own JOIN wizard_versions AS version ON version.id = own.version_id
    WHERE own.option_set_id::text IN (SELECT name FROM held)
    ORDER BY option_set_id, version.version_number DESC
  )
  SELECT run.id::text AS id, run.origin_wizard_id::text AS origin_wizard_id, version.version_number, run.status, run.revision,
    run.save_number, run.started_at, run.updated_at, run.completed_at, run.trashed_at,
    jsonb_object_agg(held.name,
      CASE jsonb_typeof(named.label) WHEN 'object' THEN coalesce(named.label -> named.language, to_jsonb(held.name))
        ELSE coalesce(named.label, to_jsonb(held.name)) END) AS answers
  FROM held JOIN wizard_runs AS run ON run.id = held.run_id JOIN wizard_versions AS version ON version.id = run.wizard_version_id
    LEFT JOIN named ON named.name = held.name
  WHERE run.erased_at IS NULL AND (named.kind IS NULL OR named.kind = ANY(:types)) AND run.respondent IS DISTINCT FROM :respondent
  GROUP BY run.id, version.version_number ORDER BY run.id LIMIT :most
""")


async def mentions_of(tx: Read, respondent: str) -> Sequence[Mention]:
    """Runs under another name, or under none, in which this is a whole answer. E-mail addresses without difference of case."""
    given = {"any": f"$.*.value ? ({_test('@', respondent)})", "which": _which(respondent), "given": dumps({"x": respondent})}
    rows = await tx.rows(_FOUND, {**given, "types": list(_TYPES), "respondent": respondent, "most": MOST_FOUND})
    return [Mention(row, {name: str(label) for name, label in row.answers.items()}) for row in rows]


def _which(respondent: str) -> str:
    """The path to the names of the answers. It takes three times as long as whether there is one, so it is asked of those alone."""
    return f"$.keyvalue() ? ({_test('@.value.value', respondent)} || @.value.other == $x).key"


def _test(value: str, respondent: str) -> str:
    same = f"{value} == $x"
    return f'{same} || {value} like_regex {dumps(f"^{_plain(respondent)}$")} flag "i"' if "@" in respondent else same


def _plain(words: str) -> str:
    """The words as a regular expression of themselves."""
    return "".join(each if each.isalnum() else f"\\{each}" if each.isascii() and not each.isspace() else each for each in words)
