"""What people wait for while runs are moved: requests as a few of them send, one after another, before a job and during it.

The server brings its worker along, as `keepstep serve` does; the floor is the same requests while nothing else is done.
"""

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, Final

from bench.measure import Measured
from bench.moves import Moving
from bench.submit import served
from bench.world import World, made_token, made_wizard, ten_answers, ten_questions

RUNS: Final = int(os.environ.get("KEEPSTEP_BENCH_BESIDE", "60000"))
IDLE: Final = 300
"""Requests of each kind before the job begins."""
PAUSE: Final = 0.02
TARGET: Final = 2.0
_WARM: Final = 40


def during(world: World) -> list[Measured]:
    """The slowest requests of twenty, of each kind, in proportion to what they are without a job."""
    moving, wizard_id, token = Moving.of(world, RUNS), made_wizard(world, ten_questions()), made_token(world)
    run_id = str(world.sql(f"SELECT min(id::text) FROM wizard_runs WHERE origin_wizard_id = '{moving.wizard_id}'")[0][0])
    world.settle()
    with served(world) as (port, _):
        client = Client(port, token)
        kinds: dict[str, Callable[[], object]] = {
            "a run sent": lambda: client.call("POST", f"/api/v1/wizards/{wizard_id}/runs", {"answers": ten_answers(), "complete": True}),
            "a run read": lambda: client.call("GET", f"/api/v1/runs/{run_id}"),
            "a list of 50 runs": lambda: client.call("GET", f"/api/v1/wizards/{moving.wizard_id}/runs?limit=50"),
        }
        _times(kinds, range(_WARM))
        idle = _times(kinds, range(IDLE))
        job = client.job(moving.plan.id)
        busy = _times(kinds, client.until_over(job))
    rate = client.progress["runs"] / client.seconds
    return [_row(name, idle[name], busy[name], rate) for name in kinds]


def _row(name: str, idle: Sequence[float], busy: Sequence[float], rate: float) -> Measured:
    value, floor = _p95(busy) * 1e3, _p95(idle) * 1e3
    note = f"medians {median(busy) * 1e3:.1f} and {median(idle) * 1e3:.1f} ms; {len(busy)} while {RUNS:,} runs moved at {rate:,.0f} runs/s"
    return Measured(f"{name}, during a job, p95", value, "ms", floor, "without one", f"≤ {TARGET:g}", value <= TARGET * floor, note)


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1]


def _times(kinds: dict[str, Callable[[], object]], turns: Iterator[Any] | range) -> dict[str, list[float]]:
    """Seconds of each request, the kinds in turns, with somebody's pause before each."""
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in turns:
        for name, send in kinds.items():
            time.sleep(PAUSE)
            began = time.perf_counter()
            send()
            found[name].append(time.perf_counter() - began)
    return found


@dataclass
class Client:
    """One connection to the server. `progress` and `seconds` of the last job that was waited for."""

    port: int
    token: str

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)
        self.progress: dict[str, Any] = {}
        self.seconds = 0.0

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
        assert answer.status < 300, found
        return found

    def job(self, plan_id: str) -> str:
        """A job that moves every run of the plan, as its preview's token starts it."""
        preview = self.call("POST", f"/api/v1/plans/{plan_id}/preview", {})
        while preview.get("confirm") is None:
            time.sleep(0.5)
            preview = self.call("GET", f"/api/v1/plans/{plan_id}/preview")
        return str(self.call("POST", f"/api/v1/plans/{plan_id}/apply", {"confirm": preview["confirm"]})["id"])

    def until_over(self, job_id: str) -> Iterator[None]:
        """Once for each look at a job that is not over yet."""
        began, looked = time.perf_counter(), 0.0
        while True:
            if time.perf_counter() - looked > 1:
                looked = time.perf_counter()
                job = self.call("GET", f"/api/v1/jobs/{job_id}")
                self.progress, self.seconds = job["progress"], looked - began
                if job["state"] not in ("queued", "running"):
                    assert job["state"].startswith("completed"), job
                    return
            yield
