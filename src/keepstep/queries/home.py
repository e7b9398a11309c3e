"""What the first page shows of each wizard. A constant number of queries, however many wizards there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from keepstep.core.permissions import Actor, visible_wizards
from keepstep.db.tables import wizard_versions, wizards
from keepstep.db.transaction import Read
from keepstep.queries.wizards import RunCounts, Wizard, WizardFilter, count_runs_by_wizard, list_wizards


@dataclass(frozen=True, slots=True)
class Overview:
    """One wizard, whether its draft differs from what is live, and its runs on all versions."""

    wizard: Wizard
    has_changes: bool
    runs: RunCounts


async def list_overviews(tx: Read, actor: Actor, chosen: WizardFilter, *, limit: int, after: str | None) -> Sequence[Overview]:
    """As `list_wizards`, with what the first page shows beside each. Three queries."""
    found = await list_wizards(tx, actor, chosen, limit=limit, after=after)
    ids = [wizard.id for wizard in found]
    counts = await count_runs_by_wizard(tx, ids)
    changed = await _with_changes(tx, ids)
    return [Overview(wizard, wizard.id in changed, counts.get(wizard.id, RunCounts())) for wizard in found]


async def _with_changes(tx: Read, ids: Sequence[str]) -> frozenset[str]:
    """The wizards whose draft is another structure than their active version; compared in the database, since both are large."""
    joined = wizards.outerjoin(wizard_versions, wizard_versions.c.id == wizards.c.active_version_id)
    differs = wizards.c.draft.is_distinct_from(wizard_versions.c.structure)
    return frozenset(await tx.scalars(select(wizards.c.id).select_from(joined).where(wizards.c.id.in_(ids), differs)))


async def count_trashed(tx: Read, actor: Actor) -> int:
    """How many wizards that this person may see are in the trash."""
    wanted = [wizards.c.removed_at.is_(None), wizards.c.trashed_at.is_not(None)]
    visible = visible_wizards(actor)
    if visible is not None:
        wanted.append(wizards.c.id.in_(sorted(visible)))
    return int(await tx.scalar(select(func.count()).select_from(wizards).where(*wanted)))
