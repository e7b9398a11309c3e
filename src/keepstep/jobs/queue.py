"""The queue and its tasks, over procrastinate: what is waiting, who works on it, and what a worker that died had in hand.

Arguments of jobs and what is logged of them hold ids, never answers.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.jobs import Status
from psycopg import AsyncConnection
from sqlalchemy import make_url, text

from keepstep.actions.migration_jobs import TASK
from keepstep.config import Resources
from keepstep.db.engine import APP_ROLE
from keepstep.db.transaction import open_write
from keepstep.jobs.daily import do_daily_work, is_due
from keepstep.jobs.migrations import migrate

# A worker that has not been heard of for so long is dead; one that lives says so four times in it.
DEAD_AFTER: Final = 20.0
_HEARTBEAT: Final = 5.0
# A notification wakes a worker at once; this is how late it may be where one got lost.
_POLLING: Final = 10.0
# What is being worked on gets this long to end when a worker is stopped; the next worker does the rest.
_GRACE: Final = 25.0
# Failed jobs stay this long for whoever wants to know, then go with their events.
_FAILED_KEPT: Final = 24 * 30
# Any number of Keepstep's own: "kjob" in ASCII. Held while jobs of dead workers are put back, or two would put one back twice.
_RESCUE: Final = 0x6B6A6F62
_TRIES: Final = 10
_AGAIN: Final = RetryStrategy(max_attempts=_TRIES, wait=30, linear_wait=60)
log = logging.getLogger("keepstep.jobs")


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon a worker counts as dead, how often one says that it lives, and how often it looks for work, in seconds."""

    dead_after: float = DEAD_AFTER
    heartbeat: float = _HEARTBEAT
    polling: float = _POLLING


@asynccontextmanager
async def open_queue(resources: Resources, url: str) -> AsyncIterator[App]:
    """The queue of this database with every task that there is. Connections of its own, as the application's role."""
    app = App(connector=PsycopgConnector(conninfo=libpq_url(url), min_size=1, max_size=4, configure=_as_application))
    _add_tasks(app, resources)
    async with app.open_async():
        yield app


def libpq_url(url: str) -> str:
    """The URL as PostgreSQL's own library reads it."""
    parsed = make_url(url)
    query = dict(parsed.query)
    if "ssl" in query:
        # The same setting under the name that this driver gives it.
        query["sslmode"] = query.pop("ssl")
    return parsed.set(drivername="postgresql", query=query).render_as_string(hide_password=False)


async def _as_application(connection: AsyncConnection[Any]) -> None:
    """As the other connections of Keepstep: UTC, and the application's role where this login may take it on."""
    await connection.execute("SELECT set_config('TimeZone', 'UTC', false)")
    right = "CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END"
    granted = f"rolname = '{APP_ROLE}' AND pg_has_role(session_user, oid, {right})"
    await connection.execute(f"SELECT set_config('role', rolname, false) FROM pg_roles WHERE {granted}")  # noqa: S608 - constants
    await connection.commit()


def _add_tasks(app: App, resources: Resources) -> None:
    # Asked every hour and not once a day, so that a machine which sleeps at night does it when it wakes. One is at work at a
    # time, and the next finds that it is done. No queueing lock, which would keep a job from being put back beside a waiting one.
    @app.periodic(cron="7 * * * *")
    @app.task(name="daily", lock="daily", retry=_AGAIN)
    async def daily(timestamp: int) -> None:
        if await is_due(resources):
            done = await do_daily_work(resources)
            log.info(
                "daily work of %s done: %s", timestamp, ", ".join(f"{kind} {count}" for kind, count in done.items() if count) or "nothing"
            )
        await app.job_manager.delete_old_jobs(nb_hours=_FAILED_KEPT, include_failed=True, include_cancelled=True, include_aborted=True)

    # Worked on in shares; the ranges of runs that are claimed lie in tables of Keepstep's own.
    @app.task(name=TASK, retry=_AGAIN)
    async def migrate_runs(job_id: str) -> None:
        await migrate(resources, job_id)


# --- the worker ------------------------------------------------------------------------------------------------------


async def work(resources: Resources, url: str, stopped: asyncio.Event, *, pace: Pace | None = None) -> None:
    """Works on the queue until `stopped` is set; what is in hand then is ended, or left for the next worker."""
    pace = pace or Pace()
    async with open_queue(resources, url) as app:
        await app.tasks["daily"].defer_async(timestamp=int(resources.now().timestamp()))
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=2,
                install_signal_handlers=False,
                delete_jobs="successful",
                fetch_job_polling_interval=pace.polling,
                abort_job_polling_interval=pace.polling,
                shutdown_graceful_timeout=_GRACE,
                update_heartbeat_interval=pace.heartbeat,
                stalled_worker_timeout=pace.dead_after,
            )
        )
        rescuer = asyncio.create_task(_rescuing(app, resources, pace))
        waiting = asyncio.create_task(stopped.wait())
        try:
            # A worker that ends by itself has lost its database: its error is the caller's.
            await asyncio.wait({worker, waiting, rescuer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (rescuer, waiting, worker):
                # procrastinate takes being cancelled as the request to stop: it waits for what is in hand.
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker
        if rescuer.done() and not rescuer.cancelled():
            rescuer.result()


async def _rescuing(app: App, resources: Resources, pace: Pace) -> None:
    while True:
        rescued = await rescue(app, resources, pace.dead_after)
        if rescued:
            log.warning("%s jobs of workers that died were put back", rescued)
        await asyncio.sleep(pace.dead_after / 2)


async def rescue(app: App, resources: Resources, dead_after: float) -> int:
    """How many jobs were put back that a dead worker had in hand."""
    async with open_write(resources.engine) as tx:
        # Held until this transaction ends, and by nobody while another rescues.
        if not await tx.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _RESCUE}):
            return 0
        stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=dead_after))
        for job in stalled:
            assert job.id is not None  # it was stored
            if job.attempts < _TRIES:
                await app.job_manager.retry_job(job)
            else:
                # It may be this very job that ends its workers.
                await app.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=False)
    return len(stalled)
