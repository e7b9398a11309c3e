"""A ZIP file made piece by piece, so that it can be sent while it grows: nothing of it is held but what was not taken yet.

Must not know what is put into it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Final, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

CHUNK: Final = 256 * 1024
# A name on a disk has up to 255 bytes; some are left for whatever unpacks it.
_LONGEST: Final = 120
_OLDEST: Final = datetime(1980, 1, 1, tzinfo=UTC)
# Read and written by the owner alone, as a regular file: unpacked, it holds what is personal.
_MODE: Final = 0o100600 << 16


class _Sink(RawIOBase):
    """What ZipFile writes to. It cannot go back, so each member is followed by its size and checksum."""

    def __init__(self) -> None:
        super().__init__()
        self.held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: "Buffer", /) -> int:
        self.held += piece
        return memoryview(piece).nbytes


class ZipPieces:
    """Members in the order in which they are given; each call gives the bytes that came of it."""

    def __init__(self, at: datetime) -> None:
        self._sink = _Sink()
        self._zip = ZipFile(cast("IO[bytes]", self._sink), "w", ZIP_DEFLATED)
        moment = max(at.astimezone(UTC), _OLDEST)
        self._at = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)

    def whole(self, name: str, content: bytes) -> bytes:
        """A member that is there already."""
        self._zip.writestr(self._info(name), content)
        return self._taken()

    def of_file(self, name: str, file: IO[bytes], size: int) -> Iterator[bytes]:
        """A member read from an open file, some of it at a time. `size` says which form its length needs."""
        info = self._info(name)
        info.file_size = size
        with self._zip.open(info, "w") as member:
            while piece := file.read(CHUNK):
                member.write(piece)
                yield self._taken()
        yield self._taken()

    def end(self) -> bytes:
        """The table of contents."""
        self._zip.close()
        return self._taken()

    def _info(self, name: str) -> ZipInfo:
        info = ZipInfo(name, self._at)
        info.compress_type = ZIP_DEFLATED
        info.external_attr = _MODE
        return info

    def _taken(self) -> bytes:
        taken = bytes(self._sink.held)
        self._sink.held.clear()
        return taken


def member_name(number: int, safe_name: str) -> str:
    """A file name that no two members share and every system takes: numbered, so that it is no reserved word; not too long."""
    path = PurePosixPath(safe_name)
    ending = path.suffix if len(path.suffix.encode()) <= 20 else ""
    stem = safe_name.removesuffix(ending).encode()[: _LONGEST - len(ending.encode())].decode(errors="ignore")
    return f"{number:03d}-{stem}{ending}"
