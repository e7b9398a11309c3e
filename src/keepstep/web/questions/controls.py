"""One entry per selection type: which inputs a question has, how a value fills them, and how what was typed in them is read.

`fill` and `read` stand side by side because each undoes the other (tests/laws/test_questions.py). Must not know HTML or requests.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from keepstep.core.jsonvalue import dumps
from keepstep.core.logic import as_date, as_datetime, as_time
from keepstep.core.structure import OPTION_SET_BY_TYPE, ChoiceFields, OptionSet, Phone, Rating, Slider
from keepstep.web.questions import lenient
from keepstep.web.questions.situation import Situation

Texts = Mapping[str, tuple[str, ...]]
"""What the inputs of one question hold: the part ("" for the question itself, "day", "other" …) → its texts."""

# A row of buttons up to here; above it they would wrap on a phone, and a number is typed faster than found.
MOST_POINTS: Final = 11


class Reading(NamedTuple):
    """What was typed, read: `other` beside a choice; `code` and `parts` when it cannot be read at all, and where: the value is then a
    text that fills the inputs again as they were.
    """

    value: Any = None
    other: str | None = None
    code: str | None = None
    parts: tuple[str, ...] = ()


class Control(NamedTuple):
    """`parts` are the names of its inputs."""

    parts: tuple[str, ...]
    fill: Callable[[Any, OptionSet, Situation], Texts]
    read: Callable[[Texts, OptionSet, Situation], Reading]


def first(texts: Texts, part: str = "") -> str:
    """The text of an input, "" where it holds none."""
    return next(iter(texts.get(part, ())), "")


def plain_text(value: Any) -> str:
    """A value that does not fit its question, as a text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else dumps(value)


def _fill_text(value: Any, option_set: OptionSet, situation: Situation) -> Texts:
    return {"": (plain_text(value),)}


def _read_line(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    return Reading(first(texts).strip() or None)


def _read_area(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    return Reading(first(texts).replace("\r\n", "\n").strip() or None)


def _read_email(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    return Reading(lenient.email(first(texts)) or None)


def _read_phone(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    assert isinstance(option_set, Phone)
    return Reading(lenient.phone(first(texts), option_set.constraints.regions) or None)


def _read_url(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    return Reading(lenient.web_address(first(texts)) or None)


# --- numbers -------------------------------------------------------------------------------------------------------


def _fill_number(value: Any, option_set: OptionSet, situation: Situation) -> Texts:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return {"": (lenient.number_text(value, situation.locale),)}
    return _fill_text(value, option_set, situation)


def _read_number(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    typed = first(texts)
    return Reading(lenient.number(typed, situation.locale, situation.text(option_set.unit)) if typed.strip() else None)


def points_of(option_set: OptionSet) -> tuple[int, ...]:
    """The values of a scale that is shown as a row of buttons; () where there are too many, and for every other question."""
    if not isinstance(option_set, Slider | Rating):
        return ()
    constraints = option_set.constraints
    points = range(constraints.min, constraints.max + 1, getattr(constraints, "step", 1))
    return tuple(points) if len(points) <= MOST_POINTS else ()


# --- choices -------------------------------------------------------------------------------------------------------


def other_code(option_set: OptionSet) -> str:
    """What stands for "Other" among the codes of the options: a text that is none of them."""
    code = "other"
    known = option_set.option_by_value if isinstance(option_set, ChoiceFields) else {}
    while code in known:
        code = f"_{code}"
    return code


def _fill_choice(value: Any, option_set: OptionSet, situation: Situation) -> Texts:
    several = isinstance(value, list) and option_set.selection_type == "multiple_select"
    items = value if several else [] if value is None else [value]
    return {"": tuple(dict.fromkeys(plain_text(item) for item in items))}


def _read_single(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    chosen, other = _codes(texts, option_set)[:1], first(texts, "other").strip() or None
    code = other_code(option_set)
    if chosen and chosen != [code]:
        return Reading(chosen[0])
    if chosen and other is None:
        return Reading(code="other-missing", parts=("other",))
    return Reading(None, other)


def _read_multiple(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    chosen, other = _codes(texts, option_set), first(texts, "other").strip() or None
    code = other_code(option_set)
    value = list(dict.fromkeys(each for each in chosen if each != code)) or None
    if code in chosen and other is None:
        return Reading(value, code="other-missing", parts=("other",))
    return Reading(value, other)


def _codes(texts: Texts, option_set: OptionSet) -> list[str]:
    """The codes chosen. Browsers send a line break as CR LF, whatever it was; a blank one is "no answer"."""
    assert isinstance(option_set, ChoiceFields)
    sent = {re.sub(r"\r\n|\r|\n", "\r\n", value): value for value in option_set.option_by_value}
    return [sent.get(text, text) for text in texts.get("", ()) if text != ""]


def _fill_boolean(value: Any, option_set: OptionSet, situation: Situation) -> Texts:
    return {"": () if value is None else (plain_text(value),)}


def _read_boolean(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    typed = first(texts).strip()
    return Reading({"true": True, "false": False, "": None}.get(typed, typed))


# --- days and times ------------------------------------------------------------------------------------------------


def _fill_date(value: Any, option_set: OptionSet, situation: Situation) -> Texts:
    found = as_date(value) if isinstance(value, str) and len(value) == 10 else None
    return _typed_parts(value, lenient.PARTS) if found is None else _day_texts(found)


_BETWEEN: Final = " / "


def _typed_parts(value: Any, parts: tuple[str, ...]) -> Texts:
    """What was typed into the parts of a day that is none, or all of it in the first."""
    texts = plain_text(value).split(_BETWEEN)
    if len(texts) != len(parts):
        texts = [plain_text(value), *("" for _ in parts[1:])]
    return {part: (text,) for part, text in zip(parts, texts, strict=True)}


def _day_texts(on: date) -> Texts:
    return {"day": (str(on.day),), "month": (str(on.month),), "year": (f"{on.year:04}",)}


def _read_date(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    if not any(first(texts, part).strip() for part in lenient.PARTS):
        return Reading()
    found = _day_in(texts, situation)
    return Reading(found.isoformat()) if isinstance(found, date) else _unreadable(texts, found, lenient.PARTS)


def _day_in(texts: Texts, situation: Situation) -> date | tuple[str, ...]:
    return lenient.day((first(texts, "day"), first(texts, "month"), first(texts, "year")), situation.locale)


def _unreadable(texts: Texts, wrong: tuple[str, ...], parts: tuple[str, ...]) -> Reading:
    is_missing = any(not first(texts, part).strip() for part in wrong)
    typed = _BETWEEN.join(first(texts, part).strip() for part in parts)
    return Reading(typed, code="date-incomplete" if is_missing else "date-invalid", parts=wrong)


def _fill_time(value: Any, option_set: OptionSet, situation: Situation) -> Texts:
    found = as_time(value)
    return {"": (plain_text(value) if found is None else lenient.time_text(found),)}


def _read_time(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    return Reading(lenient.clock(first(texts)) or None)


_MOMENT: Final = (*lenient.PARTS, "time")


def _fill_datetime(value: Any, option_set: OptionSet, situation: Situation) -> Texts:
    found = as_datetime(value)
    try:
        local = None if found is None else found.astimezone(situation.zone)
    except OverflowError:
        local = None
    if local is None:
        return _typed_parts(value, _MOMENT)
    return {**_day_texts(local.date()), "time": (lenient.time_text(local.time()),)}


def _read_datetime(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    if not any(first(texts, part).strip() for part in _MOMENT):
        return Reading()
    found = as_datetime(first(texts, "day").strip())
    if found is not None and not any(first(texts, part).strip() for part in ("month", "year", "time")):
        return Reading(first(texts, "day").strip())
    on = _day_in(texts, situation)
    if not first(texts, "time").strip():
        return _unreadable(texts, (*on, "time") if isinstance(on, tuple) else ("time",), _MOMENT)
    return Reading(lenient.moment(on, first(texts, "time"), situation.zone)) if isinstance(on, date) else _unreadable(texts, on, _MOMENT)


# --- the rest ------------------------------------------------------------------------------------------------------


def _fill_nothing(value: Any, option_set: OptionSet, situation: Situation) -> Texts:
    return {}


def _read_nothing(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    return Reading()


_TEXT: Final = ("",)
_CHOICE: Final = ("", "other")
CONTROLS: Final[dict[str, Control]] = {
    "text_input": Control(_TEXT, _fill_text, _read_line),
    "textarea": Control(_TEXT, _fill_text, _read_area),
    "email": Control(_TEXT, _fill_text, _read_email),
    "phone": Control(_TEXT, _fill_text, _read_phone),
    "url": Control(_TEXT, _fill_text, _read_url),
    "single_select": Control(_CHOICE, _fill_choice, _read_single),
    "dropdown": Control(_CHOICE, _fill_choice, _read_single),
    "multiple_select": Control(_CHOICE, _fill_choice, _read_multiple),
    "number": Control(_TEXT, _fill_number, _read_number),
    "integer": Control(_TEXT, _fill_number, _read_number),
    "slider": Control(_TEXT, _fill_number, _read_number),
    "rating": Control(_TEXT, _fill_number, _read_number),
    "boolean": Control(_TEXT, _fill_boolean, _read_boolean),
    "date": Control(lenient.PARTS, _fill_date, _read_date),
    "time": Control(_TEXT, _fill_time, _read_time),
    "datetime": Control((*lenient.PARTS, "time"), _fill_datetime, _read_datetime),
    # What is stored of a file is never sent back by a browser: posted.py keeps what is not taken out, and adds what is new.
    "file": Control(("", "remove"), _fill_nothing, _read_nothing),
    "statement": Control((), _fill_nothing, _read_nothing),
    "calculated": Control((), _fill_nothing, _read_nothing),
}
assert set(CONTROLS) == set(OPTION_SET_BY_TYPE), "each selection type has one entry"


def filled(option_set: OptionSet, envelope: Mapping[str, Any] | None, situation: Situation) -> Texts:
    """What the inputs of a question hold for this answer."""
    given = envelope or {}
    texts = dict(CONTROLS[option_set.selection_type].fill(given.get("value"), option_set, situation))
    other = given.get("other")
    if isinstance(option_set, ChoiceFields) and other:
        has_room = option_set.selection_type == "multiple_select" or not texts.get("")
        texts[""] = (*texts.get("", ()), *([other_code(option_set)] if has_room else ()))
        texts["other"] = (str(other),)
    return texts
