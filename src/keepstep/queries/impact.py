"""What is stored under a wizard, counted exactly, in the shape that `core.impact` reads: never estimated, never sampled.

Counted are working copies of runs in progress and head revisions of the others. Must not know which change asks.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql import bindparam

from keepstep.core.counts import Counts, RunTally, Tally
from keepstep.db.transaction import Read

# Groups are bits of a bigint.
_GROUPS_AT_ONCE: Final = 60

# Adding nothing to the document unpacks it, once for the whole row; OFFSET 0 keeps the planner from doing it again in every
# place that reads from it. Without the two, three option sets take twice as long.
_HELD: Final = """
  SELECT run.status, version.version_number, run.trashed_at IS NOT NULL AS trashed, run.updated_at,
    coalesce(run.working_answers, head.answers) || '{}' AS answers
  FROM wizard_runs AS run
  JOIN wizard_versions AS version ON version.id = run.wizard_version_id
  LEFT JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision AND run.working_answers IS NULL
  WHERE run.origin_wizard_id = CAST(:wizard_id AS uuid)
  OFFSET 0
"""
# Empty is what the core calls unanswered: null, an empty text, no choice. An "other" text alone is an answer.
_ANSWERED: Final = "(envelope -> 'value' NOT IN ('null', '\"\"', '[]') OR envelope ? 'other')"

_TALLIED: Final = (
    text(f"""
  SELECT option_set_id, status, version_number, trashed, envelope -> 'value' AS value, envelope ->> 'other' AS other,
    count(*) AS runs, min(updated_at) AS oldest, max(updated_at) AS newest
  FROM ({_HELD}) AS held CROSS JOIN LATERAL (
    SELECT wanted, held.answers -> wanted FROM unnest(CAST(:option_sets AS text[])) AS wanted OFFSET 0
  ) AS given (option_set_id, envelope)
  WHERE {_ANSWERED}
  GROUP BY 1, 2, 3, 4, 5, 6
""")  # noqa: S608 - constants of this module
    .bindparams(bindparam("option_sets", type_=ARRAY(Text)))
    .columns(value=JSONB)
)
# Millions of answers are grouped in memory instead of on disk, for this transaction alone.
_ROOM: Final = text("SELECT set_config('work_mem', '128MB', true)")
_MANY: Final = 10
_RUNS: Final = text("""
  SELECT run.status, version.version_number, run.trashed_at IS NOT NULL AS trashed, count(*) AS runs
  FROM wizard_runs AS run JOIN wizard_versions AS version ON version.id = run.wizard_version_id
  WHERE run.origin_wizard_id = CAST(:wizard_id AS uuid)
  GROUP BY 1, 2, 3
""")
# `masks`: for each option set, one bit for each group that it is in.
_TOGETHER: Final = text(f"""
  SELECT status, version_number, trashed, met.mask, count(*) AS runs
  FROM ({_HELD}) AS held CROSS JOIN LATERAL (
    SELECT bit_or(CAST(CAST(:masks AS jsonb) ->> key AS bigint)) AS mask
    FROM jsonb_each(held.answers) AS given (key, envelope)
    WHERE CAST(:masks AS jsonb) ? key AND {_ANSWERED}
  ) AS met
  WHERE met.mask IS NOT NULL
  GROUP BY 1, 2, 3, 4
""").bindparams(bindparam("masks", type_=JSONB))  # noqa: S608 - constants of this module


async def stored_counts(
    tx: Read, wizard_id: str, option_sets: Collection[str], groups: Collection[frozenset[str]] = (), *, as_of: datetime
) -> Counts:
    """What is stored of these option sets, and the runs that answered any of each group. A wizard without runs costs one query."""
    runs = await count_run_tallies(tx, wizard_id)
    if not runs:
        return Counts(as_of)
    answers = await _answers(tx, wizard_id, sorted(option_sets)) if option_sets else {}
    together: dict[frozenset[str], tuple[RunTally, ...]] = {}
    for batch in _batches(sorted(groups, key=sorted)):
        together |= await _together(tx, wizard_id, batch)
    return Counts(as_of, answers, runs, together)


async def count_run_tallies(tx: Read, wizard_id: str) -> tuple[RunTally, ...]:
    """All runs of the wizard by status, version and trash."""
    rows = await tx.rows(_RUNS, {"wizard_id": wizard_id})
    return tuple(RunTally(row.runs, row.status, row.version_number, row.trashed) for row in rows)


async def _answers(tx: Read, wizard_id: str, option_sets: Sequence[str]) -> Mapping[str, tuple[Tally, ...]]:
    if len(option_sets) > _MANY:
        await tx.scalar(_ROOM)
    found: dict[str, list[Tally]] = {item: [] for item in option_sets}
    for row in await tx.rows(_TALLIED, {"wizard_id": wizard_id, "option_sets": option_sets}):
        tally = Tally(row.value, row.runs, row.status, row.version_number, row.other, row.trashed, row.oldest, row.newest)
        found[row.option_set_id].append(tally)
    return {item: tuple(tallies) for item, tallies in found.items()}


def _batches(groups: Sequence[frozenset[str]]) -> Iterator[Sequence[frozenset[str]]]:
    for start in range(0, len(groups), _GROUPS_AT_ONCE):
        yield groups[start : start + _GROUPS_AT_ONCE]


async def _together(tx: Read, wizard_id: str, groups: Sequence[frozenset[str]]) -> Mapping[frozenset[str], tuple[RunTally, ...]]:
    masks: dict[str, int] = {}
    for bit, group in enumerate(groups):
        for option_set_id in group:
            masks[option_set_id] = masks.get(option_set_id, 0) | 1 << bit
    rows = await tx.rows(_TOGETHER, {"wizard_id": wizard_id, "masks": masks})
    return {
        group: tuple(RunTally(row.runs, row.status, row.version_number, row.trashed) for row in rows if row.mask >> bit & 1)
        for bit, group in enumerate(groups)
    }


_ALL_ANSWERS: Final = text(f"""
  SELECT coalesce(sum(held.answered), 0) FROM (
    SELECT (SELECT count(*) FROM jsonb_each(held.answers) AS given (key, envelope) WHERE {_ANSWERED}) AS answered
    FROM ({_HELD}) AS held WHERE NOT held.trashed
  ) AS held
""")  # noqa: S608 - constants of this module


async def count_answers(tx: Read, wizard_id: str) -> int:
    """Every stored answer of the wizard, trashed runs left out."""
    return int(await tx.scalar(_ALL_ANSWERS, {"wizard_id": wizard_id}))
