"""File contents under their digests: whole or not at all, once each, within the limit."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from keepstep.db.blobs import CHUNK, BlobStore
from keepstep.errors import DatabaseUnavailable, FileDamaged, FileNotFound, TooLarge


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", limit=3 * CHUNK)


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _content(store: BlobStore, digest: str) -> bytes:
    with await store.open_intact(digest) as file:
        return file.read()


def _stored(store: BlobStore) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("content", [b"", b"a", b"ab" * CHUNK])
async def test_what_was_written_is_read_back(store: BlobStore, content: bytes) -> None:
    blob = await store.write(_pieces(content[:7], content[7:]))
    assert (blob.sha256, blob.size) == (sha256(content).hexdigest(), len(content))
    assert await _content(store, blob.sha256) == content
    assert await store.is_intact(blob.sha256)


async def test_equal_contents_are_stored_once(store: BlobStore) -> None:
    blobs = [await store.write(_pieces(b"same")) for _ in range(2)]
    assert blobs[0] == blobs[1]
    assert len(_stored(store)) == 1


async def test_too_large_a_content_leaves_nothing(store: BlobStore) -> None:
    with pytest.raises(TooLarge):
        await store.write(_pieces(b"x" * 2 * CHUNK, b"x" * 2 * CHUNK))
    assert _stored(store) == []


async def test_an_upload_that_breaks_off_leaves_nothing(store: BlobStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(broken())
    assert _stored(store) == []


async def test_an_altered_content_is_found(store: BlobStore) -> None:
    blob = await store.write(_pieces(b"content"))
    _stored(store)[0].write_bytes(b"Content")
    assert not await store.is_intact(blob.sha256)
    with pytest.raises(FileDamaged, match="another digest"):
        await _content(store, blob.sha256)


async def test_a_content_that_cannot_be_read_is_damaged(store: BlobStore) -> None:
    blob = await store.write(_pieces(b"content"))
    (path,) = _stored(store)
    path.unlink()
    path.mkdir()
    with pytest.raises(FileDamaged, match="cannot be read"):
        await _content(store, blob.sha256)


async def test_a_deleted_content_is_gone_and_deleting_again_is_nothing(store: BlobStore) -> None:
    blob = await store.write(_pieces(b"content"))
    store.delete(blob.sha256)
    store.delete(blob.sha256)
    assert not store.has(blob.sha256)
    assert not await store.is_intact(blob.sha256)
    with pytest.raises(FileNotFound):
        await _content(store, blob.sha256)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a" * 63, "A" * 64, "g" * 64])
async def test_only_a_digest_names_a_content(store: BlobStore, name: str) -> None:
    with pytest.raises(FileNotFound):
        await _content(store, name)
    with pytest.raises(FileNotFound):
        store.delete(name)


async def test_a_store_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="cannot be written to"):
        await BlobStore(tmp_path / "file", limit=1).write(_pieces(b""))
