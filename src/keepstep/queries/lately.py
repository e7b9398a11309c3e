"""What happened lately on the wizards that somebody may see, and which drafts wait to be published. Never an answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import func, select

from keepstep.core.audit_words import deed_of
from keepstep.core.permissions import Actor, visible_wizards
from keepstep.db.tables import audit_events, draft_edits, users, wizard_versions, wizards
from keepstep.db.transaction import Read

# What concerns a wizard as a whole or many of its runs; single runs would fill the list.
KINDS: Final = (
    "draft.edited",
    "draft.undone",
    "draft.redone",
    "wizard.created",
    "wizard.changed",
    "wizard.imported",
    "wizard.published",
    "wizard.trashed",
    "wizard.restored",
    "wizard.removed",
    "wizard.runs_imported",
)

# Edits come in rows of dozens, and a row of them is one entry here.
_LOOKED_AT: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One entry of the audit trail with the names of the wizard and of who did it; `by` is None for the system.

    `more`: edits of the same draft by the same person directly before it, which have no entry of their own here.
    """

    at: datetime
    by: str | None
    action: str
    details: Mapping[str, Any]
    wizard_name: str
    wizard_slug: str | None
    more: int = 0

    @property
    def deed(self) -> str:
        """What was done, as the audit trail says it."""
        return deed_of(self.action, self.details)

    def goes_on_from(self, other: Self) -> bool:
        """Whether both are edits of one draft by one person."""
        edits = self.action.startswith("draft.") and other.action.startswith("draft.")
        return edits and (self.wizard_slug, self.by) == (other.wizard_slug, other.by)


async def happened_lately(tx: Read, actor: Actor, *, limit: int) -> Sequence[Happening]:
    """The newest first. One query, along the index of the trail."""
    event = audit_events.c
    joined = audit_events.join(wizards, wizards.c.id == event.wizard_id).outerjoin(users, users.c.id == event.actor)
    columns = (event.at, users.c.name.label("by"), event.action, event.details)
    names = (wizards.c.name.label("wizard_name"), wizards.c.slug.label("wizard_slug"))
    wanted = [event.action.in_(KINDS)]
    visible = visible_wizards(actor)
    if visible is not None:
        wanted.append(event.wizard_id.in_(sorted(visible)))
    statement = select(*columns, *names).select_from(joined).where(*wanted)
    rows = await tx.rows(statement.order_by(event.at.desc(), event.id.desc()).limit(_LOOKED_AT))
    return _together(Happening(**row._asdict()) for row in rows)[:limit]


def _together(found: Iterable[Happening]) -> list[Happening]:
    shown: list[Happening] = []
    for each in found:
        if shown and each.goes_on_from(shown[-1]):
            shown[-1] = replace(shown[-1], more=shown[-1].more + 1)
        else:
            shown.append(each)
    return shown


async def open_since(tx: Read, wizard_ids: Sequence[str]) -> Mapping[str, datetime]:
    """When each of these drafts was first edited after its active version was published, or at all without one. One query."""
    joined = wizards.join(draft_edits, draft_edits.c.wizard_id == wizards.c.id).outerjoin(
        wizard_versions, wizard_versions.c.id == wizards.c.active_version_id
    )
    published = func.coalesce(wizard_versions.c.created_at, wizards.c.created_at)
    wanted = (wizards.c.id.in_(wizard_ids), draft_edits.c.at >= published)
    since = func.min(draft_edits.c.at).label("since")
    rows = await tx.rows(select(wizards.c.id, since).select_from(joined).where(*wanted).group_by(wizards.c.id)) if wizard_ids else ()
    return {row.id: row.since for row in rows}
