"""An edit made on an older draft, carried to the draft as it is now if nobody has touched its nodes since (semantics 25).

For the pages of the builder alone: the API never merges. Must not know forms.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepstep.actions.confirm import Consent
from keepstep.actions.context import Context
from keepstep.actions.drafts import Edited, draft_to_edit
from keepstep.actions.nodes import Known, Plan, edit_node
from keepstep.core.edit import apply
from keepstep.core.edits import collide, touches
from keepstep.core.reviving import draft_before
from keepstep.core.structure import Structure
from keepstep.db.transaction import Read, Write
from keepstep.errors import EditCollided, MeaningUnconfirmed, NodeNotFound, Problem
from keepstep.queries.drafts import UNDO_DEPTH, WizardDraft, edits_since, inverses_since, reserved_of, touched_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The draft that an edit was made on: its revision, and those after it that the same page made and so has seen.

    `about`: the nodes that the edit speaks of, to be told who deleted them. `confirm`, `counted`: of a report that was shown.
    """

    revision: int
    own: frozenset[int] = frozenset()
    about: frozenset[str] = frozenset()
    confirm: str | None = None
    counted: str | None = None


async def edit_rebased(ctx: Context, tx: Write, wizard_ref: str, plan: Plan, seen: Seen) -> Edited:
    """The draft with the edit. Raises EditCollided, with who and what, when somebody touched the same nodes since; and as `edit_node`.

    An edit that came before and is sent again changes nothing and is none.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    if seen.revision != state.wizard.draft_revision and await _is_made(ctx, tx, state, plan, seen):
        return Edited(state=state, name=None)
    return await edit_node(ctx, tx, state.wizard.id, plan, Consent(seen=state.etag, confirm=seen.confirm, counted=seen.counted))


async def _is_made(ctx: Context, tx: Read, state: WizardDraft, plan: Plan, seen: Seen) -> bool:
    """Whether the draft has what the edit would make. Raises EditCollided."""
    if not 0 <= state.wizard.draft_revision - seen.revision <= UNDO_DEPTH:
        raise EditCollided("This page is too old to tell what its change would meet. Reload it and make the change again.", edits=[])
    since = await edits_since(tx, state.wizard.id, seen.revision, most=UNDO_DEPTH)
    others = [edit for edit in since if edit["revision"] not in seen.own]
    touched = await touched_at(tx, state.wizard.id, {edit["revision"] for edit in others})
    reserved = await reserved_of(tx, state.wizard.id)
    try:
        edit = await plan(ctx, tx, Known(state, reserved))
        applied = apply(state.draft, edit, reserved)
    except NodeNotFound as gone:
        raise _collided(others, touched, seen.about) or gone from gone
    except MeaningUnconfirmed:
        if problem := _collided(others, touched, seen.about):
            raise problem from None
        return False
    except Problem:
        # `edit_node` says it again, when it is known that the edit may be made at all.
        return False
    if applied.draft.structure == state.draft.structure and applied.draft.shelf == state.draft.shelf:
        return True
    if problem := _collided(others, touched, touches(applied.inverse) | touches(edit, state.draft.structure)):
        raise problem
    return False


async def draft_seen(tx: Read, state: WizardDraft, revision: int) -> Structure | None:
    """The draft that a page of this revision was made of; None for one of so long ago that it cannot be told."""
    if not 0 <= state.wizard.draft_revision - revision <= UNDO_DEPTH:
        return None
    inverses = await inverses_since(tx, state.wizard.id, revision)
    # In a thread: hundreds of edits of a large draft take a while.
    former = await asyncio.to_thread(draft_before, state.draft, inverses)
    return None if former is None else former.structure


def _collided(others: Sequence[Mapping[str, Any]], touched: Mapping[int, frozenset[str]], mine: frozenset[str]) -> EditCollided | None:
    """Who touched the same nodes and what they did, the newest first; None when nobody did."""
    between = [edit for edit in others if collide(touched.get(edit["revision"], frozenset()), mine)]
    if not between:
        return None
    newest = between[0]
    who = newest["by"]["name"] if newest["by"] else "Somebody"
    return EditCollided(f"{who} was faster: {newest['edit']}. Your own change is not made yet.", edits=between)
