"""What stands above every page of a wizard: how many versions and runs it has, and when its draft was last saved. One query."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from keepstep.db.tables import draft_edits, wizard_runs, wizard_versions
from keepstep.db.transaction import Read


@dataclass(frozen=True, slots=True)
class Frame:
    """`runs` on whatever version, those in the trash left out. `saved_at` is None while nobody has edited the draft."""

    versions: int
    runs: int
    saved_at: datetime | None


async def frame_of(tx: Read, wizard_id: str) -> Frame:
    versions = select(func.count()).where(wizard_versions.c.origin_wizard_id == wizard_id).scalar_subquery()
    runs = select(func.count()).where(wizard_runs.c.origin_wizard_id == wizard_id, wizard_runs.c.trashed_at.is_(None)).scalar_subquery()
    last = select(draft_edits.c.at).where(draft_edits.c.wizard_id == wizard_id).order_by(draft_edits.c.revision.desc()).limit(1)
    row = await tx.row(select(versions.label("versions"), runs.label("runs"), last.scalar_subquery().label("saved_at")))
    return Frame(row.versions, row.runs, row.saved_at)
