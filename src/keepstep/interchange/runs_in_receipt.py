"""What became of every non-empty cell of an imported table of runs. Must not know how cells are read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from keepstep.interchange.receipt import MAX_JSON_LINES, Line

Fate = Literal["answers", "flagged", "metadata", "archived", "already_there"]
FATES: Final[tuple[Fate, ...]] = ("answers", "flagged", "metadata", "archived", "already_there")
"""answers: stored, and fit their question. flagged: stored as given, with a flag. metadata: read as something about the run
(from other tools' files kept in the archive as well). archived: kept under the column's name or a former question.
already_there: of a run that is stored, so nothing was judged or kept anew."""


@dataclass(frozen=True, slots=True)
class ColumnAccount:
    """One column: its heading, what it was taken for (`role`), the option set if any, and its non-empty cells by fate."""

    name: str
    role: str
    option_set_id: str | None
    cells: int
    fates: Mapping[Fate, int]

    def to_json(self) -> dict[str, Any]:
        """`{name, role, option_set_id, cells, answers, flagged, metadata, archived, already_there}`."""
        own: dict[str, Any] = {"name": self.name, "role": self.role, "option_set_id": self.option_set_id, "cells": self.cells}
        return own | {str(fate): self.fates.get(fate, 0) for fate in FATES}


@dataclass(frozen=True, slots=True)
class RunsReceipt:
    """The account of an import of runs: `cells` non-empty cells were seen, and each has one fate.

    `blanks`: cells whose text the options count as empty, such as n/a. `flags`: how often each flag was given, by code.
    `lines`: what a person should know, one line per column and code with its number of cells and its first row.
    """

    runs: int
    cells: int
    blanks: int
    columns: tuple[ColumnAccount, ...]
    flags: Mapping[str, int]
    lines: tuple[Line, ...]

    @property
    def totals(self) -> dict[str, int]:
        """Numbers of runs and cells, and of cells by fate."""
        fates = {fate: sum(column.fates.get(fate, 0) for column in self.columns) for fate in FATES}
        return {"runs": self.runs, "cells": self.cells, "blanks": self.blanks} | {str(fate): count for fate, count in fates.items()}

    @property
    def is_complete(self) -> bool:
        """Whether every cell that was seen has exactly one fate."""
        return self.cells == sum(self.totals[fate] for fate in FATES) and all(
            column.cells == sum(column.fates.values()) for column in self.columns
        )

    def to_json(self) -> dict[str, Any]:
        """`{totals, flags, columns, lines}`."""
        return {
            "totals": self.totals,
            "flags": dict(self.flags),
            "columns": [column.to_json() for column in self.columns],
            "lines": [line.to_json() for line in self.lines[:MAX_JSON_LINES]],
        }


@dataclass(slots=True)
class Tally:
    """The account while a file is being read: it lives for one reading and is never shared."""

    cells: Counter[str] = field(default_factory=Counter)
    fates: Counter[tuple[str, Fate]] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    notes: dict[tuple[str, str], Line] = field(default_factory=dict)
    runs: int = 0
    blanks: int = 0
    away: set[str] = field(default_factory=set)
    """Places without a heading whose cells went to the archive."""

    def absorb(self, share: "Tally", *, there: bool) -> None:
        """The account of one run taken up; of one that is stored already, only how many cells it has."""
        self.cells.update(share.cells)
        self.runs += share.runs
        self.blanks += share.blanks
        self.away.update(name for name, fate in share.fates if fate == "archived")
        if there:
            for name, count in share.cells.items():
                self.fates[name, "already_there"] += count
            return
        self.fates.update(share.fates)
        self.flags.update(share.flags)
        for line in share.notes.values():
            self.note(line)

    def note(self, line: Line) -> None:
        """One more finding of this code in this column; the first one's row and sentence stand for all."""
        known = self.notes.get((line.place.column, line.code))
        self.notes[line.place.column, line.code] = line if known is None else replace(known, cells=known.cells + line.cells)

    def receipt(self, columns: dict[str, tuple[str, str | None]]) -> RunsReceipt:
        """The account so far; `columns`: role and option set id by heading, in the order of the file."""
        beyond: dict[str, tuple[str, str | None]] = {name: (self._role(name), None) for name in self.cells if name not in columns}
        accounts = tuple(
            ColumnAccount(name, role, option_set_id, self.cells[name], {fate: self.fates[name, fate] for fate in FATES})
            for name, (role, option_set_id) in (columns | beyond).items()
        )
        notes = tuple(self.notes.values())
        return RunsReceipt(self.runs, self.cells.total(), self.blanks, accounts, dict(self.flags), notes)

    def _role(self, name: str) -> str:
        """What a place without a heading (a member of JSON Lines) was taken for: by where its cells went."""
        return "archive" if name in self.away else "answer"
