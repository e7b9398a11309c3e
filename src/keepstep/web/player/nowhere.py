"""Mangled addresses of the player: that nothing is there is told in the respondent's layout. Its router comes behind all others."""

from starlette.requests import Request
from starlette.responses import Response

from keepstep.errors import RouteNotFound
from keepstep.web.pages.route import page_router
from keepstep.web.player.route import PlayerRoute, problem_page

router = page_router(route_class=PlayerRoute)


@router.get("/w/{rest:path}", name="page:player-nowhere")
@router.get("/r/{rest:path}", name="page:player-no-link")
@router.get("/i/{rest:path}", name="page:player-no-invitation")
async def nowhere(request: Request) -> Response:
    return problem_page(request, RouteNotFound())
