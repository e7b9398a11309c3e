"""What the address of the table of runs asks for: filters, columns and a view's query, read from it and written into it again.

Names are short, since sixty columns stand in one address. Must not know how anything is shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Final, cast, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.datastructures import ImmutableMultiDict

from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.structure import OptionSet, choices_of
from keepstep.core.text import texts_of
from keepstep.errors import RequestInvalid
from keepstep.interchange.columns import Question, questions_of
from keepstep.queries.run_lists import Between, Dated, Holding, RunFilter
from keepstep.queries.run_search import search_of
from keepstep.queries.versions import Version
from keepstep.queries.wizards import is_id
from keepstep.web.texts import message

# What fits beside each other in an address, and on a page in a moment.
MOST_COLUMNS: Final = 60
FIRST_COLUMNS: Final = 8
MOST_FILTERS: Final = 10
_MOST_TEXT: Final = 500
_STATUSES: Final = ("completed", "in_progress", "abandoned")
NO_DAY: Final = message("Write the day as year, month and day: 2026-03-31.")

Parameters = ImmutableMultiDict[str, str]


@dataclass(frozen=True, slots=True)
class AnswerFilter:
    """A question and the text of its answer; "" is any answer."""

    option_set_id: str
    value: str


@dataclass(frozen=True)
class Asked:
    """The table as somebody asked for it, in their own words; what is none of its names is left out."""

    words: str = ""
    version: str = ""
    status: str = ""
    holds: str = ""
    dated: str = "changed"
    since: str = ""
    until: str = ""
    trashed: bool = False
    answers: tuple[AnswerFilter, ...] = ()
    columns: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)

    def pairs(self, **other: Any) -> list[tuple[str, str]]:
        """What stands in the address, by name; `other` in place of what there is ("" leaves it out)."""
        own: dict[str, Any] = {"q": self.words, "version": self.version, "status": self.status, "holds": self.holds}
        own |= {"dated": self.dated if self.since or self.until else "", "since": self.since, "until": self.until}
        own |= {"trashed": "1" if self.trashed else "", **{name: value for name, value in other.items() if name not in {"a", "c"}}}
        found = [(name, str(value)) for name, value in own.items() if value]
        for each in other.get("a", self.answers):
            found += [("a", each.option_set_id), ("v", each.value)]
        return found + [("c", each) for each in other.get("c", self.columns)]

    def query(self, **other: Any) -> str:
        return urlencode(self.pairs(**other))

    @property
    def is_filtered(self) -> bool:
        """Whether some runs may be left out, besides those in the trash."""
        texts = (self.words, self.version, self.status, self.holds, self.since, self.until)
        return any(texts) or bool(self.answers)

    def without(self, index: int) -> tuple[AnswerFilter, ...]:
        """The filters by answer but this one."""
        return tuple(each for place, each in enumerate(self.answers) if place != index)

    def kept(self, questions: Mapping[str, Question]) -> dict[str, list[str]]:
        """What a saved view keeps: no search words, and of filters by answer only those by an option or by any answer."""
        found: dict[str, list[str]] = {}
        kept = [each for each in self.answers if not each.value or is_code(questions.get(each.option_set_id), each.value)]
        for name, value in self.pairs(q="", a=kept):
            found.setdefault(name, []).append(value)
        return found


def is_code(question: Question | None, value: str) -> bool:
    """Whether this is one of the question's options in some version, or yes or no."""
    if question is None:
        return False
    known = {option.value for option_set in question.option_sets.values() for option in choices_of(option_set)}
    return value in known or (value in ("true", "false") and question.latest.selection_type == "boolean")


def asked_in(parameters: Parameters) -> Asked:
    """Raises RequestInvalid for what no database can look for."""
    if any(
        unstorable_text(value) or len(value) > _MOST_TEXT for name, value in parameters.multi_items() if name not in ("cursor", "confirm")
    ):
        raise RequestInvalid(f"A filter is a text of at most {_MOST_TEXT} characters, without the NUL character.")
    given = {name: parameters.get(name, "").strip() for name in ("q", "version", "status", "holds", "dated", "since", "until", "trashed")}
    named = parameters.getlist("a")
    values = [each.strip() for each in parameters.getlist("v")]
    pairs = zip(named, [*values, *[""] * len(named)], strict=False)
    days = {name: NO_DAY for name in ("since", "until") if given[name] and _day(given[name]) is None}
    return Asked(
        words=given["q"],
        version=given["version"] if given["version"].isdecimal() and len(given["version"]) < 10 else "",
        status=given["status"] if given["status"] in _STATUSES else "",
        holds=given["holds"] if given["holds"] in get_args(Holding) else "",
        dated=given["dated"] if given["dated"] in get_args(Dated) else "changed",
        since=given["since"],
        until=given["until"],
        trashed=bool(given["trashed"]),
        answers=tuple(AnswerFilter(name, value) for name, value in pairs if is_id(name))[:MOST_FILTERS],
        columns=tuple(dict.fromkeys(each for each in parameters.getlist("c") if is_id(each)))[:MOST_COLUMNS],
        errors=days,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def every_question(versions: Sequence[Version]) -> Mapping[str, Question]:
    """Every question of these versions by id, in the order of exports."""
    return {each.id: each for each in questions_of([(version.number, version.structure) for version in versions])}


@dataclass(frozen=True)
class Table:
    """A wizard's runs as a table: what was asked for, over the questions of all its versions."""

    asked: Asked
    versions: tuple[Version, ...]

    @cached_property
    def questions(self) -> Mapping[str, Question]:
        """Every question of all versions by id, in the order of exports."""
        return every_question(self.versions)

    @cached_property
    def columns(self) -> Sequence[Question]:
        """Those that are shown: as chosen, in the order of the wizard; else the first of them."""
        if not self.asked.columns:
            return list(self.questions.values())[:FIRST_COLUMNS]
        chosen = set(self.asked.columns)
        return [each for each in self.questions.values() if each.id in chosen]

    def filter(self, zone: ZoneInfo, *, everything: bool = True, ids: Sequence[str] | None = None) -> RunFilter:
        """The runs that are meant: all that match, or those of these ids."""
        asked = self.asked
        if not everything:
            return RunFilter(trashed=asked.trashed, ids=tuple(ids or ()), newest_change=True)
        known = [each for each in asked.answers if each.option_set_id in self.questions]
        return RunFilter(
            version=int(asked.version) if asked.version else None,
            status=asked.status or None,
            trashed=asked.trashed,
            answers=[(each.option_set_id, self.code_of(each)) for each in known if each.value],
            answered=[each.option_set_id for each in known if not each.value],
            holds=cast("Holding | None", asked.holds or None),
            between=_between(asked, zone),
            search=search_of(asked.words, [version.structure for version in self.versions]),
            newest_change=True,
        )

    def code_of(self, given: AnswerFilter) -> str:
        """People write labels and answers hold codes: the code of the option that is called so, else what was written."""
        question = self.questions[given.option_set_id]
        wanted = given.value.casefold()
        newest_first = [question.option_sets[number] for number in sorted(question.option_sets, reverse=True)]
        if any(given.value == option.value for option_set in newest_first for option in choices_of(option_set)):
            return given.value
        return next((code for option_set in newest_first for code in _called(option_set, wanted)), given.value)


def _called(option_set: OptionSet, wanted: str) -> list[str]:
    if option_set.selection_type == "boolean":
        return [code for code, words in (("true", ("yes", "true")), ("false", ("no", "false"))) if wanted in words]
    return [option.value for option in choices_of(option_set) if any(wanted == label.casefold() for label in texts_of(option.label))]


def _between(asked: Asked, zone: ZoneInfo) -> Between | None:
    since, until = _day(asked.since), _day(asked.until)
    if since is None and until is None:
        return None
    return Between(
        cast("Dated", asked.dated),
        None if since is None else datetime.combine(since, time(), zone),
        None if until is None or until == date.max else datetime.combine(until + timedelta(days=1), time(), zone),
    )
