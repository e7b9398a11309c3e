"""How a page's request is read: its body up to the limit, its forms with as many fields as a large wizard needs.

Every route of the pages is a `PageRoute` named `page:<name>`; `page_router` makes routers of them.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from keepstep.config import Resources, Settings
from keepstep.core.jsonvalue import unstorable_text
from keepstep.errors import RequestInvalid
from keepstep.web.exactjson import FORM_ALLOWANCE
from keepstep.web.limits import within
from keepstep.web.rendering import is_htmx

# A wizard of 500 questions with its texts in three languages has some thousand fields.
_MOST_FIELDS: Final = 20_000
SEE_OTHER: Final = 303


class PageRequest(Request):
    """A request whose body is read up to a limit."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, limit: int) -> None:
        super().__init__(scope, receive, send)
        self._limit = limit

    async def stream(self) -> AsyncGenerator[bytes, None]:
        async for piece in within(self._limit, super().stream(), announced=self.headers.get("content-length")):
            yield piece

    async def _get_form(self, **_given: Any) -> FormData:
        # Whoever asks first decides, so all of them ask alike: FastAPI, the check of the token, and the page.
        return await super()._get_form(max_files=100, max_fields=_MOST_FIELDS, max_part_size=self._limit)


class PageRoute(APIRoute):
    """A route that answers with a page."""

    @classmethod
    def limit(cls, settings: Settings) -> int:
        """The largest body in bytes."""
        return settings.max_body

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            resources: Resources = request.app.state.resources
            limit = self.limit(resources.settings)
            read = PageRequest(request.scope, request.receive, request._send, limit=limit)  # noqa: SLF001 - no public name
            try:
                return await answer(read)
            finally:
                # The files of a form, whether anybody read them or not.
                await read.close()

        return handle


class UploadPageRoute(PageRoute):
    """A route whose form brings a file of up to `max_file`."""

    @classmethod
    def limit(cls, settings: Settings) -> int:
        return settings.max_file + FORM_ALLOWANCE


def page_router(*, route_class: type[PageRoute] = PageRoute) -> APIRouter:
    """A router of pages, which are no part of the API's description."""
    return APIRouter(route_class=route_class, include_in_schema=False, redirect_slashes=False)


async def file_of(request: Request, name: str = "file") -> tuple[bytes, str]:
    """The content of the file in a form, and what it is called there; both empty without one."""
    found = (await request.form()).get(name)
    return (await found.read(), found.filename or "") if isinstance(found, UploadFile) else (b"", "")


async def fields_of(request: Request) -> dict[str, str]:
    """The texts of a form by name, the last of each name, without surrounding space. Raises RequestInvalid for what cannot be stored."""
    found = {name: value.strip() for name, value in (await request.form()).multi_items() if isinstance(value, str)}
    for name, value in found.items():
        if reason := unstorable_text(value):
            raise RequestInvalid(reason, errors=[{"pointer": f"/{name}", "code": "text-unstorable", "detail": reason}])
    return found


def see_other(request: Request, path: str) -> Response:
    """Go there: after a form, so that Back and Reload send nothing twice. htmx is told by its header to load it whole."""
    if is_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, status_code=SEE_OTHER)


def local_path(text: str | None, default: str = "/") -> str:
    """A path of this server to go on to; anything that could lead elsewhere is the default."""
    if not text or not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        return default
    parts = urlsplit(text)
    return default if parts.scheme or parts.netloc else text
