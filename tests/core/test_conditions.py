from typing import Any

import pytest

from keepstep.core.conditions import TODAY, Condition, Kept, Rule, built, parsed

A, B = {"var": "a"}, {"var": "b"}


@pytest.mark.parametrize(
    ("expression", "condition"),
    [
        ({"==": [A, "yes"]}, Condition("all", ((Rule("a", "is", "yes"),),))),
        ({"==": [{"var": ["a"]}, "yes"]}, Condition("all", ((Rule("a", "is", "yes"),),))),
        ({"and": [{"==": [A, "yes"]}, {">=": [B, 18]}]}, Condition("all", ((Rule("a", "is", "yes"),), (Rule("b", "at-least", 18),)))),
        ({"and": [{"selected": [A, "x"]}]}, Condition("all", ((Rule("a", "includes", "x"),),))),
        ({"!": {"selected": [A, "x"]}}, Condition("all", ((Rule("a", "not-includes", "x"),),))),
        ({"!": [{"answered": [A]}]}, Condition("all", ((Rule("a", "not-answered"),),))),
        ({"in": [A, ["x", "y"]]}, Condition("all", ((Rule("a", "one-of", ("x", "y")),),))),
        ({"in": ["x", A]}, Condition("all", ((Rule("a", "contains", "x"),),))),
        ({"<": [A, {"today": None}]}, Condition("all", ((Rule("a", "less", TODAY),),))),
        (
            {"and": [{"or": [{"==": [A, 1]}, {"==": [A, 2]}]}, {"answered": [B]}]},
            Condition("all", ((Rule("a", "is", 1), Rule("a", "is", 2)), (Rule("b", "answered"),))),
        ),
        (
            {"or": [{"and": [{"==": [A, 1]}, {"==": [B, 2]}]}, {"==": [A, 3]}]},
            Condition("any", ((Rule("a", "is", 1), Rule("b", "is", 2)), (Rule("a", "is", 3),))),
        ),
    ],
)
def test_what_people_would_say_is_read_as_rules(expression: Any, condition: Condition) -> None:
    assert parsed(expression) == condition


@pytest.mark.parametrize(
    "expression",
    [
        True,
        A,
        {"==": [A, {"text": [B]}]},
        {"==": ["yes", A]},
        {">": [{"count": [A]}, 1]},
        {"!": [{"==": [A, 1]}]},
        {"if": [A, 1, 2]},
        {"selected": [A, {"text": ["x"]}]},
        {"matches": [A, B]},
        {"in": [A, []]},
        {"answered": []},
        {"and": []},
    ],
)
def test_what_is_no_rule_is_kept_as_it_is(expression: Any) -> None:
    found = parsed(expression)
    assert found is not None
    assert found.kept == 1
    assert built(found) == expression


def test_what_is_nested_deeper_is_kept_beside_what_is_read_as_rules() -> None:
    both = {"and": [{"==": [A, 1]}, {"==": [B, 1]}]}
    expression = {"and": [{"or": [both, {"==": [A, 2]}]}, {"answered": [B]}]}
    assert parsed(expression) == Condition("all", ((Kept(both), Rule("a", "is", 2)), (Rule("b", "answered"),)))
    assert built(parsed(expression) or Condition("all", ())) == expression


def test_it_is_read_so_that_the_least_is_kept() -> None:
    expression = {"or": [{"and": [{"==": [A, 1]}, {"answered": [B]}]}, {"matches": [A, B]}]}
    assert parsed(expression) == Condition("any", ((Rule("a", "is", 1), Rule("b", "answered")), (Kept({"matches": [A, B]}),)))


@pytest.mark.parametrize(
    ("expression", "rule"),
    [({"<=": [A, B]}, Rule("a", "at-most", B)), ({"matches": [A, "[0-9]+"]}, Rule("a", "matches", "[0-9]+"))],
)
def test_another_question_and_a_form_are_compared_with_as_values_are(expression: Any, rule: Rule) -> None:
    assert parsed(expression) == Condition("all", ((rule,),))
    assert built(Condition("all", ((rule,),))) == expression


def test_the_rules_of_a_question_are_about_the_value_under_test() -> None:
    assert parsed({"<=": [{"var": "."}, 100]}) == Condition("all", ((Rule(".", "at-most", 100),),))


def test_no_condition_is_none() -> None:
    assert parsed(None) is None


def test_a_condition_without_rules_is_no_condition() -> None:
    assert built(Condition("all", ())) is None
    assert built(Condition("any", ((),))) is None
