"""What the frame above a wizard's pages shows (history/frame.html): chips of what is live and what is in the draft, counts on the tabs."""

from typing import Any

from starlette.requests import Request

from keepstep.actions.publishing import active_version
from keepstep.core.diff import diff
from keepstep.core.edits import Draft
from keepstep.db.transaction import Read
from keepstep.queries.builder import shared_draft
from keepstep.queries.drafts import WizardDraft
from keepstep.queries.frame import frame_of
from keepstep.queries.wizards import Wizard
from keepstep.web.rendering import wants_part


async def frame_values(tx: Read, wizard: Wizard, draft: Draft | None) -> dict[str, Any]:
    """`draft` is None for a removed wizard, which has none. `changes` is None before the first version; a version of `live_digest` has
    the structure that is live.
    """
    found, active = await frame_of(tx, wizard.id), await active_version(tx, wizard)
    changes = None if draft is None or active is None else diff(active.structure, shared_draft(draft, active.structure).structure)
    return {
        "wizard": wizard,
        "ref": wizard.slug or wizard.id,
        "tab_counts": {"versions": found.versions, "runs": found.runs},
        "has_draft": draft is not None,
        "saved_at": found.saved_at,
        "changes": None if changes is None else len(changes),
        "live_digest": None if active is None else active.digest,
    }


async def frame_around(request: Request, tx: Read, state: WizardDraft) -> dict[str, Any]:
    """The same for a dialog or a panel, which stands in the plain frame where it is a page; nothing for its block alone."""
    if wants_part(request):
        return {}
    found = await frame_values(tx, state.wizard, state.draft)
    return {name: value for name, value in found.items() if name not in ("wizard", "ref")} | {"layout": "wizard.html"}
