"""`keepstep worker` and `keepstep daily`: work in the background, and that of a day done now."""

import asyncio
import os
import signal
import sys
from typing import Annotated, Final

import typer

from keepstep.cli.exits import problems_end_the_command
from keepstep.cli.logs import log_to_stderr
from keepstep.cli.opening import OPERATOR, database_of, open_resources, require_schema, with_resources
from keepstep.cli.printing import AsJson, print_json
from keepstep.config import Settings, settings_from
from keepstep.core.audit_words import deed_of
from keepstep.db.engine import PATIENT
from keepstep.jobs.daily import do_daily_work
from keepstep.jobs.migrations import keep_what_is_there
from keepstep.jobs.queue import work

_NICE: Final = 10


def worker(
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True, help="End with the process that holds the other end.")] = False,
) -> None:
    """Work on what is waiting in the background until stopped. Any number of workers may run; `serve` brings one along."""
    log_to_stderr()
    with problems_end_the_command():
        settings = settings_from(os.environ)
        with database_of(settings) as url:
            asyncio.run(_worked(settings, url, with_parent=with_parent))


async def _worked(settings: Settings, url: str, *, with_parent: bool) -> None:
    await require_schema(settings, url)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if with_parent:
        # The parent never writes: what comes here is the end of the pipe, also when the parent was killed.
        loop.add_reader(sys.stdin.fileno(), stopped.set)
        # Beside a server whoever waits for a page comes first: a job takes what is left of the processors.
        os.nice(_NICE)
    keep_what_is_there()
    async with open_resources(settings, url, timeouts=PATIENT) as resources:
        await work(resources, url, stopped)


def daily(as_json: AsJson = False) -> None:
    """Do the work of a day now: abandoned runs, what is over, left-over files, a signed checkpoint, retention. Safe at any time."""
    done = with_resources(lambda resources: do_daily_work(resources, OPERATOR), as_json=as_json)
    if as_json:
        print_json(dict(done))
    else:
        print(deed_of("database.maintained", done))
