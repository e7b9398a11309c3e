"""A service that speaks S3, on loopback: rclone over a folder. It refuses what is not signed with its secret."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.served import free_port

from keepstep.db.blobs import Bucket

RCLONE = Path(sys.executable).with_name("rclone")
NAME, KEY_ID, SECRET = "uploads", "keepstep-tests", "the secret of the tests' bucket"


@dataclass(frozen=True)
class S3:
    """The running service, and the folder of its one bucket."""

    endpoint: str
    folder: Path

    def bucket(self, prefix: str) -> Bucket:
        return Bucket(NAME, prefix, self.endpoint, "us-east-1", KEY_ID, SECRET)

    def files(self, prefix: str) -> list[Path]:
        """What lies under a prefix."""
        return sorted(path for path in (self.folder / prefix).rglob("*") if path.is_file())

    def environment(self, prefix: str) -> Mapping[str, str]:
        """The settings of an installation that keeps its files under this prefix."""
        return {
            "KEEPSTEP_FILES": f"s3://{NAME}/{prefix}",
            "KEEPSTEP_S3_ENDPOINT": self.endpoint,
            "KEEPSTEP_S3_REGION": "us-east-1",
            "KEEPSTEP_S3_KEY_ID": KEY_ID,
            "KEEPSTEP_S3_SECRET": SECRET,
        }


@contextmanager
def s3_served(folder: Path) -> Iterator[S3]:
    """The service until the end of the block."""
    (folder / NAME).mkdir()
    address = f"127.0.0.1:{free_port()}"
    command = [
        RCLONE,
        "serve",
        "s3",
        folder,
        "--addr",
        address,
        "--config",
        os.devnull,
        "--auth-key",
        f"{KEY_ID},{SECRET}",
        "--log-level",
        "ERROR",
    ]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.DEVNULL)
    try:
        _wait(address, process)
        yield S3(f"http://{address}", folder / NAME)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    host, port = address.split(":")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert process.poll() is None, "rclone ended by itself"
        try:
            socket.create_connection((host, int(port))).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError
