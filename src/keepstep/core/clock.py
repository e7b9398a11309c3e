"""The time of one evaluation, as a value: the edge makes it, so that the same inputs give the same result for ever."""

from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """`at` is aware and already in the local time of `zone` (an IANA name), so that core needs no time-zone data."""

    at: datetime
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a clock needs an aware time: which day it is depends on the zone")

    @property
    def today(self) -> date:
        """The date in `zone`."""
        return self.at.date()


def utc_text(moment: datetime) -> str:
    """The moment as every answer writes times: RFC 3339 in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
