"""In which language a page speaks, and how it writes numbers and times. English is the source; others come from locale/."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from keepstep.core.jsonvalue import dumps

FOLDER: Final = Path(__file__).parent / "locale"
SOURCE: Final = "en"
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def message(text: str) -> str:
    """Marks a text outside of templates for the catalogue; the template that shows it translates it."""
    return text


@cache
def languages() -> tuple[str, ...]:
    """The source and every language with a catalogue."""
    return (SOURCE, *sorted(path.parents[1].name for path in FOLDER.glob("*/LC_MESSAGES/keepstep.mo")))


@cache
def language_names() -> Mapping[str, str]:
    """Each of `languages` by what its speakers call it."""
    return {code: language_name(code) for code in languages()}


def language_of(header: str | None) -> str:
    """The best of those that a browser asks for (Accept-Language)."""
    wanted = [part.partition(";")[0].strip().replace("-", "_") for part in (header or "").split(",")]
    return negotiate_locale([each for each in wanted if each], languages(), sep="_") or SOURCE


def translations(language: str) -> NullTranslations:
    """The catalogue of a language, falling back to the source."""
    return Translations.load(FOLDER, [language], domain="keepstep")


def language_name(code: str) -> str:
    """What a language calls itself (`de` → `Deutsch`); its code for one that nobody described."""
    try:
        name = Locale.parse(code, sep="-").get_display_name()
    except (ValueError, UnknownLocaleError):
        return code
    return f"{name[:1].upper()}{name[1:]}" if name else code


@cache
def known_languages() -> tuple[tuple[str, str], ...]:
    """(code, what it calls itself) of the languages that have a code of two letters: what somebody is offered who adds one."""
    codes = sorted(code for each in Locale("en").languages if len(code := str(each)) == 2)
    return tuple((code, language_name(code)) for code in codes)


def plain(value: Any) -> str:
    """A stored value (JSON) as a person reads it: texts as they are, lists with commas."""
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return value if isinstance(value, str) else dumps(value)


class Wording:
    """Numbers and times as a language writes them, times in the zone of the installation."""

    def __init__(self, language: str, zone: str) -> None:
        self._locale = Locale.parse(language if language != SOURCE else "en_GB")
        self._zone = ZoneInfo(zone)

    def number(self, value: int) -> str:
        """`9,764`."""
        return str(format_decimal(value, locale=self._locale))

    def clock(self, at: datetime) -> str:
        """`12:04`."""
        return str(format_time(at, "short", tzinfo=self._zone, locale=self._locale))

    def day(self, at: datetime) -> str:
        """`28 Apr 2026`."""
        return str(format_date(at.astimezone(self._zone), "medium", locale=self._locale))

    def moment(self, at: datetime) -> str:
        """`28 Apr 2026, 12:04`."""
        return str(format_datetime(at, "d MMM y, HH:mm", tzinfo=self._zone, locale=self._locale))

    def size(self, count: int) -> str:
        """`12.4 MB`, in units of 1,024 bytes."""
        power = min(max(count.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
        return f"{format_decimal(round(count / 1024**power, 1), locale=self._locale)} {_UNITS[power]}"
