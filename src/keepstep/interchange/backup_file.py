"""A backup as a file: a tar of known members, and last a manifest with the SHA-256 of each.

Nothing is taken from one before all of it has been read and compared. Must not know what a database is or where a home lies.
"""

import hashlib
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, BinaryIO, Final

import msgspec

from keepstep.core import jsonvalue
from keepstep.errors import FileUnreadable, MalformedJson

FORMAT: Final = {"format": "keepstep-backup", "format_version": 1}
MANIFEST: Final = "manifest.json"
DATABASE: Final = "database.dump"
CHECKPOINT: Final = "checkpoint.jsonl"
SECRET: Final = "secret.key"  # noqa: S105 - the name of a file
FILES: Final = "files/"
REQUIRED: Final = frozenset({DATABASE, CHECKPOINT, SECRET})
_NAME: Final = re.compile(r"database\.dump|checkpoint\.jsonl|secret\.key|files/[0-9a-f]{64}")
_MAX_MANIFEST: Final = 1 << 30
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `members`: SHA-256 in hex by name; `missing`: contents that the store did not have."""

    at: str
    release: str
    schema: str
    schema_revision: str
    missing: tuple[str, ...]
    members: Mapping[str, str]


def sha256_of(content: IO[bytes]) -> str:
    """The digest of an open file, from where it stands to its end."""
    digest = hashlib.sha256()
    while piece := content.read(_CHUNK):
        digest.update(piece)
    return digest.hexdigest()


def add_member(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> str:
    """Adds an open file and returns its digest in hex; only its owner may read what is unpacked."""
    digest = sha256_of(content)
    info = tarfile.TarInfo(name)
    info.mode, info.size = 0o600, content.tell()
    content.seek(0)
    archive.addfile(info, content)
    return digest


def add_manifest(archive: tarfile.TarFile, manifest: Manifest) -> None:
    """Adds the last member."""
    told = {name: getattr(manifest, name) for name in ("at", "release", "schema", "schema_revision")}
    members: dict[str, Any] = {**FORMAT, **told, "missing": list(manifest.missing), "members": dict(manifest.members)}
    add_member(archive, MANIFEST, BytesIO(jsonvalue.dump_bytes(members) + b"\n"))


def checked_manifest(file: BinaryIO) -> Manifest:
    """The manifest, once every member is the one that it names and there is no other. Raises FileUnreadable otherwise."""
    try:
        manifest, found = _looked_through(file)
    except (tarfile.TarError, EOFError) as error:
        raise FileUnreadable(f"The file is no backup of Keepstep, or was cut ({error}).") from error
    if manifest is None:
        raise FileUnreadable("The backup has no manifest: the file was cut, or is no backup of Keepstep.")
    _require_same(manifest.members, found)
    return manifest


def _looked_through(file: BinaryIO) -> tuple[Manifest | None, dict[str, str]]:
    found: dict[str, str] = {}
    manifest: Manifest | None = None
    for name, content in members_of(file):
        if manifest is not None or name in found:
            raise FileUnreadable(f"The backup was altered: {name} stands where nothing may stand.")
        if name == MANIFEST:
            manifest = _manifest(content.read(_MAX_MANIFEST))
        else:
            found[name] = sha256_of(content)
    return manifest, found


def members_of(file: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """Each member's name and content, to be read before the next one. Raises FileUnreadable for what no backup holds."""
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for info in archive:
            content = archive.extractfile(info) if info.isreg() else None
            if content is None or not (info.name == MANIFEST or _NAME.fullmatch(info.name)):
                raise FileUnreadable(f"No backup of Keepstep holds {info.name[:100]!r}.")
            yield info.name, content  # type: ignore[misc] # typeshed's IO[bytes] is what BinaryIO names


def _require_same(named: Mapping[str, str], found: Mapping[str, str]) -> None:
    for name in sorted(named.keys() | found.keys() | REQUIRED):
        if named.get(name) != found.get(name) or name not in found:
            what = "is missing" if name not in found else "is not in the manifest" if name not in named else "was altered"
            raise FileUnreadable(f"The backup cannot be trusted: {name} {what}.")
        # The manifest is no proof of an uploaded file: whoever altered the one can mend the other. Its name is what answers hold.
        if name.startswith(FILES) and name != FILES + found[name]:
            raise FileUnreadable(f"The backup cannot be trusted: {name} is another content than its name says.")


def _manifest(data: bytes) -> Manifest:
    try:
        told = jsonvalue.loads(data)
    except MalformedJson as error:
        raise FileUnreadable("The manifest of the backup is not readable.") from error
    if not isinstance(told, dict) or {name: told.get(name) for name in FORMAT} != FORMAT:
        raise FileUnreadable("The file is no backup that this release of Keepstep reads.")
    try:
        return msgspec.convert({name: member for name, member in told.items() if name not in FORMAT}, Manifest)
    except msgspec.ValidationError as error:
        raise FileUnreadable(f"The manifest of the backup is not one: {error}.") from error
