"""Whose run it is: the token that the browser's cookie, a frame's address or a pasted link brings, and the passage that it opens."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.context import Context
from keepstep.actions.passages import OPEN_FOR
from keepstep.config import Resources
from keepstep.core.access import from_settings
from keepstep.core.tokens import run_of_token
from keepstep.db.transaction import Read, open_read
from keepstep.errors import PassageUnknown
from keepstep.queries.offers import Offer, find_offer
from keepstep.queries.passages import Passage, load_passage, respondent
from keepstep.web.gate import frame_ancestors
from keepstep.web.player.route import NOBODY
from keepstep.web.player.way import Way

_COOKIE: Final = "keepstep_run"
LAST_COOKIE: Final = "keepstep_last"
"""On the start page of a wizard: which run was begun there last. Opens nothing by itself."""
RESUME_FIELD: Final = "resume"
_LAST_FOR: Final = timedelta(days=30)
_PASTED: Final = re.compile(r"(?:^|/)([A-Za-z0-9_-]{54})(?:[/?#]|$)")


def cookie_name(base_url: str) -> str:
    """Under https with the prefix by which browsers refuse what a plain connection sets. Its path forbids the stricter one."""
    return f"__Secure-{_COOKIE}" if base_url.startswith("https://") else _COOKIE


def tokens_brought(request: Request, posted: Mapping[str, Sequence[Any]] | None = None) -> list[str]:
    """Every token that this request brings, the best first."""
    resources: Resources = request.app.state.resources
    pasted = [str(each) for each in (posted or {}).get(RESUME_FIELD, ())]
    found = [match[1] for each in pasted if (match := _PASTED.search(each.strip()))]
    held = [request.query_params.get("embed", ""), request.cookies.get(cookie_name(resources.settings.base_url), "")]
    return [*(each for each in held if each), *found]


async def opened(
    request: Request, tx: Read, run_id: str, *, locked: bool = False, posted: Mapping[str, Sequence[Any]] | None = None
) -> tuple[Passage, str]:
    """The passage through this run, and the token that opened it. Raises PassageUnknown, RunTrashed, RunErased."""
    now: datetime = request.app.state.resources.now()
    for token in tokens_brought(request, posted):
        if run_of_token(token) != run_id:
            continue
        try:
            return await load_passage(tx, token, now, locked=locked), token
        except PassageUnknown:
            # The cookie of before a renewal beside the new link, for one.
            continue
    raise PassageUnknown


async def opened_with_offer(request: Request, run_id: str) -> tuple[Passage, Offer | None]:
    """The passage, to be looked at, and the version that it may go to. Raises as `opened`."""
    async with open_read(request.app.state.resources.engine) as tx:
        passage, _ = await opened(request, tx, run_id)
        return passage, await find_offer(tx, passage)


def keep_passage(request: Request, response: Response, way: Way, token: str) -> None:
    """This browser holds the passage from now on. In a frame the address does, since no cookie comes along there."""
    if way.embedded:
        return
    base_url = request.app.state.resources.settings.base_url
    secure = base_url.startswith("https://")
    shared: dict[str, Any] = {"secure": secure, "httponly": True, "samesite": "lax"}
    response.set_cookie(cookie_name(base_url), token, max_age=int(OPEN_FOR.total_seconds()), path=way.folder, **shared)
    response.set_cookie(LAST_COOKIE, way.run_id, max_age=int(_LAST_FOR.total_seconds()), path=way.begin, **shared)


def forget_last(request: Request, response: Response, way: Way) -> None:
    """The next one at this device begins anew."""
    secure = request.app.state.resources.settings.base_url.startswith("https://")
    response.delete_cookie(LAST_COOKIE, path=way.begin, secure=secure, httponly=True, samesite="lax")


def way_of(request: Request, ref: str, run_id: str) -> Way:
    """The addresses as this request names them."""
    token = request.query_params.get("embed", "")
    return Way(ref, run_id, token if run_of_token(token) == run_id else "")


def context_of(request: Request, wizard_id: str) -> Context:
    """What an action of whoever answers gets, as of now."""
    resources: Resources = request.app.state.resources
    return resources.context(respondent(wizard_id))


def frames_of(settings: Mapping[str, Any], *, embedded: bool) -> str:
    """Who may frame a page: nobody, or the sites that the wizard names."""
    return frame_ancestors(from_settings(settings)) if embedded else NOBODY
