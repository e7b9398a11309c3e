"""Why a text is no JSON, and where in one something stands."""

import json
from typing import Any

import pytest
from hypothesis import given
from tests.expression_strategies import expressions

from keepstep.core.issue import pointer
from keepstep.core.json_places import fault_in, place, position
from keepstep.core.jsonvalue import dumps, loads


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1,}', "Line 1, column 9: a name in double quotes is missing here"),
        ("{'a': 1}", "Line 1, column 2: a name in double quotes is missing here"),
        ("[1\n 2]", "Line 2, column 2: a comma or a closing bracket is missing before this."),
        ('{"a" 1}', "Line 1, column 6: a colon is missing after the name."),
        ("[nothing]", "Line 1, column 2: a value is missing here"),
        ('{"a": 1}\n{"b": 2}', "Line 2, column 1: the expression has ended before this"),
        ('["a', "Line 1, column 2: this text has no closing double quote."),
        ('["\\d"]', "Line 1, column 3: a backslash stands alone in this text: write it twice."),
    ],
)
def test_what_is_no_json_is_said_with_its_place_and_a_remedy(text: str, why: str) -> None:
    assert (fault_in(text) or "").startswith(why)


@given(expressions())
def test_json_has_no_fault_and_every_value_is_found(value: Any) -> None:
    text = dumps(value).replace(",", " ,\n ") if not _has_commas(value) else dumps(value)
    assert fault_in(text) is None
    for at, inner in _inside(value, ""):
        start = position(text, at)
        assert loads(text[start : json.JSONDecoder().raw_decode(text, start)[1]]) == inner


def _has_commas(value: Any) -> bool:
    """Whether a text in it holds one, so that no blanks can be put beside those between values."""
    return dumps(value).count(",") != sum(max(0, len(each) - 1) for _, each in _inside(value, "") if isinstance(each, dict | list))


def _inside(value: Any, at: str) -> list[tuple[str, Any]]:
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(at, value), *(each for name, inner in named for each in _inside(inner, at + pointer(name)))]


def test_what_is_not_there_is_found_in_what_is_around_it() -> None:
    text = '{\n  "and": [{"var": "a"}]\n}'
    assert place(text, position(text, "/and/0/var/7")) == "Line 2, column 19"
    assert place(text, position(text, "/or/1")) == "Line 1, column 1"
