"""A new wizard: blank, from a template, or from a file."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.from_template import create_from_template
from keepstep.actions.imports import WizardFile, import_wizard, read_wizard_file
from keepstep.actions.wizards import NewWizard, create_wizard
from keepstep.core.permissions import require
from keepstep.db.transaction import open_write
from keepstep.errors import IdConflict, Problem, RequestInvalid
from keepstep.interchange.wizard_templates import wizard_templates
from keepstep.web.deps import ResourcesDep
from keepstep.web.forms import by_field, id_in
from keepstep.web.pages.receipt import receipt_path
from keepstep.web.pages.route import UploadPageRoute, fields_of, file_of, page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.rendering import first_path, page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, Visitor

router = page_router()
uploads = page_router(route_class=UploadPageRoute)

# What is wrong with a file and not with whoever sends it: said beside the field, where another one can be chosen.
OF_FILES: Final = frozenset({"malformed", "invalid", "too_large", "unsupported"})
NO_FILE: Final = message("Choose a file first.")
# Where a new wizard is worked on: the first of these pages that there is.
_START: Final = ("build", "settings")


@router.get("/wizards/new", name="page:new-wizard")
async def new_wizard(request: Request, visitor: CurrentVisitor) -> Response:
    require(visitor.actor, "edit")
    return _page(request, visitor)


def _page(request: Request, visitor: Visitor, *, status: int = 200, **given: Any) -> Response:
    values: dict[str, Any] = {"fields": {}, "errors": {}, "file_problem": None} | given
    return page(request, "new_wizard.html", status=status, templates=wizard_templates(), make_id=visitor.ctx.make_id, **values)


@router.post("/wizards/new", name="page:make-wizard")
async def make(request: Request, visitor: CurrentVisitor, resources: ResourcesDep) -> Response:
    """A blank wizard of the `name`, or one from the `template`."""
    fields = await fields_of(request)
    made = id_in(fields)
    try:
        async with open_write(resources.engine) as tx:
            if template := fields.get("template"):
                created = await create_from_template(visitor.ctx, tx, template, wizard_id=made)
            else:
                created = await create_wizard(visitor.ctx, tx, NewWizard(id=made, name=fields.get("name", "")))
    except RequestInvalid as invalid:
        return _page(request, visitor, status=422, fields=fields, errors=by_field(invalid))
    except IdConflict:
        # Sent twice: the first time made it.
        return see_other(request, first_path(request, _START, wizard_ref=made or ""))
    return see_other(request, first_path(request, _START, wizard_ref=created.wizard.slug or created.wizard.id))


@uploads.post("/wizards/new/file", name="page:import-wizard")
async def make_from_file(request: Request, visitor: CurrentVisitor, resources: ResourcesDep) -> Response:
    """The wizard in the file; then its receipt."""
    made = id_in(await fields_of(request))
    data, filename = await file_of(request)
    if not filename:
        return _page(request, visitor, status=422, errors={"file": NO_FILE})
    try:
        read = await read_wizard_file(visitor.ctx, WizardFile(data=data, filename=filename, id=made))
        async with open_write(resources.engine) as tx:
            imported = await import_wizard(visitor.ctx, tx, read)
    except IdConflict:
        # Sent twice: the first time made it.
        return see_other(request, first_path(request, _START, wizard_ref=made or ""))
    except Problem as problem:
        if problem.kind not in OF_FILES:
            raise
        return _page(request, visitor, status=status_of(problem), file_problem=problem)
    return see_other(request, receipt_path(request, imported.wizard, imported.import_id))
