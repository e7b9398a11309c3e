"""The worker that `keepstep serve` brings along: a process of its own, so that no request waits for what it does."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_COMMAND: Final = (sys.executable, "-m", "keepstep.cli", "worker", "--with-parent")
# A worker that ended by itself could not reach the database, most likely: asking all the time would help nobody.
_PAUSE: Final = 5.0
log = logging.getLogger("keepstep.serve")


@contextmanager
def worker_beside() -> Iterator[None]:
    """A worker until the end of the block, started anew whenever it ends by itself. It ends with this process, however that ends."""
    stopping = threading.Event()
    first = _started()
    watching = threading.Thread(target=_watch, args=(first, stopping), name="worker")
    watching.start()
    try:
        yield
    finally:
        stopping.set()
        watching.join()


def _started() -> subprocess.Popen[bytes]:
    # In a session of its own: an interrupt from the terminal reaches the server, which then stops the worker in order.
    return subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - fixed arguments


def _watch(process: subprocess.Popen[bytes], stopping: threading.Event) -> None:
    while not stopping.wait(1.0):
        if process.poll() is not None:
            log.warning("the worker ended by itself (%s); another one is started", process.returncode)
            if stopping.wait(_PAUSE):
                return
            process = _started()
    process.terminate()
    process.wait()
