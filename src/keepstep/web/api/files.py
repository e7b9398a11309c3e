"""Files over HTTP: upload to a wizard, download from a run. A download is never shown in the browser as a page."""

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import Path, UploadFile
from starlette.responses import StreamingResponse

from keepstep.actions.files import Upload, store_file
from keepstep.core.structure import ID_PATTERN
from keepstep.queries.files import file_of_run
from keepstep.queries.runs import get_run
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
    """The bytes as they were uploaded, always as an attachment."""
    await get_run(tx, ctx.actor, run_id)
    stored = await file_of_run(tx, run_id, file_id)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(stored.name)}",
        "Content-Length": str(stored.size),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Digest": f"sha-256={stored.sha256}",
    }
    return StreamingResponse(resources.blobs.read(stored.sha256), media_type=stored.media_type, headers=headers)
