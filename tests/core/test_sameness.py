"""True and 1 are two values, wherever a structure can hold them."""

from typing import Any

import pytest
from tests.change_examples import survey

from keepstep.core.diff import diff
from keepstep.core.sameness import differing, same
from keepstep.core.structure import OPTION_SET_BY_TYPE, Structure, dump, parse

PAIRS: list[tuple[Any, Any]] = [
    (True, 1),
    (False, 0),
    ([True], [1]),
    ({"==": [{"var": "x"}, True]}, {"==": [{"var": "x"}, 1]}),
    ({"a": {"b": [0]}}, {"a": {"b": [False]}}),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_true_and_one_are_not_the_same(one: Any, other: Any) -> None:
    assert one == other
    assert not same(one, other)
    assert same(one, one)


def with_literal(place: str, value: Any) -> Structure:
    data = dump(survey())
    number = data["steps"][1]["option_sets"]
    holders: dict[str, dict[str, Any]] = {
        "step": {"holder": data["steps"][0], "visible_if": value},
        "question": {"holder": number[1], "visible_if": value},
        "default": {"holder": number[1], "default": value},
        "rule": {"holder": number[1], "constraints": {"rules": [{"expression": value}]}},
        "option": {"holder": number[0]["options"][0], "visible_if": value},
        "calculation": {"holder": number[3], "expression": value},
        "presentation": {"holder": number[1], "presentation": {"wide": value}},
        "source": {"holder": number[1], "source": {"format": "x", "verbatim": {"y": value}}},
        "ending": {"holder": data, "endings": [{"key": "end", "name": "End", "visible_if": value}]},
    }
    members = holders[place]
    members.pop("holder").update(members)
    return parse(data)


@pytest.mark.parametrize("place", ["step", "question", "default", "rule", "option", "calculation", "presentation", "source", "ending"])
def test_a_literal_that_changes_its_kind_is_a_change(place: str) -> None:
    assert len(diff(with_literal(place, {"!": [1]}), with_literal(place, {"!": [True]}))) == 1
    assert diff(with_literal(place, {"!": [1]}), with_literal(place, {"!": [1]})) == ()


def test_only_known_open_members_may_hold_a_literal() -> None:
    """A member added later that can hold any JSON must be looked into as well."""
    opened = {"visible_if", "default", "expression", "presentation", "source", "constraints", "options"}
    for model in OPTION_SET_BY_TYPE.values():
        anything = {name for name, field in model.model_fields.items() if "Any" in str(field.annotation)}
        assert anything <= opened


def test_differing_names_the_members() -> None:
    one, other = survey(), parse(dump(survey()) | {"name": "Other", "description": "New"})
    assert differing(one, other) == {"name", "description"}
