"""`keepstep serve`: the server and its worker processes."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Annotated, Final

import typer
import uvicorn
from fastapi import FastAPI

from keepstep.cli.exits import problems_end_the_command
from keepstep.cli.opening import database_of, resources_over
from keepstep.config import Settings, settings_from
from keepstep.db.engine import open_engine
from keepstep.db.upgrade import upgrade
from keepstep.web.app import create_app

LOOPBACK: Final = "127.0.0.1"
# A request that is being answered gets this long to end before the server stops all the same.
_GRACE: Final = 30


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on. Others than this machine need a proxy with TLS in front.")
    ] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65_535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer requests.")] = 1,
) -> None:
    """Serve Keepstep. Starts the embedded PostgreSQL unless KEEPSTEP_DATABASE_URL is set, and upgrades the schema."""
    log_to_stderr()
    # uvicorn ends by sending itself the signal that stopped it. Left alone, SIGTERM would then end the process before it
    # has stopped its database.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    with problems_end_the_command():
        settings = settings_from(os.environ)
        with database_of(settings) as url:
            asyncio.run(_upgraded(url))
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
            )


def served() -> FastAPI:
    """The application of one worker process, which opens what it needs by itself and closes it when the server stops."""
    log_to_stderr()
    settings = settings_from(os.environ)
    # Each worker holds on to the embedded server, so that it stays as long as anybody uses it.
    held = ExitStack()
    return _application(settings, held.enter_context(database_of(settings)), held)


def _application(settings: Settings, url: str, held: ExitStack) -> FastAPI:
    resources = resources_over(settings, url)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with held:
            yield
            await resources.engine.dispose()

    return create_app(resources, lifespan=lifespan)


def log_to_stderr() -> None:
    """What happens, a line each. Never a query, a body or an answer."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)


async def _upgraded(url: str) -> None:
    engine = open_engine(url, role=None)
    try:
        await upgrade(engine)
    finally:
        await engine.dispose()
