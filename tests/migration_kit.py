"""What tests of migrations share: wizards of several versions with many runs, and a job done from its preview to its end."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import EDITOR, Desk, new_id

from keepstep.actions.confirm import Consent
from keepstep.actions.context import Context
from keepstep.actions.drafts import replace_draft
from keepstep.actions.migration_ends import finish_job, verify_canary
from keepstep.actions.migration_jobs import Which, apply_plan, confirm_token, preview_plan
from keepstep.actions.migration_pieces import Size, claim_piece, note_time
from keepstep.actions.migration_work import Piece, do_piece, task_of
from keepstep.actions.plans import PlanRequest, plan_migration
from keepstep.actions.publishing import Publishing, publish_draft, report_of_publish
from keepstep.actions.runs import RunRequest, start_run
from keepstep.actions.wizards import NewWizard, create_wizard
from keepstep.config import Resources
from keepstep.core.migration_counts import Tallies, tallies_of
from keepstep.core.plan_changes import Said
from keepstep.db.transaction import Write, open_read, open_write
from keepstep.jobs.migrations import Pace, work_on
from keepstep.queries.drafts import get_draft
from keepstep.queries.integrity import verify
from keepstep.queries.migration_jobs import Job, load_job
from keepstep.queries.plans import StoredPlan
from keepstep.queries.wizards import get_wizard

SMALL = Size(smallest=3, largest=5, first=3, lease=timedelta(seconds=0.5))


def question(key: str, selection_type: str = "text_input", **members: Any) -> dict[str, Any]:
    return {"id": new_id(), "key": key, "name": key.title(), "selection_type": selection_type, **members}


def options(*codes: str) -> list[dict[str, str]]:
    return [{"value": code, "label": code.title()} for code in codes]


def structure(*questions: dict[str, Any]) -> dict[str, Any]:
    return {"name": "Survey", "steps": [{"id": new_id(), "key": "page", "name": "Page", "option_sets": list(questions)}]}


def changed(first: dict[str, Any], *, drop: Sequence[str] = (), add: Sequence[dict[str, Any]] = (), **questions: Any) -> dict[str, Any]:
    """The structure with these questions changed ("_" for "-" in keys), dropped and added."""
    step = first["steps"][0]
    kept = [{**each, **questions.get(each["key"], {})} for each in step["option_sets"] if each["key"] not in drop]
    return {**first, "steps": [{**step, "option_sets": [*kept, *add]}]}


@dataclass
class Bench:
    """A wizard under test, whoever works on it, and the runs that it has."""

    desk: Desk
    resources: Resources
    wizard: str
    structure: dict[str, Any]
    runs: list[str] = field(default_factory=list)

    @classmethod
    async def of(cls, desk: Desk, resources: Resources, *questions: dict[str, Any]) -> "Bench":
        made = structure(*questions)
        created = await desk.do(create_wizard, NewWizard(structure=made))
        await desk.do(publish_draft, created.wizard.id, Publishing(), Consent(seen="1"))
        return cls(desk, resources, created.wizard.id, made)

    async def publish(self, changed_structure: dict[str, Any]) -> None:
        self.structure = changed_structure
        state = await self.desk.read(get_draft, EDITOR, self.wizard)
        edited = await self.desk.do(replace_draft, self.wizard, changed_structure, str(state.wizard.draft_revision))
        report = await self.desk.do(report_of_publish, self.wizard, Publishing())
        consent = Consent(seen=str(edited.state.wizard.draft_revision), confirm=report.token)
        await self.desk.do(publish_draft, self.wizard, Publishing(), consent)

    async def answer(self, count: int, answers: Callable[[int], Mapping[str, Any]], *, complete: bool = True) -> list[str]:
        """So many runs in one transaction, with what `answers` gives for each."""
        made = []
        async with open_write(self.desk.engine) as tx:
            ctx = self.desk.context()
            for number in range(count):
                request = RunRequest(answers=dict(answers(number)), complete=complete)
                made.append((await start_run(ctx, tx, self.wizard, request)).state.id)
        self.runs += made
        return made

    async def plan(self, source: Sequence[int] | None = None, target: int | None = None, **said: Any) -> StoredPlan:
        made = await self.desk.do(plan_migration, self.wizard, PlanRequest(source=source, target=target, said=Said(**said)))
        return made.stored

    async def preview(self, plan: StoredPlan, which: Which | None = None) -> Job:
        async with open_write(self.desk.engine) as tx:
            job = await preview_plan(self.resources.context(self.desk.actor), tx, plan.id, which or Which())
        return job if job.state == "completed" else await self.finished(job)

    async def token(self, plan: StoredPlan, preview: Job) -> str | None:
        async with open_read(self.desk.engine) as tx:
            wizard = await get_wizard(tx, self.desk.actor, self.wizard)
            return confirm_token(self.resources.context(self.desk.actor), plan, preview, wizard.active_version_id)

    async def started(self, plan: StoredPlan, preview: Job | None = None) -> Job:
        """Previewed and approved, waiting for a worker."""
        confirm = await self.token(plan, preview or await self.preview(plan))
        async with open_write(self.desk.engine) as tx:
            return await apply_plan(self.resources.context(self.desk.actor), tx, plan.id, confirm)

    async def finished(self, job: Job, size: Size = SMALL) -> Job:
        """Done by one worker, and how it is then."""
        while await work_on(self.resources, job.id, Pace(size=size)) == "again":
            pass
        return await self.job(job.id)

    async def some(self, job: Job, pieces: int, size: Size = SMALL) -> None:
        """So many pieces of the job, and its canary looked at, by a worker that then leaves."""
        for _ in range(pieces):
            step: Any = await self.act(claim_piece, job.id, "somebody", size)
            if step == "canary":
                await self.act(looked_at, job.id)
                step = await self.act(claim_piece, job.id, "somebody", size)
            assert isinstance(step, Piece), step
            await self.act(done_piece, step)

    async def job(self, job_id: str) -> Job:
        return await self.desk.read(load_job, job_id)

    async def act(self, action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """An action at the time of the resources."""
        async with open_write(self.desk.engine) as tx:
            return await action(self.resources.context(self.desk.actor), tx, *arguments, **named)

    async def heads(self) -> dict[str, tuple[Any, ...]]:
        """What each run holds, byte for byte, its version and whether it is complete."""
        rows = await self.desk.read(lambda tx: tx.rows(text(HEADS), {"wizard": self.wizard}))
        return {row.id: (row.version_number, row.status, row.answers, row.archive, row.asked, row.language) for row in rows}

    async def on_versions(self) -> Counter[int]:
        return Counter(head[0] for head in (await self.heads()).values())

    async def proven(self) -> None:
        """No revision twice, none missing, and every digest as it should be."""
        found = await self.desk.read(verify)
        assert [finding.to_json() for finding in found.findings] == []


async def done_piece(ctx: Context, tx: Write, piece: Piece) -> None:
    await do_piece(ctx, tx, await task_of(tx, await load_job(tx, piece.job_id)), piece)
    await note_time(tx, piece, 1_000)


async def looked_at(ctx: Context, tx: Write, job_id: str) -> None:
    assert await verify_canary(ctx, tx, await task_of(tx, await load_job(tx, job_id))) is None


async def finished_job(ctx: Context, tx: Write, job_id: str) -> None:
    await finish_job(ctx, tx, await task_of(tx, await load_job(tx, job_id)))


HEADS = """
  SELECT run.id::text, version.version_number, run.status, coalesce(run.working_answers, head.answers)::text AS answers,
    coalesce(head.archive, '{}')::text AS archive, CASE run.status WHEN 'completed' THEN head.asked END::text AS asked, run.language
  FROM wizard_runs AS run JOIN wizard_versions AS version ON version.id = run.wizard_version_id
  LEFT JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision
  WHERE run.origin_wizard_id = CAST(:wizard AS uuid) ORDER BY 1
"""


def counted(job: Job) -> Tallies:
    return tallies_of(job.counts)


async def revisions_of(engine: AsyncEngine, job_id: str) -> int:
    async with open_read(engine) as tx:
        return int(await tx.scalar(text("SELECT count(*) FROM run_revisions WHERE job_id = CAST(:job AS uuid)"), {"job": job_id}))
