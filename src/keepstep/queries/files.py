"""Uploaded files as values: what is known of each; the bytes lie in the blob store."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from keepstep.db.tables import files
from keepstep.db.transaction import Read
from keepstep.errors import FileNotFound


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An upload. `size` in bytes; `sha256` in hex; `run_id` is None until an answer names the file."""

    id: str
    wizard_id: str
    run_id: str | None
    name: str
    size: int
    media_type: str
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """The file as an answer holds it."""
        return {"file_id": self.id, "name": self.name, "size": self.size, "media_type": self.media_type, "sha256": self.sha256}


def named_files(envelopes: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Each file that answers, or entries of an archive, name: the object as it is stored."""
    for envelope in envelopes.values():
        value = envelope.get("value") if isinstance(envelope, Mapping) else None
        yield from (item for item in value if isinstance(item, dict) and "file_id" in item) if isinstance(value, list) else ()


async def files_by_id(tx: Read, ids: Collection[str]) -> Mapping[str, StoredFile]:
    """Those of the files that exist, by id; one query."""
    rows = await tx.rows(select(files).where(files.c.id.in_(sorted(ids)))) if ids else ()
    return {
        row.id: StoredFile(row.id, row.wizard_id, row.run_id, row.name, row.size, row.media_type, bytes(row.sha256).hex()) for row in rows
    }


async def unnamed(tx: Read, contents: Collection[str]) -> list[str]:
    """Those of the contents (SHA-256 in hex) that no file names; one query."""
    rows = await tx.scalars(select(files.c.sha256).where(files.c.sha256.in_([bytes.fromhex(name) for name in contents])).distinct())
    return sorted(set(contents) - {bytes(digest).hex() for digest in rows})


async def file_of_run(tx: Read, run_id: str, file_id: str) -> StoredFile:
    """A file that an answer of this run names. Raises FileNotFound."""
    found = (await files_by_id(tx, {file_id})).get(file_id)
    if found is None or found.run_id != run_id:
        raise FileNotFound("This run has no such file.")
    return found
