"""The values that expressions compute with: what counts as answered, as a number or a date, and how two of them compare.

Must not know operators or structures.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from keepstep.core.jsonvalue import parse_number

Value = Any
"""None (unanswered), bool, int, Decimal, str or a list of these."""


def answered(value: Value) -> bool:
    """Whether a value counts as an answer: not None, not "" and not []."""
    return value is not None and value not in ("", [])


def truth(value: Value) -> bool:
    """JsonLogic truth: None, false, 0, "" and [] are false."""
    return bool(value)


def as_number(value: Value) -> int | Decimal | None:
    """The number a value is or spells as a plain decimal; None otherwise. A boolean is no number here."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, str):
        try:
            return parse_number(value)
        except ValueError:
            return None
    return None


_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME: Final = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?", re.ASCII)
_DATETIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def as_date(value: Value) -> date | None:
    """The date that a text spells as ISO 8601, or the local date of an RFC 3339 time; None otherwise."""
    if not isinstance(value, str):
        return None
    if len(value) > 10:
        moment = as_datetime(value)
        return None if moment is None else moment.date()
    try:
        return date.fromisoformat(value) if _DATE.fullmatch(value) else None
    except ValueError:
        return None


def as_time(value: Value) -> time | None:
    """The time of day that a text spells as ISO 8601, without an offset; None otherwise."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return time.fromisoformat(value)
    except ValueError:
        return None


def as_datetime(value: Value) -> datetime | None:
    """The time that a text spells as RFC 3339 with an offset; None otherwise."""
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def compare(left: Value, right: Value) -> int | None:
    """-1, 0 or 1; None when the two cannot be compared, an unanswered side included. Two lists are equal or not comparable."""
    if left is None or right is None:
        return None
    if isinstance(left, list) or isinstance(right, list):
        return 0 if _same_lists(left, right) else None
    if isinstance(left, bool) or isinstance(right, bool):
        return 0 if left is right else None
    if isinstance(left, str) and isinstance(right, str):
        return _compare_texts(left, right)
    first, second = as_number(left), as_number(right)
    return None if first is None or second is None else _sign(first, second)


def _same_lists(left: Value, right: Value) -> bool:
    if not isinstance(left, list) or not isinstance(right, list) or len(left) != len(right):
        return False
    return all(compare(one, other) == 0 for one, other in zip(left, right, strict=True))


def _sign(first: Any, second: Any) -> int:
    return int(first > second) - int(first < second)


def _compare_texts(left: str, right: str) -> int:
    """In time where both spell one (a date meets a date with time as dates), else by code point."""
    if left[2:3] == ":" == right[2:3]:
        first, second = as_time(left), as_time(right)
        if first is not None and second is not None:
            return _sign(first, second)
    # Two dates of ten characters have the same order as texts.
    if left[4:5] == "-" == right[4:5] and (len(left) > 10 or len(right) > 10):
        return _compare_moments(left, right)
    return _sign(left, right)


def _compare_moments(left: str, right: str) -> int:
    first, second = as_datetime(left), as_datetime(right)
    if first is not None and second is not None:
        return _sign(first, second)
    day, other = as_date(left), as_date(right)
    return _sign(left, right) if day is None or other is None else _sign(day, other)


# --- as text -------------------------------------------------------------------------------------------------------

MAX_TEXT_RESULT: Final = 100_000
"""Characters of a text that an expression makes: as long as the longest answer. A longer one is unanswered, never cut."""


def to_text(value: Value) -> str | None:
    """The text of a value: numbers plain, booleans as true/false, lists joined by a blank; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return joined(value, " ")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def joined(values: Iterable[Value], separator: str) -> str | None:
    """The texts of the values with a separator between them; None when that is longer than MAX_TEXT_RESULT."""
    parts: list[str] = []
    room = MAX_TEXT_RESULT
    for value in values:
        part = to_text(value) or ""
        room -= len(part) + (len(separator) if parts else 0)
        if room < 0:
            return None
        parts.append(part)
    return separator.join(parts)
