"""Answers of one run erased for good: the ticked ones, or, chosen apart, the whole run. Counted first, then exactly that."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.erasure import Erasure, ErasureRequest, erase_run, preview_erasure, remove_contents
from keepstep.actions.reasons import MAX_REASON
from keepstep.core.personal import personal_option_sets
from keepstep.core.tokens import sign, verified
from keepstep.db.transaction import Read, Write, open_read, open_write
from keepstep.errors import ImpactUnconfirmed, Problem, RequestInvalid
from keepstep.web.deps import ResourcesDep
from keepstep.web.forms import by_field
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.pages.run import RunId, RunPage, run_page
from keepstep.web.pages.run_acts import run_dialog, run_path
from keepstep.web.rendering import path_to
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

# What stands for a reason while a list is only looked at; nothing is stored with it.
_LOOKING: Final = "-"
_PURPOSE: Final = "run-erase"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a form asks for. `names`: the ticked questions. `whole`: every answer of the run; never merely since nothing is ticked."""

    names: tuple[str, ...] = ()
    whole: bool = False
    reason: str = ""
    problem: Problem | None = None

    @property
    def is_something(self) -> bool:
        return self.whole or bool(self.names)

    def request(self, reason: str) -> ErasureRequest:
        return ErasureRequest(reason=reason, option_sets=None if self.whole else self.names)


@router.get("/wizards/{wizard_ref}/runs/{run_id}/erase", name="page:run-erase")
async def ask_erase(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, run_id: RunId) -> Response:
    """What would go, and what stays: of the questions by `name`, or by `tick=personal` those marked so, or by `all=1` of the run."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    asked = request.query_params
    names = sorted(_personal(shown)) if asked.get("tick") == "personal" else asked.getlist("name")
    return await _dialog(request, visitor, tx, shown, _Wanted(tuple(names), asked.get("all") == "1"))


def _personal(shown: RunPage) -> frozenset[str]:
    return personal_option_sets(version.structure for version in shown.versions)


async def _dialog(request: Request, visitor: Visitor, tx: Read, shown: RunPage, wanted: _Wanted) -> Response:
    every = await preview_erasure(visitor.ctx, tx, shown.state.id, ErasureRequest(reason=_LOOKING))
    some = _Wanted(tuple(name for name in wanted.names if name in every.labels), wanted.whole)
    going = await preview_erasure(visitor.ctx, tx, shown.state.id, some.request(_LOOKING)) if some.is_something else None
    return run_dialog(
        request,
        "runs/erase.html",
        shown,
        wanted.problem,
        every=every,
        personal=_personal(shown) & set(every.labels),
        going=going,
        names=some.names,
        whole=some.whole,
        reason=wanted.reason,
        refused=by_field(wanted.problem).get("reason", "") if wanted.problem else "",
        most=MAX_REASON,
        token="" if going is None else sign(visitor.ctx.secret, _PURPOSE, _listed(visitor, going)),
        path=path_to(request, "run-erase", wizard_ref=shown.ref, run_id=shown.state.id),
    )


def _listed(visitor: Visitor, going: Erasure) -> list[Any]:
    """What was listed: neither an answer that came since nor a question that was ticked since goes uncounted."""
    kept = [going.run_id, sorted(going.labels), list(going.revisions), going.answers, going.saved, sorted(going.files)]
    return [visitor.actor.id, *kept]


@router.post("/wizards/{wizard_ref}/runs/{run_id}/erase", name="page:do-run-erase")
async def erase(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, run_id: RunId) -> Response:
    """Exactly what is ticked, once it was counted; the dialog with its list where it was not, or where `list` asks for that alone."""
    form = await request.form()
    wanted, problem = _wanted(form), None
    try:
        if "list" not in form:
            async with open_write(resources.engine) as write:
                shown = await run_page(visitor, write, wizard_ref, run_id)
                erased = await _erase(visitor, write, run_id, wanted, str(form.get("confirm", "")))
            # After the commit: until then the answers that name the files could still come back.
            if erased.files:
                async with open_write(resources.engine) as write:
                    await remove_contents(write, resources.blobs, erased)
            return see_other(request, run_path(request, shown, "erased"))
    except (ImpactUnconfirmed, RequestInvalid) as refusal:
        problem = refusal
    async with open_read(resources.engine) as tx:
        again = _Wanted(wanted.names, wanted.whole, wanted.reason, problem)
        return await _dialog(request, visitor, tx, await run_page(visitor, tx, wizard_ref, run_id), again)


def _wanted(form: FormData) -> _Wanted:
    return _Wanted(tuple(str(each) for each in form.getlist("name")), form.get("all") == "1", str(form.get("reason", "")).strip())


async def _erase(visitor: Visitor, tx: Write, run_id: str, wanted: _Wanted, token: str) -> Erasure:
    if not wanted.is_something:
        raise RequestInvalid("Nothing is ticked, so nothing was erased. Tick the questions whose answers go, or choose the whole run.")
    going = await preview_erasure(visitor.ctx, tx, run_id, wanted.request(_LOOKING))
    if verified(visitor.ctx.secret, _PURPOSE, token) != _listed(visitor, going):
        raise ImpactUnconfirmed("What is ticked, or what is stored, differs from the list. Nothing was erased; look at the new list.")
    return await erase_run(visitor.ctx, tx, run_id, wanted.request(wanted.reason))
