"""The settings of one wizard: its name and address, what stands on one page, when runs are given up, files in and out, who may work on
it, the trash.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, cast, get_args

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.exports import export_wizard
from keepstep.actions.imports import WizardFile, import_wizard, read_wizard_file
from keepstep.actions.wizards import DEFAULT_SETTINGS, WizardPatch, change_wizard
from keepstep.config import Resources
from keepstep.core.question_pages import Pages, pages_of
from keepstep.core.retention import from_settings
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import Problem, RequestInvalid, SlugTaken, Stale, StructureInvalid
from keepstep.queries.drafts import get_draft
from keepstep.queries.grants import grants_on
from keepstep.queries.receipts import list_imports
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.forms import by_field
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.new_wizard import NO_FILE, OF_FILES
from keepstep.web.pages.receipt import receipt_path, saved_file
from keepstep.web.pages.route import UploadPageRoute, fields_of, file_of, page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()
uploads = page_router(route_class=UploadPageRoute)

_NO_DAYS: Final = message("A whole number of days, such as 30.")
_NO_NAME: Final = message("A wizard needs a name.")
_TAKEN: Final = message("Another wizard has this address. Choose another one.")


@router.get("/wizards/{wizard_ref}/settings", name="page:settings")
async def settings(
    request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, saved: Annotated[bool, Query()] = False
) -> Response:
    return await settings_page(request, visitor, tx, wizard_ref, saved=saved)


async def settings_page(request: Request, visitor: Visitor, tx: Read, ref: str, *, status: int = 200, **given: Any) -> Response:
    """The page, with what was typed into one of its forms and what is wrong with it."""
    state = await get_draft(tx, visitor.actor, ref, "edit")
    wizard, structure = state.wizard, state.draft.structure
    stored = {
        "name": wizard.name,
        "slug": wizard.slug or "",
        "pages": pages_of(structure),
        "abandon_after": str({**DEFAULT_SETTINGS, **(wizard.settings or {})}["abandon_after"]),
    }
    values: dict[str, Any] = {"fields": stored, "errors": {}, "file_problem": None, "saved": False} | given
    values |= {"stored": stored, "structure": structure, "imports": await list_imports(tx, wizard.id)}
    values |= _kept(visitor, wizard) | {name: given[name] for name in ("kept", "kept_errors") if name in given}
    values["granted"] = await grants_on(tx, wizard.id) if visitor.may("administer") else None
    return page(request, "settings.html", status=status, **await frame_values(tx, wizard, state.draft), **values)


def _kept(visitor: Visitor, wizard: Wizard) -> dict[str, Any]:
    """The retention rule, for admins, and its form as it stands."""
    rule = from_settings(wizard.settings)
    kept = {"after": "completion", "days": "", "then": "trash"} if rule is None else rule.to_settings()
    return {"retention": rule, "may_retain": visitor.may("administer", wizard.id), "kept": kept, "kept_errors": {}}


@router.post("/wizards/{wizard_ref}/settings", name="page:save-settings")
async def save(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """What differs from what the form was shown with, so that a page left open takes nothing back that others set."""
    fields = await fields_of(request)
    try:
        patch = _patch(fields)
        async with open_write(resources.engine) as tx:
            wizard = await change_wizard(visitor.ctx, tx, wizard_ref, patch)
    except SlugTaken:
        return await _again(request, visitor, resources, wizard_ref, fields, {"slug": _TAKEN})
    except (RequestInvalid, StructureInvalid) as invalid:
        errors = {name.rpartition("/")[2]: detail for name, detail in by_field(invalid).items()}
        return await _again(request, visitor, resources, wizard_ref, fields, errors)
    return see_other(request, f"/wizards/{wizard.slug}/settings?saved=true")


def _patch(fields: Mapping[str, str]) -> WizardPatch:
    """Raises RequestInvalid for what the action could not tell the reason of."""
    changed = {
        name: fields[name]
        for name in ("name", "slug", "abandon_after", "pages")
        if name in fields and fields[name] != fields.get(f"{name}_was")
    }
    if changed.get("name") == "":
        raise _wrong("name", _NO_NAME)
    days = changed.get("abandon_after")
    if days is not None and not (days.isascii() and days.isdecimal() and len(days) < 9):
        raise _wrong("abandon_after", _NO_DAYS)
    pages = cast("Pages", changed["pages"]) if changed.get("pages") in get_args(Pages) else None
    settings = None if days is None else {"abandon_after": int(days)}
    return WizardPatch(name=changed.get("name"), pages=pages, slug=changed.get("slug"), settings=settings)


def _wrong(name: str, detail: str) -> RequestInvalid:
    return RequestInvalid(detail, errors=[{"pointer": f"/{name}", "code": "invalid", "detail": detail}])


async def _again(
    request: Request, visitor: Visitor, resources: Resources, ref: str, fields: Mapping[str, str], errors: Mapping[str, str]
) -> Response:
    async with open_read(resources.engine) as tx:
        return await settings_page(request, visitor, tx, ref, status=422, fields=fields, errors=errors)


# --- files -----------------------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/wizard.json", name="page:export-wizard")
async def export(
    visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, version: Annotated[int | None, Query(ge=1, lt=2**31)] = None
) -> Response:
    """The draft as Keepstep JSON, or a version."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view")
    name = f"{wizard.slug}-{'draft' if version is None else f'v{version}'}.json"
    return saved_file(await export_wizard(visitor.ctx, tx, wizard.id, version), name)


@uploads.post("/wizards/{wizard_ref}/import", name="page:import-into")
async def import_into(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """A newer edition on top of the draft that the page was shown with; then its receipt."""
    seen = (await fields_of(request)).get("revision", "*")
    data, filename = await file_of(request)
    if not filename:
        async with open_read(resources.engine) as read:
            return await settings_page(request, visitor, read, wizard_ref, status=422, errors={"file": NO_FILE})
    file = WizardFile(data=data, filename=filename, into=wizard_ref, seen=seen)
    try:
        wizard_file = await read_wizard_file(visitor.ctx, file)
        async with open_write(resources.engine) as tx:
            imported = await import_wizard(visitor.ctx, tx, wizard_file)
    except Problem as problem:
        if problem.kind not in OF_FILES and not isinstance(problem, Stale):
            raise
        async with open_read(resources.engine) as tx:
            return await settings_page(request, visitor, tx, wizard_ref, status=status_of(problem), file_problem=problem)
    return see_other(request, receipt_path(request, imported.wizard, imported.import_id))
