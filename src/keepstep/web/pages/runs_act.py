"""Acts on ticked runs, or on all that match: counts first, then the act, as a dialog; and exports, which only read."""

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final, Literal, cast, get_args
from zoneinfo import ZoneInfo

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.erasure import remove_contents
from keepstep.actions.exports import ExportRequest, export_runs, left_out_without_personal_data
from keepstep.actions.reasons import MAX_REASON
from keepstep.actions.run_bulk import MOST_AT_ONCE, Deed, Selection, erase_runs, preview_bulk, trash_runs, untrash_runs
from keepstep.config import Resources
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import ImpactUnconfirmed, Problem, RequestInvalid
from keepstep.interchange.columns import Labels, TableOptions
from keepstep.interchange.runs_out import WriteOptions
from keepstep.queries.run_lists import RunFilter, sum_listed
from keepstep.queries.versions import versions_of
from keepstep.queries.wizards import Wizard, get_wizard, is_id
from keepstep.web.api.exports import Streamed, all_pieces
from keepstep.web.deps import ResourcesDep
from keepstep.web.forms import by_field
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.pages.runs import WORDS, runs_path
from keepstep.web.pages.runs_asked import Table, asked_in
from keepstep.web.problems import status_of
from keepstep.web.rendering import page, path_to
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

Asking = Literal["trash", "restore", "erase", "export"]
_MOST_TICKED: Final = 200
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


class Picked:
    """Which runs are meant: those that were ticked, or `all` that match the filters that came along."""

    def __init__(self, table: Table, parameters: ImmutableMultiDict[str, Any], zone: ZoneInfo) -> None:
        self.table = table
        self.everything = parameters.get("all") == "1"
        ticked = [each for each in parameters.getlist("run") if isinstance(each, str) and is_id(each)]
        self.ids = tuple(dict.fromkeys(ticked))[:_MOST_TICKED]
        self.zone = zone

    def filter(self, deed: str) -> RunFilter:

        chosen = self.table.filter(self.zone, everything=self.everything, ids=self.ids)
        return replace(chosen, erasable=True) if deed == "erase" else chosen

    def fields(self) -> list[tuple[str, str]]:
        """What a form carries on."""
        return [*self.table.asked.pairs(), *([("all", "1")] if self.everything else [("run", each) for each in self.ids])]


async def _picked(visitor: Visitor, tx: Read, resources: Resources, ref: str, given: ImmutableMultiDict[str, Any]) -> tuple[Wizard, Picked]:
    wizard = await get_wizard(tx, visitor.actor, ref, "view", removed=True)
    texts: list[tuple[str, str]] = [(name, value) for name, value in given.multi_items() if isinstance(value, str)]
    parameters = ImmutableMultiDict([(name, value) for name, value in texts if name not in ("reason", "csrf_token")])
    return wizard, Picked(Table(asked_in(parameters), await versions_of(tx, wizard.id)), parameters, ZoneInfo(resources.settings.zone))


def _deed(given: Any) -> Asking:
    if given not in get_args(Asking):
        raise RequestInvalid("Choose what to do with the runs: export, trash, restore or erase.")
    return cast("Asking", given)


@router.get("/wizards/{wizard_ref}/runs/act", name="page:runs-act")
async def ask(request: Request, visitor: CurrentVisitor, tx: PageRead, resources: ResourcesDep, wizard_ref: str) -> Response:
    """The dialog before the act: how many runs, on which versions, in which state."""
    deed = _deed(request.query_params.get("deed"))
    wizard, picked = await _picked(visitor, tx, resources, wizard_ref, request.query_params)
    return await _dialog(request, visitor, tx, (wizard, picked, deed))


async def _dialog(
    request: Request, visitor: Visitor, tx: Read, what: tuple[Wizard, Picked, Asking], problem: Problem | None = None, reason: str = ""
) -> Response:
    wizard, picked, deed = what
    chosen = picked.filter(deed)
    going = None if deed == "export" else await preview_bulk(visitor.ctx, tx, deed, Selection(wizard.id, chosen))
    ref = wizard.slug or wizard.id
    return page(
        request,
        "runs/act.html",
        block="dialog",
        status=200 if problem is None else status_of(problem),
        wizard=wizard,
        deed=deed,
        runs=await sum_listed(tx, wizard.id, chosen) if going is None else going.runs,
        going=going,
        at_once=MOST_AT_ONCE.get(cast("Deed", deed), 0),
        fields=picked.fields(),
        everything=picked.everything,
        action=path_to(request, "runs-export" if deed == "export" else "runs-act", wizard_ref=ref),
        back=runs_path(request, wizard, picked.table.asked.query()),
        problem=problem,
        reason=reason,
        refused=by_field(problem).get("reason", "") if problem else "",
        most=MAX_REASON,
        left_out=await _left_out(tx, wizard) if deed == "export" else (),
        **WORDS,
    )


async def _left_out(tx: Read, wizard: Wizard) -> list[str]:
    """What an export without personal data leaves out, as the columns are headed."""
    return [question.key for question in await left_out_without_personal_data(tx, wizard)]


@router.post("/wizards/{wizard_ref}/runs/act", name="page:runs-do")
async def act(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """The act on exactly the runs that were counted; the dialog with new numbers where others match by now."""
    form = await request.form()
    deed, reason, token = _deed(form.get("deed")), str(form.get("reason", "")).strip(), str(form.get("confirm", ""))
    if deed == "export":
        raise RequestInvalid("An export is a link.")
    async with open_read(resources.engine) as tx:
        wizard, picked = await _picked(visitor, tx, resources, wizard_ref, form)
    selection = Selection(wizard.id, picked.filter(deed))
    try:
        many = await _act(visitor, resources, deed, selection, (reason, token))
    except (ImpactUnconfirmed, RequestInvalid) as problem:
        async with open_read(resources.engine) as tx:
            return await _dialog(request, visitor, tx, (wizard, picked, deed), problem, reason)
    return see_other(request, runs_path(request, wizard, picked.table.asked.query(done=deed, many=many)))


async def _act(visitor: Visitor, resources: Resources, deed: Deed, selection: Selection, said: tuple[str, str]) -> int:
    reason, token = said
    async with open_write(resources.engine) as write:
        if deed == "trash":
            return await trash_runs(visitor.ctx, write, selection, token)
        if deed == "restore":
            return await untrash_runs(visitor.ctx, write, selection, token)
        erased = await erase_runs(visitor.ctx, write, selection, reason, token)
    # After the commit: until then the answers that name the files could still come back.
    for each in erased:
        if each.files:
            async with open_write(resources.engine) as write:
                await remove_contents(write, resources.blobs, each)
    return len(erased)


@router.get("/wizards/{wizard_ref}/runs/export", name="page:runs-export")
async def export(
    request: Request,
    visitor: CurrentVisitor,
    resources: ResourcesDep,
    wizard_ref: str,
    file_format: str = "csv",
    labels: str = "codes",
) -> Response:
    """The runs as a file, streamed from one snapshot; with `all` or `run` those alone."""
    async with AsyncExitStack() as opened:
        tx = await opened.enter_async_context(open_read(resources.engine))
        _, picked = await _picked(visitor, tx, resources, wizard_ref, request.query_params)
        asked = ExportRequest(
            format_name="jsonl" if file_format == "jsonl" else "csv",
            only=picked.filter("export"),
            table=TableOptions(labels=cast("Labels", labels) if labels in get_args(Labels) else "codes"),
            write=WriteOptions(bom=True, excel_safe=request.query_params.get("excel_safe") == "1"),
            impersonal=request.query_params.get("impersonal") == "1",
        )
        made = await export_runs(visitor.ctx, tx, wizard_ref, asked)
        first = await anext(made.pieces)
        ending = asked.format_name
        headers = {"Content-Disposition": f'attachment; filename="{made.filename(ending)}"', "Cache-Control": "no-store"}
        return Streamed(all_pieces(first, made), opened.pop_all(), media_type=_TYPES[ending], headers=headers)
