from typing import Any

import pytest

from keepstep.core.conditions import TODAY, Condition, Rule, built, parsed

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
        None,
        True,
        A,
        {"==": [A, B]},
        {"==": ["yes", A]},
        {">": [{"count": [A]}, 1]},
        {"!": [{"==": [A, 1]}]},
        {"if": [A, 1, 2]},
        {"and": [{"or": [{"and": [{"==": [A, 1]}, {"==": [B, 1]}]}, {"==": [A, 2]}]}, {"answered": [B]}]},
        {"selected": [A, {"text": ["x"]}]},
        {"matches": [A, "x+"]},
        {"in": [A, []]},
        {"answered": []},
        {"==": [{"var": "."}, 1]},
    ],
)
def test_what_has_no_form_stays_an_expression(expression: Any) -> None:
    assert parsed(expression) is None


def test_a_condition_without_rules_is_no_condition() -> None:
    assert built(Condition("all", ())) is None
    assert built(Condition("any", ((),))) is None
