"""Where the bytes of uploaded files lie: each content under its own digest, so that equal files are stored once.

A folder here, a bucket in bucket.py. Must not know which answers name a file.
"""

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import IO, Final, Protocol

import anyio
import anyio.to_thread

from keepstep.errors import FileDamaged, FileNotFound, FileStoreUnavailable, TooLarge

CHUNK: Final = 256 * 1024
GONE: Final = "The content of this file is not in the store."
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = re.compile(r"[0-9a-f]{2}")
_INCOMING: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored content: its SHA-256 in hex and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial of the store showed. `keeps_versions`: what is deleted stays there, under a version of its own."""

    keeps_versions: bool


class BlobStore(Protocol):
    """A store of contents, named by their SHA-256 in hex. Each method raises FileStoreUnavailable when the store does not answer."""

    async def write(self, content: AsyncIterator[bytes]) -> Blob:
        """The content, stored and durable. Raises TooLarge as soon as the store's limit is passed; nothing is kept then."""
        ...

    async def check(self, sha256: str) -> int:
        """The size of the content, once all of it was read and has this digest. Raises FileNotFound, FileDamaged."""
        ...

    async def open_intact(self, sha256: str) -> IO[bytes]:
        """The content as an open file, once it was read and found to be what was stored: it stands at its start, and what comes
        from it can be promised, though the content be deleted meanwhile. Raises FileNotFound, FileDamaged.
        """
        ...

    def names(self, at_once: int) -> AsyncIterator[Sequence[str]]:
        """The digest of every content, some at a time, in the order of digests."""
        ...

    async def has(self, sha256: str) -> bool: ...

    async def delete(self, sha256: str) -> None:
        """Removes the content; nothing happens when it is not there. The caller knows that no file names it any more."""
        ...

    async def drop_unfinished(self, before: float) -> int:
        """How many uploads were removed that the end of their process broke off: not written to since `before` (epoch seconds)."""
        ...

    async def try_out(self) -> Tried:
        """What there is to know of a store that takes, lists, gives back and removes something that is no content."""
        ...


@dataclass(slots=True)
class Received:
    """What has come of a content so far: its digest, and its size, which stays within the limit."""

    limit: int
    size: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, piece: bytes) -> None:
        """Raises TooLarge as soon as the limit is passed."""
        self.size += len(piece)
        if self.size > self.limit:
            raise TooLarge(f"A file may have at most {self.limit:,} bytes.")
        self._digest.update(piece)

    @property
    def blob(self) -> Blob:
        return Blob(self._digest.hexdigest(), self.size)


def require_digest(sha256: str) -> None:
    """Raises FileNotFound for whatever is no digest: it never becomes part of a path."""
    if not _DIGEST.fullmatch(sha256):
        raise FileNotFound("A content is named by its SHA-256 in hex.")


def place_of(sha256: str) -> tuple[str, str, str]:
    """Where a content lies. Two levels, so that no folder holds more than some thousand names; the same in a folder and in a
    bucket, so that the one can be copied into the other.
    """
    require_digest(sha256)
    return sha256[:2], sha256[2:4], sha256


def digest_of(place: str) -> str | None:
    """The digest of the content at a place with slashes; None for what is none."""
    name = place.rsplit("/", 1)[-1]
    return name if _DIGEST.fullmatch(name) and place == "/".join(place_of(name)) else None


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is, and who may use it. Without `endpoint` it is one of AWS, without `key_id` the credentials are those of
    the machine, by AWS's own variables or roles.
    """

    name: str
    prefix: str
    endpoint: str | None
    region: str | None
    key_id: str | None = field(repr=False)
    secret: str | None = field(repr=False)

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A folder of contents. `limit` is the largest content in bytes that it takes."""

    folder: Path
    limit: int

    async def write(self, content: AsyncIterator[bytes]) -> Blob:
        path = self.folder / "incoming" / secrets.token_hex(16)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            blob = await self._received(path, content)
            await anyio.to_thread.run_sync(_keep, path, self._path(blob.sha256))
        except OSError as error:
            raise FileStoreUnavailable(f"The file store cannot be written to: {error.strerror}.") from error
        finally:
            # Where the store cannot be written to, there is nothing to clean up either, and that error is on its way already.
            with contextlib.suppress(OSError):
                path.unlink()
        return blob

    async def _received(self, path: Path, content: AsyncIterator[bytes]) -> Blob:
        received = Received(self.limit)
        async with await anyio.open_file(path, "xb") as file:
            async for piece in content:
                received.add(piece)
                await file.write(piece)
            await file.flush()
            await anyio.to_thread.run_sync(os.fsync, file.wrapped.fileno())
        return received.blob

    async def check(self, sha256: str) -> int:
        with await self.open_intact(sha256) as file:
            return os.fstat(file.fileno()).st_size

    async def open_intact(self, sha256: str) -> IO[bytes]:
        return await anyio.to_thread.run_sync(self._opened_intact, sha256)

    def _opened_intact(self, sha256: str) -> IO[bytes]:
        file = self._opened(sha256)
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

    def _opened(self, sha256: str) -> BufferedReader:
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError as error:
            raise FileNotFound(GONE) from error
        except OSError as error:
            raise FileDamaged(f"The bytes in the store cannot be read: {error.strerror}.") from error

    async def names(self, at_once: int) -> AsyncIterator[Sequence[str]]:
        batch: list[str] = []
        for first in await anyio.to_thread.run_sync(_listed, self.folder, _PART):
            for second in await anyio.to_thread.run_sync(_listed, first, _PART):
                found = await anyio.to_thread.run_sync(_listed, second, _DIGEST)
                batch += [path.name for path in found if path == self._path(path.name)]
                if len(batch) >= at_once:
                    yield batch
                    batch = []
        if batch:
            yield batch

    async def drop_unfinished(self, before: float) -> int:
        return await anyio.to_thread.run_sync(self._dropped, before)

    def _dropped(self, before: float) -> int:
        old = [path for path in _listed(self.folder / "incoming", _INCOMING) if path.stat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    async def try_out(self) -> Tried:
        path = self.folder / "incoming" / secrets.token_hex(16)
        try:
            await anyio.to_thread.run_sync(_tried, path)
        except OSError as error:
            raise FileStoreUnavailable(f"The file store cannot be written to: {error.strerror}.") from error
        return Tried(keeps_versions=False)

    async def has(self, sha256: str) -> bool:
        return await anyio.to_thread.run_sync(self._path(sha256).is_file)

    async def delete(self, sha256: str) -> None:
        await anyio.to_thread.run_sync(self._path(sha256).unlink, True)

    def _path(self, sha256: str) -> Path:
        return self.folder.joinpath(*place_of(sha256))


def _listed(folder: Path, names: re.Pattern[str]) -> Sequence[Path]:
    """What lies in the folder under such names; nothing without a folder."""
    try:
        return sorted(path for path in folder.iterdir() if names.fullmatch(path.name))
    except FileNotFoundError:
        return []


def _tried(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(b"Keepstep")
    path.unlink()


def _keep(path: Path, target: Path) -> None:
    """The rename makes a content visible whole or not at all; the folder is synced so that it outlives a power cut."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
