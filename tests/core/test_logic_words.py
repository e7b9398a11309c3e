import pytest
from tests.small_structures import choice, one_page, qid, question, var

from keepstep.core.edit import apply
from keepstep.core.edits import DeleteOption, DeleteOptionSet, Draft
from keepstep.core.jsonvalue import dumps
from keepstep.core.logic import OPERATORS
from keepstep.core.logic_words import condition_words, words_of

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
        ({"!": [{"==": [var(1), "r"]}]}, "“Color” is not “Red”"),
        ({"!": [{"selected": [var(1), "r"]}]}, "“Color” does not include “Red”"),
        ({"!": [{"<": [var(2), 3]}]}, "not (“Question 2” is less than 3)"),
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


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ({"+": [var(2), {"*": [2, var(2)]}]}, "“Question 2” + (2 × “Question 2”)"),
        ({"-": [var(2)]}, "−“Question 2”"),
        ({"-": [{"today": []}, var(2)]}, "today − “Question 2”"),
        ({"%": [var(2), 7]}, "the remainder of “Question 2” ÷ 7"),
        ({"round": [{"/": [var(2), 3]}, 2]}, "(“Question 2” ÷ 3) rounded to 2 decimal places"),
        ({"min": [var(2), 3, 4]}, "the least of “Question 2”, 3 and 4"),
        ({"coalesce": [var(2), 0]}, "the first that is answered of “Question 2” and 0"),
        ({">": [{"count": [var(1)]}, 1]}, "the number of choices in “Color” is more than 1"),
        ({"matches": [var(2), "[a-z]+"]}, "“Question 2” has the form “[a-z]+”"),
        (
            {"if": [{"==": [var(1), "r"]}, 1, {"answered": [var(2)]}, 2, 3]},
            "1 if “Color” is “Red”, else 2 if “Question 2” is answered, else 3",
        ),
        ({"substr": [var(2), 0, 3]}, "3 characters of “Question 2” from position 0"),
        (
            {"cat": [{"other": var(1)["var"]}, " ", {"now": []}]},
            "the own text given to “Color” followed by “ ” followed by the present time",
        ),
        ({"==": [{"==": [var(2), 1]}, True]}, "(“Question 2” is 1) is yes"),
        ({"and": [var(2), True]}, "“Question 2” is neither empty, 0 nor no and always"),
    ],
)
def test_calculations_and_rare_operators_have_words_too(expression: object, words: str) -> None:
    assert words_of(expression, WIZARD) == words


def test_every_operator_that_there_is_has_words_of_its_own() -> None:
    for name, operator in OPERATORS.items():
        told = words_of({name: [var(2)] * operator.least}, WIZARD)
        assert "{" not in told, name


def test_what_is_no_expression_is_shown_whole_with_names() -> None:
    assert words_of({"no-such": [var(2)]}, WIZARD) == dumps({"no-such": [{"var": "“Question 2”"}]})


def test_a_bare_answer_is_told_as_what_makes_it_hold() -> None:
    wizard = one_page(question(1, "boolean"), question(2))
    assert condition_words(var(1), wizard) == "“Question 1” is yes"
    assert condition_words(var(2), wizard) == "“Question 2” is neither empty, 0 nor no"
    assert condition_words(True, wizard) == "always"


def test_what_was_deleted_is_named_from_the_shelf() -> None:
    options = [{"value": "r", "label": "Red"}, {"value": "b", "label": "Black"}]
    draft = Draft(one_page(choice(1, name="Color", options=options), choice(2, name="Size")))
    draft = apply(draft, DeleteOptionSet(option_set_id=qid(2))).draft
    draft = apply(draft, DeleteOption(option_set_id=qid(1), value="r")).draft
    assert words_of({"==": [var(2), "yes"]}, draft.structure, draft.shelf) == "“Size” (deleted) is “Yes”"
    assert words_of({"==": [var(1), "r"]}, draft.structure, draft.shelf) == "“Color” is “Red” (deleted)"
