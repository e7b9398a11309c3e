"""What a text plainly says: numbers, words, dates, times, phone numbers and lists, read strictly or refused with the reason.

Texts are read as `read_text` gives them. No reading guesses, and none raises. Must not know option sets.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import phonenumbers

from keepstep.core.conversion import Derived, Refusal, Result
from keepstep.core.jsonvalue import exact
from keepstep.core.read_text import LINE_BREAK, as_read, folded

PLAIN_LOCALE: Final[Mapping[str, str]] = {"decimal": ".", "group": ""}
DECIMAL_SEPARATORS: Final = (".", ",")
GROUP_SEPARATORS: Final = ("", ",", ".", " ", "'", "’")
"""No-break and narrow blanks are read as a blank."""


# --- numbers -------------------------------------------------------------------------------------------------------


def number_in(text: str, locale: Mapping[str, str] = PLAIN_LOCALE) -> Result:
    """The exact number that the text spells in this locale: a sign, digits (plain or in groups of three), a fraction."""
    point, group = locale["decimal"], locale["group"]
    digits = rf"\d{{1,3}}(?:{re.escape(group)}\d{{3}})+|\d+" if group else r"\d+"
    found = re.fullmatch(rf"([+-]?)({digits})(?:{re.escape(point)}(\d+))?", as_read(text), re.ASCII)
    if not found:
        return Refusal("not-a-number", _why_no_number(as_read(text)))
    sign, whole, fraction = found.groups()
    return _exact(f"{sign}{whole.replace(group, '') if group else whole}.{fraction or 0}", locale)


def _exact(plain: str, locale: Mapping[str, str]) -> Result:
    try:
        return Derived(exact(Decimal(plain)), {} if locale == PLAIN_LOCALE else {"locale": dict(locale)})
    except ValueError as error:
        return Refusal("number-too-long", f"Cannot be stored exactly: {error}.")


def _why_no_number(text: str) -> str:
    if re.search(r"\d[eE][+-]?\d", text):
        return "A number with an exponent is not read; write it out."
    if re.search(r"\d\s*(?:-|–|—|\.\.|to|bis)\s*\d", text):
        return "A range is not one number."
    if re.search(r"\d", text):
        return "Not a plain decimal in the locale chosen: units, currencies, percent signs and other separators are not read."
    return "Not a number."


def whole_in(value: int | Decimal) -> Result:
    """The number itself if it is whole; it is never rounded."""
    if isinstance(value, int):
        return Derived(value)
    return Refusal("not-whole", f"{value:f} is not a whole number, and nothing is rounded.")


def plain_decimal(value: int | Decimal) -> str:
    """The canonical text of an exact number: no exponent, no trailing zeros, no group separators."""
    number = exact(value)
    return format(number, "f") if isinstance(number, Decimal) else str(number)


# --- words ---------------------------------------------------------------------------------------------------------

PLAIN_WORDS: Final[Mapping[str, Sequence[str]]] = {"true": ("true",), "false": ("false",)}

WORDS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "en": {"true": ("true", "yes", "y", "1"), "false": ("false", "no", "n", "0")},
    "de": {"true": ("wahr", "ja", "j", "1"), "false": ("falsch", "nein", "n", "0")},
    "fr": {"true": ("vrai", "oui", "o", "1"), "false": ("faux", "non", "n", "0")},
    "es": {"true": ("verdadero", "sí", "si", "s", "1"), "false": ("falso", "no", "n", "0")},
    "it": {"true": ("vero", "sì", "si", "s", "1"), "false": ("falso", "no", "n", "0")},
    "pt": {"true": ("verdadeiro", "sim", "s", "1"), "false": ("falso", "não", "nao", "n", "0")},
    "nl": {"true": ("waar", "ja", "j", "1"), "false": ("onwaar", "nee", "n", "0")},
}
"""Suggestions by language for a person to confirm; none of them is applied unless it was given as a parameter."""


def boolean_in(text: str, words: Mapping[str, Mapping[str, Sequence[str]]]) -> Result:
    """The boolean by the words given per language; a word that means both in two languages is refused."""
    read = folded(text)
    meanings = {
        meaning == "true"
        for language in words.values()
        for meaning, spellings in language.items()
        if read in {folded(spelling) for spelling in spellings}
    }
    if len(meanings) == 1:
        (value,) = meanings
        return Derived(value, {"words": {"": {"true" if value else "false": [read]}}})
    if meanings:
        return Refusal("word-ambiguous", f"“{text}” means both true and false in the word lists given.")
    return Refusal("not-a-word", f"“{text}” is not among the words given for true and false.")


# --- phone numbers -------------------------------------------------------------------------------------------------

# Letters (vanity numbers, extensions) and a second plus sign have no place: the library would accept and drop them.
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()./-]*|\([0-9][0-9 ()./-]*", re.ASCII)


def phone_in(text: str, region: str | None = None) -> Result:
    """The E.164 number: written internationally, or nationally in the region given."""
    read = as_read(text)
    if not _PHONE.fullmatch(read):
        return Refusal(
            "not-a-phone-number", "Not a phone number: only digits, blanks, brackets, dots, hyphens and a leading plus are read."
        )
    if not read.startswith("+") and region is None:
        return Refusal("region-needed", "A number without country code needs a region to be read in.")
    return _valid_phone(read, region)


def _valid_phone(read: str, region: str | None) -> Result:
    try:
        number = phonenumbers.parse(read, region)
    except phonenumbers.NumberParseException as error:
        return Refusal("not-a-phone-number", f"Not a phone number: {error}.")
    # A national number that belongs to another region of the same country code would be a guess.
    known = region is not None and phonenumbers.is_valid_number_for_region(number, region)
    valid = phonenumbers.is_valid_number(number) if read.startswith("+") else known
    if not valid:
        return Refusal("not-a-phone-number", "No valid number of that region or country code.")
    used = {} if read.startswith("+") else {"region": region}
    return Derived(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), used)


# --- lists ---------------------------------------------------------------------------------------------------------


def parts_in(text: str, delimiter: str) -> Result:
    """The fields of one RFC 4180 record with this delimiter; blanks around a field do not count unless they are quoted.

    Refused: a quote inside an unquoted field, text after a closing quote, a quote that never closes.
    """
    parts: list[str] = []
    position = 0
    while position <= len(text):
        part, end = _part_at(text, position, delimiter)
        if part is None or (end < len(text) and text[end] != delimiter):
            return Refusal("quoting", "The quotes do not stand and close as RFC 4180 says.")
        parts.append(part)
        position = end + 1
    return Derived(parts, {"delimiter": delimiter})


_QUOTED: Final = re.compile(r'"((?:[^"]|"")*)"')


def _part_at(text: str, start: int, delimiter: str) -> tuple[str | None, int]:
    """The field that starts here, None where its quotes are wrong, and the position after it."""
    end = text.find(delimiter, start)
    end = len(text) if end < 0 else end
    bare = text[start:end].strip()
    if not bare.startswith('"'):
        return (None if '"' in bare else bare), end
    found = _QUOTED.match(text, text.index('"', start))
    if not found:
        return None, start
    end = text.find(delimiter, found.end())
    end = len(text) if end < 0 else end
    return (None if text[found.end() : end].strip() else found[1].replace('""', '"')), end


def joined(parts: Iterable[str], delimiter: str) -> str:
    """One RFC 4180 record: the inverse of `parts_in`."""
    return delimiter.join(_quoted(part, delimiter) for part in parts)


def _quoted(part: str, delimiter: str) -> str:
    plain = part and part == part.strip() and delimiter not in part and '"' not in part and not LINE_BREAK.search(part)
    return part if plain else '"' + part.replace('"', '""') + '"'


def fault_in_delimiter(delimiter: Any) -> str | None:
    """Why this cannot separate choices, or None."""
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        return "A delimiter is one character."
    if delimiter.isalnum() or delimiter in '"+-.' or LINE_BREAK.match(delimiter):
        return "A letter, a digit, a quote, a sign, a point or a line break cannot be the delimiter."
    return None


def regions() -> frozenset[str]:
    """The regions a national phone number can be read in: ISO 3166-1 codes of two letters."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS)
