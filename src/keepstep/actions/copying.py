"""A step or option set once more: beside itself, or in the draft of another wizard. New ids, references rewritten (semantics 11)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from keepstep.actions.context import Context
from keepstep.actions.drafts import Edited, draft_to_edit, make_edit
from keepstep.actions.new_nodes import new_option_set, new_step
from keepstep.actions.nodes import Known, Plan
from keepstep.core import edits as e
from keepstep.core.copying import as_offered, carried, copy_of
from keepstep.core.edits import Edit
from keepstep.core.keys import owners_of_keys
from keepstep.core.nodes import option_set_in, step_in
from keepstep.core.structure import Structure, dump
from keepstep.core.text import normal_text
from keepstep.db.transaction import Read, Write
from keepstep.errors import RequestInvalid
from keepstep.queries.drafts import get_draft, reserved_of


def duplicating(node_id: str, new_id: str | None) -> Plan:
    """A copy of the step or option set right behind it, without what is retired in it. `new_id`, where the page gives one, makes a
    second click no second copy.
    """

    async def plan(ctx: Context, _tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        if new_id in structure.step_by_id:
            return e.ChangeStep(step_id=str(new_id), fields={})
        if new_id in structure.option_set_by_id:
            return e.ChangeOptionSet(option_set_id=str(new_id), fields={})
        offered = as_offered(_node(structure, node_id), structure.default_language)
        node = copy_of(offered.node, ctx.make_id, _taken(known))
        node = node if new_id is None else {**node, "id": new_id}
        if node_id in structure.step_by_id:
            return _adding_step(ctx, known, node, structure.steps.index(step_in(structure, node_id)) + 1)
        step = structure.step_of[node_id]
        position = step.option_sets.index(option_set_in(structure, node_id)) + 1
        return _adding_option_set(ctx, known, node, (step.id, position))

    return plan


def _node(structure: Structure, node_id: str) -> Mapping[str, Any]:
    """Raises NodeNotFound."""
    step = structure.step_by_id.get(node_id)
    return dump(step) if step is not None else dump(option_set_in(structure, node_id))


def _taken(known: Known) -> Collection[str]:
    draft = known.state.draft
    return {*owners_of_keys(draft.structure, draft.shelf, known.reserved), *(step.key for step in draft.structure.steps)}


def _adding_step(ctx: Context, known: Known, node: Mapping[str, Any], position: int | None) -> Edit:
    return e.AddStep(node=new_step(node, known.state.draft, known.reserved, ctx.make_id), position=position)


def _adding_option_set(ctx: Context, known: Known, node: Mapping[str, Any], place: tuple[str, int | None]) -> Edit:
    made = new_option_set(node, known.state.draft, known.reserved, ctx.make_id)
    return e.AddOptionSet(step_id=place[0], node=made, position=place[1])


# --- another wizard ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """What to copy and where: `node_id` of `source` into `target` (ids or slugs), an option set into `step_id` there.

    `step_name`: a step that is made for it, at the end. `new_id`, where the page gives one, makes a second click no second copy.
    """

    source: str
    node_id: str
    target: str
    step_id: str | None = None
    step_name: str = ""
    new_id: str | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """The target's draft with the copy, whose id is `node_id`, in words what could not go along, and what did not, being retired."""

    edited: Edited
    node_id: str
    left_out: tuple[str, ...]
    retired: tuple[str, ...] = ()


async def copy_to_wizard(ctx: Context, tx: Write, copying: Copying) -> Copied:
    """The copy at the end of the other draft, or of a step of it. Whoever may see the one and edit the other may copy.

    Raises NodeNotFound, RequestInvalid for an option set without a step to go to.
    """
    source = await get_draft(tx, ctx.actor, copying.source)
    state = await draft_to_edit(ctx, tx, copying.target)
    offered = as_offered(_node(source.draft.structure, copying.node_id), source.draft.structure.default_language)
    known = Known(state, await reserved_of(tx, state.wizard.id))
    taken_along = carried(offered.node, source.draft.structure, state.draft.structure)
    if copying.new_id in {*state.draft.structure.step_by_id, *state.draft.structure.option_set_by_id}:
        return Copied(Edited(state=state, name=None), str(copying.new_id), taken_along.left_out, offered.left_out)
    node = copy_of(taken_along.node, ctx.make_id, _taken(known))
    edit = _placed(ctx, known, node if copying.new_id is None else {**node, "id": copying.new_id}, copying)
    edited = await make_edit(ctx, tx, state, edit)
    assert isinstance(edit, e.AddStep | e.AddOptionSet)  # what `_placed` gives
    made = edit.node if "option_sets" in taken_along.node or isinstance(edit, e.AddOptionSet) else edit.node["option_sets"][0]
    return Copied(edited, str(made["id"]), taken_along.left_out, offered.left_out)


def _placed(ctx: Context, known: Known, node: Mapping[str, Any], copying: Copying) -> Edit:
    if "option_sets" in node:
        return _adding_step(ctx, known, node, None)
    if copying.step_id is None and copying.step_name.strip():
        structure = known.state.draft.structure
        name = normal_text({structure.default_language: copying.step_name.strip()}, structure.languages, structure.default_language)
        return _adding_step(ctx, known, {"name": name, "option_sets": [node]}, None)
    if copying.step_id is None:
        detail = "Choose the step that the question goes to."
        raise RequestInvalid(detail, errors=[{"pointer": "/step_id", "code": "missing", "detail": detail}])
    return _adding_option_set(ctx, known, node, (step_in(known.state.draft.structure, copying.step_id).id, None))
