"""A wizard's draft over HTTP: read and replace as a whole, undo, redo, and what publishing it would change (docs/api.md)."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from keepstep.actions.drafts import Edited, redo_edit, replace_draft, undo_edit, undo_names
from keepstep.actions.publishing import active_version, publish_report, suggested_matches
from keepstep.core.faults import problems_in
from keepstep.core.structure import dump
from keepstep.queries.drafts import WizardDraft, get_draft, recent_edits
from keepstep.web.api import shapes
from keepstep.web.api.wizards import WizardRef
from keepstep.web.deps import CurrentContext, ReadTx, WriteTx
from keepstep.web.etags import Seen, tag_header
from keepstep.web.exactjson import ExactJson, RequestBody, api_router, with_headers

router = api_router("Drafts")


class ReplaceDraft(RequestBody):
    """The whole draft. Nodes are told by their ids; those that are left out go to the shelf."""

    structure: dict[str, Any]


class GoBack(RequestBody):
    """Which edit: your own last one, or the one that made this revision of the draft."""

    revision: Annotated[int, Field(ge=1, lt=2**63)] | None = None


async def _answer(ctx: CurrentContext, tx: ReadTx, state: WizardDraft, more: Mapping[str, Any] | None = None) -> ExactJson:
    wizard = state.wizard
    log = await recent_edits(tx, wizard.id, wizard.draft_revision)
    body = {"wizard_id": wizard.id, "revision": wizard.draft_revision, "structure": dump(state.draft.structure)}
    body |= {"shelf": [dump(item) for item in state.draft.shelf], **undo_names(log, ctx.actor.id), **(more or {})}
    return with_headers(body, headers=tag_header(state.etag))


async def _edited(ctx: CurrentContext, tx: ReadTx, edited: Edited) -> ExactJson:
    return await _answer(ctx, tx, edited.state, {"edit": edited.name})


@router.get("/api/v1/wizards/{wizard_ref}/draft", summary="The draft", responses=shapes.answers(shapes.DraftAnswer))
async def read(ctx: CurrentContext, tx: ReadTx, wizard_ref: WizardRef) -> ExactJson:
    """The structure, the shelf of deleted nodes, and what your next undo and redo would be about."""
    return await _answer(ctx, tx, await get_draft(tx, ctx.actor, wizard_ref))


@router.put("/api/v1/wizards/{wizard_ref}/draft", summary="Replace the whole draft", responses=shapes.answers(shapes.DraftAnswer))
async def replace(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, body: ReplaceDraft, seen: Seen) -> ExactJson:
    """One edit, undoable. It does not ask about stored answers, because publishing asks for everything."""
    return await _edited(ctx, tx, await replace_draft(ctx, tx, wizard_ref, body.structure, seen))


@router.post("/api/v1/wizards/{wizard_ref}/draft/undo", summary="Undo an edit", responses=shapes.answers(shapes.DraftAnswer))
async def undo(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, seen: Seen, body: GoBack | None = None) -> ExactJson:
    """Your own last edit, or the one of the revision that you name."""
    revision = None if body is None else body.revision
    return await _edited(ctx, tx, await undo_edit(ctx, tx, wizard_ref, seen, revision=revision))


@router.post("/api/v1/wizards/{wizard_ref}/draft/redo", summary="Redo an edit", responses=shapes.answers(shapes.DraftAnswer))
async def redo(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, seen: Seen, body: GoBack | None = None) -> ExactJson:
    """The edit that you undid last, or the one of the revision that you name."""
    revision = None if body is None else body.revision
    return await _edited(ctx, tx, await redo_edit(ctx, tx, wizard_ref, seen, revision=revision))


@router.get("/api/v1/wizards/{wizard_ref}/changes", summary="What publishing would change", responses=shapes.answers(shapes.DraftChanges))
async def changes(ctx: CurrentContext, tx: ReadTx, wizard_ref: WizardRef) -> ExactJson:
    """The draft against the active version, counted; the problems that stop publishing; what may be the same to a person; and
    the token that publishing takes.
    """
    state = await get_draft(tx, ctx.actor, wizard_ref)
    report = await publish_report(ctx, tx, state.wizard, await active_version(tx, state.wizard), state.draft.structure)
    problems: list[dict[str, Any]] = [
        {**finding.issue.to_json(), "severity": finding.severity, "node_id": finding.node_id or None}
        for finding in await asyncio.to_thread(problems_in, state.draft.structure, state.draft.shelf)
    ]
    suggestions = [found.to_json() for found in await suggested_matches(tx, state.wizard, report.report)]
    body = report.to_json() | {"problems": problems, "suggestions": suggestions, "revision": state.wizard.draft_revision}
    return with_headers(body | {"active_version_number": state.wizard.active_version_number}, headers=tag_header(state.etag))
