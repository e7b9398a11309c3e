"""Files: upload to a wizard, then name them in an answer. Bytes go to the blob store first, so a row never names missing bytes."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import filetype
from sqlalchemy import func, insert, select, update

from keepstep.actions.audit import event_of
from keepstep.actions.context import Context
from keepstep.core.flow import Answers
from keepstep.core.issue import Issue, pointer
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.media import fitting_name
from keepstep.core.permissions import require
from keepstep.core.selection import check_value
from keepstep.core.structure import File
from keepstep.core.validate import Given
from keepstep.db.audit import append_event
from keepstep.db.blobs import BlobStore
from keepstep.db.tables import files
from keepstep.db.transaction import Read, Write
from keepstep.errors import Busy, RequestInvalid
from keepstep.queries.files import StoredFile, files_by_id
from keepstep.queries.versions import Version
from keepstep.queries.wizards import get_wizard

MAX_NAME: Final = 200
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\u202a-\u202e\u2066-\u2069]+")
# As a browser writes line breaks and quotes into the name of a file, and others what would be a folder to somebody who decodes it.
_CODED: Final = re.compile(r"(?:%(?:[01][0-9a-f]|22|2a|2f|3a|3c|3e|3f|5c|7c|7f))+", re.IGNORECASE)
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,90}")
# What tells a kind by its first bytes; more than any signature that the library knows.
HEAD: Final = 8_192


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in: its bytes, and the name and media type that the client claims. `wanted`: the question that it must fit."""

    content: AsyncIterator[bytes]
    name: str
    claimed: str
    wanted: File | None = None


async def store_file(ctx: Context, tx: Write, wizard_ref: str, blobs: BlobStore, upload: Upload) -> StoredFile:
    """The upload, stored. Its media type is told from its content where the content tells it, else as claimed.

    Raises TooLarge when it exceeds the store's limit, RequestInvalid when it is empty or no answer to the wanted question.
    """
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, permission="submit")
    head = bytearray()
    blob = await blobs.write(_watched(upload.content, head))
    media_type = media_type_of(bytes(head), upload.claimed)
    stored = StoredFile(ctx.make_id(), wizard.id, None, name_of(bytes(head), upload.name), blob.size, media_type, blob.sha256)
    if refused := _refused(ctx, stored, upload.wanted):
        # Bytes that no file names go at once; the daily sweep is for those that a killed process leaves.
        await remove_unnamed(tx, blobs, [blob.sha256])
        raise refused
    row = {"id": stored.id, "wizard_id": wizard.id, "sha256": bytes.fromhex(blob.sha256), "size": blob.size}
    row |= {"media_type": stored.media_type, "name": stored.name, "uploaded_at": ctx.now, "uploaded_by": ctx.actor.id}
    await lock_content(tx, blob.sha256)
    if not await blobs.has(blob.sha256):
        raise Busy("A file with this very content was being erased. Nothing was stored; send it again.")
    await tx.execute(insert(files).values(**row))
    return stored


def _refused(ctx: Context, stored: StoredFile, wanted: File | None) -> RequestInvalid | None:
    """What to say of a file that is empty or breaks a limit of its question."""
    if stored.size == 0:
        return RequestInvalid("The file is empty.", errors=[{"pointer": "/file", "code": "empty", "detail": "Choose a file with content."}])
    found = check_value([stored.to_json()], wanted, ctx.clock) if wanted is not None else ()
    errors = [{"pointer": "/file", "code": each.code, "detail": each.detail} for each in found]
    return RequestInvalid(errors[0]["detail"], errors=errors) if errors else None


async def lock_content(tx: Write, sha256: str, *, exclusive: bool = False) -> None:
    """Keeps a content (SHA-256 in hex) from being removed until this transaction ends; exclusively, from being named anew."""
    key = int.from_bytes(bytes.fromhex(sha256)[:8], signed=True)
    await tx.scalar(select(func.pg_advisory_xact_lock(key) if exclusive else func.pg_advisory_xact_lock_shared(key)))


async def remove_unnamed(tx: Write, blobs: BlobStore, contents: Iterable[str]) -> int:
    """How many of the contents were removed from the store: those that no file names."""
    removed = 0
    for digest in sorted(set(contents)):
        # An upload of the same content holds this lock until its row is stored, so it is seen here, or sees that the bytes went.
        await lock_content(tx, digest, exclusive=True)
        if not await tx.scalar(select(files.c.id).where(files.c.sha256 == bytes.fromhex(digest)).limit(1)):
            await blobs.delete(digest)
            removed += 1
    return removed


async def sweep_contents(ctx: Context, tx: Write, blobs: BlobStore, contents: Sequence[str]) -> int:
    """As `remove_unnamed`, for contents that nobody came to remove: a process ended between a commit and what follows it."""
    require(ctx.actor, "administer")
    removed = await remove_unnamed(tx, blobs, contents)
    if removed:
        counts = {"contents": removed}
        await append_event(tx, event_of(ctx, action="files.swept", subject_kind="files", subject_id="left-over", details=counts))
    return removed


async def _watched(upload: AsyncIterator[bytes], head: bytearray) -> AsyncIterator[bytes]:
    async for chunk in upload:
        if len(head) < HEAD:
            head.extend(chunk[: HEAD - len(head)])
        yield chunk


def safe_name(name: str) -> str:
    """The file's own name without folders, control characters, and marks that reverse the reading direction."""
    kept = _UNSAFE.sub("_", _CODED.sub("_", name).replace("\\", "/").rsplit("/", 1)[-1]).strip(" .")
    if unstorable_text(kept):
        kept = kept.encode(errors="replace").decode()
    return kept[:MAX_NAME] or "file"


def name_of(head: bytes, claimed: str) -> str:
    """The safe name, with an ending that fits what the content is."""
    name, kind = safe_name(claimed), filetype.guess(head)
    return name if kind is None else safe_name(fitting_name(name, str(kind.mime), str(kind.extension)))


def media_type_of(head: bytes, claimed: str) -> str:
    """By content first: a page named photo.jpg is no picture. A claim is believed only where content says nothing."""
    kind = filetype.guess(head)
    if kind is not None:
        return str(kind.mime)
    if head.lstrip()[:1] == b"<" or not _MEDIA_TYPE.fullmatch(claimed.lower()):
        return "text/plain" if _is_text(head) else "application/octet-stream"
    # The library knows every picture, sound and film format that browsers do: without its signature it is none.
    return claimed.lower() if claimed.lower().split("/")[0] in ("text", "application") else "application/octet-stream"


def _is_text(head: bytes) -> bool:
    return b"\x00" not in head and head.decode(errors="ignore") != ""


# --- files in answers ----------------------------------------------------------------------------------------------


def _named(version: Version, answers: Answers) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    """Each file that a given answer names: option set id, position, the object."""
    for option_set_id, envelope in answers.items():
        if isinstance(version.structure.option_set_by_id.get(option_set_id), File) and isinstance(envelope.get("value"), list):
            for position, item in enumerate(envelope["value"]):
                if isinstance(item, dict) and isinstance(item.get("file_id"), str):
                    yield option_set_id, position, item


def names_files(version: Version, answers: Answers) -> bool:
    """Whether any of these answers names a file."""
    return any(True for _ in _named(version, answers))


async def with_files(tx: Read, version: Version, given: Given) -> Given:
    """The given answers with each file's own name, size, media type and digest in place of what the client says of them."""
    named = list(_named(version, given.answers))
    if not named:
        return given
    known = await files_by_id(tx, {item["file_id"] for _, _, item in named if _is_uuid(item["file_id"])})
    answers = {name: dict(envelope) for name, envelope in given.answers.items()}
    issues = list(given.issues)
    for option_set_id, position, item in named:
        stored = known.get(item["file_id"])
        if stored is None or stored.wizard_id != version.origin_wizard_id:
            key = version.structure.option_set_by_id[option_set_id].key
            issues.append(Issue(pointer(key, position), "file-unknown", "Upload the file first, then name its file_id."))
        else:
            answers[option_set_id]["value"] = [*answers[option_set_id]["value"]]
            answers[option_set_id]["value"][position] = stored.to_json()
    return Given(answers, tuple(issues))


def _is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None


async def attach_files(tx: Write, version: Version, run_id: str, answers: Answers) -> None:
    """The named files belong to this run from now on. Raises RequestInvalid when one belongs to another run."""
    ids = sorted({item["file_id"] for _, _, item in _named(version, answers)})
    if not ids:
        return
    free = (files.c.id.in_(ids), (files.c.run_id.is_(None)) | (files.c.run_id == run_id))
    if await tx.execute(update(files).where(*free).values(run_id=run_id)) != len(ids):
        detail = "A file belongs to one run; upload it again for this one."
        raise RequestInvalid(detail, errors=[{"pointer": "/answers", "code": "file-of-another-run", "detail": detail}])
