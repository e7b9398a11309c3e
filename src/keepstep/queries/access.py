"""How a wizard stands towards those who would begin it in public: open or not, and how many of its places are taken."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import func, select

from keepstep.core.access import MAX_RUNS, Access, from_settings
from keepstep.core.admission import refused_by_limit, refused_by_time
from keepstep.db.tables import wizard_runs
from keepstep.db.transaction import Read
from keepstep.queries.wizards import Wizard

State = Literal["open", "not_yet_open", "closed", "full", "unpublished", "trashed"]
# What takes a place: begun or finished, and there. An abandoned run gives its place back; somebody who resumes it is not refused.
_COUNTED: Final = (wizard_runs.c.trashed_at.is_(None), wizard_runs.c.status != "abandoned")


@dataclass(frozen=True, slots=True)
class Standing:
    """`runs`: those that count for the limit."""

    access: Access
    state: State
    runs: int


async def standing_of(tx: Read, wizard: Wizard, now: datetime) -> Standing:
    access = from_settings(wizard.settings)
    runs = await count_for_limit(tx, wizard.id, MAX_RUNS)
    return Standing(access, _state(wizard, access, now, runs), runs)


def _state(wizard: Wizard, access: Access, now: datetime, runs: int) -> State:
    if wizard.trashed_at is not None:
        return "trashed"
    if wizard.active_version_id is None:
        return "unpublished"
    refused = refused_by_time(access, now)
    if refused is not None:
        return "not_yet_open" if refused.refusal == "not_yet_open" else "closed"
    return "full" if refused_by_limit(access, runs) else "open"


async def count_for_limit(tx: Read, wizard_id: str, most: int) -> int:
    """The runs that count for the limit, up to `most`: in progress or completed, and not in the trash."""
    each = select(wizard_runs.c.id).where(wizard_runs.c.origin_wizard_id == wizard_id, *_COUNTED).limit(most)
    return int(await tx.scalar(select(func.count()).select_from(each.subquery())))
