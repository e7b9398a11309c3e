"""The queue over a real database: what waits is done, once, by whichever worker lives."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from procrastinate import App
from tests.actions_kit import Desk
from tests.db_fixtures import Database

from keepstep.cli.opening import resources_over
from keepstep.config import Resources, settings_from
from keepstep.jobs.queue import Pace, libpq_url, open_queue, rescue, work
from keepstep.queries.daily import last_daily_work

QUICK: Final = Pace(dead_after=1.0, heartbeat=0.2, polling=0.2)
# A worker that never gets past the first part of the day's work.
STUCK: Final = """
import asyncio, os
import keepstep.jobs.daily as daily
from keepstep.cli.opening import resources_over
from keepstep.config import settings_from
from keepstep.jobs.queue import Pace, work

async def hang(*_):
    print("stuck", flush=True)
    await asyncio.sleep(600)

daily.sweep = hang
url = os.environ["KEEPSTEP_DATABASE_URL"]
asyncio.run(work(resources_over(settings_from(os.environ), url), url, asyncio.Event(), pace=Pace(1.0, 0.2, 0.2)))
"""


def _environment(database: Database, home: Path) -> Mapping[str, str]:
    return {"KEEPSTEP_HOME": str(home), "KEEPSTEP_DATABASE_URL": database.url}


@pytest.fixture
async def living(database: Database, tmp_path: Path) -> AsyncIterator[Resources]:
    """With the real clock, as a worker has it."""
    resources = resources_over(settings_from(_environment(database, tmp_path / "home")), database.url)
    yield resources
    await resources.engine.dispose()


@asynccontextmanager
async def _working(resources: Resources, url: str) -> AsyncIterator[asyncio.Task[None]]:
    stopped = asyncio.Event()
    task = asyncio.create_task(work(resources, url, stopped, pace=QUICK))
    try:
        yield task
    finally:
        stopped.set()
        await asyncio.wait_for(task, 20)


async def _done(desk: Desk) -> Mapping[str, int]:
    """What the daily work did, as soon as it is done."""
    for _ in range(200):
        last = await desk.read(last_daily_work)
        if last is not None:
            return last.done
        await asyncio.sleep(0.1)
    raise AssertionError("nobody did it")


def _jobs(database: Database) -> list[tuple[Any, ...]]:
    """Without what the clock of the hour has put in, which comes whenever a test happens to run."""
    with psycopg.connect(database.superuser_url) as connection:
        by_the_clock = "SELECT FROM procrastinate_periodic_defers WHERE job_id = procrastinate_jobs.id"
        statement = f"SELECT status::text, attempts FROM procrastinate_jobs WHERE NOT EXISTS ({by_the_clock}) ORDER BY id"
        return connection.execute(statement).fetchall()


def test_the_library_gets_the_url_as_it_reads_it() -> None:
    assert libpq_url("postgresql+asyncpg://a:b%2F@h/db?ssl=require") == "postgresql://a:b%2F@h/db?sslmode=require"


async def test_a_worker_that_starts_does_what_is_due_and_stops_when_told(desk: Desk, living: Resources, database: Database) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, complete=False)
    async with _working(living, database.url):
        assert (await _done(desk))["abandoned"] == 1
    assert _jobs(database) == []


async def test_the_connections_of_the_queue_are_the_applications(living: Resources, database: Database) -> None:
    async with open_queue(living, database.url) as app:
        row = await app.connector.execute_query_one_async("SELECT current_user AS who, current_setting('TimeZone') AS zone")
    assert dict(row) == {"who": "keepstep_app", "zone": "UTC"}


async def test_of_several_workers_one_does_the_days_work(desk: Desk, living: Resources, database: Database) -> None:
    await desk.survey()
    async with _working(living, database.url), _working(living, database.url), _working(living, database.url):
        await _done(desk)
        await _emptied(database)
    with psycopg.connect(database.superuser_url) as connection:
        assert connection.execute("SELECT count(*) FROM audit_events WHERE action = 'database.maintained'").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)


async def _emptied(database: Database) -> None:
    for _ in range(100):
        if not _jobs(database):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(_jobs(database))


async def test_what_a_killed_worker_had_in_hand_is_done_by_another(
    desk: Desk, living: Resources, database: Database, tmp_path: Path
) -> None:
    survey = await desk.survey()
    for _ in range(3):
        await desk.run(survey.wizard, complete=False)
    environment = {**os.environ, **_environment(database, tmp_path / "home")}
    with subprocess.Popen([sys.executable, "-c", STUCK], env=environment, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220 - at once
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"stuck\n"
        process.send_signal(signal.SIGKILL)
    assert _jobs(database) == [("doing", 0)]
    assert await desk.read(last_daily_work) is None
    async with _working(living, database.url):
        # The killed one had committed the first part: nothing of it is done a second time.
        assert (await _done(desk))["abandoned"] == 0
        await _emptied(database)


async def test_what_a_living_worker_has_in_hand_is_left_to_it(living: Resources, database: Database) -> None:
    async with open_queue(living, database.url) as app:
        await _in_hand(app, database)
        assert await rescue(app, living, dead_after=60) == 0
        assert _jobs(database) == [("doing", 0)]


async def test_a_job_that_ends_every_worker_is_given_up_in_the_end(living: Resources, database: Database) -> None:
    async with open_queue(living, database.url) as app:
        await _in_hand(app, database)
        with psycopg.connect(database.superuser_url) as connection:
            connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
            connection.execute("UPDATE procrastinate_jobs SET attempts = 10")
        assert await rescue(app, living, dead_after=60) == 1
    assert _jobs(database)[0][0] == "failed"


async def _in_hand(app: App, database: Database) -> None:
    """A job that a worker has taken and not ended."""
    await app.tasks["daily"].defer_async(timestamp=1)
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SELECT procrastinate_fetch_job_v2(NULL, worker_id) FROM procrastinate_register_worker_v1()")


def test_a_worker_as_a_command_ends_in_order(database: Database, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("keepstep")), "worker"]
    environment = {**os.environ, **_environment(database, tmp_path / "home")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        _wait_until_someone_works(database)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    with psycopg.connect(database.superuser_url) as connection:
        assert connection.execute("SELECT count(*) FROM procrastinate_workers").fetchone() == (0,)


def test_a_worker_that_was_brought_along_ends_when_its_server_is_gone(database: Database, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "keepstep.cli", "worker", "--with-parent"]
    environment = {**os.environ, **_environment(database, tmp_path / "home")}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        _wait_until_someone_works(database)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def _wait_until_someone_works(database: Database) -> None:
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        for _ in range(300):
            if connection.execute("SELECT count(*) FROM audit_events WHERE action = 'database.maintained'").fetchone() == (1,):
                return
            time.sleep(0.1)
    raise AssertionError("no worker came")
