"""In which language a page speaks, and how it writes numbers and times. English is the source; others come from locale/."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.dates import format_date, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from keepstep.core.jsonvalue import dumps

FOLDER: Final = Path(__file__).parent / "locale"
SOURCE: Final = "en"
_UNITS: Final = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
# The French count octets. Everybody else writes B; what the locale data has beside that differs from one size to the next.
_BYTE: Final[Mapping[str, str]] = {"fr": "o"}


def message(text: str) -> str:
    """Marks a text outside of templates for the catalogue; the template that shows it translates it."""
    return text


def messages(one: str, many: str) -> tuple[str, str]:
    """As `message`, for a text that depends on how many there are (`%(num)s`)."""
    return one, many


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


YES: Final = message("Yes")
NO: Final = message("No")
# --- what respondents read: a catalogue of its own, since pages of the wizard's makers are in English alone ----------------------


@cache
def respondent_languages() -> tuple[str, ...]:
    """The source and every language with a catalogue for respondents."""
    return (SOURCE, *sorted(path.parents[1].name for path in FOLDER.glob("*/LC_MESSAGES/respondent.po")))


def respondent_language(*codes: str) -> str:
    """In which language our words beside a wizard's stand: the first of these that has a catalogue (`de-CH` → `de`), else the source."""
    wanted = [code.partition(";")[0].strip().replace("-", "_") for code in codes]
    return negotiate_locale([each for each in wanted if each], respondent_languages(), sep="_") or SOURCE


def is_in(language: str, words: str) -> bool:
    """Whether words of one language stand in a page of the other without saying so."""
    return language.replace("_", "-").split("-")[0].casefold() == words.replace("_", "-").split("-")[0].casefold()


@cache
def respondent_translations(language: str) -> NullTranslations:
    """The catalogue of one of `respondent_languages`, read from what translators write: nothing has to be compiled."""
    if language == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    with (FOLDER / language / "LC_MESSAGES" / "respondent.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def word_in(language: str, text: str) -> str:
    """A word of the catalogue for respondents, where no template writes it."""
    return str(respondent_translations(respondent_language(language)).gettext(text))


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


def size_words(count: int, locale: Locale) -> str:
    """`12.4 MB`, in units of 1,000 bytes wherever a size is shown. Never more than it is: limits are told so, too."""
    factor, prefix = next(((factor, prefix) for factor, prefix in _UNITS if count >= factor), (1, ""))
    number = format_decimal(Decimal(count * 10 // factor) / 10, locale=locale)
    return f"{number}\xa0{prefix}{_BYTE.get(locale.language, 'B')}"


def with_time(day: str, at: datetime, locale: Locale) -> str:
    """A day in words with the time of day behind it, put together as the language does: `28 Apr 2026, 12:04`."""
    together = str(locale.datetime_formats["medium"]).replace("'", "")
    return together.replace("{0}", str(format_time(at.time(), "HH:mm", locale=locale))).replace("{1}", day)


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
        return with_time(self.day(at), at.astimezone(self._zone), self._locale)

    def size(self, count: int) -> str:
        return size_words(count, self._locale)
