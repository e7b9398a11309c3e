"""Where the bytes of uploaded files lie: a folder, each content under its own digest, so that equal files are stored once.

Must not know which answers name a file.
"""

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from keepstep.errors import DatabaseUnavailable, FileDamaged, FileNotFound, TooLarge

CHUNK: Final = 256 * 1024
_GONE: Final = "The content of this file is not in the store."
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = re.compile(r"[0-9a-f]{2}")
_INCOMING: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored content: its SHA-256 in hex and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class BlobStore:
    """A folder of contents. `limit` is the largest content in bytes that it takes."""

    folder: Path
    limit: int

    async def write(self, content: AsyncIterator[bytes]) -> Blob:
        """The content, stored and durable. Raises TooLarge as soon as the limit is passed; nothing is kept then."""
        path = self.folder / "incoming" / secrets.token_hex(16)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            blob = await self._received(path, content)
            await anyio.to_thread.run_sync(_keep, path, self._path(blob.sha256))
        except OSError as error:
            raise DatabaseUnavailable(f"The file store {self.folder} cannot be written to: {error.strerror}.") from error
        finally:
            # Where the store cannot be written to, there is nothing to clean up either, and that error is on its way already.
            with contextlib.suppress(OSError):
                path.unlink()
        return blob

    async def _received(self, path: Path, content: AsyncIterator[bytes]) -> Blob:
        digest, size = hashlib.sha256(), 0
        async with await anyio.open_file(path, "xb") as file:
            async for piece in content:
                size += len(piece)
                if size > self.limit:
                    raise TooLarge(f"A file may have at most {self.limit:,} bytes.")
                digest.update(piece)
                await file.write(piece)
            await file.flush()
            await anyio.to_thread.run_sync(os.fsync, file.wrapped.fileno())
        return Blob(digest.hexdigest(), size)

    async def is_intact(self, sha256: str) -> bool:
        """Whether the content is there and still has this digest."""
        try:
            (await self.open_intact(sha256)).close()
        except (FileNotFound, FileDamaged):
            return False
        return True

    async def open_intact(self, sha256: str) -> BufferedReader:
        """As `open`, once the content was read and found to be what was stored: the file stands at its start, and what comes
        from it can be promised. Raises FileNotFound, FileDamaged.
        """
        return await anyio.to_thread.run_sync(self._opened_intact, sha256)

    def _opened_intact(self, sha256: str) -> BufferedReader:
        file = self.open(sha256)
        try:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
        except OSError as error:
            file.close()
            raise FileDamaged(f"The bytes in the store cannot be read: {error.strerror}.") from error
        if found != sha256:
            file.close()
            raise FileDamaged("The bytes in the store have another digest than those that were uploaded.")
        return file

    def open(self, sha256: str) -> BufferedReader:
        """The content as an open file, which stays readable though the content be deleted. Raises FileNotFound."""
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError as error:
            raise FileNotFound(_GONE) from error
        except OSError as error:
            raise FileDamaged(f"The bytes in the store cannot be read: {error.strerror}.") from error

    async def names(self, at_once: int) -> AsyncIterator[Sequence[str]]:
        """The digest of every content, some at a time, in the order of digests."""
        batch: list[str] = []
        for first in await anyio.to_thread.run_sync(_listed, self.folder, _PART):
            for second in await anyio.to_thread.run_sync(_listed, first, _PART):
                batch += [path.name for path in await anyio.to_thread.run_sync(_listed, second, _DIGEST)]
                if len(batch) >= at_once:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def unfinished(self, before: float) -> Sequence[Path]:
        """Uploads that were broken off by the end of their process: those not written to since `before`, in seconds of the epoch."""
        return [path for path in _listed(self.folder / "incoming", _INCOMING) if path.stat().st_mtime < before]

    def has(self, sha256: str) -> bool:
        return self._path(sha256).is_file()

    def delete(self, sha256: str) -> None:
        """Removes the content; nothing happens when it is not there. The caller knows that no file names it any more."""
        self._path(sha256).unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            raise FileNotFound("A content is named by its SHA-256 in hex.")
        # Two levels, so that no folder holds more than some thousand names.
        return self.folder / sha256[:2] / sha256[2:4] / sha256


def _listed(folder: Path, names: re.Pattern[str]) -> Sequence[Path]:
    """What lies in the folder under such names; nothing without a folder."""
    try:
        return sorted(path for path in folder.iterdir() if names.fullmatch(path.name))
    except FileNotFoundError:
        return []


def _keep(path: Path, target: Path) -> None:
    """The rename makes a content visible whole or not at all; the folder is synced so that it outlives a power cut."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
