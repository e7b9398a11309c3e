"""Wizards over HTTP: list, create, read, rename and set, trash, remove, restore (docs/api.md)."""

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field

from keepstep.actions.context import Context
from keepstep.actions.retention import Due, preview_retention
from keepstep.actions.wizards import (
    DEFAULT_SETTINGS,
    NewWizard,
    WizardPatch,
    change_wizard,
    create_wizard,
    remove_wizard,
    report_of_deletion,
    restore_wizard,
    trash_wizard,
)
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import Read
from keepstep.errors import RequestInvalid
from keepstep.queries.wizards import RunCounts, Wizard, WizardFilter, count_runs, get_wizard, list_wizards
from keepstep.web.api import shapes
from keepstep.web.deps import CurrentContext, ReadTx, ResourcesDep, WriteTx
from keepstep.web.etags import tag_header
from keepstep.web.exactjson import LOWER_CASE, ExactJson, RequestBody, api_router, with_headers
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Limit, Listing

router = api_router("Wizards")

WizardRef = Annotated[str, LOWER_CASE, Path(max_length=200, description="The wizard's id or slug.")]
DryRun = Annotated[bool, Query(description="Only report what would be touched, with a confirm token; nothing changes.")]
Confirm = Annotated[str | None, Query(max_length=20_000, description="The token of the report that a person has seen.")]
AnyText = Annotated[Any, Field(description="A text, or a map from language to text.")]


class CreateWizard(RequestBody):
    """A wizard to create. Send `id` to be able to send the same request again without creating a second one."""

    name: AnyText = None
    id: Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)] | None = None
    slug: Annotated[str, Field(max_length=200)] | None = Field(None, description="Made from the name when left out.")
    structure: dict[str, Any] | None = Field(None, description="Ids, keys and option values that it leaves out are made.")


class ChangeWizard(RequestBody):
    """What to set; null or left out stays. A setting of null goes back to its default."""

    name: AnyText = None
    slug: Annotated[str, Field(max_length=200)] | None = None
    settings: dict[str, Any] | None = None


def wizard_json(wizard: Wizard) -> dict[str, Any]:
    """A wizard without its draft and its runs."""
    return {
        "id": wizard.id,
        "slug": wizard.slug,
        "name": wizard.name,
        "draft_revision": wizard.draft_revision,
        "active_version_number": wizard.active_version_number,
        "active_version_id": wizard.active_version_id,
        "created_at": wizard.created_at,
        "created_by": wizard.created_by,
        "updated_at": wizard.updated_at,
        "trashed_at": wizard.trashed_at,
        "removed_at": wizard.removed_at,
    }


def _whole(wizard: Wizard, runs: RunCounts) -> dict[str, Any]:
    settings = None if wizard.settings is None else {**DEFAULT_SETTINGS, **wizard.settings}
    return wizard_json(wizard) | {"settings": settings, "runs": runs.to_json()}


async def _answer(tx: ReadTx, wizard: Wizard, *, status: int = 200) -> ExactJson:
    """The ETag is the draft's: what a publish or an edit names as seen."""
    body = _whole(wizard, await count_runs(tx, wizard.id))
    return with_headers(body, status=status, headers=tag_header(str(wizard.draft_revision)))


@router.get("/api/v1/wizards", summary="List wizards", responses=shapes.answers(shapes.WizardPage))
async def list_(
    ctx: CurrentContext,
    tx: ReadTx,
    resources: ResourcesDep,
    q: Annotated[str | None, Query(max_length=200, description="Words of the name or the slug.")] = None,
    trashed: Annotated[bool, Query(description="The wizards in the trash instead.")] = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ExactJson:
    """The newest first."""
    if q is not None and (reason := unstorable_text(q)):
        raise RequestInvalid(reason, errors=[{"pointer": "", "parameter": "q", "code": "text-unstorable", "detail": reason}])
    listing = Listing("wizards", {"q": q, "trashed": trashed}, resources.secret)
    after = listing.after(cursor)
    last = None if after is None else str(after[0])
    found = await list_wizards(tx, ctx.actor, WizardFilter(words=q, trashed=trashed), limit=limit + 1, after=last)
    shown, following = listing.page(found, limit, position=lambda wizard: [wizard.id])
    return ExactJson({"items": [wizard_json(wizard) for wizard in shown], "next": following})


@router.post("/api/v1/wizards", status_code=201, summary="Create a wizard", responses=shapes.answers(shapes.WizardAnswer, 201, 200))
async def create(ctx: CurrentContext, tx: WriteTx, body: CreateWizard) -> ExactJson:
    """201; 200 when this very request created it before."""
    made = await create_wizard(ctx, tx, NewWizard(name=body.name, id=body.id, slug=body.slug, structure=body.structure))
    answer = await _answer(tx, made.wizard, status=201 if made.created else 200)
    answer.headers["Location"] = f"/api/v1/wizards/{made.wizard.id}"
    return answer


@router.get("/api/v1/wizards/{wizard_ref}", summary="One wizard", responses=shapes.answers(shapes.WizardAnswer))
async def read(ctx: CurrentContext, tx: ReadTx, wizard_ref: WizardRef) -> ExactJson:
    """The wizard with its settings and the number of its runs."""
    return await _answer(tx, await get_wizard(tx, ctx.actor, wizard_ref, "view"))


@router.patch(
    "/api/v1/wizards/{wizard_ref}",
    summary="Rename a wizard, change its slug or its settings",
    responses=shapes.answers(shapes.WizardAnswer | shapes.RetentionReport),
)
async def change(
    ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, body: ChangeWizard, dry_run: DryRun = False, confirm: Confirm = None
) -> ExactJson:
    """The name is an edit of the draft; slug and settings hold at once. The setting `retention` (`{after: completion|last_activity, days,
    then: trash|erase}`, for admins) takes the confirm token of a dry run, which answers with the runs that are due by that rule now.
    """
    if dry_run:
        return ExactJson((await _dry_run(ctx, tx, wizard_ref, body)).to_json())
    patch = WizardPatch(name=body.name, slug=body.slug, settings=body.settings)
    return await _answer(tx, await change_wizard(ctx, tx, wizard_ref, patch, confirm))


async def _dry_run(ctx: Context, tx: Read, wizard_ref: str, body: ChangeWizard) -> Due:
    if body.name is not None or body.slug is not None or body.settings is None or set(body.settings) != {"retention"}:
        detail = "Only a retention rule has a dry run: send settings with `retention` alone."
        raise RequestInvalid(detail, errors=[{"pointer": "", "parameter": "dry_run", "code": "nothing-to-count", "detail": detail}])
    return await preview_retention(ctx, tx, wizard_ref, body.settings["retention"])


@router.delete(
    "/api/v1/wizards/{wizard_ref}",
    summary="Move a wizard to the trash, or remove it for good",
    responses=shapes.answers(shapes.WizardAnswer | shapes.ReportAnswer),
)
async def delete(
    ctx: CurrentContext,
    tx: WriteTx,
    wizard_ref: WizardRef,
    permanent: Annotated[bool, Query(description="Remove it for good; versions and runs stay. For admins.")] = False,
    dry_run: DryRun = False,
    confirm: Confirm = None,
) -> ExactJson:
    """Runs stay readable, exportable and editable either way. Asks for a confirm token when there are runs."""
    if dry_run:
        return ExactJson((await report_of_deletion(ctx, tx, wizard_ref, permanent=permanent)).to_json())
    return await _answer(tx, await (remove_wizard if permanent else trash_wizard)(ctx, tx, wizard_ref, confirm))


@router.post(
    "/api/v1/wizards/{wizard_ref}/restore", summary="Take a wizard out of the trash", responses=shapes.answers(shapes.WizardAnswer)
)
async def restore(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef) -> ExactJson:
    """The wizard, as it was."""
    return await _answer(tx, await restore_wizard(ctx, tx, wizard_ref))
