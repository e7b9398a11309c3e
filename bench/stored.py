"""What runs cost once they are stored: bytes for each, the impact report over all of them, and checking every digest."""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from bench.measure import Measured, medians
from bench.world import SEED, World, drawn_value, made_wizard, many_questions
from keepstep.actions.confirm import counted_report
from keepstep.actions.revisions import COLUMNS, NewRevision, revision_row
from keepstep.cli.opening import operator
from keepstep.config import Resources
from keepstep.core.structure import Structure, dump, parse
from keepstep.db.tables import run_revisions, wizard_runs
from keepstep.db.transaction import open_read, open_write
from keepstep.queries.answer_counts import answer_counts, forget_counts
from keepstep.queries.integrity import Scope, verify
from keepstep.queries.versions import Version, version_by_number

RUNS = int(os.environ.get("KEEPSTEP_BENCH_RUNS", "100000"))
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 5_000
_RUN_COLUMNS = (
    "id",
    "origin_wizard_id",
    "wizard_id",
    "wizard_version_id",
    "status",
    "revision",
    "save_number",
    "language",
    "started_at",
    "updated_at",
    "completed_at",
)


# --- filling -------------------------------------------------------------------------------------------------------


Drawn = Callable[[Structure, random.Random], dict[str, Any]]
"""The values of one run, by option set."""


def drawn_answers(structure: Structure, draw: random.Random) -> dict[str, Any]:
    """An answer to every question, at random."""
    return {each.id: drawn_value(each.selection_type, draw) for each in structure.option_sets}


def filled(world: World, wizard_id: str, count: int, answers: Drawn = drawn_answers) -> None:
    """So many completed runs of the wizard, by COPY, each with a real revision: its salt, its digest, its asked bits."""

    async def fill(resources: Resources) -> None:
        async with open_read(resources.engine) as tx:
            version = await version_by_number(tx, wizard_id, 1)
        draw = random.Random(SEED)
        for start in range(0, count, _BATCH):
            drawn = [answers(version.structure, draw) for _ in range(start, min(start + _BATCH, count))]
            revisions = list(_revisions(resources, version, draw, (start, drawn)))
            async with open_write(resources.engine) as tx:
                await tx.copy(wizard_runs, _RUN_COLUMNS, [_run(row, wizard_id) for row in revisions])
                await tx.copy(run_revisions, COLUMNS, [tuple(row[name] for name in COLUMNS) for row in revisions])

    world.run(fill)
    world.settle()


def _revisions(
    resources: Resources, version: Version, draw: random.Random, drawn: tuple[int, Sequence[dict[str, Any]]]
) -> Iterator[dict[str, Any]]:
    start, answers = drawn
    for number, values in enumerate(answers, start=start):
        at = BEGAN + timedelta(seconds=number)
        new = NewRevision(
            run_id=resources.make_id(),
            revision=1,
            version=version,
            language="en",
            status="completed",
            answers={name: {"value": value, "source": "respondent"} for name, value in values.items()},
            archive={},
            asked="1" * len(values),
            evaluated_at=at,
            zone="UTC",
            cause="respondent",
            actor=None,
            at=at,
            previous_digest=None,
        )
        yield revision_row(new, draw.randbytes(16))


def _run(row: dict[str, Any], wizard_id: str) -> tuple[Any, ...]:
    at = row["at"]
    return (row["run_id"], wizard_id, wizard_id, row["wizard_version_id"], "completed", 1, 0, "en", at, at, at)


# --- storage -------------------------------------------------------------------------------------------------------

_BY_ROW = """
CREATE TABLE bench_answers AS
SELECT run.id AS run_id, option_sets.option_set_id, run.wizard_version_id, option_sets.option_set_snapshot, option_sets.step_snapshot,
  head.answers -> option_sets.option_set_id::text AS response_value, head.at AS answered_at
FROM wizard_runs AS run JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision
JOIN version_option_sets AS option_sets ON option_sets.version_id = head.wizard_version_id
WHERE run.origin_wizard_id = '{wizard}'
"""


def storage(world: World) -> list[Measured]:
    """Bytes on disk for each run with all its indexes, and for the same answers as one row each with a full snapshot in it."""
    return [_storage_of(world, questions) for questions in (10, 100)]


def _storage_of(world: World, questions: int) -> Measured:
    count = 5_000 if questions == 10 else 1_000
    before = _bytes(world, "wizard_runs", "run_revisions")
    wizard_id = made_wizard(world, many_questions(questions))
    filled(world, wizard_id, count)
    ours = (_bytes(world, "wizard_runs", "run_revisions") - before) / count
    world.sql(_BY_ROW.format(wizard=wizard_id))
    world.sql("ALTER TABLE bench_answers ADD PRIMARY KEY (run_id, option_set_id)")
    # A row for each run is needed there, too.
    runs = _bytes(world, "wizard_runs") / world.sql("SELECT count(*) FROM wizard_runs")[0][0]
    floor = _bytes(world, "bench_answers") / count + runs
    world.sql("DROP TABLE bench_answers")
    name = f"storage of a run with {questions} answers"
    return Measured(name, ours, "bytes", floor, "a row for each answer with its snapshot", "≤ 0.4", ours / floor <= 0.4)


def _bytes(world: World, *tables: str) -> int:
    world.sql("CHECKPOINT")
    return sum(int(world.sql(f"SELECT pg_total_relation_size('{table}')")[0][0]) for table in tables)


# --- impact --------------------------------------------------------------------------------------------------------

_READ_ALL = text("""
  SELECT count(*) FROM wizard_runs AS run JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision
  CROSS JOIN LATERAL jsonb_each(head.answers) AS given WHERE run.origin_wizard_id = CAST(:wizard AS uuid)
""")


def impact(world: World) -> list[Measured]:
    """The report on a wizard of 100 questions with all its runs, counted exactly."""
    wizard_id = made_wizard(world, many_questions(100))
    filled(world, wizard_id, RUNS)
    whole_structure = world.run(lambda resources: _structure(resources, wizard_id))
    steps = dump(whole_structure)["steps"]
    without_one = [{**steps[0], "option_sets": steps[0]["option_sets"][1:]}, *steps[1:]]
    name = f"impact report over {RUNS:,} runs of 100 questions"
    found: list[Measured] = []
    for what, left, target in (("one question removed", without_one, 3.0), ("the whole wizard", [], 12.0)):
        new = parse({**dump(whole_structure), "steps": left})
        took, floor = medians(
            lambda new=new: world.run(lambda resources: _reported(resources, wizard_id, whole_structure, new)),  # type: ignore[misc]  # mypy types no default of a lambda
            lambda: world.run(lambda resources: _read(resources, wizard_id)),
        )
        found.append(Measured(f"{name}: {what}", took, "s", floor, "reading every answer once in SQL", f"≤ {target:g} s", took <= target))
    return found


async def _structure(resources: Resources, wizard_id: str) -> Structure:
    async with open_read(resources.engine) as tx:
        return (await version_by_number(tx, wizard_id, 1)).structure


async def _reported(resources: Resources, wizard_id: str, old: Structure, new: Structure) -> float:
    async with open_read(resources.engine) as tx:
        began = time.perf_counter()
        report = await counted_report(operator(resources), tx, wizard_id, old=old, new=new)
        took = time.perf_counter() - began
    assert not report.impact.at_most
    return took


async def _read(resources: Resources, wizard_id: str) -> float:
    async with open_read(resources.engine) as tx:
        began = time.perf_counter()
        await tx.scalar(_READ_ALL, {"wizard": wizard_id})
        return time.perf_counter() - began


# --- counts beside every question ------------------------------------------------------------------------------------


def beside(world: World) -> list[Measured]:
    """Answers and versions of each of 500 questions: counted for the first time, and again when no run was changed since."""
    wizard_id = made_wizard(world, many_questions(500))
    count = 2_000
    filled(world, wizard_id, count)

    def first() -> float:
        forget_counts()
        return world.run(lambda resources: _counted(resources, wizard_id))

    async def twice(resources: Resources) -> float:
        await _counted(resources, wizard_id)
        return await _counted(resources, wizard_id)

    took, again, floor = medians(first, lambda: world.run(twice), lambda: world.run(lambda resources: _read(resources, wizard_id)))
    name = f"counts beside 500 questions with {count:,} runs"
    floor_name = "reading every answer once in SQL"
    return [
        Measured(f"{name}, the first time", took, "s", floor, floor_name, "≤ 3 s, after the page", took <= 3),
        Measured(f"{name}, again", again, "s", floor, floor_name, "≤ 0.05 s", again <= 0.05),
    ]


async def _counted(resources: Resources, wizard_id: str) -> float:
    async with open_read(resources.engine) as tx:
        began = time.perf_counter()
        await answer_counts(tx, wizard_id)
        return time.perf_counter() - began


# --- verify --------------------------------------------------------------------------------------------------------


def verification(world: World) -> list[Measured]:
    """Every digest and chain of a wizard's runs recomputed."""
    wizard_id = made_wizard(world, many_questions(100))
    count = 2_000
    filled(world, wizard_id, count)
    took, floor = medians(
        lambda: world.run(lambda resources: _verified(resources, wizard_id)),
        lambda: world.run(lambda resources: _fetched(resources, wizard_id)),
    )
    return [Measured("verify, runs of 100 answers", count / took, "runs/s", count / floor, "fetching the same rows", "", met=True)]


async def _verified(resources: Resources, wizard_id: str) -> float:
    async with open_read(resources.engine) as tx:
        began = time.perf_counter()
        result = await verify(tx, Scope(wizard_id))
        took = time.perf_counter() - began
    assert result.is_intact
    return took


async def _fetched(resources: Resources, wizard_id: str) -> float:
    rows = (
        run_revisions.select()
        .join(wizard_runs, wizard_runs.c.id == run_revisions.c.run_id)
        .where(wizard_runs.c.origin_wizard_id == wizard_id)
    )
    async with open_read(resources.engine) as tx:
        began = time.perf_counter()
        await tx.rows(rows)
        return time.perf_counter() - began
