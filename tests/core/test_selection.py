"""Which values fit each selection type, how they read, and what JSON Schema says of them."""

import time
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

import jsonschema
import pytest
from tests.small_structures import CLOCK, YES_NO, alone

from keepstep.core.clock import Clock
from keepstep.core.selection import ENTRIES, MAX_ANSWER_TEXT, check_other, check_value, display, normal_value, value_schema
from keepstep.core.structure import SELECTION_TYPES

ABC = [{"value": value, "label": value.upper()} for value in "abc"]
FILE = {"file_id": "1", "name": "a.png", "size": 10, "media_type": "image/png", "sha256": "0" * 64}
LONG = 10**40


def codes(selection_type: str, value: Any, /, clock: Clock = CLOCK, **members: Any) -> list[str]:
    return [issue.code for issue in check_value(value, alone(selection_type, **members), clock)]


def limited(selection_type: str, value: Any, /, clock: Clock = CLOCK, **constraints: Any) -> list[str]:
    return codes(selection_type, value, clock, constraints=constraints)


FITTING: list[tuple[str, Any]] = [
    ("text_input", "a"),
    ("text_input", "日本 👩‍👩‍👧"),
    ("textarea", "a\nb"),
    ("email", "name@example.com"),
    ("email", "名@例え.jp"),
    ("phone", "+41446681800"),
    ("url", "https://example.com:8080/a?b#c"),
    ("url", "https://例え.jp/"),
    ("number", Decimal("0.1")),
    ("number", -LONG),
    ("integer", LONG),
    ("slider", 50),
    ("rating", 5),
    ("boolean", False),
    ("date", "2024-02-29"),
    ("time", "23:59"),
    ("time", "00:00:00.123456"),
    ("datetime", "2026-03-27T14:30:00+01:00"),
    ("datetime", "2026-03-27T14:30:00.5Z"),
    ("file", [FILE]),
    ("calculated", ["a", 1]),
]
MISFITTING: list[tuple[str, Any, str]] = [
    ("text_input", 1, "type"),
    ("text_input", "a\nb", "line-break"),
    ("text_input", "a\n", "line-break"),
    ("text_input", "a\u2028b", "line-break"),
    ("text_input", "a\x00", "text-unstorable"),
    ("textarea", "\ud800", "text-unstorable"),
    ("textarea", "x" * (MAX_ANSWER_TEXT + 1), "max-length"),
    ("email", "name", "email"),
    ("email", "a@b", "email"),
    ("email", 5, "type"),
    ("phone", "044 668 18 00", "phone"),
    ("phone", "+1", "phone"),
    ("phone", "+٤١٤٤٦٦٨١٨٠٠", "phone"),
    ("phone", "+10230450000000", "phone"),
    ("url", "example.com", "url"),
    ("url", "javascript:alert(1)", "url"),
    ("url", "https://", "url"),
    ("url", "https://a b.com", "url"),
    ("url", "https://a:99999", "url"),
    ("url", "https://[x", "url"),
    ("number", "1", "type"),
    ("number", True, "type"),
    ("number", 1.5, "type"),
    ("number", 10**60, "number-too-large"),
    ("number", Decimal("NaN"), "number-too-large"),
    ("integer", Decimal("1.5"), "type"),
    ("integer", False, "type"),
    ("slider", 101, "max"),
    ("rating", 0, "range"),
    ("rating", True, "type"),
    ("boolean", 1, "type"),
    ("boolean", "true", "type"),
    ("date", "2025-02-29", "type"),
    ("date", "27.03.2026", "type"),
    ("date", "2026-03-27T10:00:00Z", "type"),
    ("date", "２０２６-03-27", "type"),
    ("time", "24:00", "type"),
    ("time", "9:00", "type"),
    ("datetime", "2026-03-27T14:30:00", "type"),
    ("datetime", "2026-03-27", "type"),
    ("file", ["a"], "type"),
    ("file", [FILE | {"size": -1}], "type"),
    ("file", [FILE | {"extra": 1}], "type"),
    ("file", [FILE, FILE], "max-files"),
    ("statement", "x", "type"),
    ("calculated", {"a": 1}, "type"),
    ("calculated", [["a"]], "type"),
]


@pytest.mark.parametrize(("selection_type", "value"), FITTING)
def test_a_value_of_the_type_fits(selection_type: str, value: Any) -> None:
    assert codes(selection_type, value) == []


@pytest.mark.parametrize(("selection_type", "value", "code"), MISFITTING)
def test_a_value_of_another_type_does_not_fit(selection_type: str, value: Any, code: str) -> None:
    assert codes(selection_type, value) == [code]


@pytest.mark.parametrize("selection_type", SELECTION_TYPES)
@pytest.mark.parametrize("value", [None, "", []])
def test_an_empty_value_fits_everywhere(selection_type: str, value: Any) -> None:
    assert codes(selection_type, value) == []


ODD_VALUES: Any = (0, -1, True, 1.5, Decimal("1E-400"), 10**5000, "x", "\ud800", [1], ["a", {}], {}, {"a": [1]}, [[[]]], [None], b"x")


@pytest.mark.parametrize("selection_type", SELECTION_TYPES)
@pytest.mark.parametrize("value", ODD_VALUES, ids=range(len(ODD_VALUES)))
def test_no_value_whatever_makes_a_check_or_a_display_fail(selection_type: str, value: Any) -> None:
    options = {"options": ABC} if "select" in selection_type or selection_type == "dropdown" else {}
    option_set = alone(selection_type, **options)
    assert isinstance(check_value(value, option_set, CLOCK), tuple)
    if value != 10**5000:  # Python itself refuses to spell it
        assert isinstance(display({"value": value}, option_set, "en", "en"), str)


# --- choices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selection_type", ["single_select", "dropdown"])
@pytest.mark.parametrize(
    ("value", "found"), [("a", []), ("A", ["option-unknown"]), ("old", ["option-retired"]), (["a"], ["type"]), (1, ["type"])]
)
def test_one_option_on_offer_fits(selection_type: str, value: Any, found: list[str]) -> None:
    assert codes(selection_type, value, options=[*ABC, {"value": "old", "label": "Old", "retired": True}]) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (["a", "b"], []),
        (["a"], ["min-choices"]),
        (["a", "b", "c"], ["max-choices"]),
        (["a", "a"], ["duplicate-choice"]),
        (["a", "x"], ["option-unknown"]),
        (["none", "a"], ["exclusive"]),
        ("a", ["type"]),
        (["a", 1], ["type"]),
    ],
)
def test_several_options_fit_within_their_limits(value: Any, found: list[str]) -> None:
    options = [*ABC, {"value": "none", "label": "None", "exclusive": True}]
    assert codes("multiple_select", value, options=options, constraints={"min_choices": 2, "max_choices": 2}) == found


def test_text_beside_the_options_is_taken_where_the_question_allows_it() -> None:
    assert check_other("own", alone("single_select", options=ABC, allow_other=True)) == ()
    assert [issue.code for issue in check_other("own", alone("single_select", options=ABC))] == ["other-not-allowed"]
    assert [issue.code for issue in check_other(5, alone("multiple_select", options=ABC, allow_other=True))] == ["type"]


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "constraints", "found"),
    [
        (Decimal("0.3"), {"step": Decimal("0.1")}, []),
        (Decimal("0.35"), {"step": Decimal("0.1")}, ["step"]),
        (Decimal("1.5"), {"min": Decimal("0.5"), "step": 1}, []),
        (10**59, {"step": Decimal("0.1")}, []),
        (Decimal(f"{10**59}.05"), {"step": Decimal("0.1")}, ["step"]),
        (Decimal("1E-50"), {"step": Decimal("1E-55")}, []),
        (Decimal("1.23"), {"max_decimals": 1}, ["max-decimals"]),
        (Decimal("1.20"), {"max_decimals": 1}, []),
        (5, {"max_decimals": 1}, []),
        (Decimal("5.0"), {"max_decimals": 0}, []),
        (Decimal("1E-30"), {"max_decimals": 29}, ["max-decimals"]),
        (LONG + 1, {"max": LONG}, ["max"]),
        (-LONG, {"min": -LONG}, []),
        (Decimal("100.59"), {"max": 100, "step": 1}, ["max", "step"]),
    ],
)
def test_numbers_are_checked_exactly_whatever_the_context(value: Any, constraints: dict[str, Any], found: list[str]) -> None:
    assert limited("number", value, **constraints) == found
    with localcontext() as context:
        context.prec = 3
        assert limited("number", value, **constraints) == found


@pytest.mark.parametrize(("value", "found"), [("ab", []), ("a", ["min-length", "pattern"]), ("abcd", ["max-length"]), ("AB", ["pattern"])])
def test_texts_are_checked_for_length_and_form(value: str, found: list[str]) -> None:
    assert limited("text_input", value, min_length=2, max_length=3, pattern="[a-z]{2,9}") == found


@pytest.mark.timeout(20)
@pytest.mark.parametrize("pattern", ["(a+)+", "(a|a)*b", "(a?){500}a{500}", "([a-z]+)*\\d", "(.*)(.*)(.*)(.*)x"])
def test_no_pattern_holds_a_worker_up(pattern: str) -> None:
    option_set = alone("textarea", constraints={"pattern": pattern})
    started = time.process_time()
    check_value("a" * (MAX_ANSWER_TEXT - 1) + "!", option_set, CLOCK)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("value", "found"), [("2026-03-26", ["min"]), ("2026-03-27", []), ("2026-04-26", []), ("2026-04-27", ["max"]), ("9999-12-31", ["max"])]
)
def test_a_window_of_dates_moves_with_today(value: str, found: list[str]) -> None:
    assert limited("date", value, min="today", max="today+30") == found


def test_today_is_the_day_in_the_zone_of_the_clock() -> None:
    late = Clock(datetime.fromisoformat("2026-03-28T01:30:00+13:00"), "Pacific/Auckland")
    assert limited("date", "2026-03-28", late, max="today") == []
    assert limited("date", "2026-03-28", Clock(late.at.astimezone(UTC)), max="today") == ["max"]


def test_a_window_that_leaves_the_calendar_has_no_limit_there() -> None:
    assert limited("date", "2026-03-28", Clock(datetime(1, 1, 2, tzinfo=UTC)), min="today-99999") == []


@pytest.mark.parametrize(
    ("value", "found"),
    [("2026-03-27T15:30:00+01:00", []), ("2026-03-27T15:29:00+01:00", ["min"]), ("2026-03-27T23:00:00-02:00", ["max"])],
)
def test_times_with_offsets_are_compared_in_time(value: str, found: list[str]) -> None:
    assert limited("datetime", value, min="now", max="2026-03-28T00:00:00Z") == found


@pytest.mark.parametrize(("value", "found"), [("08:59:59", ["min"]), ("09:00", []), ("17:00:00", []), ("17:00:00.1", ["max"])])
def test_times_of_day_are_compared_as_such(value: str, found: list[str]) -> None:
    assert limited("time", value, min="09:00", max="17:00") == found


def test_files_are_checked_for_number_size_and_type() -> None:
    wrong = [FILE | {"size": 11}, FILE | {"media_type": "text/plain"}, FILE | {"media_type": "IMAGE/PNG"}]
    found = check_value(wrong, alone("file", constraints={"max_files": 2, "max_size": 10, "media_types": ["image/*"]}), CLOCK)
    assert [(issue.code, issue.pointer) for issue in found] == [("max-files", ""), ("max-size", "/0"), ("media-types", "/1")]


def test_a_phone_number_of_another_region_does_not_fit() -> None:
    assert limited("phone", "+41446681800", regions=["CH", "DE"]) == []
    assert limited("phone", "+442079460958", regions=["CH", "DE"]) == ["regions"]


def test_the_authors_own_message_is_given_in_the_language_asked_for() -> None:
    option_set = alone("text_input", constraints={"max_length": 1, "messages": {"max_length": "Short, please"}})
    (issue,) = check_value("abc", option_set, CLOCK, language="en", default_language="en")
    assert issue.detail == "Short, please"


# --- display, canonical form, schema -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection_type", "envelope", "shown"),
    [
        ("single_select", {"value": "a"}, "A"),
        ("single_select", {"value": "gone"}, "gone"),
        ("single_select", {"value": {"odd": 1}}, '{"odd":1}'),
        ("multiple_select", {"value": ["a", "b"], "other": "own"}, "A, B, own"),
        ("single_select", {"value": None, "other": "own"}, "own"),
        ("boolean", {"value": False}, "No"),
        ("number", {"value": Decimal("1E-7")}, "0.0000001"),
        ("file", {"value": [FILE]}, "a.png"),
        ("statement", {"value": "x"}, ""),
        ("text_input", {"value": None}, ""),
        ("text_input", None, ""),
    ],
)
def test_an_answer_reads_as_people_read_it(selection_type: str, envelope: Any, shown: str) -> None:
    members = {"options": ABC} if "select" in selection_type else {}
    assert display(envelope, alone(selection_type, **members), "en", "en") == shown


def test_choices_are_kept_in_the_order_of_the_options_and_numbers_without_trailing_zeros() -> None:
    options = alone("multiple_select", options=ABC)
    assert normal_value(["c", "a"], options) == ["a", "c"]
    assert normal_value(["c", "x"], options) == ["c", "x"]
    assert str(normal_value(Decimal("1.50"), alone("number"))) == "1.5"
    assert normal_value(True, alone("number")) is True


def fits_schema(value: Any, schema: dict[str, Any]) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(("selection_type", "value"), [each for each in FITTING if each[0] != "calculated"])
def test_what_fits_is_valid_by_the_schema(selection_type: str, value: Any) -> None:
    assert fits_schema(value, value_schema(alone(selection_type)))


@pytest.mark.parametrize(
    ("selection_type", "constraints", "value"),
    [
        ("text_input", {"max_length": 0}, "a"),
        ("text_input", {"pattern": "a|b"}, "ab"),
        ("number", {"min": 5}, 4),
        ("number", {"step": 2}, 3),
        ("rating", {"max": 3}, 4),
        ("file", {}, [{"name": "x"}]),
    ],
)
def test_what_breaks_a_limit_is_invalid_by_the_schema(selection_type: str, constraints: dict[str, Any], value: Any) -> None:
    assert not fits_schema(value, value_schema(alone(selection_type, constraints=constraints)))
    assert limited(selection_type, value, **constraints)


@pytest.mark.parametrize("selection_type", ["single_select", "dropdown", "multiple_select"])
def test_the_schema_of_a_choice_offers_what_is_on_offer(selection_type: str) -> None:
    schema = value_schema(alone(selection_type, options=[*YES_NO, {"value": "old", "label": "Old", "retired": True}]))
    assert (schema.get("items") or schema)["enum"] == ["yes", "no"]


def test_each_selection_type_has_one_entry() -> None:
    assert set(ENTRIES) == set(SELECTION_TYPES)
