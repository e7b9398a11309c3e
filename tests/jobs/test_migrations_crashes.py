"""A database that is killed under a worker, and servers that are killed within a request about a job: all of it, or nothing, and then on.

Servers are forked from one process that has made the application, and die at the first write of a kind (an event, a job, a revision …),
or when they begin to answer.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import ADMIN, Desk
from tests.db_fixtures import Database, memory_folder
from tests.jobs_kit import Calendar
from tests.migration_kit import SMALL, Bench, changed, counted, question, revisions_of

from keepstep.actions.accounts import NewToken, NewUser, create_token, create_user
from keepstep.config import Resources
from keepstep.core.permissions import ALL_SCOPES
from keepstep.db.embedded import start_embedded
from keepstep.db.engine import PATIENT, open_engine
from keepstep.db.upgrade import upgrade
from keepstep.errors import DatabaseUnavailable
from keepstep.jobs.migrations import Pace, work_on
from keepstep.queries.integrity_jobs import verify_job
from keepstep.queries.migration_conflicts import list_conflicts


async def _bench(desk: Desk, resources: Resources) -> Bench:
    """Sixteen runs, of which one has no number."""
    made = await Bench.of(desk, resources, question("name"), question("age"))
    await made.answer(16, lambda number: {"name": f"N{number}", "age": "x" if number == 9 else str(number)})
    await made.publish(changed(made.structure, age={"selection_type": "integer"}))
    return made


# --- the database ----------------------------------------------------------------------------------------------------


@pytest.fixture
def home() -> Iterator[Path]:
    """Of a durable server of this test's own."""
    folder = Path(tempfile.mkdtemp(prefix="ks-", dir=memory_folder()))
    yield folder
    shutil.rmtree(folder)


def _killer(home: Path, place: str) -> Callable[[str], None]:
    """Kills all processes of the database when the worker is at this place for the second time; they recover when started again."""
    seen = [2]

    def reached(here: str) -> None:
        seen[0] -= here == place
        if here == place and seen[0] == 0:
            process = int((home / "postgresql" / "postmaster.pid").read_text().split()[0])
            os.kill(process, signal.SIGQUIT)
            while Path("/proc", str(process)).exists() and ") Z" not in Path("/proc", str(process), "stat").read_text():
                time.sleep(0.01)

    return reached


async def test_a_database_that_is_killed_in_the_middle_of_a_job_comes_back_and_the_job_goes_on(
    home: Path, resources: Resources, calendar: Calendar
) -> None:
    with start_embedded(home) as server:
        owner, engine = open_engine(server.url, role=None), open_engine(server.url, timeouts=PATIENT)
        await upgrade(owner)
        await owner.dispose()
        apart = Resources(engine, resources.settings, resources.secret, resources.now, resources.make_id, resources.make_salt)
        bench = await _bench(Desk(engine), apart)
        before = await bench.heads()
        job = await bench.started(await bench.plan())
        for place in ("written", "committed"):
            with pytest.raises(DatabaseUnavailable):
                await work_on(apart, job.id, Pace(size=SMALL, reached=_killer(home, place)))
            start_embedded(home).stop()
            # The lease of what was in hand is over.
            calendar.pass_by(0.01)
        done = await bench.finished(job)
        assert (done.state, await revisions_of(engine, job.id)) == ("completed_with_conflicts", 15)
        assert {run for run, head in (await bench.heads()).items() if head[0] == 1} == {bench.runs[9]}
        assert before.keys() == (await bench.heads()).keys()
        await _proven(bench, job.id)
        await engine.dispose()


async def _proven(bench: Bench, job_id: str) -> None:
    proof = await bench.desk.read(verify_job, await bench.job(job_id))
    assert [finding.to_json() for finding in proof.findings] == []
    await bench.proven()


# --- the server ------------------------------------------------------------------------------------------------------

SERVER: Final = """
import asyncio, json, os, signal, sys
import httpx
from keepstep.cli.opening import resources_over
from keepstep.config import settings_from
from keepstep.db.transaction import Write
from keepstep.web.app import create_app

app = create_app(resources_over(settings_from(os.environ), os.environ["KEEPSTEP_DATABASE_URL"]))
die = lambda: os.kill(os.getpid(), signal.SIGKILL)

def kind(given):
    statement = given[0]
    table = getattr(getattr(statement, "table", statement), "name", None)
    return (type(statement).__name__, table) if table else " ".join(str(statement).split()[:4])

def die_at(write):
    kinds = set()
    def dying(real):
        async def written(self, *given, **named):
            done = await real(self, *given, **named)
            kinds.add(kind(given))
            return die() if len(kinds) == write else done
        return written
    Write.execute, Write.copy = dying(Write.execute), dying(Write.copy)

async def answer(asked):
    async def served(scope, receive, send):
        await app(scope, receive, (lambda message: die()) if asked["write"] else send)
    if asked["write"]:
        die_at(asked["write"])
    headers = {"Authorization": "Bearer " + asked["token"]}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://127.0.0.1", headers=headers) as client:
        answer = await client.post(asked["url"], json=asked["body"])
        print(json.dumps([answer.status_code, answer.json()]), flush=True)

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        asyncio.run(answer(json.loads(line)))
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        print("null", flush=True)
"""


class Server:
    """Answers one request at a time, or dies of it."""

    def __init__(self, process: subprocess.Popen[str], token: str) -> None:
        self._process, self._token = process, token

    def post(self, url: str, body: dict[str, Any], *, dies_at: int = 0) -> tuple[int, dict[str, Any]] | None:
        """Status and body; None from a server that died."""
        out, told = self._process.stdin, self._process.stdout
        assert out is not None
        assert told is not None
        out.write(json.dumps({"url": url, "body": body, "write": dies_at, "token": self._token}) + "\n")
        out.flush()
        answer = json.loads(told.readline())
        return None if answer is None else (answer[0], answer[1])


@pytest.fixture
async def bench(desk: Desk, resources: Resources) -> Bench:
    return await _bench(desk, resources)


@pytest.fixture
async def server(database: Database, bench: Bench, tmp_path: Path) -> Any:
    admin = bench.desk.as_(ADMIN)
    user, _ = await admin.do(create_user, NewUser("admin@example.org", "admin"))
    token = (await admin.do(create_token, user.id, NewToken("tests", ALL_SCOPES))).secret
    environment = {**os.environ, "KEEPSTEP_HOME": str(tmp_path / "served"), "KEEPSTEP_DATABASE_URL": database.url}
    with subprocess.Popen(  # noqa: ASYNC220 - it is awaited by nobody
        [sys.executable, "-c", SERVER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(process, token)
        assert process.stdin is not None
        process.stdin.close()


STORED: Final = """
  SELECT (SELECT count(*) FROM run_revisions), (SELECT count(*) FROM migration_items), (SELECT count(*) FROM migration_manifests),
    (SELECT count(*) FROM audit_events), (SELECT count(*) FROM procrastinate_jobs), (SELECT count(approved_at) FROM plans),
    (SELECT string_agg(id::text || state, ',' ORDER BY id) FROM migration_jobs),
    (SELECT string_agg(id::text || '.' || revision, ',' ORDER BY id) FROM wizard_runs)
"""


async def _stored(bench: Bench) -> tuple[Any, ...]:
    return tuple((await bench.desk.read(lambda tx: tx.rows(text(STORED))))[0])


async def _killed_at_each_kind_of_write(bench: Bench, server: Server, url: str, body: dict[str, Any], *, every: int = 1) -> int:
    """How many servers died before it was stored, each leaving nothing; the last died when everything was, before it could say so."""
    before = await _stored(bench)
    for deaths, write in enumerate(count(1, every)):
        assert server.post(url, body, dies_at=write) is None
        if await _stored(bench) != before:
            return deaths
    raise AssertionError


async def test_a_server_may_be_killed_anywhere_in_a_request_about_a_job(bench: Bench, server: Server, engine: AsyncEngine) -> None:
    before = await bench.heads()
    plan = await bench.plan()
    _, preview = server.post(f"/api/v1/plans/{plan.id}/preview", {}) or (0, {})
    apply = f"/api/v1/plans/{plan.id}/apply", {"confirm": preview["confirm"]}
    assert await _killed_at_each_kind_of_write(bench, server, *apply, every=2) > 1
    _, job = server.post(*apply) or (0, {})
    done = await bench.finished(await bench.job(job["id"]))
    assert (done.state, counted(done).moving, await revisions_of(engine, done.id)) == ("completed_with_conflicts", 15, 15)
    (conflict,) = await bench.desk.read(list_conflicts, done, limit=9)
    resolve = f"/api/v1/jobs/{done.id}/conflicts/{conflict.item.id}", {"resolution": "archive"}
    # In this one a run moves, too, so that it has every kind of write that there is.
    assert await _killed_at_each_kind_of_write(bench, server, *resolve) > 4
    assert (server.post(*resolve) or (0,))[0] == 404
    assert await bench.on_versions() == {2: 16}
    undo = f"/api/v1/jobs/{done.id}/undo", dict[str, Any]()
    assert await _killed_at_each_kind_of_write(bench, server, *undo, every=2) > 0
    refused, told = server.post(*undo) or (0, {})
    assert (refused, told["code"]) == (409, "job-state")
    await bench.finished(await bench.job(told["undo"]))
    assert await bench.heads() == before
    await _proven(bench, done.id)
