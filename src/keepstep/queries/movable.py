"""Stored states of runs as the values that are moved. Works on what was read; must not know plans."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, Select, and_, case, select

from keepstep.core.flow import AS_STORED, evaluate
from keepstep.core.moving import Subject
from keepstep.db.tables import run_revisions, wizard_runs
from keepstep.queries.migration_ranges import written_by
from keepstep.queries.runs import RunState, clock_in, clock_of
from keepstep.queries.versions import Version


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


class Standing(NamedTuple):
    """Where a run stands when a job comes to it: what its next revision follows, and whether it may have one at all.

    Read for hundreds of thousands of runs: no column that no job looks at.
    """

    id: str
    version_id: str
    status: str
    head_revision: int
    save_number: int
    digest: bytes | None
    at: datetime
    is_working_copy: bool
    trashed_at: datetime | None
    erased_at: datetime | None


def out_of_reach(state: RunState | Standing) -> str:
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


# --- many at once ----------------------------------------------------------------------------------------------------

_RUN: Final = wizard_runs.c
_HEAD: Final = run_revisions.c
_STANDING: Final = (
    _RUN.id,
    _RUN.wizard_version_id.label("run_version_id"),
    _RUN.status.label("run_status"),
    _RUN.revision.label("head_revision"),
    _RUN.save_number,
    _RUN.updated_at,
    _RUN.trashed_at,
    _RUN.erased_at,
    _RUN.working_answers.is_not(None).label("is_working_copy"),
)
_SUBJECT: Final = (
    _HEAD.wizard_version_id,
    _HEAD.language,
    _HEAD.status,
    _HEAD.answers,
    _HEAD.archive,
    _HEAD.asked,
    _HEAD.evaluated_at,
    _HEAD.evaluated_zone,
)


def movable_runs() -> Select[Any]:
    """What `standing_of_row` and `present_subject` read: each run with its working copy, or with its head where it has none."""
    own = (_RUN.working_answers, _RUN.language.label("run_language"), _HEAD.at, _HEAD.content_digest)
    head = and_(_HEAD.run_id == _RUN.id, _HEAD.revision == _RUN.revision)
    return select(*_STANDING, *own, *_SUBJECT).select_from(wizard_runs.outerjoin(run_revisions, head))


def standing_of_row(row: Row[Any]) -> Standing:
    """Of a run whose head has `content_digest` and `at`."""
    return Standing(
        row.id,
        row.run_version_id,
        row.run_status,
        row.head_revision,
        row.save_number,
        None if row.content_digest is None else bytes(row.content_digest),
        row.updated_at if row.is_working_copy else row.at,
        row.is_working_copy,
        row.trashed_at,
        row.erased_at,
    )


def present_subject(row: Row[Any], versions: Mapping[str, Version]) -> Subject:
    """The run as it is now: its working copy, evaluated as of its last save, else its head."""
    if row.working_answers is None:
        return subject_of_row(row)
    clock = clock_in(row.updated_at, row.evaluated_zone or "UTC")
    return Subject(
        version_id=row.run_version_id,
        answers=row.working_answers,
        archive=row.archive or {},
        asked=evaluate(versions[row.run_version_id].structure, row.working_answers, clock, AS_STORED).asked,
        is_completed=row.run_status == "completed",
        language=row.run_language,
        clock=clock,
    )


_MOVED: Final = run_revisions.alias("moved")
_LATER: Final = run_revisions.alias("later")


def moved_runs(job_id: str) -> Select[Any]:
    """Each run that a job moved, with what `subject_of_row` reads of it as it was before the move, and `standing_of_row` of one that is
    untouched: its head is what the move stored.

    `later_cause`: of the last revision that any job wrote after the move. Of a run that nobody touched since, the answers that the move
    made are not read: they go back whatever they are.
    """
    since = _LATER.c.run_id == _MOVED.c.run_id, _LATER.c.revision > _MOVED.c.revision, _LATER.c.job_id.is_not(None)
    last = select(_LATER.c.cause).where(*since).order_by(_LATER.c.revision.desc()).limit(1).scalar_subquery()
    more = (
        _MOVED.c.revision.label("moved_revision"),
        _MOVED.c.wizard_version_id.label("moved_version_id"),
        _MOVED.c.content_digest,
        _MOVED.c.at,
        case((_RUN.revision == _MOVED.c.revision, None), else_=last).label("later_cause"),
    )
    moved = and_(_MOVED.c.run_id == _RUN.id, written_by(job_id, _MOVED))
    before = and_(_HEAD.run_id == _RUN.id, _HEAD.revision == _MOVED.c.revision - 1)
    return select(*_STANDING, *more, *_SUBJECT).select_from(wizard_runs.join(_MOVED, moved).join(run_revisions, before))


def is_untouched(row: Row[Any]) -> bool:
    """Whether a run of `moved_runs` is as the move left it: no revision since, and nothing saved in its working copy."""
    return bool(row.head_revision == row.moved_revision and row.save_number == 0)
