"""docs/logic.md names every operator, with its arguments, and each of its examples comes out as it says."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.small_structures import CLOCK

from keepstep.core.jsonvalue import loads
from keepstep.core.logic import LEAVES, MAX_EXPRESSION_DEPTH, OPERATORS, Scope, evaluate_expression, faults_in
from keepstep.core.logic_values import MAX_TEXT_RESULT
from keepstep.core.operators import ARITHMETIC, MAX_LIST_RESULT
from keepstep.core.structure import SCHEMA_VERSION

PAGE = (Path(__file__).parents[2] / "docs/logic.md").read_text(encoding="utf-8")
SCOPE = Scope(CLOCK, {"age": 34, "colors": ["red", "blue"]}, {"color": "turquoise"})


class Row(NamedTuple):
    operator: str
    arguments: str
    meaning: str
    expression: str
    result: str


ROWS = [Row(*found) for found in re.findall(r"^\| `(\S+)` \| (.+?) \| (.+?) \| `(.+)` is `(.+)` \|$", PAGE, re.MULTILINE)]


def arity(operator: str) -> str:
    if operator in LEAVES:
        return "1"
    least, most, _ = OPERATORS[operator]
    return f"{least} …" if most is None else str(least) if least == most else f"{least} to {most}"


def test_every_operator_has_one_row_and_no_row_has_no_operator() -> None:
    assert sorted(row.operator for row in ROWS) == sorted([*OPERATORS, *LEAVES])
    assert PAGE.count("\n| `") == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operator)
def test_a_row_tells_how_many_arguments_there_are_and_its_example_comes_out(row: Row) -> None:
    expression = loads(row.expression)
    assert list(expression) == [row.operator]
    assert row.arguments == arity(row.operator)
    assert row.meaning.endswith(".")
    assert faults_in(expression) == ()
    value, expected = evaluate_expression(expression, SCOPE), loads(row.result)
    assert (value, isinstance(value, bool)) == (expected, isinstance(expected, bool))


def test_the_limits_are_those_of_the_code() -> None:
    wanted = [f"schema_version {SCHEMA_VERSION}**", f"{MAX_TEXT_RESULT:,} characters", f"{MAX_LIST_RESULT:,} items"]
    wanted += [f"{ARITHMETIC.prec} digits", f"most {MAX_EXPRESSION_DEPTH} levels"]
    assert [text for text in wanted if text not in PAGE] == []
