"""`keepstep backup` and `keepstep restore`: everything of an installation as one file, and an installation from one.

Database, checkpoint and the list of files come from one snapshot. A restore touches nothing before the whole file was checked.
"""

import asyncio
import os
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from sqlalchemy import select

from keepstep import __version__
from keepstep.actions.checkpoints import record_checkpoint
from keepstep.cli.exits import FINDINGS, problems_end_the_command
from keepstep.cli.opening import database_of, open_resources, operator, require_schema
from keepstep.cli.printing import AsJson, counted, print_json
from keepstep.config import Resources, Settings, settings_from
from keepstep.core.checkpoint import NOTHING, Checkpoint, with_line
from keepstep.core.integrity import instant
from keepstep.core.issue import Issue, to_errors
from keepstep.db import upgrade as schema
from keepstep.db.blobs import BlobStore
from keepstep.db.dump import dump, exported_snapshot, present_schema, relations
from keepstep.db.dump import restore as restore_dump
from keepstep.db.engine import PATIENT, open_engine
from keepstep.db.tables import files
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import FileDamaged, FileNotFound, FileUnreadable, SettingInvalid
from keepstep.interchange import backup_file, checkpoint_file
from keepstep.interchange.backup_file import CHECKPOINT, DATABASE, FILES, SECRET, Manifest
from keepstep.queries.checkpoints import checkpoint_findings, differences, state_lines
from keepstep.queries.integrity import Verified
from keepstep.queries.integrity import verify as verified
from keepstep.queries.integrity_files import verify_contents

_COPIED_AT_ONCE: Final = 1 << 20


def backup(
    file: Annotated[Path, typer.Argument(help="The new file. It holds every answer and the secret key: keep it as you keep those.")],
    as_json: AsJson = False,
) -> None:
    """Write database, files, secret key and a signed checkpoint to one file, from one moment."""
    with problems_end_the_command(as_json=as_json):
        if file.exists():
            raise SettingInvalid(f"{file} exists already; a backup never replaces another.")
        settings = settings_from(os.environ)
        with _new_folder_beside(file) as folder, database_of(settings) as url:
            made = asyncio.run(_made(settings, url, folder))
            _name(folder / "backup.tar", file)
    _print_made(file, made, as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `keepstep backup` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Make an installation from a backup, in an empty home and database. Ends with 8 when it is not what was backed up."""
    with problems_end_the_command(as_json=as_json):
        settings = settings_from(os.environ)
        with _opened(file) as source, tempfile.TemporaryDirectory(prefix="keepstep-restore-") as folder:
            manifest = backup_file.checked_manifest(source)
            _unpack_small(source, Path(folder))
            _require_fit(settings, manifest, Path(folder))
            with _home_or_nothing(settings.home), database_of(settings) as url:
                _fill(settings, url, source, Path(folder))
            # From here on everything is there: whatever else fails, it stays.
            with database_of(settings) as url:
                done = asyncio.run(_looked_at(settings, url, Path(folder) / CHECKPOINT))
    _print_restored(manifest, done, as_json=as_json)
    if done.issues or not done.result.is_intact:
        raise SystemExit(FINDINGS)


# --- backup ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Made:
    checkpoint: Checkpoint
    manifest: Manifest


@contextmanager
def _new_folder_beside(file: Path) -> Iterator[Path]:
    """A folder that only its owner may enter, on the disk of the file, gone at the end."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{file.name}.", dir=file.absolute().parent))
    except OSError as error:
        raise SettingInvalid(f"{file} cannot be written: {error.strerror}.") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _name(whole: Path, file: Path) -> None:
    """The file appears when it is whole, and durable; it never replaces another."""
    try:
        os.link(whole, file)
        folder = os.open(file.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SettingInvalid(f"{file} cannot be written: {error.strerror}.") from error


async def _made(settings: Settings, url: str, folder: Path) -> _Made:
    await require_schema(settings, url)
    async with open_resources(settings, url, timeouts=PATIENT) as resources:
        async with open_read(resources.engine) as tx:
            # Every statement of this transaction and pg_dump see the same state, whatever is written meanwhile.
            snapshot, name = await exported_snapshot(tx), await present_schema(tx)
            await asyncio.to_thread(dump, url, folder / DATABASE, schema=name, snapshot=snapshot)
            contents = await tx.scalars(select(files.c.sha256).distinct().order_by(files.c.sha256))
            checkpoint = await _write_checkpoint(resources, tx, folder / CHECKPOINT)
        (folder / SECRET).write_bytes(resources.secret + b"\n")
        manifest = await _write_archive(resources, folder, [bytes(digest).hex() for digest in contents], name)
    return _Made(checkpoint, manifest)


async def _write_checkpoint(resources: Resources, tx: Read, path: Path) -> Checkpoint:
    summed = NOTHING
    with path.open("xb") as file:
        file.write(checkpoint_file.first_line())
        async for line in state_lines(tx):
            summed = with_line(summed, line)
            file.write(checkpoint_file.state_line(line))
        async with open_write(resources.engine) as write:
            checkpoint = await record_checkpoint(operator(resources), write, summed, "backup")
        file.write(checkpoint_file.last_line(checkpoint))
    return checkpoint


async def _write_archive(resources: Resources, folder: Path, contents: list[str], schema_name: str) -> Manifest:
    members: dict[str, str] = {}
    descriptor = os.open(folder / "backup.tar", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as archive:
            for name in (DATABASE, CHECKPOINT, SECRET):
                with (folder / name).open("rb") as content:
                    members[name] = backup_file.add_member(archive, name, content)
            missing = tuple([digest for digest in contents if not await _add_content(archive, resources.blobs, digest, members)])
            at = instant(resources.now())
            manifest = Manifest(at, __version__, schema_name, schema.head(), missing, members)
            backup_file.add_manifest(archive, manifest)
        file.flush()
        os.fsync(file.fileno())
    return manifest


async def _add_content(archive: tarfile.TarFile, blobs: BlobStore, digest: str, members: dict[str, str]) -> bool:
    """Whether the store has this content as it was stored; it is in the archive then."""
    try:
        content = await blobs.open_intact(digest)
    except (FileNotFound, FileDamaged):
        return False
    with content:
        members[FILES + digest] = await asyncio.to_thread(backup_file.add_member, archive, FILES + digest, content)
    return True


# --- restore ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Restored:
    result: Verified
    issues: tuple[Issue, ...]


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        source = file.open("rb")
    except OSError as error:
        raise FileUnreadable(f"{file}: {error.strerror}.") from error
    with source:
        yield source


def _unpack_small(source: BinaryIO, folder: Path) -> None:
    """Everything but the uploaded files: into a folder of its own, which only its owner may enter."""
    for name, content in backup_file.members_of(source):
        if name in backup_file.REQUIRED:
            with (folder / name).open("xb") as target:
                shutil.copyfileobj(content, target, _COPIED_AT_ONCE)


def _require_fit(settings: Settings, manifest: Manifest, folder: Path) -> None:
    """Raises SettingInvalid or FileUnreadable for whatever speaks against this restore, before anything is made."""
    if settings.home.exists() and any(settings.home.iterdir()):
        raise SettingInvalid(f"The home folder {settings.home} is not empty: set KEEPSTEP_HOME to a new one to restore into.")
    if not schema.is_known(manifest.schema_revision):
        raise FileUnreadable(f"The backup was made by Keepstep {manifest.release}, which is newer than this release. Restore it with that.")
    secret = (folder / SECRET).read_bytes().strip()
    if settings.secret_key is not None and settings.secret_key.encode() != secret:
        raise SettingInvalid("KEEPSTEP_SECRET_KEY is another one than that of the backup: leave it unset, or set it to that one.")
    with (folder / CHECKPOINT).open("rb") as lines:
        checkpoint_file.trusted(lines, secret)


@contextmanager
def _home_or_nothing(home: Path) -> Iterator[None]:
    """A restore that fails leaves the home as empty as it found it."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingInvalid(f"The home folder {home} cannot be made: {error.strerror}.") from error
    try:
        yield
    except BaseException:
        for left in home.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        raise


def _fill(settings: Settings, url: str, source: BinaryIO, folder: Path) -> None:
    """The database comes last and in one transaction: where it is there, everything is."""
    asyncio.run(_require_empty(url))
    asyncio.run(_unpack_files(source, settings))
    try:
        if settings.secret_key is None:
            _keep_secret(settings.home / SECRET, (folder / SECRET).read_bytes())
        restore_dump(url, folder / DATABASE)
    except BaseException:
        # A bucket is not in the home, which is emptied as a whole.
        contents = [name.removeprefix(FILES) for name, _ in backup_file.members_of(source) if name.startswith(FILES)]
        asyncio.run(_take_out(settings.blobs(0), contents))
        raise


def _keep_secret(path: Path, secret: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())


async def _require_empty(url: str) -> None:
    engine = open_engine(url, role=None)
    try:
        async with open_read(engine) as tx:
            there = await relations(tx)
    finally:
        await engine.dispose()
    if there:
        raise SettingInvalid(f"The database is not empty: it holds {there} tables or views. Restore into a new one.")


async def _unpack_files(source: BinaryIO, settings: Settings) -> None:
    """Each uploaded file into the store; where one fails, those before it are taken out again."""
    # Larger files than the setting lets in today may have been uploaded before.
    blobs, written = settings.blobs(os.fstat(source.fileno()).st_size), list[str]()
    async for names in blobs.names(1):
        # Its contents are named by another database, for which those of the backup would be left over, and the other way round.
        raise SettingInvalid(f"The file store is not empty: it holds {names[0]}. Restore into a bucket or prefix of its own.")
    try:
        for name, content in backup_file.members_of(source):
            if name.startswith(FILES):
                written.append((await blobs.write(_pieces(content))).sha256)
                _require_named(name, written[-1])
    except BaseException:
        await _take_out(blobs, written)
        raise


def _require_named(name: str, sha256: str) -> None:
    if FILES + sha256 != name:
        raise FileUnreadable(f"{name} changed while the backup was being restored.")


async def _take_out(blobs: BlobStore, contents: Iterable[str]) -> None:
    for sha256 in contents:
        await blobs.delete(sha256)


async def _pieces(content: BinaryIO) -> AsyncIterator[bytes]:
    while piece := content.read(_COPIED_AT_ONCE):
        yield piece


async def _looked_at(settings: Settings, url: str, checkpoint: Path) -> _Restored:
    """The schema brought to this release, with its guards and roles; then everything recomputed and compared."""
    engine = open_engine(url, role=None, timeouts=PATIENT)
    try:
        await schema.repair(engine, event=None)
        issues = await schema.check(engine)
    finally:
        await engine.dispose()
    async with open_resources(settings, url, timeouts=PATIENT) as resources, open_read(resources.engine) as tx:
        result = await verified(tx)
        await verify_contents(tx, resources.blobs, None, result)
        result.add(await checkpoint_findings(tx, resources.secret))
        with checkpoint.open("rb") as lines:
            async for finding in differences(tx, checkpoint_file.state_lines(lines)):
                result.add([finding])
    return _Restored(result, issues)


# --- saying it -------------------------------------------------------------------------------------------------------


def _print_made(file: Path, made: _Made, *, as_json: bool) -> None:
    manifest, checkpoint = made.manifest, made.checkpoint
    kept = sum(name.startswith(FILES) for name in manifest.members)
    if as_json:
        told = {"id": checkpoint.id, "root": checkpoint.root.hex(), "key_id": checkpoint.key_id}
        print_json(
            {"file": str(file), "checkpoint": told, "counts": dict(checkpoint.counts), "files": kept, "missing": list(manifest.missing)}
        )
        return
    counted = ", ".join(f"{count:,} {kind}s" for kind, count in checkpoint.counts.items()) or "nothing"
    print(f"{file}: {counted}, {kept:,} files. It holds the secret key: keep it where only you can read it.")
    print(f"Checkpoint {checkpoint.id}, root {checkpoint.root.hex()}.")
    for digest in manifest.missing:
        print(f"The content {digest} of an uploaded file is gone from the store or damaged; the backup goes without it.")


def _print_restored(manifest: Manifest, done: _Restored, *, as_json: bool) -> None:
    if as_json:
        told = {"at": manifest.at, "release": manifest.release, "missing": list(manifest.missing), "issues": to_errors(done.issues)}
        print_json(done.result.to_json() | told)
        return
    for finding in done.result.findings:
        print(f"run {finding.run_id or '-'}: {finding.detail} ({finding.code})")
    for issue in done.issues:
        print(f"{issue.pointer}: {issue.detail} ({issue.code})")
    said = "Everything is as it was backed up" if done.result.is_intact else counted(done.result.altered, "alteration")
    looked = f"{done.result.versions:,} versions, {done.result.runs:,} runs, {done.result.contents or 0:,} uploaded files"
    print(f"{said}: {looked}, of {manifest.at}.")
