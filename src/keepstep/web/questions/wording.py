"""Findings on an answer in the words of a respondent: what to do, not what a program refused. An author's own message goes first.

A text is a pattern for the catalogue and what it names, so that the template translates it. Must not know HTML.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from babel.dates import format_date

from keepstep.core.issue import Issue
from keepstep.core.logic import as_date, to_text
from keepstep.core.media import short_name
from keepstep.core.selection_checks import MAX_ANSWER_TEXT
from keepstep.core.structure import File, OptionSet, choices_of
from keepstep.core.text import quoted
from keepstep.web.questions.lenient import number_text
from keepstep.web.questions.situation import Situation
from keepstep.web.texts import message, messages, size_words, word_in


@dataclass(frozen=True, slots=True)
class Said:
    """`pattern` is translated with `named`, or `plural` with it, as `num` wants; where the author wrote the message, `own` is all of it.

    `parts`: the inputs it is about.
    """

    pattern: str = ""
    named: Mapping[str, str] = field(default_factory=dict)
    own: str = ""
    parts: tuple[str, ...] = ()
    plural: str = ""
    num: int = 0


def said(issue: Issue, option_set: OptionSet, situation: Situation) -> Said:
    """`issue` as `core.validate` or `posted` give it, placed anywhere within the answer to this option set."""
    parts = tuple(part for part in issue.pointer.split("/")[2:] if not part.isdigit())
    own = _own(issue, option_set, situation)
    if own:
        return Said(own=own, parts=parts)
    named, counted = _named(issue, option_set, situation), _COUNTED.get(issue.code)
    if counted is not None:
        (one, many), limit = counted
        return Said(one, named, parts=parts, plural=many, num=_count(limit, option_set))
    pattern = _pattern(issue, option_set)
    return Said(pattern, named, parts=parts) if pattern else Said(own=issue.detail, parts=parts)


def _count(limit: str, option_set: OptionSet) -> int:
    own = getattr(option_set.constraints, limit, None)
    if limit == "max_length":
        # A text has a longest length without the author's too, also where the author's is longer.
        return min(own or MAX_ANSWER_TEXT, MAX_ANSWER_TEXT)
    return int(own or 0)


_OWN: Final[Mapping[str, str]] = {
    "required": "is_required",
    "missing-required": "is_required",
    "range": "max",
    **dict.fromkeys(
        "min-length max-length pattern regions min-choices max-choices max-decimals max-files max-size media-types".split(), ""
    ),
    **dict.fromkeys("min max step".split(), ""),
}


def _own(issue: Issue, option_set: OptionSet, situation: Situation) -> str:
    """The author's message for the constraint that failed; a rule carries its own already."""
    if issue.code == "rule":
        index = issue.detail if issue.detail.startswith("This breaks rule ") else ""
        return "" if index else issue.detail
    code = issue.code.removeprefix(REFUSED)
    own = situation.text(option_set.constraints.messages.get(_OWN.get(code, "type") or code.replace("-", "_")))
    return f"{_apart(issue.detail)}: {own}" if own and code != issue.code else own


# --- patterns ------------------------------------------------------------------------------------------------------

_BY_CODE: Final[Mapping[str, str]] = {
    "pattern": message("%(name)s does not have the expected form"),
    "line-break": message("Write %(name)s on one line"),
    "email": message("Enter an e-mail address for %(name)s, like name@example.com"),
    "phone": message("Enter a phone number for %(name)s with its country code, like +41 44 668 18 00"),
    "regions": message("Enter a phone number of %(regions)s for %(name)s"),
    "url": message("Enter a web address for %(name)s, like https://example.com"),
    "option-unknown": message("Choose one of the answers on offer to %(name)s"),
    "option-retired": message("Choose one of the answers on offer to %(name)s"),
    "option-not-offered": message("Choose another answer to %(name)s: this one does not go with your other answers"),
    "duplicate-choice": message("Choose each answer to %(name)s once"),
    "exclusive": message("Choose “%(exclusive)s” alone, or other answers to %(name)s"),
    "other-missing": message("Write your own answer to %(name)s, or choose another one"),
    "other-not-allowed": message("Choose one of the answers on offer to %(name)s"),
    "number-too-large": message("The number for %(name)s is too long"),
    "min": message("%(name)s must be %(min)s or more"),
    "max": message("%(name)s must be %(max)s or less"),
    "range": message("%(name)s must be from %(min)s to %(max)s"),
    "step": message("%(name)s must be in steps of %(step)s"),
    "max-size": message("Each file for %(name)s must be smaller than %(max_size)s"),
    "media-types": message("A file for %(name)s is not of an accepted type"),
    "date-incomplete": message("%(name)s is not complete. Missing: %(parts)s"),
    "date-invalid": message("%(name)s must be a real date, like 27 3 1985"),
    "text-unstorable": message("%(name)s holds a character that cannot be stored; type it again"),
    "rule": message("%(name)s does not go with your other answers"),
}
REFUSED: Final = "refused-"
"""Before the code of a finding on a file that was sent just now and is not kept; the finding's sentence is the file's name."""
_OF_FILE: Final[Mapping[str, str]] = {
    REFUSED + "max-size": message("“%(file)s” was not added: a file for %(name)s must be smaller than %(max_size)s"),
    REFUSED + "media-types": message("“%(file)s” was not added: for %(name)s it is not of an accepted type"),
    REFUSED + "empty-file": message("“%(file)s” was not added: for %(name)s it is empty; choose another one"),
    REFUSED + "file-too-large": message("“%(file)s” was not added: for %(name)s it is larger than can be sent here"),
}
_COUNTED: Final[Mapping[str, tuple[tuple[str, str], str]]] = {
    "max-length": (messages("%(name)s must be %(num)s character or fewer", "%(name)s must be %(num)s characters or fewer"), "max_length"),
    "min-length": (messages("%(name)s must be %(num)s character or more", "%(name)s must be %(num)s characters or more"), "min_length"),
    "min-choices": (messages("Choose at least %(num)s answer to %(name)s", "Choose at least %(num)s answers to %(name)s"), "min_choices"),
    "max-choices": (messages("Choose at most %(num)s answer to %(name)s", "Choose at most %(num)s answers to %(name)s"), "max_choices"),
    "max-decimals": (
        messages("%(name)s must have at most %(num)s decimal place", "%(name)s must have at most %(num)s decimal places"),
        "max_decimals",
    ),
    "max-files": (messages("Choose at most %(num)s file for %(name)s", "Choose at most %(num)s files for %(name)s"), "max_files"),
    REFUSED + "max-files": (
        messages(
            "“%(file)s” was not added: %(name)s takes at most %(num)s file. Take one out first",
            "“%(file)s” was not added: %(name)s takes at most %(num)s files. Take one out first",
        ),
        "max_files",
    ),
}
"""Findings that tell how many: their words, and the limit."""
_REQUIRED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("single_select", "dropdown", "boolean", "rating", "slider"), message("Choose an answer to %(name)s")),
    "multiple_select": message("Choose at least one answer to %(name)s"),
    "file": message("Choose a file for %(name)s"),
    "date": message("Enter a date for %(name)s"),
    "datetime": message("Enter a date and time for %(name)s"),
    "time": message("Enter a time for %(name)s"),
    "number": message("Enter a number for %(name)s"),
    "integer": message("Enter a number for %(name)s"),
}
_TYPE: Final[Mapping[str, str]] = {
    "number": message("%(name)s must be a number, like %(example)s"),
    "integer": message("%(name)s must be a whole number, like 12"),
    "slider": message("%(name)s must be a whole number, like 12"),
    "rating": message("%(name)s must be a whole number, like 12"),
    "boolean": message("Choose yes or no for %(name)s"),
    "date": message("%(name)s must be a real date, like 27 3 1985"),
    "time": message("%(name)s must be a time, like 14:30"),
    "datetime": message("%(name)s must be a real date and time, like 27 3 1985 and 14:30"),
    "email": message("Enter an e-mail address for %(name)s, like name@example.com"),
    "file": message("Choose a file for %(name)s"),
}
_LATEST: Final[Mapping[tuple[str, str], str]] = {
    **dict.fromkeys((("min", "date"), ("min", "datetime")), message("%(name)s must be %(min)s or later")),
    **dict.fromkeys((("max", "date"), ("max", "datetime")), message("%(name)s must be %(max)s or earlier")),
    ("min", "time"): message("%(name)s must be %(min)s or later"),
    ("max", "time"): message("%(name)s must be %(max)s or earlier"),
}


def _pattern(issue: Issue, option_set: OptionSet) -> str | None:
    kind = option_set.selection_type
    if issue.code in ("required", "missing-required"):
        return _REQUIRED.get(kind, message("Answer %(name)s"))
    if issue.code == "type":
        return _TYPE.get(kind, message("Answer %(name)s"))
    return _OF_FILE.get(issue.code) or _LATEST.get((issue.code, kind)) or _BY_CODE.get(issue.code)


# --- what a pattern names ------------------------------------------------------------------------------------------


def _named(issue: Issue, option_set: OptionSet, situation: Situation) -> dict[str, str]:
    constraints = option_set.constraints
    limits = {name: _limit(name, getattr(constraints, name, None), situation) for name in type(constraints).model_fields if name in _LIMITS}
    alone = next((option for option in choices_of(option_set) if option.exclusive), None)
    return {
        "name": _apart(_quoted(situation.text(option_set.name) or option_set.key, situation.language)),
        "example": number_text(Decimal("12.5"), situation.locale),
        "exclusive": (situation.text(alone.label) or alone.value) if alone else "",
        "parts": ", ".join(word_in(situation.language, PARTS.get(part, part)) for part in issue.pointer.split("/")[2:]),
        "file": _apart(issue.detail),
        **limits,
        **_from_sentence(issue, option_set, situation),
    }


PARTS: Final[Mapping[str, str]] = {"day": message("Day"), "month": message("Month"), "year": message("Year"), "time": message("Time")}
_FAMILIES: Final[Mapping[str, str]] = {
    "image/*": message("pictures"),
    "audio/*": message("sound"),
    "video/*": message("films"),
    "text/*": message("texts"),
}


def types_of(option_set: OptionSet) -> tuple[str, ...]:
    """The kinds of file that are accepted, as people call them and as the catalogue has them; () for any."""
    wanted = option_set.constraints.media_types if isinstance(option_set, File) else ()
    return tuple(_FAMILIES.get(each) or short_name(each) for each in wanted)


_QUOTED: Final = message("“%(text)s”")


def _quoted(name: str, language: str) -> str:
    """In the quotation marks of the language that the sentence is in."""
    return word_in(language, _QUOTED) % {"text": quoted(name, language)[1:-1]}


def _apart(name: str) -> str:
    """A name that is written from the right keeps to itself in a sentence that is not (Unicode's isolates)."""
    return f"\u2068{name}\u2069" if any(unicodedata.bidirectional(each) in ("R", "AL") for each in name) else name


_LIMITS: Final = frozenset("min max step max_size regions".split())


def _limit(name: str, limit: Any, situation: Situation) -> str:
    if name == "max_size" and limit is not None:
        return size_words(limit, situation.locale)
    if name == "regions":
        return ", ".join(situation.locale.territories.get(region, region) for region in limit)
    if isinstance(limit, int | Decimal):
        return number_text(limit, situation.locale)
    on = as_date(limit)
    return day_text(limit, situation) if on is not None and len(str(limit)) == 10 else to_text(limit) or ""


def _from_sentence(issue: Issue, option_set: OptionSet, situation: Situation) -> dict[str, str]:
    """A limit such as `today-18` is a day only at the time of the check, whose sentence names it."""
    if option_set.selection_type != "date" or issue.code not in ("min", "max"):
        return {}
    found = next((word for word in issue.detail.split() if as_date(word)), None)
    return {issue.code: day_text(found, situation)} if found else {}


def day_text(text: str, situation: Situation) -> str:
    """`2026-09-14` → `14 September 2026`."""
    on = as_date(text)
    return text if on is None else str(format_date(on, "long", locale=_european(situation)))


def _european(situation: Situation) -> Any:
    """Day before month where a language has both orders, as the inputs have."""
    return "en_GB" if situation.locale.language == "en" else situation.locale
