"""What people type, read leniently: numbers, days, times, phone numbers and addresses as they are written, not as they are stored.

A reading returns the canonical value, or what was typed where it is none, for the checks of the core to name. Must not know option sets.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import get_month_names

from keepstep.core.conversion import Derived
from keepstep.core.logic import as_date
from keepstep.core.read_text import as_read, folded
from keepstep.core.readings import number_in, phone_in, plain_decimal

# --- numbers -------------------------------------------------------------------------------------------------------


@cache
def separators(locale: Locale) -> tuple[str, str]:
    """(decimal sign, group separator) of a language, both with Latin digits."""
    known = locale.number_symbols.get("latn", {})
    group = known.get("group", ",")
    return known.get("decimal", "."), " " if group.isspace() else group


def number_text(value: int | Decimal, locale: Locale) -> str:
    """A number as its language writes it, without groups, so that nobody reads a group as a fraction."""
    return plain_decimal(value).replace(".", separators(locale)[0])


def number(text: str, locale: Locale, unit: str = "") -> Any:
    """`1,234.5 kg` → 1234.5. The language's own form is tried first, then a plain decimal point, then a comma."""
    read = as_read(text).replace("−", "-")
    if unit and folded(read).endswith(folded(unit)):
        read = read[: len(read) - len(as_read(unit))].strip()
    decimal, group = separators(locale)
    for point, grouped in ((decimal, group), (decimal, " "), (decimal, "’"), (decimal, "'"), (".", ""), (",", "")):
        found = number_in(read, {"decimal": point, "group": grouped})
        if isinstance(found, Derived):
            return found.value
    return text.strip()


# --- days and times ------------------------------------------------------------------------------------------------


def day(texts: tuple[str, str, str], locale: Locale) -> date | tuple[str, ...]:
    """(day, month, year) → the date, or the names of the parts that are missing or wrong. An ISO date may stand in the first."""
    first, second, third = (as_read(text).rstrip(".") for text in texts)
    whole = as_date(first) if not second and not third else None
    if whole is not None:
        return whole
    missing = tuple(name for name, text in zip(PARTS, (first, second, third), strict=True) if not text)
    if missing:
        return missing
    month = _month(second, locale)
    wrong = tuple(
        name
        for name, fits in (("day", re.fullmatch(r"\d{1,2}", first)), ("month", month), ("year", re.fullmatch(r"\d{4}", third)))
        if not fits
    )
    return wrong or _day(int(third), month or 0, int(first))


PARTS: Final = ("day", "month", "year")


def _day(year: int, month: int, of_month: int) -> date | tuple[str, ...]:
    try:
        return date(year, month, of_month)
    except ValueError:
        return ("year",) if year < 1 else ("day",) if 1 <= month <= 12 else ("month",)


def _month(text: str, locale: Locale) -> int | None:
    if re.fullmatch(r"\d{1,2}", text):
        return int(text) if 1 <= int(text) <= 12 else None
    return _months(locale).get(folded(text).rstrip("."))


@cache
def _months(locale: Locale) -> dict[str, int]:
    """Names and short names of the months, in the language and in English."""
    names: dict[str, int] = {}
    for language in (Locale("en"), locale):
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                found: Iterable[tuple[int, str]] = get_month_names(width, context, language).items()
                names |= {folded(name).rstrip("."): index for index, name in found}
    return names


_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:.h ]?([0-5]\d))?(?:[:.]([0-5]\d(?:\.\d{1,6})?))?\s*(?:([ap])\.?\s?m\.?|uhr|h)?")
_WORDS: Final = {"noon": "12:00", "midday": "12:00", "midnight": "00:00"}


def clock(text: str) -> str:
    """`2:30 pm`, `14.30`, `1430`, `14h30` → `14:30`; what is no time stays as it is."""
    read = _WORDS.get(folded(text), folded(text))
    found = _CLOCK.fullmatch(read)
    if not found or (read.isdigit() and len(read) == 3):
        return text.strip()
    hour, minute, second, half = found.groups()
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            return text.strip()
        hours = hours % 12 + (12 if half == "p" else 0)
    if hours > 23:
        return text.strip()
    return time_text(time.fromisoformat(f"{hours:02}:{minute or '00'}:{second or '00'}"))


def time_text(moment: time) -> str:
    """`14:30`, with seconds where there are some."""
    return moment.isoformat() if moment.second or moment.microsecond else moment.isoformat("minutes")


def moment(on: date, at: str, zone: ZoneInfo) -> str:
    """RFC 3339 with the offset that the zone has then; of an hour that comes twice, the first."""
    read = clock(at)
    try:
        found = datetime.combine(on, time.fromisoformat(read), zone)
    except ValueError:
        return f"{on.isoformat()} {read}"
    # Before there were time zones an offset had seconds, which RFC 3339 cannot say.
    offset = found.utcoffset() or timedelta()
    return (found.astimezone(UTC) if offset.seconds % 60 else found).isoformat()


# --- addresses -----------------------------------------------------------------------------------------------------


def phone(text: str, regions: Iterable[str]) -> str:
    """A phone number as E.164: `0041 44 668 18 00`, or written as at home in one of the regions."""
    read = re.sub(r"^00(?=[1-9])", "+", as_read(text)).replace("(0)", "")
    for region in (None, *regions):
        found = phone_in(read, region)
        if isinstance(found, Derived):
            return str(found.value)
    plain = re.sub(r"[ ()./-]", "", read)
    return plain if re.fullmatch(r"\+\d+", plain) else text.strip()


def email(text: str) -> str:
    """Without the blanks, the brackets and the `mailto:` that come along when an address is copied."""
    return re.sub(r"^mailto:", "", text.strip().strip("<>").strip(), flags=re.IGNORECASE)


def web_address(text: str) -> str:
    """`example.com` → `https://example.com`."""
    read = text.strip()
    return f"https://{read}" if re.match(r"[\w-]+(\.[\w-]+)+([/?#:]|$)", read) and "@" not in read else read
