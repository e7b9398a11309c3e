"""A migration job as people and clients read it. Works on values alone; answers are in none of it."""

from typing import Any, Final

from keepstep.core.migration_counts import groups_of
from keepstep.queries.migration_jobs import Job, Progress, Since

_OWN: Final = (
    "id",
    "plan_id",
    "kind",
    "state",
    "reason",
    "undoes",
    "preview_id",
    "continues",
    "frozen_at",
    "created_at",
    "created_by",
    "started_at",
    "finished_at",
    "canary",
)


def job_json(job: Job, progress: Progress, *, undo: Job | None = None) -> dict[str, Any]:
    """The job with how far it is. `undo`: the newest job that takes it back."""
    own = {name: getattr(job, name) for name in _OWN} | {"wizard_id": job.origin_wizard_id}
    taken_back = None if undo is None else {"job_id": undo.id, "state": undo.state}
    return own | {"scope": dict(job.scope), "expected": dict(job.expected), "undo": taken_back, "progress": progress_json(job, progress)}


def progress_json(job: Job, progress: Progress) -> dict[str, Any]:
    """`total` is what the preview counted, None without one; `seconds_left` None where nobody can tell. `moved` is what the job itself
    moved, `decided` what decisions made of the runs that it left to people, and `open` how many of them wait now.
    """
    tallies = progress.tallies
    since = progress.since or Since(waiting=tallies.open)
    total = sum(job.expected.values()) or None
    rate = progress.rate * max(progress.working, 1)
    waiting = max(total - tallies.runs, 0) if total is not None and job.is_active else None
    return {
        "runs": tallies.runs,
        "total": total,
        "moved": tallies.moving,
        "open": since.waiting,
        "decided": {"moved": since.moved, "stayed": since.stayed},
        "groups": groups_of(tallies),
        "pieces": progress.pieces,
        "working": progress.working,
        "runs_per_second": rate,
        "seconds_left": None if waiting is None or not rate else -(-waiting // rate),
    }
