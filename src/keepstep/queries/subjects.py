"""Everything that is stored under the name of one respondent, over all wizards: runs, their files, invitations; and beside it the runs
that hold the name as an answer (queries/subject_answers.py). Reads only.

A respondent is found by exactly what was stored: two people may differ in a capital letter alone. Other spellings are named, never taken
along. The trash is part of it; runs that are erased whole are not, since nobody's name stands there any more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, func, literal, or_, select, union

from keepstep.core.counts import RunStatus
from keepstep.db.tables import files, invitations, wizard_runs, wizard_versions, wizards
from keepstep.db.transaction import Read
from keepstep.errors import RequestInvalid
from keepstep.queries.files import StoredFile
from keepstep.queries.invitations import Invitation, invitations_of
from keepstep.queries.run_lists import among
from keepstep.queries.subject_answers import mentions_of

_MOST_SPELLINGS: Final = 10
_RUN: Final = wizard_runs.c


@dataclass(frozen=True, slots=True)
class SubjectRun:
    """A run of the respondent; `state` is its ETag, by which a change since is told."""

    id: str
    wizard_id: str
    version_number: int
    status: RunStatus
    started_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    trashed_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class SubjectWizard:
    """A wizard that holds something of the respondent. `slug` is None once it was removed."""

    id: str
    slug: str | None
    name: str


@dataclass(frozen=True, slots=True)
class InWizard:
    """How much one wizard holds of the respondent; `trashed` of the runs lie in the trash."""

    wizard: SubjectWizard
    runs: int
    trashed: int
    files: int
    invitations: int


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A run that holds the name as an answer to these questions (id → wording). `chosen`: it goes with those of the respondent."""

    run: SubjectRun
    wizard: SubjectWizard
    answers: Mapping[str, str]
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Everything of one respondent, in the order in which it came. `invitations` with the id of the wizard of each.

    `spellings`: names that differ from it in case alone. `mentions`: runs that hold it as an answer and are under no name of theirs;
    those that somebody chose are among `runs`, too.
    """

    respondent: str
    runs: Sequence[SubjectRun]
    files: Sequence[StoredFile]
    invitations: Sequence[tuple[str, Invitation]]
    wizards: Sequence[SubjectWizard]
    spellings: Sequence[str]
    mentions: Sequence[Mentioned] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.runs or self.invitations)

    def by_wizard(self) -> Sequence[InWizard]:
        """The counts of each wizard, in the order of their names."""
        return [_in_wizard(self, wizard) for wizard in self.wizards]


def _in_wizard(subject: Subject, wizard: SubjectWizard) -> InWizard:
    runs = [run for run in subject.runs if run.wizard_id == wizard.id]
    held = sum(file.wizard_id == wizard.id for file in subject.files)
    invited = sum(wizard_id == wizard.id for wizard_id, _ in subject.invitations)
    return InWizard(wizard, len(runs), sum(run.trashed_at is not None for run in runs), held, invited)


def runs_under(respondent: str) -> ColumnElement[bool]:
    """The runs that hold anything of the respondent: under the name, or begun by an invitation of theirs and under no other name."""
    invited = select(invitations.c.run_id).where(invitations.c.respondent == respondent, invitations.c.run_id.is_not(None))
    by_invitation = and_(_RUN.respondent.is_(None), _RUN.id.in_(invited))
    return and_(or_(_RUN.respondent == respondent, by_invitation), _RUN.erased_at.is_(None))


async def find_subject(tx: Read, respondent: str, also: Collection[str] = ()) -> Subject:
    """Whatever there is; one that is empty where nothing is stored under this name. Six statements, whatever their number.

    `also`: runs that hold it as an answer and go with the respondent's own. Raises RequestInvalid for one that does not.
    """
    own = await _runs(tx, respondent)
    under = {run.id for run in own}
    held = [each for each in await mentions_of(tx, respondent) if each.run.id not in under]
    if not set(also) <= {each.run.id for each in held}:
        detail = "Each of these runs must hold it as an answer, and be under no name of the respondent's."
        raise RequestInvalid(detail, errors=[{"pointer": "/runs", "code": "not-mentioned", "detail": detail}])
    chosen = [_run(each.run) for each in held if each.run.id in also]
    runs = sorted((*own, *chosen), key=lambda run: run.id)
    invited = await invitations_of(tx, respondent)
    ids = {run.wizard_id for run in runs} | {wizard_id for wizard_id, _ in invited}
    known = await _wizards(tx, ids | {each.run.origin_wizard_id for each in held})
    by_id = {each.id: each for each in known}
    return Subject(
        respondent=respondent,
        runs=runs,
        files=await _files(tx, [run.id for run in runs]),
        invitations=invited,
        wizards=[each for each in known if each.id in ids],
        spellings=await _spellings(tx, respondent),
        mentions=[Mentioned(_run(each.run), by_id[each.run.origin_wizard_id], each.answers, each.run.id in also) for each in held],
    )


async def _runs(tx: Read, respondent: str) -> Sequence[SubjectRun]:
    columns = (_RUN.id, _RUN.origin_wizard_id, wizard_versions.c.version_number, _RUN.status, _RUN.revision, _RUN.save_number)
    times = (_RUN.started_at, _RUN.updated_at, _RUN.completed_at, _RUN.trashed_at)
    joined = wizard_runs.join(wizard_versions, wizard_versions.c.id == _RUN.wizard_version_id)
    found = await tx.rows(select(*columns, *times).select_from(joined).where(runs_under(respondent)).order_by(_RUN.id))
    return [_run(row) for row in found]


def _run(row: Row[Any]) -> SubjectRun:
    names = ("id", "version_number", "status", "started_at", "updated_at", "completed_at", "trashed_at")
    given = {name: getattr(row, name) for name in names}
    return SubjectRun(**given, wizard_id=row.origin_wizard_id, state=f"{row.revision}.{row.save_number}")


async def _files(tx: Read, run_ids: Sequence[str]) -> Sequence[StoredFile]:
    if not run_ids:
        return ()
    own = files.c
    theirs = select(files).join(wizard_runs, _RUN.id == own.run_id).where(among(run_ids)).order_by(own.run_id, own.id)
    return [
        StoredFile(row.id, row.wizard_id, row.run_id, row.name, row.size, row.media_type, bytes(row.sha256).hex())
        for row in await tx.rows(theirs)
    ]


async def _wizards(tx: Read, ids: set[str]) -> Sequence[SubjectWizard]:
    """In the order of their names. A wizard that only an administrator of the database can have deleted is named by its id."""
    columns = (wizards.c.id, wizards.c.slug, wizards.c.name)
    rows: Sequence[Any] = await tx.rows(select(*columns).where(wizards.c.id.in_(sorted(ids)))) if ids else ()
    known = {row.id: SubjectWizard(row.id, row.slug, row.name) for row in rows}
    return sorted((known.get(each) or SubjectWizard(each, None, each) for each in ids), key=lambda each: (each.name.casefold(), each.id))


async def _spellings(tx: Read, respondent: str) -> Sequence[str]:
    either = union(
        *(select(column).where(func.lower(column) == func.lower(literal(respondent)), column != respondent) for column in _NAMES)
    ).subquery()
    return await tx.scalars(select(either.c.respondent).order_by(either.c.respondent).limit(_MOST_SPELLINGS))


_NAMES: Final = (_RUN.respondent, invitations.c.respondent)
