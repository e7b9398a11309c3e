"""What became of everything in an imported file: kept, approximated or not supported, cell by cell, and what to ask a person.

Shared by every import. Must not know any format.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
