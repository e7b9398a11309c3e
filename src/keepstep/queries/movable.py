"""Stored states of runs as the values that are moved. Works on what was read; must not know plans."""

from typing import Any

from sqlalchemy import Row

from keepstep.core.moving import Subject
from keepstep.queries.runs import RunState, clock_in, clock_of


def subject_of(state: RunState) -> Subject:
    """The run as far as moving it goes."""
    return Subject(
        version_id=state.version.id,
        answers=state.answers,
        archive=state.archive,
        asked=state.asked,
        is_completed=state.status == "completed",
        language=state.language,
        clock=clock_of(state),
    )


def out_of_reach(state: RunState) -> str:
    """Why no job decides about this run, as `core.migration_counts.LEFT` calls it; "" for one that can be moved."""
    if state.erased_at is not None:
        return "erased"
    return "trashed" if state.trashed_at is not None else ""


def subject_of_row(row: Row[Any]) -> Subject:
    """The same of a row of `run_revisions`."""
    return Subject(
        version_id=row.wizard_version_id,
        answers=row.answers,
        archive=row.archive,
        asked=row.asked,
        is_completed=row.status == "completed",
        language=row.language,
        clock=clock_in(row.evaluated_at, row.evaluated_zone),
    )
