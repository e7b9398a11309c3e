"""What one saved page costs: evaluating and judging a whole run of a real, long form, and finding the problems of a huge one."""

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.small_structures import CLOCK, one_page, qid, question, var

from keepstep.core.faults import problems_in
from keepstep.core.flow import evaluate, flow_of
from keepstep.core.structure import Structure, choices_of
from keepstep.core.validate import verdict_on
from keepstep.interchange.xlsform import read_xlsform, structure_from_xlsform

# The budget is 3 ms on the machine of docs/benchmarks.md; a busy or slower machine gets four times that before this fails.
BUDGET = 0.003
SLACK = 4


def least_time(work: Callable[[], object], repeats: int = 15) -> float:
    """Seconds of processor time of the quickest of several runs: the one that nothing else disturbed."""

    def once() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return min(once() for _ in range(repeats))


def answered_in_full(structure: Structure) -> dict[str, dict[str, Any]]:
    """An answer to every choice and every whole number: more than any real run of the form holds."""
    first = [(item, options[0].value) for item in structure.option_sets if (options := choices_of(item))]
    given: dict[str, Any] = {item.id: [value] if item.selection_type == "multiple_select" else value for item, value in first}
    numbers = {item.id: 7 for item in structure.option_sets if item.selection_type == "integer"}
    return {name: {"value": value} for name, value in (given | numbers).items()}


@pytest.mark.real_input
def test_a_run_of_the_real_form_is_evaluated_and_judged_within_the_budget(real_inputs: Path) -> None:
    ids = count(1)
    workbook = read_xlsform((real_inputs / "who-va-1.5.2.xlsx").read_bytes(), "who-va-1.5.2.xlsx")
    structure, _ = structure_from_xlsform(workbook, lambda: qid(next(ids)))
    answers = answered_in_full(structure)
    flow_of(structure)
    assert len(answers) > 400
    assert least_time(lambda: verdict_on(answers, structure, evaluate(structure, answers, CLOCK), "complete")) < BUDGET * SLACK


def test_the_problems_of_four_thousand_questions_are_found_while_somebody_types() -> None:
    structure = one_page(*(question(n, visible_if={"==": [var(n - 1), "x"]} if n > 1 else None) for n in range(1, 4_001)))
    assert least_time(lambda: problems_in(structure), 3) < 1
