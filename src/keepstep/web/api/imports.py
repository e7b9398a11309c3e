"""Files in over HTTP: a wizard, and runs. Each file is stored whole or not at all, and the answer is its receipt."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, BinaryIO, Final, cast

from fastapi import Depends, Form, Query, Request, UploadFile
from starlette.datastructures import UploadFile as Uploaded

from keepstep.actions.imports import ReadWizard, WizardFile, import_wizard, read_wizard_file
from keepstep.actions.run_imports import RunsFile, RunsFormat, import_runs
from keepstep.core.issue import Issue, to_errors
from keepstep.errors import RequestInvalid, Unsupported
from keepstep.interchange.formats_wizard import WizardFormat
from keepstep.web.api import shapes
from keepstep.web.api.shapes_imports import RunsImport, WizardImport
from keepstep.web.api.wizards import WizardRef
from keepstep.web.deps import CurrentContext, WriteTx
from keepstep.web.etags import Seen
from keepstep.web.exactjson import ExactJson, UploadRoute, api_router

router = api_router("Import and export", route_class=UploadRoute)

# What tools call a table or JSON Lines. Which of the two it is, the content says.
RAW_TYPES: Final = ("text/csv", "text/tab-separated-values", "text/plain", "application/x-ndjson", "application/jsonl")
# Larger ones wait on the disk: several people may import at once.
_IN_MEMORY: Final = 1024 * 1024


# --- a wizard ------------------------------------------------------------------------------------------------------


async def read_upload(
    ctx: CurrentContext,
    seen: Seen,
    file: UploadFile,
    into: Annotated[str | None, Form(max_length=200, description="The wizard (id or slug) that this is a newer edition of.")] = None,
    publish: Annotated[bool, Form(description="Make it live at once, unless that touches stored answers.")] = False,
    format_name: Annotated[WizardFormat, Form(alias="format", description="auto: told by the content.")] = "auto",
    slug: Annotated[str | None, Form(max_length=200, description="The slug of the new wizard; else made from its name.")] = None,
) -> ReadWizard:
    """The file of the form and what it is asked for, read before the transaction opens."""
    wanted = WizardFile(
        data=await file.read(),
        filename=file.filename or "",
        format_name=format_name,
        into=into,
        publish=publish,
        seen=seen or "*",
        slug=slug,
    )
    return await read_wizard_file(ctx, wanted)


@router.post("/api/v1/import", status_code=201, summary="Import a wizard", responses=shapes.answers(WizardImport, 201, 200))
async def import_a_wizard(
    ctx: CurrentContext, read: Annotated[ReadWizard, Depends(read_upload, scope="function")], tx: WriteTx
) -> ExactJson:
    """A new wizard from an XLSForm workbook or a Keepstep export; with `into`, an edit of that wizard's draft, and 200.

    `receipt` accounts for every cell of the form. Where publishing touches stored answers, the draft waits: `unconfirmed` is the
    report, with the token that `POST …/publish` takes. `If-Match` is heeded with `into`, and not required.
    """
    imported = await import_wizard(ctx, tx, read)
    return ExactJson(imported.to_json(), status_code=201 if imported.created else 200)


# --- runs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """The file of a request, with the encoding that its media type names."""

    stream: BinaryIO
    filename: str
    encoding: str | None


async def sent_file(request: Request) -> AsyncIterator[Sent]:
    """The file in a form's field `file`, or the body itself. Raises Unsupported for another media type, RequestInvalid without a file."""
    media_type, charset = _media_type(request.headers.get("content-type"))
    if media_type == "multipart/form-data":
        async with request.form(max_files=1, max_fields=10) as form:
            file = form.get("file")
            if not isinstance(file, Uploaded):
                detail = "Send the file in the field `file` of the form."
                raise RequestInvalid(detail, errors=to_errors((Issue("/file", "missing", detail),)))
            yield Sent(file.file, file.filename or "", None)
    elif media_type in RAW_TYPES:
        with SpooledTemporaryFile(_IN_MEMORY) as spooled:
            async for piece in request.stream():
                spooled.write(piece)
            yield Sent(cast("BinaryIO", spooled), "", charset)
    else:
        accepted = ["multipart/form-data", *RAW_TYPES]
        raise Unsupported("Send the file in a form (multipart/form-data, field `file`), or as text/csv.", accepted=accepted)


def _media_type(header: str | None) -> tuple[str, str | None]:
    """The media type in lower case and its charset."""
    message = Message()
    message["content-type"] = header or ""
    charset = message.get_param("charset")
    return (header or "").partition(";")[0].strip().lower(), charset if isinstance(charset, str) else None


RAW_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
            },
            **{media_type: {"schema": {"type": "string"}} for media_type in RAW_TYPES},
        },
    }
}


# The context comes first, so that nobody unknown fills the disk; the file before the transaction, so that a slow upload holds none.
@router.post(
    "/api/v1/wizards/{wizard_ref}/runs/import",
    status_code=201,
    summary="Import runs",
    openapi_extra=RAW_BODY,
    responses=shapes.answers(RunsImport, 201, 200),
)
async def import_some_runs(
    ctx: CurrentContext,
    file: Annotated[Sent, Depends(sent_file, scope="function")],
    tx: WriteTx,
    wizard_ref: WizardRef,
    format_name: Annotated[RunsFormat, Query(alias="format", description="auto: told by the content.")] = "auto",
    version: Annotated[int | None, Query(ge=1, lt=2**31, description="For all runs; else the one they name, or the active one.")] = None,
    lenient: Annotated[bool, Query(description="Take uneven rows and repeated headings as they are, and list them.")] = False,
    guarded: Annotated[bool, Query(description="The file was exported with `excel_safe`.")] = False,
    delimiter: Annotated[str | None, Query(max_length=10, description="Else comma, semicolon or tab.")] = None,
    encoding: Annotated[str | None, Query(max_length=40, description="Else UTF-8, or what the file's mark says.")] = None,
) -> ExactJson:
    """All runs of a CSV or JSON Lines file, or none. Nothing is refused: what does not fit its question is flagged, what has no
    question is archived, and the receipt says where both are found. The same file twice adds nothing; 200 when every run was there already.
    """
    wanted = RunsFile(
        stream=file.stream,
        filename=file.filename,
        format_name=format_name,
        version_number=version,
        lenient=lenient,
        guarded=guarded,
        delimiter=delimiter,
        encoding=encoding or file.encoding,
    )
    imported = await import_runs(ctx, tx, wizard_ref, wanted)
    return ExactJson(imported.to_json(), status_code=201 if imported.progress.added.runs else 200)
