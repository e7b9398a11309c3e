"""Files that commands read and write: read with a clear problem, written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from keepstep.cli.exits import problems_end_the_command
from keepstep.errors import FileUnreadable


@contextmanager
def opened(path: Path, *, as_json: bool = False) -> Iterator[BinaryIO]:
    """The file to read. One that cannot be opened ends the command with its reason."""
    with problems_end_the_command(as_json=as_json):
        try:
            stream = path.open("rb")
        except OSError as error:
            raise FileUnreadable(f"{path} cannot be read: {error.strerror}.") from error
    with stream:
        yield stream


def bytes_of(path: Path, *, as_json: bool = False) -> bytes:
    """The content of the file, as `opened`."""
    with opened(path, as_json=as_json) as stream:
        return stream.read()


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when the block ends, complete and on the disk; after an error, the old one is untouched.

    Raises FileUnreadable where no file can be made.
    """
    with _draft_of(path) as (stream, draft):
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
        # A temporary file is for its owner alone; a new file gets what others in this process get.
        draft.chmod(_mode_of(path))
        draft.replace(path)


def _mode_of(path: Path) -> int:
    """The rights of the file that is replaced, else those of any new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def _draft_of(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be written: {error.strerror}.") from error
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream, draft
    finally:
        draft.unlink(missing_ok=True)
