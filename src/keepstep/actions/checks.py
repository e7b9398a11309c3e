"""That the integrity of what is stored was checked, put on record: who, when, how much, and what was found in numbers."""

from dataclasses import asdict, dataclass

from keepstep.actions.audit import event_of
from keepstep.actions.context import Context
from keepstep.core.permissions import require
from keepstep.db.audit import append_event
from keepstep.db.transaction import Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was looked at and found. `whole`: every run of the scope was looked at."""

    versions: int
    runs: int
    revisions: int
    altered: int
    answers: int
    unshown: int
    whole: bool


async def record_check(ctx: Context, tx: Write, wizard_id: str | None, counted: Counted) -> None:
    """`wizard_id` None: everything was looked at. For admins."""
    require(ctx.actor, "administer")
    event = event_of(
        ctx,
        action="integrity.checked",
        subject_kind="integrity",
        subject_id=wizard_id or "everything",
        wizard_id=wizard_id,
        details=asdict(counted),
    )
    await append_event(tx, event)
