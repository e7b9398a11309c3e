"""A condition that people build and the expression that it is say the same."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.expression_strategies import NAMES, expressions, values
from tests.strategies import CLOCK

from keepstep.core.conditions import COMPARING, TODAY, Condition, Rule, built, parsed, simplified
from keepstep.core.logic import Scope, evaluate_expression, faults_in, truth

LITERALS = st.one_of(st.sampled_from(["yes", "no", "18", "2026-03-27"]), st.integers(-5, 5), st.booleans(), st.just(dict(TODAY)))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    name, operator = draw(st.sampled_from(NAMES)), draw(st.sampled_from([*COMPARING, "not-includes", "one-of", "contains", "answered"]))
    if operator == "answered":
        return Rule(name, draw(st.sampled_from(["answered", "not-answered"])))
    if operator == "one-of":
        return Rule(name, operator, tuple(draw(st.lists(st.sampled_from(["yes", "no", "b"]), min_size=1, max_size=3))))
    return Rule(name, operator, draw(st.sampled_from(["a", "b"]) if operator == "contains" else LITERALS))


def blocks(least: int) -> st.SearchStrategy[Any]:
    return st.lists(st.lists(rules(), min_size=1, max_size=3).map(tuple), min_size=least, max_size=4).map(tuple)


CONDITIONS = st.builds(Condition, st.sampled_from(["all", "any"]), blocks(1))
SCOPES = st.dictionaries(st.sampled_from(NAMES), values(), max_size=3).map(lambda known: Scope(CLOCK, known, {}))


def holds(expression: Any, scope: Scope) -> bool:
    return truth(evaluate_expression(expression, scope))


@given(CONDITIONS)
def test_what_is_built_is_well_formed_and_read_back_as_the_same_expression(condition: Condition) -> None:
    expression = built(condition)
    assert faults_in(expression) == ()
    again = parsed(expression)
    assert again is not None
    assert built(again) == simplified(expression)


@given(st.sampled_from(["all", "any"]), blocks(2))
def test_two_blocks_of_two_rules_are_read_back_block_by_block(how: Any, some: Any) -> None:
    condition = Condition(how, tuple((*block, *block)[:2] for block in some))
    assert parsed(built(condition)) == condition


@given(st.one_of(expressions(), CONDITIONS.map(built)), SCOPES)
def test_writing_a_condition_in_one_way_never_changes_whether_it_holds(expression: Any, scope: Scope) -> None:
    assert holds(simplified(expression), scope) == holds(expression, scope)


@given(expressions())
def test_whatever_an_expression_is_nothing_of_it_is_lost(expression: Any) -> None:
    found = parsed(expression)
    assert (found is None) == (expression is None)
    assert found is None or built(found) == simplified(expression)
