"""Static files, by their addresses with a digest: kept by browsers for ever, since other content has another address."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.errors import RouteNotFound
from keepstep.web.assets import PREFIX, assets_in
from keepstep.web.pages.route import page_router

router = page_router()

_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


@router.get("/static/{name:path}", name="page:asset")
async def asset(request: Request, name: str) -> Response:
    found = assets_in().by_address.get(f"{PREFIX}{name}")
    if found is None:
        raise RouteNotFound
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.zipped, media_type=found.media_type, headers={**_FOR_EVER, "Content-Encoding": "gzip"})
    return Response(found.content, media_type=found.media_type, headers=_FOR_EVER)
