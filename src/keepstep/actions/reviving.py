"""What somebody wrote in a node that another person took out of the draft meanwhile: the node comes back first, then the text is an
edit like any other. Each step is named in the log and can be undone by itself.
"""

from typing import Any

from keepstep.actions.context import Context
from keepstep.actions.drafts import Edited, draft_to_edit, make_edit
from keepstep.actions.new_nodes import new_option_set, new_step
from keepstep.core import edits as e
from keepstep.core.edits import Draft, Edit
from keepstep.core.keys import Reserved, owners_of_keys
from keepstep.core.reviving import Wanted, bringing_back
from keepstep.core.structure import Structure
from keepstep.db.transaction import Write
from keepstep.queries.drafts import reserved_of


async def revive(ctx: Context, tx: Write, wizard_ref: str, wanted: Wanted, former: Structure | None) -> tuple[Edited, ...]:
    """The node back in the draft, after whatever it lies in: one edit for each; none where it is there.

    `former`: the draft in which it was written, for what lies on no shelf. Never asks, as bringing back never does. Raises NodeNotFound.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    made: list[Edited] = []
    while (edit := bringing_back(state.draft, former, wanted)) is not None:
        edit = _with_free_key(ctx, edit, state.draft, await reserved_of(tx, state.wizard.id))
        made.append(await make_edit(ctx, tx, state, edit))
        state = made[-1].state
    return tuple(made)


def _with_free_key(ctx: Context, edit: Edit, draft: Draft, reserved: Reserved) -> Edit:
    """A key that somebody else got meanwhile is not fought over: what comes back gets another, since it was never published."""
    if isinstance(edit, e.AddStep):
        taken = {step.key for step in draft.structure.steps}
        node = _without(edit.node, "key") if edit.node["key"] in taken else edit.node
        return edit.model_copy(update={"node": new_step(node, draft, reserved, ctx.make_id)})
    if isinstance(edit, e.AddOptionSet):
        owners = owners_of_keys(draft.structure, draft.shelf, reserved)
        node = _without(edit.node, "key") if owners.get(edit.node["key"], edit.node["id"]) != edit.node["id"] else edit.node
        kept = [key for key in node.get("key_aliases", ()) if owners.get(key, node["id"]) == node["id"]]
        return edit.model_copy(update={"node": new_option_set(node | {"key_aliases": kept}, draft, reserved, ctx.make_id)})
    return edit


def _without(node: dict[str, Any], member: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != member}
