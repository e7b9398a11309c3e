"""File contents under their digests: whole or not at all, once each, within the limit; in a folder and in a bucket alike."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from tests.bucket_kit import S3

from keepstep.db.blobs import CHUNK, BlobStore, FolderStore
from keepstep.db.bucket import BucketStore
from keepstep.errors import FileDamaged, FileNotFound, FileStoreUnavailable, TooLarge

LIMIT = 3 * CHUNK


@dataclass(frozen=True)
class Kept:
    """A store, and the folder in which its contents are in the end."""

    store: BlobStore
    folder: Path

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    if request.param == "folder":
        return Kept(FolderStore(tmp_path / "blobs", LIMIT), tmp_path / "blobs")
    s3: S3 = request.getfixturevalue("s3")
    prefix = f"blobs/{secrets.token_hex(6)}"
    return Kept(BucketStore(s3.bucket(prefix), LIMIT), s3.folder / prefix)


@pytest.fixture
def store(kept: Kept) -> BlobStore:
    return kept.store


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _content(store: BlobStore, digest: str) -> bytes:
    with await store.open_intact(digest) as file:
        return file.read()


@pytest.mark.parametrize("content", [b"", b"a", b"ab" * CHUNK])
async def test_what_was_written_is_read_back(store: BlobStore, content: bytes) -> None:
    blob = await store.write(_pieces(content[:7], content[7:]))
    assert (blob.sha256, blob.size) == (sha256(content).hexdigest(), len(content))
    assert await _content(store, blob.sha256) == content
    assert await store.check(blob.sha256) == len(content)


async def test_equal_contents_are_stored_once(kept: Kept, store: BlobStore) -> None:
    blobs = [await store.write(_pieces(b"same")) for _ in range(2)]
    assert blobs[0] == blobs[1]
    assert len(kept.files()) == 1


async def test_too_large_a_content_leaves_nothing(kept: Kept, store: BlobStore) -> None:
    with pytest.raises(TooLarge):
        await store.write(_pieces(b"x" * 2 * CHUNK, b"x" * 2 * CHUNK))
    assert kept.files() == []


async def test_an_upload_that_breaks_off_leaves_nothing(kept: Kept, store: BlobStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(broken())
    assert kept.files() == []


async def test_an_altered_content_is_found(kept: Kept, store: BlobStore) -> None:
    blob = await store.write(_pieces(b"content"))
    kept.files()[0].write_bytes(b"Content")
    with pytest.raises(FileDamaged, match="another digest"):
        await store.check(blob.sha256)
    with pytest.raises(FileDamaged, match="another digest"):
        await _content(store, blob.sha256)


async def test_a_content_of_a_folder_that_cannot_be_read_is_damaged(tmp_path: Path) -> None:
    store, kept = FolderStore(tmp_path, LIMIT), Kept(FolderStore(tmp_path, LIMIT), tmp_path)
    blob = await store.write(_pieces(b"content"))
    (path,) = kept.files()
    path.unlink()
    path.mkdir()
    with pytest.raises(FileDamaged, match="cannot be read"):
        await _content(store, blob.sha256)


async def test_a_deleted_content_is_gone_and_deleting_again_is_nothing(store: BlobStore) -> None:
    blob = await store.write(_pieces(b"content"))
    assert await store.has(blob.sha256)
    await store.delete(blob.sha256)
    await store.delete(blob.sha256)
    assert not await store.has(blob.sha256)
    with pytest.raises(FileNotFound):
        await _content(store, blob.sha256)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a" * 63, "A" * 64, "g" * 64])
async def test_only_a_digest_names_a_content(store: BlobStore, name: str) -> None:
    with pytest.raises(FileNotFound):
        await _content(store, name)
    with pytest.raises(FileNotFound):
        await store.delete(name)


async def test_a_store_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileStoreUnavailable, match="cannot be written to"):
        await FolderStore(tmp_path / "file", limit=1).write(_pieces(b""))


async def test_contents_are_named_in_the_order_of_their_digests_and_nothing_else_is(kept: Kept, store: BlobStore) -> None:
    written = [(await store.write(_pieces(str(number).encode()))).sha256 for number in range(12)]
    for stray in ("notes.txt", f"ab/cd/{'e' * 64}", f"{written[0][:2]}/zz/{written[0]}"):
        (kept.folder / stray).parent.mkdir(parents=True, exist_ok=True)
        (kept.folder / stray).write_bytes(b"no content")
    batches = [list(names) async for names in store.names(5)]
    assert [name for names in batches for name in names] == sorted(written)
    assert len(batches) > 1


async def test_uploads_that_lost_their_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    for name in ("a" * 32, "notes"):
        (tmp_path / "incoming" / name).write_bytes(b"half")
    store = FolderStore(tmp_path, LIMIT)
    changed = (tmp_path / "incoming" / ("a" * 32)).stat().st_mtime
    assert [await store.drop_unfinished(changed - 1), await store.drop_unfinished(changed + 1)] == [0, 1]
    assert [path.name for path in (tmp_path / "incoming").iterdir()] == ["notes"]
