"""What is stored under a wizard, counted: the shape in which queries deliver it and impact reads it.

Counted are the answers of head revisions, and of working copies where a run is in progress; empty, archived and erased
answers are not. Must not know changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, get_args

from keepstep.core.conversion import Tried
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.structure import Structure

RunStatus = Literal["completed", "in_progress", "abandoned"]
STATUSES: Final[tuple[RunStatus, ...]] = get_args(RunStatus)


@dataclass(frozen=True, slots=True)
class Tally:
    """`count` runs of one status, on one version, that hold this answer to one option set (JSON value, and "other" text if any).

    `trashed` runs are counted apart. `oldest` and `newest`: when these runs were last changed.
    """

    value: Any
    count: int
    status: RunStatus
    version_number: int
    other: str | None = None
    trashed: bool = False
    oldest: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunTally:
    """`count` runs of one status on one version."""

    count: int
    status: RunStatus
    version_number: int
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """One snapshot, at `as_of`.

    `answers`: every tally of each option set asked for, by its id. `runs`: all runs of the wizard. `together`: for groups
    of option sets (see `impact.groups_to_count`), the runs that answered at least one of the group. `versions`: by number, the
    structures that answers of another type were given in; a version that is missing is taken for the one that changes. `tried`: the
    parameters that are kept with changes of type, which the answers are converted with.
    """

    as_of: datetime
    answers: Mapping[str, tuple[Tally, ...]] = field(default_factory=dict)
    runs: tuple[RunTally, ...] = ()
    together: Mapping[frozenset[str], tuple[RunTally, ...]] = field(default_factory=dict)
    versions: Mapping[int, Structure] = field(default_factory=dict)
    tried: Tried = field(default_factory=dict)


def total(tallies: Iterable[Tally | RunTally]) -> int:
    """How many there are, trashed runs left out."""
    return sum(tally.count for tally in tallies if not tally.trashed)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The stored answers that chose one option, by version number; those of trashed runs are counted apart."""

    by_version: Mapping[int, int] = field(default_factory=dict)
    trashed: int = 0

    @property
    def answers(self) -> int:
        return sum(self.by_version.values())


def chosen_options(tallies: Iterable[Tally]) -> Mapping[str, Chosen]:
    """What was chosen, by the value of the option: each option that any of these answers holds."""
    live: dict[str, dict[int, int]] = {}
    trashed: dict[str, int] = {}
    for tally in tallies:
        for value in tally.value if isinstance(tally.value, list) else [tally.value]:
            by_version = live.setdefault(str(value), {})
            if tally.trashed:
                trashed[str(value)] = trashed.get(str(value), 0) + tally.count
            else:
                by_version[tally.version_number] = by_version.get(tally.version_number, 0) + tally.count
    return {value: Chosen(dict(sorted(by_version.items())), trashed.get(value, 0)) for value, by_version in live.items()}


def distinct_values(tallies: Iterable[Tally]) -> tuple[tuple[Any, str | None, int], ...]:
    """`(value, other text, count)` of each distinct answer, the most frequent first, trashed runs left out."""
    found: dict[tuple[bytes, str | None], tuple[Any, int]] = {}
    for tally in tallies:
        if not tally.trashed:
            key = (canonical_bytes(tally.value), tally.other)
            found[key] = (tally.value, found.get(key, (None, 0))[1] + tally.count)
    ordered = sorted(found.items(), key=lambda item: (-item[1][1], item[0][0], item[0][1] or ""))
    return tuple((value, other, count) for (_, other), (value, count) in ordered)


def minus(runs: Iterable[RunTally], answered: Iterable[Tally | RunTally]) -> tuple[RunTally, ...]:
    """The runs that are not among the answered ones, by status and version."""
    left: dict[tuple[RunStatus, int, bool], int] = {}
    for tally, sign in [*((run, 1) for run in runs), *((answer, -1) for answer in answered)]:
        key = (tally.status, tally.version_number, tally.trashed)
        left[key] = left.get(key, 0) + sign * tally.count
    return tuple(RunTally(count, status, version, trashed) for (status, version, trashed), count in left.items() if count > 0)
