"""Whether uploaded files are what answers say they are: rows against answers, bytes against digests, and bytes that nobody names.

Reads only; the store is read a piece at a time, so that memory does not grow with it. Must not know how findings are shown.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select

from keepstep.core.structure import ID_PATTERN
from keepstep.db.blobs import BlobStore
from keepstep.db.tables import files
from keepstep.db.transaction import Read
from keepstep.errors import FileDamaged, FileNotFound
from keepstep.queries.files import StoredFile, files_by_id, named_files, unnamed
from keepstep.queries.findings import Finding, Place, Verified, read_json

# Names of contents that one query is asked about.
AT_ONCE: Final = 500


# --- rows ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Named:
    place: Place
    file: Mapping[str, Any]


async def row_findings(tx: Read, runs: Sequence[Sequence[Row[Any]]], result: Verified) -> None:
    """Every file that an answer of these runs names, compared with its row; counted, and added to the findings."""
    named = [found for rows in runs for found in _named_by(rows)]
    ids = {str(each.file["file_id"]) for each in named}
    known = await files_by_id(tx, {each for each in ids if re.fullmatch(ID_PATTERN, each)})
    result.files += len(named)
    for each in named:
        result.add(_differences(each, known.get(str(each.file["file_id"]))))


def _named_by(rows: Sequence[Row[Any]]) -> list[_Named]:
    """The files of one run, each once for each way in which it is named, by the first revision that does.

    An import stores what the file says, also of uploads to another Keepstep: those were never here.
    """
    foreign: set[Any] = set()
    found: dict[tuple[Any, ...], _Named] = {}
    for row, texts in _texts(rows):
        named = [file for text in texts if text and '"file_id"' in text for file in named_files(_object(text))]
        if row.revision == 1 and row.cause == "import":
            foreign = {str(file["file_id"]) for file in named}
        for file in named:
            place = Place(row.origin_wizard_id, row.id, row.revision)
            if str(file["file_id"]) not in foreign:
                found.setdefault(tuple(sorted((name, str(value)) for name, value in file.items())), _Named(place, file))
    return list(found.values())


def _texts(rows: Sequence[Row[Any]]) -> Iterator[tuple[Row[Any], tuple[str | None, ...]]]:
    """The JSON of each revision, and of the working copy with the last of them."""
    for row in rows:
        yield row, (row.answers, row.archive, row.working_answers if row is rows[-1] else None)


def _object(text: str) -> Mapping[str, Any]:
    value = read_json(text)
    return value if isinstance(value, dict) else {}


def _differences(named: _Named, stored: StoredFile | None) -> Iterator[Finding]:
    name = str(named.file["file_id"])[:80]
    if stored is None:
        yield named.place.finding("file", f"An answer names the file {name}, of which there is no row.")
    elif stored.to_json() != named.file or (stored.run_id, stored.wizard_id) != (named.place.run_id, named.place.wizard_id):
        yield named.place.finding("file", f"The file {name} has another digest, size, name, type or run than the answer says.")


# --- bytes -----------------------------------------------------------------------------------------------------------


async def verify_contents(
    tx: Read, blobs: BlobStore, wizard_id: str | None, result: Verified, *, seen: Callable[[Verified], None] = lambda _: None
) -> None:
    """The bytes of every uploaded file read and compared, each content once; and, over everything, those that no file names."""
    own = files.c
    statement = select(own.id, own.run_id, own.wizard_id, own.sha256, own.size).order_by(own.sha256, own.id)
    result.contents = result.content_bytes = 0
    digest, state = "", _State(0, None)
    async for row in tx.stream(statement if wizard_id is None else statement.where(own.wizard_id == wizard_id)):
        if bytes(row.sha256).hex() != digest:
            digest = bytes(row.sha256).hex()
            state = await _state_of(blobs, digest)
            result.contents += 1
            result.content_bytes += state.size
            seen(result)
        result.add(_content_findings(row, state))
    if wizard_id is None:
        result.left_over = 0
        async for names in blobs.names(AT_ONCE):
            result.left_over += len(await unnamed(tx, names))


@dataclass(frozen=True, slots=True)
class _State:
    """A content as it was read. `fault` None: it has its digest."""

    size: int
    fault: str | None


async def _state_of(blobs: BlobStore, sha256: str) -> _State:
    try:
        return _State(await blobs.check(sha256), None)
    except FileNotFound:
        return _State(0, "are not in the store")
    except FileDamaged as damaged:
        return _State(0, f"are not those of the upload ({damaged.detail})")


def _content_findings(row: Row[Any], state: _State) -> Iterator[Finding]:
    if state.fault is not None:
        detail = f"The bytes of the file {row.id} {state.fault}."
        yield Finding(code="file", wizard_id=row.wizard_id, run_id=row.run_id, detail=detail)
    elif state.size != row.size:
        detail = f"The row of the file {row.id} says {row.size:,} bytes; there are {state.size:,}."
        yield Finding(code="file", wizard_id=row.wizard_id, run_id=row.run_id, detail=detail)
