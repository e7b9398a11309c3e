"""What a job counts: runs by outcome, in all and by version, why, and a few of each to look at. Must not know storage or values.

A piece of a job counts for itself; the pieces add up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from keepstep.core.moving import OUTCOMES, Reason

SAMPLES: Final = 20
"""Of each outcome, as many runs are named as somebody looks at side by side."""
OPEN: Final = ("needs-answer", "conflicts", "blocked")
"""Outcomes that a person has to do something about."""
LEFT: Final = ("changed_since_preview", "arrived_late", "still_active", "trashed", "erased", "moved_on", "taken_back", "failed")
"""Why a run was not even decided about. `still_active`: its respondent went on answering for as long as the job waited. `moved_on`: another
job has moved it since, which has to be taken back first. `taken_back`: it is
back already. `failed`: a fault of the program, which its log holds."""

Counted = tuple[str, str, str, str]
"""Version id, option set id, outcome, code."""


@dataclass(slots=True)
class Tallies:
    """`outcomes`: every run once, in its gravest. `moved`: of those, what moved, or would. `samples`: (run id, revision) by outcome."""

    outcomes: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    by_version: dict[str, Counter[str]] = field(default_factory=dict)
    reasons: Counter[Counted] = field(default_factory=Counter)
    samples: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        return sum(self.outcomes.values())

    @property
    def moving(self) -> int:
        return sum(self.moved.values())

    @property
    def open(self) -> int:
        """Runs that wait for a person: they stayed, and not because somebody else changed them."""
        return sum(self.outcomes[outcome] - self.moved[outcome] for outcome in OPEN)

    def take(self, run: tuple[str, int], version_id: str, outcome: str, reasons: Iterable[Reason], *, moves: bool) -> None:
        """One run, given as (id, revision)."""
        self.outcomes[outcome] += 1
        if moves:
            self.moved[outcome] += 1
        self.by_version.setdefault(version_id, Counter())[outcome] += 1
        for each in {(version_id, reason.option_set_id, reason.outcome, reason.code) for reason in reasons}:
            self.reasons[each] += 1
        named = self.samples.setdefault(outcome, [])
        if len(named) < SAMPLES:
            named.append(run)

    def add(self, other: "Tallies") -> None:
        """With what another piece counted."""
        self.outcomes.update(other.outcomes)
        self.moved.update(other.moved)
        self.reasons.update(other.reasons)
        for version_id, outcomes in other.by_version.items():
            self.by_version.setdefault(version_id, Counter()).update(outcomes)
        for outcome, runs in other.samples.items():
            named = self.samples.setdefault(outcome, [])
            named += runs[: SAMPLES - len(named)]

    def to_json(self) -> dict[str, Any]:
        """As it is stored; `tallies_of` reads it back."""
        return {
            "outcomes": dict(self.outcomes),
            "moved": dict(self.moved),
            "by_version": {version_id: dict(counts) for version_id, counts in self.by_version.items()},
            "reasons": [[*what, count] for what, count in sorted(self.reasons.items())],
            "samples": {outcome: [list(run) for run in runs] for outcome, runs in self.samples.items()},
        }


def tallies_of(stored: Mapping[str, Any] | None) -> Tallies:
    """What `to_json` gave; nothing for None."""
    if not stored:
        return Tallies()
    return Tallies(
        outcomes=Counter(stored["outcomes"]),
        moved=Counter(stored["moved"]),
        by_version={version_id: Counter(counts) for version_id, counts in stored["by_version"].items()},
        reasons=Counter({(version, name, outcome, code): count for version, name, outcome, code, count in stored["reasons"]}),
        samples={outcome: [(run, revision) for run, revision in runs] for outcome, runs in stored["samples"].items()},
    )


def groups_of(tallies: Tallies) -> list[dict[str, Any]]:
    """The groups that a page shows, in their order; those of nobody are left out but for the five of a decision."""
    names = (*OUTCOMES, *(name for name in LEFT if tallies.outcomes[name]))
    return [{"outcome": name, "runs": tallies.outcomes[name], "moves": tallies.moved[name]} for name in names]
