"""Migration jobs over HTTP: how far they are, stopping, going on, taking back, conflicts, proof; and one run moved (docs/migrations.md)."""

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field

from keepstep.actions.migration_conflicts import Resolution, resolve_conflict
from keepstep.actions.migration_jobs import cancel_job, pause_job, resume_job, undo_job
from keepstep.actions.single_moves import SingleMove, move_run, move_run_back, report_of_move
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import Read
from keepstep.queries.job_shapes import job_json
from keepstep.queries.migration_conflicts import conflict_json, list_conflicts
from keepstep.queries.migration_jobs import Job, get_job, get_manifest, list_jobs, undo_of
from keepstep.queries.migration_since import told_of, told_of_each
from keepstep.queries.responses import run_summary
from keepstep.queries.runs import RunState, wizard_of
from keepstep.queries.wizards import get_wizard
from keepstep.web.api import shapes, shapes_migrations
from keepstep.web.api.plans import Number, PlanWords, Token
from keepstep.web.api.runs import RunId
from keepstep.web.api.wizards import WizardRef
from keepstep.web.deps import CurrentContext, ReadTx, ResourcesDep, WriteTx
from keepstep.web.etags import Seen, tag_header
from keepstep.web.exactjson import LOWER_CASE, ExactJson, RequestBody, api_router, with_headers
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Limit, Listing

router = api_router("Migrations")

JobId = Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN, description="The job's id.")]
ConflictId = Annotated[str, LOWER_CASE, Path(max_length=100, description="The run's id and the option set's, with a colon between them.")]


class Resolve(RequestBody):
    """One of the conflict's `choices`; for `value` with the answer that counts from now on."""

    resolution: Literal["value", "archive", "park", "waive", "reopen", "before", "stay"]
    value: Any = None
    other: Annotated[str, Field(max_length=10_000)] | None = None

    def chosen(self) -> Resolution:
        return Resolution(choice=self.resolution, value=self.value, other=self.other)


class MigrateRun(PlanWords):
    """Where one run goes, and what is said of the way there."""

    target: Number | None = Field(None, description="A version number; left out: the active version.")
    dry_run: bool = Field(False, description="Only say what would happen, with the token; nothing is stored.")
    confirm: Token | None = None
    resolutions: Annotated[dict[str, Resolve], Field(max_length=10_000)] = Field(
        default_factory=dict,
        description="By question what becomes of an answer that does not convert, or of a required one that is missing.",
    )

    def move(self) -> SingleMove:
        resolutions = {name: each.chosen() for name, each in self.resolutions.items()}
        return SingleMove(target=self.target, said=self.said(), resolutions=resolutions, confirm=self.confirm)


class MoveBack(RequestBody):
    """What becomes of answers that were edited since and that no rule brings back."""

    resolutions: Annotated[dict[str, Literal["before", "archive"]], Field(max_length=10_000)] = Field(default_factory=dict)


# --- jobs ------------------------------------------------------------------------------------------------------------


async def _answer(tx: Read, job: Job) -> ExactJson:
    return ExactJson(job_json(job, await told_of(tx, job), undo=await undo_of(tx, job.id)))


@router.get("/api/v1/wizards/{wizard_ref}/jobs", summary="List migration jobs", responses=shapes.answers(shapes_migrations.JobPage))
async def list_(
    ctx: CurrentContext, tx: ReadTx, resources: ResourcesDep, wizard_ref: WizardRef, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> ExactJson:
    """The newest first; previews, single runs and resolved conflicts are left out."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    listing = Listing("jobs", {"wizard": wizard.id}, resources.secret)
    after = listing.after(cursor)
    found = await list_jobs(tx, wizard.id, limit=limit + 1, before=None if after is None else str(after[0]))
    shown, following = listing.page(found, limit, position=lambda job: [job.id])
    progress = await told_of_each(tx, shown)
    return ExactJson({"items": [job_json(job, progress[job.id]) for job in shown], "next": following})


@router.get("/api/v1/jobs/{job_id}", summary="One job", responses=shapes.answers(shapes_migrations.JobAnswer))
async def read(ctx: CurrentContext, tx: ReadTx, job_id: JobId) -> ExactJson:
    """Its state, exact progress, rate and time left."""
    return await _answer(tx, await get_job(tx, ctx.actor, job_id))


@router.post("/api/v1/jobs/{job_id}/pause", summary="Pause a job", responses=shapes.answers(shapes_migrations.JobAnswer))
async def pause(ctx: CurrentContext, tx: WriteTx, job_id: JobId) -> ExactJson:
    """What is in hand is done first; then the job stands still until it is resumed."""
    return await _answer(tx, await pause_job(ctx, tx, job_id))


@router.post("/api/v1/jobs/{job_id}/resume", summary="Resume a job", responses=shapes.answers(shapes_migrations.JobAnswer))
async def resume(ctx: CurrentContext, tx: WriteTx, job_id: JobId) -> ExactJson:
    """Goes on where it was. A job that stopped at more conflicts than its preview counted goes on with those."""
    return await _answer(tx, await resume_job(ctx, tx, job_id))


@router.post("/api/v1/jobs/{job_id}/cancel", summary="Cancel a job", responses=shapes.answers(shapes_migrations.JobAnswer))
async def cancel(ctx: CurrentContext, tx: WriteTx, job_id: JobId) -> ExactJson:
    """What it moved stays moved until it is taken back; the rest stays where it is."""
    return await _answer(tx, await cancel_job(ctx, tx, job_id))


@router.post(
    "/api/v1/jobs/{job_id}/undo", status_code=202, summary="Take a job back", responses=shapes.answers(shapes_migrations.JobAnswer, 202)
)
async def undo(ctx: CurrentContext, tx: WriteTx, job_id: JobId) -> ExactJson:
    """A new job that takes this one back, at any time and after edits, too; this one is stopped first where it still runs."""
    job = await undo_job(ctx, tx, job_id)
    return with_headers(job_json(job, await told_of(tx, job)), status=202, headers={"Location": f"/api/v1/jobs/{job.id}"})


@router.get("/api/v1/jobs/{job_id}/conflicts", summary="What waits for a person", responses=shapes.answers(shapes_migrations.ConflictPage))
async def conflicts(
    ctx: CurrentContext, tx: ReadTx, resources: ResourcesDep, job_id: JobId, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> ExactJson:
    """Run by run and question by question: the stored value, why it waits, and what can be chosen."""
    job = await get_job(tx, ctx.actor, job_id)
    listing = Listing("conflicts", {"job": job_id}, resources.secret)
    found = await list_conflicts(tx, job, limit=limit + 1, after=listing.after(cursor))
    shown, following = listing.page(found, limit, position=lambda each: [each.item.run_id, each.item.option_set_id])
    return ExactJson({"items": [conflict_json(each) for each in shown], "next": following})


@router.post(
    "/api/v1/jobs/{job_id}/conflicts/{conflict_id}",
    summary="Resolve a conflict",
    responses=shapes.answers(shapes_migrations.ResolvedAnswer),
)
async def resolve(ctx: CurrentContext, tx: WriteTx, job_id: JobId, conflict_id: ConflictId, body: Resolve) -> ExactJson:
    """The run moves as soon as nothing of it is open any more."""
    done = await resolve_conflict(ctx, tx, job_id, conflict_id, body.chosen())
    own = {"run_id": done.state.id, "version_number": done.state.version.number, "revision": done.state.head_revision}
    return ExactJson(own | {"moved": done.moved, "open_in_run": done.open_in_run, "open_in_job": done.open_in_job})


@router.get("/api/v1/jobs/{job_id}/manifest", summary="The proof of a job", responses=shapes.answers(shapes_migrations.ManifestAnswer))
async def manifest(ctx: CurrentContext, tx: ReadTx, job_id: JobId) -> ExactJson:
    """Plan digest, counts and Merkle roots before and after, chained; `keepstep verify --job` recomputes all of it."""
    return ExactJson((await get_manifest(tx, ctx.actor, job_id)).to_json())


# --- one run ---------------------------------------------------------------------------------------------------------


async def _run(tx: Read, state: RunState) -> ExactJson:
    body = run_summary(state, await wizard_of(tx, state.origin_wizard_id)) | {"issues": []}
    return with_headers(body, headers=tag_header(state.etag))


@router.post(
    "/api/v1/runs/{run_id}/migrate",
    summary="Move one run to another version",
    responses=shapes.answers(shapes_migrations.MoveReportAnswer | shapes.WrittenRun),
)
async def migrate(ctx: CurrentContext, tx: WriteTx, run_id: RunId, body: MigrateRun, seen: Seen) -> ExactJson:
    """The same decision as for a whole plan. Asks for the token of its `dry_run` unless every answer simply carries."""
    if body.dry_run:
        return ExactJson((await report_of_move(ctx, tx, run_id, body.move())).to_json())
    return await _run(tx, await move_run(ctx, tx, run_id, body.move(), seen))


@router.post("/api/v1/runs/{run_id}/undo-migration", summary="Move one run back", responses=shapes.answers(shapes.WrittenRun))
async def migrate_back(ctx: CurrentContext, tx: WriteTx, run_id: RunId, seen: Seen, body: MoveBack | None = None) -> ExactJson:
    """As it was before the last job that moved it; what was edited since goes back by the inverse rule."""
    resolutions = {} if body is None else dict(body.resolutions)
    return await _run(tx, await move_run_back(ctx, tx, run_id, seen, resolutions))
