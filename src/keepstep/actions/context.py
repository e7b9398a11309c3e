"""What an action gets from the edge: who acts, the time, and where ids and salts come from. A value, passed as first argument."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from keepstep.core.clock import Clock
from keepstep.core.permissions import Actor


@dataclass(frozen=True, slots=True)
class Context:
    """`now` is aware and in the local time of `zone`; `make_id` gives a new UUIDv7 as text; `make_salt` 16 random bytes.

    `secret` signs confirm tokens and cursors.
    """

    actor: Actor
    now: datetime
    zone: str
    make_id: Callable[[], str]
    make_salt: Callable[[], bytes]
    secret: bytes

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.zone)
