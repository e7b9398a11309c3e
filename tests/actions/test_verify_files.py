"""`verify` finds what was done to uploaded files, names the run, and tells what it did not read."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import ADMIN, Desk
from tests.factories import option_set, step, wizard
from tests.tampering import flipped, tamper, tampered

from keepstep.actions.confirm import Consent
from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.files import Upload, store_file, sweep_contents
from keepstep.actions.publishing import Publishing, publish_draft
from keepstep.actions.run_imports import RunsFile, import_runs
from keepstep.actions.runs import RunRequest, save_answers, start_run
from keepstep.actions.wizards import NewWizard, create_wizard
from keepstep.db.blobs import FolderStore
from keepstep.db.transaction import Read
from keepstep.errors import Forbidden
from keepstep.queries.findings import Verified
from keepstep.queries.integrity import verify
from keepstep.queries.integrity_files import verify_contents

Place = tuple[str, str | None, int | None]


@dataclass(frozen=True)
class Photos:
    """`run` was answered with a file, and has two revisions; `begun` is in progress and names another; a third belongs to no run."""

    desk: Desk
    superuser: AsyncEngine
    blobs: FolderStore
    wizard: str
    run: str
    begun: str
    files: list[dict[str, Any]]

    def stored(self, file: int) -> Path:
        (path,) = self.blobs.folder.rglob(self.files[file]["sha256"])
        return path

    async def verified(self) -> Verified:
        return await self.desk.read(looked_at, self.blobs)

    async def places(self) -> set[Place]:
        return {(finding.code, finding.run_id, finding.revision) for finding in (await self.verified()).findings}

    async def found(self, statement: str) -> set[Place]:
        """What `verify` finds after this alteration of rows, which is taken back again."""
        named = {"first": self.files[0]["file_id"], "second": self.files[1]["file_id"], "run": self.run}
        given = {name: value for name, value in named.items() if f":{name}" in statement}
        async with tampered(self.superuser, statement, given) as tx:
            return {(finding.code, finding.run_id, finding.revision) for finding in (await looked_at(tx, self.blobs)).findings}


async def looked_at(tx: Read, blobs: FolderStore) -> Verified:
    result = await verify(tx)
    await verify_contents(tx, blobs, None, result)
    return result


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture
async def photos(desk: Desk, superuser_engine: AsyncEngine, tmp_path: Path) -> Photos:
    blobs = FolderStore(tmp_path / "files", 1_000)
    structure = wizard(step("only", option_set("photo", "file", constraints={"max_files": 3}), option_set("name")))
    made = await desk.do(create_wizard, NewWizard(structure=structure, slug="photos"))
    await desk.do(publish_draft, made.wizard.id, Publishing(), Consent(seen="1"))
    files = [
        (await desk.do(store_file, made.wizard.id, blobs, Upload(pieces(content), "a.txt", "text/plain"))).to_json()
        for content in (b"first", b"second", b"third")
    ]
    run, begun = [
        (await desk.do(start_run, made.wizard.id, RunRequest(answers={"photo": [file]}, complete=complete))).state.id
        for file, complete in zip(files, (True, False), strict=False)
    ]
    await desk.do(save_answers, run, {"name": "John"}, "1.0")
    return Photos(desk, superuser_engine, blobs, made.wizard.id, run, begun, files)


async def test_what_nobody_altered_is_intact_and_was_read(photos: Photos) -> None:
    result = await photos.verified()
    assert (result.findings, result.files, result.contents, result.content_bytes, result.left_over) == ([], 2, 3, 16, 0)


async def test_nobody_reads_bytes_unless_asked_to_and_it_says_so(photos: Photos) -> None:
    photos.stored(0).write_bytes(b"other")
    result = await photos.desk.read(verify)
    assert (result.is_intact, result.files, result.contents, result.left_over) == (True, 2, None, None)


@pytest.mark.parametrize("content", [b"First", b"firs", b"first ", b"", None])
async def test_bytes_that_were_altered_or_lost_name_the_run(photos: Photos, content: bytes | None) -> None:
    photos.stored(0).unlink() if content is None else photos.stored(0).write_bytes(content)
    assert await photos.places() == {("file", photos.run, None)}
    photos.stored(1).write_bytes(b"")
    photos.stored(2).write_bytes(b"")
    assert await photos.places() == {("file", photos.run, None), ("file", photos.begun, None), ("file", None, None)}


ROWS = (
    f"UPDATE files SET sha256 = {flipped('sha256')} WHERE id = :first",
    "UPDATE files SET sha256 = (SELECT sha256 FROM files WHERE id = :second) WHERE id = :first",
    "UPDATE files SET size = size + 1 WHERE id = :first",
    "UPDATE files SET name = 'b.txt' WHERE id = :first",
    "UPDATE files SET media_type = 'text/html' WHERE id = :first",
    "UPDATE files SET wizard_id = gen_random_uuid() WHERE id = :first",
    "UPDATE files SET run_id = gen_random_uuid() WHERE id = :first",
    "UPDATE files SET run_id = NULL WHERE id = :first",
    "UPDATE files SET id = gen_random_uuid() WHERE id = :first",
    "DELETE FROM files WHERE id = :first",
)


async def test_a_row_of_a_file_that_was_altered_or_deleted_names_the_run_and_its_first_revision(photos: Photos) -> None:
    for statement in ROWS:
        assert ("file", photos.run, 1) in await photos.found(statement), statement
    assert await photos.found("DELETE FROM files WHERE id = :second") == {("file", photos.begun, None)}


async def test_a_size_that_no_answer_names_is_compared_with_the_bytes(photos: Photos) -> None:
    await tamper(photos.superuser, "UPDATE files SET size = 7 WHERE run_id IS NULL")
    (finding,) = (await photos.verified()).findings
    assert finding.detail.endswith("says 7 bytes; there are 5.")


async def test_a_file_in_an_altered_answer_is_looked_for_and_never_stops_the_check(photos: Photos) -> None:
    for name in ('"x"', "1", "null", "[]"):
        change = f"answers = jsonb_set(answers, ARRAY[(SELECT min(key) FROM jsonb_each(answers)), 'value'], '[{{\"file_id\": {name}}}]')"
        found = await photos.found(f"UPDATE run_revisions SET {change} WHERE run_id = :run AND revision = 2")
        assert found == {("revision", photos.run, 2), ("file", photos.run, 2)}, name


async def test_an_erased_file_leaves_nothing_to_be_found(photos: Photos) -> None:
    await photos.desk.as_(ADMIN).do(erase_run, photos.run, ErasureRequest(reason="asked for"))
    result = await photos.verified()
    # Its bytes go in a step of their own, which here nobody took.
    assert (result.findings, result.files, result.left_over) == ([], 1, 1)


async def test_bytes_that_an_erasure_left_behind_are_swept_and_no_others(photos: Photos) -> None:
    await photos.desk.as_(ADMIN).do(erase_run, photos.run, ErasureRequest(reason="asked for"))
    gone = photos.stored(0)
    everything = [file["sha256"] for file in photos.files]
    with pytest.raises(Forbidden):
        await photos.desk.do(sweep_contents, photos.blobs, everything)
    assert await photos.desk.as_(ADMIN).do(sweep_contents, photos.blobs, everything) == 1
    assert (gone.exists(), photos.stored(1).exists(), photos.stored(2).exists()) == (False, True, True)
    result = await photos.verified()
    assert (result.findings, result.left_over) == ([], 0)


async def test_a_file_of_another_keepstep_in_an_imported_run_was_never_here(photos: Photos) -> None:
    foreign = {"file_id": photos.run, "name": "a.png", "size": 5, "media_type": "image/png", "sha256": "0" * 64}
    line = json.dumps({"status": "completed", "answers": {"photo": {"value": [foreign], "source": "respondent"}}})
    imported = await photos.desk.do(import_runs, photos.wizard, RunsFile(stream=io.BytesIO(line.encode())))
    assert imported.progress.added.runs == 1
    named = text("SELECT answers @? '$.*.value[*].file_id' FROM run_revisions WHERE cause = 'import'")
    assert await photos.desk.read(lambda tx: tx.scalars(named)) == [True]
    assert (await photos.verified()).findings == []
