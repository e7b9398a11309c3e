"""`keepstep plan`: move runs between versions from the command line: make a plan, preview it, apply it, take it back."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from rich.progress import Progress as Bar
from rich.progress import TaskID

from keepstep.actions.migration_jobs import Which, apply_plan, confirm_token, preview_plan, undo_job
from keepstep.actions.plans import PlanRequest, change_plan, plan_migration
from keepstep.cli.exits import FINDINGS
from keepstep.cli.opening import operator, with_resources
from keepstep.cli.plan_words import Words, said_in
from keepstep.cli.printing import AsJson, counted, print_json, print_lines, print_table, progress
from keepstep.cli.wizards import Ref
from keepstep.config import Resources
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import PlanNotFound
from keepstep.jobs.migrations import Pace, work_on
from keepstep.queries.job_shapes import job_json
from keepstep.queries.migration_jobs import Job, get_job, last_preview, load_job, progress_of
from keepstep.queries.migration_reports import preview_report, report_json
from keepstep.queries.migration_since import told_of
from keepstep.queries.plan_shapes import plan_json, plan_line
from keepstep.queries.plans import StoredPlan, faults_of, get_plan, list_plans, versions_by_id
from keepstep.queries.wizards import get_wizard

plan = typer.Typer(help="Move runs between versions: plan, preview, apply, undo.", no_args_is_help=True)

PlanRef = Annotated[str, typer.Argument(help="The plan's id.")]
JobRef = Annotated[str, typer.Argument(help="The job's id.")]
_SHARE: Final = 1.0


@plan.command("list")
def list_(slug: Ref, as_json: AsJson = False) -> None:
    """The plans of a wizard, the newest first."""

    async def work(resources: Resources) -> list[dict[str, Any]]:
        async with open_read(resources.engine) as tx:
            wizard = await get_wizard(tx, operator(resources).actor, slug, "view", removed=True)
            versions = await versions_by_id(tx, wizard.id)
            return [plan_line(each, versions) for each in await list_plans(tx, wizard.id, limit=200)]

    found = with_resources(work, as_json=as_json)
    if as_json:
        print_json(found)
    else:
        print_table(("id", "state", "from", "to", "created_at"), [{**each, **_numbers(each)} for each in found])


def _numbers(told: Mapping[str, Any]) -> dict[str, str]:
    sources = ", ".join(f"v{each['version_number']}" for each in told["sources"])
    return {"from": sources, "to": f"v{told['target']['version_number']}"}


@plan.command("make")
def make(
    slug: Ref,
    source: Annotated[list[int] | None, typer.Option("--from", min=1, help="A version's number; may stand often. Else all others.")] = None,
    target: Annotated[int | None, typer.Option("--to", min=1, help="A version's number; else the active version.")] = None,
    words: Words = None,
    as_json: AsJson = False,
) -> None:
    """Make a plan: every question to the one of the same id, the rest to the archive. Prints what is still at fault."""

    async def work(resources: Resources) -> dict[str, Any]:
        request = PlanRequest(source=source or None, target=target, said=said_in(words))
        async with open_write(resources.engine) as tx:
            made = await plan_migration(operator(resources), tx, slug, request)
            return await _told(resources, tx, made.stored)

    _print_plan(with_resources(work, as_json=as_json), as_json=as_json)


@plan.command("change")
def change(plan_id: PlanRef, words: Words = None, as_json: AsJson = False) -> None:
    """Complete a plan by what a file says. Without a file it shows the plan."""

    async def work(resources: Resources) -> dict[str, Any]:
        async with open_write(resources.engine) as tx:
            if words is None:
                return await _told(resources, tx, await get_plan(tx, operator(resources).actor, plan_id))
            return await _told(resources, tx, await change_plan(operator(resources), tx, plan_id, said_in(words)))

    _print_plan(with_resources(work, as_json=as_json), as_json=as_json)


async def _told(resources: Resources, tx: Read, stored: StoredPlan) -> dict[str, Any]:
    versions = await versions_by_id(tx, stored.origin_wizard_id)
    faults = await faults_of(tx, stored.origin_wizard_id, stored.plan, operator(resources).clock)
    return plan_json(stored, versions, faults, preview=None)


def _print_plan(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    print_lines([told["id"]])
    for fault in told["faults"]:
        print_lines([f"  {fault['pointer']}: {fault['detail']} ({fault['code']})"])


# --- preview, apply, undo --------------------------------------------------------------------------------------------


@plan.command("preview")
def preview(plan_id: PlanRef, as_json: AsJson = False) -> None:
    """Decide about every run and write nothing. Prints groups, reasons and the token that `apply` takes."""

    async def work(resources: Resources) -> dict[str, Any]:
        async with open_write(resources.engine) as tx:
            job = await preview_plan(operator(resources), tx, plan_id)
        await _done(resources, job, "Previewing")
        async with open_read(resources.engine) as tx:
            return await _previewed(resources, tx, plan_id)

    told = with_resources(work, as_json=as_json)
    if as_json:
        print_json(told)
        return
    print_table(("outcome", "runs", "moves"), told["groups"])
    print_table(("version_number", "key", "outcome", "code", "runs"), told["reasons"])
    print_lines(
        [f"{told['moves']:,} of {told['runs']:,} runs would move. Apply with: keepstep plan apply {plan_id} --confirm {told['confirm']}"]
    )


async def _previewed(resources: Resources, tx: Read, plan_id: str) -> dict[str, Any]:
    ctx = operator(resources)
    stored, job = await get_plan(tx, ctx.actor, plan_id), await last_preview(tx, plan_id)
    if job is None:
        raise PlanNotFound("This plan was not previewed yet.")
    wizard = await get_wizard(tx, ctx.actor, stored.origin_wizard_id, "view", removed=True)
    default = (await versions_by_id(tx, wizard.id))[stored.plan.target].structure.default_language
    told = report_json(await preview_report(tx, stored, job), language=default, default=default)
    return told | {"confirm": confirm_token(ctx, stored, job, wizard.active_version_id)}


@plan.command("apply")
def apply(
    plan_id: PlanRef,
    confirm: Annotated[str | None, typer.Option(help="The token of the newest preview.")] = None,
    run: Annotated[list[str] | None, typer.Option(help="The id of a run; may stand often. Else all that were previewed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Move the runs that were previewed. Works until it is over; workers that run elsewhere help. Stopping it costs nothing."""

    async def work(resources: Resources) -> dict[str, Any]:
        async with open_write(resources.engine) as tx:
            job = await apply_plan(operator(resources), tx, plan_id, confirm, Which(run_ids=run or None))
        return await _done(resources, job, "Moving")

    _print_job(with_resources(work, as_json=as_json), as_json=as_json)


@plan.command("undo")
def undo(job_id: JobRef, as_json: AsJson = False) -> None:
    """Take a job back: what nobody touched goes back exactly, what was edited since by the inverse rule, or waits for a person."""

    async def work(resources: Resources) -> dict[str, Any]:
        async with open_write(resources.engine) as tx:
            job = await undo_job(operator(resources), tx, job_id)
        return await _done(resources, job, "Taking back")

    _print_job(with_resources(work, as_json=as_json), as_json=as_json)


@plan.command("status")
def status(job_id: JobRef, as_json: AsJson = False) -> None:
    """How far a job is."""

    async def work(resources: Resources) -> dict[str, Any]:
        async with open_read(resources.engine) as tx:
            job = await get_job(tx, operator(resources).actor, job_id)
            return job_json(job, await told_of(tx, job))

    _print_job(with_resources(work, as_json=as_json), as_json=as_json)


async def _done(resources: Resources, job: Job, what: str) -> dict[str, Any]:
    """The job, worked on by this very process until it is over or stands still."""
    with progress() as bar:
        task = bar.add_task(what, total=sum(job.expected.values()) or None)
        while True:
            outcome = await work_on(resources, job.id, Pace(share=_SHARE))
            told = await _shown(resources, job, (bar, task))
            if outcome == "over":
                return told
            if outcome == "busy":
                # Only runs that somebody is typing in are left: they are moved when those rest.
                await asyncio.sleep(5)


async def _shown(resources: Resources, job: Job, shown: tuple[Bar, TaskID]) -> dict[str, Any]:
    bar, task = shown
    async with open_read(resources.engine) as tx:
        present = await load_job(tx, job.id)
        told = job_json(present, await progress_of(tx, present))
    bar.update(task, completed=told["progress"]["runs"])
    return told


def _print_job(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        done = told["progress"]
        print_table(("outcome", "runs", "moves"), [group for group in done["groups"] if group["runs"]])
        since = done["decided"]["moved"] if done.get("decided") else 0
        decided = f" ({since:,} more by decisions since)" if since else ""
        said = f"{counted(done['moved'], 'run')} moved{decided}, {done['open']:,} waiting."
        print_lines([f"{told['id']}: {told['state'].replace('_', ' ')}, {said}"])
    if told["state"] in ("failed", "paused"):
        raise SystemExit(FINDINGS)
