"""`keepstep backup` and `keepstep restore`: everything comes back as it was, and nothing that was tampered with comes in."""

import asyncio
import hashlib
import io
import json
import shutil
import stat
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import ADMIN, Desk
from tests.bucket_kit import S3
from tests.db_fixtures import Database
from typer.testing import CliRunner, Result

from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.files import Upload, store_file
from keepstep.actions.runs import save_answers
from keepstep.cli.main import app
from keepstep.db.blobs import BlobStore, FolderStore
from keepstep.db.bucket import BucketStore
from keepstep.db.engine import open_engine
from keepstep.db.transaction import open_write

Keepstep = Callable[..., Result]
CONTENT = b"what somebody uploaded"


def over(url: str | None, home: Path) -> Keepstep:
    """Runs commands over this database, None for the embedded one, and home."""

    def invoke(*words: str, **more: str) -> Result:
        environment = {"KEEPSTEP_HOME": str(home), "KEEPSTEP_DATABASE_URL": url or "", **more}
        return CliRunner().invoke(app, list(words), env=environment)

    return invoke


async def pieces() -> AsyncIterator[bytes]:
    yield CONTENT


async def fill(engine: AsyncEngine, blobs: BlobStore) -> None:
    """Runs with two revisions, with an erasure, in progress; and a file."""
    desk = Desk(engine)
    survey = await desk.survey()
    runs = [await desk.run(survey.wizard, full_name="John", email="john@example.com") for _ in range(2)]
    await desk.run(survey.wizard, complete=False, full_name="Ann")
    await desk.do(save_answers, runs[0], {"full-name": "J. Doe"}, "1.0")
    await desk.as_(ADMIN).do(erase_run, runs[1], ErasureRequest(reason="asked for", option_sets=["email"]))
    await desk.do(store_file, survey.wizard, blobs, Upload(pieces(), "a.txt", "text/plain"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def source(database: Database, home: Path) -> Keepstep:
    """An installation with something in it."""
    asyncio.run(filled(database.url, FolderStore(home / "files", 1000)))
    return over(database.url, home)


async def filled(url: str, blobs: BlobStore) -> None:
    engine = open_engine(url)
    try:
        await fill(engine, blobs)
    finally:
        await engine.dispose()


@pytest.fixture
def kept(source: Keepstep, tmp_path: Path) -> Path:
    file = tmp_path / "kept.tar"
    ended = source("backup", str(file))
    assert ended.exit_code == 0, ended.output
    return file


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "files").rglob("*") if path.is_file()}


def exported(keepstep: Keepstep) -> str:
    return keepstep("run", "export", "customer-survey", "--format", "jsonl").stdout


def test_a_backup_is_whole_private_and_signed(source: Keepstep, tmp_path: Path) -> None:
    file = tmp_path / "kept.tar"
    told = json.loads(source("backup", str(file), "--json").stdout)
    assert (told["counts"], told["files"], told["missing"]) == ({"version": 1, "run": 3, "erasure": 1}, 1, [])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as archive:
        names = archive.getnames()
    assert names[:3] + names[-1:] == ["database.dump", "checkpoint.jsonl", "secret.key", "manifest.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "kept.tar"]


def test_what_was_backed_up_comes_back_into_a_database_of_ones_own(
    source: Keepstep, kept: Path, home: Path, empty_database: Database, tmp_path: Path
) -> None:
    restored = over(empty_database.url, tmp_path / "new")
    ended = restored("restore", str(kept))
    assert (ended.exit_code, ended.stdout.startswith("Everything is as it was backed up: 1 versions, 3 runs")) == (0, True), ended.output
    assert restored("db", "check").stdout == "The database is as it should be.\n"
    assert exported(restored) == exported(source) != ""
    assert contents(tmp_path / "new") == contents(home)
    assert list(contents(home).values()) == [CONTENT]
    assert (tmp_path / "new/secret.key").read_bytes() == (home / "secret.key").read_bytes()


def test_what_was_backed_up_comes_back_into_an_embedded_database(source: Keepstep, kept: Path) -> None:
    # A short path, because a Unix socket's name must be short.
    short = Path(tempfile.mkdtemp(prefix="ks-"))
    try:
        restored = over(None, short / "h")
        told = json.loads(restored("restore", str(kept), "--json").stdout)
        assert (told["intact"], told["runs"], told["issues"]) == (True, 3, [])
        assert exported(restored) == exported(source)
        assert restored("db", "check").exit_code == 0
    finally:
        shutil.rmtree(short)


def test_what_is_written_after_the_restore_is_guarded(kept: Path, empty_database: Database, tmp_path: Path) -> None:
    assert over(empty_database.url, tmp_path / "new")("restore", str(kept)).exit_code == 0

    async def write() -> None:
        engine = open_engine(empty_database.url)
        try:
            desk = Desk(engine, minute=[100])
            survey = await desk.survey(slug="another")
            await desk.run(survey.wizard, email="new@example.com")
            with pytest.raises(Exception, match="permission denied"):
                async with open_write(engine) as tx:
                    await tx.execute(text("DELETE FROM run_revisions"))
        finally:
            await engine.dispose()

    asyncio.run(write())


def altered(kept: Path, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> None:
    with tarfile.open(kept) as archive:
        members = [(info.name, archive.extractfile(info).read()) for info in archive]  # type: ignore[union-attr] # all are files
    with tarfile.open(kept, "w") as archive:
        for name, data in change(members):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


Members = list[tuple[str, bytes]]


def with_other_bytes(members: Members) -> Members:
    """An uploaded file altered, and the manifest mended to fit."""
    name, data = next(member for member in members if member[0].startswith("files/"))
    other = b"W" + data[1:]
    told = json.loads(members[-1][1])
    told["members"][name] = hashlib.sha256(other).hexdigest()
    return [(each, other if each == name else content) for each, content in members[:-1]] + [("manifest.json", json.dumps(told).encode())]


TAMPERED: dict[str, Callable[[Members], Members]] = {
    "is another content than its name says": with_other_bytes,
    "database.dump was altered": lambda members: [(members[0][0], members[0][1][:-1] + b"!"), *members[1:]],
    "checkpoint.jsonl is missing": lambda members: [members[0], *members[2:]],
    "is not in the manifest": lambda members: [("files/" + "0" * 64, b"more"), *members],
    "no manifest": lambda members: members[:-1],
    "stands where nothing may stand": lambda members: [*members, members[-1]],
    "No backup of Keepstep holds '../evil'": lambda members: [("../evil", b"x"), *members],
    "no backup that this release": lambda members: [*members[:-1], ("manifest.json", b"{}")],
    "manifest of the backup is not readable": lambda members: [*members[:-1], ("manifest.json", b"{")],
}


@pytest.mark.parametrize("said", TAMPERED)
def test_a_backup_that_was_altered_is_refused_before_anything_is_made(
    kept: Path, empty_database: Database, tmp_path: Path, said: str
) -> None:
    altered(kept, TAMPERED[said])
    ended = over(empty_database.url, tmp_path / "new")("restore", str(kept))
    assert (ended.exit_code, said in ended.stderr, (tmp_path / "new").exists()) == (3, True, False), ended.output


def without_the_file(members: Members) -> Members:
    """An uploaded file left out, and the manifest mended to fit: it says that the store had lost it."""
    name = next(name for name, _ in members if name.startswith("files/"))
    told = json.loads(members[-1][1])
    del told["members"][name]
    told["missing"] = [name.removeprefix("files/")]
    return [member for member in members[:-1] if member[0] != name] + [("manifest.json", json.dumps(told).encode())]


def test_a_file_that_did_not_come_back_is_named(kept: Path, empty_database: Database, tmp_path: Path) -> None:
    altered(kept, without_the_file)
    ended = over(empty_database.url, tmp_path / "new")("restore", str(kept))
    assert (ended.exit_code, "are not in the store. (file)" in ended.stdout, "1 alteration:" in ended.stdout) == (8, True, True)


def test_a_backup_that_was_cut_and_a_missing_one_are_said_so(kept: Path, tmp_path: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:3000])
    restore = over(None, tmp_path / "new")
    assert restore("restore", str(kept)).exit_code == 3
    assert "No such file" in restore("restore", str(tmp_path / "none.tar")).stderr


def test_a_home_that_is_not_empty_is_refused(kept: Path, empty_database: Database, home: Path) -> None:
    before = contents(home)
    ended = over(empty_database.url, home)("restore", str(kept))
    assert (ended.exit_code, "is not empty" in ended.stderr, contents(home)) == (3, True, before)


def test_a_database_that_is_not_empty_is_refused_and_the_home_stays_empty(
    source: Keepstep, kept: Path, database: Database, tmp_path: Path
) -> None:
    ended = over(database.url, tmp_path / "new")("restore", str(kept))
    assert (ended.exit_code, "database is not empty" in ended.stderr, list((tmp_path / "new").iterdir())) == (3, True, [])
    assert source("verify").exit_code == 0


def test_another_secret_key_is_refused(kept: Path, empty_database: Database, tmp_path: Path) -> None:
    ended = over(empty_database.url, tmp_path / "new")("restore", str(kept), KEEPSTEP_SECRET_KEY="another key " * 4)
    assert (ended.exit_code, "KEEPSTEP_SECRET_KEY" in ended.stderr) == (3, True)


def test_a_backup_never_replaces_another_and_needs_a_folder(source: Keepstep, kept: Path, tmp_path: Path) -> None:
    before = kept.read_bytes()
    assert (source("backup", str(kept)).exit_code, kept.read_bytes()) == (3, before)
    assert "cannot be written" in source("backup", str(tmp_path / "none/kept.tar")).stderr


def test_a_content_that_is_gone_is_said_and_the_backup_goes_without_it(source: Keepstep, home: Path, tmp_path: Path) -> None:
    (damaged,) = (path for path in (home / "files").rglob("*") if path.is_file())
    damaged.write_bytes(b"something else")
    told = json.loads(source("backup", str(tmp_path / "kept.tar"), "--json").stdout)
    assert (told["files"], told["missing"]) == (0, [damaged.name])


def test_from_a_bucket_into_another_prefix_and_checked_there(
    s3: S3, database: Database, empty_database: Database, home: Path, tmp_path: Path
) -> None:
    asyncio.run(filled(database.url, BucketStore(s3.bucket("from"), 1000)))
    source, file = over(database.url, home), str(tmp_path / "kept.tar")
    assert json.loads(source("backup", file, "--json", **s3.environment("from")).stdout)["files"] == 1
    restored = over(empty_database.url, tmp_path / "new")
    ended = restored("restore", file, **s3.environment("to"))
    assert (ended.exit_code, "1 uploaded files" in ended.stdout) == (0, True), ended.output
    (path,) = s3.files("to")
    assert path.read_bytes() == CONTENT
    assert not (tmp_path / "new/files").exists()
    assert restored("verify", **s3.environment("to")).exit_code == 0
    path.write_bytes(CONTENT.upper())
    assert restored("verify", **s3.environment("to")).exit_code == 8


def test_a_bucket_that_is_not_empty_is_not_restored_into_and_a_failed_restore_leaves_it_empty(
    s3: S3, kept: Path, empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(BucketStore(s3.bucket("full"), 1000).write(pieces()))
    restored = over(empty_database.url, tmp_path / "new")
    refused = restored("restore", str(kept), **s3.environment("full"))
    assert (refused.exit_code, "not empty" in refused.output, len(s3.files("full"))) == (3, True, 1)
    monkeypatch.setattr("keepstep.cli.backup.restore_dump", _break)
    assert restored("restore", str(kept), **s3.environment("failed")).exit_code == 1
    assert s3.files("failed") == []


def _break(*_: object) -> None:
    raise ZeroDivisionError


def test_the_store_is_tried_out_and_one_that_refuses_is_told_without_its_secret(s3: S3, tmp_path: Path) -> None:
    keepstep = over(None, tmp_path)
    assert "s3://uploads/tried" in keepstep("files", "check", **s3.environment("tried")).stdout
    assert json.loads(keepstep("files", "check", "--json").stdout) == {"store": "a folder in the home", "keeps_versions": False}
    refused = keepstep("files", "check", **{**s3.environment("tried"), "KEEPSTEP_S3_SECRET": "a wrong secret"})
    assert (refused.exit_code, "SignatureDoesNotMatch" in refused.output, "a wrong secret" in refused.output) == (7, True, False)
