"""What the frame above a wizard's pages shows (history/frame.html): chips of what is live and what is in the draft, counts on the tabs."""

from typing import Any

from keepstep.actions.publishing import active_version
from keepstep.core.diff import diff
from keepstep.core.edits import Draft
from keepstep.db.transaction import Read
from keepstep.queries.frame import frame_of
from keepstep.queries.wizards import Wizard


async def frame_values(tx: Read, wizard: Wizard, draft: Draft | None) -> dict[str, Any]:
    """`draft` is None for a removed wizard, which has none. `changes` is None before the first version."""
    found, active = await frame_of(tx, wizard.id), await active_version(tx, wizard)
    return {
        "wizard": wizard,
        "ref": wizard.slug or wizard.id,
        "tab_counts": {"versions": found.versions, "runs": found.runs},
        "has_draft": draft is not None,
        "saved_at": found.saved_at,
        "changes": None if draft is None or active is None else len(diff(active.structure, draft.structure)),
    }
