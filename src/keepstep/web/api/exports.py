"""Runs out over HTTP: one table over all versions, or JSON Lines, streamed from one snapshot of the database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Query
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from keepstep.actions.context import Context
from keepstep.actions.exports import Export, ExportRequest, codebook_of, export_runs
from keepstep.config import Resources
from keepstep.core.structure import LANGUAGE_PATTERN
from keepstep.db.transaction import open_read
from keepstep.errors import RouteNotFound, Unsupported
from keepstep.interchange.columns import Labels, TableOptions
from keepstep.interchange.runs_out import WriteOptions
from keepstep.queries.exports import Versions as Chosen
from keepstep.web.api import shapes
from keepstep.web.api.wizards import WizardRef
from keepstep.web.deps import CurrentContext, ReadTx, ResourcesDep, current_context
from keepstep.web.exactjson import ExactJson, api_router

router = api_router("Import and export")

Versions = Annotated[str, Query(pattern=r"^(all|latest|[1-9][0-9]{0,8})$", description="all, latest, or the number of one version.")]
Impersonal = Annotated[bool, Query(description="Without who answered, option sets marked as personal data, and columns of imported files.")]
_LATER: Final = frozenset({"xlsx", "parquet"})
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


def _described(media_type: str, what: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": what, "content": {media_type: {"schema": {"type": "string"}}}}}


class Streamed(StreamingResponse):
    """An answer that reads from a transaction while it is sent, and ends the transaction whatever becomes of the answer."""

    def __init__(self, pieces: AsyncIterator[bytes], held: AsyncExitStack, **given: Any) -> None:
        super().__init__(pieces, **given)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Whoever goes away in the middle of a download is no fault, and there is nobody left to tell anything.
        async with self._held:
            with suppress(ClientDisconnect):
                await super().__call__(scope, receive, send)


@router.get(
    "/api/v1/wizards/{wizard_ref}/export.csv",
    summary="Export runs as CSV",
    response_class=StreamingResponse,
    responses=_described("text/csv", "A header, then a row for each run."),
)
async def export_csv(
    ctx: CurrentContext,
    resources: ResourcesDep,
    wizard_ref: WizardRef,
    versions: Versions = "all",
    labels: Annotated[Labels, Query(description="What stands for a choice: its code, its label, or both.")] = "codes",
    states: Annotated[Literal["columns", "none"], Query(description="columns: one beside each question that says its state.")] = "columns",
    split: Annotated[bool, Query(description="A column for each option of a multiple choice, too.")] = False,
    excel_safe: Annotated[bool, Query(description="Guard texts that a spreadsheet could run as formulas. Alters those cells.")] = False,
    language: Annotated[str | None, Query(pattern=LANGUAGE_PATTERN, description="Of labels; else each run's own.")] = None,
    without_personal_data: Impersonal = False,
) -> StreamingResponse:
    """One row for each run over all versions, each as long as the header; docs/interchange-runs.md has the columns.

    Runs in the trash are left out: the header `Keepstep-Trashed-Runs` says how many.
    """
    request = ExportRequest(
        versions=_chosen(versions),
        table=TableOptions(states=states == "columns", split=split, labels=labels),
        write=WriteOptions(excel_safe=excel_safe, language=language),
        impersonal=without_personal_data,
    )
    return await _streamed(ctx, resources, wizard_ref, request)


@router.get(
    "/api/v1/wizards/{wizard_ref}/export.jsonl",
    summary="Export runs as JSON Lines",
    response_class=StreamingResponse,
    responses=_described("application/x-ndjson", "A JSON object for each run, on a line of its own."),
)
async def export_jsonl(
    ctx: CurrentContext,
    resources: ResourcesDep,
    wizard_ref: WizardRef,
    versions: Versions = "all",
    without_personal_data: Impersonal = False,
) -> StreamingResponse:
    """Each run exactly as it is stored, with the state of every question. Runs in the trash are left out, as in the table."""
    request = ExportRequest(format_name="jsonl", versions=_chosen(versions), impersonal=without_personal_data)
    return await _streamed(ctx, resources, wizard_ref, request)


@router.get("/api/v1/wizards/{wizard_ref}/export.{ending}", include_in_schema=False, dependencies=[Depends(current_context)])
async def export_otherwise(ending: str) -> StreamingResponse:
    """The formats that this release does not write."""
    if ending in _LATER:
        raise Unsupported(f"{ending} is not written by this release. Export csv or jsonl.", accepted=sorted(_TYPES))
    raise RouteNotFound("Exports end in .csv or .jsonl.")


@router.get(
    "/api/v1/wizards/{wizard_ref}/codebook", summary="What the columns of an export mean", responses=shapes.answers(shapes.CodebookAnswer)
)
async def get_codebook(ctx: CurrentContext, tx: ReadTx, wizard_ref: WizardRef) -> ExactJson:
    """Every option set of all versions: its keys, types, labels in each language, units, options and columns.

    Entries of `versions` say which versions agree on them. Wizards in the trash and removed ones have theirs, too.
    """
    return ExactJson(await codebook_of(ctx, tx, wizard_ref))


def _chosen(versions: str) -> Chosen:
    known: dict[str, Chosen] = {"all": "all", "latest": "latest"}
    return known.get(versions) or int(versions)


async def _streamed(ctx: Context, resources: Resources, wizard_ref: str, request: ExportRequest) -> StreamingResponse:
    """The transaction is opened here, because that of a dependency would be over before the first byte is sent."""
    async with AsyncExitStack() as opened:
        tx = await opened.enter_async_context(open_read(resources.engine))
        export = await export_runs(ctx, tx, wizard_ref, request)
        # The first piece is made before anything is sent: what goes wrong at the start is still answered as a problem.
        first = await anext(export.pieces)
        ending = request.format_name
        headers = {
            "Content-Disposition": f'attachment; filename="{export.filename(ending)}"',
            "Keepstep-Trashed-Runs": str(export.trashed),
        }
        return Streamed(all_pieces(first, export), opened.pop_all(), media_type=_TYPES[ending], headers=headers)


async def all_pieces(first: bytes, export: Export) -> AsyncIterator[bytes]:
    yield first
    async for piece in export.pieces:
        if piece:
            yield piece
