"""What the server says about itself: whether it works, how it is doing, and its documents. Open to everybody."""

from typing import Any, Final

from fastapi import Request
from sqlalchemy import text
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from keepstep import __version__
from keepstep.db.transaction import open_read
from keepstep.errors import DatabaseUnavailable, RouteNotFound, catalogue
from keepstep.web import metrics
from keepstep.web.deps import ResourcesDep
from keepstep.web.exactjson import ExactJson, api_router
from keepstep.web.problems import STATUS
from keepstep.web.reference import STYLE_SOURCE, operations_page, problem_page, problems_page

router = api_router("system")

# Nothing from elsewhere, no script at all, and this one style sheet.
_PAGE: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src {STYLE_SOURCE}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-cache",
}
_OPEN: Final[dict[str, Any]] = {"security": []}


@router.get("/healthz", openapi_extra=_OPEN)
async def healthz() -> Response:
    """Whether the process answers. Says nothing about the database: a restart would not mend that."""
    return ExactJson({"status": "ok", "version": __version__})


@router.get("/readyz", openapi_extra=_OPEN)
async def readyz(resources: ResourcesDep) -> Response:
    """Whether requests can be served: the database answers and its schema has been built. 503 otherwise."""
    async with open_read(resources.engine) as tx:
        if await tx.scalar(text("SELECT to_regclass('wizard_runs') IS NULL")):
            raise DatabaseUnavailable("The database has no schema yet: run `keepstep db upgrade`.")
    return ExactJson({"status": "ready"})


@router.get("/metrics", openapi_extra=_OPEN, response_class=PlainTextResponse)
async def metrics_page(request: Request) -> Response:
    """Counts and durations of requests, for Prometheus."""
    return PlainTextResponse(metrics.exposition(request.app.state.metrics), media_type=metrics.MEDIA_TYPE)


@router.get("/api/docs", openapi_extra=_OPEN, response_class=HTMLResponse)
async def docs(request: Request) -> Response:
    """This reference, for people."""
    return HTMLResponse(operations_page(request.app.openapi()), headers=_PAGE)


@router.get("/api/problems", openapi_extra=_OPEN, response_class=HTMLResponse)
async def problems() -> Response:
    """Everything that can stop a request."""
    return HTMLResponse(problems_page(catalogue(), STATUS), headers=_PAGE)


@router.get("/api/problems/{code}", openapi_extra=_OPEN, response_class=HTMLResponse)
async def problem(code: str) -> Response:
    """What one problem means and what to do about it: where the `type` of its answers points."""
    found = next((each for each in catalogue() if each.code == code), None)
    if found is None:
        raise RouteNotFound(f"There is no problem with the code {code[:80]!r}.")
    return HTMLResponse(problem_page(found, STATUS), headers=_PAGE)
