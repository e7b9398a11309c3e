"""Workers that are killed with SIGKILL wherever something was just written or is about to be: nothing is done twice, nothing is left out.

Workers are forked from one process that has imported everything, since starting Python takes longer than dying.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import Desk
from tests.db_fixtures import Database
from tests.migration_kit import Bench, changed, counted, question, revisions_of

from keepstep.actions.migration_jobs import undo_job
from keepstep.config import Resources
from keepstep.db.transaction import open_read
from keepstep.queries.integrity_jobs import verify_job
from keepstep.queries.migration_jobs import Job

# A line is the id of a job, how many workers, and where each is to be killed ("-": nowhere). Answered with the signals that ended them.
FORKS: Final = """
import asyncio, os, sys
from datetime import timedelta
from keepstep.actions.migration_pieces import Size
from keepstep.cli.opening import resources_over
from keepstep.config import settings_from
from keepstep.jobs.migrations import Pace, kill_at, work_on

async def main(job, fault):
    resources = resources_over(settings_from(os.environ), os.environ["KEEPSTEP_DATABASE_URL"])
    size = Size(smallest=3, largest=5, first=3, lease=timedelta(seconds=0.02))
    await work_on(resources, job, Pace(size=size, reached=kill_at(fault)))

for line in sys.stdin:
    job, count, fault = line.split()
    forked = []
    for _ in range(int(count)):
        pid = os.fork()
        if pid == 0:
            asyncio.run(main(job, fault))
            os._exit(0)
        forked.append(pid)
    print(*(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in forked), flush=True)
"""
PLACES: Final = ("claiming", "claimed", "begun", "decided", "written", "counted", "committing", "committed")


class Forks:
    """Workers on demand."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    async def work(self, job: Job, *, workers: int = 1, fault: str = "-") -> list[int]:
        """How each of them ended: 0, or minus the number of the signal."""
        return await asyncio.to_thread(self._work, f"{job.id} {workers} {fault}\n")

    def _work(self, line: str) -> list[int]:
        out, told = self._process.stdin, self._process.stdout
        assert out is not None
        assert told is not None
        out.write(line)
        out.flush()
        return [int(code) for code in _line(told).split()]


def _line(told: IO[str]) -> str:
    line = told.readline()
    assert line, "the process that forks workers has ended"
    return line


@pytest.fixture
def forks(database: Database, tmp_path: Path) -> Iterator[Forks]:
    environment = {**os.environ, "KEEPSTEP_HOME": str(tmp_path / "home"), "KEEPSTEP_DATABASE_URL": database.url}
    with subprocess.Popen(
        [sys.executable, "-c", FORKS], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Forks(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
async def bench(desk: Desk, resources: Resources) -> Bench:
    """Runs of which most carry, one has no number, and some are in progress."""
    made = await Bench.of(desk, resources, question("name"), question("age"))
    await made.answer(44, lambda number: {"name": f"N{number}", "age": "x" if number == 30 else str(number)})
    await made.answer(5, lambda number: {"age": str(number)}, complete=False)
    await made.publish(changed(made.structure, age={"selection_type": "integer"}))
    return made


async def test_a_worker_may_be_killed_anywhere_and_every_run_is_moved_once_and_back(
    bench: Bench, forks: Forks, engine: AsyncEngine
) -> None:
    before = await bench.heads()
    job = await bench.started(await bench.plan())
    for fault in ("begun", "written", "committed", "canary", *PLACES, "finishing", "finished"):
        assert (fault, await forks.work(job, fault=fault)) == (fault, [-signal.SIGKILL])
    assert await forks.work(job) == [0]
    done = await bench.job(job.id)
    assert (done.state, counted(done).moving, await revisions_of(engine, job.id)) == ("completed_with_conflicts", 48, 48)
    await _once(bench, done)
    undo = await bench.act(undo_job, job.id)
    for fault in ("decided", "written", "committing", "committed", "finishing"):
        assert (fault, await forks.work(undo, fault=fault)) == (fault, [-signal.SIGKILL])
    await forks.work(undo)
    assert (await revisions_of(engine, undo.id), await bench.heads()) == (48, before)
    await _once(bench, await bench.job(undo.id))


@pytest.mark.parametrize("workers", [2, 4])
async def test_several_workers_share_a_job_though_some_of_them_are_killed(
    bench: Bench, forks: Forks, engine: AsyncEngine, workers: int
) -> None:
    job = await bench.started(await bench.plan())
    await forks.work(job, workers=workers, fault="committed:2")
    await forks.work(job, workers=workers, fault="written:2")
    assert await forks.work(job, workers=workers) == [0] * workers
    done = await bench.job(job.id)
    assert (done.state, await revisions_of(engine, job.id)) == ("completed_with_conflicts", 48)
    await _once(bench, done)


async def _once(bench: Bench, job: Job) -> None:
    """No run has two revisions of the job, the counts are what is stored, and every answer is accounted for."""
    twice = (
        "SELECT count(*) FROM (SELECT FROM run_revisions WHERE job_id = CAST(:job AS uuid) GROUP BY run_id HAVING count(*) > 1) AS found"
    )
    async with open_read(bench.desk.engine) as tx:
        assert await tx.scalar(text(twice), {"job": job.id}) == 0
    proof = await bench.desk.read(verify_job, job)
    assert [finding.to_json() for finding in proof.findings] == []
    await bench.proven()
