"""How far a respondent has to go: never further than was said, whatever they answer."""

import itertools
from typing import Any

import pytest
from tests.small_structures import CLOCK, qid, question

from keepstep.core.flow import evaluate, steps_asked
from keepstep.core.reachable import ahead_of
from keepstep.core.structure import Structure, parse

YES = {"value": "yes"}


def is_yes(*keys: int) -> list[dict[str, Any]]:
    return [{"==": [{"var": qid(key)}, "yes"]} for key in keys]


CONDITIONS: dict[int, Any] = {
    3: is_yes(1)[0],
    4: {"and": is_yes(1, 2)},
    5: {"or": is_yes(1, 3)},
    6: {"!": is_yes(2)},
}


def structure() -> Structure:
    steps = [
        {
            "id": f"018f0000-0000-7000-8000-0000000001{number:02}",
            "key": f"step-{number}",
            "name": f"Step {number}",
            "visible_if": CONDITIONS.get(number),
            "option_sets": [question(number, "text_input")],
        }
        for number in range(1, 7)
    ]
    return parse({"schema_version": 1, "name": "Way", "languages": ["en"], "default_language": "en", "steps": steps})


@pytest.mark.parametrize("given", list(itertools.product(("yes", "no"), repeat=3)))
def test_the_total_shrinks_on_the_way_and_never_grows(given: tuple[str, ...]) -> None:
    made, totals = structure(), list[int]()
    answers: dict[str, dict[str, Any]] = {}
    while True:
        evaluation = evaluate(made, answers, CLOCK)
        shown = steps_asked(made, evaluation.asked)
        if len(answers) == len(shown):
            break
        step = shown[len(answers)]
        totals.append(len(answers) + 1 + ahead_of(made, step.id, evaluation.scope).steps)
        answers[step.option_sets[0].id] = {"value": given[len(answers) % 3]}
    assert totals == sorted(totals, reverse=True)
    assert totals[0] == 6
    assert min(totals) >= len(answers)


def test_what_is_decided_is_no_guess() -> None:
    made = structure()
    first = ahead_of(made, made.steps[0].id, evaluate(made, {}, CLOCK).scope)
    answers = {qid(1): {"value": "no"}, qid(2): {"value": "yes"}}
    second = ahead_of(made, made.steps[1].id, evaluate(made, answers, CLOCK).scope)
    assert (first.open, second.open) == (True, True)
    last = ahead_of(made, made.steps[4].id, evaluate(made, answers, CLOCK).scope)
    assert (last.steps, last.open) == (0, False)
