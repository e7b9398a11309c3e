"""P12: accepted means stored. The server, and its database with it, are killed while people submit; every accepted run is there."""

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from tests.factories import JOHN, customer_survey, new_id
from tests.served import Served, serving, token_of_admin

from keepstep.db.embedded import start_embedded
from keepstep.db.engine import open_engine
from keepstep.db.transaction import open_read
from keepstep.queries.integrity import Verified, verify

WRITERS = 4
ENOUGH = 60
"""Accepted submissions before the kill: they come in all the while, so some are always on their way."""


@dataclass
class Writer:
    """Somebody who starts, completes and edits runs until the connection breaks; keeps what was accepted, by run."""

    served: Served
    wizard: str
    stop: Event
    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def work(self) -> None:
        with self.served.client() as client:
            try:
                while not self.stop.is_set():
                    self._submit(client)
            except httpx.TransportError:
                return

    def _submit(self, client: httpx.Client) -> None:
        run, name = new_id(), f"John {len(self.sent)}"
        self.sent.append(run)
        body = {"id": run, "answers": JOHN | {"full-name": name}, "complete": True}
        started = client.post(f"/api/v1/wizards/{self.wizard}/runs", json=body)
        assert started.status_code == 201, started.text
        self.accepted[run] = {"revision": 1, "digest": started.json()["digest"]}
        edit = {"answers": {"email": f"{len(self.sent)}@example.org"}}
        edited = client.patch(f"/api/v1/runs/{run}/answers", json=edit, headers={"If-Match": started.headers["ETag"]})
        assert edited.status_code == 200, edited.text
        self.accepted[run] = {"revision": 2, "digest": edited.json()["digest"]}


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a durable database of its own, under a short path."""
    folder = Path(tempfile.mkdtemp(prefix="ks-"))
    yield folder / "home"
    if (folder / "home" / "postgresql" / "PG_VERSION").exists():
        start_embedded(folder / "home").stop()
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_accepted_run_survives_the_kill_of_the_server_and_of_its_database(home: Path, tmp_path: Path) -> None:
    environment = {"KEEPSTEP_HOME": str(home)}
    log = tmp_path / "serve.log"
    writers: list[Writer] = []
    # Held here too, the database is made and started once for the commands and the first server.
    with start_embedded(home):
        token = token_of_admin(environment)
        with serving(environment, token, log) as served:
            wizard = _published(served)
            writers += _killed(served, wizard, [served.process.pid])
    with serving(environment, token, log) as served:
        writers += _killed(served, wizard, [_database_of(home), served.process.pid])
    with serving(environment, token, log) as served, served.client() as client:
        accepted = {run: state for writer in writers for run, state in writer.accepted.items()}
        assert len(accepted) >= 2 * ENOUGH
        for run, state in accepted.items():
            found = client.get(f"/api/v1/runs/{run}").json()
            # What was on its way when the server died may be stored as well: a whole revision more, never half of one.
            assert found["revision"] in (state["revision"], state["revision"] + 1), run
            at = client.get(f"/api/v1/runs/{run}/revisions/{state['revision']}").json()
            assert (at["digest"], [item["state"] for item in at["responses"]]) == (state["digest"], ["answered"] * 3)
        _sent_again(client, wizard, writers)
    found_ = asyncio.run(_verified(home))
    assert (found_.findings, found_.runs >= len(accepted)) == ([], True)


def _published(served: Served) -> str:
    with served.client() as client:
        made = client.post("/api/v1/wizards", json={"structure": customer_survey()})
        wizard: str = made.json()["id"]
        assert client.post(f"/api/v1/wizards/{wizard}/publish", headers={"If-Match": "*"}).status_code == 201
        return wizard


def _killed(served: Served, wizard: str, processes: list[int]) -> list[Writer]:
    """The writers whose submissions the kill of these processes interrupted."""
    stop = Event()
    writers = [Writer(served, wizard, stop) for _ in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as threads:
        working = [threads.submit(writer.work) for writer in writers]
        while sum(len(writer.accepted) for writer in writers) < ENOUGH:
            assert not any(work.done() for work in working), [work.exception() for work in working if work.done()]
            stop.wait(0.01)
        for process in processes:
            os.kill(process, signal.SIGKILL)
        for work in working:
            _ended(work.exception())
    served.process.wait()
    return writers


def _ended(problem: BaseException | None) -> None:
    """A writer ends with its connection; between the death of the database and the server's own it may be told so instead."""
    assert problem is None or ('"status":503' in str(problem) and isinstance(problem, AssertionError)), problem


def _database_of(home: Path) -> int:
    return int((home / "postgresql" / "postmaster.pid").read_text().split()[0])


def _sent_again(client: httpx.Client, wizard: str, writers: list[Writer]) -> None:
    """Whoever got no answer sends the same again: it is stored once, whether or not it had been."""
    for writer in writers:
        number = len(writer.sent) - 1
        body = {"id": writer.sent[-1], "answers": JOHN | {"full-name": f"John {number}"}, "complete": True}
        again = client.post(f"/api/v1/wizards/{wizard}/runs", content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert again.status_code in (200, 201), again.text


async def _verified(home: Path) -> Verified:
    with start_embedded(home) as server:
        engine = open_engine(server.url)
        try:
            async with open_read(engine) as tx:
                return await verify(tx)
        finally:
            await engine.dispose()
