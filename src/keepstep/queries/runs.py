"""Stored runs as values: one run in its own version, and its revisions. Lists of runs are run_lists.py. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, FromClause, Row, Select, and_, bindparam, select

from keepstep.core.clock import Clock
from keepstep.core.flow import AS_STORED, Answers, Evaluation, evaluate
from keepstep.core.permissions import Actor, require
from keepstep.db.tables import run_revisions, wizard_runs, wizard_versions, wizards
from keepstep.db.transaction import Read
from keepstep.errors import RevisionNotFound, RunNotFound
from keepstep.queries.versions import Version, version_by_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run at one revision, or its working copy. `answers`: option set id → envelope. `asked`: one bit per option set.

    `digest` and `previous_digest` are None for a working copy that was never a revision. `erased`: leaf digests by id of
    what was erased from this revision.
    """

    id: str
    origin_wizard_id: str
    wizard_id: str | None
    version: Version
    status: str
    revision: int
    save_number: int
    head_revision: int
    language: str
    respondent: str | None
    started_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    trashed_at: datetime | None
    erased_at: datetime | None
    answers: Answers
    archive: Mapping[str, Any]
    asked: str
    evaluated_at: datetime
    zone: str
    digest: bytes | None
    cause: str | None
    actor: str | None
    at: datetime
    is_working_copy: bool
    erased: Mapping[str, str]

    @property
    def etag(self) -> str:
        """Semantics 5: `<revision>.<save_number>`."""
        return f"{self.head_revision}.{self.save_number}"


_RUN: Final = (
    wizard_runs.c.id,
    wizard_runs.c.origin_wizard_id,
    wizard_runs.c.wizard_id,
    wizard_runs.c.wizard_version_id,
    wizard_runs.c.status,
    wizard_runs.c.revision.label("head_revision"),
    wizard_runs.c.save_number,
    wizard_runs.c.working_answers,
    wizard_runs.c.language,
    wizard_runs.c.respondent,
    wizard_runs.c.saved_by,
    wizard_runs.c.started_at,
    wizard_runs.c.updated_at,
    wizard_runs.c.completed_at,
    wizard_runs.c.trashed_at,
    wizard_runs.c.erased_at,
)
_REVISION: Final = (
    run_revisions.c.revision.label("revision"),
    run_revisions.c.wizard_version_id.label("revision_version_id"),
    run_revisions.c.language.label("revision_language"),
    run_revisions.c.status.label("revision_status"),
    run_revisions.c.answers,
    run_revisions.c.archive,
    run_revisions.c.asked,
    run_revisions.c.evaluated_at,
    run_revisions.c.evaluated_zone,
    run_revisions.c.cause,
    run_revisions.c.actor,
    run_revisions.c.at,
    run_revisions.c.content_digest,
    run_revisions.c.leaves,
)


def _with_revision(number: ColumnElement[Any], runs: FromClause = wizard_runs, *more: ColumnElement[Any]) -> Select[Any]:
    joined = and_(run_revisions.c.run_id == wizard_runs.c.id, run_revisions.c.revision == number)
    return select(*_RUN, *_REVISION, *more).select_from(runs.outerjoin(run_revisions, joined))


def runs_with_heads(runs: FromClause, *more: ColumnElement[Any]) -> Select[Any]:
    """What `state_of_row` reads, from `wizard_runs` joined with something else, and further columns of that."""
    return _with_revision(wizard_runs.c.revision, runs, *more)


def runs_with_all_revisions() -> Select[Any]:
    """What `revision_state` reads: each revision of a run in a row of its own."""
    return select(*_RUN, *_REVISION).select_from(wizard_runs.join(run_revisions, run_revisions.c.run_id == wizard_runs.c.id))


_HEAD: Final = _with_revision(wizard_runs.c.revision).where(wizard_runs.c.id == bindparam("run_id"))
# A statement of its own: one that locks and joins would, after waiting for another change of the run, show the new row of the
# run beside what its snapshot saw of the revisions, where the new head is missing.
_LOCKED: Final = select(wizard_runs.c.id).where(wizard_runs.c.id == bindparam("run_id")).with_for_update()
_AT: Final = _with_revision(bindparam("number")).where(wizard_runs.c.id == bindparam("run_id"))


async def get_run(tx: Read, actor: Actor, run_id: str) -> RunState:
    """The run as it is now, for somebody who may view it. Raises RunNotFound, Forbidden."""
    return _viewed(actor, await load_run(tx, run_id))


async def get_run_at(tx: Read, actor: Actor, run_id: str, revision: int) -> RunState:
    """The run as a revision stored it, for somebody who may view it. Raises RunNotFound, RevisionNotFound, Forbidden."""
    return _viewed(actor, await load_run_at(tx, run_id, revision))


def _viewed(actor: Actor, state: RunState) -> RunState:
    require(actor, "view", state.origin_wizard_id)
    return state


async def load_run(tx: Read, run_id: str, *, locked: bool = False) -> RunState:
    """The run as it is now: its working copy while in progress, else its head revision. The caller decides who may. Raises RunNotFound.

    `locked` takes the row lock that a change of the run needs.
    """
    if locked:
        await tx.one_or_none(_LOCKED, {"run_id": run_id})
    row = await tx.one_or_none(_HEAD, {"run_id": run_id})
    if row is None:
        raise RunNotFound("There is no run with this id.")
    return await state_of_row(tx, row)


async def load_run_at(tx: Read, run_id: str, revision: int) -> RunState:
    """The run as revision `revision` stored it; the caller decides who may. Raises RunNotFound, RevisionNotFound."""
    row = await tx.one_or_none(_AT, {"run_id": run_id, "number": min(max(revision, 0), 2**31 - 1)})
    if row is None:
        raise RunNotFound("There is no run with this id.")
    if row.revision is None:
        raise RevisionNotFound(f"This run has no revision {revision}; its last one is {row.head_revision}.")
    return revision_state(row, await version_by_id(tx, row.revision_version_id))


def _shared(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "origin_wizard_id": row.origin_wizard_id,
        "wizard_id": row.wizard_id,
        "save_number": row.save_number,
        "head_revision": row.head_revision,
        "respondent": row.respondent,
        "started_at": row.started_at,
        "updated_at": row.updated_at,
        "completed_at": row.completed_at,
        "trashed_at": row.trashed_at,
        "erased_at": row.erased_at,
    }


def revision_state(row: Row[Any], version: Version) -> RunState:
    """The state that a row of run and revision holds."""
    return RunState(
        **_shared(row),
        version=version,
        status=row.revision_status,
        revision=row.revision,
        language=row.revision_language,
        answers=row.answers,
        archive=row.archive,
        asked=row.asked,
        evaluated_at=row.evaluated_at,
        zone=row.evaluated_zone,
        digest=bytes(row.content_digest),
        cause=row.cause,
        actor=row.actor,
        at=row.at,
        is_working_copy=False,
        erased=_erased(row),
    )


def _erased(row: Row[Any]) -> dict[str, str]:
    """Leaf digests whose content is gone, by id; see `core.integrity.Erased` for the stored form."""
    leaves = row.leaves
    if not leaves:
        return {}
    stored = {**leaves.get("answers", {}), **leaves.get("archive", {})}
    return {name: leaf for name, leaf in stored.items() if name not in row.answers and name not in row.archive}


def working_state(row: Row[Any], version: Version) -> RunState:
    """The working copy that a row of run and (possibly absent) head revision holds; evaluated as of its last save."""
    state = RunState(
        **_shared(row),
        version=version,
        status=row.status,
        revision=row.head_revision,
        language=row.language,
        answers=row.working_answers,
        archive=row.archive or {},
        asked="",
        evaluated_at=row.updated_at,
        zone=row.evaluated_zone or "UTC",
        digest=None if row.content_digest is None else bytes(row.content_digest),
        cause=row.cause,
        actor=row.saved_by,
        at=row.updated_at,
        is_working_copy=True,
        erased=_erased_from_working_copy(row, version),
    )
    return replace(state, asked=evaluation_of(state).asked)


def _erased_from_working_copy(row: Row[Any], version: Version) -> dict[str, str]:
    """A working copy leaves no leaves behind: of a run that was erased whole, nobody knows any more what was answered."""
    left = _erased(row) if row.leaves else {}
    if row.erased_at is not None:
        left = dict.fromkeys(version.structure.option_set_by_id, "") | left
    return {name: leaf for name, leaf in left.items() if name not in row.working_answers}


def clock_of(state: RunState) -> Clock:
    """The time that this state was evaluated at, in its zone."""
    return clock_in(state.evaluated_at, state.zone)


def clock_in(at: datetime, zone: str) -> Clock:
    """This moment in that zone."""
    return Clock(at.astimezone(ZoneInfo(zone)), zone)


def evaluation_of(state: RunState) -> Evaluation:
    """The evaluation of a state at its own time; its calculations stand as they are stored."""
    return evaluate(state.version.structure, state.answers, clock_of(state), AS_STORED)


# --- the run's wizard ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunWizard:
    """What a run says of its wizard. `slug` is None once the wizard was removed; `active_number` None before any version."""

    id: str
    slug: str | None
    name: str | None
    removed: bool
    active_number: int | None


async def wizard_of(tx: Read, origin_wizard_id: str) -> RunWizard:
    """The wizard that a run began in, whether it still exists or not."""
    active = wizards.join(wizard_versions, wizard_versions.c.id == wizards.c.active_version_id, isouter=True)
    columns = (wizards.c.slug, wizards.c.name, wizards.c.removed_at, wizard_versions.c.version_number)
    row = await tx.one_or_none(select(*columns).select_from(active).where(wizards.c.id == origin_wizard_id))
    if row is None:
        return RunWizard(origin_wizard_id, None, None, removed=True, active_number=None)
    return RunWizard(origin_wizard_id, row.slug, row.name, row.removed_at is not None, row.version_number)


# --- rows of lists --------------------------------------------------------------------------------------------------


async def state_of_row(tx: Read, row: Row[Any]) -> RunState:
    """The present state that a joined row holds; versions come from the cache after the first of each."""
    if row.working_answers is not None:
        return working_state(row, await version_by_id(tx, row.wizard_version_id))
    return revision_state(row, await version_by_id(tx, row.revision_version_id))


# --- revisions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RevisionLine:
    """One line of a run's history."""

    revision: int
    version_number: int
    status: str
    cause: str
    actor: str | None
    at: datetime
    digest: bytes
    erased: bool


async def list_revisions(tx: Read, actor: Actor, run_id: str, *, limit: int, after: int = 0) -> Sequence[RevisionLine]:
    """A page of a run's history, oldest first, from the revision after `after`. Raises RunNotFound, Forbidden."""
    origin = await tx.scalar(select(wizard_runs.c.origin_wizard_id).where(wizard_runs.c.id == run_id))
    if origin is None:
        raise RunNotFound("There is no run with this id.")
    require(actor, "view", origin)
    own = run_revisions.c
    columns = (own.revision, wizard_versions.c.version_number, own.status, own.cause, own.actor, own.at, own.content_digest, own.leaves)
    joined = run_revisions.join(wizard_versions, wizard_versions.c.id == own.wizard_version_id)
    following = (own.run_id == run_id, own.revision > after)
    rows = await tx.rows(select(*columns).select_from(joined).where(*following).order_by(own.revision).limit(limit))
    return [
        RevisionLine(
            row.revision, row.version_number, row.status, row.cause, row.actor, row.at, bytes(row.content_digest), row.leaves is not None
        )
        for row in rows
    ]
