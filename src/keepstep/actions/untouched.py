"""Whether an edit that was made on an older draft may be made on the present one: a page's edit goes through when nobody touched its
nodes since (semantics 25). The API never asks this: it wants the newest ETag.
"""

from keepstep.core.edits import Edit, collide, touches
from keepstep.db.transaction import Read
from keepstep.errors import Stale
from keepstep.queries.drafts import UNDO_DEPTH, WizardDraft, edits_since, touched_at


async def check_untouched_since(tx: Read, state: WizardDraft, edit: Edit, base: int) -> None:
    """Raises Stale, with who did what, when an edit after the revision `base` touches what this one does."""
    revision = state.wizard.draft_revision
    if base == revision:
        return
    # Somebody further behind than that has not looked at their page for days; neither has anybody who names a revision to come.
    behind = revision - base
    wanted = touches(edit, state.draft.structure)
    touched = await touched_at(tx, state.wizard.id, range(base + 1, revision + 1)) if 0 < behind <= UNDO_DEPTH else {}
    colliding = {number for number, nodes in touched.items() if collide(wanted, nodes)}
    if not colliding and 0 < behind <= UNDO_DEPTH:
        return
    since = await edits_since(tx, state.wizard.id, base)
    edits = [line for line in since if line["revision"] in colliding or not colliding]
    changed = {"revision": revision, "edits": edits}
    raise Stale("Somebody changed the same place since you read it.", etag=state.etag, changed=changed)
