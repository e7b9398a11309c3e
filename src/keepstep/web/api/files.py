"""Files over HTTP: upload to a wizard, download from a run. A download is never shown in the browser as a page."""

import os
from collections.abc import AsyncIterator, Mapping
from typing import IO, Annotated
from urllib.parse import quote

from anyio import to_thread
from fastapi import Path, UploadFile
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from keepstep.actions.files import Upload, store_file
from keepstep.core.structure import ID_PATTERN
from keepstep.db.blobs import BlobStore
from keepstep.errors import FileDamaged
from keepstep.queries.files import StoredFile, file_of_run, named_files
from keepstep.queries.runs import RunState, get_run
from keepstep.web.api import shapes
from keepstep.web.api.runs import RunId, WizardRef
from keepstep.web.deps import CurrentContext, ReadTx, ResourcesDep, WriteTx
from keepstep.web.exactjson import LOWER_CASE, ExactJson, UploadRoute, api_router

router = api_router("Files", route_class=UploadRoute)
CHUNK = 64 * 1024


@router.post(
    "/api/v1/wizards/{wizard_ref}/files", status_code=201, summary="Upload a file", responses=shapes.answers(shapes.FileAnswer, 201)
)
async def upload(ctx: CurrentContext, tx: WriteTx, resources: ResourcesDep, wizard_ref: WizardRef, file: UploadFile) -> ExactJson:
    """Stores the bytes; name the answered `file_id` in an answer of one run afterwards."""
    content = Upload(_chunks(file), file.filename or "file", file.content_type or "application/octet-stream")
    stored = await store_file(ctx, tx, wizard_ref, resources.blobs, content)
    return ExactJson(stored.to_json(), status_code=201)


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(CHUNK):
        yield chunk


@router.get(
    "/api/v1/runs/{run_id}/files/{file_id}",
    summary="Download a file of a run",
    response_class=StreamingResponse,
    responses={200: {"content": {"*/*": {}}, "description": "The bytes, with the media type of the upload."}},
)
async def download(
    ctx: CurrentContext, tx: ReadTx, resources: ResourcesDep, run_id: RunId, file_id: Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN)]
) -> StreamingResponse:
    """The bytes as they were uploaded, always as an attachment: read once and compared with their digest before any is sent."""
    run = await get_run(tx, ctx.actor, run_id)
    return await as_attachment(resources.blobs, run, await file_of_run(tx, run_id, file_id))


async def as_attachment(blobs: BlobStore, run: RunState, stored: StoredFile) -> StreamingResponse:
    """A file of this run, to be saved and never shown as a page. Raises FileDamaged."""
    _require_as_answered(run, stored)
    content = await blobs.open_intact(stored.sha256)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(stored.name)}",
        "Content-Length": str(os.fstat(content.fileno()).st_size),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Digest": f"sha-256={stored.sha256}",
    }
    return _Sent(content, media_type=stored.media_type, headers=headers)


def _require_as_answered(run: RunState, stored: StoredFile) -> None:
    """Raises FileDamaged where the run's answers hold another digest of this file than its row does."""
    for named in (*named_files(run.answers), *named_files(run.archive)):
        if named["file_id"] == stored.id and named.get("sha256") != stored.sha256:
            raise FileDamaged("The run was answered with other bytes than those that are kept under this file's id.")


class _Sent(StreamingResponse):
    """An open file, sent in pieces and closed at the end, also when nobody waits for it any more."""

    def __init__(self, content: IO[bytes], *, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(self._pieces(), media_type=media_type, headers=headers)
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._content:
            await super().__call__(scope, receive, send)

    async def _pieces(self) -> AsyncIterator[bytes]:
        while piece := await to_thread.run_sync(self._content.read, CHUNK):
            yield piece
