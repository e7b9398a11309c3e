"""What became of everything in an imported file: kept, approximated or not supported, cell by cell, and what to ask a person.

Shared by every import. Must not know any format.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

MAX_JSON_LINES: Final = 2_000
"""Lines of each kind in the JSON form; the totals always count all of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file: the sheet (or file part), the row as the spreadsheet numbers it, the column's heading, the name there."""

    sheet: str = ""
    row: int | None = None
    name: str = ""
    column: str = ""

    def to_json(self) -> dict[str, Any]:
        """The members that are known."""
        members = {"sheet": self.sheet, "row": self.row, "name": self.name, "column": self.column}
        return {name: value for name, value in members.items() if value not in ("", None)}


@dataclass(frozen=True, slots=True)
class Line:
    """One finding. `code` is stable, `detail` a sentence for people, `cells` how many non-empty cells it accounts for."""

    place: Place
    code: str
    detail: str
    cells: int = 1

    def to_json(self) -> dict[str, Any]:
        """`{place, code, detail, cells}`."""
        return {"place": self.place.to_json(), "code": self.code, "detail": self.detail, "cells": self.cells}


@dataclass(frozen=True, slots=True)
class Receipt:
    """The account of an import: every non-empty cell of the file is in exactly one of the first three members.

    `kept`: cells that mean the same here, counted by where they stood ("survey/label"); nobody reads a line for each.
    `approximated`: taken over, with a difference. `not_supported`: stored word for word or left out, without effect.
    `questions`: what only a person can tell. `suggestions`: what a person may want to do. `ids`: foreign id → id here.
    """

    kept: Mapping[str, int] = field(default_factory=dict)
    approximated: tuple[Line, ...] = ()
    not_supported: tuple[Line, ...] = ()
    questions: tuple[Line, ...] = ()
    suggestions: tuple[Line, ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def totals(self) -> dict[str, int]:
        """Numbers of cells by what became of them, and of questions and suggestions."""
        return {
            "kept": sum(self.kept.values()),
            "approximated": _cells(self.approximated),
            "not_supported": _cells(self.not_supported),
            "questions": len(self.questions),
            "suggestions": len(self.suggestions),
        }

    @property
    def cells(self) -> int:
        """The non-empty cells that this receipt accounts for."""
        return sum(self.kept.values()) + _cells(self.approximated) + _cells(self.not_supported)

    def to_json(self) -> dict[str, Any]:
        """The JSON form: `{totals, kept, approximated, not_supported, questions, suggestions, ids?}`."""
        parts = {name: getattr(self, name) for name in ("approximated", "not_supported", "questions", "suggestions")}
        lines = {name: [line.to_json() for line in part[:MAX_JSON_LINES]] for name, part in parts.items()}
        return {"totals": self.totals, "kept": dict(self.kept), **lines} | ({"ids": dict(self.ids)} if self.ids else {})


def _cells(lines: Iterable[Line]) -> int:
    return sum(line.cells for line in lines)


def joined(first: Receipt, second: Receipt) -> Receipt:
    """One receipt for two steps of an import."""
    return Receipt(
        kept=dict(Counter(first.kept) + Counter(second.kept)),
        approximated=first.approximated + second.approximated,
        not_supported=first.not_supported + second.not_supported,
        questions=first.questions + second.questions,
        suggestions=first.suggestions + second.suggestions,
        ids={**first.ids, **second.ids},
    )


# --- while an import is under way ----------------------------------------------------------------------------------

Cell = tuple[str, int, str]
"""Sheet, row and heading."""
_Verdict = tuple[int, str, str]
_KEPT: Final = (0, "", "")


class Ledger:
    """The account of an import while it is under way: every cell is entered once at the start and judged at least once.

    Of several verdicts on a cell the gravest counts; a cell without one has no equal here.
    """

    def __init__(self, cells: Mapping[Cell, str]) -> None:
        self._names = dict(cells)
        self._verdicts: dict[Cell, _Verdict] = {}
        self._questions: list[Line] = []

    def keep(self, cell: Cell) -> None:
        """It means the same here."""
        self._judge(cell, _KEPT)

    def approximate(self, cell: Cell, code: str, detail: str) -> None:
        """It is taken over, with a difference."""
        self._judge(cell, (1, code, detail))

    def refuse(self, cell: Cell, code: str, detail: str) -> None:
        """It has no effect here."""
        self._judge(cell, (2, code, detail))

    def ask(self, cell: Cell, code: str, detail: str) -> None:
        """Only a person can tell what is meant."""
        self._questions.append(self._line(cell, code, detail, cells=0))

    def _line(self, cell: Cell, code: str, detail: str, *, cells: int) -> Line:
        sheet, row, column = cell
        return Line(Place(sheet, row, self._names[cell], column), code, detail, cells)

    def _judge(self, cell: Cell, verdict: _Verdict) -> None:
        if cell not in self._names:
            raise KeyError(cell)
        self._verdicts[cell] = max(self._verdicts.get(cell, verdict), verdict, key=lambda item: item[0])

    def is_kept(self, cell: Cell) -> bool:
        """Whether it means the same here, as far as judged."""
        return self._verdicts.get(cell) == _KEPT

    def receipt(self, more: Receipt) -> Receipt:
        """The account of all cells, with `more` of what belongs to no cell of the ledger."""
        kept: Counter[str] = Counter()
        lines: dict[int, list[Line]] = {1: [], 2: []}
        for cell in self._names:
            sheet, _, column = cell
            detail = f"The column {column!r} has no equal here; the cell is stored word for word."
            rank, code, detail = self._verdicts.get(cell, (2, "column-not-supported", detail))
            if rank == 0:
                kept[f"{sheet}/{column}"] += 1
            else:
                lines[rank].append(self._line(cell, code, detail, cells=1))
        mine = Receipt(kept, tuple(lines[1]), tuple(_grouped(lines[2])), questions=tuple(self._questions))
        return joined(mine, more)


# One finding about many rows, told once: an unused list of 700 choices would hide everything else.
_TOLD_ONCE: Final = frozenset({"list-unused"})


def _grouped(lines: Iterable[Line]) -> Iterable[Line]:
    """The lines, where one of a kind that is told once stands for all of the same sentence: its first row, and all their cells."""
    found: dict[tuple[str, str] | int, Line] = {}
    for number, line in enumerate(lines):
        key = (line.code, line.detail) if line.code in _TOLD_ONCE else number
        first = found.get(key)
        whole = replace(line, place=Place(line.place.sheet, line.place.row)) if line.code in _TOLD_ONCE else line
        found[key] = whole if first is None else replace(first, cells=first.cells + line.cells)
    return found.values()
