"""Two forms of a step side by side: every change can be seen, what did not change is not marked, and the texts are whole."""

from typing import Any

import pytest
from tests.change_examples import example
from tests.small_structures import choice, one_page, page, pid, qid, question, var, wizard

from keepstep.core import change as c
from keepstep.core.beside import Beside, Piece, Question, alone, beside
from keepstep.core.change import VARIANTS
from keepstep.core.change_groups import step_id_of
from keepstep.core.diff import diff
from keepstep.core.shelf import Shelved
from keepstep.core.structure import Structure

# What no respondent ever sees, and what belongs to no step.
UNSEEN: set[type[c.Difference]] = {c.PropertyChanged, c.OptionSourceChanged}
OF_STEPS = [variant for variant in VARIANTS if issubclass(variant, c.OfStep | c.OfOptionSet | c.OfOption) and variant not in UNSEEN]


def questions_of(pair: Beside) -> list[Question]:
    return [item for side in (pair.before, pair.after) if side is not None for item in side.questions]


def is_seen(pair: Beside) -> bool:
    sides = [side for side in (pair.before, pair.after) if side is not None]
    pieces = [piece for side in sides for piece in (*side.name, *side.help, *side.facts)]
    return len(sides) < 2 or any(piece.mark for piece in pieces) or any(item.is_touched for item in questions_of(pair))


@pytest.mark.parametrize("kind", [variant.kind for variant in OF_STEPS if variant not in {c.StepMoved, c.StepChanged}])
def test_every_change_of_a_step_can_be_seen_in_it(kind: str) -> None:
    old, new, _ = example(kind)
    (change,) = diff(old, new)
    assert is_seen(beside(old, new, step_id_of(change, old, new)))


@pytest.mark.parametrize("step", [pid(1), pid(2)])
def test_nothing_is_marked_where_nothing_differs(step: str) -> None:
    structure = wizard(page(1, question(1), choice(2, allow_other=True)), page(2, question(3, visible_if={"==": [var(2), "yes"]})))
    pair = beside(structure, structure, step)
    assert pair.before == pair.after == alone(structure, step) or not is_seen(pair)


def only(structure: Structure, other: Structure) -> tuple[Question, Question]:
    pair = beside(structure, other, pid(1))
    assert pair.before is not None
    assert pair.after is not None
    return pair.before.questions[0], pair.after.questions[0]


def test_a_word_that_differs_is_struck_on_one_side_and_underlined_on_the_other() -> None:
    before, after = only(one_page(question(1, name="How old are you now?")), one_page(question(1, name="How tall are you now?")))
    assert before.name == (Piece("How "), Piece("old", "removed"), Piece(" are you now?"))
    assert after.name == (Piece("How "), Piece("tall", "added"), Piece(" are you now?"))


def test_two_texts_with_little_in_common_are_marked_as_a_whole() -> None:
    before, after = only(one_page(question(1, name="Any other remarks?")), one_page(question(1, name="What could be better?")))
    assert before.name == (Piece("Any other remarks?", "removed"),)
    assert after.name == (Piece("What could be better?", "added"),)


def test_the_pieces_of_a_text_are_the_text_also_when_it_is_very_long() -> None:
    long, longer = "word " * 2_000, "word " * 1_999 + "<script> \n  other "
    before, after = only(one_page(question(1, name=long)), one_page(question(1, name=longer)))
    assert ("".join(piece.text for piece in before.name), "".join(piece.text for piece in after.name)) == (long, longer)


def test_a_single_choice_that_became_a_multiple_one_shows_how_it_is_answered() -> None:
    before, after = only(one_page(choice(1, allow_other=True)), one_page(choice(1, "multiple_select")))
    assert before.type_name == Piece("choose one", "removed")
    assert after.type_name == Piece("choose all that apply", "added")
    assert [each.label for each in before.choices] == [(Piece("Yes"),), (Piece("No"),), (Piece("Other, please say", "removed"),)]


def test_a_question_that_moved_to_another_step_is_told_to_have_moved_on_both_sides() -> None:
    old = wizard(page(1, question(1), question(2)), page(2))
    new = wizard(page(1, question(1)), page(2, question(2)))
    left, right = beside(old, new, pid(1)), beside(old, new, pid(2))
    assert [(item.id, item.moved) for item in questions_of(left) if item.is_touched] == [(qid(2), True)]
    assert [(item.id, item.moved) for item in questions_of(right) if item.is_touched] == [(qid(2), True)]


def test_a_condition_is_told_in_words_and_marked_where_it_differs() -> None:
    first, second = ({"==": [var(2), "yes"]}, {"in": [var(2), ["yes", "no"]]})
    before, after = only(*(one_page(question(1, visible_if=condition), choice(2)) for condition in (first, second)))
    assert Piece("Shown if “Question 2” is “Yes”", "removed") in before.facts
    assert Piece("Shown if “Question 2” is “Yes” or “No”", "added") in after.facts


def test_a_step_that_only_one_side_has_is_there_alone() -> None:
    old, new = wizard(page(1, question(1)), page(2, question(2))), wizard(page(1, question(1)))
    gone = beside(old, new, pid(2))
    assert gone.after is None
    assert gone.before is not None
    assert [(item.mark, item.is_touched) for item in gone.before.questions] == [("removed", True)]
    assert gone.before.name == (Piece("Page 2", "removed"),)


def test_a_condition_on_a_question_that_is_gone_names_it_as_the_other_side_or_the_shelf_has_it() -> None:
    asked = question(2, visible_if={"and": [{"answered": [var(1)]}, {"answered": [var(9)]}]})
    old = wizard(page(1, question(1, name="First"), asked))
    new = wizard(page(1, asked))
    shelf = (Shelved(kind="option_set", id=qid(9), parents=(pid(1),), position=0, name="Ninth", node=question(9, name="Ninth")),)
    after = beside(old, new, pid(1), shelf).after
    assert after is not None
    assert after.questions[0].facts[0].text == "Shown if “First” (deleted) is answered and “Ninth” (deleted) is answered"


def test_a_wording_in_another_language_is_told_with_its_language_where_it_differs() -> None:
    def asked(french: str) -> Structure:
        options = [{"value": "yes", "label": {"en": "Yes", "fr": french}}, {"value": "no", "label": {"en": "No", "fr": "Non"}}]
        texts: dict[str, Any] = {"name": {"en": "Well?", "fr": "Alors ?"}, "help": {"en": "Say it", "fr": french}}
        return one_page(choice(1, options=options, **texts), languages=["en", "fr"])

    before, after = only(asked("Oui"), asked("Si"))
    assert (before.is_touched, before.facts) == (True, (Piece("Help text (fr): Oui", "removed"),))
    assert after.facts == (Piece("Help text (fr): Si", "added"),)
    assert [each.notes for each in after.choices] == [(Piece("Label (fr): Si", "added"),), ()]
