"""Parameters of conversions: what is needed, what is refused, and that every fault is found at once."""

from typing import Any

import pytest
from tests.strategies import CLOCK

from keepstep.core.convert import PARAMETERS, TYPES, Conversion, faults_in_parameters, rule_for
from keepstep.core.structure import parse_option_set


def between(source: str, target: str) -> Conversion:
    sides = []
    for kind in (source, target):
        data: dict[str, Any] = {"id": "00000000-0000-7000-8000-000000000001", "key": "q", "name": "Q", "selection_type": kind}
        if kind in ("single_select", "dropdown", "multiple_select"):
            data["options"] = [{"value": "a", "label": "Yes"}, {"value": "b", "label": "No"}]
        sides.append(parse_option_set(data, ("en",), "en"))
    return rule_for(*sides)


def faults(source: str, target: str, **params: Any) -> list[tuple[str, str]]:
    return [(issue.pointer, issue.code) for issue in faults_in_parameters(between(source, target), params, CLOCK)]


@pytest.mark.parametrize(
    ("source", "target", "params"),
    [
        ("text_input", "number", {"locale": {"decimal": ",", "group": "."}}),
        ("text_input", "dropdown", {"options": {"ja": "a"}}),
        ("text_input", "multiple_select", {"delimiter": ";"}),
        ("text_input", "boolean", {"words": {"de": {"true": ["ja"], "false": ["nein"]}}}),
        ("text_input", "datetime", {"pattern": "DD.MM.YYYY HH:mm", "zone": "Europe/Zurich"}),
        ("single_select", "email", {"values": {"a": "a@example.com"}}),
        ("boolean", "multiple_select", {"values": {"true": "a", "false": "b"}}),
        ("multiple_select", "dropdown", {"pick": ["b", "a"]}),
        ("multiple_select", "integer", {"derive": {"scores": {"a": 1}}}),
        ("multiple_select", "boolean", {"derive": {"contains": "a"}}),
        ("number", "dropdown", {"buckets": [{"from": None, "below": 3, "option": "a"}, {"from": 3, "option": "b"}]}),
        ("number", "date", {"epoch": "1970-01-01", "unit": "days"}),
        ("integer", "datetime", {"pattern": "YYYYMMDDHHmm", "zone": "UTC"}),
        ("integer", "phone", {"region": "CH"}),
        ("time", "slider", {"unit": "minutes"}),
        ("date", "datetime", {"local_time": "12:00", "zone": "UTC"}),
        ("datetime", "time", {"zone": "UTC", "accept_loss": True}),
        ("file", "textarea", {"file_as": "links", "link_prefix": "https://example.com/", "delimiter": ";"}),
        ("rating", "boolean", {"threshold": {"at_least": 3}}),
        ("boolean", "text_input", {"spelling": {"true": "Ja", "false": "Nein"}}),
    ],
)
def test_good_parameters_have_no_fault(source: str, target: str, params: dict[str, Any]) -> None:
    assert faults(source, target, **params) == []


@pytest.mark.parametrize(
    ("source", "target", "params", "found"),
    [
        ("text_input", "number", {"locale": {"decimal": ",", "group": ","}}, [("/locale", "parameter-invalid")]),
        ("text_input", "number", {"zone": "UTC"}, [("/zone", "parameter-unknown")]),
        ("text_input", "date", {"pattern": "DD.MM.YY"}, [("/pattern", "two-digit-year")]),
        ("text_input", "dropdown", {"options": {"ja": "z"}}, [("/options/ja", "option-unknown")]),
        ("text_input", "multiple_select", {"delimiter": "ab"}, [("/delimiter", "parameter-invalid")]),
        ("text_input", "boolean", {"words": {"en": {"true": ["x"], "false": ["X"]}}}, [("/words/en", "parameter-invalid")]),
        ("single_select", "number", {"values": {"a": "one", "z": 1}}, [("/values/z", "option-unknown"), ("/values/a", "type")]),
        ("single_select", "number", {}, [("", "parameter-missing")]),
        ("boolean", "dropdown", {"values": {"true": "a"}}, [("/values", "parameter-invalid")]),
        ("multiple_select", "dropdown", {"pick": "any"}, [("/pick", "parameter-invalid")]),
        ("multiple_select", "boolean", {"derive": {"count": True}}, [("/derive", "parameter-invalid")]),
        ("multiple_select", "number", {"derive": {"scores": {"z": 1}}}, [("/derive/scores/z", "option-unknown")]),
        ("multiple_select", "number", {"derive": {"scores": {"a": "x"}}}, [("/derive/scores/a", "parameter-invalid")]),
        ("number", "dropdown", {"buckets": [{"below": 3, "option": "z"}]}, [("/buckets/0/option", "option-unknown")]),
        ("number", "dropdown", {"buckets": [{"below": 3, "option": "a"}, {"option": "b"}]}, [("/buckets/1", "parameter-invalid")]),
        ("number", "date", {"epoch": "yesterday", "unit": "fortnights"}, [("/epoch", "parameter-invalid"), ("/unit", "parameter-invalid")]),
        ("integer", "date", {"pattern": "YYYYMMDD", "unit": "days"}, [("/pattern", "parameter-conflict")]),
        ("number", "time", {"epoch": "1970-01-01", "unit": "hours"}, [("/epoch", "parameter-invalid")]),
        ("text_input", "phone", {"region": "Switzerland"}, [("/region", "parameter-invalid")]),
        ("date", "datetime", {"local_time": "25:00", "zone": "UTC"}, [("/local_time", "parameter-invalid")]),
        ("date", "datetime", {"local_time": "12:00", "zone": "Mars"}, [("/zone", "parameter-invalid")]),
        ("datetime", "time", {"zone": "UTC"}, [("", "parameter-missing")]),
        ("datetime", "date", {"zone": "UTC", "accept_loss": "yes"}, [("/accept_loss", "parameter-invalid")]),
        ("file", "textarea", {"file_as": "links"}, [("", "parameter-missing")]),
        ("file", "url", {"link_prefix": "files/"}, [("/link_prefix", "parameter-invalid")]),
        ("rating", "boolean", {"threshold": 3}, [("/threshold", "parameter-invalid")]),
        ("boolean", "text_input", {"spelling": {"true": "x", "false": "X "}}, [("/spelling", "parameter-invalid")]),
    ],
)  # fmt: skip
def test_every_fault_is_found_where_it_is(source: str, target: str, params: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert faults(source, target, **params) == found


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("junk", [None, 3, "", "junk", [], [1], {}, {"a": None}, {"true": 1, "false": []}, True])
def test_no_parameter_whatever_raises(name: str, junk: Any) -> None:
    for source in TYPES:
        for target in TYPES:
            conversion = between(source, target)
            if name in conversion.accepts:
                assert isinstance(faults_in_parameters(conversion, {name: junk}, CLOCK), tuple)


def test_every_parameter_that_a_rule_takes_is_checked() -> None:
    accepts = {name for source in TYPES for target in TYPES for name in between(source, target).accepts}
    assert accepts == set(PARAMETERS)
