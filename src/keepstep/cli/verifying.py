"""`keepstep verify`: whether what is stored still is what was stored, and checkpoints to be kept elsewhere."""

import asyncio
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from keepstep.cli.exits import FINDINGS, problems_end_the_command
from keepstep.cli.job_proof import verify_one_job
from keepstep.cli.opening import OPERATOR, database_of, open_resources, operator, require_schema
from keepstep.cli.printing import AsJson, counted, print_json, progress
from keepstep.config import Resources, Settings, secret_of, settings_from
from keepstep.core.checkpoint import Checkpoint, Line
from keepstep.db.engine import PATIENT, open_engine
from keepstep.db.transaction import open_read
from keepstep.db.upgrade import current, head
from keepstep.errors import FileUnreadable, SettingInvalid
from keepstep.interchange import checkpoint_file
from keepstep.jobs.checkpoints import write_checkpoint
from keepstep.queries.checkpoints import checkpoint_findings, differences
from keepstep.queries.integrity import Finding, Scope, Verified, count_runs, guard_findings
from keepstep.queries.integrity import verify as verified
from keepstep.queries.integrity_files import verify_contents
from keepstep.queries.wizards import get_wizard

_PLACES: Final = (("wizard_id", "wizard"), ("version_number", "version"), ("run_id", "run"), ("revision", "revision"))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one call is about. `kept`: the state lines of the checkpoint to compare with."""

    wizard: str | None
    checkpoint: Path | None
    kept: Iterable[Line]
    contents: bool


def verify(
    wizard: Annotated[str | None, typer.Option(help="One wizard's versions and runs alone: its slug or id.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Write a signed checkpoint to this new file, to be kept elsewhere.")] = None,
    against: Annotated[Path | None, typer.Option(help="Compare with this checkpoint, too.")] = None,
    job: Annotated[str | None, typer.Option(help="One migration job alone, by its id: where every answer went.")] = None,
    files: Annotated[bool, typer.Option(help="Read the bytes of every uploaded file, too. Without, it says that nobody did.")] = True,
    as_json: AsJson = False,
) -> None:
    """Recompute every digest and chain. Ends with 8 when something was altered, naming it."""
    if job is not None:
        verify_one_job(job, as_json=as_json)
        return
    with problems_end_the_command(as_json=as_json):
        _require_whole(wizard, checkpoint, against)
        settings = settings_from(os.environ)
        began = time.perf_counter()
        with _checkpoint_lines(against, secret_of(settings)) as kept, database_of(settings) as url:
            result, written = asyncio.run(_verified(settings, url, _Wanted(wizard, checkpoint, kept, files)))
        seconds = time.perf_counter() - began
    _print(result, written, seconds, as_json=as_json)
    if not result.is_intact:
        raise SystemExit(FINDINGS)


def _require_whole(wizard: str | None, checkpoint: Path | None, against: Path | None) -> None:
    if wizard is not None and (checkpoint or against):
        raise SettingInvalid("A checkpoint is over everything: leave --wizard out.")
    if checkpoint is not None and checkpoint.exists():
        raise SettingInvalid(f"{checkpoint} exists already; a checkpoint never replaces another.")


@contextmanager
def _checkpoint_lines(path: Path | None, secret: bytes) -> Iterator[Iterable[Line]]:
    """The state lines of the checkpoint, read twice: whether it can be trusted comes first. None without one."""
    if path is None:
        yield ()
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise FileUnreadable(f"{path}: {error.strerror}.") from error
    with file:
        checkpoint_file.trusted(_bounded(file), secret)
        file.seek(0)
        yield checkpoint_file.state_lines(_bounded(file))


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    """The lines; one that no checkpoint has is cut, so that no file is read into memory whole."""
    while line := file.readline(checkpoint_file.MAX_LINE + 1):
        yield line


# --- looking ---------------------------------------------------------------------------------------------------------


async def _verified(settings: Settings, url: str, wanted: _Wanted) -> tuple[Verified, Checkpoint | None]:
    guards = await _guards(url)
    await require_schema(settings, url)
    async with open_resources(settings, url, timeouts=PATIENT) as resources:
        result = await _looked_at(resources, wanted)
        result.add(guards)
        # A checkpoint over what was altered would vouch for the alteration.
        written = await _written(resources, wanted.checkpoint) if wanted.checkpoint and result.is_intact else None
    return result, written


async def _guards(url: str) -> list[Finding]:
    """The guards as they were found: as the login, because the application's role may not see all of them."""
    engine = open_engine(url, role=None)
    try:
        if await current(engine) != head():
            return []
        async with open_read(engine) as tx:
            return await guard_findings(tx)
    finally:
        await engine.dispose()


async def _looked_at(resources: Resources, wanted: _Wanted) -> Verified:
    async with open_read(resources.engine) as tx:
        actor = operator(resources).actor
        wizard_id = None if wanted.wizard is None else (await get_wizard(tx, actor, wanted.wizard, "view", removed=True)).id
        with progress() as shown:
            task = shown.add_task("Runs", total=await count_runs(tx, wizard_id))
            result = await verified(tx, Scope(wizard_id), seen=lambda so_far: shown.update(task, completed=so_far.runs))
            if wanted.contents:
                reading = shown.add_task("Files", total=None)
                told = lambda so_far: shown.update(reading, completed=so_far.contents or 0)  # noqa: E731 - used at once
                await verify_contents(tx, resources.blobs, wizard_id, result, seen=told)
        if wizard_id is None:
            result.add(await checkpoint_findings(tx, resources.secret))
        async for finding in differences(tx, wanted.kept):
            result.add([finding])
    return result


# --- a checkpoint ----------------------------------------------------------------------------------------------------


async def _written(resources: Resources, path: Path) -> Checkpoint:
    """The checkpoint, on record and in its file, which gets its name only when it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("xb") as file:
            checkpoint = await write_checkpoint(resources, OPERATOR, file, "request")
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)
    except OSError as error:
        raise SettingInvalid(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return checkpoint


# --- saying it -------------------------------------------------------------------------------------------------------


def _print(result: Verified, written: Checkpoint | None, seconds: float, *, as_json: bool) -> None:
    if as_json:
        told = None if written is None else {"id": written.id, "root": written.root.hex(), "key_id": written.key_id}
        print_json(result.to_json() | {"checkpoint": told, "seconds": Decimal(f"{seconds:.3f}")})
        return
    for finding in result.findings:
        print(_sentence(finding))
    if result.altered > len(result.findings):
        print(f"… and {result.altered - len(result.findings):,} more.")
    looked = f"{result.versions:,} versions, {result.runs:,} runs, {result.revisions:,} revisions ({result.erased:,} with erasures)"
    said = "Everything is as it was stored" if result.is_intact else counted(result.altered, "alteration")
    print(f"{said}: {looked}, {result.runs / seconds:,.0f} runs/s.")
    print(_said_of_files(result))
    if written is not None:
        print(f"Checkpoint {written.id} over {sum(written.counts.values()):,} lines, root {written.root.hex()}. Keep its file elsewhere.")


def _said_of_files(result: Verified) -> str:
    named = f"{counted(result.files, 'file')} in answers"
    if result.contents is None:
        return f"{named}; the bytes of uploads were not read (--no-files)."
    said = f"{named}; {counted(result.contents, 'upload')} read, {counted(result.content_bytes, 'byte')}."
    if result.left_over:
        said += f" The store holds {counted(result.left_over, 'content')} that no file names: `keepstep sweep` takes that away."
    return said


def _sentence(finding: Finding) -> str:
    told = finding.to_json()
    places = [f"{word} {told[name]}" for name, word in _PLACES if told[name] is not None]
    return f"{', '.join(places) or 'the database'}: {finding.detail} ({finding.code})"
