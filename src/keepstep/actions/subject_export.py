"""Everything of one respondent as one ZIP file, made while it is sent: runs as documents, their files, invitations, a manifest.

Runs as actions/run_document.py has them. Stores nothing. A file whose bytes are gone or damaged is named so, and the rest goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from keepstep.actions.context import Context
from keepstep.actions.files import safe_name
from keepstep.actions.run_document import run_document
from keepstep.actions.subjects import SubjectList
from keepstep.core.jsonvalue import dump_bytes
from keepstep.db.blobs import BlobStore
from keepstep.db.transaction import Read
from keepstep.errors import FileDamaged, FileNotFound
from keepstep.interchange.zip_pieces import ZipPieces, member_name
from keepstep.queries.files import StoredFile
from keepstep.queries.invitations import Invitation
from keepstep.queries.subjects import Subject, SubjectRun, SubjectWizard

FORMAT: Final = "keepstep-subject"
FILENAME: Final = "keepstep-subject.zip"
"""It does not name the respondent: names of downloads stay in lists."""
Content = Literal["kept", "missing", "damaged"]


async def export_subject(ctx: Context, tx: Read, blobs: BlobStore, listed: SubjectList) -> AsyncIterator[bytes]:
    """The pieces of the ZIP file, read from the caller's snapshot as they are taken. Who may was asked when it was listed."""
    subject, zipped = listed.subject, ZipPieces(ctx.now)
    found: dict[str, Content] = {}
    paths = _paths(subject.files)
    for run in subject.runs:
        document = await run_document(ctx, tx, run.id)
        yield await asyncio.to_thread(lambda made=document, run=run: zipped.whole(_run_path(run), dump_bytes(made)))  # type: ignore[misc]
        for file in (each for each in subject.files if each.run_id == run.id):
            async for piece in _file_pieces(zipped, blobs, file, paths[file.id], found):
                yield piece
    invited = [_invitation_json(wizard_id, each) for wizard_id, each in subject.invitations]
    yield zipped.whole("invitations.json", dump_bytes({"invitations": invited}))
    yield zipped.whole("manifest.json", dump_bytes(_manifest(ctx, subject, paths, found)))
    yield zipped.end()


async def _file_pieces(zipped: ZipPieces, blobs: BlobStore, file: StoredFile, path: str, found: dict[str, Content]) -> AsyncIterator[bytes]:
    try:
        content = await blobs.open_intact(file.sha256)
    except FileNotFound:
        found[file.id] = "missing"
        return
    except FileDamaged:
        found[file.id] = "damaged"
        return
    found[file.id] = "kept"
    with content:
        pieces = zipped.of_file(path, content, file.size)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece


def _run_path(run: SubjectRun) -> str:
    return f"runs/{run.id}.json"


def _paths(files: Sequence[StoredFile]) -> Mapping[str, str]:
    return dict(_each_path(files))


def _each_path(files: Sequence[StoredFile]) -> Iterator[tuple[str, str]]:
    """Numbered within the run: two files of one name lie beside each other. Names from before a rule existed are made safe, too."""
    number, of = 0, None
    for file in files:
        number, of = (number + 1 if file.run_id == of else 1), file.run_id
        yield file.id, f"files/{file.run_id}/{member_name(number, safe_name(file.name))}"


# --- what lies beside the runs -------------------------------------------------------------------------------------


def _manifest(ctx: Context, subject: Subject, paths: Mapping[str, str], found: Mapping[str, Content]) -> dict[str, Any]:
    wizards = {each.id: each for each in subject.wizards}
    return {
        "format": FORMAT,
        "schema_version": 1,
        "made_at": ctx.now,
        "respondent": subject.respondent,
        "runs": [_run_json(run, wizards[run.wizard_id], subject.files, paths, found) for run in subject.runs],
        "invitations": {"path": "invitations.json", "count": len(subject.invitations)},
    }


def _run_json(
    run: SubjectRun, wizard: SubjectWizard, files: Sequence[StoredFile], paths: Mapping[str, str], found: Mapping[str, Content]
) -> dict[str, Any]:
    names = ("id", "status", "version_number", "started_at", "updated_at", "completed_at", "trashed_at")
    return {name: getattr(run, name) for name in names} | {
        "path": _run_path(run),
        "wizard": {"id": wizard.id, "slug": wizard.slug, "name": wizard.name},
        "files": [_file_json(file, paths[file.id], found[file.id]) for file in files if file.run_id == run.id],
    }


def _file_json(file: StoredFile, path: str, content: Content) -> dict[str, Any]:
    return file.to_json() | {"content": content, "path": path if content == "kept" else None}


def _invitation_json(wizard_id: str, each: Invitation) -> dict[str, Any]:
    names = ("id", "respondent", "note", "status", "created_at", "linked_at", "used_at", "completed_at", "revoked_at", "run_id")
    return {"wizard_id": wizard_id} | {name: getattr(each, name) for name in names}
