"""What needs no database: differences of large structures, and one real run evaluated and validated."""

import copy
import random
from datetime import UTC, datetime
from statistics import median

import uuid_utils

from bench.measure import Measured, median_seconds
from bench.world import INPUTS, SEED, World, many_questions
from keepstep.core import jsonvalue
from keepstep.core.clock import Clock
from keepstep.core.diff import diff
from keepstep.core.flow import evaluate
from keepstep.core.structure import Structure, dump, parse
from keepstep.core.validate import verdict_on
from keepstep.interchange.formats_wizard import read_wizard
from keepstep.interchange.runs_in import ReadOptions, read_runs_csv

CLOCK = Clock(datetime(2026, 3, 3, 9, tzinfo=UTC))
DIFF_TARGET = 0.050


def differences(_world: World) -> list[Measured]:
    """Two structures of 2,000 questions, a tenth of them renamed, and all of them."""
    return [_difference(200), _difference(2_000)]


def _difference(renamed: int) -> Measured:
    old = many_questions(2_000)
    new = copy.deepcopy(old)
    sets = [each for each_step in new["steps"] for each in each_step["option_sets"]]
    for changed in random.Random(SEED).sample(sets, renamed):
        changed["name"] += " (new)"
    before, after = parse(old), parse(new)
    assert len(diff(before, after)) == renamed
    took = median_seconds(lambda: diff(before, after))
    floor = median_seconds(lambda: (dump(before), dump(after)))
    name = f"diff of two structures of 2,000 questions, {renamed:,} renamed"
    return Measured(name, took * 1e3, "ms", floor * 1e3, "writing both as plain values", "≤ 50 ms", took <= DIFF_TARGET)


def real_form() -> Structure:
    """The verbal autopsy form among the real inputs."""
    path = INPUTS / "who-va-1.5.2.xlsx"
    return read_wizard(path.read_bytes(), path.name, make_id=lambda: str(uuid_utils.uuid7()))[0]


def evaluation(_world: World) -> list[Measured]:
    """One real run of 594 rows of form: every condition, calculation and rule."""
    structure = real_form()
    content = (INPUTS / "who-va-runs.csv").read_bytes()
    runs = list(read_runs_csv(content, structure, ReadOptions(CLOCK)))[:100]
    texts = [jsonvalue.dumps(dict(run.answers)) for run in runs]

    def judged(index: int) -> None:
        answers = runs[index].answers
        verdict_on(answers, structure, evaluate(structure, answers, CLOCK), "complete")

    judged(0)
    took = median(median_seconds(lambda index=index: judged(index)) for index in range(len(runs)))  # type: ignore[misc]  # mypy types no default of a lambda
    floor = median(median_seconds(lambda text=text: jsonvalue.loads(text)) for text in texts)  # type: ignore[misc]  # as above
    return [Measured("evaluation and validation of one WHO run", took * 1e3, "ms", floor * 1e3, "parsing its answers", "", met=True)]
