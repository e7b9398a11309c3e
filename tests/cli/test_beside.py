"""The worker that `serve` brings along: there while the server is, started anew when it ends by itself."""

import os
import signal
import time
from pathlib import Path

import psycopg
from tests.db_fixtures import Database
from tests.served import serving


def _workers(database: Database) -> list[int]:
    with psycopg.connect(database.superuser_url) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM procrastinate_workers ORDER BY id").fetchall()]


def _wait_for(database: Database, number: int) -> int:
    """The newest worker, as soon as there were so many."""
    for _ in range(300):
        if (found := _workers(database)) and found[-1] >= number:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError(found)


def _children(process: int) -> list[int]:
    """Of every thread: the one that watches starts the later ones."""
    return [int(text) for path in Path(f"/proc/{process}/task").glob("*/children") for text in path.read_text().split()]


def test_a_worker_comes_with_the_server_comes_again_and_goes_with_it(database: Database, tmp_path: Path) -> None:
    environment = {"KEEPSTEP_HOME": str(tmp_path / "home"), "KEEPSTEP_DATABASE_URL": database.url}
    with serving(environment, "unused", tmp_path / "log") as served:
        first = _wait_for(database, 1)
        [child] = _children(served.process.pid)
        os.kill(child, signal.SIGKILL)
        assert _wait_for(database, first + 1) > first
        [child] = _children(served.process.pid)
        with served.client() as client:
            assert client.get("/healthz").status_code == 200
    assert not Path(f"/proc/{child}").exists()


def test_a_server_without_a_worker_starts_none(database: Database, tmp_path: Path) -> None:
    environment = {"KEEPSTEP_HOME": str(tmp_path / "home"), "KEEPSTEP_DATABASE_URL": database.url}
    with serving(environment, "unused", tmp_path / "log", ["--no-worker"]) as served:
        assert _children(served.process.pid) == []
