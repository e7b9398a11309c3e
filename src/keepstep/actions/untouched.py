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
from keepstep.queries.drafts import UNDO_DEPTH, WizardDraft, edits_since, recent_edits, touched_at


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
        await _check_untouched(ctx, tx, state, since.about, since.base)
    return await edit_node(ctx, tx, state.wizard.id, plan, replace(consent, seen=state.etag))


async def _check_untouched(ctx: Context, tx: Read, state: WizardDraft, about: Edit, base: int) -> None:
    wizard_id, revision = state.wizard.id, state.wizard.draft_revision
    if base == revision:
        return
    # Somebody further behind has not looked at their page for days; nobody has seen a revision that is still to come.
    is_known = 0 < revision - base <= UNDO_DEPTH
    log = await recent_edits(tx, wizard_id, revision) if is_known else ()
    # Whoever asks knows what they did themselves.
    others = {line.revision for line in log if line.revision > base and line.actor != ctx.actor.id}
    touched = await touched_at(tx, wizard_id, others)
    wanted = touches(about, state.draft.structure)
    colliding = {number for number, nodes in touched.items() if collide(wanted, nodes)}
    if is_known and not colliding:
        return
    since = await edits_since(tx, wizard_id, base)
    edits = [line for line in since if line["revision"] in colliding] or list(since)
    raise Stale("Somebody changed the same place since you read it.", etag=state.etag, changed={"revision": revision, "edits": edits})
