"""Expressions with keys in place of ids: what comes back is what was there."""

from typing import Any

from hypothesis import given
from tests.expression_strategies import NAMES, expressions
from tests.factories import new_id, option_set, step, wizard

from keepstep.core.logic import rewritten
from keepstep.core.logic_keys import unknown_in, with_ids, with_keys
from keepstep.core.naming import Naming
from keepstep.core.shelf import Shelved
from keepstep.core.structure import parse

SETS = [option_set(f"key-{name}") for name in NAMES]
IDS = {name: made["id"] for name, made in zip(NAMES, SETS, strict=True)}
NAMING = Naming(parse(wizard(step("one", *SETS))))


@given(expressions())
def test_keys_and_ids_are_exchanged_without_loss(expression: Any) -> None:
    stored = rewritten(expression, IDS)
    shown = with_keys(stored, NAMING)
    assert shown == rewritten(expression, {name: f"key-{name}" for name in NAMES})
    assert with_ids(shown, NAMING) == stored


def test_a_key_that_no_question_has_is_found_with_the_one_that_was_meant() -> None:
    [issue] = unknown_in({"and": [True, {"answered": [{"var": "kye-a"}]}]}, NAMING)
    assert (issue.pointer, "Did you mean “key-a”?" in issue.detail) == ("/and/1/answered/0/var", True)
    assert unknown_in({"==": [{"var": "."}, {"var": IDS["a"]}]}, NAMING) == ()


def test_former_keys_are_read_and_deleted_questions_keep_theirs() -> None:
    gone = option_set("gone")
    renamed = option_set("new-key", key_aliases=["old-key"])
    shelf = (Shelved(kind="option_set", id=gone["id"], node=gone, parents=(new_id(),), position=0, name="Gone"),)
    naming = Naming(parse(wizard(step("one", renamed))), shelf)
    assert with_ids({"var": "old-key"}, naming) == {"var": renamed["id"]}
    assert with_keys({"var": gone["id"]}, naming) == {"var": "gone"}
    assert with_ids({"var": "gone"}, naming) == {"var": gone["id"]}
