"""What tests of the daily work and the queue share: a calendar that only they move."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class Calendar:
    """The time of these tests, which only they move."""

    now: datetime = field(default_factory=lambda: datetime(2026, 6, 1, 3, 0, tzinfo=UTC))

    def pass_by(self, days: float) -> None:
        self.now += timedelta(days=days)
