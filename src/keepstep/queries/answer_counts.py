"""How many stored answers each option set of a wizard has, and in how many versions: what stands beside every question of the builder.

Exact as of the transaction's snapshot, in one statement, or three where something is counted. Counting reads every answer, seconds for a
million; so runs are counted in parts, and a part is counted anew only when a run in it was changed. Must not know which option sets
the draft has.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from sqlalchemy import text

from keepstep.db.transaction import Read
from keepstep.queries.impact import EAGER

# A run lies in the part of the week in which it was last changed, so that what goes on now leaves the old parts alone; and in
# one of four, so that a large import does not make a single part of everything.
_WEEK: Final = "CAST(extract(epoch FROM date_bin('7 days', run.updated_at, TIMESTAMPTZ '2001-01-01Z')) AS bigint)"
_PART: Final = f"({_WEEK} * 4 + (uuid_hash(run.id) & 3))"
# Whatever changes what a run holds changes one of these: a save, a new revision, a move to another version, an erasure, the trash.
_STATE: Final = """
  hash_record_extended(ROW(run.id, run.wizard_version_id, run.status, run.revision, run.save_number, run.updated_at, run.trashed_at), 0)
"""
_STATES: Final = text(f"""
  SELECT {_PART} AS part, count(*) AS runs, bit_xor({_STATE}) AS state
  FROM wizard_runs AS run
  WHERE run.origin_wizard_id = CAST(:wizard_id AS uuid)
  GROUP BY 1
""")  # noqa: S608 - constants of this module
# What counts as an answer is what queries/counting.py says: a value that is not empty, or a text of one's own.
_COUNTS: Final = text(f"""
  SELECT {_PART} AS part, given.key AS option_set_id, version.version_number, count(*) AS answers
  FROM wizard_runs AS run
  JOIN wizard_versions AS version ON version.id = run.wizard_version_id
  LEFT JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision AND run.working_answers IS NULL
  CROSS JOIN LATERAL jsonb_each(coalesce(run.working_answers, head.answers)) AS given (key, envelope)
  WHERE run.origin_wizard_id = CAST(:wizard_id AS uuid) AND run.trashed_at IS NULL AND {_PART} = ANY(CAST(:parts AS bigint[]))
    AND (given.envelope -> 'value' NOT IN ('null', '""', '[]') OR given.envelope ? 'other')
  GROUP BY 1, 2, 3
""")  # noqa: S608 - constants of this module

_Part = Mapping[tuple[str, int], int]
"""Answers by option set and version number."""


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """The stored answers of one node, trashed runs left out, by version number."""

    by_version: Mapping[int, int] = field(default_factory=dict)

    @property
    def answers(self) -> int:
        return sum(self.by_version.values())

    @property
    def versions(self) -> int:
        return len(self.by_version)


NONE: Final = AnswerCount()


class _Counted:
    """The parts of the wizards that were counted last, each with the state that it was counted in."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._wizards: OrderedDict[str, Mapping[int, tuple[int, _Part]]] = OrderedDict()
        self._lock = Lock()

    def get(self, wizard_id: str) -> Mapping[int, tuple[int, _Part]]:
        with self._lock:
            return self._wizards.get(wizard_id, {})

    def put(self, wizard_id: str, parts: Mapping[int, tuple[int, _Part]]) -> None:
        with self._lock:
            self._wizards[wizard_id] = parts
            self._wizards.move_to_end(wizard_id)
            while len(self._wizards) > self._most:
                self._wizards.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._wizards.clear()


# Two hundred parts of 500 questions are a year of a busy wizard, about 20 MB; most wizards have a handful.
_counted: Final = _Counted(32)


def forget_counts() -> None:
    """As in a process that has just begun: for measuring."""
    _counted.clear()


async def answer_counts(tx: Read, wizard_id: str, *, at_most: int | None = None) -> Mapping[str, AnswerCount] | None:
    """Every option set that has a stored answer, by its id, those that were deleted long ago included.

    With `at_most`, None when more runs than that would have to be read: whoever cannot wait asks again later, without it.
    """
    states = {row.part: row for row in await tx.rows(_STATES, {"wizard_id": wizard_id})}
    known = {part: kept for part, kept in _counted.get(wizard_id).items() if part in states and kept[0] == states[part].state}
    missing = states.keys() - known.keys()
    if at_most is not None and sum(states[part].runs for part in missing) > at_most:
        return None
    if missing:
        found = await _count(tx, wizard_id, missing)
        known |= {part: (states[part].state, found.get(part, {})) for part in missing}
        _counted.put(wizard_id, known)
    return _summed(part for _, part in known.values())


async def _count(tx: Read, wizard_id: str, parts: Collection[int]) -> Mapping[int, _Part]:
    await tx.rows(EAGER)
    found: dict[int, dict[tuple[str, int], int]] = {}
    for row in await tx.rows(_COUNTS, {"wizard_id": wizard_id, "parts": sorted(parts)}):
        found.setdefault(row.part, {})[row.option_set_id, row.version_number] = row.answers
    return found


def _summed(parts: Iterable[_Part]) -> Mapping[str, AnswerCount]:
    sums: dict[str, dict[int, int]] = {}
    for part in parts:
        for (option_set_id, version_number), answers in part.items():
            by_version = sums.setdefault(option_set_id, {})
            by_version[version_number] = by_version.get(version_number, 0) + answers
    return {option_set_id: AnswerCount(dict(sorted(by_version.items()))) for option_set_id, by_version in sums.items()}


def together(counts: Mapping[str, AnswerCount], option_sets: Iterable[str]) -> AnswerCount:
    """What these option sets have in sum: the answers of a step."""
    sums: dict[int, Any] = {}
    for option_set_id in option_sets:
        for version_number, answers in counts.get(option_set_id, NONE).by_version.items():
            sums[version_number] = sums.get(version_number, 0) + answers
    return AnswerCount(dict(sorted(sums.items())))
