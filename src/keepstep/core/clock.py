"""The time of one evaluation, as a value: the edge makes it, so that the same inputs give the same result for ever."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """`at` is aware and already in the local time of `zone` (an IANA name), so that core needs no time-zone data."""

    at: datetime
    zone: str = "UTC"

    @property
    def today(self) -> date:
        """The date in `zone`."""
        return self.at.date()
