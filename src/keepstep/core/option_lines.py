"""Options as lines of text, one each, and back: how a list is written, pasted and compared before it replaces the options.

Must not know where the text comes from, nor whether answers are stored.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from keepstep.core.issue import Issue
from keepstep.core.keys import FreeKeys
from keepstep.core.order import displaced
from keepstep.core.structure import ChoiceFields, Option, Structure, dump
from keepstep.core.text import normal_text, text_in

What = Literal["kept", "relabelled", "translated", "added", "gone", "back"]
Gone = Literal["retire", "delete"]
_TAB: Final = "\t"
# What the first row of a copied table calls the two columns; XLSForm says name and label.
_VALUE_HEADS: Final = frozenset({"value", "name", "code"})
_LABEL_HEAD: Final = "label"
# A whole cell. A quote that nobody closed, or one within a cell, is part of a label.
_QUOTED: Final = re.compile(r'(?:(?<=\t)|^)"((?:[^"]|"")*)"(?=[\t\r\n]|\Z)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Line:
    """One option as a line has it. `value` is None where the line gives the label alone."""

    value: str | None
    label: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of one option: its value, its label before and after in the language of the lines ("" where there is none).

    `reworded`: a wording that people have seen is another one, so that it may mean something else. A translation that is added is not.
    """

    what: What
    value: str
    old: str
    new: str
    moved: bool = False
    reworded: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The options as the lines want them, in JSON, what becomes of each, and what is wrong with the lines."""

    options: tuple[dict[str, Any], ...]
    entries: tuple[Entry, ...]
    issues: tuple[Issue, ...]

    def of(self, *kinds: What) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.what in kinds)

    @property
    def same_labels(self) -> tuple[tuple[str, int], ...]:
        """The labels that several of the options would have, and how many: nobody who answers could tell those apart."""
        counts = Counter(entry.new for entry in self.entries if entry.what != "gone")
        return tuple((label, count) for label, count in counts.items() if count > 1)


def text_of(option_set: ChoiceFields, language: str, default: str) -> str:
    """The options that are offered, one per line: value, tab, label."""
    return "\n".join(f"{option.value}{_TAB}{_one_line(text_in(option.label, language, default))}" for option in _offered(option_set))


def _offered(option_set: ChoiceFields) -> tuple[Option, ...]:
    return tuple(option for option in option_set.options if not option.retired)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def lines_in(text: str) -> tuple[Line, ...]:
    """The lines that are not blank. With a tab in it, the text is what a spreadsheet copies: value, tab, label, quoted where needed."""
    rows = _rows(text)
    columns = _columns(rows[0]) if rows else None
    if columns is None:
        return tuple(map(_line, rows))
    found = ([row[column] for column in columns if column < len(row)] for row in rows[1:])
    return tuple(_line(cells) for cells in found if any(cells))


def as_lines(lines: Sequence[Line]) -> str:
    """The text that these lines are read from."""
    return "\n".join(line.label if line.value is None else f"{line.value}{_TAB}{line.label}" for line in lines)


def left_out_of(text: str) -> tuple[tuple[int, str], ...]:
    """What no line has a place for: further columns, each cell with the number of its row. The names of columns are none of it."""
    rows = _rows(text)
    columns = _columns(rows[0]) if rows else None
    if columns is None:
        return tuple((number, cell) for number, row in enumerate(rows, 1) for cell in _filled(row)[2:])
    return tuple((number, cell) for number, row in enumerate(rows[1:], 2) for at, cell in enumerate(row) if cell and at not in columns)


def _rows(text: str) -> list[list[str]]:
    read = _QUOTED.sub(lambda found: _unquoted(found, text), text)
    return [row for line in read.splitlines() if any(row := [_one_line(cell) for cell in line.split(_TAB)])]


def _unquoted(found: re.Match[str], text: str) -> str:
    """A cell that a spreadsheet quoted, in one line. In one column it does so only where it must; else the quotes are a label's."""
    inner = found[1]
    return _one_line(inner.replace('""', '"')) if _TAB in text or any(mark in inner for mark in '"\n\r') else found[0]


def _filled(cells: Sequence[str]) -> list[str]:
    return [cell for cell in cells if cell]


def _columns(head: Sequence[str]) -> tuple[int, int] | None:
    """Where a copied table has the values and the labels, told by the names of its columns; None without such a first row."""
    names = [cell.lower() for cell in head]
    labels = [index for index, name in enumerate(names) if name.split("::")[0].strip() == _LABEL_HEAD]
    values = [index for index, name in enumerate(names) if name in _VALUE_HEADS]
    return (values[0], labels[0]) if labels and values else None


def _line(cells: Sequence[str]) -> Line:
    found = _filled(cells)
    return Line(None, found[0]) if len(found) == 1 else Line(found[0], found[1])


# --- the lines against the options ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """The option set that the lines are for, the language they are in, and the values that it ever used."""

    option_set: ChoiceFields
    structure: Structure
    language: str
    used: frozenset[str] = frozenset()


def listing(lines: Sequence[Line], place: Place, gone: Gone) -> Listing:
    """What the option set's options become. An option whose line is gone is retired or deleted, as `gone` says; retired ones stay.

    A line with a value is that option; a label alone is the option with exactly this label, else a new one.
    """
    matched = _matched(lines, place)
    named = {value for value, _ in matched}
    before = [option.value for option in _offered(place.option_set)]
    offered = frozenset(before)
    moved = displaced([value for value in before if value in named], [value for value, _ in matched if value in offered])
    options = [_as_option(value, label, place) for value, label in matched]
    entries = [_entry(value, label, place, moved=value in moved) for value, label in matched]
    left = [option for option in place.option_set.options if option.value not in named]
    kept = [dump(option) | {"retired": True} for option in left if option.retired or gone == "retire"]
    entries += [Entry("gone", option.value, _label(option, place), "") for option in left if not option.retired]
    return Listing((*options, *kept), tuple(entries), _issues(lines))


def _matched(lines: Sequence[Line], place: Place) -> list[tuple[str, str]]:
    """The value and the label of each line. New values are made from labels, and never one that was used."""
    by_label: dict[str, str] = {}
    for option in place.option_set.options:
        by_label.setdefault(_label(option, place), option.value)
    given = {line.value for line in lines if line.value is not None}
    taken = FreeKeys([*place.option_set.option_by_value, *place.used, *given])
    found: dict[str, str] = {}
    for line in lines:
        value = line.value if line.value is not None else by_label.get(line.label)
        if value is None or (line.value is None and (value in found or value in given)):
            value = taken.take(line.label, "option")
        found.setdefault(value, line.label)
    return list(found.items())


def _label(option: Option, place: Place) -> str:
    return _one_line(text_in(option.label, place.language, place.structure.default_language))


def _as_option(value: str, label: str, place: Place) -> dict[str, Any]:
    option = place.option_set.option_by_value.get(value)
    if option is None:
        text: Any = label if len(place.structure.languages) == 1 else {place.language: label}
        return {"value": value, "label": normal_text(text, place.structure.languages, place.structure.default_language)}
    same = label == _label(option, place)
    before = option.label if isinstance(option.label, Mapping) else {place.structure.default_language: option.label}
    after: Any = {**before, place.language: label}
    text = option.label if same else normal_text(after, place.structure.languages, place.structure.default_language)
    return dump(option) | {"label": text, "retired": False}


def _entry(value: str, label: str, place: Place, *, moved: bool) -> Entry:
    option = place.option_set.option_by_value.get(value)
    if option is None:
        return Entry("added", value, "", label)
    old = _label(option, place)
    reworded = old != label and _has_text(option, place)
    if option.retired:
        return Entry("back", value, old, label, reworded=reworded)
    what: What = "kept" if old == label else "relabelled" if reworded else "translated"
    return Entry(what, value, old, label, moved, reworded)


def _has_text(option: Option, place: Place) -> bool:
    """Whether the option has a label of its own in the language of the lines."""
    if isinstance(option.label, Mapping):
        return bool(option.label.get(place.language))
    return place.language == place.structure.default_language


def _issues(lines: Sequence[Line]) -> tuple[Issue, ...]:
    """Values that come twice: of two labels for one value, nobody could say which is meant."""
    seen: dict[str, int] = {}
    twice: list[Issue] = []
    for number, line in enumerate(lines, 1):
        if line.value is not None and line.value in seen:
            detail = f"Line {number} has the value {line.value!r} of line {seen[line.value]} again."
            twice.append(Issue("/lines", "duplicate-value", detail))
        elif line.value is not None:
            seen[line.value] = number
    return tuple(twice)
