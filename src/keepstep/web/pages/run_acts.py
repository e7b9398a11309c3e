"""What is done to one run besides editing it: the trash, an earlier revision restored. A dialog each."""

from typing import Annotated, Any

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.runs import restore_revision, trash_run, untrash_run
from keepstep.core.permissions import require
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import Problem, Stale
from keepstep.queries.runs import get_run_at
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.pages.run import RunId, RunPage, run_page
from keepstep.web.pages.run_view import differences
from keepstep.web.pages.runs_table import run_name
from keepstep.web.problems import status_of
from keepstep.web.rendering import page, path_to
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()

Revision = Annotated[int, Path(ge=1, lt=2**31)]


def run_path(request: Request, shown: RunPage, done: str = "") -> str:
    path = path_to(request, "run", wizard_ref=shown.ref, run_id=shown.state.id)
    return f"{path}?done={done}" if done else path


def run_dialog(request: Request, template: str, shown: RunPage, problem: Problem | None = None, **values: Any) -> Response:
    state = shown.state
    named: dict[str, Any] = {
        "wizard": shown.wizard,
        "run": state,
        "name": run_name(state.id),
        "back": run_path(request, shown),
        "problem": problem,
    }
    return page(request, template, block="dialog", status=200 if problem is None else status_of(problem), **named, **values)


# --- trash -----------------------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/runs/{run_id}/trash", name="page:run-trash")
async def ask_trash(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, run_id: RunId) -> Response:
    """Before the run goes to the trash, or out of it."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    require(visitor.actor, "edit", shown.wizard.id)
    return run_dialog(request, "runs/trash.html", shown)


@router.post("/wizards/{wizard_ref}/runs/{run_id}/trash", name="page:do-run-trash")
async def trash(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str, run_id: RunId) -> Response:
    """`to` says where it shall be afterwards, so that a form sent twice does nothing twice."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    out = (await fields_of(request)).get("to") == "out"
    await (untrash_run if out else trash_run)(visitor.ctx, tx, run_id)
    return see_other(request, run_path(request, shown, "untrash" if out else "trash"))


# --- an earlier revision ---------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/runs/{run_id}/revisions/{revision}/restore", name="page:run-restore")
async def ask_restore(
    request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, run_id: RunId, revision: Revision
) -> Response:
    """What would differ from now, answer by answer."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    require(visitor.actor, "edit", shown.wizard.id)
    return await _restore_dialog(request, visitor, tx, shown, revision)


async def _restore_dialog(
    request: Request, visitor: Visitor, tx: Read, shown: RunPage, revision: int, problem: Problem | None = None
) -> Response:
    wanted = await get_run_at(tx, visitor.actor, shown.state.id, revision)
    values = {"wanted": wanted, "changes": differences(shown.state, wanted, shown.questions), "seen": shown.state.etag}
    return run_dialog(request, "runs/restore.html", shown, problem, **values)


@router.post("/wizards/{wizard_ref}/runs/{run_id}/revisions/{revision}/restore", name="page:do-run-restore")
async def restore(
    request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, run_id: RunId, revision: Revision
) -> Response:
    """The old state as a new revision; the dialog anew where somebody changed the run meanwhile."""
    seen = (await fields_of(request)).get("seen", "")
    try:
        async with open_write(resources.engine) as write:
            shown = await run_page(visitor, write, wizard_ref, run_id)
            await restore_revision(visitor.ctx, write, run_id, revision, seen)
    except Stale as problem:
        async with open_read(resources.engine) as tx:
            return await _restore_dialog(request, visitor, tx, await run_page(visitor, tx, wizard_ref, run_id), revision, problem)
    return see_other(request, run_path(request, shown, "restored"))
