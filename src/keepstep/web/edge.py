"""What every answer goes through, as plain ASGI: safe headers, the count of requests, and the last net under an error.

Must not know any route. Logs hold method, route, status and time; never a query, a body or an answer.
"""

import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keepstep.errors import Unexpected
from keepstep.web.metrics import Metrics
from keepstep.web.problems import answer_to

log = logging.getLogger("keepstep.web")
access = logging.getLogger("keepstep.access")

Header = tuple[bytes, bytes]
SAFE_HEADERS: Final[Sequence[Header]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# For answers that do not say otherwise: they hold personal data, so nothing between here and the reader may keep them,
# and they are no pages, so a browser that shows one runs nothing in it.
DEFAULT_HEADERS: Final[Sequence[Header]] = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
STRICT_TRANSPORT: Final[Header] = (b"strict-transport-security", b"max-age=31536000")
# A method is free text of the client; counting it as it comes would let anybody fill the memory.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Edge:
    """The outermost part of the application that is ours."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, make_id: Callable[[], str], https: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._make_id = make_id
        self._always = (*SAFE_HEADERS, STRICT_TRANSPORT) if https else SAFE_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": self._headers(message["headers"])}
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as error:
            # Broad, since this is the boundary of the application: nothing may leave it but an answer.
            problem = self._unexpected(error)
            if status:
                # Half an answer is out: breaking the connection is the only way left to say that it is not whole.
                raise
            await answer_to(Request(scope), problem)(scope, receive, send_on)
        finally:
            self._count(scope, status, perf_counter() - started)

    def _headers(self, headers: Sequence[Header]) -> list[Header]:
        given = {name.lower() for name, _ in headers}
        if _is_framed_elsewhere(headers):
            # It knows no list of sites: a proxy or an old browser that heeds it would shut out those that the policy lets in.
            given.add(b"x-frame-options")
        return [*headers, *(each for each in (*self._always, *DEFAULT_HEADERS) if each[0] not in given)]

    def _unexpected(self, error: Exception) -> Unexpected:
        reference = self._make_id()
        log.error("unexpected error %s", reference, exc_info=error)
        return Unexpected(f"Nothing was stored. The log holds the reason under {reference}.", id=reference)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _route_of(scope)
        self._metrics.count(method, route, status, seconds)
        access.info("%s %s %d %.1f ms", method, route, status, seconds * 1000)


def _is_framed_elsewhere(headers: Sequence[Header]) -> bool:
    """Whether the answer's own policy lets pages of others frame it."""
    policies = [value for name, value in headers if name.lower() == b"content-security-policy"]
    return any(b"frame-ancestors " in each and b"frame-ancestors 'none'" not in each for each in policies)


def _route_of(scope: Scope) -> str:
    """The route's own pattern: a path would hold ids and slugs, and be a new line in the metrics for each."""
    return getattr(scope.get("route"), "path", None) or "none"
