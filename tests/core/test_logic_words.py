import pytest
from tests.small_structures import choice, one_page, question, var

from keepstep.core.jsonvalue import dumps
from keepstep.core.logic import OPERATORS
from keepstep.core.logic_words import words_of

WIZARD = one_page(
    choice(1, name="Color", options=[{"value": "r", "label": "Red"}, {"value": "b", "label": "Black"}]), question(2, "integer")
)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ({"==": [var(1), "r"]}, "“Color” is “Red”"),
        ({"==": ["r", var(1)]}, "“Color” is “Red”"),
        ({"!=": [var(1), "b"]}, "“Color” is not “Black”"),
        ({"selected": [var(1), "r"]}, "“Color” includes “Red”"),
        ({"in": [var(1), ["r", "b"]]}, "“Color” is “Red” or “Black”"),
        ({"in": ["x", var(2)]}, "“Question 2” contains “x”"),
        ({">=": [var(2), 18]}, "“Question 2” is at least 18"),
        ({"answered": var(2)}, "“Question 2” is answered"),
        ({"!": {"answered": [var(2)]}}, "“Question 2” is not answered"),
        ({"!": [{"==": [var(1), "r"]}]}, "not (“Color” is “Red”)"),
        ({"<": [{"var": "."}, 3]}, "the value is less than 3"),
        ({"==": [{"var": "gone"}, True]}, "a question that is gone is yes"),
        (
            {"and": [{"==": [var(1), "r"]}, {"or": [{"<": [var(2), 5]}, {"answered": [var(2)]}]}]},
            "“Color” is “Red” and (“Question 2” is less than 5 or “Question 2” is answered)",
        ),
    ],
)
def test_a_condition_is_told_with_names_and_labels(expression: object, words: str) -> None:
    assert words_of(expression, WIZARD) == words


@pytest.mark.parametrize("name", [*OPERATORS, "and", "or", "var"])
@pytest.mark.parametrize("args", [[], [1], [1, 2], [1, 2, 3], "text", None, [{"var": []}]])
def test_every_operator_has_words_whatever_its_arguments_are(name: str, args: object) -> None:
    assert isinstance(words_of({name: args}, WIZARD), str)


def test_what_has_no_plain_words_is_shown_whole_with_names() -> None:
    expression = {"+": [var(2), {"*": [2, var(2)]}]}
    assert words_of(expression, WIZARD) == dumps({"+": [{"var": "“Question 2”"}, {"*": [2, {"var": "“Question 2”"}]}]})
