"""The migrations of a wizard: which runs are on older versions, plans that wait to be completed, jobs; and a new plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.plans import PlanRequest, plan_migration
from keepstep.core.permissions import require
from keepstep.db.transaction import Read
from keepstep.errors import IdConflict, RequestInvalid
from keepstep.queries.migration_jobs import Job, Progress, list_jobs
from keepstep.queries.migration_overview import numbers_of_plans, repeating
from keepstep.queries.migration_since import told_of_each
from keepstep.queries.plans import StoredPlan, Versions, find_plan, list_plans, plans_by_id, versions_by_id
from keepstep.queries.run_history import names_of
from keepstep.queries.versions import Version
from keepstep.queries.wizards import RunCounts, Wizard, count_runs_by_version, get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.forms import by_field, id_in
from keepstep.web.lists import Cursor, Listing
from keepstep.web.pages.migration_frame import framed
from keepstep.web.pages.plan_acts import previewed_if_faultless
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.rendering import page, path_to
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor, writing

router = page_router()

_PAGE: Final = 20
_MOST_OPEN: Final = 20


@dataclass(frozen=True, slots=True)
class VersionRuns:
    """A version that runs could be moved from or to, and how many are on it."""

    version: Version
    counts: RunCounts

    @property
    def runs(self) -> int:
        return self.counts.total - self.counts.trashed


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in the list, with its plan; `by` is a name."""

    job: Job
    plan: StoredPlan
    number: int | None
    sources: Sequence[Version]
    target: Version
    progress: Progress
    by: str | None
    again: bool

    @property
    def moved(self) -> int:
        """By the job and by decisions since."""
        return self.progress.tallies.moving + (self.progress.since.moved if self.progress.since else 0)

    @property
    def waiting(self) -> int:
        """Runs that wait for a person now."""
        return self.progress.since.waiting if self.progress.since else 0


@router.get("/wizards/{wizard_ref}/migrations", name="page:migrate")
async def migrations(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    wizard_ref: str,
    source: Annotated[list[int] | None, Query(alias="from", max_length=200)] = None,
    cursor: Cursor = None,
) -> Response:
    """The newest first. `from` ticks versions in the form of a new plan."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view", removed=True)
    values = await _listed(visitor, tx, wizard, Listing("migrations", {"wizard": wizard.id}, resources.secret), cursor)
    values |= {"ticked": source, "new_id": resources.make_id(), "errors": {}, "target": None}
    return page(request, "migrations/list.html", block="migrations", done=request.query_params.get("done", ""), **values)


async def _listed(visitor: Visitor, tx: Read, wizard: Wizard, listing: Listing, cursor: str | None) -> dict[str, Any]:
    after = listing.after(cursor)
    found = await list_jobs(tx, wizard.id, limit=_PAGE + 1, before=None if after is None else str(after[0]))
    shown, following = listing.page(found, _PAGE, position=lambda job: [job.id])
    waiting = await list_plans(tx, wizard.id, limit=_MOST_OPEN, only_open=True) if cursor is None else ()
    versions = await versions_by_id(tx, wizard.id)
    lines = await _lines(tx, wizard.id, shown, versions)
    return await framed(visitor, tx, wizard) | {
        "versions": await _versions(tx, wizard, versions),
        "lines": lines,
        "plans": [(plan, _sources(plan, versions), versions[plan.plan.target]) for plan in waiting],
        "numbers": await numbers_of_plans(tx, wizard.id, [plan.id for plan in waiting]),
        "following": following,
    }


async def _versions(tx: Read, wizard: Wizard, versions: Versions) -> list[VersionRuns]:
    counts = await count_runs_by_version(tx, wizard.id)
    found = (VersionRuns(version, counts.get(version.id, RunCounts())) for version in versions.values())
    return sorted(found, key=lambda each: -each.version.number)


def _sources(plan: StoredPlan, versions: Versions) -> list[Version]:
    return sorted((versions[each] for each in plan.plan.sources if each in versions), key=lambda version: version.number)


async def _lines(tx: Read, wizard_id: str, jobs: Sequence[Job], versions: Versions) -> list[JobLine]:
    stored = await plans_by_id(tx, {job.plan_id for job in jobs})
    numbers = await numbers_of_plans(tx, wizard_id, stored.keys())
    progress = await told_of_each(tx, jobs)
    names = await names_of(tx, {job.created_by for job in jobs})
    again = await repeating(tx, jobs)
    lines = []
    for job in jobs:
        plan, by = stored[job.plan_id], names.get(job.created_by or "")
        ends = (_sources(plan, versions), versions[plan.plan.target])
        lines.append(JobLine(job, plan, numbers.get(job.plan_id), *ends, progress[job.id], by, job.id in again))
    return lines


# --- a new plan ------------------------------------------------------------------------------------------------------


@router.post("/wizards/{wizard_ref}/migrations", name="page:make-plan")
async def make(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """The plan that ids make, previewed at once where nothing is left to be said; sent twice it is made once."""
    form, fields = await request.form(), await fields_of(request)
    sources = [int(each) for each in form.getlist("source") if isinstance(each, str) and each.isdecimal() and len(each) < 10]
    target = fields.get("target", "")
    plan_id = id_in(fields)
    try:
        async with writing(request) as tx:
            wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit", removed=True)
            wanted = PlanRequest(
                id=plan_id, source=_chosen(sources), target=int(target) if target.isdecimal() and len(target) < 10 else None
            )
            made = await plan_migration(visitor.ctx, tx, wizard.id, wanted)
            if made.created:
                await previewed_if_faultless(visitor.ctx, tx, made.stored)
    except IdConflict:
        return await _made_before(request, visitor, wizard_ref, plan_id or "")
    except RequestInvalid as problem:
        return await _again(request, visitor, wizard_ref, (resources, sources, target), problem)
    return see_other(request, path_to(request, "plan", wizard_ref=wizard.slug or wizard.id, plan_id=made.stored.id))


def _chosen(sources: Sequence[int]) -> Sequence[int]:
    if not sources:
        detail = "Tick at least one version whose runs shall move."
        raise RequestInvalid(detail, errors=[{"pointer": "/source", "code": "missing", "detail": detail}])
    return sources


async def _made_before(request: Request, visitor: Visitor, wizard_ref: str, plan_id: str) -> Response:
    """Sent twice, and completed in between: to the plan, if it is one of this wizard."""
    async with writing(request) as tx:
        wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit", removed=True)
        stored = await find_plan(tx, plan_id)
    if stored is None or stored.origin_wizard_id != wizard.id:
        raise IdConflict("This form was sent before, for another plan. Open the page of migrations again.")
    return see_other(request, path_to(request, "plan", wizard_ref=wizard.slug or wizard.id, plan_id=plan_id))


async def _again(
    request: Request, visitor: Visitor, wizard_ref: str, typed: tuple[Any, list[int], str], problem: RequestInvalid
) -> Response:
    resources, sources, target = typed
    async with writing(request) as tx:
        wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit", removed=True)
        require(visitor.actor, "edit", wizard.id)
        values = await _listed(visitor, tx, wizard, Listing("migrations", {"wizard": wizard.id}, resources.secret), None)
    values |= {"ticked": sources, "new_id": resources.make_id(), "target": target, "done": ""}
    errors = by_field(problem, otherwise="source")
    # A version that cannot be one of them is named in the sentence; the field is that of all.
    values["errors"] = {name.partition("/")[0]: detail for name, detail in errors.items()}
    return page(request, "migrations/list.html", block="migrations", status=status_of(problem), **values)
