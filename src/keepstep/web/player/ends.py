"""The pages after the questions: checking, sending, the end with a copy of the answers, and the link to carry on later."""

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from keepstep.actions.passages import PageSaved, renew_passage, save_page, send_passage, token_of
from keepstep.config import Resources
from keepstep.core.reference import reference_of
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import NotAdmitted
from keepstep.queries.passages import Passage
from keepstep.web.origin import require_own_origin
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.player.held import held_page
from keepstep.web.player.late import late_version
from keepstep.web.player.respondent import context_of, forget_last, keep_passage, opened, opened_with_offer, way_of
from keepstep.web.player.route import PlayerRoute
from keepstep.web.player.showing import Showing, check_page, copy_page, copy_text, end_page, said_of, showing, showing_sent
from keepstep.web.player.steps import posted_of, text_of
from keepstep.web.player.way import Way

router = page_router(route_class=PlayerRoute)

_TEXT: Final = "text/plain; charset=utf-8"


async def _opened(request: Request, ref: str, run_id: str) -> tuple[Way, Passage]:
    async with open_read(request.app.state.resources.engine) as tx:
        passage, _ = await opened(request, tx, run_id)
    return way_of(request, ref, run_id), passage


@router.get("/w/{ref}/{run_id}/check", name="page:player-check")
async def check(request: Request, ref: str, run_id: str) -> Response:
    way = way_of(request, ref, run_id)
    passage, offer = await opened_with_offer(request, run_id)
    if passage.state.status == "completed":
        return see_other(request, way.to("end"))
    shown = showing(request, way, passage, context_of(request, passage.state.origin_wizard_id).clock)
    return check_page(shown, offer=offer is not None)


@router.post("/w/{ref}/{run_id}/check", name="page:player-send")
async def send(request: Request, ref: str, run_id: str) -> Response:
    """Sends the answers; sent twice, it is one run. The buttons of the languages only show them anew."""
    resources: Resources = request.app.state.resources
    require_own_origin(request, resources.settings.base_url)
    way = way_of(request, ref, run_id)
    posted = await posted_of(request)
    try:
        async with open_write(resources.engine) as tx:
            passage, _ = await opened(request, tx, run_id, locked=True)
            ctx = context_of(request, passage.state.origin_wizard_id)
            language = text_of(posted, "to_language")
            if language and passage.state.status != "completed":
                await save_page(ctx, tx, passage, PageSaved(answers={}, language=language))
                return see_other(request, way.to("check"))
            if passage.state.status != "completed" and late_version(posted, passage) is not None:
                # Nobody sends what they have not seen.
                return check_page(showing(request, way, passage, ctx.clock), moved=True)
            sending = None if passage.state.status == "completed" else await send_passage(ctx, tx, passage)
    except NotAdmitted as refused:
        return held_page(request, way, posted, refused)
    if sending is not None and sending.issues:
        shown = showing(request, way, sending.passage, ctx.clock)
        return check_page(shown, issues=said_of(shown, sending.issues))
    answer = see_other(request, way.to("end"))
    forget_last(request, answer, way)
    return answer


# --- the end -------------------------------------------------------------------------------------------------------


async def _sent(request: Request, ref: str, run_id: str) -> Showing | Response:
    """The run as it was sent; on to where it stands while it is not."""
    way, passage = await _opened(request, ref, run_id)
    if passage.state.status != "completed":
        return see_other(request, way.to())
    return showing_sent(request, way, passage, request.app.state.resources.settings.zone)


@router.get("/w/{ref}/{run_id}/end", name="page:player-end")
async def end(request: Request, ref: str, run_id: str) -> Response:
    shown = await _sent(request, ref, run_id)
    return end_page(shown) if isinstance(shown, Showing) else shown


@router.get("/w/{ref}/{run_id}/copy", name="page:player-copy")
async def copy(request: Request, ref: str, run_id: str) -> Response:
    shown = await _sent(request, ref, run_id)
    return copy_page(shown) if isinstance(shown, Showing) else shown


@router.get("/w/{ref}/{run_id}/answers.txt", name="page:player-download")
async def download(request: Request, ref: str, run_id: str) -> Response:
    shown = await _sent(request, ref, run_id)
    if not isinstance(shown, Showing):
        return shown
    name = f"{reference_of(run_id)}.txt"
    # With the mark that tells editors which read it as something else that this is UTF-8.
    content = "\ufeff" + copy_text(shown)
    return Response(content, media_type=_TEXT, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"})


# --- later ---------------------------------------------------------------------------------------------------------


@router.get("/w/{ref}/{run_id}/later", name="page:player-later")
async def later(request: Request, ref: str, run_id: str) -> Response:
    """The link to carry on with, as often as somebody wants to see it."""
    way, passage = await _opened(request, ref, run_id)
    if passage.state.status == "completed":
        return see_other(request, way.to("end"))
    return _later_page(request, way, passage)


def _later_page(request: Request, way: Way, passage: Passage) -> HTMLResponse:
    resources: Resources = request.app.state.resources
    ctx = context_of(request, passage.state.origin_wizard_id)
    shown = showing(request, way, passage, ctx.clock)
    token = token_of(ctx, passage)
    address = f"{resources.settings.base_url}/r/{token}" if token else ""
    name = shown.where.situation.text(shown.structure.name)
    return shown.page(
        "later.html",
        address=address,
        mail=f"mailto:?subject={quote(name)}&body={quote(address)}",
        until=passage.expires_at,
        action=way.to("later"),
        renewed="renewed" in request.query_params,
    )


@router.post("/w/{ref}/{run_id}/later", name="page:player-renew")
async def renew(request: Request, ref: str, run_id: str) -> Response:
    """Another link; the one before opens nothing any more. This browser goes on with the new one."""
    resources: Resources = request.app.state.resources
    require_own_origin(request, resources.settings.base_url)
    way = way_of(request, ref, run_id)
    async with open_write(resources.engine) as tx:
        passage, _ = await opened(request, tx, run_id, locked=True)
        ctx = context_of(request, passage.state.origin_wizard_id)
        renewed = passage if passage.state.status == "completed" else await renew_passage(ctx, tx, passage)
    token = token_of(ctx, renewed) or ""
    onward = Way(ref, run_id, token if way.embedded else "")
    answer = see_other(request, onward.to("later", renewed="1"))
    keep_passage(request, answer, onward, token)
    return answer
