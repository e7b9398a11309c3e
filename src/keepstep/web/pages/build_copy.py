"""A copy of a question or a step in another wizard: which one, into which step, and what could not go along."""

from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.copying import Copied, Copying, copy_to_wizard
from keepstep.core.nodes import option_set_in
from keepstep.core.piping import told
from keepstep.core.text import quoted
from keepstep.db.transaction import Read
from keepstep.queries.drafts import WizardDraft, get_draft
from keepstep.queries.wizards import Wizard, WizardFilter, list_wizards
from keepstep.web.pages.build_acts import Sent
from keepstep.web.pages.frame import frame_around
from keepstep.web.pages.route import fields_of, page_router
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()
# What the first step of another wizard is called until somebody says otherwise; in the language of its content, not of the page.
_FIRST_STEP = "First step"
# As many as a menu can hold; whoever has more opens the other wizard's page of wizards by its search.
MOST_TARGETS = 200


@router.get("/wizards/{wizard_ref}/build/copy", name="page:build-copy")
async def choose(
    request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, node: Annotated[str, Query(max_length=80)]
) -> Response:
    """The wizards that it can be copied to."""
    state = await get_draft(tx, visitor.actor, wizard_ref)
    sent = Sent({"node": node, "new_id": visitor.ctx.make_id()})
    return await _dialog(request, tx, wizard_ref, state, sent, targets=await _targets(tx, visitor, state.wizard))


@router.post("/wizards/{wizard_ref}/build/copy", name="page:build-copied")
async def copy(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """The copy; for a question without a step to go to, the steps of that wizard first."""
    sent = Sent(await fields_of(request))
    state = await get_draft(tx, visitor.actor, wizard_ref)
    target = await get_draft(tx, visitor.actor, sent.needed("target"), "edit")
    is_step = sent.text("node") in state.draft.structure.step_by_id
    if not is_step and not sent.text("to_step") and not sent.text("step_name").strip():
        return await _dialog(request, tx, wizard_ref, state, sent, target=target)
    copying = Copying(
        source=state.wizard.id,
        node_id=sent.needed("node"),
        target=target.wizard.id,
        step_id=sent.text("to_step") or None,
        step_name=sent.text("step_name"),
        new_id=sent.text("new_id") or None,
    )
    return await _dialog(request, tx, wizard_ref, state, sent, target=target, copied=await copy_to_wizard(visitor.ctx, tx, copying))


async def _targets(tx: Read, visitor: Visitor, source: Wizard) -> list[Wizard]:
    found = await list_wizards(tx, visitor.actor, WizardFilter(), limit=MOST_TARGETS, after=None)
    return [wizard for wizard in found if wizard.id != source.id and visitor.may("edit", wizard.id)]


async def _dialog(
    request: Request,
    tx: Read,
    wizard_ref: str,
    state: WizardDraft,
    sent: Sent,
    *,
    targets: list[Wizard] | None = None,
    target: WizardDraft | None = None,
    copied: Copied | None = None,
) -> Response:
    structure = state.draft.structure
    step = structure.step_by_id.get(sent.text("node"))
    named: Any = step if step is not None else option_set_in(structure, sent.text("node"))
    return page(
        request,
        "build/copy.html",
        block="dialog",
        wizard=state.wizard,
        ref=wizard_ref,
        **await frame_around(request, tx, state),
        node=named.id,
        is_step=step is not None,
        is_retired=named.retired,
        subject=quoted(named.name, structure.default_language),
        new_id=sent.text("new_id"),
        targets=targets or [],
        target=None if target is None else target.wizard,
        steps=[] if target is None else _steps(target),
        copied=copied,
        first_step=_FIRST_STEP,
        back=f"/wizards/{wizard_ref}/build?node={named.id}",
    )


def _steps(target: WizardDraft) -> list[dict[str, str]]:
    structure = target.draft.structure
    return [{"id": step.id, "name": told(step.name, structure) or step.key} for step in structure.steps if not step.retired]
