"""Erasing a file's bytes never takes away those that somebody uploads at the same moment."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.actions_kit import Desk

from keepstep.actions.erasure import Erasure, remove_contents
from keepstep.actions.files import Upload, lock_content, store_file
from keepstep.db.blobs import FolderStore
from keepstep.db.transaction import open_write
from keepstep.errors import Busy

CONTENT = b"the very same bytes"


async def pieces() -> AsyncIterator[bytes]:
    yield CONTENT


@pytest.fixture
def blobs(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path, 1_000)


def upload() -> Upload:
    return Upload(pieces(), "a.txt", "text/plain")


def erased(digest: str) -> Erasure:
    return Erasure(run_id="r", labels={}, revisions=(), answers=0, saved=0, files={"f": digest}, number=1)


async def test_an_upload_whose_bytes_are_just_being_erased_is_told_to_come_again(desk: Desk, blobs: FolderStore) -> None:
    survey = await desk.survey()
    digest = (await blobs.write(pieces())).sha256
    async with open_write(desk.engine) as tx:
        await lock_content(tx, digest, exclusive=True)
        uploading = asyncio.create_task(desk.do(store_file, survey.wizard, blobs, upload()))
        await asyncio.sleep(0.5)
        assert not uploading.done()
        assert await remove_contents(tx, blobs, erased(digest)) == 1
    with pytest.raises(Busy):
        await uploading
    assert (await desk.do(store_file, survey.wizard, blobs, upload())).sha256 == digest


async def test_an_erasure_waits_for_an_upload_of_the_same_bytes_and_leaves_them(desk: Desk, blobs: FolderStore) -> None:
    survey = await desk.survey()
    async with open_write(desk.engine) as tx:
        stored = await store_file(desk.context(), tx, survey.wizard, blobs, upload())
        removing = asyncio.create_task(_removed(desk, blobs, stored.sha256))
        await asyncio.sleep(0.5)
        assert not removing.done()
    assert await removing == 0
    assert await blobs.has(stored.sha256)


async def _removed(desk: Desk, blobs: FolderStore, digest: str) -> int:
    async with open_write(desk.engine) as tx:
        return await remove_contents(tx, blobs, erased(digest))
