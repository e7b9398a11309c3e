"""Steps, option sets and options of drafts over HTTP: one edit of the draft each (docs/api.md).

A route finds the wizard by the node's id. Answers carry the node, the draft's new revision, and what the edit is called.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Depends, Path
from pydantic import ConfigDict, Field

from keepstep.actions.confirm import Consent
from keepstep.actions.drafts import Edited
from keepstep.actions.nodes import (
    Added,
    Adding,
    Meaning,
    Plan,
    add_node,
    bringing_back,
    changing_option,
    changing_option_set,
    changing_step,
    edit_node,
    fixed,
    report_of_edit,
)
from keepstep.actions.restoring import restoring_from
from keepstep.core import edits as e
from keepstep.core.edits import Edit
from keepstep.core.structure import ID_PATTERN, Structure, choices_of, dump
from keepstep.db.transaction import Read
from keepstep.queries.drafts import wizard_of_node
from keepstep.queries.wizards import get_wizard
from keepstep.web.api import shapes
from keepstep.web.api.wizards import Confirm, DryRun, WizardRef
from keepstep.web.deps import CurrentContext, WriteTx
from keepstep.web.etags import Seen, tag_header
from keepstep.web.exactjson import LOWER_CASE, ExactJson, RequestBody, api_router, with_headers

router = api_router("Nodes")

StepId = Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN)]
OptionSetId = Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN)]
Value = Annotated[str, Path(max_length=400, description="The option's value.")]
Position = Annotated[int, Field(ge=0, lt=2**31)]


class NodeBody(RequestBody):
    """Members of the structure (docs/structure.schema.json) besides those named here; unknown ones are refused with the node."""

    model_config = ConfigDict(extra="allow")

    def members(self, *names: str) -> dict[str, Any]:
        """What belongs to the node: everything but the members that only the request has."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in given.items() if name not in names}


class AddStep(NodeBody):
    """A step to add; its option sets may be inside. `id` and `key` are made when left out."""

    wizard_id: Annotated[str, Field(max_length=200, description="The wizard's id or slug.")]
    name: Any
    position: Position | None = None


class AddOptionSet(NodeBody):
    """An option set to add. `id`, `key` and option values are made when left out."""

    step_id: Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)]
    name: Any
    selection_type: str
    position: Position | None = None


class AddOption(NodeBody):
    """An option to add. `value` is made from the label when left out."""

    label: Any
    position: Position | None = None


class ChangeNode(NodeBody):
    """The members to set. With a new label of what has stored answers, `meaning` says whether it still means the same."""

    meaning: Literal["same", "different"] | None = None


class Move(RequestBody):
    """Where to: `position` among its siblings, from 0; an option set may go to another step."""

    position: Position
    step_id: Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)] | None = None


class MoveWithin(RequestBody):
    """Where to: `position` among its siblings, from 0."""

    position: Position


class Restore(RequestBody):
    """Where to put what comes back from the shelf; left out: where it was."""

    position: Position | None = None
    step_id: Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)] | None = None


class RestoreFrom(RequestBody):
    """The step to put it into, where neither it nor the step that it stood in is in the draft."""

    step_id: Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)] | None = None


async def _consent(seen: Seen, confirm: Confirm = None) -> Consent:
    return Consent(seen=seen, confirm=confirm)


async def _noted(seen: Seen) -> Consent:
    return Consent(seen=seen)


# What may touch stored answers takes the token of its report; what never does takes none.
Agreed = Annotated[Consent, Depends(_consent)]
Noted = Annotated[Consent, Depends(_noted)]


# --- answers -------------------------------------------------------------------------------------------------------


def _answer(edited: Edited, node: Mapping[str, Any], *, status: int = 200) -> ExactJson:
    wizard = edited.state.wizard
    body = {**node, "wizard_id": wizard.id, "draft_revision": wizard.draft_revision, "edit": edited.name}
    if edited.report is not None:
        body["impact"] = edited.report.impact.to_json()
    return with_headers(body, status=status, headers=tag_header(edited.state.etag))


def _step(structure: Structure, step_id: str) -> dict[str, Any]:
    step = structure.step_by_id.get(step_id)
    return {"id": step_id, "deleted": True} if step is None else dump(step)


def _option_set(structure: Structure, option_set_id: str) -> dict[str, Any]:
    option_set = structure.option_set_by_id.get(option_set_id)
    if option_set is None:
        return {"id": option_set_id, "deleted": True}
    return dump(option_set) | {"step_id": structure.step_of[option_set_id].id}


def _option(structure: Structure, option_set_id: str, value: str) -> dict[str, Any]:
    option_set = structure.option_set_by_id.get(option_set_id)
    options = choices_of(option_set) if option_set is not None else ()
    found = next((dump(option) for option in options if option.value == value), {"value": value, "deleted": True})
    return found | {"option_set_id": option_set_id}


def _node(edited: Edited, kind: str, *ids: str) -> dict[str, Any]:
    structure = edited.state.draft.structure
    if isinstance(edited.edit, e.SplitOptionSet):
        return _option_set(structure, edited.edit.new_id) | {"replaces": ids[0]}
    if isinstance(edited.edit, e.SplitOption):
        return _option(structure, ids[0], edited.edit.new_value) | {"replaces": ids[1]}
    if kind == "step":
        return _step(structure, ids[0])
    return _option_set(structure, ids[0]) if kind == "option_set" else _option(structure, ids[0], ids[1])


async def _wizard(tx: Read, kind: Literal["step", "option_set"], node_id: str) -> str:
    return await wizard_of_node(tx, node_id, kind)


async def _of_step(ctx: CurrentContext, tx: WriteTx, step_id: str, edit: Edit, agreed: Consent) -> ExactJson:
    wizard_id = await _wizard(tx, "step", step_id)
    edited = await edit_node(ctx, tx, wizard_id, fixed(edit), agreed)
    return _answer(edited, _node(edited, "step", step_id))


async def _of_option_set(ctx: CurrentContext, tx: WriteTx, option_set_id: str, edit: Edit, agreed: Consent) -> ExactJson:
    wizard_id = await _wizard(tx, "option_set", option_set_id)
    edited = await edit_node(ctx, tx, wizard_id, fixed(edit), agreed)
    return _answer(edited, _node(edited, "option_set", option_set_id))


async def _of_option(ctx: CurrentContext, tx: WriteTx, ids: tuple[str, str], edit: Edit, agreed: Consent) -> ExactJson:
    wizard_id = await _wizard(tx, "option_set", ids[0])
    edited = await edit_node(ctx, tx, wizard_id, fixed(edit), agreed)
    return _answer(edited, _node(edited, "option", *ids))


async def _reported(ctx: CurrentContext, tx: WriteTx, wizard_id: str, plan: Plan) -> ExactJson:
    return ExactJson((await report_of_edit(ctx, tx, wizard_id, plan)).to_json())


async def _added(ctx: CurrentContext, tx: WriteTx, wizard_id: str, adding: Adding, agreed: Consent) -> ExactJson:
    added: Added = await add_node(ctx, tx, wizard_id, adding, agreed)
    ids = (adding.parent, added.identity) if adding.kind == "option" else (added.identity,)
    node = _node(added.edited, adding.kind, *ids)
    return _answer(added.edited, node, status=201 if added.created else 200)


# --- steps ---------------------------------------------------------------------------------------------------------


@router.post("/api/v1/steps", status_code=201, summary="Add a step", responses=shapes.answers(shapes.EditedStep, 201, 200))
async def add_step(ctx: CurrentContext, tx: WriteTx, body: AddStep, agreed: Noted) -> ExactJson:
    """201; 200 when this very request, told by its `id`, added the step before."""
    wizard = await get_wizard(tx, ctx.actor, body.wizard_id, "edit")
    adding = Adding(kind="step", parent=wizard.id, node=body.members("wizard_id", "position"), position=body.position)
    return await _added(ctx, tx, wizard.id, adding, agreed)


@router.put(
    "/api/v1/steps/{step_id}", name="put_step", summary="Change a step", responses=shapes.answers(shapes.EditedStep | shapes.ReportAnswer)
)
@router.patch("/api/v1/steps/{step_id}", summary="Change a step", responses=shapes.answers(shapes.EditedStep | shapes.ReportAnswer))
async def change_step(
    ctx: CurrentContext, tx: WriteTx, step_id: StepId, body: ChangeNode, agreed: Agreed, dry_run: DryRun = False
) -> ExactJson:
    """Merges the members given."""
    wizard_id = await _wizard(tx, "step", step_id)
    plan = changing_step(step_id, body.members("meaning"))
    if dry_run:
        return await _reported(ctx, tx, wizard_id, plan)
    edited = await edit_node(ctx, tx, wizard_id, plan, agreed)
    return _answer(edited, _node(edited, "step", step_id))


@router.delete("/api/v1/steps/{step_id}", summary="Delete a step", responses=shapes.answers(shapes.EditedStep | shapes.ReportAnswer))
async def delete_step(ctx: CurrentContext, tx: WriteTx, step_id: StepId, agreed: Agreed, dry_run: DryRun = False) -> ExactJson:
    """Onto the draft's shelf, with its option sets. Stored answers stay where they are."""
    edit = e.DeleteStep(step_id=step_id)
    if dry_run:
        return await _reported(ctx, tx, await _wizard(tx, "step", step_id), fixed(edit))
    return await _of_step(ctx, tx, step_id, edit, agreed)


@router.post("/api/v1/steps/{step_id}/move", summary="Move a step", responses=shapes.answers(shapes.EditedStep))
async def move_step(ctx: CurrentContext, tx: WriteTx, step_id: StepId, body: MoveWithin, agreed: Noted) -> ExactJson:
    """To another place in the wizard."""
    return await _of_step(ctx, tx, step_id, e.MoveStep(step_id=step_id, position=body.position), agreed)


@router.post("/api/v1/steps/{step_id}/retire", summary="Retire a step", responses=shapes.answers(shapes.EditedStep | shapes.ReportAnswer))
async def retire_step(ctx: CurrentContext, tx: WriteTx, step_id: StepId, agreed: Noted, dry_run: DryRun = False) -> ExactJson:
    """It stays in the structure and is never asked anew."""
    edit = e.RetireStep(step_id=step_id)
    if dry_run:
        return await _reported(ctx, tx, await _wizard(tx, "step", step_id), fixed(edit))
    return await _of_step(ctx, tx, step_id, edit, agreed)


@router.post("/api/v1/steps/{step_id}/restore", summary="Bring a step back", responses=shapes.answers(shapes.EditedStep))
async def restore_step(ctx: CurrentContext, tx: WriteTx, step_id: StepId, agreed: Noted, body: Restore | None = None) -> ExactJson:
    """From the shelf, or from retirement."""
    wanted = body or Restore()
    plan = bringing_back(
        lambda structure: step_id in structure.step_by_id,
        e.UnretireStep(step_id=step_id),
        e.RestoreStep(step_id=step_id, position=wanted.position),
    )
    edited = await edit_node(ctx, tx, await _wizard(tx, "step", step_id), plan, agreed)
    return _answer(edited, _node(edited, "step", step_id))


# --- option sets ---------------------------------------------------------------------------------------------------


@router.post(
    "/api/v1/option-sets", status_code=201, summary="Add an option set", responses=shapes.answers(shapes.EditedOptionSet, 201, 200)
)
async def add_option_set(ctx: CurrentContext, tx: WriteTx, body: AddOptionSet, agreed: Noted) -> ExactJson:
    """201; 200 when this very request, told by its `id`, added it before."""
    wizard_id = await _wizard(tx, "step", body.step_id)
    adding = Adding(kind="option_set", parent=body.step_id, node=body.members("step_id", "position"), position=body.position)
    return await _added(ctx, tx, wizard_id, adding, agreed)


@router.put(
    "/api/v1/option-sets/{option_set_id}",
    name="put_option_set",
    summary="Change an option set",
    responses=shapes.answers(shapes.EditedOptionSet | shapes.ReportAnswer),
)
@router.patch(
    "/api/v1/option-sets/{option_set_id}",
    summary="Change an option set",
    responses=shapes.answers(shapes.EditedOptionSet | shapes.ReportAnswer),
)
async def change_option_set(
    ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, body: ChangeNode, agreed: Agreed, dry_run: DryRun = False
) -> ExactJson:
    """Merges the members given. `meaning: different` retires it and adds a new one, which is the answer."""
    wizard_id = await _wizard(tx, "option_set", option_set_id)
    meaning: Meaning | None = body.meaning
    plan = changing_option_set(option_set_id, body.members("meaning"), meaning or ("same" if dry_run else None))
    if dry_run:
        return await _reported(ctx, tx, wizard_id, plan)
    edited = await edit_node(ctx, tx, wizard_id, plan, agreed)
    return _answer(edited, _node(edited, "option_set", option_set_id))


@router.delete(
    "/api/v1/option-sets/{option_set_id}",
    summary="Delete an option set",
    responses=shapes.answers(shapes.EditedOptionSet | shapes.ReportAnswer),
)
async def delete_option_set(
    ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, agreed: Agreed, dry_run: DryRun = False
) -> ExactJson:
    """Onto the draft's shelf. Stored answers stay where they are."""
    edit = e.DeleteOptionSet(option_set_id=option_set_id)
    if dry_run:
        return await _reported(ctx, tx, await _wizard(tx, "option_set", option_set_id), fixed(edit))
    return await _of_option_set(ctx, tx, option_set_id, edit, agreed)


@router.post("/api/v1/option-sets/{option_set_id}/move", summary="Move an option set", responses=shapes.answers(shapes.EditedOptionSet))
async def move_option_set(ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, body: Move, agreed: Noted) -> ExactJson:
    """Within its step, or to another one."""
    edit = e.MoveOptionSet(option_set_id=option_set_id, position=body.position, step_id=body.step_id)
    return await _of_option_set(ctx, tx, option_set_id, edit, agreed)


@router.post(
    "/api/v1/option-sets/{option_set_id}/retire",
    summary="Retire an option set",
    responses=shapes.answers(shapes.EditedOptionSet | shapes.ReportAnswer),
)
async def retire_option_set(
    ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, agreed: Noted, dry_run: DryRun = False
) -> ExactJson:
    """It stays in the structure and is never asked anew."""
    edit = e.RetireOptionSet(option_set_id=option_set_id)
    if dry_run:
        return await _reported(ctx, tx, await _wizard(tx, "option_set", option_set_id), fixed(edit))
    return await _of_option_set(ctx, tx, option_set_id, edit, agreed)


@router.post(
    "/api/v1/option-sets/{option_set_id}/restore", summary="Bring an option set back", responses=shapes.answers(shapes.EditedOptionSet)
)
async def restore_option_set(
    ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, agreed: Noted, body: Restore | None = None
) -> ExactJson:
    """From the shelf, into the step it was in or another one, or from retirement."""
    wanted = body or Restore()
    plan = bringing_back(
        lambda structure: option_set_id in structure.option_set_by_id,
        e.UnretireOptionSet(option_set_id=option_set_id),
        e.RestoreOptionSet(option_set_id=option_set_id, step_id=wanted.step_id, position=wanted.position),
    )
    edited = await edit_node(ctx, tx, await _wizard(tx, "option_set", option_set_id), plan, agreed)
    return _answer(edited, _node(edited, "option_set", option_set_id))


@router.post(
    "/api/v1/wizards/{wizard_ref}/versions/{number}/option-sets/{option_set_id}/restore",
    summary="Bring an option set back as a version had it",
    responses=shapes.answers(shapes.EditedOptionSet | shapes.ReportAnswer),
)
async def restore_from_version(
    ctx: CurrentContext,
    tx: WriteTx,
    wizard_ref: WizardRef,
    number: Annotated[int, Path(ge=1, lt=2**31, description="The version's number, from 1.")],
    option_set_id: OptionSetId,
    agreed: Agreed,
    body: RestoreFrom | None = None,
    dry_run: DryRun = False,
) -> ExactJson:
    """Under its own id, in the draft: set back to that form, or put where it stood. Nothing else of the draft changes."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "edit")
    plan = restoring_from(number, option_set_id, body.step_id if body else None)
    if dry_run:
        return await _reported(ctx, tx, wizard.id, plan)
    edited = await edit_node(ctx, tx, wizard.id, plan, agreed)
    return _answer(edited, _node(edited, "option_set", option_set_id))


# --- options -------------------------------------------------------------------------------------------------------

_OPTIONS = "/api/v1/option-sets/{option_set_id}/options"
# A value may hold any character, a slash too.
_OPTION = _OPTIONS + "/{value:path}"


@router.post(_OPTION + "/move", summary="Move an option", responses=shapes.answers(shapes.EditedOption))
async def move_option(
    ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, value: Value, body: MoveWithin, agreed: Noted
) -> ExactJson:
    """To another place in its option set."""
    edit = e.MoveOption(option_set_id=option_set_id, value=value, position=body.position)
    return await _of_option(ctx, tx, (option_set_id, value), edit, agreed)


@router.post(_OPTION + "/retire", summary="Retire an option", responses=shapes.answers(shapes.EditedOption | shapes.ReportAnswer))
async def retire_option(
    ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, value: Value, agreed: Noted, dry_run: DryRun = False
) -> ExactJson:
    """It stays selected where it is, and is never offered anew."""
    edit = e.RetireOption(option_set_id=option_set_id, value=value)
    if dry_run:
        return await _reported(ctx, tx, await _wizard(tx, "option_set", option_set_id), fixed(edit))
    return await _of_option(ctx, tx, (option_set_id, value), edit, agreed)


@router.post(_OPTION + "/restore", summary="Bring an option back", responses=shapes.answers(shapes.EditedOption))
async def restore_option(
    ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, value: Value, agreed: Noted, body: Restore | None = None
) -> ExactJson:
    """From the shelf, or from retirement."""
    wanted = body or Restore()

    def is_present(structure: Structure) -> bool:
        option_set = structure.option_set_by_id.get(option_set_id)
        return option_set is not None and any(option.value == value for option in choices_of(option_set))

    back = e.RestoreOption(option_set_id=option_set_id, value=value, position=wanted.position)
    plan = bringing_back(is_present, e.UnretireOption(option_set_id=option_set_id, value=value), back)
    edited = await edit_node(ctx, tx, await _wizard(tx, "option_set", option_set_id), plan, agreed)
    return _answer(edited, _node(edited, "option", option_set_id, value))


@router.post(_OPTIONS, status_code=201, summary="Add an option", responses=shapes.answers(shapes.EditedOption, 201, 200))
async def add_option(ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, body: AddOption, agreed: Noted) -> ExactJson:
    """201; 200 when this very request, told by its `value`, added it before."""
    wizard_id = await _wizard(tx, "option_set", option_set_id)
    adding = Adding(kind="option", parent=option_set_id, node=body.members("position"), position=body.position)
    return await _added(ctx, tx, wizard_id, adding, agreed)


@router.put(_OPTION, name="put_option", summary="Change an option", responses=shapes.answers(shapes.EditedOption | shapes.ReportAnswer))
@router.patch(_OPTION, summary="Change an option", responses=shapes.answers(shapes.EditedOption | shapes.ReportAnswer))
async def change_option(
    ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, value: Value, body: ChangeNode, agreed: Agreed, dry_run: DryRun = False
) -> ExactJson:
    """Merges the members given. `meaning: different` retires it and adds one with the new `value`, which is the answer."""
    wizard_id = await _wizard(tx, "option_set", option_set_id)
    meaning: Meaning | None = body.meaning
    plan = changing_option(option_set_id, value, body.members("meaning"), meaning or ("same" if dry_run else None))
    if dry_run:
        return await _reported(ctx, tx, wizard_id, plan)
    edited = await edit_node(ctx, tx, wizard_id, plan, agreed)
    return _answer(edited, _node(edited, "option", option_set_id, value))


@router.delete(_OPTION, summary="Delete an option", responses=shapes.answers(shapes.EditedOption | shapes.ReportAnswer))
async def delete_option(
    ctx: CurrentContext, tx: WriteTx, option_set_id: OptionSetId, value: Value, agreed: Agreed, dry_run: DryRun = False
) -> ExactJson:
    """Onto the draft's shelf. Its value is never given to another option."""
    edit = e.DeleteOption(option_set_id=option_set_id, value=value)
    if dry_run:
        return await _reported(ctx, tx, await _wizard(tx, "option_set", option_set_id), fixed(edit))
    return await _of_option(ctx, tx, (option_set_id, value), edit, agreed)
