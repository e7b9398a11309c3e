"""What texts plainly say, and what they do not: numbers, words, dates, times, zones, phone numbers and lists."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import lines

from keepstep.core.conversion import Derived, Refusal, Result
from keepstep.core.read_text import as_read, folded
from keepstep.core.readings import WORDS, boolean_in, fault_in_delimiter, joined, number_in, parts_in, phone_in
from keepstep.core.time_readings import (
    count_of,
    counted,
    date_in,
    digits_of,
    digits_read,
    epoch_in,
    fault_in_digits,
    fault_in_pattern,
    in_zone,
    is_zone,
    moment_in,
    time_in,
)

SWISS, GERMAN, FRENCH = {"decimal": ".", "group": "’"}, {"decimal": ",", "group": "."}, {"decimal": ",", "group": " "}


def said(result: Result) -> Any:
    """The value, or the code of the refusal."""
    return result.value if isinstance(result, Derived) else result.code


# --- texts -----------------------------------------------------------------------------------------------------------


def test_a_text_is_read_composed_trimmed_and_with_plain_digits() -> None:
    assert as_read("\u00a0 Ame\u0301lie  \t ３５\u2009b ") == "Amélie 35 b"


def test_a_line_break_is_never_read_as_a_blank() -> None:
    assert as_read("3\n4") == "3\n4"
    assert said(number_in("3\n4", FRENCH)) == "not-a-number"


def test_nothing_but_full_width_digits_becomes_a_digit() -> None:
    assert said(number_in("３．５")) == "not-a-number"
    assert [said(number_in(text)) for text in ("٣", "③", "Ⅲ", "３")] == ["not-a-number", "not-a-number", "not-a-number", 3]


def test_case_folds_across_scripts_and_compositions() -> None:
    assert folded("STRASSE") == folded("straße")
    assert folded("É") == folded("e\u0301")


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("3.0", {"decimal": ".", "group": ""}, 3),
        ("-0.50", {"decimal": ".", "group": ""}, Decimal("-0.5")),
        ("1’234’567.25", SWISS, Decimal("1234567.25")),
        ("1.234", GERMAN, 1234),
        ("1234,5", GERMAN, Decimal("1234.5")),
        ("1\u202f234,5", FRENCH, Decimal("1234.5")),
        ("0.1000000000000000055511151231257827", {"decimal": ".", "group": ""}, Decimal("0.1000000000000000055511151231257827")),
    ],
)
def test_a_plain_decimal_in_its_locale_is_read_exactly(text: str, locale: dict[str, str], value: Any) -> None:
    assert said(number_in(text, locale)) == value


@pytest.mark.parametrize(
    "text", ["3 kg", "€ 3", "3%", "1e3", "3-5", "5.", ".5", "1,5", "1 234", "0x10", "½", "--3", "3/4", "NaN", "Infinity", "−3"]
)
def test_units_currencies_ranges_and_exponents_are_not_numbers(text: str) -> None:
    assert said(number_in(text)) == "not-a-number"


@pytest.mark.parametrize("text", ["12.34", "1.2345", "1.23.456", ".123", "1.234.56,0", "12345.678"])
def test_groups_have_three_digits_or_the_number_is_refused(text: str) -> None:
    assert said(number_in(text, GERMAN)) == "not-a-number"


def test_a_number_too_long_to_be_stored_exactly_is_refused() -> None:
    assert said(number_in("9" * 61)) == "number-too-long"
    assert said(number_in("9" * 60)) == int("9" * 60)


# --- words -----------------------------------------------------------------------------------------------------------


def test_words_are_read_in_any_case_by_the_lists_given() -> None:
    assert [said(boolean_in(text, WORDS)) for text in ("YES", "oui", "Nein", " 1 ", "SÍ")] == [True, True, False, True, True]
    assert said(boolean_in("maybe", WORDS)) == "not-a-word"


def test_a_word_that_means_both_in_two_languages_is_refused() -> None:
    lists = {"en": {"true": ["o"], "false": []}, "xx": {"true": [], "false": ["O"]}}
    assert said(boolean_in("o", lists)) == "word-ambiguous"


# --- dates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("10-04-19", "two-digit-year"),
        ("4.5.99", "two-digit-year"),
        ("04/05/2019", "date-order"),
        ("31.12.2019", "date-order"),
        ("2019-02-29", "no-such-date"),
        ("2019-13-01", "no-such-date"),
        ("20190410", "not-a-date"),
        ("10 April 2019", "not-a-date"),
        ("2019-04-10T00:00:00Z", "not-a-date"),
    ],
)
def test_a_date_that_is_not_plainly_one_is_refused_with_the_reason(text: str, code: str) -> None:
    assert said(date_in(text)) == code


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("04/05/2019", "DD/MM/YYYY", "2019-05-04"),
        ("04/05/2019", "MM/DD/YYYY", "2019-04-05"),
        ("4.5.2019", "D.M.YYYY", "2019-05-04"),
        ("04.05.2019", "D.M.YYYY", "2019-05-04"),
        ("4.5.19", "D.M.YYYY", "not-by-pattern"),
        ("31.02.2019", "DD.MM.YYYY", "no-such-date"),
        ("2019-05-04", "DD/MM/YYYY", "not-by-pattern"),
    ],
)
def test_one_pattern_decides_the_order_for_all(text: str, pattern: str, value: str) -> None:
    assert said(date_in(text, pattern)) == value


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("DD.MM.YY", "date"),
        ("MM.YYYY", "date"),
        ("DMYYYY", "date"),
        ("DD.DD.YYYY", "date"),
        ("DD.MM.YYYY HH:mm", "date"),
        ("hh:mm", "time"),
        ("HH:mm A", "time"),
        ("DD. MMMM YYYY", "date"),
        ("day", "date"),
        ("", "date"),
        (3, "time"),
    ],
)
def test_a_pattern_that_would_have_to_guess_is_a_fault(pattern: Any, kind: str) -> None:
    assert fault_in_pattern(pattern, kind) is not None


def test_good_patterns_have_no_fault() -> None:
    good = {
        "date": ("DD.MM.YYYY", "M/D/YYYY"),
        "time": ("HH:mm", "h:mm A", "HHmmss"),
        "datetime": ("YYYY-MM-DD HH:mm", "D.M.YYYY, hh:mm:ss A"),
    }
    assert [fault_in_pattern(pattern, kind) for kind, patterns in good.items() for pattern in patterns] == [None] * 7


# --- times -----------------------------------------------------------------------------------------------------------


def test_times_are_iso_or_by_the_pattern() -> None:
    assert [said(time_in(text)) for text in ("09:30", "09:30:15.5", "24:00", "9:30", "9h30")] == [
        "09:30",
        "09:30:15.5",
        "no-such-time",
        "not-a-time",
        "not-a-time",
    ]
    assert [said(time_in(text, "h:mm A")) for text in ("9:30 PM", "12:00 am", "13:00 PM")] == ["21:30", "00:00", "no-such-date"]


def test_a_moment_needs_an_offset_or_a_zone() -> None:
    assert said(moment_in("2026-03-27T14:30:00+01:00")) == "2026-03-27T14:30:00+01:00"
    assert said(moment_in("2026-03-27 14:30:00z")) == "2026-03-27T14:30:00Z"
    assert said(moment_in("2026-03-27T14:30")) == "zone-needed"
    assert said(moment_in("2026-03-27T14:30", None, "Europe/Zurich")) == "2026-03-27T14:30+01:00"
    assert said(moment_in("27.03.2026 14:30", "DD.MM.YYYY HH:mm", "America/St_Johns")) == "2026-03-27T14:30-02:30"


@pytest.mark.parametrize(
    "text", ["2026-03-27T14:30:00-00:00", "2026-03-27T14:30:00+25:00", "2026-02-30T00:00:00Z", "2026-03-27T23:59:60Z", "now"]
)
def test_a_moment_that_does_not_exist_or_has_no_known_offset_is_refused(text: str) -> None:
    assert isinstance(moment_in(text), Refusal)


def test_a_local_time_in_the_gap_does_not_exist_and_one_in_the_fold_occurs_twice() -> None:
    assert said(in_zone("2026-03-29T02:30:00", "Europe/Zurich")) == "no-such-local-time"
    assert said(in_zone("2026-10-25T02:30:00", "Europe/Zurich")) == "local-time-twice"
    assert said(in_zone("2026-10-25T03:00:00", "Europe/Zurich")) == "2026-10-25T03:00:00+01:00"
    assert said(in_zone("2011-12-30T12:00:00", "Pacific/Apia")) == "no-such-local-time"


def test_an_offset_with_seconds_cannot_be_written_and_is_refused() -> None:
    assert said(in_zone("1900-01-01T00:00:00", "Europe/Amsterdam")) in ("offset-not-exact", "1900-01-01T00:00:00+00:18")
    assert said(in_zone("1850-01-01T00:00:00", "Europe/Zurich")) == "offset-not-exact"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "Europe/Zürich", None, 3, "a" * 200, "Europe", "/etc/localtime"])
def test_only_names_of_zones_are_zones(name: Any) -> None:
    assert not is_zone(name)


# --- numbers as dates and times --------------------------------------------------------------------------------------

EXCEL = epoch_in("1899-12-30", "date") or datetime(1, 1, 1, tzinfo=UTC)
UNIX = epoch_in("1970-01-01T00:00:00Z", "datetime") or datetime(1, 1, 1, tzinfo=UTC)
MIDNIGHT = epoch_in(None, "time") or datetime(1, 1, 1, tzinfo=UTC)


def test_numbers_count_from_the_epoch_in_the_unit() -> None:
    assert said(counted(43565, EXCEL, "days", "date")) == "2019-04-10"
    assert said(counted(1554854400, UNIX, "seconds", "datetime")) == "2019-04-10T00:00:00+00:00"
    assert said(counted(Decimal("9.5"), MIDNIGHT, "hours", "time")) == "09:30"


def test_numbers_that_do_not_come_out_even_are_refused() -> None:
    assert said(counted(Decimal("43565.5"), EXCEL, "days", "date")) == "not-exact"
    assert said(counted(24, MIDNIGHT, "hours", "time")) == "no-such-time"
    assert said(counted(-1, MIDNIGHT, "minutes", "time")) == "no-such-time"
    assert said(counted(10**50, UNIX, "days", "datetime")) == "out-of-calendar"
    assert said(count_of("00:00:01", MIDNIGHT, "hours", "time")) == "not-exact"


def test_dates_and_times_count_back_exactly() -> None:
    assert said(count_of("2019-04-10", EXCEL, "days", "date")) == 43565
    assert said(count_of("09:30:00", MIDNIGHT, "hours", "time")) == Decimal("9.5")
    assert said(count_of("2019-04-10T00:00:00.000001Z", UNIX, "seconds", "datetime")) == Decimal("1554854400.000001")


def test_digits_are_read_by_their_pattern_with_the_zero_that_a_number_lost() -> None:
    assert said(digits_read(20190410, "YYYYMMDD", "date")) == "2019-04-10"
    assert said(digits_read(1042019, "DDMMYYYY", "date")) == "2019-04-01"
    assert said(digits_read(930, "HHmm", "time")) == "09:30"
    assert [said(digits_read(number, "YYYYMMDD", "date")) for number in (190410, -20190410)] == ["not-by-pattern", "not-by-pattern"]


def test_digits_that_leave_something_out_are_refused() -> None:
    assert said(digits_of("09:30", "HHmm", "time")) == 930
    assert said(digits_of("09:30:15", "HHmm", "time")) == "not-exact"
    assert fault_in_digits("YYYY-MM-DD", "date") is not None
    assert fault_in_digits("YYYYMMDD", "date") is None


# --- phone numbers ---------------------------------------------------------------------------------------------------


def test_phone_numbers_are_international_or_of_the_region_given() -> None:
    assert said(phone_in("+41 (0)44 668 18 00")) == "+41446681800"
    assert said(phone_in("044 668 18 00", "CH")) == "+41446681800"
    assert said(phone_in("044 668 18 00")) == "region-needed"


@pytest.mark.parametrize(
    "text", ["+10230450", "-10230450", "12345", "1-800-FLOWERS", "044 668 18 00 ext. 5", "+41 44 668 18 00 / 01", "call me", "+"]
)
def test_what_is_no_valid_number_of_the_region_is_refused(text: str) -> None:
    assert said(phone_in(text, "CH")) == "not-a-phone-number"


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a;b", ["a", "b"]),
        (' a ; "b;c" ;"d ""e"""', ["a", "b;c", 'd "e"']),
        ("", [""]),
        ("a;", ["a", ""]),
        ('"a', "quoting"),
        ('a"b;c', "quoting"),
        ('"a"b;c', "quoting"),
        ('"a\nb";c', ["a\nb", "c"]),
    ],
)
def test_lists_are_split_as_rfc_4180_says(text: str, parts: Any) -> None:
    assert said(parts_in(text, ";")) == parts


@given(parts=st.lists(st.one_of(lines(), st.text(';"\n a', max_size=5)), min_size=1, max_size=5), delimiter=st.sampled_from(";,|\t /"))
def test_joined_lists_split_into_the_same_parts(parts: list[str], delimiter: str) -> None:
    assert said(parts_in(joined(parts, delimiter), delimiter)) == parts


@pytest.mark.parametrize("delimiter", ["", ";;", "a", "1", '"', "\n", "-", ".", "+", None, 3])
def test_a_delimiter_is_one_sign_that_no_value_is_made_of(delimiter: Any) -> None:
    assert fault_in_delimiter(delimiter) is not None
