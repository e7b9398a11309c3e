"""The embedded server: shared by processes, gone with the last of them, and losing nothing when it or they are killed."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.db_fixtures import memory_folder

from keepstep.db.embedded import MAJOR, EmbeddedServer, start_embedded
from keepstep.errors import DatabaseUnavailable


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of the test's own, durable, with a short path. Whatever server is left in it is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="ks-", dir=memory_folder()))
    yield folder / "home"
    if (folder / "home" / "postgresql" / "PG_VERSION").exists():
        start_embedded(folder / "home").stop()
    shutil.rmtree(folder)


def _connect(server: EmbeddedServer) -> psycopg.Connection[Any]:
    return psycopg.connect(server.url, autocommit=True)


def _server_process(home: Path) -> int:
    return int((home / "postgresql" / "postmaster.pid").read_text().split()[0])


def _is_running(process: int) -> bool:
    """Whether it runs; where nobody collects the dead, their remains keep the number."""
    state = Path("/proc", str(process), "stat")
    return state.exists() and ") Z" not in state.read_text()


@pytest.mark.slow
def test_the_last_one_to_leave_stops_the_server_and_everything_is_kept(home: Path) -> None:
    with start_embedded(home) as first:
        process = _server_process(home)
        with start_embedded(home) as second:
            assert first.url == second.url
            assert _server_process(home) == process
        with _connect(first) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    assert not (home / "postgresql" / "postmaster.pid").exists()
    assert not _is_running(process)
    with start_embedded(home) as again, _connect(again) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


@pytest.mark.slow
def test_the_server_is_reached_through_its_socket_alone_by_a_login_without_power(home: Path) -> None:
    with start_embedded(home) as server, _connect(server) as connection:
        settings = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
        assert settings["listen_addresses"] == ""
        assert [settings[name] for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")] == ["on"] * 4
        assert settings["server_version_num"].startswith(str(MAJOR))
        assert (settings["log_statement"], settings["log_min_error_statement"]) == ("none", "panic")
        powers = connection.execute("SELECT rolsuper, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
        assert powers == (False, False, False)
    mode = (home / "postgresql").stat().st_mode & 0o777
    assert mode == 0o700


OTHER_PROCESS = """
import sys, psycopg
from pathlib import Path
from keepstep.db.embedded import start_embedded
with start_embedded(Path(sys.argv[1])) as server, psycopg.connect(server.url, autocommit=True) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS visits (process int)")
    connection.execute("INSERT INTO visits SELECT pg_backend_pid()")
    print("ready", flush=True)
    sys.stdin.read()
"""


def _other_process(home: Path) -> subprocess.Popen[str]:
    command = (sys.executable, "-c", OTHER_PROCESS, str(home))
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def _ended(process: subprocess.Popen[str]) -> int:
    process.communicate()
    return process.returncode


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_server(home: Path) -> None:
    others = [_other_process(home) for _ in range(3)]
    for other in others:
        _until_ready(other)
    process = _server_process(home)
    assert [_ended(other) for other in others[:2]] == [0, 0]
    assert _is_running(process)
    assert _ended(others[2]) == 0
    assert not _is_running(process)


@pytest.mark.slow
def test_a_killed_process_leaves_a_server_that_the_next_one_takes_over_and_stops(home: Path) -> None:
    killed = _other_process(home)
    _until_ready(killed)
    process = _server_process(home)
    killed.kill()
    _ended(killed)
    assert _is_running(process)
    with start_embedded(home) as server, _connect(server) as connection:
        assert connection.execute("SELECT count(*) FROM visits").fetchone() == (1,)
        assert _server_process(home) == process
    assert not _is_running(process)


@pytest.mark.slow
def test_a_killed_server_loses_nothing_that_was_committed(home: Path) -> None:
    """Commit after commit until the server is killed in the middle: every number that was acknowledged is there afterwards."""
    acknowledged: list[int] = []
    with start_embedded(home) as server:
        with _connect(server) as connection:
            connection.execute("CREATE TABLE numbers (number int)")
        with ThreadPoolExecutor(1) as thread:
            killed = thread.submit(_kill_after, 0.5, _server_process(home))
            with pytest.raises(psycopg.OperationalError):
                _write_until_it_breaks(server, acknowledged)
            killed.result()
        with start_embedded(home) as again, _connect(again) as connection:
            stored = [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY number").fetchall()]
    assert len(acknowledged) > 5
    # The last one may be stored and not acknowledged; the other way round is what must not be.
    assert stored[: len(acknowledged)] == acknowledged
    assert len(stored) - len(acknowledged) in {0, 1}


def _kill_after(seconds: float, process: int) -> None:
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)


def _write_until_it_breaks(server: EmbeddedServer, acknowledged: list[int]) -> None:
    with _connect(server) as connection:
        for number in range(1_000_000):
            connection.execute("INSERT INTO numbers VALUES (%s)", [number])
            acknowledged.append(number)


@pytest.mark.slow
def test_the_note_of_a_killed_server_does_not_stand_in_the_way_when_its_number_is_somebody_elses(home: Path) -> None:
    start_embedded(home).stop()
    note = home / "postgresql" / "postmaster.pid"
    # As after the restart of a container: the number is alive, and it is not the server.
    note.write_text(f"{os.getppid()}\n{home / 'postgresql'}\n0\n5432\n.\n\n0 0\nready\n")
    os.chown(note, (home / "postgresql").stat().st_uid, -1)
    shutil.copy(note, home / "postgresql" / ".s.PGSQL.5432.lock")
    with start_embedded(home) as server, _connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.slow
def test_a_first_start_that_was_killed_leaves_nothing_in_the_way(home: Path) -> None:
    half = home / "postgresql.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with start_embedded(home) as server, _connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not half.exists()


@pytest.mark.slow
def test_stopping_twice_is_stopping_once(home: Path) -> None:
    server = start_embedded(home)
    server.stop()
    server.stop()
    assert not (home / "postgresql" / "postmaster.pid").exists()


def test_a_home_of_another_major_version_is_refused_and_left_alone(home: Path) -> None:
    folder = home / "postgresql"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("15\n")
    with pytest.raises(DatabaseUnavailable, match="made by PostgreSQL 15"):
        start_embedded(home)
    assert [path.name for path in folder.iterdir()] == ["PG_VERSION"]
    shutil.rmtree(folder)


def test_a_home_with_too_long_a_path_is_refused(home: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="bytes too long for a Unix socket: set KEEPSTEP_HOME"):
        start_embedded(home / ("long" * 25))
    assert not home.exists()


def test_a_home_that_is_a_file_is_refused(home: Path) -> None:
    home.write_text("")
    with pytest.raises(DatabaseUnavailable, match="cannot be written to"):
        start_embedded(home)


def test_a_home_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"cannot be written to .*set KEEPSTEP_HOME"):
        start_embedded(Path("/proc/keepstep"))


def test_a_missing_postgresql_is_said_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DatabaseUnavailable, match="KEEPSTEP_DATABASE_URL"):
        start_embedded(home)


@pytest.mark.slow
def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    start_embedded(home).stop()
    with (home / "postgresql" / "postgresql.conf").open("a") as settings:
        settings.write("nonsense = 1\n")
    with pytest.raises(DatabaseUnavailable, match="nonsense"):
        start_embedded(home)
    (home / "postgresql" / "postgresql.conf").write_text("")
