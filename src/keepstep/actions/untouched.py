"""An edit that a page made on an older draft goes through when nobody touched its nodes since (semantics 25).

Only pages ask this; the API wants the newest ETag.
"""

from dataclasses import dataclass, replace

from keepstep.actions.confirm import Consent
from keepstep.actions.context import Context
from keepstep.actions.drafts import Edited, draft_to_edit
from keepstep.actions.nodes import Plan, edit_node
from keepstep.core.edits import Edit, collide, touches
from keepstep.db.transaction import Read, Write
from keepstep.errors import Stale
from keepstep.queries.drafts import UNDO_DEPTH, WizardDraft, edits_since, touched_at


@dataclass(frozen=True, slots=True)
class Since:
    """The draft that a page showed (`base`, its revision; None: whatever it was), and what the edit touches in it."""

    wizard_ref: str
    base: int | None
    about: Edit


async def edit_untouched(ctx: Context, tx: Write, plan: Plan, consent: Consent, since: Since) -> Edited:
    """As `edit_node`, on the newest draft. Raises Stale, with who did what, when a later edit touches the same nodes.

    Before anything else, so that nobody is asked about a place that is not what they saw.
    """
    state = await draft_to_edit(ctx, tx, since.wizard_ref)
    if since.base is not None:
        await _check_untouched(tx, state, since.about, since.base)
    return await edit_node(ctx, tx, state.wizard.id, plan, replace(consent, seen=state.etag))


async def _check_untouched(tx: Read, state: WizardDraft, about: Edit, base: int) -> None:
    behind = state.wizard.draft_revision - base
    if behind == 0:
        return
    # Somebody further behind has not looked at their page for days; nobody has seen a revision that is still to come.
    is_known = 0 < behind <= UNDO_DEPTH
    touched = await touched_at(tx, state.wizard.id, range(base + 1, base + behind + 1)) if is_known else {}
    wanted = touches(about, state.draft.structure)
    colliding = {revision for revision, nodes in touched.items() if collide(wanted, nodes)}
    if is_known and not colliding:
        return
    lines = await edits_since(tx, state.wizard.id, base)
    edits = [line for line in lines if not is_known or line["revision"] in colliding]
    changed = {"revision": state.wizard.draft_revision, "edits": edits}
    raise Stale("Somebody changed the same place since you read it.", etag=state.etag, changed=changed)
