"""What stored answers suggest for a conversion: a reading that brings more of them along, and nothing that would be a guess."""

from typing import Any

import pytest
from tests.migration_kit import options
from tests.small_structures import CLOCK, alone

from keepstep.core.convert import Conflict, Converted, convert, faults_in_parameters, rule_for
from keepstep.core.convert_matrix import TYPES
from keepstep.core.convert_proposals import proposed

CHOICES = ("single_select", "multiple_select", "dropdown")


def proposals(target: str, *texts: Any, **members: Any) -> Any:
    return proposed(rule_for(alone("text_input"), alone(target, **members)), [(text, None, 1) for text in texts], CLOCK)


@pytest.mark.parametrize(
    ("target", "texts", "expected"),
    [
        ("number", ("1.234,50", "7"), {"locale": {"decimal": ",", "group": "."}}),
        ("integer", ("1 234", "56"), {"locale": {"decimal": ",", "group": " "}}),
        ("date", ("24.12.2025", "01.02.2026"), {"pattern": "DD.MM.YYYY"}),
        ("date", ("12/24/2025",), {"pattern": "MM/DD/YYYY"}),
        ("time", ("9:05 pm", "11:00 AM"), {"pattern": "h:mm A"}),
        ("number", ("12", "about thirty"), {}),
        ("boolean", ("maybe",), {}),
    ],
)
def test_the_reading_by_which_more_answers_convert_is_proposed(target: str, texts: tuple[str, ...], expected: Any) -> None:
    assert proposals(target, *texts) == expected


def test_an_order_of_day_and_month_that_could_be_either_is_never_guessed() -> None:
    assert proposals("date", "03/04/2025", "01/02/2025") == {}
    assert proposals("date", "03/04/2025", "31/12/2025") == {"pattern": "DD/MM/YYYY"}


def test_what_is_written_almost_as_one_option_is_proposed_for_it_and_nothing_else() -> None:
    assert proposals("single_select", "orangee", "purple", options=options("orange", "red")) == {"options": {"orangee": "orange"}}
    assert proposals("dropdown", "greene", options=options("green", "greens")) == {}


def test_a_sign_between_several_choices_is_found() -> None:
    assert proposals("multiple_select", "blue|red", "red", options=options("blue", "red"))["delimiter"] == "|"


STORED = {"number": 20251224, "integer": 20251224, "boolean": True, "multiple_select": ["blue"], "single_select": "blue", "dropdown": "red"}


@pytest.mark.parametrize("source", TYPES)
def test_proposals_are_good_parameters_and_never_bring_fewer_answers_along(source: str) -> None:
    for target in (each for each in TYPES if each != source):
        one, other = (alone(each, **({"options": options("blue", "red")} if each in CHOICES else {})) for each in (source, target))
        conversion, envelope = rule_for(one, other), {"value": STORED.get(source, "text")}
        found = proposed(conversion, [(envelope["value"], None, 1)], CLOCK)
        assert [fault.code for fault in faults_in_parameters(conversion, found, CLOCK) if fault.code != "parameter-missing"] == []
        before = convert(envelope, conversion, conversion.suggestions, clock=CLOCK)
        after = convert(envelope, conversion, {**conversion.suggestions, **found}, clock=CLOCK)
        assert not (isinstance(before, Converted) and isinstance(after, Conflict))
