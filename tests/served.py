"""A Keepstep that is really served: `keepstep serve` as a process of its own on loopback, and clients that are signed in."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

COMMAND = str(Path(sys.executable).with_name("keepstep"))
# Longer than an embedded server takes to be made on a slow machine.
PATIENCE = 90


@dataclass
class Served:
    """A running server, its environment, and a token that may do everything."""

    process: subprocess.Popen[bytes]
    address: str
    environment: Mapping[str, str]
    token: str
    log: Path

    def client(self) -> httpx.Client:
        """A client with the admin's token."""
        return httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {self.token}"}, timeout=60)


def keepstep(environment: Mapping[str, str], *words: str, given: str | None = None) -> str:
    """What a command prints, with this on its standard input."""
    whole = {**os.environ, **environment}
    done = subprocess.run([COMMAND, *words], env=whole, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def token_of_admin(environment: Mapping[str, str]) -> str:
    """A token of a new admin."""
    keepstep(environment, "user", "add", "admin@example.org", "--role", "admin")
    return keepstep(environment, "token", "add", "admin@example.org")


@contextmanager
def serving(
    environment: Mapping[str, str], token: str, log: Path, options: Sequence[str] = (), *, port: int | None = None
) -> Iterator[Served]:
    """A server until the end of the block, where it is stopped if it still runs."""
    port = port or free_port()
    with log.open("ab") as written:
        command = [COMMAND, "serve", "--port", str(port), *options]
        process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=written, stdout=written)
    served = Served(process, f"http://127.0.0.1:{port}", environment, token, log)
    try:
        wait_until_ready(served)
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_ready(served: Served) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert served.process.poll() is None, served.log.read_text()
        try:
            if httpx.get(f"{served.address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not become ready: {served.log.read_text()}")
