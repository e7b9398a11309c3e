"""The load generator, a process of its own: sends one request over and over on keep-alive connections and prints what it took.

As little as HTTP allows, since it shares two cores with the server and the database: `python -m bench.client HOST PORT FILE
COUNT CONNECTIONS`, where FILE holds the bytes of the request. Ends with 1 when an answer is no success.
"""

import asyncio
import json
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

import uvloop


class Sender(asyncio.Protocol):
    """One connection. Its next request goes out when the answer to the one before is complete."""

    def __init__(self, request: bytes, count: int, done: asyncio.Future[list[float]]) -> None:
        self.request = request
        self.left = count
        self.done = done
        self.took: list[float] = []
        self.received = b""
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.send()

    def send(self) -> None:
        self.left -= 1
        self.sent = perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end or len(body) < length_in(head):
            return
        if not head.startswith(b"HTTP/1.1 20"):
            self.done.set_exception(ValueError(self.received.decode(errors="replace")))
            return
        self.took.append(perf_counter() - self.sent)
        self.received = b""
        if self.left:
            self.send()
        else:
            self.done.set_result(self.took)
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server ended the connection"))


def length_in(head: bytes) -> int:
    """What Content-Length says; uvicorn writes it in lower case."""
    start = head.index(b"content-length: ") + len(b"content-length: ")
    end = head.find(b"\r\n", start)
    return int(head[start : end if end >= 0 else len(head)])


def _give_up(waiting: list[asyncio.Future[list[float]]], told: dict[str, Any]) -> None:
    for done in waiting:
        if not done.done():
            done.set_exception(told.get("exception") or RuntimeError(told["message"]))


async def measured(host: str, port: int, request: bytes, count: int, connections: int) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Future[list[float]]] = [loop.create_future() for _ in range(connections)]
    # What a connection raises would only be logged, and its end never come.
    loop.set_exception_handler(lambda _loop, told: _give_up(waiting, told))
    began, used = perf_counter(), process_time()
    for done in waiting:
        await loop.create_connection(lambda done=done: Sender(request, count // connections, done), host, port)  # type: ignore[misc]  # mypy types no default of a lambda
    took = sorted(each for part in await asyncio.gather(*waiting) for each in part)
    elapsed = perf_counter() - began
    middle, late = took[len(took) // 2], took[len(took) * 99 // 100]
    return {"per_second": len(took) / elapsed, "p50": middle, "p99": late, "processor": (process_time() - used) / len(took)}


def main() -> None:
    host, port, file, count, connections = sys.argv[1:]
    request = Path(file).read_bytes()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(measured(host, int(port), request, int(count), int(connections)))))


if __name__ == "__main__":
    main()
