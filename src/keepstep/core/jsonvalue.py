"""JSON as exact values: numbers are int or Decimal and never float; the canonical bytes are what digests are taken over.

Must not know what the values mean.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from keepstep.errors import MalformedJson

MAX_DEPTH: Final = 80
# Exact decimals are stored without an exponent, so 1e400000 would be 400 kB of zeros. 60 digits on either side of the
# point hold any measured quantity and every money amount.
MAX_DIGITS: Final = 60

_decoder = msgspec.json.Decoder(float_hook=lambda text: exact(Decimal(text)))
_encoder = msgspec.json.Encoder(decimal_format="number")
_canonical = msgspec.json.Encoder(decimal_format="number", order="sorted")


def exact(number: Decimal | int) -> Decimal | int:
    """The canonical number: an int when integral, else a Decimal without exponent and trailing zeros.

    Raises ValueError for NaN, Infinity and for more than 60 digits before or after the point.
    """
    if isinstance(number, int):
        if abs(number) >= 10**MAX_DIGITS:
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
    """The canonical number that a plain decimal text spells ("007" and "1.50" too); ValueError for anything else."""
    stripped = text.strip()
    if not stripped or not stripped.isascii() or not set(stripped) <= set("0123456789.+-eE"):
        raise ValueError("not a number")
    try:
        return exact(Decimal(stripped))
    except InvalidOperation as error:
        raise ValueError("not a number") from error


def loads(data: bytes | str) -> Any:
    """The JSON value in `data` (UTF-8), numbers exact. Raises MalformedJson, naming what is wrong."""
    try:
        value = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError) as error:
        raise MalformedJson(f"Not readable as JSON: {error}.") from error
    reason = _unstorable(data, value)
    if reason:
        raise MalformedJson(reason)
    return value


def dumps(value: Any) -> str:
    """JSON text of `value`; Decimals as plain numbers, key order kept."""
    return _encoder.encode(value).decode()


def dump_bytes(value: Any) -> bytes:
    """As `dumps`, in UTF-8."""
    return _encoder.encode(value)


def canonical_bytes(value: Any) -> bytes:
    """The one UTF-8 form of a JSON value that digests are taken over.

    Keys sorted by code point, no blanks, numbers plain without exponent or trailing zeros. Text is taken as it is: a
    Unicode normalisation here would hide an alteration between equivalent spellings from `verify`.
    """
    return _canonical.encode(_normal(value))


def _normal(value: Any) -> Any:
    if isinstance(value, Decimal):
        return exact(value)
    if isinstance(value, Mapping):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    return value


def _unstorable(data: bytes | str, value: Any) -> str | None:
    """Why this parsed value cannot be stored, or None. The common small body is passed by two byte scans without a walk."""
    raw = data.encode() if isinstance(data, str) else data
    deep = raw.count(b"[") + raw.count(b"{") > MAX_DEPTH
    long_digits = len(raw) > MAX_DIGITS
    if not (deep or long_digits or b"\\u0000" in raw):
        return None
    return unstorable(value)


def unstorable(value: Any) -> str | None:
    """Why a JSON value cannot be stored exactly (depth, NUL, lone surrogate, huge number), as a sentence, or None."""
    pending: list[tuple[Any, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if depth > MAX_DEPTH:
            return f"JSON may be nested at most {MAX_DEPTH} levels deep."
        if isinstance(item, str):
            reason = unstorable_text(item)
            if reason:
                return reason
        elif isinstance(item, int) and abs(item) >= 10**MAX_DIGITS:
            return f"A number has at most {MAX_DIGITS} digits before the point."
        elif isinstance(item, dict):
            pending.extend((key, depth) for key in item)
            pending.extend((child, depth + 1) for child in item.values())
        elif isinstance(item, list | tuple):
            pending.extend((child, depth + 1) for child in item)
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
