"""What a text or a number plainly says about dates and times: ISO 8601 or one declared pattern, and local times in a zone.

Never guesses: a two-digit year, an unclear order of day and month, a local time that does not exist or occurs twice are
refused. The time-zone rules are those of the pinned tzdata, a constant table. Must not know option sets.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from keepstep.core.conversion import Derived, Refusal, Result
from keepstep.core.jsonvalue import exact
from keepstep.core.read_text import as_read

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME: Final = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?", re.ASCII)
_MOMENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)
# 1/2/2019, 10-04-19, 3.4.2019: which number is the day is not said.
_UNCLEAR_DATE: Final = re.compile(r"(\d{1,2})[./ -](\d{1,2})[./ -](\d{4}|\d{2})", re.ASCII)
_SHORT_YEAR: Final = re.compile(r"\d{1,2}[./ -]\d{1,2}[./ -]\d{2}", re.ASCII)


def date_in(text: str, pattern: str | None = None) -> Result:
    """The ISO date that the text spells: as ISO 8601, or by the pattern."""
    read = as_read(text)
    if pattern is not None:
        return _by_pattern(read, pattern, "date")
    if not _DATE.fullmatch(read):
        return _why_no_date(read)
    day = _date(read)
    return Derived(read) if day else Refusal("no-such-date", f"There is no {read} in the calendar.")


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _why_no_date(text: str) -> Refusal:
    if _SHORT_YEAR.fullmatch(text):
        return Refusal("two-digit-year", f"“{text}” has a year of two digits; which century and order it means is not said.")
    if _UNCLEAR_DATE.fullmatch(text):
        return Refusal("date-order", f"“{text}” does not say which number is the day; give the pattern that all of them follow.")
    return Refusal("not-a-date", "Not a date as year-month-day (ISO 8601); give a pattern if all of them follow one.")


def time_in(text: str, pattern: str | None = None) -> Result:
    """The ISO time that the text spells: HH:MM, with seconds or fractions where given, or by the pattern."""
    read = as_read(text)
    if pattern is not None:
        return _by_pattern(read, pattern, "time")
    if not _TIME.fullmatch(read):
        return Refusal("not-a-time", "Not a time as hours:minutes (ISO 8601); give a pattern if all of them follow one.")
    return Derived(read) if _time(read) is not None else Refusal("no-such-time", f"There is no {read} on a clock.")


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def moment_in(text: str, pattern: str | None = None, zone: str | None = None) -> Result:
    """The RFC 3339 time that the text spells: with its offset, or as a local time in the zone."""
    read = as_read(text)
    if pattern is not None:
        local = _by_pattern(read, pattern, "datetime")
        return local if isinstance(local, Refusal) else _localised(local, zone)
    found = _MOMENT.fullmatch(read)
    if not found:
        return Refusal("not-a-moment", "Not a date and time with its offset (RFC 3339), such as 2026-03-27T14:30:00+01:00.")
    day, clock, offset = found.groups()
    if not _date(day) or _time(clock) is None:
        return Refusal("no-such-time", f"There is no {read} in the calendar.")
    if offset is None:
        return _localised(Derived(f"{day}T{clock}"), zone)
    return _with_offset(f"{day}T{clock}", offset.upper())


def _with_offset(local: str, offset: str) -> Result:
    # RFC 3339: -00:00 says that the offset is not known, so the moment is not either.
    if offset == "-00:00":
        return Refusal("offset-unknown", "The offset -00:00 says that the offset is not known.")
    try:
        datetime.fromisoformat(local + offset)
    except ValueError:
        return Refusal("no-such-time", f"{offset} is no offset.")
    return Derived(local + offset)


def _localised(local: Derived, zone: str | None) -> Result:
    if zone is None:
        return Refusal("zone-needed", "A time without an offset needs the zone that it was meant in.")
    placed = in_zone(local.value, zone)
    return placed if isinstance(placed, Refusal) else Derived(placed.value, {**local.used, **placed.used})


# --- zones ---------------------------------------------------------------------------------------------------------


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def is_zone(name: Any) -> bool:
    """Whether this is the name of an IANA time zone."""
    return isinstance(name, str) and bool(name) and len(name) < 100 and name.isascii() and _zone(name) is not None


def in_zone(local: str, zone: str) -> Result:
    """The RFC 3339 time of an ISO local time in a zone; refused in the gap and in the fold of a clock change."""
    info = _zone(zone)
    if info is None:
        return Refusal("zone-unknown", f"There is no time zone {zone!r}.")
    naive = datetime.fromisoformat(local)
    try:
        offsets = [naive.replace(tzinfo=info, fold=fold).utcoffset() for fold in (0, 1)]
        exists = naive.replace(tzinfo=info).astimezone(UTC).astimezone(info).replace(tzinfo=None) == naive
    except OverflowError:
        return Refusal("out-of-calendar", "The time lies outside the years 1 to 9999.")
    if not exists:
        return Refusal("no-such-local-time", f"{local} does not exist in {zone}: the clocks were put forward over it.")
    if offsets[0] != offsets[1]:
        return Refusal("local-time-twice", f"{local} occurs twice in {zone}: the clocks were put back.")
    return _with_zone_offset(local, offsets[0] or timedelta(), zone)


def _with_zone_offset(local: str, offset: timedelta, zone: str) -> Result:
    if offset % timedelta(minutes=1):
        return Refusal("offset-not-exact", f"The offset of {zone} had seconds then, which RFC 3339 cannot say.")
    minutes = offset // timedelta(minutes=1)
    written = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    return Derived(local + written, {"zone": zone})


def local_in(moment: str, zone: str) -> datetime | Refusal:
    """The naive local time of an RFC 3339 time in a zone."""
    info = _zone(zone)
    if info is None:
        return Refusal("zone-unknown", f"There is no time zone {zone!r}.")
    try:
        return datetime.fromisoformat(moment).astimezone(info).replace(tzinfo=None)
    except OverflowError:
        return Refusal("out-of-calendar", "The time lies outside the years 1 to 9999.")


# --- patterns ------------------------------------------------------------------------------------------------------

_TOKENS: Final[Mapping[str, str]] = {
    "YYYY": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{2})",
    "D": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "H": r"(?P<hour>\d{1,2})",
    "hh": r"(?P<half>\d{2})",
    "h": r"(?P<half>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})",
    "A": r"(?P<side>[AaPp][Mm])",
}
_WIDTHS: Final = {"YYYY": 4, "MM": 2, "DD": 2, "HH": 2, "mm": 2, "ss": 2}
_TOKEN: Final = re.compile(r"YYYY|YY|MM|M|DD|D|HH|H|hh|h|mm|ss|A|.", re.DOTALL)
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "date": frozenset({"year", "month", "day"}),
    "time": frozenset({"hour", "minute"}),
    "datetime": frozenset({"year", "month", "day", "hour", "minute"}),
}


def fault_in_pattern(pattern: Any, kind: str) -> tuple[str, str] | None:
    """(code, sentence) why this is no pattern of a date, a time or a datetime; None for a good one."""
    if not isinstance(pattern, str) or not 0 < len(pattern) <= 60:
        return "pattern", "A pattern is a text such as DD.MM.YYYY."
    tokens = _TOKEN.findall(pattern)
    if "YY" in tokens:
        return "two-digit-year", "A year of two digits does not say its century; use YYYY, or convert these answers by hand."
    literals = [token for token in tokens if token not in _TOKENS]
    if any(literal.isalnum() and literal not in "TZ" for literal in literals):
        return "pattern", "A pattern has the fields YYYY, MM, M, DD, D, HH, H, hh, h, mm, ss and A; anything else is a sign between them."
    if any(left in "MDHh" and right in _TOKENS for left, right in pairwise(tokens)):
        return "pattern", "Between a field of one or two digits and the next field a sign is needed."
    return _fault_in_fields(tokens, kind)


def _fault_in_fields(tokens: list[str], kind: str) -> tuple[str, str] | None:
    fields = [re.findall(r"<(\w+)>", _TOKENS[token])[0] for token in tokens if token in _TOKENS]
    known = set(fields)
    if len(fields) != len(known) or {"half", "hour"} <= known or ("half" in known) != ("side" in known):
        return "pattern", "Each field stands once in a pattern; hh and h go with A, HH and H without."
    whole = known - {"half", "side", "second"} | ({"hour"} if "half" in known else set())
    if whole != _FIELDS[kind] or ("second" in known and kind == "date"):
        return "pattern", f"A pattern of a {kind} needs the fields {', '.join(sorted(_FIELDS[kind]))}."
    return None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_TOKENS.get(token, re.escape(token)) for token in _TOKEN.findall(pattern)), re.ASCII)


def _by_pattern(read: str, pattern: str, kind: str) -> Result:
    if fault_in_pattern(pattern, kind):
        return Refusal("pattern", "The pattern cannot be used.")
    found = _compiled(pattern).fullmatch(read)
    if not found:
        return Refusal("not-by-pattern", f"“{read[:60]}” is not written as {pattern}.")
    iso = _iso(found.groupdict(), kind)
    return Derived(iso, {"pattern": pattern}) if iso else Refusal("no-such-date", f"There is no “{read}” in the calendar.")


def _iso(fields: Mapping[str, str], kind: str) -> str | None:
    """The ISO text of the fields found; None for a date or time that does not exist."""
    day = f"{fields.get('year', '0001')}-{fields.get('month', '1'):0>2}-{fields.get('day', '1'):0>2}"
    hour = _hour(fields)
    clock = f"{hour}:{fields.get('minute', '00')}" + (f":{fields['second']}" if "second" in fields else "")
    if hour is None or not _date(day) or _time(clock) is None:
        return None
    return {"date": day, "time": clock, "datetime": f"{day}T{clock}"}[kind]


def _hour(fields: Mapping[str, str]) -> str | None:
    if "half" not in fields:
        return f"{fields.get('hour', '00'):0>2}"
    half = int(fields["half"])
    if not 1 <= half <= 12:
        return None
    return f"{half % 12 + (12 if fields['side'].casefold() == 'pm' else 0):02}"


# --- numbers as dates and times ------------------------------------------------------------------------------------

_MICROSECONDS: Final[Mapping[str, int]] = {
    "days": 86_400_000_000,
    "hours": 3_600_000_000,
    "minutes": 60_000_000,
    "seconds": 1_000_000,
    "milliseconds": 1_000,
}
UNITS: Final = tuple(_MICROSECONDS)


def epoch_in(text: Any, kind: str) -> datetime | None:
    """The epoch that a parameter gives: a date for dates, an RFC 3339 time for datetimes, midnight for times; None if it is none."""
    if kind == "time":
        return datetime(1, 1, 1, tzinfo=UTC)
    if not isinstance(text, str):
        return None
    if kind == "date":
        day = _date(text) if _DATE.fullmatch(text) else None
        return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None
    found = moment_in(text)
    return datetime.fromisoformat(found.value) if isinstance(found, Derived) else None


def counted(number: int | Decimal, epoch: datetime, unit: str, kind: str) -> Result:
    """The ISO date, time or datetime that lies `number` units after the epoch; exact, or refused."""
    steps = Fraction(number) * _MICROSECONDS[unit]
    whole_days = steps % _MICROSECONDS["days"] == 0
    if steps.denominator != 1 or (kind == "date" and not whole_days):
        return Refusal(
            "not-exact", f"{number} {unit} do not come to a whole {'day' if kind == 'date' else 'microsecond'}; nothing is rounded."
        )
    if kind == "time" and not 0 <= steps < _MICROSECONDS["days"]:
        return Refusal("no-such-time", f"{number} {unit} after midnight is not within one day.")
    try:
        moment = epoch + timedelta(microseconds=int(steps))
    except OverflowError:
        return Refusal("out-of-calendar", "The date lies outside the years 1 to 9999.")
    return Derived(_written(moment, kind))


def _written(moment: datetime, kind: str) -> str:
    if kind == "date":
        return moment.date().isoformat()
    if kind == "time":
        clock = moment.time()
        return clock.isoformat() if clock.second or clock.microsecond else clock.isoformat("minutes")
    return moment.isoformat()


def count_of(value: str, epoch: datetime, unit: str, kind: str) -> Result:
    """How many units after the epoch a stored date, time or datetime lies; refused where no decimal says it exactly."""
    moment = _moment_of(value, kind)
    if moment is None:
        return Refusal("value-misfit", "The stored value is no date or time.")
    passed = moment - epoch
    steps = (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
    return exact_quotient(steps, _MICROSECONDS[unit])


def exact_quotient(part: int, whole: int) -> Result:
    """The exact decimal of part / whole; refused where it never ends (one third)."""
    fraction = Fraction(part, whole)
    denominator, places = fraction.denominator, 0
    while denominator % 10 == 0 or denominator % 5 == 0 or denominator % 2 == 0:
        denominator //= 10 if denominator % 10 == 0 else 5 if denominator % 5 == 0 else 2
        places += 1
    if denominator != 1:
        return Refusal("not-exact", "No decimal says this exactly; nothing is rounded. Another unit may.")
    try:
        # Built from its digits: decimal arithmetic would round to its context.
        return Derived(exact(Decimal(f"{fraction.numerator * 10**places // fraction.denominator}E-{places}")))
    except ValueError as error:
        return Refusal("number-too-long", f"Cannot be stored exactly: {error}.")


def _moment_of(value: str, kind: str) -> datetime | None:
    if kind == "date":
        return epoch_in(value, "date")
    if kind == "time":
        clock = _time(value) if _TIME.fullmatch(value) else None
        return datetime(1, 1, 1, clock.hour, clock.minute, clock.second, clock.microsecond, UTC) if clock is not None else None
    return epoch_in(value, "datetime")


def fault_in_digits(pattern: Any, kind: str) -> tuple[str, str] | None:
    """As `fault_in_pattern`, for numbers: full-width fields only, nothing between them (YYYYMMDD, HHmm)."""
    if isinstance(pattern, str) and any(token not in _WIDTHS for token in _TOKEN.findall(pattern)):
        return "pattern", "A number is written by fields of fixed width alone: YYYY, MM, DD, HH, mm, ss."
    return fault_in_pattern(pattern, kind)


def digits_read(number: int, pattern: str, kind: str) -> Result:
    """The ISO date, time or local datetime whose digits the number has. A leading zero that a number cannot have is put back."""
    width = sum(_WIDTHS.get(token, 0) for token in _TOKEN.findall(pattern))
    digits = str(number)
    # A year that lost a digit was never written with four: only the other fields start with a zero.
    if number < 0 or (len(digits) != width and (pattern.startswith("YYYY") or len(digits) > width)):
        return Refusal("not-by-pattern", f"{number} is not written as {pattern}.")
    return _by_pattern(digits.zfill(width), pattern, kind)


def digits_of(value: str, pattern: str, kind: str) -> Result:
    """The number whose digits are this stored date, time or local datetime; refused where the pattern leaves something out."""
    day, clock = value[:10], value if kind == "time" else value[11:]
    fields = {"YYYY": day[:4], "MM": day[5:7], "DD": day[8:10], "HH": clock[:2], "mm": clock[3:5], "ss": clock[6:8] or "00"}
    number = int("".join(fields[token] for token in _TOKEN.findall(pattern)))
    back = digits_read(number, pattern, kind)
    if isinstance(back, Refusal) or padded(back.value) != padded(value):
        return Refusal("not-exact", f"The pattern {pattern} does not say all of {value}.")
    return Derived(number)


def padded(iso: str) -> str:
    """An ISO time with its seconds, so that 09:30 and 09:30:00 compare equal."""
    return f"{iso}:00" if iso.count(":") == 1 else iso
