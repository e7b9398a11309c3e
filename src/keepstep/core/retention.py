"""How long a wizard keeps its runs: the rule in `wizards.settings` under `retention`, as a value, and which runs are due by it.

Live and not part of a version. Must not know what is stored, nor what becomes of a run that is due.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from keepstep.core.counts import RunStatus
from keepstep.core.issue import Issue

After = Literal["completion", "last_activity"]
Then = Literal["trash", "erase"]
AFTER: Final[tuple[After, ...]] = get_args(After)
THEN: Final[tuple[Then, ...]] = get_args(Then)
# A century: records of health and of work are kept for decades.
LONGEST: Final = 36_525


@dataclass(frozen=True, slots=True)
class Retention:
    """`days` after its completion, or after anything was last done to it, a run goes to the trash or is erased."""

    after: After
    days: int
    then: Then

    def due_before(self, now: datetime) -> datetime:
        """Whose time lies before this moment is due."""
        return now - timedelta(days=self.days)

    def to_settings(self) -> dict[str, Any]:
        """As it is stored."""
        return {"after": self.after, "days": self.days, "then": self.then}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """What the rule asks of a run."""

    status: RunStatus
    updated_at: datetime
    completed_at: datetime | None
    trashed_at: datetime | None
    erased_at: datetime | None


def is_due(rule: Retention, run: RunTimes, now: datetime) -> bool:
    """A run in the trash can still be erased, not trashed once more; one that was erased whole has nothing left to erase.

    By completion only runs that are completed are due: one that was never sent has no such time.
    """
    if (run.trashed_at if rule.then == "trash" else run.erased_at) is not None:
        return False
    if rule.after == "last_activity":
        return run.updated_at < rule.due_before(now)
    return run.status == "completed" and run.completed_at is not None and run.completed_at < rule.due_before(now)


def from_settings(settings: Mapping[str, Any] | None) -> Retention | None:
    """The rule of a wizard with these settings, which were checked when they were stored; None where it is off."""
    stored = (settings or {}).get("retention")
    return None if stored is None else Retention(stored["after"], stored["days"], stored["then"])


def faults_of(given: Any) -> tuple[Issue, ...]:
    """Everything that is wrong with a rule as it was given; null switches it off."""
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        return (Issue("", "not-an-object", "An object with after, days and then, or null."),)
    unknown = [Issue(f"/{name}", "setting-unknown", f"There is no {str(name)[:80]!r} here.") for name in given if name not in _NAMES]
    return (*unknown, *_wrong_days(given.get("days")), *_not_among("after", given, AFTER), *_not_among("then", given, THEN))


_NAMES: Final = ("after", "days", "then")


def _wrong_days(days: Any) -> tuple[Issue, ...]:
    if isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= LONGEST:
        return ()
    return (Issue("/days", "out-of-range", f"A whole number of days from 1 to {LONGEST:,}."),)


def _not_among(name: str, given: Mapping[str, Any], known: tuple[str, ...]) -> tuple[Issue, ...]:
    if given.get(name) in known:
        return ()
    return (Issue(f"/{name}", "choice-unknown", f"One of {', '.join(known)}."),)
