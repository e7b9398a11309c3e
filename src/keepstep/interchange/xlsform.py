"""An XLSForm as a structure: groups become steps, questions option sets, with a receipt for every non-empty cell.

docs/interchange.md holds the table. Must not know storage; ids come from the caller.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from keepstep.core.keys import LONGEST_KEY, FreeKeys
from keepstep.core.structure import CHOICE_TYPES, Structure, parse
from keepstep.interchange.receipt import Cell, Ledger, Line, Place, Receipt
from keepstep.interchange.xlsform_choices import Lists, lists_of, settle_lists
from keepstep.interchange.xlsform_headings import Languages, heading, languages_of
from keepstep.interchange.xlsform_question import Place as Questioned
from keepstep.interchange.xlsform_question import Surroundings, option_set_of, selection_type_of, visible_if
from keepstep.interchange.xlsform_rows import Asked, Form, Group, Record, form_of, record_of, runs_by_group
from keepstep.interchange.xlsform_texts import Speech, texts_in
from keepstep.interchange.xlsform_workbook import Workbook, read_xlsform
from keepstep.interchange.xpath_logic import all_of
from keepstep.interchange.xpath_terms import Kind, Term

__all__ = ["read_xlsform", "structure_from_xlsform"]

Node = dict[str, Any]


def structure_from_xlsform(workbook: Workbook, make_id: Callable[[], str]) -> tuple[Structure, Receipt]:
    """The wizard that a form describes, and the account of its cells.

    `make_id` gives a new UUID with each call. Raises FileUnreadable for groups that do not close, StructureInvalid for
    what no wizard can hold (too many questions, a code of more than 200 characters).
    """
    form = form_of(workbook)
    settings = _settings(workbook)
    languages = languages_of(_headings(workbook), settings.text("default_language") if settings else None)
    ledger = Ledger(_cells(workbook))
    placed = _placed(form.questions, make_id)
    lists = lists_of(workbook)
    names = _names(placed, form, lists)
    around = Surroundings(names, lists, Speech(languages, names, ledger))
    _settle_rows(form, ledger)
    steps = list(_steps(placed, around, make_id))
    _settle_groups(form, placed, ledger)
    used = _used_lists(placed, around)
    settle_lists(around.lists, used, ledger)
    data = _wizard(workbook, settings, languages, ledger) | {"steps": steps}
    carried = _carried(placed, around.lists, used)
    data["source"] = _source(settings, languages, form, ledger, _rows_apart(workbook, carried, ledger))
    return parse(data), ledger.receipt(_remarks(workbook, languages))


def _cells(workbook: Workbook) -> dict[Cell, str]:
    """Every cell of the sheets that are read, with the name that its row carries."""
    return {
        (name, row.number, column): record_of(name, row).text("name")
        for name in workbook.sheets
        for row in workbook.rows(name)
        for column in row.cells
    }


def _settings(workbook: Workbook) -> Record | None:
    rows = workbook.rows("settings")
    return record_of("settings", rows[0]) if rows else None


def _headings(workbook: Workbook) -> Iterator[str]:
    """The headings that hold a text somewhere, so that an empty column adds no language."""
    for name in ("survey", "choices"):
        if name in workbook.sheets:
            used = {column for row in workbook.rows(name) for column in row.cells}
            yield from (text for text in workbook.sheets[name].headings if text in used)


# --- identity ------------------------------------------------------------------------------------------------------


def key_of(name: str, taken: FreeKeys) -> str:
    """The key for an imported name: lower case, what no key may hold as "_", numbered where another name has it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9_-]", "_", plain)
    return taken.take_stem((key if key[:1].isalpha() else f"q{key}")[:LONGEST_KEY])


def _placed(questions: Iterable[Asked], make_id: Callable[[], str]) -> tuple[Questioned, ...]:
    taken = FreeKeys()
    placed = []
    for asked in questions:
        key = key_of(asked.name, taken)
        placed.append(Questioned(asked, make_id(), key, selection_type_of(asked)))
    return tuple(placed)


def _names(placed: tuple[Questioned, ...], form: Form, lists: Lists) -> dict[str, Term]:
    """What `${name}` stands for. A name that two questions have stands for neither."""
    names: dict[str, Term] = {}
    twice: set[str] = set()
    for place in placed:
        twice |= {place.asked.name} & names.keys()
        names[place.asked.name] = _term(place, lists)
    names = {name: term for name, term in names.items() if name not in twice}
    clock: dict[str, tuple[str, Kind]] = {"today": ("today", "date"), "start": ("now", "datetime"), "end": ("now", "datetime")}
    moments = {form.metadata[kind]: Term({operator: []}, of) for kind, (operator, of) in clock.items() if form.metadata.get(kind)}
    return moments | names


def _term(place: Questioned, lists: Lists) -> Term:
    """A note has no answer, so it reads as unanswered."""
    if place.selection_type == "statement":
        return Term(None, "text")
    kind: Kind = "any" if place.selection_type == "calculated" else place.asked.type.type.kind
    codes = None
    if place.selection_type in CHOICE_TYPES:
        codes = frozenset(record.text("name") for record in lists.get(place.asked.type.list_name or "", ()))
    other = {"other": place.id} if place.asked.type.or_other else None
    return Term({"var": place.id}, kind, is_answer=True, codes=codes, other=other)


# --- steps ---------------------------------------------------------------------------------------------------------


def _steps(placed: tuple[Questioned, ...], around: Surroundings, make_id: Callable[[], str]) -> Iterator[Node]:
    by_question = {id(place.asked): place for place in placed}
    taken = FreeKeys()
    for group, run in runs_by_group(tuple(place.asked for place in placed)):
        key = key_of(group.name if group else "main", taken)
        yield _step(group, key, around) | {
            "id": make_id(),
            "option_sets": [option_set_of(by_question[id(asked)], around) for asked in run],
        }


def _step(group: Group | None, key: str, around: Surroundings) -> Node:
    chain = group.chain if group else ()
    labels = (texts_in(link.record, "label", around.speech) for link in reversed(chain))
    step: Node = {"key": key, "name": next((label for label in labels if label), None) or (group.name if group else "Questions")}
    condition = all_of([visible_if(link.record, around.names, around.ledger) for link in chain])
    step |= {} if condition is None else {"visible_if": condition}
    if group is None:
        return step
    hint = texts_in(group.record, "hint", around.speech)
    look = group.record.first("appearance")
    step |= {"help": hint} if hint else {}
    if look is not None and look.text.strip() == "field-list":
        # All questions of the group on one page is what a step is.
        around.ledger.keep(look.cell)
    elif look is not None:
        step["presentation"] = {"appearance": look.text}
        around.ledger.approximate(look.cell, "appearance", "Kept with the step; pages show it their own way.")
    verbatim = {item.cell[2]: item.text for item in group.record.cells if item.cell[2] and not _is_structural(item.cell, around.ledger)}
    return step | {"source": {"format": "xlsform", "name": group.name, "verbatim": verbatim}}


def _is_structural(cell: Cell, ledger: Ledger) -> bool:
    return ledger.is_kept(cell) or heading(cell[2]).column in ("type", "name")


# --- what is no question -------------------------------------------------------------------------------------------


def _settle_rows(form: Form, ledger: Ledger) -> None:
    for record in form.ends:
        for item in record.cells:
            if heading(item.cell[2]).column in ("type", "name"):
                ledger.keep(item.cell)
    for aside in form.asides:
        for item in aside.record.cells:
            ledger.refuse(item.cell, aside.code, aside.detail)
    for record, kind in form.metadata_records:
        difference = kind.type.difference
        for item in record.cells:
            if heading(item.cell[2]).column not in ("type", "name") or difference is None:
                ledger.refuse(
                    item.cell, "metadata", f"Keepstep does not collect {kind.name}; imported values go to the archive of their run."
                )
            else:
                ledger.approximate(item.cell, "metadata", f"{difference} In expressions it is the time of the evaluation.")


def _settle_groups(form: Form, placed: tuple[Questioned, ...], ledger: Ledger) -> None:
    """A group's own row; what the steps took from it is settled already."""
    inner = {id(place.asked.group) for place in placed}
    around = {id(link) for place in placed if place.asked.group for link in place.asked.group.chain}
    for group in form.groups:
        for item in group.record.cells:
            column = heading(item.cell[2]).column
            if column in ("type", "name") and id(group) in around:
                ledger.keep(item.cell)
            elif column == "label" and not ledger.is_kept(item.cell) and id(group) in around - inner:
                ledger.approximate(item.cell, "group-label", "The group has no question of its own, so no step carries its title.")
            elif id(group) not in around:
                ledger.refuse(item.cell, "empty-group", "The group holds no question that is asked here.")
            elif column == "required":
                ledger.refuse(item.cell, "group-required", "A group cannot be required; its questions can.")


def _used_lists(placed: tuple[Questioned, ...], around: Surroundings) -> dict[str, frozenset[str]]:
    used: dict[str, frozenset[str]] = {}
    for place in placed:
        name = place.asked.type.list_name
        if name is None or place.asked.type.type.selection_type not in ("single_select", "multiple_select"):
            continue
        item = place.asked.record.first("choice_filter")
        read = frozenset(re.findall(r"[^\W\d][\w.\-]*", item.text)) if item and around.ledger.is_kept(item.cell) else frozenset()
        used[name] = used.get(name, frozenset()) | read
    return used


# --- the wizard ----------------------------------------------------------------------------------------------------


def _wizard(workbook: Workbook, settings: Record | None, languages: Languages, ledger: Ledger) -> Node:
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", workbook.filename.replace("\\", "/").rsplit("/", 1)[-1])
    title = settings.text("form_title") or settings.text("form_id") if settings else ""
    for item in settings.cells if settings else ():
        column = heading(item.cell[2]).column
        if column in ("form_title", "form_id", "default_language") or (column, item.text) == ("style", "pages"):
            ledger.keep(item.cell)
        elif column == "version":
            ledger.approximate(item.cell, "form-version", "Kept with the wizard's origin; Keepstep numbers its versions itself.")
    return {"name": title or stem or "Imported form", "languages": list(languages.codes), "default_language": languages.default}


def _source(settings: Record | None, languages: Languages, form: Form, ledger: Ledger, rows: list[Node]) -> Node:
    """Where the wizard comes from, with everything that no node of it carries word for word."""
    verbatim = {
        "settings": {item.cell[2]: item.text for item in settings.cells if not ledger.is_kept(item.cell)} if settings else {},
        "languages": {code: name for name, code in languages.code_by_name.items()},
        "metadata": {kind: name for kind, name in form.metadata.items() if name},
        "rows": rows,
    }
    name = settings.text("form_id") if settings else ""
    return {"format": "xlsform", "name": name or None, "verbatim": {member: value for member, value in verbatim.items() if value}}


def _carried(placed: tuple[Questioned, ...], lists: Lists, used: Mapping[str, frozenset[str]]) -> set[tuple[str, int]]:
    """The rows whose cells stand word for word with a step, an option set or an option."""
    carried = {("survey", place.asked.record.number) for place in placed}
    carried |= {("survey", place.asked.group.record.number) for place in placed if place.asked.group}
    for name in used:
        first: dict[str, Record] = {}
        for record in lists.get(name, ()):
            first.setdefault(record.text("name"), record)
        carried |= {("choices", record.number) for code, record in first.items() if code}
    return carried | {("settings", 2)}


def _rows_apart(workbook: Workbook, carried: set[tuple[str, int]], ledger: Ledger) -> list[Node]:
    """The cells without an equal here of the rows that became no node."""
    apart = []
    for name in workbook.sheets:
        for row in workbook.rows(name):
            cells = {column: text for column, text in row.cells.items() if not ledger.is_kept((name, row.number, column))}
            if cells and (name, row.number) not in carried:
                apart.append({"sheet": name, "row": row.number, "cells": cells})
    return apart


def _remarks(workbook: Workbook, languages: Languages) -> Receipt:
    """What concerns no single cell that was read."""
    questions = []
    if not languages.is_stated:
        detail = (
            f"The form does not say its language; its texts are taken as {languages.default!r}. Change it in the wizard if that is wrong."
        )
        questions.append(Line(Place("settings", column="default_language"), "language-not-stated", detail, cells=0))
    suggestions = tuple(
        Line(
            Place(sheet, column=column),
            "formulas",
            f"{count} cells are formulas: their results as last saved were taken. Check them.",
            cells=0,
        )
        for (sheet, column), count in (workbook.formulas or {}).items()
    )
    return Receipt(not_supported=workbook.unread, questions=tuple(questions), suggestions=suggestions)
