"""Laws of the logic: total, exact, null-safe, the same for ever."""

import copy
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.expression_strategies import NAMES, expressions, is_flat_value, json_values, scalars, values
from tests.small_structures import CLOCK

from keepstep.core.folding import known_value
from keepstep.core.jsonvalue import dumps, loads, unstorable
from keepstep.core.logic import Scope, compare, compile_expression, evaluate_expression, faults_in, references, rewritten

scopes = st.builds(
    lambda answered, others, dot: Scope(CLOCK, answered, others, dot),
    st.dictionaries(st.sampled_from(NAMES), values().filter(lambda value: value is not None)),
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=3)),
    values(),
)


def same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


@given(expressions(), scopes)
def test_every_well_formed_expression_has_a_value_that_can_be_stored(expression: Any, scope: Scope) -> None:
    # Any text may be drawn as the pattern of `matches`.
    assert {fault.code for fault in faults_in(expression)} <= {"pattern-invalid"}
    value = evaluate_expression(expression, scope)
    assert is_flat_value(value)
    assert unstorable(value) is None
    assert loads(dumps(value)) == value


@given(expressions(), scopes)
def test_evaluating_twice_or_from_a_copy_gives_the_same_and_changes_nothing(expression: Any, scope: Scope) -> None:
    before = copy.deepcopy((expression, dict(scope.values)))
    compiled = compile_expression(expression)
    assert same(compiled(scope), compiled(scope))
    assert same(compiled(scope), evaluate_expression(loads(dumps(expression)), scope))
    assert before == (expression, dict(scope.values))


@given(json_values(), scopes)
def test_any_json_at_all_can_be_compiled_searched_and_evaluated(expression: Any, scope: Scope) -> None:
    faults = faults_in(expression)
    references(expression)
    if not faults:
        assert is_flat_value(evaluate_expression(expression, scope))
    else:
        evaluate_expression(expression, scope)


@given(expressions(), scopes)
def test_only_what_is_referenced_is_read(expression: Any, scope: Scope) -> None:
    read = {reference.option_set_id for reference in references(expression)}
    narrowed = Scope(
        CLOCK,
        {name: value for name, value in scope.values.items() if name in read},
        {name: text for name, text in scope.others.items() if name in read},
        scope.dot,
    )
    assert same(evaluate_expression(expression, narrowed), evaluate_expression(expression, scope))


@given(expressions(), scopes)
def test_renaming_every_id_changes_no_value(expression: Any, scope: Scope) -> None:
    ids = {name: f"new-{name}" for name in NAMES}
    answered, others = ({ids[name]: value for name, value in each.items()} for each in (scope.values, scope.others))
    renamed = Scope(CLOCK, answered, others, scope.dot)
    assert same(evaluate_expression(rewritten(expression, ids), renamed), evaluate_expression(expression, scope))
    assert rewritten(rewritten(expression, ids), {new: old for old, new in ids.items()}) == expression


@given(expressions(), scopes, st.sets(st.sampled_from(NAMES)))
def test_what_is_known_beforehand_is_what_comes_out(expression: Any, scope: Scope, silent: set[str]) -> None:
    known = known_value(expression, silent)
    heard = {name: value for name, value in scope.values.items() if name not in silent}
    others = {name: text for name, text in scope.others.items() if name not in silent}
    if known is not None:
        assert same(known.value, evaluate_expression(expression, Scope(CLOCK, heard, others, scope.dot)))


@given(values(), values())
def test_comparing_is_antisymmetric_and_unequal_is_not_equal(one: Any, other: Any) -> None:
    forward, backward = compare(one, other), compare(other, one)
    assert (forward is None) == (backward is None)
    assert forward is None or backward is None or forward == -backward
    scope = Scope(CLOCK)
    assert evaluate_expression({"!=": [one, other]}, scope) is not evaluate_expression({"==": [one, other]}, scope)


@given(scalars())
def test_everything_answered_equals_itself(value: Any) -> None:
    assert compare(value, value) == (None if value is None else 0)


small = st.one_of(st.integers(-(10**12), 10**12), st.decimals(-1000, 1000, places=4))


@given(st.lists(small, min_size=2, max_size=5))
def test_sums_and_products_are_exact(numbers: list[int | Decimal]) -> None:
    scope = Scope(CLOCK)
    assert Fraction(evaluate_expression({"+": numbers}, scope)) == sum(Fraction(number) for number in numbers)
    first, second = numbers[:2]
    assert Fraction(evaluate_expression({"*": [first, second]}, scope)) == Fraction(first) * Fraction(second)
    assert Fraction(evaluate_expression({"-": [first, second]}, scope)) == Fraction(first) - Fraction(second)


@given(st.dates(), st.integers(-400_000, 400_000))
def test_a_date_moved_by_days_is_that_many_days_away(day: Any, days: int) -> None:
    scope = Scope(CLOCK)
    moved = evaluate_expression({"+": [day.isoformat(), days]}, scope)
    if moved is not None:
        assert evaluate_expression({"-": [moved, day.isoformat()]}, scope) == days
        assert evaluate_expression({"-": [moved, days]}, scope) == day.isoformat()
