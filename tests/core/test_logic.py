"""The operators: null-safe, exact, in time, and bounded whatever the answers are."""

from decimal import Decimal, getcontext, localcontext
from typing import Any

import pytest
from tests.small_structures import CLOCK

from keepstep.core.logic import (
    MAX_EXPRESSION_DEPTH,
    OPERATORS,
    Reference,
    Scope,
    as_date,
    as_number,
    compare,
    evaluate_expression,
    faults_in,
    references,
    references_itself,
    rewritten,
    to_text,
)
from keepstep.core.logic_values import MAX_TEXT_RESULT
from keepstep.core.operators import MAX_LIST_RESULT

A, B = {"var": "a"}, {"var": "b"}


def value_of(expression: Any, **values: Any) -> Any:
    return evaluate_expression(expression, Scope(CLOCK, values, {"a": "own words"}))


@pytest.mark.parametrize("operator", ["==", "<", "<=", ">", ">=", "in", "selected"])
@pytest.mark.parametrize("args", [[A, "x"], ["x", A], [A, B], [A, None]])
def test_a_comparison_with_an_unanswered_side_is_false(operator: str, args: list[Any]) -> None:
    assert value_of({operator: args}) is False


@pytest.mark.parametrize(("left", "right"), [("x", "x"), ("x", "y"), (None, "x"), (None, None), (1, "1"), (True, 1), (["x"], "x")])
def test_unequal_is_the_negation_of_equal(left: Any, right: Any) -> None:
    assert value_of({"!=": [left, right]}) is not value_of({"==": [left, right]})


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%"])
@pytest.mark.parametrize("args", [[A, 1], [1, A], [A, B]])
def test_arithmetic_with_an_unanswered_side_is_unanswered(operator: str, args: list[Any]) -> None:
    assert value_of({operator: args}) is None


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (True, 1, None),
        (False, 0, None),
        (True, "true", None),
        (True, True, 0),
        (1, "1", 0),
        ("1.50", Decimal("1.5"), 0),
        ("10", 9, 1),
        ("10", "9", -1),
        ("1e1", 10, None),
        ("٣", 3, None),
        ("", 0, None),
        (["a"], "a", None),
        (["a"], ["a"], 0),
        (["a", "b"], ["b", "a"], None),
        ([1], ["1"], 0),
        ([True], [1], None),
        ([{"file_id": "x"}], "x", None),
        ("09:30", "09:30:00", 0),
        ("09:30:00.5", "09:30:00", 1),
        ("2026-03-27T10:00:00+02:00", "2026-03-27T09:00:00Z", -1),
        ("2026-03-27T10:00:00+02:00", "2026-03-27T08:00:00Z", 0),
        ("2026-03-27", "2026-03-27T23:00:00Z", 0),
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-12:00", -1),
        ("é", "e\u0301", 1),
    ],
)
def test_two_values_compare(left: Any, right: Any, expected: int | None) -> None:
    assert compare(left, right) == expected
    assert compare(right, left) == (None if expected is None else -expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"+": ["2024-02-28", 1]}, "2024-02-29"),
        ({"+": ["2026-02-28", 1]}, "2026-03-01"),
        ({"-": ["2024-03-01", "2023-03-01"]}, 366),
        ({"-": ["2026-03-01", 1]}, "2026-02-28"),
        ({"+": ["9999-12-31", 1]}, None),
        ({"+": ["2026-01-01", Decimal("0.5")]}, None),
        ({"+": ["2026-01-01", 10**59]}, None),
        ({"-": ["2026-01-01", "soon"]}, None),
        ({"-": ["2026-03-27T23:00:00-08:00", "2026-03-27"]}, 0),
        ({"date": "2026-02-30"}, None),
        ({"date": "2026-03-27T99:99:00Z"}, None),
        ({"today": []}, "2026-03-27"),
        ({"now": None}, "2026-03-27T14:30:00+00:00"),
        ({"max": ["2026-03-27T10:00:00+02:00", "2026-03-27T09:00:00Z"]}, "2026-03-27T09:00:00Z"),
        ({"min": ["2026-03-27", "2025-01-01"]}, "2025-01-01"),
    ],
)
def test_dates_and_times_are_computed_in_time(expression: Any, expected: Any) -> None:
    assert value_of(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"+": [Decimal("0.1"), Decimal("0.2")]}, Decimal("0.3")),
        ({"+": ["1", "2", 3]}, 6),
        ({"+": [5]}, 5),
        ({"-": [5]}, -5),
        ({"/": [1, 3]}, Decimal("0.3333333333333333333333333333333333")),
        ({"/": [1, 0]}, None),
        ({"%": [1, 0]}, None),
        ({"%": [-7, 3]}, -1),
        ({"*": [10**40, 10**40]}, None),
        ({"round": [Decimal("2.5")]}, 3),
        ({"round": [Decimal("-2.5")]}, -3),
        ({"round": [Decimal("2.345"), 2]}, Decimal("2.35")),
        ({"round": [1234, -2]}, 1200),
        ({"round": [1, 10**9]}, None),
        ({"round": [Decimal("1234567890123456789012345678901234567890.25"), 1]}, Decimal("1234567890123456789012345678901234567890.3")),
        ({"abs": Decimal("-1234567890123456789012345678901234567890.25")}, Decimal("1234567890123456789012345678901234567890.25")),
        ({"-": [Decimal("1234567890123456789012345678901234567890.25")]}, Decimal("-1234567890123456789012345678901234567890.25")),
        ({"int": Decimal("-2.7")}, -2),
        ({"floor": Decimal("-2.2")}, -3),
        ({"ceil": Decimal("-2.7")}, -2),
        ({"number": True}, 1),
        ({"number": "1e9999999"}, None),
        ({"min": [A, 3, 2]}, 2),
        ({"max": [A]}, None),
        ({"max": [1, "soon"]}, None),
        ({"max": [[1, 5, "7"]]}, 7),
        ({"sum_of": [[1, "2", None, "x"]]}, 3),
        ({"sum_of": [A]}, 0),
    ],
)
def test_numbers_are_exact(expression: Any, expected: Any) -> None:
    assert value_of(expression) == expected


def test_the_decimal_context_of_the_thread_changes_nothing() -> None:
    expressions = [{"sum_of": [[Decimal("1.23456789"), 10**20]]}, {"round": [Decimal("12345.678"), 1]}, {"-": [Decimal("1.23456789")]}]
    before = [value_of(expression) for expression in expressions]
    with localcontext() as context:
        context.prec = 3
        assert [value_of(expression) for expression in expressions] == before
    assert getcontext().prec > 3


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"cat": ["a", None, 1, True, Decimal("1.5")]}, "a1true1.5"),
        ({"length": None}, 0),
        ({"length": "日本"}, 2),
        ({"substr": ["abcdef", 2, 3]}, "cde"),
        ({"substr": ["abcdef", -2]}, "ef"),
        ({"substr": ["abc", 10**30, 10**30]}, ""),
        ({"substr": [None, 0]}, None),
        ({"upper": "straße"}, "STRASSE"),
        ({"trim": " a "}, "a"),
        ({"matches": ["ab12", "[a-z]+\\d+"]}, True),
        ({"matches": ["ab", "("]}, False),
        ({"matches": [None, ".*"]}, False),
        ({"other": "a"}, "own words"),
        ({"in": ["b", ["a", "b"]]}, True),
        ({"in": [1, ["1"]]}, True),
        ({"in": ["b", "abc"]}, True),
        ({"selected": [["a", "b"], "b"]}, True),
        ({"count": [["a", "b"]]}, 2),
        ({"coalesce": [None, "", [], 0]}, 0),
        ({"if": [None, 1, "", 2, 3]}, 3),
        ({"if": [False, 1]}, None),
        ({"!": 0}, True),
        ({"!!": "0"}, True),
        ({"and": [1, {"==": ["a", "a"]}]}, True),
        ({"or": [0, None]}, False),
    ],
)
def test_texts_lists_and_truth(expression: Any, expected: Any) -> None:
    assert value_of(expression) == expected


@pytest.mark.parametrize(("given", "expected"), [(None, 0), ("", 0), ([], 0), ("x", 1), (["a", "b"], 2), (False, 1), (0, 1)])
def test_counting_and_answered_agree(given: Any, expected: int) -> None:
    assert value_of({"count": A}, a=given) == expected
    assert value_of({"answered": A}, a=given) is (expected > 0)


@pytest.mark.parametrize("given", ["yes", "no", "", 1, True, ["yes"], None, "2026-03-27"])
@pytest.mark.parametrize("code", ["yes", "1", "12:30", "2026-03-27"])
@pytest.mark.parametrize("operator", ["==", "!=", "selected"])
def test_the_quick_comparison_with_a_code_is_the_general_one(operator: str, code: str, given: Any) -> None:
    general = {operator: [{"if": [True, A]}, code]}
    assert value_of({operator: [A, code]}, a=given) is value_of(general, a=given)


# --- bounds --------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(10)
def test_a_deep_chain_of_sums_evaluates_each_part_once() -> None:
    expression: Any = A
    for _ in range(MAX_EXPRESSION_DEPTH - 1):
        expression = {"+": [expression, 1]}
    assert value_of(expression, a=1) == MAX_EXPRESSION_DEPTH


def test_a_text_that_would_grow_without_end_is_unanswered() -> None:
    half = "x" * (MAX_TEXT_RESULT // 2)
    assert len(value_of({"cat": [A, A]}, a=half)) == MAX_TEXT_RESULT
    assert value_of({"cat": [A, A, "x"]}, a=half) is None
    assert value_of({"upper": A}, a="ß" * MAX_TEXT_RESULT) is None
    assert value_of({"text": A}, a=[half, half, half]) is None


def test_a_list_of_lists_is_flat_and_does_not_grow_without_end() -> None:
    assert value_of([A, "c"], a=["a", "b"]) == ["a", "b", "c"]
    assert value_of([A, A], a=list(range(MAX_LIST_RESULT))) is None


@pytest.mark.timeout(10)
@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", "([a-z]+)*\\d", "(a|a)*b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    assert value_of({"matches": [A, pattern]}, a="a" * MAX_TEXT_RESULT + "!") is False


@pytest.mark.parametrize("number", ["", " ", "1_000", "1e5", "+", ".", "1.2.3", "0x10", "NaN", "Infinity", "１", "9" * 200])
def test_only_a_plain_decimal_is_a_number(number: str) -> None:
    assert as_number(number) is None


@pytest.mark.parametrize(
    ("text", "number"), [("007", 7), ("-1.50", Decimal("-1.5")), (".5", Decimal("0.5")), ("5.", 5), (" 3 ", 3), ("-0", 0)]
)
def test_a_plain_decimal_is_a_number(text: str, number: Any) -> None:
    assert as_number(text) == number


@pytest.mark.parametrize("text", ["2026-13-01", "2026-1-1", "２０２６-01-01", "2025-02-29", "2026-01-01T10:00", "2026-01-01 "])
def test_what_is_no_date_is_none(text: str) -> None:
    assert as_date(text) is None


def test_numbers_are_spelled_plainly() -> None:
    assert [to_text(value) for value in (Decimal("1E-7"), 10**30, True, None, ["a", 1])] == [
        "0.0000001", "1" + "0" * 30, "true", None, "a 1",
    ]  # fmt: skip


# --- form ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ({}, "expression-invalid"),
        ({"==": [1, 2], "!=": [1, 2]}, "expression-invalid"),
        ({"var": 1}, "expression-invalid"),
        ({"var": ["a", "b"]}, "expression-invalid"),
        ({"other": "."}, "expression-invalid"),
        ({"shell": ["rm"]}, "operator-unknown"),
        ({"==": [1]}, "operator-arguments"),
        ({"today": [1]}, "operator-arguments"),
        ({"matches": [A, "("]}, "pattern-invalid"),
        ({"matches": [A, "(?=a)b"]}, "pattern-invalid"),
        ({"and": [True, {"or": [{"nope": 1}]}]}, "operator-unknown"),
    ],
)
def test_a_malformed_expression_is_named_and_evaluates_to_nothing_worse_than_none(expression: Any, code: str) -> None:
    assert [fault.code for fault in faults_in(expression)] == [code]
    assert value_of(expression) in (None, False)


@pytest.mark.parametrize("expression", [None, "text", 1, True, [1, "a"], {"today": []}, {"today": None}, {"var": ["a"]}, {"var": "."}])
def test_what_is_well_formed_has_no_faults(expression: Any) -> None:
    assert faults_in(expression) == ()


def test_an_expression_may_be_as_deep_as_the_limit_and_no_deeper() -> None:
    expression: Any = True
    for _ in range(MAX_EXPRESSION_DEPTH - 1):
        expression = {"!": expression}
    assert faults_in(expression) == ()
    assert [fault.code for fault in faults_in({"!": expression})] == ["expression-too-deep"]


def test_every_fault_is_found_with_its_place() -> None:
    found = faults_in({"and": [{"x": 1}, {"==": [A]}]})
    assert [(fault.pointer, fault.code) for fault in found] == [("/and/0/x", "operator-unknown"), ("/and/1/==", "operator-arguments")]


# --- references ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"==": [A, "x"]}, {("a", None), ("a", "x")}),
        ({"==": ["x", A]}, {("a", None), ("a", "x")}),
        ({"in": [A, ["x", "y"]]}, {("a", None), ("a", "x"), ("a", "y")}),
        ({"selected": [{"var": ["a"]}, "x"]}, {("a", None), ("a", "x")}),
        ({"==": [A, 1]}, {("a", None), ("a", "1")}),
        ({"==": [A, True]}, {("a", None)}),
        ({"<": [A, "x"]}, {("a", None)}),
        ({"!": {"other": "a"}}, {("a", None)}),
        ({"==": [{"var": "."}, "x"]}, set()),
        ("a", set()),
    ],
)
def test_references_name_what_is_read_and_the_code_it_is_compared_with(expression: Any, expected: set[Any]) -> None:
    assert references(expression) == {Reference(*each) for each in expected}


@pytest.mark.parametrize("expression", [{"var": "."}, {"var": ["."]}, {">": [{"var": "."}, 1]}, [{"var": "."}]])
def test_the_value_under_test_is_noticed(expression: Any) -> None:
    assert references_itself(expression)
    assert not references_itself({"==": [A, "."]})


def test_ids_are_rewritten_wherever_they_are_read_and_nowhere_else() -> None:
    expression = {"and": [{"==": [A, "a"]}, {"var": ["a"]}, {"other": "a"}, {"var": "."}]}
    assert rewritten(expression, {"a": "b"}) == {"and": [{"==": [B, "a"]}, {"var": ["b"]}, {"other": "b"}, {"var": "."}]}


def test_every_operator_takes_unanswered_arguments_without_an_error() -> None:
    for name, operator in OPERATORS.items():
        assert value_of({name: [None] * max(operator.least, 0)}) in (
            None,
            False,
            True,
            0,
            "",
            CLOCK.today.isoformat(),
            "2026-03-27T14:30:00+00:00",
        )
