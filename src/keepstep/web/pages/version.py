"""A wizard as of one version: every step and question as it stood, what the version changed, and one question back into the draft."""

from typing import Annotated, Any, Final

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.confirm import numbers_in
from keepstep.actions.nodes import edit_node, report_of_edit
from keepstep.actions.restoring import restoring_from
from keepstep.core.beside import Beside, Side, alone, beside
from keepstep.core.by_identity import ByIdentity
from keepstep.core.edit import apply
from keepstep.core.edits import Draft
from keepstep.core.faults import problems_in
from keepstep.core.piping import told
from keepstep.core.restoring import place_is_open, restoring
from keepstep.core.sameness import differing
from keepstep.core.structure import ID_PATTERN, Structure
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import ImpactUnconfirmed, NodeNotFound, Problem, Stale
from keepstep.queries.drafts import WizardDraft, get_draft, reserved_of
from keepstep.queries.history import get_version_line
from keepstep.queries.versions import Version, version_by_number
from keepstep.queries.wizards import get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.review import consent_of
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.pages.versions import may_edit
from keepstep.web.problems import status_of
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

Number = Annotated[int, Path(ge=1, lt=2**31)]
OptionSetId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.get("/wizards/{wizard_ref}/versions/{number}", name="page:version")
async def version(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    number: Number,
    restored: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """The whole wizard as this version has it. `restored` is a question that was just brought back from here."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view", removed=True)
    draft = None if wizard.removed_at else (await get_draft(tx, visitor.actor, wizard.id)).draft
    found = await version_by_number(tx, wizard.id, number)
    structure = found.structure
    return page(
        request,
        "history/version.html",
        **await frame_values(tx, wizard, draft),
        line=await get_version_line(tx, wizard, number),
        steps=_sides_of(structure),
        description=told(structure.description, structure),
        restorable=_restorable(structure, draft) if draft is not None and may_edit(visitor, wizard) else frozenset(),
        may_edit=may_edit(visitor, wizard),
        restored=_name_in(structure, restored),
    )


# A version never changes: it is put into words once, for as long as it is kept.
_sides_of: Final = ByIdentity[Structure, list[tuple[str, Side]]](
    lambda structure: [(step.id, alone(structure, step.id)) for step in structure.steps]
)


def _restorable(structure: Structure, draft: Draft) -> frozenset[str]:
    """The questions that the draft does not have in this form; the keys of other times, which nobody sees, are no part of it."""
    present = draft.structure.option_set_by_id
    return frozenset(
        item.id for item in structure.option_sets if item.id not in present or differing(item, present[item.id]) - {"key_aliases"}
    )


def _name_in(structure: Structure, option_set_id: str | None) -> str | None:
    option_set = structure.option_set_by_id.get(option_set_id or "")
    return None if option_set is None else told(option_set.name, structure)


# --- restore one question ------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/versions/{number}/questions/{option_set_id}", name="page:restore-question")
async def restore_question(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    number: Number,
    option_set_id: OptionSetId,
    step_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
) -> Response:
    """The question as it is in the draft and as it would be, with what that touches; nothing changes."""
    values = await _asked(visitor, tx, wizard_ref, (number, option_set_id, step_id))
    return page(request, "history/restore.html", block="dialog", **values)


@router.post("/wizards/{wizard_ref}/versions/{number}/questions/{option_set_id}", name="page:restore-question-now")
async def restore_question_now(
    request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, number: Number, option_set_id: OptionSetId
) -> Response:
    """One edit of the draft, undoable by name; or the report as it is now, when more is touched than was confirmed."""
    fields = await fields_of(request)
    step_id = fields.get("step_id") or None
    try:
        async with open_write(resources.engine) as write:
            wizard = await get_wizard(write, visitor.actor, wizard_ref, "edit")
            await edit_node(visitor.ctx, write, wizard.id, restoring_from(number, option_set_id, step_id), consent_of(fields))
    except (ImpactUnconfirmed, Stale) as problem:
        async with open_read(resources.engine) as tx:
            values = await _asked(visitor, tx, wizard_ref, (number, option_set_id, step_id), problem)
            return page(request, "history/restore.html", block="dialog", status=status_of(problem), **values)
    return see_other(request, f"/wizards/{wizard.slug or wizard.id}/versions/{number}?restored={option_set_id}")


Wanted = tuple[int, str, str | None]
"""The version, the question, and the step that it shall go to where that is open."""


async def _asked(visitor: Visitor, tx: Read, wizard_ref: str, wanted: Wanted, problem: Problem | None = None) -> dict[str, Any]:
    number, option_set_id, step_id = wanted
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    found = await version_by_number(tx, state.wizard.id, number)
    if option_set_id not in found.structure.option_set_by_id:
        raise NodeNotFound(f"Version {number} has no question {option_set_id}.")
    ref = state.wizard.slug or state.wizard.id
    values = {
        "wizard": state.wizard,
        "ref": ref,
        "number": number,
        "name": _name_in(found.structure, option_set_id),
        "option_set_id": option_set_id,
        "is_present": option_set_id in state.draft.structure.option_set_by_id,
        "seen": state.etag,
        "problem": problem,
        "back": f"/wizards/{ref}/versions/{number}",
    }
    steps = _steps_to_choose(state.draft.structure, found.structure, option_set_id)
    chosen = step_id if step_id in dict(steps) else (steps[0][0] if steps else None)
    if place_is_open(state.draft.structure, found.structure, option_set_id) and chosen is None:
        return values | {"steps": [], "step_id": None, "counted": None, "pair": None, "new_problems": [], "nowhere": True}
    return (
        values
        | {"steps": steps, "step_id": chosen, "nowhere": False}
        | await _previewed(visitor, tx, state, found, (option_set_id, chosen))
    )


def _steps_to_choose(draft: Structure, version: Structure, option_set_id: str) -> list[tuple[str, str]]:
    """Ids and names of the steps of the draft, where a person has to choose one."""
    if not place_is_open(draft, version, option_set_id):
        return []
    return [(step.id, told(step.name, draft)) for step in draft.steps]


async def _previewed(visitor: Visitor, tx: Read, state: WizardDraft, version: Version, what: tuple[str, str | None]) -> dict[str, Any]:
    option_set_id, step_id = what
    counted = await report_of_edit(visitor.ctx, tx, state.wizard.id, restoring_from(version.number, option_set_id, step_id))
    reserved = await reserved_of(tx, state.wizard.id)
    edit = restoring(state.draft, (version.number, version.structure), option_set_id, step_id=step_id, reserved=reserved)
    applied = apply(state.draft, edit, reserved).draft
    after = applied.structure
    before = {finding.issue.detail for finding in problems_in(state.draft.structure, state.draft.shelf)}
    found = (finding for finding in problems_in(after, applied.shelf) if finding.severity == "stops")
    return {
        "counted": counted,
        "numbers": numbers_in(counted.report.impact),
        "pair": _alone(beside(state.draft.structure, after, after.step_of[option_set_id].id), option_set_id),
        "new_problems": [finding for finding in found if finding.issue.detail not in before],
    }


def _alone(pair: Beside, option_set_id: str) -> dict[str, Any]:
    """The one question on both sides; None where a side does not have it."""

    def found(side: Side | None) -> Any:
        return next((item for item in (side.questions if side else ()) if item.id == option_set_id), None)

    return {"before": found(pair.before), "after": found(pair.after)}
