"""What a folder cannot show of a bucket: large contents in parts, a service that refuses or is away, and secrets that stay secret."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256

import pytest
from tests.bucket_kit import KEY_ID, S3, SECRET
from tests.served import free_port

from keepstep.db.blobs import Bucket, Tried
from keepstep.db.bucket import BucketStore
from keepstep.errors import FileNotFound, FileStoreUnavailable

MEGABYTE = 1024 * 1024


@pytest.fixture
def bucket(s3: S3) -> Bucket:
    return s3.bucket(f"bucket/{secrets.token_hex(6)}")


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_content_larger_than_a_part_comes_back_as_it_was(bucket: Bucket) -> None:
    store = BucketStore(bucket, 100 * MEGABYTE)
    pieces = [secrets.token_bytes(MEGABYTE) for _ in range(20)]
    blob = await store.write(_pieces(*pieces))
    assert (blob.size, blob.sha256) == (20 * MEGABYTE, sha256(b"".join(pieces)).hexdigest())
    with await store.open_intact(blob.sha256) as file:
        assert file.read() == b"".join(pieces)


async def test_a_service_that_refuses_is_no_store_without_contents_and_no_secret_is_said(bucket: Bucket) -> None:
    store = BucketStore(replace(bucket, secret="another secret"), MEGABYTE)
    digest = sha256(b"a").hexdigest()
    for refused in (store.write(_pieces(b"a")), store.check(digest), store.has(digest), store.delete(digest), store.try_out()):
        with pytest.raises(FileStoreUnavailable) as caught:
            await refused
        said = f"{caught.value} {caught.value.detail} {caught.value.__cause__} {bucket} {bucket!r} {store!r}"
        assert [word for word in (SECRET, KEY_ID, "another secret") if word in said] == []
    with pytest.raises(FileStoreUnavailable, match="SignatureDoesNotMatch"):
        _ = [names async for names in store.names(5)]


async def test_without_its_bucket_or_its_service_a_store_says_so(bucket: Bucket) -> None:
    missing = BucketStore(replace(bucket, name="nobodys-bucket"), MEGABYTE)
    with pytest.raises(FileStoreUnavailable, match="NoSuchBucket"):
        await missing.write(_pieces(b"a"))
    with pytest.raises(FileStoreUnavailable, match="NoSuchBucket"):
        await missing.check(sha256(b"a").hexdigest())
    away = BucketStore(replace(bucket, endpoint=f"http://127.0.0.1:{free_port()}"), MEGABYTE)
    with pytest.raises(FileStoreUnavailable):
        await away.check(sha256(b"a").hexdigest())


async def test_two_prefixes_of_a_bucket_know_nothing_of_each_other(bucket: Bucket) -> None:
    one, other = (BucketStore(replace(bucket, prefix=prefix), MEGABYTE) for prefix in ("one", "other"))
    blob = await one.write(_pieces(b"a"))
    with pytest.raises(FileNotFound):
        await other.check(blob.sha256)
    assert [names async for names in other.names(5)] == []


async def test_a_trial_leaves_nothing(s3: S3, bucket: Bucket) -> None:
    assert await BucketStore(bucket, MEGABYTE).try_out() == Tried(keeps_versions=False)
    assert s3.files(bucket.prefix) == []
