"""Expressions of XLSForm: what they become, and what has no equal."""

import contextlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepstep.core.clock import Clock
from keepstep.core.logic import Scope, evaluate_expression, faults_in, references
from keepstep.interchange.xpath import NotUnderstood, Operation, Question, parse
from keepstep.interchange.xpath_logic import Names, Translation, all_of, any_of, translate
from keepstep.interchange.xpath_terms import Kind, Term

CLOCK = Clock(datetime(2020, 6, 1, 12, 30, tzinfo=UTC))
KINDS: dict[str, Kind] = {
    "a": "text",
    "b": "text",
    "n": "number",
    "m": "number",
    "d": "date",
    "e": "date",
    "t": "datetime",
    "many": "list",
    "ok": "trigger",
    "c": "any",
    "photo": "file",
}
QUESTIONS = {name: Term({"var": name}, kind, is_answer=True) for name, kind in KINDS.items()}
QUESTIONS["color"] = Term({"var": "color"}, "text", is_answer=True, codes=frozenset(("red", "01")), other={"other": "color"})
NAMES = Names(QUESTIONS, Term({"var": "."}, "number", is_answer=True))


def said(text: str) -> Translation:
    return translate(text, NAMES)


def outcome(text: str, dot: Any = None, **values: Any) -> Any:
    translation = said(text)
    assert translation.reason == ""
    return evaluate_expression(translation.expression, Scope(CLOCK, values, dot=dot))


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("${a} = 'x'", {"==": [{"var": "a"}, "x"]}),
        ("'x' = ${a}", {"==": [{"var": "a"}, "x"]}),
        ("${a} != 'x'", {"!=": [{"var": "a"}, "x"]}),
        ("${a} = ''", {"!": [{"answered": [{"var": "a"}]}]}),
        ("${a} != ''", {"answered": [{"var": "a"}]}),
        ("string-length(${a}) > 0", {"answered": [{"var": "a"}]}),
        (
            "selected(${many}, 'x')and selected(${many},1)",
            {"and": [{"selected": [{"var": "many"}, "x"]}, {"selected": [{"var": "many"}, "1"]}]},
        ),
        (".>=0 and .<=30", {"and": [{">=": [{"var": "."}, 0]}, {"<=": [{"var": "."}, 30]}]}),
        ("1 = 1 or ${n} > .5 or ${n} < 5.", {"or": [True, {">": [{"var": "n"}, Decimal("0.5")]}, {"<": [{"var": "n"}, 5]}]}),
        ("if(${n} = 1, ${m} * 30, null)", {"if": [{"==": [{"var": "n"}, 1]}, {"*": [{"var": "m"}, 30]}, None]}),
        ("${n} > '5'", {">": [{"var": "n"}, 5]}),
        ("- ${n}", {"-": [{"var": "n"}]}),
        ("not(not(${n} = 1))", {"==": [{"var": "n"}, 1]}),
        ("/data/group/a = 'x'", {"==": [{"var": "a"}, "x"]}),
        ("../a = ‘x’", {"==": [{"var": "a"}, "x"]}),
    ],
)
def test_an_expression_becomes_this(text: str, expression: Any) -> None:
    assert said(text).expression == expression


@pytest.mark.parametrize(
    "text",
    [
        "indexed-repeat(${a}, ${b}, 1)",
        "position(..)",
        "instance('x')/root/item[name = ${a}]/label",
        "jr:itext('x')",
        "pulldata('x', 'y', 'z', ${a})",
        "once(random())",
        "${a} | ${b}",
        "${nobody} = 1",
        "${last-saved#a}",
        "selected(${a})",
        "${many} > 3",
        "${photo} = 'x'",
        "${t} + 1",
        "${d} * 2",
        "${ok} = 'yes'",
        "format-date(${d}, '%b')",
        "date(17000)",
        "contains(${a}, '')",
        "regex(${a}, ${b})",
        "regex(${a}, '(')",
        "@a",
        "sibling",
        "(${a}",
        "${a",
        "1 2",
        "",
        "f(1,)",
        "(" * 100 + "1" + ")" * 100,
        "+".join(["1"] * 200),
        "1" * 100,
    ],
)
def test_what_has_no_equal_is_left_with_its_reason(text: str) -> None:
    translation = said(text)
    assert translation.expression is None
    assert translation.reason


def test_equality_of_two_unanswered_questions_is_true_as_in_xpath() -> None:
    assert [outcome("${a} = ${b}", a=a, b=b) for a, b in ((None, None), ("x", None), ("x", "x"))] == [True, False, True]
    assert outcome("${a} != ${b}") is False


def test_inequality_with_an_unanswered_question_is_true() -> None:
    assert outcome("${a} != 'x'") is True


def test_a_comparison_with_an_unanswered_number_is_false_both_ways() -> None:
    assert [outcome(f"${{n}} {operator} 5") for operator in ("<", ">", "<=", ">=")] == [False] * 4


def test_texts_are_ordered_as_numbers() -> None:
    assert outcome("${a} < ${b}", a="9", b="10") is True


def test_a_multiple_choice_equals_its_codes_joined_by_blanks() -> None:
    assert [outcome("${many} = 'x'", many=many) for many in (["x"], ["x", "y"], [], None)] == [True, False, False, False]


def test_a_multiple_choice_is_empty_like_an_unanswered_one() -> None:
    assert [outcome("string-length(${many}) = 0", many=many) for many in ([], None, ["x"])] == [True, True, False]


def test_an_acknowledgement_reads_as_ok() -> None:
    assert [outcome("${ok} = 'OK'", ok=ok) for ok in (True, None)] == [True, False]


def test_days_between_dates_and_dates_after_days() -> None:
    assert outcome("${d} - ${e}", d="2020-03-01", e="2020-02-28") == 2
    assert outcome("today() - 30 > ${d}", d="2020-05-01") is True


def test_numbers_are_exact() -> None:
    assert outcome("int(${n} div 365.25)", n=25018) == 68
    assert outcome("${n} mod 365.25", n=366) == Decimal("0.75")


@pytest.mark.parametrize(("given_", "rounded"), [("2.5", 3), ("-2.5", -2), ("2.4", 2)])
def test_halves_are_rounded_up(given_: str, rounded: int) -> None:
    assert outcome("round(${n})", n=Decimal(given_)) == rounded


def test_the_least_of_an_unanswered_number_is_unanswered() -> None:
    assert outcome("min(${n}, ${m})", n=3) is None
    assert outcome("max(${n}, ${m}, 7)", n=3, m=5) == 7


def test_a_date_is_formatted_from_its_pieces() -> None:
    assert outcome("format-date(${d}, '%e/%n/%Y')", d="2020-03-01") == "1/3/2020"
    assert outcome("format-date(${d}, '%d.%m.%y')") is None
    assert outcome("format-date-time(now(), '%H:%M')") == "12:30"


def test_texts_are_cut_and_searched_as_in_odk() -> None:
    assert outcome("substr(${a}, 1, 3)", a="abcde") == "bc"
    assert outcome("concat(${a}, '-', ${n})", a="x", n=5) == "x-5"
    assert [outcome("regex(${a}, '[a-z]+')", a=a) for a in ("abc", "abc1", None)] == [True, False, False]
    assert (
        outcome("starts-with(${a}, 'ab')", a="abc"),
        outcome("ends-with(${a}, 'bc')", a="abc"),
        outcome("contains(${a}, 'b')", a="abc"),
    ) == (
        True,
        True,
        True,
    )


def test_a_code_that_the_list_has_not_is_marked_and_names_no_option() -> None:
    translation = said("${color} = 'green' or selected(${color}, 'red')")
    assert translation.strange == ("green",)
    assert {reference.value for reference in references(translation.expression)} == {None, "red"}
    assert outcome("${color} = 'green'", color="green") is True


def test_a_number_finds_the_code_that_spells_it_otherwise() -> None:
    assert outcome("${color} = 1", color="01") is True


def test_the_choice_other_is_the_text_beside_the_value() -> None:
    assert said("selected(${color}, 'other')").expression == {"answered": [{"other": "color"}]}


def test_operators_bind_as_in_xpath() -> None:
    tree = parse("${a} or ${b} and ${c} = 1 + 2 * 3")
    assert isinstance(tree, Operation)
    assert (tree.operator, tree.left) == ("or", Question("a"))
    assert outcome("1 + 2 * 3 = 7 and 10 - 4 - 3 = 3 and 7 mod 4 div 3 = 1") is True


def test_names_like_operators_are_names_where_a_value_is_expected() -> None:
    assert translate("and = 'x'", Names(cells={"and": "x"})).expression is True


def test_conjunctions_are_flat_and_hold_nothing_twice() -> None:
    one, other = {"==": [1, 1]}, {"==": [2, 2]}
    assert all_of([None, {"and": [one, other]}, one]) == {"and": [one, other]}
    assert (all_of([None]), all_of([one])) == (None, one)
    assert (any_of([one, None]), any_of([one, other])) == (None, {"or": [one, other]})


SNIPPETS = [
    "${a}",
    "${n}",
    "${many}",
    "'x'",
    "1",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "<",
    "and",
    "or",
    "-",
    "+",
    "*",
    "div",
    "mod",
    "not(",
    "selected(",
]
SNIPPETS += ["if(", "string-length(", ".", "/", "..", "[", "]", "today()", "''", "|", "@", "::", "true()", "min(", "null"]


@given(st.lists(st.sampled_from(SNIPPETS), max_size=14).map(" ".join))
def test_law_every_text_is_translated_well_formed_or_left_with_a_reason(text: str) -> None:
    translation = said(text)
    assert bool(translation.reason) != (faults_in(translation.expression) == () and translation.reason == "")


@given(st.text(max_size=40))
def test_law_any_text_is_parsed_or_left_with_a_sentence(text: str) -> None:
    with contextlib.suppress(NotUnderstood):
        parse(text)


@pytest.mark.parametrize("opening", ["(", "not(", "-(", "${a}[", "if(1, "])
def test_deep_nesting_is_refused_before_python_gives_up(opening: str) -> None:
    with pytest.raises(NotUnderstood, match="deep"):
        parse(opening * 3_000)
