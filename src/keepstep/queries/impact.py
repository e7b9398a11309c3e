"""What is stored under a wizard, counted exactly, in the shape that `core.impact` reads: never estimated, never sampled.

Counted are working copies of runs in progress and head revisions of the others. Must not know which change asks.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import text

from keepstep.core.counts import Counts, RunTally, Tally
from keepstep.db.transaction import Read
from keepstep.queries.counting import SEPARATOR, Passing, tallies_of

_HELD: Final = """
  FROM wizard_runs AS run
  JOIN wizard_versions AS version ON version.id = run.wizard_version_id
  LEFT JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision AND run.working_answers IS NULL
"""
_ANSWERS: Final = "coalesce(run.working_answers, head.answers)"
_SLOT: Final = "concat_ws(' ', run.status, version.version_number, CASE WHEN run.trashed_at IS NULL THEN 'live' ELSE 'trashed' END)"
_RUNS: Final = text("""
  SELECT run.status, version.version_number, run.trashed_at IS NOT NULL AS trashed, count(*) AS runs
  FROM wizard_runs AS run JOIN wizard_versions AS version ON version.id = run.wizard_version_id
  WHERE run.origin_wizard_id = CAST(:wizard_id AS uuid)
  GROUP BY 1, 2, 3
""")
# One option set: the database groups. The document is unpacked once for each run, and every core may help; that is what costs.
_ONE: Final = text(f"""
  SELECT {_SLOT} AS slot, CAST({_ANSWERS} -> CAST(:option_set_id AS text) AS text) AS given,
    count(*) AS runs, min(run.updated_at) AS oldest, max(run.updated_at) AS newest
  {_HELD} WHERE run.origin_wizard_id = CAST(:wizard_id AS uuid)
  GROUP BY 1, 2
""")
_EAGER: Final = text("""
  SELECT set_config('work_mem', '64MB', true), set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true)
""")
# Several: grouping each by each would hold millions of groups, so the database only takes the answers out and `counting` counts
# meanwhile. Sorted are references to documents. An array holds its elements unpacked, so that each is unpacked once; OFFSET 0
# keeps the planner from joining the levels into one, which would undo both.
_MANY: Final = """
  SELECT slot, updated_at, array_to_string(ARRAY[{lookups}], E'{separator}', '')
  FROM (
    SELECT slot, updated_at, ARRAY[answers] AS held
    FROM (
      SELECT {slot} AS slot, run.updated_at, {answers} AS answers
      {held} WHERE run.origin_wizard_id = {wizard_id}::uuid
      ORDER BY run.status COLLATE "C", version.version_number, run.trashed_at IS NULL, run.updated_at
      OFFSET 0
    ) AS sorted
    OFFSET 0
  ) AS unpacked
"""


async def stored_counts(
    tx: Read, wizard_id: str, option_sets: Collection[str], groups: Collection[frozenset[str]] = (), *, as_of: datetime
) -> Counts:
    """What is stored of these option sets, and the runs that answered any of each group. A wizard without runs costs one query."""
    runs = await count_run_tallies(tx, wizard_id)
    if not runs:
        return Counts(as_of)
    wanted = sorted(frozenset(option_sets).union(*groups))
    if len(wanted) <= 1:
        return Counts(as_of, {item: await _answers_to(tx, wizard_id, item) for item in wanted}, runs)
    passing = await _passing(tx, wizard_id, wanted, groups)
    # A million different answers take seconds: not in the event loop.
    answers = await asyncio.to_thread(passing.answers)
    return Counts(as_of, answers, runs, passing.runs_together())


async def count_run_tallies(tx: Read, wizard_id: str) -> tuple[RunTally, ...]:
    """All runs of the wizard by status, version and trash."""
    rows = await tx.rows(_RUNS, {"wizard_id": wizard_id})
    return tuple(RunTally(row.runs, row.status, row.version_number, row.trashed) for row in rows)


async def _answers_to(tx: Read, wizard_id: str, option_set_id: str) -> tuple[Tally, ...]:
    await tx.rows(_EAGER)
    return tallies_of(await tx.rows(_ONE, {"wizard_id": wizard_id, "option_set_id": option_set_id}))


async def _passing(tx: Read, wizard_id: str, option_sets: Sequence[str], groups: Collection[frozenset[str]]) -> Passing:
    passing = Passing(option_sets, groups)
    lookups = ", ".join(f"held[1] -> {_quoted(item)}" for item in option_sets)
    await tx.copy_out(
        _MANY.format(
            lookups=lookups, separator=f"\\x{ord(SEPARATOR):02x}", slot=_SLOT, answers=_ANSWERS, held=_HELD, wizard_id=_quoted(wizard_id)
        ),
        passing.count,
    )
    return passing


def _quoted(literal: str) -> str:
    return "'" + literal.replace("'", "''") + "'"


# Every stored answer of the wizard, trashed runs left out.
_ALL_ANSWERS: Final = text(f"""
  SELECT coalesce(sum(held.answered), 0) FROM (
    SELECT (
      SELECT count(*) FROM jsonb_each({_ANSWERS}) AS given (key, envelope)
      WHERE envelope -> 'value' NOT IN ('null', '""', '[]') OR envelope ? 'other'
    ) AS answered
    {_HELD} WHERE run.origin_wizard_id = CAST(:wizard_id AS uuid) AND run.trashed_at IS NULL
  ) AS held
""")  # noqa: S608 - constants of this module


async def count_answers(tx: Read, wizard_id: str) -> int:
    """Every stored answer of the wizard, trashed runs left out."""
    await tx.rows(_EAGER)
    return int(await tx.scalar(_ALL_ANSWERS, {"wizard_id": wizard_id}))
