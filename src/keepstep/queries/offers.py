"""Which version a respondent is offered who comes back to a run: that which is live, where it was published so. Reads only."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, select

from keepstep.core.moving import Subject, decide
from keepstep.core.ways import Prepared
from keepstep.db.tables import plans, run_revisions, wizard_versions, wizards
from keepstep.db.transaction import Read
from keepstep.queries.movable import subject_of
from keepstep.queries.passages import Passage
from keepstep.queries.plans import StoredPlan, load_plan, prepared_plan
from keepstep.queries.runs import RunState, load_run_at
from keepstep.queries.versions import Version, version_by_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The version that a run may go to, the plan by which, and the run before and after. `declined`: its respondent said no already."""

    target: Version
    stored: StoredPlan
    prepared: Prepared
    before: Subject
    after: Subject
    declined: bool = False


_OFFERED: Final[Select[Any]] = (
    select(plans.c.id, plans.c.target_id)
    .select_from(wizards.join(plans, plans.c.target_id == wizards.c.active_version_id))
    .where(wizards.c.id == bindparam("wizard_id"), wizards.c.removed_at.is_(None), plans.c.policy == "offer")
)


async def find_offer(tx: Read, passage: Passage) -> Offer | None:
    """What this run is offered now; None for a run that is complete, on the live version already, or that the plan cannot move whole:
    it finishes where it is.
    """
    state = passage.state
    if state.status == "completed":
        return None
    row = await tx.one_or_none(_OFFERED, {"wizard_id": state.origin_wizard_id})
    if row is None or row.target_id == state.version.id:
        return None
    stored = await load_plan(tx, row.id)
    prepared, before = await prepared_plan(tx, stored), subject_of(state)
    after = decide(before, prepared).moved
    if after is None:
        return None
    target = await version_by_id(tx, row.target_id)
    if target.digest == state.version.digest:
        # Rolled back to the very questions that the run has: there is nothing to tell, and nothing to decide.
        return None
    declined = passage.declined_version_id == target.id
    return Offer(target=target, stored=stored, prepared=prepared, before=before, after=after, declined=declined)


async def last_on(tx: Read, state: RunState, number: int | None = None) -> RunState | None:
    """The run as it was last stored on version `number`; None: on whichever version it was before this one. None where it never was."""
    own = run_revisions.c
    versions = run_revisions.join(wizard_versions, wizard_versions.c.id == own.wizard_version_id)
    other = own.wizard_version_id != state.version.id if number is None else wizard_versions.c.version_number == number
    statement = select(own.revision).select_from(versions).where(own.run_id == state.id, other).order_by(own.revision.desc()).limit(1)
    revision = await tx.scalar(statement)
    return None if revision is None else await load_run_at(tx, state.id, revision)


async def last_job(tx: Read, run_id: str) -> str | None:
    """The job that moved the run last, there or back."""
    own = run_revisions.c
    moves = select(own.job_id).where(own.run_id == run_id, own.job_id.is_not(None))
    found: str | None = await tx.scalar(moves.order_by(own.revision.desc()).limit(1))
    return found
