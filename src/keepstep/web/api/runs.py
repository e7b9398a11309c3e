"""Runs over HTTP: start, read, save, complete, revisions, trash (docs/api.md)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query, Request
from pydantic import Field, PlainValidator, ValidationError, WithJsonSchema
from starlette.responses import Response

from keepstep.actions.erasure import ErasureRequest, erase_run, preview_erasure, remove_contents
from keepstep.actions.reasons import MAX_REASON
from keepstep.actions.runs import (
    RunRequest,
    Saved,
    complete_run,
    restore_revision,
    save_answers,
    start_run,
    trash_run,
    untrash_run,
)
from keepstep.actions.submit import submit_run
from keepstep.config import Resources
from keepstep.core.issue import to_errors
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.logic import as_datetime
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import RequestInvalid
from keepstep.queries.responses import answers_by_key, run_json, run_summary
from keepstep.queries.run_lists import RunFilter, list_runs, position_of
from keepstep.queries.runs import RunState, RunWizard, get_run, get_run_at, list_revisions, wizard_of
from keepstep.queries.through import passage_to, run_through
from keepstep.queries.wizards import get_wizard
from keepstep.web.api import shapes
from keepstep.web.deps import CurrentContext, ReadTx, ResourcesDep, WriteTx, current_context
from keepstep.web.etags import Seen, tag_header
from keepstep.web.exactjson import LOWER_CASE, ExactJson, ExactRequest, ExactRoute, RequestBody, api_router, with_headers
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Limit, Listing

router = api_router("Runs")

RunId = Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN, description="The run's id: a UUID in lower case.")]
MAX_REF: Final = 200
WizardRef = Annotated[str, LOWER_CASE, Path(max_length=MAX_REF, description="The wizard's id or slug.")]
RevisionNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="A revision of the run, from 1.")]
ANSWER_FILTER: Final = "answer["


def _moment(text: str) -> datetime:
    """RFC 3339 alone: "2020" is no time, though it could be read as seconds. A ValueError becomes a finding on the parameter."""
    moment = as_datetime(text)
    try:
        if moment is not None:
            return moment.astimezone(UTC)
    except OverflowError:
        pass
    raise ValueError("give a time with its offset, such as 2026-03-27T14:30:00Z")


Moment = Annotated[datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


# A version has at most 4,000 option sets; what answers none of them is a finding each.
MAX_ANSWERS: Final = 5_000
Given = Annotated[dict[str, Any], Field(max_length=MAX_ANSWERS)]
MAX_FILTERS: Final = 20
"""Filters by answer in one request: each is a condition of its own on every run."""


class StartRun(RequestBody):
    """A run to start. Send `id` to be able to send the same request again without starting a second run."""

    id: Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)] | None = None
    version_number: Annotated[int, Field(ge=1, lt=2**31)] | None = Field(
        None, description="Editors and imports only; else the active version."
    )
    answers: Given = Field(default_factory=dict, description="Option set id or key → value, or `{value, other}`.")
    complete: bool = Field(False, description="Complete at once: the whole run is validated.")
    language: Annotated[str, Field(max_length=40)] | None = None
    respondent: Annotated[str, Field(max_length=320)] | None = Field(None, description="Who answers, in your own terms.")


class EraseRun(RequestBody):
    """What to erase for good, and why."""

    reason: Annotated[str, Field(max_length=MAX_REASON)] = Field(description="Kept for ever, so it must not name the person.")
    option_sets: Annotated[list[str], Field(max_length=10_000)] | None = Field(
        None, description="Ids or keys of option sets, or names of archive entries; left out: every answer of the run."
    )


class SaveAnswers(RequestBody):
    """Answers to merge into a run by option set; null clears one."""

    answers: Given


class SubmitRoute(ExactRoute):
    """Starts a run the short way where that serves: a fifth of the time of a submission is FastAPI finding out what it takes.

    Whatever is not plain sailing goes the ordinary way as if nothing had been tried, and is refused there, if at all.
    """

    @classmethod
    async def at_once(cls, request: ExactRequest) -> Response | None:
        wizard_ref = request.path_params["wizard_ref"]
        body = _plain(await request.json()) if await request.body() and len(wizard_ref) <= MAX_REF else None
        if body is None:
            return None
        ctx = await current_context(request)
        resources: Resources = request.app.state.resources
        submitted = await submit_run(ctx, resources.engine, wizard_ref, body)
        return None if submitted is None else _started(submitted.saved, submitted.wizard)


def _plain(data: Any) -> RunRequest | None:
    """The request in a body that nothing is to be said about."""
    try:
        body = StartRun.model_validate(data)
    except ValidationError:
        return None
    return None if body.respondent is not None and unstorable_text(body.respondent) else _request(body)


def _request(body: StartRun) -> RunRequest:
    return RunRequest(**{name: getattr(body, name) for name in StartRun.model_fields})


def _started(saved: Saved, wizard: RunWizard) -> ExactJson:
    return _answer(saved, wizard, status=201 if saved.created else 200, headers={"Location": f"/api/v1/runs/{saved.state.id}"})


submissions = api_router("Runs", route_class=SubmitRoute)


@submissions.post(
    "/api/v1/wizards/{wizard_ref}/runs", status_code=201, summary="Start a run", responses=shapes.answers(shapes.WrittenRun, 201, 200)
)
async def start(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, body: StartRun) -> ExactJson:
    """Starts a run on the active version; 200 instead of 201 when this very request started it before."""
    if body.respondent is not None and (reason := unstorable_text(body.respondent)):
        raise RequestInvalid(reason, errors=[{"pointer": "/respondent", "code": "text-unstorable", "detail": reason}])
    saved = await start_run(ctx, tx, wizard_ref, _request(body))
    return _started(saved, await wizard_of(tx, saved.state.origin_wizard_id))


async def _saved(tx: ReadTx, saved: Saved) -> ExactJson:
    return _answer(saved, await wizard_of(tx, saved.state.origin_wizard_id))


def _answer(saved: Saved, wizard: RunWizard, *, status: int = 200, headers: Mapping[str, str] | None = None) -> ExactJson:
    body = run_summary(saved.state, wizard) | {"issues": to_errors(saved.issues)}
    return with_headers(body, status=status, headers={**tag_header(saved.state.etag), **(headers or {})})


@router.get(
    "/api/v1/wizards/{wizard_ref}/runs",
    summary="List runs",
    responses=shapes.answers(shapes.RunPage),
    openapi_extra={"parameters": [shapes.ANSWER_PARAMETER]},
)
async def list_(
    ctx: CurrentContext,
    tx: ReadTx,
    resources: ResourcesDep,
    request: Request,
    wizard_ref: WizardRef,
    version: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    status: Annotated[Literal["in_progress", "completed", "abandoned"] | None, Query()] = None,
    updated_after: Annotated[Moment | None, Query(description="Runs changed since, oldest change first. RFC 3339, with an offset.")] = None,
    trashed: Annotated[bool, Query(description="The runs in the trash instead.")] = False,
    flag: Annotated[str | None, Query(max_length=200, description="Runs in which an answer has a flag of this code.")] = None,
    flagged: Annotated[str | None, Query(max_length=200, description="Runs in which the answer of this key or id has a flag.")] = None,
    archived: Annotated[str | None, Query(max_length=4000, description="Runs whose archive has this column or option set id.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ExactJson:
    """A page of runs with their answers by key. `answer[<key or id>]=<value>` keeps the runs with that answer; `flag` and `flagged`
    together those where that answer has that flag.
    """
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, permission="view", removed=True)
    _names(flag, flagged, archived)
    chosen = RunFilter(version, status, updated_after, trashed, _answer_filters(request), flag, flagged, archived)
    listing = Listing("runs", {"wizard": wizard.id, **_filters_json(chosen)}, resources.secret)
    found = await list_runs(tx, wizard.id, chosen, limit=limit + 1, after=listing.after(cursor))
    shown, following = listing.page(found, limit, position=lambda state: position_of(state, chosen))
    of = await wizard_of(tx, wizard.id)
    return ExactJson({"items": [run_summary(state, of) | {"answers": answers_by_key(state)} for state in shown], "next": following})


def _answer_filters(request: Request) -> Sequence[tuple[str, str]]:
    named = [(name, value) for name, value in request.query_params.multi_items() if name.startswith(ANSWER_FILTER) and name.endswith("]")]
    if len(named) > MAX_FILTERS:
        detail = f"At most {MAX_FILTERS} filters by answer can be combined, not {len(named):,}."
        raise RequestInvalid(detail, errors=[{"pointer": "", "parameter": "answer[…]", "code": "too-many-filters", "detail": detail}])
    _names(*(name + value for name, value in named))
    return [(name[len(ANSWER_FILTER) : -1], value) for name, value in named]


def _names(*given: str | None) -> Sequence[str | None]:
    """The texts of filters as given. Raises RequestInvalid for one that no database can look for."""
    if any(unstorable_text(text) for text in given if text is not None):
        raise RequestInvalid("A filter may not contain the NUL character.")
    return given


def _filters_json(chosen: RunFilter) -> Mapping[str, Any]:
    after: datetime | None = chosen.updated_after
    filters: dict[str, Any] = {name: getattr(chosen, name) for name in ("version", "status", "trashed", "flag", "flagged", "archived")}
    return filters | {"updated_after": after.isoformat() if after else None, "answers": [list(pair) for pair in chosen.answers]}


@router.get("/api/v1/runs/{run_id}", summary="One run", responses=shapes.answers(shapes.RunAnswer))
async def read(
    ctx: CurrentContext,
    tx: ReadTx,
    run_id: RunId,
    through: Annotated[
        int | None, Query(ge=1, lt=2**31, description="Seen through this version, converted as it is read; nothing is stored.")
    ] = None,
) -> ExactJson:
    """The run as it was asked and answered, in its own version or through another one."""
    state = await get_run(tx, ctx.actor, run_id)
    if through is None:
        return await _whole(tx, state)
    passage = await passage_to(tx, state, through)
    return with_headers(run_through(state, await wizard_of(tx, state.origin_wizard_id), passage), headers=tag_header(state.etag))


async def _whole(tx: ReadTx, state: RunState) -> ExactJson:
    return with_headers(run_json(state, await wizard_of(tx, state.origin_wizard_id)), headers=tag_header(state.etag))


@router.patch("/api/v1/runs/{run_id}/answers", summary="Save answers", responses=shapes.answers(shapes.WrittenRun))
async def save(ctx: CurrentContext, tx: WriteTx, run_id: RunId, body: SaveAnswers, seen: Seen) -> ExactJson:
    """In progress: the working copy. Completed: a new revision, validated against the run's own version."""
    return await _saved(tx, await save_answers(ctx, tx, run_id, body.answers, seen))


@router.post("/api/v1/runs/{run_id}/complete", summary="Complete a run", responses=shapes.answers(shapes.WrittenRun))
async def complete(ctx: CurrentContext, tx: WriteTx, run_id: RunId, seen: Seen) -> ExactJson:
    """Validates the whole run and stores it as a revision."""
    return await _saved(tx, await complete_run(ctx, tx, run_id, seen))


@router.get("/api/v1/runs/{run_id}/revisions", summary="A run's history", responses=shapes.answers(shapes.RevisionPage))
async def revisions(
    ctx: CurrentContext, tx: ReadTx, resources: ResourcesDep, run_id: RunId, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> ExactJson:
    """A page of the run's stored states, oldest first."""
    listing = Listing("revisions", {"run": run_id}, resources.secret)
    seen = listing.after(cursor)
    found = await list_revisions(tx, ctx.actor, run_id, limit=limit + 1, after=seen[0] if seen else 0)
    lines, following = listing.page(found, limit, position=lambda line: [line.revision])
    items = [
        {
            "revision": line.revision,
            "version_number": line.version_number,
            "status": line.status,
            "cause": line.cause,
            "actor": line.actor,
            "at": line.at,
            "digest": line.digest.hex(),
            "erased": line.erased,
        }
        for line in lines
    ]
    return ExactJson({"items": items, "next": following})


@router.get(
    "/api/v1/runs/{run_id}/revisions/{revision}", summary="A run as one revision stored it", responses=shapes.answers(shapes.RunAnswer)
)
async def revision_(ctx: CurrentContext, tx: ReadTx, run_id: RunId, revision: RevisionNumber) -> ExactJson:
    """The run as it was then, in the version that it had then."""
    return await _whole(tx, await get_run_at(tx, ctx.actor, run_id, revision))


@router.post(
    "/api/v1/runs/{run_id}/revisions/{revision}/restore", summary="Restore a revision", responses=shapes.answers(shapes.WrittenRun)
)
async def restore_at(ctx: CurrentContext, tx: WriteTx, run_id: RunId, revision: RevisionNumber, seen: Seen) -> ExactJson:
    """The old state as a new revision; everything in between stays in the history."""
    return await _saved(tx, await restore_revision(ctx, tx, run_id, revision, seen))


@router.delete("/api/v1/runs/{run_id}", summary="Move a run to the trash", responses=shapes.answers(shapes.WrittenRun))
async def trash(ctx: CurrentContext, tx: WriteTx, run_id: RunId) -> ExactJson:
    """Out of lists and exports; restorable at any time."""
    return await _saved(tx, Saved(await trash_run(ctx, tx, run_id)))


@router.post("/api/v1/runs/{run_id}/restore", summary="Take a run out of the trash", responses=shapes.answers(shapes.WrittenRun))
async def untrash(ctx: CurrentContext, tx: WriteTx, run_id: RunId) -> ExactJson:
    """The run, as it was."""
    return await _saved(tx, Saved(await untrash_run(ctx, tx, run_id)))


@router.post("/api/v1/runs/{run_id}/erase", summary="Erase answers for good", responses=shapes.answers(shapes.ErasureAnswer))
async def erase(
    ctx: CurrentContext,
    resources: ResourcesDep,
    run_id: RunId,
    body: EraseRun,
    dry_run: Annotated[bool, Query(description="List what would go; nothing is erased.")] = False,
) -> ExactJson:
    """For admins. From every revision and the working copy, with their files; a tombstone stays, and integrity checks still pass."""
    request = ErasureRequest(reason=body.reason, option_sets=body.option_sets)
    if dry_run:
        async with open_read(resources.engine) as tx:
            return ExactJson((await preview_erasure(ctx, tx, run_id, request)).to_json())
    async with open_write(resources.engine) as write:
        erased = await erase_run(ctx, write, run_id, request)
    # After the commit: until then the answers that name the files could still come back.
    if erased.files:
        async with open_write(resources.engine) as write:
            await remove_contents(write, resources.blobs, erased)
    return ExactJson(erased.to_json())
