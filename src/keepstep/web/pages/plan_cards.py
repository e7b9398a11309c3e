"""The mapping of one question opened: every stored value with what becomes of it, and the form of the conversion's parameters.

What a form sent is shown again in it, saved or not. Must not know storage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from keepstep.core.clock import Clock
from keepstep.core.conversion import Conflict, Conversion, Converted, Params
from keepstep.core.conversion_preview import Distinct
from keepstep.core.convert import convert, faults_in_parameters
from keepstep.core.counts import Tally, chosen_options, distinct_values, total
from keepstep.core.issue import Issue
from keepstep.core.logic import to_text
from keepstep.core.selection import display
from keepstep.core.structure import CHOICE_TYPES
from keepstep.web.pages.impact_parameters import MOST_ROWS, Group, Input, groups_of, params_in
from keepstep.web.pages.migration_words import RULE_WORDS
from keepstep.web.pages.plan_form import suggestions_for
from keepstep.web.pages.plan_lines import MappingLine
from keepstep.web.texts import message

_SHOWN: Final = 10
_UNUSED: Final = 50
_SCORES: Final = message("A score for each option")


@dataclass(frozen=True, slots=True)
class Row:
    """A stored value, or an option: how many answers hold it and what becomes of it. `entry`: the input that says otherwise."""

    text: str
    count: int
    becomes: str
    conflict: str | None
    code: str
    entry: Input | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A parameter that says for each value what it becomes."""

    group: Group
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`answers` in `versions` versions. `is_suggested`: the parameters shown are proposals that nobody has saved."""

    line: MappingLine
    answers: int
    versions: int
    tables: tuple[Table, ...]
    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    more: int
    is_suggested: bool
    typed_faults: tuple[Issue, ...] = ()

    @property
    def rule(self) -> str:
        """The rule, as a text for the catalogue; empty where there is none."""
        return RULE_WORDS.get(self.line.conversion.rule, "") if self.line.conversion is not None else ""


def card_of(line: MappingLine, tallies: Sequence[Tally], clock: Clock, typed: Mapping[str, str] | None = None) -> Card:
    """`tallies`: every stored answer to the question. `typed`: what a form sent that was not saved."""
    numbers = {version.number for version in line.versions}
    own = [tally for tally in tallies if tally.version_number in numbers]
    distinct = distinct_values(own)
    versions = len({tally.version_number for tally in own if not tally.trashed})
    if line.conversion is None:
        rows = tuple(_kept_rows(line, distinct[:_SHOWN]))
        more = max(len(distinct) - _SHOWN, 0)
        return Card(line=line, answers=total(own), versions=versions, tables=(), groups=(), rows=rows, more=more, is_suggested=False)
    params, is_suggested = _params(line, line.conversion, typed, (distinct, clock))
    faults = faults_in_parameters(line.conversion, params, clock) if typed is not None else ()
    shown = _Shown(line, line.conversion, {} if faults else params, clock)
    groups = groups_of(line.conversion, params, distinct, rows=MOST_ROWS)
    keyed = list(_with_rows(groups))
    tables = tuple(Table(group, tuple(shown.table(group, own, distinct))) for group in keyed)
    rows = () if any(table.group.name != "others" for table in tables) else tuple(shown.values(distinct[:_SHOWN]))
    return Card(
        line=line,
        answers=total(own),
        versions=versions,
        tables=tables,
        groups=tuple(_beside_tables(groups)),
        rows=rows,
        more=max(len(distinct) - _SHOWN, 0) if rows else 0,
        is_suggested=is_suggested,
        typed_faults=faults,
    )


def _with_rows(groups: Sequence[Group]) -> Iterator[Group]:
    """Of each group the inputs that are rows of a table. Scores, one of several ways to derive, go by their name."""
    for group in groups:
        rows = tuple(each for each in group.inputs if each.key)
        if rows:
            yield replace(group, label=_SCORES if group.name == "derive" else group.label, inputs=rows)


def _beside_tables(groups: Sequence[Group]) -> Iterator[Group]:
    """What is said once for a conversion: whole groups, and of one with a table the inputs that are none of its rows, each by its name."""
    for group in groups:
        loose = tuple(each for each in group.inputs if not each.key)
        if loose:
            yield group if loose == group.inputs else replace(group, label=loose[0].label, inputs=loose)


def _params(
    line: MappingLine, conversion: Conversion, typed: Mapping[str, str] | None, of: tuple[Sequence[Distinct], Clock]
) -> tuple[Params, bool]:
    if typed is not None:
        return params_in(typed, conversion), False
    if line.params:
        return line.params, False
    params = suggestions_for(conversion, *of, asks=bool(line.faults or line.waiting))
    return params, bool(params)


def _kept_rows(line: MappingLine, distinct: Sequence[Distinct]) -> Iterator[Row]:
    language = line.versions[-1].structure.default_language
    for value, other, count in distinct:
        yield Row(display(_envelope(value, other), line.source, language, language), count, "", None, "")


def _envelope(value: Any, other: str | None) -> dict[str, Any]:
    return {"value": value} if other is None else {"value": value, "other": other}


@dataclass(frozen=True, slots=True)
class _Shown:
    """Converts stored values by one rule with these parameters, for somebody who reads it."""

    line: MappingLine
    conversion: Conversion
    params: Params
    clock: Clock

    def row(self, text: str, count: int, envelope: Mapping[str, Any], entry: Input | None = None) -> Row:
        result = convert(envelope, self.conversion, self.params, clock=self.clock)
        if isinstance(result, Converted):
            language = self.conversion.language
            becomes = display(result.envelope, self.conversion.target, language, language)
            code = "loses" if result.archived is not None else "mapped" if entry is not None and entry.value else "carries"
            return Row(text, count, becomes, None, code, entry)
        assert isinstance(result, Conflict)
        return Row(text, count, "", result.detail, result.code, entry)

    def values(self, distinct: Sequence[Distinct]) -> Iterator[Row]:
        language = self.conversion.language
        for value, other, count in distinct:
            envelope = _envelope(value, other)
            yield self.row(display(envelope, self.conversion.source, language, language), count, envelope)

    def table(self, group: Group, tallies: Sequence[Tally], distinct: Sequence[Distinct]) -> list[Row]:
        """What is stored first, the most frequent on top; of what nobody chose so many that the table stays a table."""
        counts = _counts(group.name, self.conversion, tallies, distinct)
        rows = [self.row(each.label, counts.get(each.key, 0), self.of_key(group.name, each.key), each) for each in group.inputs]
        used = sorted((row for row in rows if row.count), key=lambda row: -row.count)
        unused = [row for row in rows if not row.count]
        said = [row for row in unused if row.entry is not None and row.entry.value]
        return [*used, *said, *[row for row in unused if row not in said][:_UNUSED]]

    def of_key(self, name: str, key: str) -> dict[str, Any]:
        kind = self.conversion.source.selection_type
        if name == "others":
            return {"value": [] if kind == "multiple_select" else None, "other": key}
        if kind == "boolean":
            return {"value": key == "true"}
        return {"value": [key] if kind == "multiple_select" else key}


def _counts(name: str, conversion: Conversion, tallies: Sequence[Tally], distinct: Sequence[Distinct]) -> Mapping[str, int]:
    if name == "others":
        found: dict[str, int] = {}
        for _, other, count in distinct:
            if other:
                found[other] = found.get(other, 0) + count
        return found
    if conversion.source.selection_type in CHOICE_TYPES:
        return {value: chosen.answers for value, chosen in chosen_options(tallies).items()}
    counted: dict[str, int] = {}
    for value, _, count in distinct:
        text = ("true" if value else "false") if isinstance(value, bool) else to_text(value) or ""
        counted[text] = counted.get(text, 0) + count
    return counted
