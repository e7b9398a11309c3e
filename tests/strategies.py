"""Hypothesis strategies for option sets of every selection type and for answers that fit them.

`option_sets(type)` gives an option set, `answers_for(option_set)` an answered envelope whose value passes the option set's
own checks, `misfits()` any JSON value at all.
"""

import string
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st

from keepstep.core.clock import Clock
from keepstep.core.jsonvalue import exact
from keepstep.core.structure import CHOICE_TYPES, SELECTION_TYPES, OptionSet, choices_of, parse_option_set

CLOCK = Clock(datetime(2026, 3, 27, 14, 30, tzinfo=UTC))
ANSWERABLE = tuple(each for each in SELECTION_TYPES if each not in ("statement", "calculated"))

# Letters that fold, compose, or look like digits; blanks of several widths; quotes and the usual delimiters.
ALPHABET = string.ascii_letters + string.digits + " ;,.\"'|-+/:éÉßıİ०３５\u00a0\u202fåA\u030a日本"


# Strategies are built once: building one costs far more than drawing from it.
@cache
def ids() -> st.SearchStrategy[str]:
    return st.uuids(version=4).map(str)


@cache
def lines(least: int = 1, most: int = 30) -> st.SearchStrategy[str]:
    """Texts of one line that are not blank."""
    return st.text(ALPHABET, min_size=least, max_size=most).filter(lambda text: bool(text.strip()))


@cache
def codes() -> st.SearchStrategy[str]:
    """Option values: words, numbers and texts with the characters that delimit and quote."""
    numbers = st.integers(-5, 20).map(str)
    return st.one_of(st.text("abcdefxyz", min_size=1, max_size=6), numbers, lines(most=12))


@cache
@st.composite
def options(draw: st.DrawFn, *, least: int = 1) -> list[dict[str, Any]]:
    values = draw(st.lists(codes(), min_size=least, max_size=6, unique=True))
    return [{"value": value, "label": draw(lines()), "retired": False} for value in values]


@cache
@st.composite
def _sliders(draw: st.DrawFn) -> dict[str, Any]:
    low, step = draw(st.integers(-20, 20)), draw(st.integers(1, 7))
    return {"min": low, "max": low + step * draw(st.integers(1, 20)), "step": step}


@cache
@st.composite
def _ratings(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(st.integers(0, 3))
    return {"min": low, "max": low + draw(st.integers(1, 9))}


@cache
@st.composite
def option_sets(draw: st.DrawFn, selection_type: str) -> OptionSet:
    """An option set of this type, with limits where the type cannot be without them."""
    data: dict[str, Any] = {"id": draw(ids()), "key": "question", "name": draw(lines()), "selection_type": selection_type}
    if selection_type in CHOICE_TYPES:
        data |= {"options": draw(options()), "allow_other": draw(st.booleans())}
    if selection_type == "slider":
        data["constraints"] = draw(_sliders())
    if selection_type == "rating":
        data["constraints"] = draw(_ratings())
    if selection_type == "file":
        data["constraints"] = {"max_files": 3}
    return parse_option_set(data, ("en",), "en")


@cache
def numbers() -> st.SearchStrategy[int | Decimal]:
    """Canonical exact numbers, far beyond what a float holds."""
    return st.one_of(
        st.integers(-(10**40), 10**40),
        st.integers(-3, 12),
        st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**30), max_value=10**30).map(exact),
    )


@cache
@st.composite
def moments(draw: st.DrawFn) -> str:
    """RFC 3339 times with any offset and any precision."""
    moment = draw(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001  the offset is drawn below
    offset = draw(st.sampled_from(["Z", "+00:00", "+01:00", "-08:00", "+05:45", "+14:00"]))
    return moment.isoformat() + offset


@cache
def times() -> st.SearchStrategy[str]:
    """ISO times of any precision."""
    return st.one_of(st.times().map(lambda clock: clock.isoformat()), st.times().map(lambda clock: clock.isoformat("minutes")))


@cache
@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(lines())
    return {"file_id": draw(ids()), "name": name, "size": draw(st.integers(0, 10**9)), "media_type": "text/plain", "sha256": "0" * 64}


def _grid(option_set: OptionSet) -> st.SearchStrategy[int]:
    limits: Any = option_set.constraints
    return st.sampled_from(range(limits.min, limits.max + 1, getattr(limits, "step", 1)))


def values_for(option_set: OptionSet) -> st.SearchStrategy[Any]:
    """Answered values that pass the checks of this option set; its constraints must be those of `option_sets`."""
    kind = option_set.selection_type
    chosen = [option.value for option in choices_of(option_set) if not option.retired]
    if kind == "multiple_select":
        return st.sets(st.sampled_from(chosen), min_size=1).map(lambda some: [code for code in chosen if code in some])
    if kind in CHOICE_TYPES:
        return st.sampled_from(chosen)
    if kind in ("slider", "rating"):
        return _grid(option_set)
    return PLAIN_VALUES[kind]


PLAIN_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text_input": lines(),
    "textarea": st.lists(lines(), min_size=1, max_size=3).map("\n".join),
    "email": st.from_regex(r"[a-z]{1,8}(\.[a-z0-9]{1,8})?@[a-z]{1,8}\.example\.com", fullmatch=True),
    "phone": st.sampled_from(["+41446681800", "+12015550123", "+4930901820", "+442079460958", "+33142685300"]),
    "url": st.from_regex(r"https?://[a-z]{1,8}\.example\.com/[a-z0-9/]{0,12}(\?q=[a-z0-9]{1,5})?", fullmatch=True),
    "number": numbers(),
    "integer": st.one_of(st.integers(-(10**40), 10**40), st.integers(-3, 12), st.just(446681800)),
    "boolean": st.booleans(),
    "date": st.dates().map(lambda day: day.isoformat()),
    "time": times(),
    "datetime": moments(),
    "file": st.lists(files(), min_size=1, max_size=3),
}


@st.composite
def answers_for(draw: st.DrawFn, option_set: OptionSet) -> dict[str, Any]:
    """An answered envelope that fits: with a source, and with "other" text now and then where the set allows it."""
    envelope: dict[str, Any] = {"value": draw(values_for(option_set)), "source": draw(st.sampled_from(["respondent", "editor", "import"]))}
    if getattr(option_set, "allow_other", False) and draw(st.integers(0, 4)) == 0:
        other = {"other": draw(lines())}
        return envelope | other if option_set.selection_type == "multiple_select" else envelope | other | {"value": None}
    return envelope


@cache
def misfits() -> st.SearchStrategy[Any]:
    """Any JSON value: what an import may have stored under any type."""
    scalars = st.one_of(st.none(), st.booleans(), numbers(), st.text(max_size=20))
    return st.recursive(
        scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3))
    )
