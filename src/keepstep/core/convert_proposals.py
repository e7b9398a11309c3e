"""What the stored answers themselves suggest for a conversion: the reading by which most of them convert, for a person to look at.

Nothing where two readings that differ are as good: an order of day and month, or what a point in a number means, is never guessed.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from keepstep.core.clock import Clock
from keepstep.core.conversion import Conversion, Converted, Params
from keepstep.core.conversion_preview import Distinct
from keepstep.core.convert import convert, faults_in_parameters
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.logic import to_text
from keepstep.core.read_text import folded
from keepstep.core.structure import CHOICE_TYPES, choices_of
from keepstep.core.text import texts_of

_MOST: Final = 300
_ALIKE: Final = 0.8
_SIGNS: Final = (";", ",", "|", "/", "+")
_NUMBERS: Final = [{"decimal": decimal, "group": group} for decimal, group in ((",", "."), (".", ","), (",", " "), (".", " "), (".", "'"))]
_DAYS: Final = (
    *("DD.MM.YYYY", "D.M.YYYY", "DD/MM/YYYY", "D/M/YYYY", "MM/DD/YYYY", "M/D/YYYY"),
    *("DD-MM-YYYY", "D-M-YYYY", "MM-DD-YYYY", "M-D-YYYY", "YYYY/MM/DD", "YYYY.MM.DD", "YYYYMMDD"),
)
_TIMES: Final = ("HH:mm", "H:mm", "HH:mm:ss", "HH.mm", "H.mm", "HHmm", "hh:mm A", "h:mm A")
_PATTERNS: Final[Mapping[str, Sequence[str]]] = {
    "date": _DAYS,
    "time": _TIMES,
    "datetime": tuple(f"{day}{sign}{time}" for day in _DAYS for time in _TIMES for sign in (" ", ", ")),
}


def proposed(conversion: Conversion, distinct: Sequence[Distinct], clock: Clock) -> Params:
    """Parameters beside those that codes and labels suggest; empty where the answers suggest nothing."""
    stored = [each for each in distinct if each[0] is not None or each[1]][:_MOST]
    found: dict[str, Any] = {}
    for name in conversion.accepts if stored else ():
        best = _best(name, conversion, stored, clock)
        if best is not None:
            found[name] = best
    return found | dict(_alike(conversion, stored, found, clock))


def _best(name: str, conversion: Conversion, stored: Sequence[Distinct], clock: Clock) -> Any:
    """The candidate by which more answers convert than without it, if there is one such reading."""
    base = conversion.suggestions
    without = {key: value for key, value in base.items() if key != name}
    least = max(_count(_results(conversion, params, stored, clock)) for params in (base, without))
    by_reading: dict[tuple[bytes | None, ...], Any] = {}
    for candidate in _candidates(name, conversion):
        params = {**base, name: candidate}
        if not faults_in_parameters(conversion, params, clock):
            by_reading.setdefault(_results(conversion, params, stored, clock), candidate)
    most = max(map(_count, by_reading), default=0)
    best = [candidate for reading, candidate in by_reading.items() if _count(reading) == most]
    return best[0] if most > least and len(best) == 1 else None


def _candidates(name: str, conversion: Conversion) -> Sequence[Any]:
    source, target = conversion.source.selection_type, conversion.target.selection_type
    if source not in ("text_input", "textarea", "number", "integer"):
        return ()
    match name:
        case "locale":
            return _NUMBERS
        case "delimiter":
            return _SIGNS
        case "pattern":
            return _PATTERNS.get(target, ())
        case _:
            return ()


def _results(conversion: Conversion, params: Params, stored: Sequence[Distinct], clock: Clock) -> tuple[bytes | None, ...]:
    """What each answer becomes; None for one that does not convert."""
    found: list[bytes | None] = []
    for value, other, _ in stored:
        result = convert({"value": value} if other is None else {"value": value, "other": other}, conversion, params, clock=clock)
        found.append(canonical_bytes(result.envelope.get("value")) if isinstance(result, Converted) else None)
    return tuple(found)


def _count(results: tuple[bytes | None, ...]) -> int:
    return sum(1 for each in results if each is not None)


# --- tables ----------------------------------------------------------------------------------------------------------


def _alike(conversion: Conversion, stored: Sequence[Distinct], found: Params, clock: Clock) -> Iterator[tuple[str, dict[str, str]]]:
    """For what respondents wrote and no option is called: the one option that is written almost so."""
    if conversion.target.selection_type not in CHOICE_TYPES:
        return
    params = {**conversion.suggestions, **found}
    names: dict[str, set[str]] = {}
    for option in choices_of(conversion.target):
        for text in (option.value, *texts_of(option.label)):
            names.setdefault(folded(text), set()).add(option.value)
    results = _results(conversion, params, stored, clock)
    written = {"options": [to_text(each[0]) for each, result in zip(stored, results, strict=True) if result is None and not each[1]]}
    written["others"] = [other for _, other, _ in stored]
    for name in ("options", "others"):
        if name in conversion.accepts:
            close = {text: code for text in written[name] if text and (code := _closest(text, names)) is not None}
            if close:
                yield name, {**conversion.suggestions.get(name, {}), **close}


def _closest(text: str, names: Mapping[str, set[str]]) -> str | None:
    close = get_close_matches(folded(text[:200]), names, n=3, cutoff=_ALIKE)
    codes = {code for name in close for code in names[name]}
    return codes.pop() if len(codes) == 1 else None
