"""The application: its routers, its errors and its documents, over the resources that the entry point opened."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from keepstep import __version__
from keepstep.config import Resources
from keepstep.web.api import access, accounts, drafts, exports, files, imports, jobs, nodes, plans, runs, system, verify, wizards
from keepstep.web.api import subjects as subjects_api
from keepstep.web.api import versions as versions_api
from keepstep.web.edge import Edge
from keepstep.web.metrics import Metrics
from keepstep.web.oidc import Provider
from keepstep.web.pages import (
    account,
    appearance,
    assets,
    audit,
    build,
    build_copy,
    build_options,
    conditions,
    first_run,
    grants,
    health,
    home,
    impact_change,
    impact_delete,
    impact_stored,
    invitations,
    job,
    job_conflicts,
    languages,
    migrations,
    new_wizard,
    plan,
    plan_acts,
    prefill,
    preview,
    problems_page,
    provider,
    receipt,
    retention,
    review,
    rollback,
    run,
    run_acts,
    run_download,
    run_edit,
    run_erase,
    run_move,
    runs_act,
    set_password,
    settings,
    share,
    signing_in,
    subjects,
    tokens,
    trash,
    user,
    users,
    version,
    versions,
)
from keepstep.web.pages import runs as runs_pages
from keepstep.web.pages.provider import CALLBACK
from keepstep.web.player import changed, ends, invited, nowhere, own_files, start, steps
from keepstep.web.problems import answer_problems
from keepstep.web.session import SignedInCache
from keepstep.web.warmth import warm

# In the order in which they are tried; runs first, since most requests are for them.
ROUTERS: Final[Sequence[APIRouter]] = (
    runs.submissions,
    runs.router,
    wizards.router,
    drafts.router,
    nodes.router,
    versions_api.router,
    files.router,
    imports.router,
    exports.router,
    access.router,
    access.uploads,
    accounts.router,
    subjects_api.router,
    plans.router,
    jobs.router,
    verify.router,
    system.router,
    steps.router,
    start.router,
    ends.router,
    own_files.router,
    changed.router,
    home.router,
    build.router,
    build_copy.router,
    build_options.router,
    impact_change.router,
    impact_delete.router,
    impact_stored.router,
    invited.router,
    preview.router,
    conditions.router,
    languages.router,
    problems_page.router,
    review.router,
    versions.router,
    version.router,
    rollback.router,
    audit.router,
    retention.router,
    runs_act.router,
    migrations.router,
    # Its path of many conflicts looks like an act of a job, and comes first.
    job_conflicts.router,
    job.router,
    plan.router,
    plan_acts.router,
    runs_pages.router,
    run_edit.router,
    run_move.router,
    run_download.router,
    run_acts.router,
    run_erase.router,
    run.router,
    new_wizard.router,
    new_wizard.uploads,
    receipt.router,
    settings.router,
    settings.uploads,
    share.router,
    prefill.router,
    invitations.uploads,
    invitations.router,
    trash.router,
    signing_in.router,
    provider.router,
    set_password.router,
    first_run.router,
    account.router,
    tokens.router,
    users.router,
    user.router,
    grants.router,
    subjects.router,
    health.router,
    appearance.router,
    assets.router,
    nowhere.router,
)
# Checking a password takes 64 MB for a moment; more at once than this would let strangers fill the memory.
PASSWORD_CHECKS: Final = 4
Close = Callable[[], Awaitable[None]]

_DESCRIPTION: Final = (
    "Wizards whose stored answers survive every change of the wizard. Send `Authorization: Bearer <token>`; everything that goes wrong "
    "answers as a problem (RFC 9457) whose `code` says what it is. docs/api.md tells what holds for all routes."
)


def create_app(resources: Resources, *, close: Close | None = None) -> FastAPI:
    """The ASGI application. Whoever opened the resources closes them: `close` is called when the server stops."""
    metrics = Metrics()
    https = resources.settings.base_url.startswith("https://")
    app = _Api(
        title="Keepstep",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        # FastAPI's own pages load scripts from elsewhere; /api/docs is made here (web/api/system.py).
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_served_with(resources, close),
        generate_unique_id_function=operation_id,
        middleware=[Middleware(Edge, metrics=metrics, make_id=resources.make_id, https=https)],
        # Nobody configured it, and it would cost on every request.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.resources = resources
    app.state.metrics = metrics
    app.state.signed_in_cache = SignedInCache()
    app.state.provider = _provider_of(resources)
    app.state.password_checks = asyncio.Semaphore(PASSWORD_CHECKS)
    answer_problems(app)
    # Flat, since routers inside routers are matched three times over, which took a third of the time of a small request.
    # Each route has its router's tags, class and responses since it was declared.
    app.router.routes.extend(route for router in ROUTERS for route in router.routes)
    return app


def _provider_of(resources: Resources) -> Provider | None:
    """The provider that signs people in, where one is set. Nothing is asked of it yet: it may start later than this server."""
    settings = resources.settings
    if settings.oidc is None:
        return None
    return Provider(settings.oidc, redirect_uri=f"{settings.base_url}{CALLBACK}", now=resources.now)


def _served_with(resources: Resources, close: Close | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # Beside the first requests: whoever starts a server need not wait for what the first page can wait for.
        warming = asyncio.create_task(asyncio.to_thread(warm, resources))
        yield
        await warming
        if close is not None:
            await close()

    return lifespan


def operation_id(route: APIRoute) -> str:
    """Such as `accounts-list_users`: what generated clients name their functions after."""
    return f"{str(route.tags[0]).lower()}-{route.name}" if route.tags else route.name


class _Api(FastAPI):
    """FastAPI with what its description of the API lacks: how to sign in, and the shape of a problem."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            components = schema.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
            components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{"bearer": []}]
        assert self.openapi_schema is not None
        return self.openapi_schema


PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "What stopped a request (RFC 9457). Some problems have further members, which docs/problems.md names.",
    "required": ["type", "title", "status", "detail", "code", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail", "in", "parameter")},
            },
        },
    },
    "additionalProperties": True,
}
