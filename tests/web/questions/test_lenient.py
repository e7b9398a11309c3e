from decimal import Decimal
from typing import Any

import pytest
from babel import Locale

from keepstep.web.questions import lenient

EN, DE, FR, CH = Locale("en"), Locale("de"), Locale("fr"), Locale("de", "CH")


@pytest.mark.parametrize(
    ("typed", "locale", "value"),
    [
        ("12", EN, 12),
        (" 1,234.5 ", EN, Decimal("1234.5")),
        ("1.234,5", DE, Decimal("1234.5")),
        ("1.234", DE, 1234),
        ("1.5", DE, Decimal("1.5")),
        ("1,5", EN, Decimal("1.5")),
        ("1,234", EN, 1234),
        ("1\u202f234,5", FR, Decimal("1234.5")),
        ("1’234.5", CH, Decimal("1234.5")),
        ("12.0", EN, 12),
        ("−3", EN, -3),
        ("72.5 kg", EN, Decimal("72.5")),
        ("72,5KG", DE, Decimal("72.5")),
        ("１２", EN, 12),
        ("twelve", EN, "twelve"),
        ("1e5", EN, "1e5"),
        ("12-15", EN, "12-15"),
    ],
)
def test_numbers_are_read_as_people_write_them(typed: str, locale: Locale, value: Any) -> None:
    assert lenient.number(typed, locale, "kg") == value


@pytest.mark.parametrize(
    ("typed", "locale", "day"),
    [
        (("27", "3", "1985"), EN, "1985-03-27"),
        (("27", "March", "1985"), EN, "1985-03-27"),
        (("27.", "März", "1985"), DE, "1985-03-27"),
        (("27", "mar", "1985"), DE, "1985-03-27"),
        (("1985-03-27", "", ""), EN, "1985-03-27"),
        (("29", "02", "2024"), EN, "2024-02-29"),
    ],
)
def test_days_are_read_in_parts_by_name_or_whole(typed: tuple[str, str, str], locale: Locale, day: str) -> None:
    found = lenient.day(typed, locale)
    assert not isinstance(found, tuple)
    assert found.isoformat() == day


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        (("27", "", "1985"), ("month",)),
        (("", "", "1985"), ("day", "month")),
        (("27", "3", "85"), ("year",)),
        (("30", "2", "2024"), ("day",)),
        (("27", "13", "1985"), ("month",)),
        (("x", "y", "z"), ("day", "month", "year")),
        (("1", "1", "0000"), ("year",)),
    ],
)
def test_what_is_no_day_names_the_parts_that_are_wrong(typed: tuple[str, str, str], parts: tuple[str, ...]) -> None:
    assert lenient.day(typed, EN) == parts


@pytest.mark.parametrize(
    ("typed", "clock"),
    [
        ("14:30", "14:30"),
        ("14.30", "14:30"),
        ("1430", "14:30"),
        ("2:30 pm", "14:30"),
        ("2 p.m.", "14:00"),
        ("12 am", "00:00"),
        ("12:15pm", "12:15"),
        ("14h30", "14:30"),
        ("9", "09:00"),
        ("14:30:05", "14:30:05"),
        ("noon", "12:00"),
        ("14 Uhr", "14:00"),
        ("25:00", "25:00"),
        ("13 pm", "13 pm"),
        ("soon", "soon"),
        ("143", "143"),
    ],
)
def test_times_are_read_as_people_write_them(typed: str, clock: str) -> None:
    assert lenient.clock(typed) == clock


@pytest.mark.parametrize(
    ("typed", "regions", "number"),
    [
        ("+41 44 668 18 00", (), "+41446681800"),
        ("0041 44 668 18 00", (), "+41446681800"),
        ("+41 (0)44 668 18 00", (), "+41446681800"),
        ("044 668 18 00", ("CH",), "+41446681800"),
        ("044 668 18 00", (), "044 668 18 00"),
        ("call me", ("CH",), "call me"),
    ],
)
def test_phone_numbers_are_read_at_home_and_abroad(typed: str, regions: tuple[str, ...], number: str) -> None:
    assert lenient.phone(typed, regions) == number


def test_addresses_lose_what_came_along_when_they_were_copied() -> None:
    assert lenient.email(" <mailto:a@example.org> ") == "mailto:a@example.org".removeprefix("mailto:")
    assert lenient.web_address("example.org/a?b") == "https://example.org/a?b"
    assert lenient.web_address("http://example.org") == "http://example.org"
    assert lenient.web_address("a@example.org") == "a@example.org"
