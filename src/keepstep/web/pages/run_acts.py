"""What is done to one run besides editing it: the trash, an earlier revision restored, answers erased. A dialog each."""

from typing import Annotated, Any, Final

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.erasure import Erasure, ErasureRequest, erase_run, preview_erasure, remove_contents
from keepstep.actions.reasons import MAX_REASON
from keepstep.actions.runs import restore_revision, trash_run, untrash_run
from keepstep.core.permissions import require
from keepstep.core.personal import personal_option_sets
from keepstep.core.tokens import sign, verified
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import ImpactUnconfirmed, Problem, RequestInvalid, Stale
from keepstep.queries.runs import get_run_at
from keepstep.web.deps import ResourcesDep
from keepstep.web.forms import by_field
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.pages.run import RunId, RunPage, run_page
from keepstep.web.pages.run_view import differences
from keepstep.web.pages.runs_table import run_name
from keepstep.web.problems import status_of
from keepstep.web.rendering import page, path_to
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()

Revision = Annotated[int, Path(ge=1, lt=2**31)]
# What stands for a reason while a list is only looked at; nothing is stored with it.
_LOOKING: Final = "-"


def run_path(request: Request, shown: RunPage, done: str = "") -> str:
    path = path_to(request, "run", wizard_ref=shown.ref, run_id=shown.state.id)
    return f"{path}?done={done}" if done else path


def _dialog(request: Request, template: str, shown: RunPage, problem: Problem | None = None, **values: Any) -> Response:
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
    return _dialog(request, "runs/trash.html", shown)


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
    return _dialog(request, "runs/restore.html", shown, problem, **values)


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


# --- erasure ---------------------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/runs/{run_id}/erase", name="page:run-erase")
async def ask_erase(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, run_id: RunId) -> Response:
    """Everything that would go, and what stays. Single answers can be chosen: some by `name`, or by `tick=personal` those marked so."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    ticks = request.query_params.get("tick") == "personal"
    names = sorted(_personal(shown)) if ticks else request.query_params.getlist("name")
    return await _erase_dialog(request, visitor, tx, shown, names)


def _personal(shown: RunPage) -> frozenset[str]:
    return personal_option_sets(version.structure for version in shown.versions)


async def _erase_dialog(
    request: Request,
    visitor: Visitor,
    tx: Read,
    shown: RunPage,
    names: list[str],
    problem: Problem | None = None,
    reason: str = "",
) -> Response:
    every = await preview_erasure(visitor.ctx, tx, shown.state.id, ErasureRequest(reason=_LOOKING))
    some = [name for name in names if name in every.labels]
    going = await preview_erasure(visitor.ctx, tx, shown.state.id, _request(some, _LOOKING)) if some else every
    return _dialog(
        request,
        "runs/erase.html",
        shown,
        problem,
        every=every,
        personal=_personal(shown) & set(every.labels),
        going=going,
        names=some,
        reason=reason,
        refused=by_field(problem).get("reason", "") if problem else "",
        most=MAX_REASON,
        token=_token(visitor, going),
        path=path_to(request, "run-erase", wizard_ref=shown.ref, run_id=shown.state.id),
    )


def _request(names: list[str], reason: str) -> ErasureRequest:
    return ErasureRequest(reason=reason, option_sets=names or None)


def _token(visitor: Visitor, going: Erasure) -> str:
    """Of the list that was shown: an answer that came since is not erased unseen."""
    return sign(visitor.ctx.secret, "run-erase", _listed(visitor, going))


def _listed(visitor: Visitor, going: Erasure) -> list[Any]:
    kept = [going.run_id, sorted(going.labels), list(going.revisions), going.answers, going.saved, sorted(going.files)]
    return [visitor.actor.id, *kept]


def _require_listed(visitor: Visitor, token: str, going: Erasure) -> None:
    if verified(visitor.ctx.secret, "run-erase", token) != _listed(visitor, going):
        raise ImpactUnconfirmed("What is stored, or what is chosen, differs from the list. Nothing was erased; look at the new list.")


@router.post("/wizards/{wizard_ref}/runs/{run_id}/erase", name="page:do-run-erase")
async def erase(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, run_id: RunId) -> Response:
    """Exactly what was listed, or the list anew."""
    form = await request.form()
    fields = await fields_of(request)
    names = [str(each) for each in form.getlist("name")]
    reason, token = fields.get("reason", ""), fields.get("confirm", "")
    try:
        async with open_write(resources.engine) as write:
            shown = await run_page(visitor, write, wizard_ref, run_id)
            _require_listed(visitor, token, await preview_erasure(visitor.ctx, write, run_id, _request(names, reason)))
            erased = await erase_run(visitor.ctx, write, run_id, _request(names, reason))
    except (ImpactUnconfirmed, RequestInvalid) as problem:
        async with open_read(resources.engine) as tx:
            return await _erase_dialog(request, visitor, tx, await run_page(visitor, tx, wizard_ref, run_id), names, problem, reason)
    # After the commit: until then the answers that name the files could still come back.
    if erased.files:
        async with open_write(resources.engine) as write:
            await remove_contents(write, resources.blobs, erased)
    return see_other(request, run_path(request, shown, "erased"))
