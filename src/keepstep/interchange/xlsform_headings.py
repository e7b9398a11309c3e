"""What the headings of an XLSForm say: the column's one name, and the language of its texts.

Must not know what a column means for a question.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from keepstep.core.structure import EMPTY_DEFAULT, LANGUAGE_PATTERN

# Names that the XLSForm reference and its older editions use for the same column.
_ALIASES: Final = {
    "caption": "label",
    "relevance": "relevant",
    "readonly": "read_only",
    "calculate": "calculation",
    "constraining_message": "constraint_message",
    "jr:constraintmsg": "constraint_message",
    "requiredmsg": "required_message",
    "jr:requiredmsg": "required_message",
    "jr:count": "repeat_count",
    "count": "repeat_count",
    "command": "type",
    "tag": "name",
    "value": "name",
    "list name": "list_name",
    "form_id": "form_id",
    "set_form_id": "form_id",
    "set_form_title": "form_title",
}
TRANSLATABLE: Final = frozenset(
    ("label", "hint", "guidance_hint", "constraint_message", "required_message", "image", "audio", "video", "big-image", "form_title")
)
_PREFIXES: Final = ("bind", "control", "body", "media")


class Heading(NamedTuple):
    """`column`: its one name. `language`: as the form names it, None where the heading names none."""

    column: str
    language: str | None


@cache
def heading(text: str) -> Heading:
    """What a heading says: "Label :: French (fr)" → ("label", "French (fr)")."""
    parts = [part.strip() for part in text.split("::")] if "::" in text else _single_colon(text)
    if len(parts) > 1 and parts[0].lower() in _PREFIXES:
        parts = parts[1:]
    column = _column(parts[0])
    if column in TRANSLATABLE and len(parts) > 1:
        language = "::".join(parts[1:])
        return Heading(column, None if language.lower() == "default" else language)
    return Heading(column if len(parts) == 1 else text.strip(), None)


def _single_colon(text: str) -> list[str]:
    """Older forms write one colon; "jr:count" is one name."""
    first, colon, rest = text.partition(":")
    if colon and (_column(first) in TRANSLATABLE or first.strip().lower() in _PREFIXES):
        return (
            [first.strip(), *(part.strip() for part in rest.split(":"))]
            if first.strip().lower() == "media"
            else [first.strip(), rest.strip()]
        )
    return [text.strip()]


def _column(text: str) -> str:
    name = text.strip().lower()
    underscored = re.sub(r"[\s-]+", "_", name)
    return _ALIASES.get(name) or _ALIASES.get(underscored) or (name if name == "big-image" else underscored)


# --- languages -----------------------------------------------------------------------------------------------------

# ISO 639-1 by the names that forms use, English and own; a name that is not here is kept as it is written.
_CODES: Final[Mapping[str, str]] = {
    name: code
    for code, names in {
        "af": "afrikaans",
        "am": "amharic አማርኛ",
        "ar": "arabic العربية",
        "az": "azerbaijani",
        "be": "belarusian",
        "bg": "bulgarian български",
        "bn": "bengali bangla বাংলা",
        "bs": "bosnian",
        "ca": "catalan català",
        "cs": "czech čeština",
        "cy": "welsh",
        "da": "danish dansk",
        "de": "german deutsch",
        "el": "greek ελληνικά",
        "en": "english",
        "es": "spanish español espanol castellano",
        "et": "estonian",
        "eu": "basque",
        "fa": "persian farsi dari فارسی",
        "fi": "finnish suomi",
        "fr": "french français francais",
        "ga": "irish",
        "gu": "gujarati",
        "ha": "hausa",
        "he": "hebrew עברית",
        "hi": "hindi हिन्दी",
        "hr": "croatian",
        "ht": "haitian",
        "hu": "hungarian magyar",
        "hy": "armenian",
        "id": "indonesian bahasa",
        "ig": "igbo",
        "is": "icelandic",
        "it": "italian italiano",
        "ja": "japanese 日本語",
        "ka": "georgian",
        "kk": "kazakh",
        "km": "khmer ខ្មែរ",
        "kn": "kannada",
        "ko": "korean 한국어",
        "ku": "kurdish",
        "ky": "kyrgyz",
        "ln": "lingala",
        "lo": "lao",
        "lt": "lithuanian",
        "lv": "latvian",
        "mg": "malagasy",
        "mk": "macedonian",
        "ml": "malayalam",
        "mn": "mongolian",
        "mr": "marathi",
        "ms": "malay",
        "mt": "maltese",
        "my": "burmese myanmar",
        "nb": "norwegian norsk",
        "ne": "nepali नेपाली",
        "nl": "dutch nederlands",
        "ny": "chichewa nyanja",
        "om": "oromo",
        "pa": "punjabi",
        "pl": "polish polski",
        "ps": "pashto",
        "pt": "portuguese português portugues",
        "ro": "romanian română",
        "ru": "russian русский",
        "rw": "kinyarwanda",
        "rn": "kirundi",
        "sd": "sindhi",
        "si": "sinhala",
        "sk": "slovak",
        "sl": "slovenian",
        "so": "somali",
        "sq": "albanian",
        "sr": "serbian",
        "sv": "swedish svenska",
        "sw": "swahili kiswahili",
        "ta": "tamil தமிழ்",
        "te": "telugu",
        "tg": "tajik",
        "th": "thai ไทย",
        "ti": "tigrinya",
        "tl": "tagalog filipino",
        "tr": "turkish türkçe",
        "uk": "ukrainian українська",
        "ur": "urdu اردو",
        "uz": "uzbek",
        "vi": "vietnamese",
        "wo": "wolof",
        "xh": "xhosa",
        "yo": "yoruba",
        "zh": "chinese 中文",
        "zu": "zulu",
    }.items()
    for name in names.split()
}


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages of a form: codes in order, the default one, and the code for each name that the form uses."""

    codes: tuple[str, ...]
    default: str
    code_by_name: Mapping[str, str]
    is_stated: bool

    def code(self, name: str | None) -> str:
        return self.default if name is None else self.code_by_name[name]


def languages_of(headings: Iterable[str], default_name: str | None) -> Languages:
    """The languages that the headings name, in order. Text under a heading without language is in the default one.

    That is the one the settings name, else the first that a heading names, else Keepstep's own.
    """
    names = list(dict.fromkeys(language for text in headings if (language := heading(text).language) is not None))
    stated = default_name if default_name and default_name.lower() != "default" else None
    if stated is not None and stated not in names:
        stated = next((name for name in names if name.casefold() == stated.casefold()), stated)
        names = names if stated in names else [stated, *names]
    codes = _distinct_codes(names)
    default = codes[stated] if stated is not None else codes[names[0]] if names else EMPTY_DEFAULT
    return Languages(tuple(codes.values()) or (default,), default, codes, is_stated=bool(names))


def _distinct_codes(names: list[str]) -> dict[str, str]:
    codes: dict[str, str] = {}
    for name in names:
        code = _code(name)
        same = sum(other == code or other.startswith(f"{code}-") for other in codes.values())
        codes[name] = f"{code}-{same + 1}" if code in codes.values() else code
    return codes


def _code(name: str) -> str:
    """As in "French (fr)" → fr, "French" → fr, "fr" → fr, "Klingon" → klingon, "Lingua Franca Nova" → und-lingua-franca-nova."""
    stated = re.search(r"\(\s*([a-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*)\s*\)\s*$", name)
    if stated:
        return stated[1].replace("_", "-")
    plain = name.casefold().strip()
    known = _CODES.get(plain) or _CODES.get(re.split(r"[\s(,;/]", plain, maxsplit=1)[0])
    if known:
        return known
    if re.fullmatch(LANGUAGE_PATTERN, name.strip()):
        return name.strip()
    subtags = [part[:8] for part in re.findall(r"[a-z0-9]+", plain)][:4]
    return "-".join(["und", *subtags])
