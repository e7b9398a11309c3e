"""When a run took place, as the metadata of other tools tell it: only what can be read in one way.

ISO 8601 and dates with the month's English name ("Jul 26, 2018, 4:47:29 PM"). 03/04/2018 is not read: nothing says which is the
month. Must not know files.
"""

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

_MONTHS: Final = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)}
_LONG: Final = "january february march april may june july august september october november december sept".split()
_MONTH: Final = r"(?P<month>[A-Za-z]{3,9})\.?"
_CLOCK: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
_NAMED: Final = tuple(
    re.compile(day + r",?\s+(?:at\s+)?" + _CLOCK, re.ASCII)
    for day in (_MONTH + r"\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})", r"(?P<day>\d{1,2})\.?[\s-]" + _MONTH + r",?[\s-](?P<year>\d{4})")
)
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII)
# A narrow no-break space stands before AM and PM in what newer JavaScript engines write.
_BLANKS: Final = re.compile(r"\s+")


def moment_in(text: str, zone: str) -> datetime | None:
    """The aware time that the text names, taken in `zone` (IANA) where it names no offset itself; None where that is not clear.

    Not clear as well: a local time that the zone has twice or not at all, when its clocks change.
    """
    plain = _BLANKS.sub(" ", text).strip()
    moment = _iso(plain) if _ISO.fullmatch(plain) else _named(plain)
    if moment is None or moment.tzinfo is not None:
        return moment
    local = moment.replace(tzinfo=ZoneInfo(zone))
    return local if local.utcoffset() == local.replace(fold=1).utcoffset() else None


def _iso(text: str) -> datetime | None:
    try:
        return _in_range(datetime.fromisoformat(_six_digits(text.replace(",", "."))))
    except ValueError:
        return None


def _six_digits(text: str) -> str:
    """Fractions of a second beyond the microsecond cannot be stored; the text itself stays in the archive."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text.replace(" Z", "Z"))


def _in_range(moment: datetime) -> datetime | None:
    """None for the first and last year of the calendar: their times have no equivalent in every other offset."""
    return moment if 1 < moment.year < 9999 else None


def _named(text: str) -> datetime | None:
    found = next((match for pattern in _NAMED if (match := pattern.fullmatch(text))), None)
    if found is None:
        return None
    name = found["month"].casefold()
    month = _MONTHS.get(name[:3]) if len(name) == 3 or name in _LONG else None
    hour = _hour(int(found["hour"]), found["half"])
    if month is None or hour is None:
        return None
    try:
        return datetime(int(found["year"]), month, int(found["day"]), hour, int(found["minute"]), int(found["second"] or 0))  # noqa: DTZ001 - the zone is added by the caller
    except ValueError:
        return None


def _hour(hour: int, half: str | None) -> int | None:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if half in "Pp" else 0)
