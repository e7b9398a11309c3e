"""One respondent over HTTP: everything of theirs as one file, and its erasure (docs/api.md). For admins."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import Query
from pydantic import Field, StringConstraints
from starlette.responses import StreamingResponse

from keepstep.actions.context import Context
from keepstep.actions.reasons import MAX_REASON
from keepstep.actions.subject_export import FILENAME
from keepstep.actions.subjects import SubjectErasure, list_subject
from keepstep.config import Resources
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import open_read
from keepstep.queries.subject_answers import MOST_FOUND
from keepstep.web.api import shapes, shapes_subjects
from keepstep.web.api.exports import Streamed
from keepstep.web.deps import CurrentContext, ResourcesDep
from keepstep.web.exactjson import ExactJson, RequestBody, api_router
from keepstep.web.subject_acts import erase_whole_subject, subject_zip

router = api_router("Respondents")

MAX_RESPONDENT = 4_000
MOST_CHOSEN = MOST_FOUND
RunIdText = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
ZIP_HEADERS = {
    "Content-Disposition": f'attachment; filename="{FILENAME}"',
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class EraseSubject(RequestBody):
    """Whose data to erase for good, and why."""

    respondent: Annotated[str, Field(max_length=MAX_RESPONDENT)] = Field(description="Exactly as runs and invitations name them.")
    reason: Annotated[str, Field(max_length=MAX_REASON)] = Field(description="Kept for ever, so it must not name the person.")
    runs: Annotated[list[RunIdText], Field(max_length=MOST_CHOSEN)] = Field(
        default=[], description="Ids among the list's `mentions`, which hold the name as an answer: they go as well."
    )


@router.get(
    "/api/v1/subjects/export",
    summary="Export everything of one respondent",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string"}}}, "description": "A ZIP file with manifest.json."}},
)
async def export(
    ctx: CurrentContext,
    resources: ResourcesDep,
    respondent: Annotated[str, Query(max_length=MAX_RESPONDENT, description="Exactly as runs and invitations name them.")],
    run: Annotated[list[RunIdText], Query(max_length=MOST_CHOSEN, description="A run that holds the name as an answer; repeatable.")] = [],  # noqa: B006 - FastAPI makes its own
) -> StreamingResponse:
    """Over all wizards, those in the trash too: runs as documents, the bytes of their files, invitations. On record without the name."""
    return await streamed_zip(ctx, resources, respondent, run)


async def streamed_zip(ctx: Context, resources: Resources, respondent: str, also: Sequence[str] = ()) -> StreamingResponse:
    """The transaction is opened here, because that of a dependency would be over before the first byte is sent."""
    async with AsyncExitStack() as opened:
        pieces = await opened.enter_async_context(subject_zip(ctx, resources, respondent, also))
        return Streamed(pieces, opened.pop_all(), media_type="application/zip", headers=ZIP_HEADERS)


@router.post(
    "/api/v1/subjects/erase",
    summary="Erase everything of one respondent for good",
    responses=shapes.answers(shapes_subjects.SubjectErased | shapes_subjects.SubjectListed),
)
async def erase(
    ctx: CurrentContext,
    resources: ResourcesDep,
    body: EraseSubject,
    dry_run: Annotated[bool, Query(description="List what would go, with its token; nothing is erased.")] = False,
    confirm: Annotated[str | None, Query(description="The token of the list.")] = None,
) -> ExactJson:
    """Every answer of their runs over all wizards, with files, then their invitations; tombstones stay. Without the token of the list
    as it is now: 409 with that list.
    """
    if dry_run:
        async with open_read(resources.engine) as tx:
            listed = await list_subject(ctx, tx, body.respondent, body.runs)
        return ExactJson(listed.to_json() | {"confirm": listed.token})
    wanted = SubjectErasure(respondent=body.respondent, reason=body.reason, confirm=confirm or "", also=body.runs)
    return ExactJson((await erase_whole_subject(ctx, resources, wanted)).to_json())
