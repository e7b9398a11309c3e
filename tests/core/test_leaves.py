"""The leaves of a revision, taken together, are those that each answer has alone."""

from typing import Any

import pytest

from keepstep.core.integrity import leaf_digest, leaf_key, leaves_of

ANSWERS: dict[str, dict[str, Any]] = {"0190a000-0000-7000-8000-000000000000": {"value": "blue"}, "é": {"value": None}, "": {"value": [1]}}


@pytest.mark.parametrize("length", [0, 16, 63, 64, 65, 200])
def test_leaves_taken_together_are_the_leaves_taken_one_by_one(length: int) -> None:
    salt = bytes(range(length))
    assert leaves_of(salt, ANSWERS) == {name: leaf_digest(leaf_key(salt, name), envelope) for name, envelope in ANSWERS.items()}
