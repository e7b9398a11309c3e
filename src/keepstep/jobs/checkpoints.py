"""Signed checkpoints as files: any, and the one of the day in the home, taken elsewhere by whatever copies backups (semantics 8)."""

import os
import secrets
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final

from keepstep.actions.checkpoints import Cause, record_checkpoint
from keepstep.config import Resources
from keepstep.core.checkpoint import NOTHING, Checkpoint, with_line
from keepstep.core.permissions import Actor
from keepstep.db.transaction import open_read, open_write
from keepstep.interchange import checkpoint_file
from keepstep.queries.checkpoints import state_lines

# Enough to find out since when something is missing, and little enough that a home does not fill with them.
KEPT: Final = 30


async def write_daily_checkpoint(resources: Resources, actor: Actor, day: date) -> Path | None:
    """The day's file, whole and durable, or None when it is there already. Older ones than the last KEPT go."""
    folder = resources.settings.home / "checkpoints"
    path = folder / f"{day.isoformat()}.jsonl"
    if path.exists():
        return None
    await _write_whole(resources, actor, path, "daily")
    for old in sorted(folder.glob("????-??-??.jsonl"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


async def write_job_checkpoint(resources: Resources, actor: Actor, job_id: str) -> Path:
    """The file of a migration that is over (semantics 8), beside those of the days. Written anew it is the state of then."""
    path = resources.settings.home / "checkpoints" / f"job-{job_id}.jsonl"
    await _write_whole(resources, actor, path, "job")
    for old in sorted(path.parent.glob("job-*.jsonl"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


async def _write_whole(resources: Resources, actor: Actor, path: Path, cause: Cause) -> None:
    """The file gets its name only when it is whole and durable."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        with partial.open("xb") as file:
            await write_checkpoint(resources, actor, file, cause)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


async def write_checkpoint(resources: Resources, actor: Actor, file: BinaryIO, cause: Cause) -> Checkpoint:
    """The lines of everything that is stored, and the signed checkpoint over them, which is put on record."""
    summed = NOTHING
    file.write(checkpoint_file.first_line())
    async with open_read(resources.engine) as tx:
        async for line in state_lines(tx):
            summed = with_line(summed, line)
            file.write(checkpoint_file.state_line(line))
    async with open_write(resources.engine) as tx:
        checkpoint = await record_checkpoint(resources.context(actor), tx, summed, cause)
    file.write(checkpoint_file.last_line(checkpoint))
    return checkpoint
