"""What a job makes of some runs, and that as rows: decided for all of them first, then written with a handful of statements.

Deciding and digesting work on values alone, in a thread, so that a worker goes on saying that it lives. Must not know ranges or leases.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Boolean, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from keepstep.actions.context import Context
from keepstep.actions.revisions import COLUMNS, NewRevision, revision_values, stored_as
from keepstep.core.migration_counts import OPEN, Tallies
from keepstep.core.moving import Reason, Subject
from keepstep.db.tables import Cause, Id, Moment, RunStatus, migration_items, run_revisions
from keepstep.db.transaction import UNIQUE, Write
from keepstep.errors import Stale
from keepstep.queries.migration_jobs import Job
from keepstep.queries.movable import Standing
from keepstep.queries.plans import Versions

JOB_COLUMNS: Final = (*COLUMNS, "job_id")
ITEM_COLUMNS: Final = ("run_id", "job_id", "number", "outcome", "option_set_id", "code", "revision", "moved", "actor", "at")


@dataclass(frozen=True, slots=True)
class Look:
    """What a job made of one run: its outcome, why, and what it becomes; None where it stays as it is. `now` is the run as it is."""

    state: Standing
    outcome: str
    reasons: tuple[Reason, ...] = ()
    moved: Subject | None = None
    now: Subject | None = None


@dataclass(slots=True)
class Batch:
    """Rows of one batch, and what it counts. `heads`: the runs' rows as they are once their new revisions are stored."""

    is_undo: bool = False
    tallies: Tallies = field(default_factory=Tallies)
    revisions: list[Sequence[Any]] = field(default_factory=list)
    checkpointed: list[str] = field(default_factory=list)
    heads: list[tuple[str, str, str, str | None, str]] = field(default_factory=list)
    items: list[Sequence[Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Writer:
    """By whom, when and for which job rows are written. Works without a database.

    `settles_needs`: the plan says what becomes of runs that lack a required answer, so that nobody is asked about one.
    """

    ctx: Context
    job: Job
    versions: Versions
    settles_needs: bool = False

    @property
    def cause(self) -> Cause:
        return "undo" if self.job.kind == "undo" else "migration"

    def batch(self, looks: Iterable[Look]) -> Batch:
        """All that these runs come to. A preview counts alone."""
        batch = Batch(is_undo=self.job.kind == "undo")
        for look in looks:
            state = look.state
            moves = look.moved is not None
            batch.tallies.take((state.id, state.head_revision), state.version_id, look.outcome, look.reasons, moves=moves)
            if self.job.kind == "preview":
                continue
            if look.moved is not None:
                self.write(batch, look, look.moved)
            batch.items += self.items(look)
        return batch

    def write(self, batch: Batch, look: Look, moved: Subject) -> None:
        """The run's working copy as a checkpoint, where it says more than the last revision; and what the run becomes."""
        state = look.state
        previous, number = state.digest, state.head_revision
        if state.is_working_copy and (number == 0 or state.save_number > 0):
            assert look.now is not None  # who saved something since is looked at as it is now
            number += 1
            kept = look.now, _status(state, look.now)
            checkpoint = self.revision(batch, self.new(state, number, kept, "checkpoint", previous), None)
            previous = stored_as(checkpoint, "content_digest")
            batch.checkpointed.append(state.id)
        status = _status(state, moved)
        stored = self.revision(batch, self.new(state, number + 1, (moved, status), self.cause, previous), self.job.id)
        working = None if status == "completed" else bytes(stored_as(stored, "answers")).decode()
        batch.heads.append((state.id, moved.version_id, status, working, moved.language))

    def new(self, state: Standing, number: int, what: tuple[Subject, RunStatus], cause: Cause, previous: bytes | None) -> NewRevision:
        subject, status = what
        return NewRevision(
            run_id=state.id,
            revision=number,
            version=self.versions[subject.version_id],
            language=subject.language,
            status=status,
            answers=subject.answers,
            archive=subject.archive,
            asked=subject.asked,
            evaluated_at=subject.clock.at,
            zone=subject.clock.zone,
            cause=cause,
            actor=self.ctx.actor.id,
            at=self.ctx.now,
            previous_digest=previous,
        )

    def revision(self, batch: Batch, new: NewRevision, job_id: str | None) -> Sequence[Any]:
        values = revision_values(new, self.ctx.make_salt())
        batch.revisions.append((*values, job_id))
        return values

    def items(self, look: Look) -> Iterator[Sequence[Any]]:
        """What has to be said of a run: why it stayed, or what a person has yet to decide although it moved."""
        open_reasons = [reason for reason in look.reasons if reason.outcome in OPEN]
        moved = look.moved is not None
        if moved and self.job.kind == "apply":
            # What a person settled (a run reopened, an answer waived) is no question any more; a parked answer is one.
            open_reasons = [reason for reason in open_reasons if reason.outcome == "conflicts"]
        elif self.settles_needs:
            # Nor is what the plan settles, in a run that another question holds up.
            open_reasons = [reason for reason in open_reasons if reason.outcome != "needs-answer"]
        # Of one question the gravest: an answer that does not convert is also one that the target lacks.
        open_reasons = list({reason.option_set_id: reason for reason in sorted(open_reasons, key=_gravity)}.values())
        if not moved and not open_reasons:
            yield self.item(look, 1, look.outcome, None, look.outcome)
        for number, reason in enumerate(open_reasons, start=1):
            yield self.item(look, number, reason.outcome, reason.option_set_id or None, reason.code)

    def item(self, look: Look, number: int, outcome: str, option_set_id: str | None, code: str) -> Sequence[Any]:
        state, moved = look.state, look.moved is not None
        return (state.id, self.job.id, number, outcome, option_set_id, code, state.head_revision, moved, None, self.ctx.now)


def _gravity(reason: Reason) -> int:
    return OPEN.index(reason.outcome)


def _status(state: Standing, moved: Subject) -> RunStatus:
    if moved.is_completed:
        return "completed"
    return "abandoned" if state.status == "abandoned" else "in_progress"


# --- storing it ------------------------------------------------------------------------------------------------------

_CHECKPOINTED: Final = text(
    "UPDATE wizard_runs SET revision = revision + 1, save_number = 0, updated_at = :now WHERE id = ANY (CAST(:ids AS uuid[]))"
).bindparams(bindparam("ids", type_=ARRAY(Text)), bindparam("now", type_=Moment))
# A run that becomes complete again has done so now, unless an undo makes it so: then it was complete since its last completion. verify
# takes that time from its revisions in the same way.
_MOVED: Final = text(
    """
    UPDATE wizard_runs AS run SET
      revision = run.revision + 1, save_number = 0, wizard_version_id = CAST(moved.version_id AS uuid), status = moved.status,
      working_answers = CAST(moved.working AS jsonb), language = moved.language, saved_by = :actor, updated_at = :now,
      completed_at = CASE WHEN moved.status <> 'completed' THEN NULL WHEN run.status = 'completed' THEN run.completed_at
        WHEN :is_undo THEN coalesce((
          SELECT CASE WHEN since.cause = 'import' THEN since.evaluated_at ELSE since.at END FROM run_revisions AS since
          WHERE since.run_id = run.id AND since.revision > (
            SELECT coalesce(max(open.revision), 0) FROM run_revisions AS open
            WHERE open.run_id = run.id AND open.status <> 'completed' AND open.revision < (
              SELECT max(last.revision) FROM run_revisions AS last WHERE last.run_id = run.id AND last.status = 'completed'))
          ORDER BY since.revision LIMIT 1), :now)
        ELSE :now END
    FROM unnest(CAST(:ids AS uuid[]), :versions, :statuses, :working, :languages) AS moved (id, version_id, status, working, language)
    WHERE run.id = moved.id
    """
).bindparams(
    *(bindparam(name, type_=ARRAY(Text)) for name in ("ids", "versions", "statuses", "working", "languages")),
    bindparam("actor", type_=Id),
    bindparam("now", type_=Moment),
    bindparam("is_undo", type_=Boolean),
)
_RACED: Final[Mapping[str, Stale]] = {UNIQUE: Stale("Someone stored a revision of these runs at the same moment.")}


async def store(ctx: Context, tx: Write, batch: Batch) -> None:
    """The rows of a batch, in the caller's transaction, which holds the locks of the runs. Five statements at most."""
    if batch.checkpointed:
        await tx.execute(_CHECKPOINTED, {"ids": batch.checkpointed, "now": ctx.now})
    if batch.heads:
        ids, versions, statuses, working, languages = (list(column) for column in zip(*batch.heads, strict=True))
        columns = {"ids": ids, "versions": versions, "statuses": statuses, "working": working, "languages": languages}
        await tx.execute(_MOVED, {**columns, "actor": ctx.actor.id, "now": ctx.now, "is_undo": batch.is_undo})
        await tx.copy(run_revisions, JOB_COLUMNS, batch.revisions, refused=_RACED)
    if batch.items:
        await tx.copy(migration_items, ITEM_COLUMNS, batch.items)
