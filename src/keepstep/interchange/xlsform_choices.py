"""What the choices sheet of an XLSForm offers: the options of each list, filtered where a question filters them.

Must not know questions beyond their choice filter.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keepstep.interchange.receipt import Ledger
from keepstep.interchange.xlsform_headings import heading
from keepstep.interchange.xlsform_rows import Record, Text, record_of
from keepstep.interchange.xlsform_texts import Speech, texts_in
from keepstep.interchange.xlsform_workbook import Workbook
from keepstep.interchange.xpath_logic import Names, any_of, translate

_OWN: Final = frozenset(("list_name", "name", "label"))
Lists = Mapping[str, tuple[Record, ...]]


def lists_of(workbook: Workbook) -> Lists:
    """The rows of each list, in the order of the sheet."""
    lists: dict[str, list[Record]] = {}
    for row in workbook.rows("choices"):
        record = record_of("choices", row)
        lists.setdefault(record.text("list_name"), []).append(record)
    return {name: tuple(records) for name, records in lists.items()}


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice filter: where it stands, and its expression for each row of the list; `reason` where it has none."""

    conditions: Mapping[int, Any]
    columns: frozenset[str] = frozenset()
    reason: str = ""


def filter_of(text: str, records: tuple[Record, ...], names: Names) -> Filter:
    """The filter's condition for each row, by its number, the row's cells put in for the names of columns."""
    conditions: dict[int, Any] = {}
    for record in records:
        cells = {item.cell[2]: item.text for item in record.cells} | {column: record.text(column) for column in record.columns}
        translation = translate(text, Names(names.questions, None, cells))
        if translation.reason:
            return Filter({}, reason=translation.reason)
        conditions[record.number] = None if translation.expression is True else translation.expression
    return Filter(conditions, frozenset(re.findall(r"[^\W\d][\w.\-]*", text)))


def options_of(records: tuple[Record, ...], choice_filter: Filter | None, speech: Speech) -> list[dict[str, Any]]:
    """The options in JSON. A code that comes twice is one option, shown where either row would be."""
    return [_option(rows, choice_filter, speech) for rows in _by_code(records)]


def _by_code(records: tuple[Record, ...]) -> Iterator[tuple[Record, ...]]:
    codes: dict[str, list[Record]] = {}
    for record in records:
        if record.text("name"):
            codes.setdefault(record.text("name"), []).append(record)
    yield from (tuple(rows) for rows in codes.values())


def _option(rows: tuple[Record, ...], choice_filter: Filter | None, speech: Speech) -> dict[str, Any]:
    first = rows[0]
    code = first.text("name")
    option: dict[str, Any] = {"value": code, "label": texts_in(first, "label", speech) or code}
    conditions = [choice_filter.conditions.get(row.number) for row in rows] if choice_filter else []
    if conditions and any_of(conditions) is not None:
        option["visible_if"] = any_of(conditions)
    verbatim = {item.cell[2]: item.text for item in first.cells if _column_of(item) not in _OWN}
    if verbatim:
        option["source"] = {"format": "xlsform", "name": code, "verbatim": verbatim}
    return option


def _column_of(item: Text) -> str:
    return heading(item.cell[2]).column


def settle_lists(lists: Lists, used: Mapping[str, frozenset[str]], ledger: Ledger) -> None:
    """Judges every cell of the choices sheet. `used`: for each list that a question offers, the columns that its filters read."""
    for name, records in lists.items():
        if name not in used:
            for item in (item for record in records for item in record.cells):
                ledger.refuse(item.cell, "list-unused", f"No question that is asked here offers the list {name!r}.")
            continue
        seen: set[str] = set()
        for record in records:
            _settle_row(record, used[name], ledger, is_repeated=record.text("name") in seen)
            seen.add(record.text("name"))


def _settle_row(record: Record, filtered: frozenset[str], ledger: Ledger, *, is_repeated: bool) -> None:
    if not record.text("name"):
        for item in record.cells:
            ledger.refuse(item.cell, "choice-without-name", "A choice without a name cannot be stored.")
        return
    for item in record.cells:
        column = _column_of(item)
        if is_repeated:
            ledger.approximate(
                item.cell, "choice-twice", "The list has this name before: both rows are one option, with the first one's label."
            )
        elif column in ("list_name", "name") or column in filtered or item.cell[2] in filtered:
            ledger.keep(item.cell)
