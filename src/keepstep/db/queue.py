"""Putting a job into the queue in the transaction of what it is about: both are stored, or neither. Must not know tasks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, text
from sqlalchemy.types import Text

from keepstep.db.tables import Json, Moment
from keepstep.db.transaction import Write

# The library's own function, which wakes a worker when this commits (docs/decisions/0024).
_DEFER: Final = text(
    """
    SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('default', CAST(:task AS text), 0, NULL, NULL, CAST(:args AS jsonb), :at)
      ::procrastinate_job_to_defer_v1])
    """
).bindparams(bindparam("task", type_=Text), bindparam("args", type_=Json), bindparam("at", type_=Moment))


async def defer(tx: Write, task: str, args: Mapping[str, Any], *, at: datetime | None = None) -> None:
    """Has a worker do this task; not before `at`. Arguments are ids, never answers."""
    await tx.execute(_DEFER, {"task": task, "args": dict(args), "at": at})
