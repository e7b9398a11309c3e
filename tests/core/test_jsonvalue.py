"""JSON values are exact in, exact out, and have one canonical form."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepstep.core.jsonvalue import MAX_DEPTH, MAX_DIGITS, canonical_bytes, dump_bytes, dumps, exact, loads, parse_number, unstorable
from keepstep.errors import MalformedJson


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", Decimal("0.1")),
        ("1.50", Decimal("1.5")),
        ("1.0", 1),
        ("1e3", 1000),
        ("-0.0", 0),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        ('"\\u00e9"', "é"),
        ('{"a": [true, null]}', {"a": [True, None]}),
    ],
)
def test_numbers_are_read_exactly(text: str, value: Any) -> None:
    assert loads(text) == value
    assert type(loads(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "Infinity", "[1,]", "1e400000", "1e-61", "9" * 61, '"\\ud800"', '"\\u0000"', '{"\\u0000": 1}', "[" * 10_000, b"\xff"],
)
def test_what_cannot_be_kept_exactly_is_refused(text: str | bytes) -> None:
    with pytest.raises(MalformedJson):
        loads(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (r'{"answers": {"name": {"value": "a\u0000"}}}', "/answers/name/value"),
        (r'{"answers": [1, "\u0000"]}', "/answers/1"),
        (r'{"a/b~": {"c\u0000": 1}}', "/a~1b~0"),
        ('{"a": ' + "1" * 61 + "}", "/a"),
        ('{"deep": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "/deep/0/0"),
    ],
)
def test_the_place_of_what_cannot_be_kept_is_named(text: str, place: str) -> None:
    with pytest.raises(MalformedJson, match=f"at {place}"):
        loads(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r'{"name": "a\ud800b"}', r"lone surrogate \(\\ud800 at byte 11\)"),
        (r'{"name": "\\ud83d \udc00"}', r"\\udc00 at byte 18"),
        (r'["\ud83d\ude00", "\ud83d"]', r"\\ud83d at byte 18"),
        ('{"a": {"b": 1e400}}', "digits before and after the point \\(at /a/b\\)"),
        ('{"a": [1, 1e-61]}', "at /a/1"),
        ("[" * 100_000, "nested at most 128 levels"),
        ('{"a": {"e\\u006d": 1, "x": {}, "em": 2}}', "“em” stands twice"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(text: str, said: str) -> None:
    with pytest.raises(MalformedJson, match=said):
        loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":1,"a":2,"b" :3}',
        '{"a": 1, "x": {"b": 1}, "a": 2, "c"\n: 3}',
        r'{"a\\":1,"a\\":2}',
        r'{"a\\":1,"a\u005c":2}',
        r'{"a\":":1,"a\u0022:":2}',
        r'{"x": "\":", "y": ["\\\":", {"b": 1, "b": 2}]}',
    ],
)
def test_a_member_that_stands_twice_is_refused_however_it_is_spelled(text: str) -> None:
    with pytest.raises(MalformedJson, match="twice"):
        loads(text)


_names = st.sampled_from(["a", 'a":', "\\", '"', "b\\", ":"])
_json = st.recursive(st.integers(0, 1), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3))


@given(
    st.recursive(st.integers(0, 1), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3)), st.booleans()
)
def test_what_has_each_member_once_is_read(value: Any, spaced: bool) -> None:
    separators = (" , ", " : ") if spaced else (",", ":")
    assert loads(json.dumps(value, separators=separators)) == value


def test_equal_members_of_different_objects_are_no_repetition() -> None:
    assert loads(r'{"a": {"a": "{\"a\": 1, \"a\": 2}"}, "b": [{"a": 1}, {"a": 1}]}')


def test_nesting_is_bounded() -> None:
    assert loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(MalformedJson, match="nested"):
        loads("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), 10**MAX_DIGITS, Decimal(10) ** -61, Decimal("1E+999999")])
def test_a_number_that_cannot_be_stored_has_no_canonical_form(number: Any) -> None:
    with pytest.raises(ValueError, match="number"):
        exact(number)
    assert unstorable([number]) is not None


@pytest.mark.parametrize("value", [1.5, float("nan"), {"a": {1, 2}}, b"x", "\ud800", {"\x00": 1}])
def test_what_is_no_exact_json_value_is_named(value: Any) -> None:
    assert unstorable(value) is not None


@pytest.mark.parametrize("value", [None, True, 0, -1, Decimal("0.5"), "", "é", [], {}, {"a": [1, {"b": None}]}])
def test_every_plain_value_can_be_stored(value: Any) -> None:
    assert unstorable(value) is None
    assert loads(dumps(value)) == value


def test_numbers_are_written_plainly() -> None:
    assert dumps([Decimal("1E-7"), Decimal("1.5"), 10**20]) == "[0.0000001,1.5,100000000000000000000]"
    assert dumps({"text": "1E-7", "number": (Decimal("1E-7"), Decimal("1E+2"))}) == '{"text":"1E-7","number":[0.0000001,100]}'
    assert dump_bytes("é") == '"é"'.encode()


def test_the_canonical_form_sorts_keys_and_normalises_numbers() -> None:
    numbers = (1, Decimal("2.0"), Decimal("1E-7"), Decimal("0E-9"), Decimal("1E+2"))
    assert canonical_bytes({"b": Decimal("1.50"), "a": numbers}) == b'{"a":[1,2,0.0000001,0,100],"b":1.5}'


def test_equivalent_spellings_of_a_text_have_different_canonical_forms() -> None:
    assert canonical_bytes("é") != canonical_bytes("e\u0301")


def test_a_float_has_no_canonical_form() -> None:
    with pytest.raises(TypeError, match="float"):
        canonical_bytes({"a": 0.1})


@pytest.mark.parametrize("text", ["", "1e5", "1,5", "１", "--1", "1 2", "0" * 1_000])
def test_only_a_plain_decimal_is_read_as_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        parse_number(text)
