"""Light, dark, or as the device says: remembered in this browser by a cookie, so that it works without a script."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.errors import RequestInvalid
from keepstep.web.deps import ResourcesDep
from keepstep.web.origin import require_own_origin
from keepstep.web.pages.route import fields_of, local_path, page_router, see_other
from keepstep.web.rendering import THEME_COOKIE, THEMES

router = page_router()

_YEAR: Final = 365 * 24 * 3600


@router.post("/appearance", name="page:appearance")
async def choose(request: Request, resources: ResourcesDep) -> Response:
    """Open to everybody: it is the browser's choice and not the account's."""
    require_own_origin(request, resources.settings.base_url)
    fields = await fields_of(request)
    theme = fields.get("theme")
    if theme not in THEMES:
        raise RequestInvalid("Choose light, dark, or as the device says.")
    answer = see_other(request, local_path(fields.get("next")))
    secure = resources.settings.base_url.startswith("https://")
    answer.set_cookie(THEME_COOKIE, theme, max_age=_YEAR, path="/", samesite="lax", secure=secure, httponly=True)
    return answer
