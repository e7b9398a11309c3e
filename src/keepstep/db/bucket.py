"""The file store in a bucket of an S3-compatible service: the same contents under the same names as in a folder.

A content is received into a temporary file first, in both directions: its name is its digest, and nothing is given away unread.
"""

import contextlib
import re
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import IO, Any, Final

import obstore
from anyio.to_thread import run_sync
from obstore.exceptions import BaseError
from obstore.store import S3Store

from keepstep.db.blobs import CHUNK, GONE, Blob, Bucket, Received, Tried, digest_of, place_of
from keepstep.errors import FileDamaged, FileNotFound, FileStoreUnavailable

# What is sent at once: the service takes 10,000 parts, so 80 GB; four are held in memory.
_PART: Final = 8 * 1024 * 1024
_PARTS_AT_ONCE: Final = 4
_CODE: Final = re.compile(r"<Code>(\w{1,60})</Code>")
_NO_BUCKET: Final = "NoSuchBucket"


@cache
def _opened(bucket: Bucket) -> S3Store:
    """The client of a bucket, one for each process, since it holds the connections."""
    given = {"endpoint": bucket.endpoint, "region": bucket.region, "access_key_id": bucket.key_id, "secret_access_key": bucket.secret}
    config: Any = {name: value for name, value in given.items() if value is not None}
    # Services differ in deleting many at once; every one of them deletes one.
    config["disable_bulk_delete"] = True
    plain = bucket.endpoint is not None and bucket.endpoint.startswith("http:")
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        config=config,
        client_options={"allow_http": plain, "connect_timeout": "5s", "read_timeout": "15s", "timeout": "1h"},
        # Somebody waits for the answer: what does not come back within seconds is said to be away.
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20), "backoff": {"max_backoff": timedelta(seconds=2)}},
    )


@dataclass(frozen=True, slots=True)
class BucketStore:
    """A bucket, or what lies in it under a prefix. `limit` is the largest content in bytes that it takes."""

    bucket: Bucket
    limit: int

    async def write(self, content: AsyncIterator[bytes]) -> Blob:
        received = Received(self.limit)
        with _temporary() as file:
            try:
                async for piece in content:
                    received.add(piece)
                    await run_sync(file.write, piece)
                await run_sync(file.seek, 0)
            except OSError as error:
                raise _unwritten(error) from error
            with _answering():
                await obstore.put_async(self._store, _key(received.blob.sha256), file, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)
        return received.blob

    async def check(self, sha256: str) -> int:
        return await self._read(sha256, lambda _: None)

    async def open_intact(self, sha256: str) -> IO[bytes]:
        with contextlib.ExitStack() as unless_whole:
            file = unless_whole.enter_context(_temporary())
            try:
                await self._read(sha256, file.write)
                await run_sync(file.seek, 0)
            except OSError as error:
                raise _unwritten(error) from error
            unless_whole.pop_all()
        return file

    async def _read(self, sha256: str, take: Callable[[bytes], object]) -> int:
        """The size of the content, each piece of which was given to `take`. Nothing may be done with them before this returns."""
        received = Received(limit=2**63)
        key = _key(sha256)
        with _answering():
            found = await obstore.get_async(self._store, key)
            async for piece in found.stream(CHUNK):
                await run_sync(_taken, received, bytes(piece), take)
        if received.blob.sha256 != sha256:
            raise FileDamaged("The bytes in the store have another digest than those that were uploaded.")
        return received.size

    async def names(self, at_once: int) -> AsyncIterator[Sequence[str]]:
        batch: list[str] = []
        pages = obstore.list(self._store, chunk_size=at_once)
        while page := await run_sync(_next_page, pages):
            batch += [name for each in page if (name := digest_of(each["path"])) is not None]
            if len(batch) >= at_once:
                yield batch
                batch = []
        if batch:
            yield batch

    async def has(self, sha256: str) -> bool:
        try:
            with _answering():
                await obstore.head_async(self._store, _key(sha256))
        except FileNotFound:
            return False
        return True

    async def delete(self, sha256: str) -> None:
        key = _key(sha256)
        with contextlib.suppress(FileNotFound), _answering():
            await obstore.delete_async(self._store, key)

    async def drop_unfinished(self, before: float) -> int:  # noqa: ARG002 - a bucket has none, whatever the time
        """None: a file that was being received has no name, and parts that were sent already are the bucket's own to clear."""
        return 0

    async def try_out(self) -> Tried:
        key = f"trial-{secrets.token_hex(8)}"
        with _answering():
            put = await obstore.put_async(self._store, key, b"Keepstep", use_multipart=False)
            if bytes(await (await obstore.get_async(self._store, key)).bytes_async()) != b"Keepstep":
                raise FileStoreUnavailable("The file store gives back other bytes than it was given.")
            await run_sync(lambda: obstore.list(self._store, prefix=key).collect())
            await obstore.delete_async(self._store, key)
        return Tried(keeps_versions=put["version"] not in (None, "null"))

    @property
    def _store(self) -> S3Store:
        return _opened(self.bucket)


def _key(sha256: str) -> str:
    return "/".join(place_of(sha256))


def _taken(received: Received, piece: bytes, take: Callable[[bytes], object]) -> None:
    received.add(piece)
    take(piece)


def _next_page(pages: Iterator[Sequence[Any]]) -> Sequence[Any]:
    with _answering():
        return next(pages, ())


def _temporary() -> IO[bytes]:
    """A file without a name: it is gone with the process, whatever becomes of that."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise _unwritten(error) from error


def _unwritten(error: OSError) -> FileStoreUnavailable:
    return FileStoreUnavailable(f"A temporary file cannot be written: {error.strerror}.")


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """The library's errors as problems. What the service wrote is not passed on: some repeat the request with all its headers."""
    try:
        yield
    except FileNotFoundError as error:
        if _NO_BUCKET in str(error):
            raise FileStoreUnavailable(f"The file store does not answer as it should: {_NO_BUCKET}.") from None
        raise FileNotFound(GONE) from None
    except BaseError as error:
        code = _CODE.search(str(error))
        said = code[1] if code else type(error).__name__.removesuffix("Error")
        raise FileStoreUnavailable(f"The file store does not answer as it should: {said}.") from None
