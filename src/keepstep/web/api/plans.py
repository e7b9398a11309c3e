"""Plans of migrations over HTTP: make, complete, preview, apply (docs/migrations.md)."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from keepstep.actions.context import Context
from keepstep.actions.migration_jobs import Which, apply_plan, confirm_token, give_up_preview, preview_plan
from keepstep.actions.plans import PlanRequest, change_plan, discard_plan, plan_migration
from keepstep.core.plan_changes import Said
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import Read
from keepstep.errors import PlanNotFound
from keepstep.queries.job_shapes import job_json
from keepstep.queries.migration_jobs import Job, last_preview, progress_of
from keepstep.queries.migration_reports import preview_report, report_json
from keepstep.queries.migration_since import told_of
from keepstep.queries.plan_shapes import plan_json, plan_line
from keepstep.queries.plans import StoredPlan, faults_of, get_plan, list_plans, versions_by_id
from keepstep.queries.wizards import get_wizard
from keepstep.web.api import shapes, shapes_migrations
from keepstep.web.api.wizards import WizardRef
from keepstep.web.deps import CurrentContext, ReadTx, ResourcesDep, WriteTx
from keepstep.web.etags import Seen, tag_header
from keepstep.web.exactjson import LOWER_CASE, ExactJson, RequestBody, api_router, with_headers
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Limit, Listing

router = api_router("Migrations")

PlanId = Annotated[str, LOWER_CASE, Path(pattern=ID_PATTERN, description="The plan's id.")]
Number = Annotated[int, Field(ge=1, lt=2**31)]
Named = Annotated[dict[str, Any], Field(max_length=10_000)]
RunIds = Annotated[list[Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)]], Field(max_length=10_000)]
Token = Annotated[str, Field(max_length=20_000)]


class PlanWords(RequestBody):
    """What is said of a plan. Questions are named by key or id; what is not named stays as it is."""

    mapping: Named = Field(
        default_factory=dict,
        description='By question: `"archive"`, or `{to, params?, keeps_meaning?, as_legacy?}`; or by version number such a mapping.',
    )
    parameters: Named = Field(
        default_factory=dict, description="By question (or by version number, then question): the parameters of its conversion alone."
    )
    fills: Named = Field(default_factory=dict, description='By new question: `"default"`, `"empty"`, `{constant}`, or null for none.')
    merges: Named = Field(
        default_factory=dict, description="By question that several lead to: `{kind: first | union | joined, delimiter?}`."
    )
    policy: Named = Field(default_factory=dict, description="`{on_conflict: stay | park | archive, on_need: stay | waive | reopen}`.")

    def said(self) -> Said:
        return Said(**{name: getattr(self, name) for name in PlanWords.model_fields})


class MakePlan(PlanWords):
    """A plan to make. Ids make it; the words complete it."""

    id: Annotated[str, LOWER_CASE, Field(pattern=ID_PATTERN)] | None = None
    source: Number | Annotated[list[Number], Field(max_length=1_000)] | None = Field(
        None, description="Version numbers; left out: every other version that has runs."
    )
    target: Number | None = Field(None, description="A version number; left out: the active version.")


class RunsChosen(RequestBody):
    """Runs of the plan's source versions: these, those of a filter, or all."""

    run_ids: RunIds | None = None
    filter: "ChosenBy | None" = None

    def which(self) -> Which:
        return Which(run_ids=self.run_ids, filter=None if self.filter is None else self.filter.to_scope())


class ChosenBy(RequestBody):
    """As the filters of the list of runs."""

    version: Number | None = None
    status: Literal["in_progress", "completed", "abandoned"] | None = None
    flag: Annotated[str, Field(max_length=200)] | None = None
    flagged: Annotated[str, Field(max_length=200)] | None = None
    archived: Annotated[str, Field(max_length=4_000)] | None = None
    answers: Annotated[dict[str, str], Field(max_length=20)] = Field(default_factory=dict, description="By key or id the value.")

    def to_scope(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in ("version", "status", "flag", "flagged", "archived")}
        named = {name: value for name, value in given.items() if value is not None}
        return named | ({"answers": [list(pair) for pair in sorted(self.answers.items())]} if self.answers else {})


class ApplyPlan(RunsChosen):
    """`confirm` is the token of the plan's newest preview."""

    confirm: Token | None = None


RunsChosen.model_rebuild()
ApplyPlan.model_rebuild()
_NAMES: Final = "plans"


@router.post(
    "/api/v1/wizards/{wizard_ref}/plans",
    status_code=201,
    summary="Make a plan",
    responses=shapes.answers(shapes_migrations.PlanAnswer, 201, 200),
)
async def make(ctx: CurrentContext, tx: WriteTx, wizard_ref: WizardRef, body: MakePlan) -> ExactJson:
    """Every question goes to the one of the same id, the rest to the archive; the answer lists what is still at fault."""
    source = [body.source] if isinstance(body.source, int) else body.source
    request = PlanRequest(id=body.id, source=source, target=body.target, said=body.said())
    made = await plan_migration(ctx, tx, wizard_ref, request)
    return await _answer(ctx, tx, made.stored, status=201 if made.created else 200)


@router.get("/api/v1/wizards/{wizard_ref}/plans", summary="List plans", responses=shapes.answers(shapes_migrations.PlanPage))
async def list_(
    ctx: CurrentContext, tx: ReadTx, resources: ResourcesDep, wizard_ref: WizardRef, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> ExactJson:
    """The newest first, without their mappings; those of single runs are among them."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    listing = Listing(_NAMES, {"wizard": wizard.id}, resources.secret)
    after = listing.after(cursor)
    found = await list_plans(tx, wizard.id, limit=limit + 1, before=None if after is None else str(after[0]))
    shown, following = listing.page(found, limit, position=lambda plan: [plan.id])
    versions = await versions_by_id(tx, wizard.id)
    return ExactJson({"items": [plan_line(plan, versions) for plan in shown], "next": following})


@router.get("/api/v1/plans/{plan_id}", summary="One plan", responses=shapes.answers(shapes_migrations.PlanAnswer))
async def read(ctx: CurrentContext, tx: ReadTx, plan_id: PlanId) -> ExactJson:
    """With its mapping question by question, and every fault, held to the answers that are stored now."""
    return await _answer(ctx, tx, await get_plan(tx, ctx.actor, plan_id))


@router.patch("/api/v1/plans/{plan_id}", summary="Complete a plan", responses=shapes.answers(shapes_migrations.PlanAnswer))
async def change(ctx: CurrentContext, tx: WriteTx, plan_id: PlanId, body: PlanWords, seen: Seen) -> ExactJson:
    """Merges what is said; with `If-Match`, only if nobody else did meanwhile. An approved plan never changes."""
    return await _answer(ctx, tx, await change_plan(ctx, tx, plan_id, body.said(), seen))


@router.delete("/api/v1/plans/{plan_id}", status_code=204, summary="Discard a plan")
async def discard(ctx: CurrentContext, tx: WriteTx, plan_id: PlanId) -> Response:
    """Only one that nobody approved: it moved nothing. A preview of it that still counts is given up."""
    await give_up_preview(ctx, tx, plan_id)
    await discard_plan(ctx, tx, plan_id)
    return Response(status_code=204)


async def _answer(ctx: Context, tx: Read, stored: StoredPlan, *, status: int = 200) -> ExactJson:
    versions = await versions_by_id(tx, stored.origin_wizard_id)
    faults = await faults_of(tx, stored.origin_wizard_id, stored.plan, ctx.clock)
    preview = _preview_named(stored, await last_preview(tx, stored.id))
    headers = tag_header(str(stored.revision)) | {"Location": f"/api/v1/plans/{stored.id}"}
    return with_headers(plan_json(stored, versions, faults, preview=preview), status=status, headers=headers)


def _preview_named(stored: StoredPlan, job: Job | None) -> Mapping[str, Any] | None:
    if job is None:
        return None
    return {"job_id": job.id, "state": job.state, "is_current": job.plan_digest == stored.digest}


# --- preview ---------------------------------------------------------------------------------------------------------


@router.post(
    "/api/v1/plans/{plan_id}/preview",
    summary="Preview a plan",
    responses=shapes.answers(shapes_migrations.PreviewAnswer) | shapes.answers(shapes_migrations.JobAnswer, 202),
)
async def preview(ctx: CurrentContext, tx: WriteTx, plan_id: PlanId, body: RunsChosen | None = None) -> ExactJson:
    """Decides about every run and writes nothing. Up to 2,000 runs at once (200); more are a worker's: 202 with the job, then GET."""
    job = await preview_plan(ctx, tx, plan_id, (body or RunsChosen()).which())
    return await _preview(ctx, tx, await get_plan(tx, ctx.actor, plan_id), job)


@router.get(
    "/api/v1/plans/{plan_id}/preview",
    summary="The newest preview",
    responses=shapes.answers(shapes_migrations.PreviewAnswer) | shapes.answers(shapes_migrations.JobAnswer, 202),
)
async def read_preview(ctx: CurrentContext, tx: ReadTx, plan_id: PlanId) -> ExactJson:
    """Groups with counts, samples side by side, distinct values that fail, and the token for apply; 202 while it counts."""
    stored = await get_plan(tx, ctx.actor, plan_id)
    job = await last_preview(tx, plan_id)
    if job is None:
        raise PlanNotFound("This plan was not previewed yet.")
    return await _preview(ctx, tx, stored, job)


async def _preview(ctx: Context, tx: Read, stored: StoredPlan, job: Job) -> ExactJson:
    if job.state != "completed":
        return with_headers(job_json(job, await progress_of(tx, job)), status=202, headers={"Location": f"/api/v1/jobs/{job.id}"})
    wizard = await get_wizard(tx, ctx.actor, stored.origin_wizard_id, "view", removed=True)
    default = (await versions_by_id(tx, wizard.id))[stored.plan.target].structure.default_language
    told = report_json(await preview_report(tx, stored, job), language=default, default=default)
    return ExactJson(told | {"confirm": confirm_token(ctx, stored, job, wizard.active_version_id)})


@router.post(
    "/api/v1/plans/{plan_id}/apply", status_code=202, summary="Apply a plan", responses=shapes.answers(shapes_migrations.JobAnswer, 202)
)
async def apply(ctx: CurrentContext, tx: WriteTx, plan_id: PlanId, body: ApplyPlan) -> ExactJson:
    """Approves the plan and has a worker move the previewed runs, or those of them that are named. Sent again it answers the same job."""
    job = await apply_plan(ctx, tx, plan_id, body.confirm, body.which())
    return with_headers(job_json(job, await told_of(tx, job)), status=202, headers={"Location": f"/api/v1/jobs/{job.id}"})
