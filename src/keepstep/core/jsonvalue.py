"""JSON as exact values: numbers are int or Decimal and never float; the canonical bytes are what digests are taken over.

Must not know what the values mean.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

import msgspec

from keepstep.errors import MalformedJson

# Whatever is stored must be readable again: a member of a structure may be as deep as MAX_MEMBER_DEPTH, and the structure,
# the edit and the request around it add to that.
MAX_DEPTH: Final = 128
MAX_MEMBER_DEPTH: Final = 80
# Exact decimals are stored without an exponent, so 1e400000 would be 400 kB of zeros. 60 digits on either side of the
# point hold any measured quantity and every money amount.
MAX_DIGITS: Final = 60
_TOO_LARGE: Final = 10**MAX_DIGITS
# Begins with the letter, since a search for a fixed byte is ten times as fast as one for any digit.
_EXPONENT: Final = re.compile(rb"E(?<=[0-9]E)[+-]?[0-9]")
# The exponent below which Python spells a Decimal with an E.
_SPELLED_PLAINLY: Final = -6
_PLAIN: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)

# Characters: digits on both sides of the point, a sign, and some zeros in front.
_LONGEST_NUMBER: Final = 3 * MAX_DIGITS

_decoder = msgspec.json.Decoder(float_hook=lambda text: exact(Decimal(text)))
# Reads numbers that cannot be kept as well, to say where they stand.
_lenient: Final = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_canonical = msgspec.json.Encoder(decimal_format="number", order="sorted")


def exact(number: Decimal | int) -> Decimal | int:
    """The canonical number: an int when integral, else a Decimal without exponent and trailing zeros.

    Raises ValueError for NaN, Infinity and for more than 60 digits before or after the point.
    """
    if isinstance(number, int):
        if abs(number) >= _TOO_LARGE:
            raise ValueError(f"a number has at most {MAX_DIGITS} digits before the point")
        return number
    if not number.is_finite():
        raise ValueError("NaN and Infinity are not numbers")
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # finite
    if number and (number.adjusted() >= MAX_DIGITS or exponent < -4 * MAX_DIGITS):
        raise ValueError(f"a number has at most {MAX_DIGITS} digits before and after the point")
    whole, _, fraction = format(number, "f").partition(".") if number else ("0", "", "")
    fraction = fraction.rstrip("0")
    if len(fraction) > MAX_DIGITS:
        raise ValueError(f"a number has at most {MAX_DIGITS} digits after the point")
    return Decimal(f"{whole}.{fraction}") if fraction else int(whole)


def parse_number(text: str) -> Decimal | int:
    """The canonical number that a plain decimal text spells ("007" and "1.50" too); ValueError for anything else, exponents included."""
    stripped = text.strip() if len(text) <= _LONGEST_NUMBER else ""
    if not _PLAIN.fullmatch(stripped):
        raise ValueError("not a plain decimal number")
    return exact(Decimal(stripped))


def loads_stored(data: bytes | str) -> Any:
    """The JSON value in `data`, numbers exact, taken as storable: what the database holds was looked at on its way in."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError) as error:
        raise MalformedJson(_unreadable(data, error)) from error


def _unreadable(data: bytes | str, error: Exception) -> str:
    raw = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    if isinstance(error, RecursionError):
        return f"JSON may be nested at most {MAX_DEPTH} levels deep."
    lone = _lone_surrogate(raw)
    if lone is not None:
        return f"Text may not contain a lone surrogate (\\u{lone[0]} at byte {lone[1]})."
    with suppress(msgspec.DecodeError, RecursionError, UnicodeError, ValueError, ArithmeticError):
        # Readable but for a number: walked through, it names the place.
        return unstorable(_lenient.decode(raw)) or f"Not readable as JSON: {error}."
    return f"Not readable as JSON: {error}."


_ESCAPE: Final = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)


def _lone_surrogate(raw: bytes) -> tuple[str, int] | None:
    """The first half of a surrogate pair without its other half, and where it stands."""
    high: tuple[str, int] | None = None
    for found in _ESCAPE.finditer(raw):
        code = int(found[1], 16) if found[1] else 0
        follows = high is not None and found.start() == high[1] + 6
        if high is not None and not (follows and 0xDC00 <= code < 0xE000):
            return high
        here = ((found[1] or b"").decode(), found.start())
        if 0xDC00 <= code < 0xE000 and not follows:
            return here
        high = here if 0xD800 <= code < 0xDC00 else None
    return high


def loads(data: bytes | str) -> Any:
    """The JSON value in `data` (UTF-8), numbers exact. Raises MalformedJson, naming what is wrong and where."""
    value = loads_stored(data)
    raw = data.encode() if isinstance(data, str) else data
    reason = _unstorable(raw, value) or (_repeated(raw) if _may_repeat(raw, value) else None)
    if reason:
        raise MalformedJson(reason)
    return value


class _Repeated(ValueError):
    """A member that stands twice in one object."""


def _once(members: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise _Repeated(name)
        seen.add(name)


_members: Final = json.JSONDecoder(object_pairs_hook=_once)
# Spellings of the end of a name in which the glance of `_may_repeat` would miscount.
_ODD_ENDS: Final = (b'" :', b'"\t:', b'"\n:', b'"\r:', b'\\\\":')


def _may_repeat(raw: bytes, value: Any) -> bool:
    """Whether a look at every object is needed. Written anew, the value has as many names as the text, or one was lost;
    a `":` within a text has a backslash before it. Reading everything a second time takes ten times as long.
    """
    return any(end in raw for end in _ODD_ENDS) or _names_in(raw) != _names_in(_encoder.encode(value))


def _names_in(raw: bytes) -> int:
    return raw.count(b'":') - raw.count(b'\\":')


def _repeated(raw: bytes) -> str | None:
    """That a member stands twice in one object: of two answers to one question, one would be lost and nobody told which."""
    try:
        _members.decode(raw.decode())
    except _Repeated as repeated:
        return f"The member “{_shown(str(repeated))}” stands twice in one object."
    return None


def written(value: Any) -> msgspec.Raw:
    """The text of `value`, to stand within a larger value as it is when that is written out."""
    return msgspec.Raw(dump_bytes(value))


def dumps(value: Any) -> str:
    """JSON text of `value`; Decimals as plain numbers, key order kept."""
    return dump_bytes(value).decode()


def dump_bytes(value: Any) -> bytes:
    """As `dumps`, in UTF-8."""
    data = _encoder.encode(value)
    # The encoder spells a small Decimal as 1E-7. A text may look the same, then the walk is merely for nothing.
    return _encoder.encode(_plainly(value)) if _EXPONENT.search(data) else data


def _plainly(value: Any) -> Any:
    """The value with every Decimal as its plain digits."""
    if isinstance(value, Decimal):
        return msgspec.Raw(format(value, "f").encode())
    if isinstance(value, Mapping):
        return {key: _plainly(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plainly(item) for item in value]
    return value


def canonical_bytes(value: Any) -> bytes:
    """The one UTF-8 form of a JSON value that digests are taken over.

    Keys sorted by code point, no blanks, numbers plain without exponent or trailing zeros. Text is taken as it is: a
    Unicode normalisation here would hide an alteration between equivalent spellings from `verify`.
    """
    return _canonical.encode(value if _is_canonical(value) else _normal(value))


def plain_bytes(value: Any) -> bytes:
    """As `canonical_bytes`, of lists of texts and whole numbers, which need no look at each."""
    return _canonical.encode(value)


def _is_canonical(value: Any) -> bool:
    """Whether the value as it is can be written: objects and lists of plain members, as nearly every answer is, need no copy."""
    kind = type(value)
    if kind is dict:
        held = value.values()
    elif kind is list:
        held = value
    else:
        return kind in _PLAIN_TYPES
    for item in held:
        kind = type(item)
        if kind not in _PLAIN_TYPES and not ((kind is dict or kind is list) and _is_canonical(item)):
            return False
    return True


# Nearly everything in an answer is one of these, and is canonical as it is.
_PLAIN_TYPES: Final = frozenset({str, int, bool, type(None)})


def _normal(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN_TYPES:
        return value
    if isinstance(value, Decimal):
        number = exact(value)
        return _plainly(number) if isinstance(number, Decimal) and number.adjusted() < _SPELLED_PLAINLY else number
    if isinstance(value, float):
        raise TypeError("a float has no canonical form; numbers are int or Decimal")
    if isinstance(value, list | tuple):
        return [item if type(item) in _PLAIN_TYPES else _normal(item) for item in value]
    if isinstance(value, Mapping):
        return {key: item if type(item) in _PLAIN_TYPES else _normal(item) for key, item in value.items()}
    return value


def _unstorable(raw: bytes, value: Any) -> str | None:
    """Why this parsed value cannot be stored, or None. Scans of the bytes decide whether it has to be walked through at all:
    the parser has refused lone surrogates, and most documents are neither deep nor hold a run of so many digits.
    """
    deep = raw.count(b"[") + raw.count(b"{") > MAX_DEPTH
    if not (deep or b"\\u0000" in raw or _LONG_DIGITS.search(raw)):
        return None
    return unstorable(value)


_LONG_DIGITS: Final = re.compile(rb"\d{%d}" % MAX_DIGITS)


_Place = tuple["_Place", str | int] | None
"""Where in the value: the place around it, and the key or position there."""


def unstorable(value: Any, depth: int = MAX_DEPTH) -> str | None:
    """Why a JSON value cannot be stored exactly (nesting, NUL, lone surrogate, huge number, float) and where, as a sentence, or None."""
    pending: list[tuple[Any, int, _Place]] = [(value, 1, None)]
    while pending:
        item, level, place = pending.pop()
        if level > depth:
            return _placed(f"JSON may be nested at most {depth} levels deep.", place)
        if isinstance(item, dict):
            pending.extend([(key, level, place) for key in item if not _is_harmless(key)])
            pending.extend([(child, level + 1, (place, key)) for key, child in item.items() if level == depth or not _is_harmless(child)])
        elif isinstance(item, list | tuple):
            held = enumerate(item)
            pending.extend([(child, level + 1, (place, number)) for number, child in held if level == depth or not _is_harmless(child)])
        elif (reason := _unstorable_scalar(item)) is not None:
            return _placed(reason, place)
    return None


def _placed(reason: str, place: _Place) -> str:
    return reason if place is None else f"{reason.removesuffix('.')} (at {_pointer(place)})."


def _pointer(place: _Place) -> str:
    """The place as a JSON pointer (RFC 6901), fit for a sentence."""
    parts: list[str] = []
    while place is not None:
        place, key = place
        parts.append(str(key).replace("~", "~0").replace("/", "~1"))
    return _shown("".join(f"/{part}" for part in reversed(parts)))


def _shown(name: str) -> str:
    return name.replace("\x00", "").encode(errors="ignore").decode()[:200]


def _is_harmless(item: Any) -> bool:
    """Whether a glance tells that it can be stored; it does for most of what answers are made of."""
    return (type(item) is str and item.isascii() and "\x00" not in item) or item is None or type(item) is bool


def _unstorable_scalar(item: Any) -> str | None:
    if isinstance(item, str):
        return unstorable_text(item)
    if item is None or isinstance(item, bool):
        return None
    if not isinstance(item, int | Decimal):
        return f"{type(item).__name__} is no type of an exact JSON value."
    try:
        exact(item)
    except ValueError as error:
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    return None


def unstorable_text(text: str) -> str | None:
    """Why a text cannot be stored: PostgreSQL has no NUL character, and a lone surrogate is no character at all."""
    if "\x00" in text:
        return "Text may not contain the NUL character."
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "Text may not contain a lone surrogate."
    return None
