"""What moving runs costs: preview, apply and undo by one worker and by two, beside one SQL statement that does the same to the same runs.

The statement makes the very answers that the job makes, which is checked for every run, and its rows lie in the same tables under the same
indexes and guards. It computes no digest, keeps no proof, and holds every run that it moves from its beginning to its end.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

from tests.factories import new_id, option, option_set, step, wizard

from bench.measure import Measured
from bench.stored import filled
from bench.world import World, drawn_value, made_wizard, many_questions
from keepstep.actions.confirm import Consent
from keepstep.actions.drafts import replace_draft
from keepstep.actions.migration_jobs import apply_plan, confirm_token, preview_plan, undo_job
from keepstep.actions.plans import PlanRequest, plan_migration
from keepstep.actions.publishing import Publishing, publish_draft, report_of_publish
from keepstep.cli.opening import open_resources, operator
from keepstep.config import Resources, settings_from
from keepstep.core.permissions import SYSTEM
from keepstep.core.plan_changes import Said
from keepstep.core.structure import Structure
from keepstep.db.engine import PATIENT
from keepstep.db.transaction import open_read, open_write
from keepstep.jobs.migrations import Pace, keep_what_is_there, work_on
from keepstep.queries.drafts import get_draft
from keepstep.queries.migration_jobs import Job, load_job
from keepstep.queries.plans import StoredPlan
from keepstep.queries.wizards import get_wizard

RUNS: Final = int(os.environ.get("KEEPSTEP_BENCH_MOVED", "200000"))
FEW: Final = 10_000
ROUNDS: Final = int(os.environ.get("KEEPSTEP_BENCH_ROUNDS", "1"))
SAME: Final = 16
"""Questions besides the four that change."""


# --- what is moved ---------------------------------------------------------------------------------------------------


@dataclass
class Form:
    """The wizard before and after: an option recoded, one choice that becomes several, a text that becomes a number, one dropped and one
    added.
    """

    color: dict[str, Any] = field(default_factory=lambda: option_set("color", "single_select", options=_named("blue", "red", "green")))
    pet: dict[str, Any] = field(default_factory=lambda: option_set("pet", "single_select", options=_named("cat", "dog", "fish")))
    age: dict[str, Any] = field(default_factory=lambda: option_set("age"))
    fax: dict[str, Any] = field(default_factory=lambda: option_set("fax"))
    others: list[dict[str, Any]] = field(default_factory=lambda: many_questions(SAME, SAME)["steps"][0]["option_sets"])
    first: dict[str, Any] = field(default_factory=lambda: step("first"))
    second: dict[str, Any] = field(default_factory=lambda: step("second"))
    remarks: dict[str, Any] = field(default_factory=lambda: option_set("remarks", "textarea"))

    def before(self) -> dict[str, Any]:
        return self._of([self.color, self.pet, self.age, self.fax], self.others)

    def after(self) -> dict[str, Any]:
        color = {**self.color, "options": _named("azure", "red", "green")}
        pet = {**self.pet, "selection_type": "multiple_select"}
        age = {**self.age, "selection_type": "integer"}
        return self._of([color, pet, age], [*self.others, self.remarks])

    def _of(self, one: Sequence[Any], two: Sequence[Any]) -> dict[str, Any]:
        return wizard({**self.first, "option_sets": [*one]}, {**self.second, "option_sets": [*two]}, name="Twenty questions")

    def answers(self, structure: Structure, draw: Random) -> dict[str, Any]:
        """Twenty answers, of which two ages in a hundred are no numbers."""
        known = {
            self.color["id"]: draw.choice(("blue", "red", "green")),
            self.pet["id"]: draw.choice(("cat", "dog", "fish")),
            self.age["id"]: "unknown" if draw.random() < 0.02 else str(draw.randrange(18, 95)),
            self.fax["id"]: f"030 {draw.randrange(10**6)}",
        }
        return {each.id: known.get(each.id) or drawn_value(each.selection_type, draw) for each in structure.option_sets}


def _named(*codes: str) -> list[dict[str, Any]]:
    return [option(code) for code in codes]


@dataclass(frozen=True, slots=True)
class Moving:
    """A wizard of two versions whose runs are on the first, and its plan."""

    world: World
    form: Form
    wizard_id: str
    runs: int
    plan: StoredPlan

    @classmethod
    def of(cls, world: World, runs: int) -> "Moving":
        form = Form()
        wizard_id = made_wizard(world, form.before())
        filled(world, wizard_id, runs, form.answers)
        return cls(world, form, wizard_id, runs, world.run(lambda resources: _planned(resources, wizard_id, form.after())))


async def _planned(resources: Resources, wizard_id: str, structure: dict[str, Any]) -> StoredPlan:
    ctx = operator(resources)
    async with open_write(resources.engine) as tx:
        state = await get_draft(tx, ctx.actor, wizard_id)
        edited = await replace_draft(ctx, tx, wizard_id, structure, str(state.wizard.draft_revision))
        report = await report_of_publish(ctx, tx, wizard_id, Publishing())
        consent = Consent(seen=str(edited.state.wizard.draft_revision), confirm=report.token)
        await publish_draft(ctx, tx, wizard_id, Publishing(), consent)
    async with open_write(resources.engine) as tx:
        said = Said(mapping={"color": {"to": "color", "params": {"options": {"blue": "azure"}}}})
        return (await plan_migration(ctx, tx, wizard_id, PlanRequest(source=(1,), target=2, said=said))).stored


# --- a job and its workers -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Took:
    """What a job needed: seconds from its first worker's beginning to its last one's end, and the most memory that a worker held."""

    seconds: float
    memory: int


def _worked(moving: Moving, job: Job, workers: int) -> Took:
    """The job, done by so many processes, which are there and connected before the clock starts, as those of a service are."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(workers + 1)
    told: Any = context.Queue()
    home, url = str(moving.world.settings.home), moving.world.server.url
    hands = [context.Process(target=_hand, args=(home, url, job.id, barrier, told)) for _ in range(workers)]
    for hand in hands:
        hand.start()
    barrier.wait()
    began = time.perf_counter()
    memory = max(told.get() for _ in hands)
    took = time.perf_counter() - began
    for hand in hands:
        hand.join()
    done = moving.world.run(lambda resources: _job(resources, job.id))
    assert done.state in ("completed", "completed_with_conflicts"), done
    assert sum((done.counts or {})["outcomes"].values()) == _expected(moving, done), done.counts
    return Took(took, memory)


def _expected(moving: Moving, job: Job) -> int:
    """An undo is about what was moved; the others about every run."""
    return _on_target(moving.world, job) if job.kind == "undo" else moving.runs


def _on_target(world: World, job: Job) -> int:
    return int(world.sql(f"SELECT count(*) FROM run_revisions WHERE job_id = '{job.undoes}'")[0][0])


def _hand(home: str, url: str, job_id: str, barrier: Barrier, told: Any) -> None:
    """One worker in a process of its own."""

    async def work() -> None:
        settings = settings_from({"KEEPSTEP_HOME": home})
        async with open_resources(settings, url, timeouts=PATIENT) as resources:
            await _job(resources, job_id)
            keep_what_is_there()
            barrier.wait()
            while await work_on(resources, job_id, Pace(share=3_600)) == "again":
                pass

    asyncio.run(work())
    told.put(_most_held())


def _most_held() -> int:
    """The most memory that this process held, in bytes. What `getrusage` says counts what its parent held when it was made."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024


async def _job(resources: Resources, job_id: str) -> Job:
    async with open_read(resources.engine) as tx:
        return await load_job(tx, job_id)


async def _previewing(resources: Resources, moving: Moving) -> Job:
    async with open_write(resources.engine) as tx:
        return await preview_plan(operator(resources), tx, moving.plan.id)


async def _applying(resources: Resources, moving: Moving, preview_id: str) -> Job:
    ctx = operator(resources)
    async with open_write(resources.engine) as tx:
        wizard = await get_wizard(tx, SYSTEM, moving.wizard_id)
        confirm = confirm_token(ctx, moving.plan, await load_job(tx, preview_id), wizard.active_version_id)
        return await apply_plan(ctx, tx, moving.plan.id, confirm)


async def _undoing(resources: Resources, job_id: str) -> Job:
    async with open_write(resources.engine) as tx:
        return await undo_job(operator(resources), tx, job_id)


# --- the same in SQL -------------------------------------------------------------------------------------------------

_SQL: Final = """
WITH heads AS (
  SELECT run.id, run.revision, head.language, head.status, head.answers, head.archive, head.asked, head.evaluated_at, head.evaluated_zone,
    head.content_digest, head.answers -> '{age}' AS age, head.answers -> '{pet}' AS pet, head.answers -> '{color}' AS color
  FROM wizard_runs AS run JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision
  WHERE run.origin_wizard_id = '{wizard}' AND run.wizard_version_id = '{source}' AND run.trashed_at IS NULL
  FOR UPDATE OF run
), fitting AS (
  SELECT * FROM heads WHERE age ->> 'value' ~ '^-?[0-9]+$'
), items AS (
  INSERT INTO migration_items (run_id, job_id, number, outcome, option_set_id, code, revision, moved, at)
  SELECT id, '{job}', 1, 'conflicts', '{age}', 'not-a-number', revision, false, now() FROM heads WHERE age ->> 'value' !~ '^-?[0-9]+$'
), revisions AS (
  INSERT INTO run_revisions (run_id, revision, wizard_version_id, language, status, answers, archive, asked, evaluated_at, evaluated_zone,
    cause, job_id, at, salt, content_digest, previous_digest)
  SELECT id, revision + 1, '{target}', language, status,
    (answers - '{fax}'::text) || jsonb_build_object(
      '{color}', {recoded},
      '{pet}', {wrapped},
      '{age}', {counted}),
    archive || jsonb_build_object('{fax}', (answers -> '{fax}') || jsonb_build_object('from', '{source}')),
    substring(asked FROM 1 FOR 3) || substring(asked FROM 5) || B'0', evaluated_at, evaluated_zone,
    'migration', '{job}', now(), uuid_send(gen_random_uuid()), content_digest, content_digest
  FROM fitting
)
UPDATE wizard_runs AS run SET revision = run.revision + 1, wizard_version_id = '{target}', save_number = 0, saved_by = NULL,
  updated_at = now()
FROM fitting WHERE run.id = fitting.id
"""
_BACK: Final = """
WITH heads AS (
  SELECT run.id, run.revision AS moved, head.content_digest AS digest, before.*
  FROM run_revisions AS head JOIN wizard_runs AS run ON head.run_id = run.id AND head.revision = run.revision
  JOIN run_revisions AS before ON before.run_id = run.id AND before.revision = run.revision - 1
  WHERE head.job_id = '{job}'
  FOR UPDATE OF run
), revisions AS (
  INSERT INTO run_revisions (run_id, revision, wizard_version_id, language, status, answers, archive, asked, evaluated_at, evaluated_zone,
    cause, job_id, at, salt, content_digest, previous_digest)
  SELECT id, moved + 1, wizard_version_id, language, status, answers, archive, asked, evaluated_at, evaluated_zone,
    'undo', '{undo}', now(), uuid_send(gen_random_uuid()), content_digest, digest
  FROM heads
)
UPDATE wizard_runs AS run SET revision = run.revision + 1, wizard_version_id = heads.wizard_version_id, save_number = 0, updated_at = now()
FROM heads WHERE run.id = heads.id
"""


def _in_sql(moving: Moving) -> tuple[float, float]:
    """Seconds of the two statements, there and back, each durable when it returns. Between them the answers are held to those of the
    job.
    """
    job, undo, world = new_id(), new_id(), moving.world
    source, target = (row[0] for row in world.sql(_VERSIONS.format(wizard=moving.wizard_id)))
    names = {"job": job, "undo": undo, "wizard": moving.wizard_id, "source": source, "target": target}
    names |= {name: getattr(moving.form, name)["id"] for name in ("color", "pet", "age", "fax")}
    world.sql(_JOB.format(**names))
    there = _timed(world, _SQL.format(**names, **{name: text.format(**names) for name, text in _ENVELOPES.items()}))
    differing = world.sql(_DIFFERING.format(job=job))
    assert differing == [], differing[:1]
    world.settle()
    return there, _timed(world, _BACK.format(**names))


def _timed(world: World, statement: str) -> float:
    began = time.perf_counter()
    world.sql(statement)
    return time.perf_counter() - began


_VERSIONS: Final = "SELECT id::text FROM wizard_versions WHERE origin_wizard_id = '{wizard}' ORDER BY version_number"
# Items name a job that there is.
_JOB: Final = """
INSERT INTO migration_jobs SELECT (jsonb_populate_record(last, '{{"id": "{job}"}}')).*
FROM migration_jobs AS last WHERE origin_wizard_id = '{wizard}' AND kind = 'undo' ORDER BY id DESC LIMIT 1
"""
_ENVELOPES: Final = {
    "recoded": """CASE color ->> 'value'
      WHEN 'blue' THEN jsonb_build_object('value', 'azure', 'source', 'conversion', 'rule', 'L1/1', 'params',
        jsonb_build_object('was', color - 'value', 'original', color -> 'value', 'given', '{{"options": {{"blue": "azure"}}}}'::jsonb))
      ELSE color || jsonb_build_object('source', 'conversion', 'rule', 'L1/1', 'params', jsonb_build_object('was', color - 'value')) END""",
    "wrapped": """jsonb_build_object('value', jsonb_build_array(pet -> 'value'), 'source', 'conversion', 'rule', 'L13/1', 'params',
      jsonb_build_object('was', pet - 'value'))""",
    "counted": """jsonb_build_object('value', (age ->> 'value')::int, 'source', 'conversion', 'rule', 'C6/1', 'params',
      jsonb_build_object('was', age - 'value', 'original', age -> 'value'))""",
}
# What the last job made of the same run, which is two revisions back: behind it lies its undo.
_DIFFERING: Final = """
SELECT ours.answers, sql.answers, ours.archive, sql.archive, ours.asked::text, sql.asked::text
FROM run_revisions AS sql JOIN run_revisions AS ours ON ours.run_id = sql.run_id AND ours.revision = sql.revision - 2
WHERE sql.job_id = '{job}' AND row(ours.answers, ours.archive, ours.asked, ours.wizard_version_id, ours.status)
  IS DISTINCT FROM row(sql.answers, sql.archive, sql.asked, sql.wizard_version_id, sql.status) LIMIT 1
"""


# --- the table -------------------------------------------------------------------------------------------------------


def moves(world: World) -> list[Measured]:
    """All that is asked of the engine, over few runs and over many."""
    few = Moving.of(world, min(FEW, RUNS))
    small = _round(few)
    many = _rounds(Moving.of(world, RUNS)) if few.runs < RUNS else [small, *(_round(few) for _ in range(ROUNDS - 1))]
    # Over as many runs as the few there is nothing to compare.
    return [*_speeds(many, RUNS), *([_memory(small, many, few.runs)] if few.runs < RUNS else [])]


Round = dict[str, Took]
_JOBS: Final = {"preview": 0.4, "apply": 0.4, "undo": 0.5}
_TWO: Final = {"preview": 0.8, "apply": 0.8, "undo": 0.5}


def _rounds(moving: Moving) -> list[Round]:
    return [_round(moving) for _ in range(ROUNDS)]


def _round(moving: Moving) -> Round:
    """Everything once, over the same runs; each job begins with what was before it written and counted."""
    took: Round = {}
    for workers in (1, 2):
        world = moving.world
        world.settle()
        preview = world.run(lambda resources: _previewing(resources, moving))
        if preview.is_active:
            took[f"preview {workers}"] = _worked(moving, preview, workers)
        applied = world.run(lambda resources: _applying(resources, moving, preview.id))  # noqa: B023 - run at once
        took[f"apply {workers}"] = _worked(moving, applied, workers)
        world.settle()
        undone = world.run(lambda resources: _undoing(resources, applied.id))  # noqa: B023 - run at once
        took[f"undo {workers}"] = _worked(moving, undone, workers)
    moving.world.settle()
    there, back = _in_sql(moving)
    moving.world.settle()
    return took | {"sql": Took(there, 0), "sql back": Took(back, 0)}


def _speeds(rounds: Sequence[Round], runs: int) -> list[Measured]:
    def speed(name: str) -> float:
        return runs / median(each[name].seconds for each in rounds)

    found = []
    for workers, targets in ((1, _JOBS), (2, _TWO)):
        for name, target in targets.items():
            value, floor = speed(f"{name} {workers}"), speed("sql")
            title = f"{name} of {runs:,} runs of 20 answers, {workers} worker{'s' * (workers > 1)}"
            how = "one SQL statement that does what apply does"
            found.append(Measured(title, value, "runs/s", floor, how, f"≥ {target}", value / floor >= target))
    back = Measured("the undo as one SQL statement", speed("sql back"), "runs/s", speed("sql"), "the same of apply", "", met=True)
    return [*found, back]


def _memory(small: Round, many: Sequence[Round], few: int) -> Measured:
    held, floor = (max(took.memory for each in rounds for took in each.values()) / 2**20 for rounds in (many, [small]))
    name = f"most memory of a worker over {RUNS:,} runs"
    return Measured(name, held, "MB", floor, f"the same over {few:,} runs", "≤ 1.1", held <= 1.1 * floor)
