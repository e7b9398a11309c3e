"""A migration at work, and its result: how far it is, pause, resume, cancel, undo, the work list, and its proof."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.context import Context
from keepstep.actions.migration_jobs import cancel_job, pause_job, resume_job, undo_job
from keepstep.core.jsonvalue import dumps
from keepstep.core.migration_counts import LEFT
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import Read, Write
from keepstep.errors import JobNotFound, JobState, Problem
from keepstep.queries.job_shapes import progress_json
from keepstep.queries.migration_conflicts import list_left
from keepstep.queries.migration_jobs import Job, find_manifest, get_job, get_manifest, undo_of
from keepstep.queries.migration_overview import numbers_of_plans, repeating
from keepstep.queries.migration_since import told_of
from keepstep.queries.plans import load_plan, versions_by_id
from keepstep.queries.run_history import names_of
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.pages.job_list import behind, worklist
from keepstep.web.pages.migration_frame import JOB_WORDS, framed
from keepstep.web.pages.migration_words import outcome_words, progress_parts
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.rendering import PAGE_HEADERS, page, path_to, wants_part
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor, writing

router = page_router()

JobId = Annotated[str, Path(pattern=ID_PATTERN)]
_PATH: Final = "/wizards/{wizard_ref}/migrations/jobs/{job_id}"
_LEFT: Final = 50
_ACTS: Final[Mapping[str, Callable[[Context, Write, str], Awaitable[Job]]]] = {
    "pause": pause_job,
    "resume": resume_job,
    "cancel": cancel_job,
    "undo": undo_job,
}


async def job_of(
    visitor: Visitor, tx: Read, wizard_ref: str, job_id: str, permission: Literal["view", "edit"] = "view"
) -> tuple[Wizard, Job]:
    """Raises WizardNotFound, JobNotFound, Forbidden. A preview has no page of its own."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, permission, removed=True)
    job = await get_job(tx, visitor.actor, job_id, permission)
    if job.origin_wizard_id != wizard.id or job.kind == "preview":
        raise JobNotFound("This wizard has no migration with this id.")
    return wizard, job


@router.get(_PATH, name="page:job")
async def job_page(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    job_id: JobId,
    only: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[str, Query(max_length=100)] = "",
    focus: Annotated[str, Query(max_length=100)] = "",
    going: Annotated[str, Query(max_length=2_000)] = "",
) -> Response:
    """`only`: conflicts or needs-answer of the work list; `after`: the last one of the page before; `focus`: the row that comes next;
    `going`: where a decision for many goes on.
    """
    wizard, job = await job_of(visitor, tx, wizard_ref, job_id)
    if _asks_for_progress(request):
        if not job.is_active:
            return see_other(request, path_to(request, "job", wizard_ref=wizard_ref, job_id=job_id))
        values = await _progress(tx, job) | {"wizard": wizard, "ref": wizard_ref, "may_edit": visitor.may("edit", wizard.id)}
        values |= await _named(tx, job) | {"job_words": JOB_WORDS, "active": wizard.active_version_number}
        return page(request, "migrations/job.html", block="progress_part", **values)
    last = behind(visitor, job_id, going) if visitor.may("edit", wizard.id) else None
    listed: dict[str, Any] = {"only": only, "after": after, "focus": focus, "going": ("", "") if last is None else last[0]}
    return await shown_job(request, visitor, tx, (wizard, job), **listed)


def _asks_for_progress(request: Request) -> bool:
    return wants_part(request) and request.headers.get("hx-target", "").endswith("#progress")


async def shown_job(
    request: Request,
    visitor: Visitor,
    tx: Read,
    about: tuple[Wizard, Job],
    *,
    problem: Problem | None = None,
    **listed: Any,
) -> Response:
    """The page as it is now. `listed`: what of the work list."""
    wizard, job = about
    values = await framed(visitor, tx, wizard) | await _progress(tx, job) | await _named(tx, job)
    values |= await worklist(tx, job, **listed)
    undo = await undo_of(tx, job.id)
    values |= {
        "problem": problem,
        "undo": undo,
        "left": await list_left(tx, job.id, limit=_LEFT),
        "manifest": await find_manifest(tx, job.id),
        "left_names": LEFT,
        "done": request.query_params.get("done", ""),
        "going": request.query_params.get("going", ""),
    }
    return page(request, "migrations/job.html", block="job", status=status_of(problem) if problem else 200, **values)


async def _progress(tx: Read, job: Job) -> dict[str, Any]:
    found = await told_of(tx, job)
    told = progress_json(job, found)
    outcomes = dict(found.tallies.outcomes)
    total = told["total"] or found.tallies.runs
    return {
        "job": job,
        "progress": told,
        "tallied": found.tallies,
        "total": total,
        "bar": progress_parts(outcomes, total),
        "outcomes": outcome_words(),
        "expected_conflicts": job.expected.get("conflicts", 0) + job.expected.get("blocked", 0),
        "found_conflicts": outcomes.get("conflicts", 0) + outcomes.get("blocked", 0),
    }


async def _named(tx: Read, job: Job) -> dict[str, Any]:
    stored = await load_plan(tx, job.plan_id)
    versions = await versions_by_id(tx, job.origin_wizard_id)
    return {
        "stored": stored,
        "number": (await numbers_of_plans(tx, job.origin_wizard_id, [job.plan_id])).get(job.plan_id),
        "sources": sorted((versions[each] for each in stored.plan.sources if each in versions), key=lambda each: each.number),
        "target": versions[stored.plan.target],
        "by": (await names_of(tx, {job.created_by})).get(job.created_by or ""),
        "again": job.id in await repeating(tx, [job]),
    }


@router.post(f"{_PATH}/{{act}}", name="page:job-act")
async def act(
    request: Request,
    visitor: CurrentVisitor,
    wizard_ref: str,
    job_id: JobId,
    act: Literal["pause", "resume", "cancel", "undo"],
) -> Response:
    """Pause, resume, cancel: this job again. Undo: the job that takes it back; asked for twice, it is the one that does so already."""
    try:
        async with writing(request) as tx:
            wizard, _ = await job_of(visitor, tx, wizard_ref, job_id, "edit")
            job = await _ACTS[act](visitor.ctx, tx, job_id)
    except JobState as problem:
        return await _refused(request, visitor, (wizard_ref, job_id), act, problem)
    return see_other(request, path_to(request, "job", wizard_ref=wizard.slug or wizard.id, job_id=job.id))


async def _refused(request: Request, visitor: Visitor, about: tuple[str, str], act: str, problem: JobState) -> Response:
    """A second click, or somebody was faster: the undo that is at work is where they want to be."""
    async with writing(request) as tx:
        wizard, job = await job_of(visitor, tx, *about)
        undo = await undo_of(tx, job.id)
        if act == "undo" and undo is not None:
            return see_other(request, path_to(request, "job", wizard_ref=wizard.slug or wizard.id, job_id=undo.id))
        return await shown_job(request, visitor, tx, (wizard, job), problem=problem)


# --- the proof -------------------------------------------------------------------------------------------------------


@router.get(f"{_PATH}/manifest", name="page:job-manifest")
async def manifest(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, job_id: JobId) -> Response:
    """What proves the job: counts, roots and digests, chained to the job before."""
    wizard, job = await job_of(visitor, tx, wizard_ref, job_id)
    stored = await get_manifest(tx, visitor.actor, job_id)
    values = await framed(visitor, tx, wizard) | await _named(tx, job) | {"job": job, "manifest": stored, "record": stored.to_json()}
    return page(request, "migrations/manifest.html", block="manifest_part", **values)


@router.get(f"{_PATH}/manifest.json", name="page:job-manifest-file")
async def manifest_file(visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, job_id: JobId) -> Response:
    """The same, to be kept elsewhere."""
    await job_of(visitor, tx, wizard_ref, job_id)
    stored = await get_manifest(tx, visitor.actor, job_id)
    headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="manifest-{stored.number}.json"'}
    return Response(dumps(_plain(stored.to_json())), media_type="application/json", headers=headers)


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in record.items()}
