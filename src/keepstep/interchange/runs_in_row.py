"""The cells of one row as the content of one run: answers, archive and states. Every cell gets exactly one fate.

Must not know files, line endings or how a heading was understood.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from keepstep.core.clock import Clock
from keepstep.core.issue import Issue
from keepstep.core.selection import check_other, check_value
from keepstep.core.structure import ChoiceFields, OptionSet, Structure
from keepstep.interchange.cells import boolean_in_cell, own_value_in, value_in
from keepstep.interchange.receipt import Line, Place
from keepstep.interchange.runs_in_heading import Heading
from keepstep.interchange.runs_in_receipt import Fate, Tally

Envelope = dict[str, Any]
Cell = tuple[Heading, str]
# Codes and numbers repeat all over a table and are read and checked once; longer texts hardly do.
_REPEATING: Final = 64
_MOST_KEPT: Final = 100_000
# A value may break a rule at each of its items; the first ones tell what is wrong with it.
_MOST_FLAGS: Final = 10
_OTHER: Final = "other"
_AWAY: Final = ("archived", "conflict")
"""States of Keepstep's own export whose value stands in the archive."""

_WHY: Final = {
    "question-unknown": "No question of this wizard has this name; its cells are kept in each run's archive.",
    "column-taken": "Another column names the same question more closely; these cells are kept in each run's archive.",
    "column-ambiguous": "It could be several questions, or several columns could be it; these cells are kept in each run's archive.",
}
_DIFFERS: Final = Issue("", "split-columns-differ", "The column of this option says otherwise than the column of the question.")
_UNCLEAR: Final = Issue("", "choice-unclear", "The column of an option holds 1 or 0; this is neither.")
_BEYOND: Final = Issue("", "extra-cell", "This cell stood beyond the last column.")
_UNREAD: Final = Issue("", "time-unclear", "This time can be read in several ways or in none, so the run does not take it over.")


class CellSettings(NamedTuple):
    """`own`: the file is Keepstep's own export, whose cells are read as they were written."""

    clock: Clock
    own: bool


class Content(NamedTuple):
    """What a row holds for its run. Envelopes by option set id; in `archive` by column name as well."""

    answers: dict[str, Envelope]
    archive: dict[str, Envelope]
    states: dict[str, str]


@dataclass(slots=True)
class _Cells:
    """The cells of one row that speak of one question."""

    value: Cell | None = None
    other: Cell | None = None
    picks: list[Cell] = field(default_factory=list)


class _Read(NamedTuple):
    value: Any
    issues: tuple[Issue, ...]


class CellReader:
    """Reads the rows of one file; keeps what repeated texts were read as."""

    def __init__(self, structure: Structure, older: Mapping[int, Structure], settings: CellSettings, tally: Tally) -> None:
        self.structure = structure
        self.older = older
        self.own = settings.own
        self.clock = settings.clock
        self.tally = tally
        self.known: dict[str, OptionSet] = {}
        for each in (*(older[number] for number in sorted(older)), structure):
            self.known.update(each.option_set_by_id)
        self.kept: dict[tuple[int | None, str, str], _Read] = {}

    def content(self, cells: Iterable[Cell], line: int, members: Mapping[str, Any], version: int | None) -> Content:
        """The content of one row. `members`: what metadata columns told. `version`: the row's own, where it is to be read for that."""
        number = version if version in self.older else None
        row = _Row(self, line, number, self.structure if number is None else self.older[number])
        for heading, text in cells:
            row.take(heading, text, members)
        row.finish()
        return row.content

    def read(self, number: int | None, option_set: OptionSet, text: str) -> _Read:
        """The value of a cell and every finding on it."""
        key = (number, option_set.id, text)
        read = self.kept.get(key)
        if read is None:
            value = own_value_in(text, option_set) if self.own else value_in(text, option_set)
            read = _Read(value, self.issues(value, option_set))
            if len(text) <= _REPEATING and len(self.kept) < _MOST_KEPT:
                self.kept[key] = read
        return _Read(list(read.value) if isinstance(read.value, list) else read.value, read.issues)

    def issues(self, value: Any, option_set: OptionSet) -> tuple[Issue, ...]:
        """Every finding on a value, in the wizard's default language."""
        language = self.structure.default_language
        return check_value(value, option_set, self.clock, language=language, default_language=language)


class _Row:
    """One row under reading."""

    def __init__(self, reader: CellReader, line: int, number: int | None, structure: Structure) -> None:
        self.reader = reader
        self.line = line
        self.number = number
        self.structure = structure
        self.content = Content({}, {}, {})
        self.questions: dict[str, _Cells] = {}

    # Taking cells.

    def take(self, heading: Heading, text: str, members: Mapping[str, Any]) -> None:
        """One cell that is not empty."""
        role, option_set_id = heading.role, heading.option_set_id
        if role in ("run", "label"):
            self.count(heading, "metadata")
        elif role == "metadata":
            self.take_metadata(heading, text, members)
        elif role == "archive":
            self.take_archive(heading, text)
        elif role == "state":
            self.take_state(heading, text)
        elif option_set_id is not None:
            self.take_of_question(heading, text, self.questions.setdefault(option_set_id, _Cells()))

    def take_of_question(self, heading: Heading, text: str, cells: _Cells) -> None:
        match heading.role:
            case "answer":
                cells.value = (heading, text)
            case "other":
                cells.other = (heading, text)
            case "choice":
                cells.picks.append((heading, text))
            case _:
                option_set = self.reader.known[heading.option_set_id or ""]
                self.archive(option_set.id, _envelope(self.reader.read(None, option_set, text).value), heading)

    def take_metadata(self, heading: Heading, text: str, members: Mapping[str, Any]) -> None:
        unread = heading.field.endswith("_at") and heading.field not in members
        envelope = _envelope(text, (_UNREAD,) if unread else ())
        self.content.archive[heading.name] = envelope
        self.count(heading, "archived" if unread else "metadata")
        if unread:
            self.note(heading, _UNREAD)

    def take_archive(self, heading: Heading, text: str) -> None:
        beyond = heading.name.startswith("#") and heading.field == heading.name and not heading.why
        self.archive(heading.field, _envelope(text, (_BEYOND,) if beyond else ()), heading)
        if heading.why:
            self.note(heading, Issue("", heading.why, _WHY[heading.why]))

    def take_state(self, heading: Heading, text: str) -> None:
        self.count(heading, "metadata")
        self.content.states[heading.option_set_id or heading.field] = text

    # Finishing questions, once all their cells are there.

    def finish(self) -> None:
        """Every question's cells become one answer, or one entry of the archive."""
        here, states = self.structure.option_set_by_id, self.content.states
        for option_set_id, cells in self.questions.items():
            option_set = here.get(option_set_id)
            away = option_set is None or states.get(option_set_id) in _AWAY
            self.finish_question(option_set or self.reader.known[option_set_id], cells, away=away)
        for option_set_id, state in states.items():
            if state == "empty" and option_set_id not in self.questions and option_set_id in here:
                self.content.answers[option_set_id] = _envelope(None)

    def finish_question(self, option_set: OptionSet, cells: _Cells, *, away: bool) -> None:
        """One question's cells as one envelope. Most have a value alone, so what the others need is looked at only for them."""
        picks, chosen = self.clear_picks(cells.picks) if cells.picks else ([], None)
        if cells.value is not None:
            read = self.reader.read(self.number, option_set, cells.value[1])
            agreeing = self.agreeing(picks, read.value) if picks else picks
            issues = read.issues if len(agreeing) == len(picks) else (*read.issues, _DIFFERS)
        else:
            read, agreeing = _Read(chosen, ()), picks
            issues = self.reader.issues(chosen, option_set)
        used = [cell for cell in (cells.value, cells.other, *agreeing) if cell is not None]
        if used:
            fate = self.keep(option_set, _Read(read.value, issues), cells.other, away=away)
            for heading, _ in used:
                self.count(heading, fate)

    def keep(self, option_set: OptionSet, read: _Read, other: Cell | None, *, away: bool) -> Fate:
        value, issues, text = read.value, read.issues, None
        if other is not None:
            value, text = _with_other(value, other[1], option_set)
            issues = issues if value == read.value else self.reader.issues(value, option_set)
            issues = (*issues, *check_other(text, option_set))
        if away:
            self.content.archive[option_set.id] = _envelope(value, other=text)
            return "archived"
        self.content.answers[option_set.id] = _envelope(value, issues, text)
        for issue in {issue.code: issue for issue in issues}.values() if issues else ():
            self.reader.tally.flags[issue.code] += 1
            self.note_question(option_set, issue)
        return "flagged" if issues else "answers"

    def clear_picks(self, picks: list[Cell]) -> tuple[list[Cell], list[str] | None]:
        """The option columns that hold 1 or 0, and the options chosen by them in option order (None for none); others are archived."""
        clear = [(pick, chosen) for pick in picks if (chosen := boolean_in_cell(pick[1])) is not None]
        kept = [pick for pick, _ in clear]
        for heading, text in picks:
            if (heading, text) not in kept:
                self.archive(heading.name, _envelope(text, (_UNCLEAR,)), heading)
                self.note(heading, _UNCLEAR)
        options = [pick[0].field for pick, chosen in clear if chosen]
        return kept, options or None

    def agreeing(self, picks: list[Cell], value: Any) -> list[Cell]:
        """The option columns that say what the question's own column says; others are archived, since the answer does not hold theirs."""
        chosen = value if isinstance(value, list) else [value]
        agreeing = [pick for pick in picks if boolean_in_cell(pick[1]) == (pick[0].field in chosen)]
        for heading, text in picks:
            if (heading, text) not in agreeing:
                self.archive(heading.name, _envelope(text, (_DIFFERS,)), heading)
        return agreeing

    # Accounts.

    def archive(self, name: str, envelope: Envelope, heading: Heading) -> None:
        self.content.archive[name] = envelope
        self.count(heading, "archived")

    def count(self, heading: Heading, fate: Fate) -> None:
        self.reader.tally.fates[heading.name, fate] += 1

    def note(self, heading: Heading, issue: Issue) -> None:
        self.reader.tally.note(Line(Place(row=self.line, column=heading.name), issue.code, issue.detail))

    def note_question(self, option_set: OptionSet, issue: Issue) -> None:
        cells = self.questions[option_set.id]
        heading = next(heading for heading, _ in filter(None, (cells.value, cells.other, *cells.picks)))
        self.note(heading, issue)


def _envelope(value: Any, issues: tuple[Issue, ...] = (), other: str | None = None) -> Envelope:
    envelope: Envelope = {"value": value, "source": "import"}
    if other is not None:
        envelope["other"] = other
    if issues:
        envelope["flags"] = [{"code": issue.code, "detail": issue.detail} for issue in issues][:_MOST_FLAGS]
    return envelope


def _with_other(value: Any, other: str | None, option_set: OptionSet) -> tuple[Any, str | None]:
    """An XLSForm's or_other adds the code "other" to the choices; here the text itself says it, so the code goes where a text is."""
    if other is None or not isinstance(option_set, ChoiceFields) or _OTHER in option_set.option_by_value:
        return value, other
    if value == _OTHER:
        return None, other
    if isinstance(value, list) and _OTHER in value:
        return [item for item in value if item != _OTHER] or None, other
    return value, other
