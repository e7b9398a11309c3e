"""All options of a question as lines of text: the dialog, the comparison before anything is changed, and what applying it sends."""

from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.option_lines import listing_of
from keepstep.core.nodes import option_set_in
from keepstep.core.option_lines import Listing, text_of
from keepstep.core.structure import ChoiceFields
from keepstep.core.text import quoted
from keepstep.errors import NodeNotFound
from keepstep.queries.drafts import WizardDraft, get_draft, reserved_of
from keepstep.web.pages.build_acts import Sent, lines_of
from keepstep.web.pages.route import fields_of, page_router
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, PageRead

router = page_router()


@router.get("/wizards/{wizard_ref}/build/options", name="page:build-options")
async def options(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    option_set_id: Annotated[str, Query(max_length=80)],
    lang: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """The options as lines."""
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    option_set = _choice_in(state, option_set_id)
    structure = state.draft.structure
    language = lang if lang in structure.languages else structure.default_language
    lines = text_of(option_set, language, structure.default_language)
    return _dialog(
        request, wizard_ref, state, Sent({"option_set_id": option_set_id, "lang": lang, "lines": lines, "base": state.etag}), None
    )


@router.post("/wizards/{wizard_ref}/build/options", name="page:build-compare")
async def compare(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """What the lines would make of the options. Changes nothing: applying it is an edit like any other."""
    sent = Sent(await fields_of(request))
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    _choice_in(state, sent.option_set_id)
    found = listing_of(state.draft.structure, await reserved_of(tx, state.wizard.id), lines_of(sent, state.draft.structure))
    return _dialog(request, wizard_ref, state, sent, found)


def _choice_in(state: WizardDraft, option_set_id: str) -> ChoiceFields:
    option_set = option_set_in(state.draft.structure, option_set_id)
    if not isinstance(option_set, ChoiceFields):
        raise NodeNotFound("This question has no options.")
    return option_set


def _dialog(request: Request, wizard_ref: str, state: WizardDraft, sent: Sent, found: Listing | None) -> Response:
    structure = state.draft.structure
    option_set = option_set_in(structure, sent.option_set_id)
    entries = None if found is None else found.entries
    kept = [entry for entry in entries or () if entry.what == "kept" and not entry.moved]
    values: dict[str, Any] = {"issues": () if found is None else found.issues, "entries": entries, "kept": len(kept)}
    return page(
        request,
        "build/options.html",
        block="dialog",
        ref=wizard_ref,
        option_set=option_set,
        subject=quoted(option_set.name, structure.default_language),
        lines=sent.text("lines"),
        lang=sent.text("lang"),
        gone=sent.text("gone"),
        base=sent.text("base"),
        changed=len(kept) < len(entries or ()),
        back=f"/wizards/{wizard_ref}/build?node={option_set.id}",
        **values,
    )
