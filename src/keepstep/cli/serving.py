"""`keepstep serve`: the server and its worker processes."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, nullcontext
from typing import Annotated, Any, Final

import typer
import uvicorn

from keepstep.actions.sessions import setup_token
from keepstep.cli.beside import worker_beside
from keepstep.cli.exits import problems_end_the_command
from keepstep.cli.filestore import KEEPS_VERSIONS
from keepstep.cli.logs import log_to_stderr
from keepstep.cli.opening import database_of, resources_over
from keepstep.config import Settings, secret_of, settings_from
from keepstep.db.engine import open_engine
from keepstep.db.transaction import open_read
from keepstep.db.upgrade import check, upgrade
from keepstep.errors import Problem
from keepstep.queries.sessions import has_users
from keepstep.web.app import create_app

# An ASGI application: scope, receive, send.
Application = Callable[[Any, Any, Any], Awaitable[None]]
LOOPBACK: Final = "127.0.0.1"
# A request that is being answered gets this long to end before the server stops all the same.
_GRACE: Final = 30
# On a busy or small machine a worker takes many seconds to start, in which it answers no question; the library's five would end
# and start it for ever.
_SLOWEST_START: Final = 60
log = logging.getLogger("keepstep.serve")


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on. Others than this machine need a proxy with TLS in front.")
    ] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65_535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer requests.")] = 1,
    worker: Annotated[bool, typer.Option(help="Bring a worker along, for what is done in the background.")] = True,
) -> None:
    """Serve Keepstep. Starts the embedded PostgreSQL unless KEEPSTEP_DATABASE_URL is set, and upgrades the schema."""
    log_to_stderr()
    # uvicorn ends by sending itself the signal that stopped it. Left alone, SIGTERM would then end the process before it
    # has stopped its database.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    # Links that people are given lead to where it listens, unless the operator names the address that they use.
    if port and not os.environ.get("KEEPSTEP_BASE_URL"):
        os.environ["KEEPSTEP_BASE_URL"] = _address(host, port)
    with problems_end_the_command():
        settings = settings_from(os.environ)
        with database_of(settings) as url:
            if settings.bucket is not None:
                asyncio.run(_warned_of_files(settings))
            if asyncio.run(_upgraded(url)):
                say_how_to_set_up(settings)
            with worker_beside() if worker else nullcontext():
                uvicorn.run(
                    "keepstep.cli.serving:served",
                    factory=True,
                    host=host,
                    port=port,
                    workers=workers,
                    # The edge of the application logs requests, without their paths and queries, which may hold answers.
                    access_log=False,
                    log_config=None,
                    server_header=False,
                    timeout_graceful_shutdown=_GRACE,
                    timeout_worker_healthcheck=_SLOWEST_START,
                )


def served() -> Application:
    """The application of one worker process, which opens what it needs by itself and closes it when the server stops."""
    log_to_stderr()
    settings = settings_from(os.environ)
    # Each worker holds on to the embedded server, so that it stays as long as anybody uses it.
    held = ExitStack()
    resources = resources_over(settings, held.enter_context(database_of(settings)))

    async def close() -> None:
        await resources.engine.dispose()
        held.close()

    return create_app(resources, close=close)


async def _warned_of_files(settings: Settings) -> None:
    """A bucket that is away stops nobody who sends no files; whoever starts the server hears of it."""
    try:
        if (await settings.blobs(settings.max_file).try_out()).keeps_versions:
            log.warning(KEEPS_VERSIONS)
    except Problem as problem:
        log.warning("%s Try `keepstep files check`.", problem.detail)


async def _upgraded(url: str) -> bool:
    """Brings the schema to this release; whether it is an installation without any user."""
    engine = open_engine(url, role=None)
    try:
        await upgrade(engine)
        for issue in await check(engine):
            log.warning("%s (%s)", issue.detail, issue.code)
        async with open_read(engine) as tx:
            return not await has_users(tx)
    finally:
        await engine.dispose()


def say_how_to_set_up(settings: Settings) -> None:
    """The address of the set-up page, on the terminal alone: whoever has it makes the first admin."""
    print("\nNobody has an account yet. Make the first one here; the address works until then:", file=sys.stderr)
    print(f"\n    {settings.base_url}/setup?token={setup_token(secret_of(settings))}\n", file=sys.stderr, flush=True)


def _address(host: str, port: int) -> str:
    """Where somebody on this machine reaches what listens there."""
    everywhere = host in ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on
    named = LOOPBACK if everywhere else f"[{host}]" if ":" in host else host
    return f"http://{named}:{port}"
