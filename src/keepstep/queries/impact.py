"""What is stored under a wizard, counted exactly, in the shape that `core.impact` reads: never estimated, never sampled.

Counted are working copies of runs in progress and head revisions of the others. Must not know which change asks.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, cast

from sqlalchemy import text

from keepstep.core.counts import Counts, RunStatus, RunTally, Tally
from keepstep.db.transaction import Read
from keepstep.queries.counting import Grouped

_HELD: Final = """
  FROM wizard_runs AS run
  JOIN wizard_versions AS version ON version.id = run.wizard_version_id
  LEFT JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision AND run.working_answers IS NULL
"""
_ANSWERS: Final = "coalesce(run.working_answers, head.answers)"
_SLOT: Final = "run.status, version.version_number, run.trashed_at IS NULL"
_RUNS: Final = text("""
  SELECT run.status, version.version_number, run.trashed_at IS NOT NULL AS trashed, count(*) AS runs
  FROM wizard_runs AS run JOIN wizard_versions AS version ON version.id = run.wizard_version_id
  WHERE run.origin_wizard_id = CAST(:wizard_id AS uuid)
  GROUP BY 1, 2, 3
""")
# Every core may help: what costs is unpacking the documents.
EAGER: Final = text("""
  SELECT set_config('work_mem', '64MB', true), set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true)
""")
# The database groups by the stored text of the answer, which has one spelling for one JSONB value. COPY, not a cursor: a
# cursor would forbid parallel plans. Collation "C", since the order matters to nobody and the bytes are compared fastest.
_GROUPED: Final = """
  SELECT {slot}, given.option_set_id COLLATE "C", given.envelope COLLATE "C", count(*), min(run.updated_at), max(run.updated_at)
  {held} {given}
  WHERE run.origin_wizard_id = {wizard_id}::uuid AND given.envelope IS NOT NULL AND given.option_set_id = ANY({option_sets})
  GROUP BY 1, 2, 3, 4, 5
"""
_WALKED: Final = f"CROSS JOIN LATERAL jsonb_each_text({_ANSWERS}) AS given (option_set_id, envelope)"
# A few option sets are taken out of each document by name; for many it is faster to walk it once and take what is wanted.
# The two met at about 25 of 100.
_BY_NAME: Final = 20
# A row of a function has at most 1,664 columns.
_COLUMNS: Final = 1_000
_Kind = tuple[RunStatus, int, bool]
"""Status, version number, trashed."""


def _is_answer(envelope: str) -> str:
    """The condition in SQL that an envelope holds an answer, as `counting` has it; null without an envelope."""
    return f"({envelope} -> 'value' NOT IN ('null', '\"\"', '[]') OR {envelope} ? 'other')"


async def stored_counts(
    tx: Read, wizard_id: str, option_sets: Collection[str], groups: Collection[frozenset[str]] = (), *, as_of: datetime
) -> Counts:
    """What is stored of these option sets, and the runs that answered any of each group. A wizard without runs costs one query."""
    runs = await count_run_tallies(tx, wizard_id)
    wanted = sorted(frozenset(option_sets).union(*groups))
    if not runs or not wanted:
        return Counts(as_of, {}, runs)
    await tx.rows(EAGER)
    answers = await _answers_to(tx, wizard_id, wanted)
    told = {group: _told_by((answers[item] for item in group), runs) for group in groups}
    asked = [group for group, known in told.items() if known is None]
    together = {group: known for group, known in told.items() if known is not None}
    for pack in _packs(asked):
        together |= await _runs_together(tx, wizard_id, pack)
    return Counts(as_of, answers, runs, together)


async def count_run_tallies(tx: Read, wizard_id: str) -> tuple[RunTally, ...]:
    """All runs of the wizard by status, version and trash."""
    rows = await tx.rows(_RUNS, {"wizard_id": wizard_id})
    return tuple(RunTally(row.runs, row.status, row.version_number, row.trashed) for row in rows)


async def _answers_to(tx: Read, wizard_id: str, option_sets: Sequence[str]) -> Mapping[str, tuple[Tally, ...]]:
    grouped = Grouped(option_sets)
    given = _taken_by_name(option_sets) if len(option_sets) <= _BY_NAME else _WALKED
    names = {"wizard_id": _quoted(wizard_id), "option_sets": _array(option_sets)}
    await tx.copy_out(_GROUPED.format(slot=_SLOT, held=_HELD, given=given, **names), grouped.take)
    # A million different answers take seconds: not in the event loop.
    return await asyncio.to_thread(grouped.answers)


def _taken_by_name(option_sets: Sequence[str]) -> str:
    pairs = ", ".join(f"({_quoted(item)}, held.{_named(item)})" for item in option_sets)
    return f"{_record(option_sets, 'text')} CROSS JOIN LATERAL (VALUES {pairs}) AS given (option_set_id, envelope)"


def _record(option_sets: Iterable[str], kind: str) -> str:
    """These members of the document as columns of `held`: it is unpacked once for all of them."""
    columns = ", ".join(f"{_named(item)} {kind}" for item in option_sets)
    return f"CROSS JOIN LATERAL jsonb_to_record({_ANSWERS}) AS held ({columns})"


# --- runs that answered any of a group -----------------------------------------------------------------------------


def _told_by(answers: Iterable[tuple[Tally, ...]], runs: tuple[RunTally, ...]) -> tuple[RunTally, ...] | None:
    """What the answers to a group tell already: all runs of a kind if all answered one option set of it, and none if none answered any."""
    most: Counter[_Kind] = Counter()
    for tallies in answers:
        held: Counter[_Kind] = Counter()
        for tally in tallies:
            held[_kind(tally)] += tally.count
        most |= held
    told = tuple(run for run in runs if most[_kind(run)])
    return told if all(most[_kind(run)] == run.count for run in told) else None


def _kind(tally: Tally | RunTally) -> _Kind:
    return tally.status, tally.version_number, tally.trashed


def _packs(groups: Iterable[frozenset[str]]) -> Iterator[list[frozenset[str]]]:
    """The groups in packs, each for one look at every document."""
    pack: list[frozenset[str]] = []
    for group in groups:
        if pack and sum(map(len, pack)) + len(group) > _COLUMNS:
            yield pack
            pack = []
        pack.append(group)
    if pack:
        yield pack


async def _runs_together(tx: Read, wizard_id: str, groups: Sequence[frozenset[str]]) -> Mapping[frozenset[str], tuple[RunTally, ...]]:
    found: dict[frozenset[str], list[RunTally]] = {group: [] for group in groups}

    def take(lines: bytes) -> None:
        for line in lines.decode().splitlines():
            status, version_number, live, *counts = line.split("\t")
            for group, count in zip(groups, map(int, counts), strict=True):
                if count:
                    found[group].append(RunTally(count, cast("RunStatus", status), int(version_number), live == "f"))

    named = sorted(frozenset().union(*(group for group in groups if len(group) <= _COLUMNS)))
    counted = ", ".join(f"count(*) FILTER (WHERE {_any_of(group)})" for group in groups)
    held = f"{_HELD} {_record(named, 'jsonb')}" if named else _HELD
    await tx.copy_out(f"SELECT {_SLOT}, {counted} {held} WHERE run.origin_wizard_id = {_quoted(wizard_id)}::uuid GROUP BY 1, 2, 3", take)
    return {group: tuple(runs) for group, runs in found.items()}


def _any_of(group: frozenset[str]) -> str:
    """Whether the run answered any; the first answer that is found ends the search."""
    if len(group) > _COLUMNS:
        members = _array(sorted(group))
        return f"EXISTS (SELECT FROM jsonb_each({_ANSWERS}) AS given (id, envelope) WHERE id = ANY({members}) AND {_is_answer('envelope')})"
    return " OR ".join(f"coalesce({_is_answer(f'held.{_named(item)}')}, false)" for item in sorted(group))


def _array(ids: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(map(_quoted, ids))}]"


def _quoted(literal: str) -> str:
    return "'" + literal.replace("'", "''") + "'"


def _named(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


# --- all of them ---------------------------------------------------------------------------------------------------

# Every stored answer of the wizard, trashed runs left out.
_ALL_ANSWERS: Final = text(f"""
  SELECT coalesce(sum(held.answered), 0) FROM (
    SELECT (SELECT count(*) FROM jsonb_each({_ANSWERS}) AS given (key, envelope) WHERE {_is_answer("envelope")}) AS answered
    {_HELD} WHERE run.origin_wizard_id = CAST(:wizard_id AS uuid) AND run.trashed_at IS NULL
  ) AS held
""")  # noqa: S608 - constants of this module


async def count_answers(tx: Read, wizard_id: str) -> int:
    """Every stored answer of the wizard, trashed runs left out."""
    await tx.rows(EAGER)
    return int(await tx.scalar(_ALL_ANSWERS, {"wizard_id": wizard_id}))
