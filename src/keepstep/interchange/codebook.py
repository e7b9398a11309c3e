"""What each column of an export means: every option set of all versions, with everything that it was ever called.

A version says so once for all following ones that agree with it. Must not know runs, file formats or who asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from keepstep.core.structure import OptionSet, Structure, choices_of
from keepstep.interchange.columns import Column, Question, TableOptions, columns_of, option_values, questions_of

# Every column that some choice of options gives.
WIDEST: Final = TableOptions(states=True, split=True, labels="both")


def codebook(versions: Sequence[tuple[int, Structure]], columns: Sequence[Column] | None = None) -> dict[str, Any]:
    """The codebook of these (number, structure) versions as JSON, in the order of the export's columns.

    `columns`: those of the export (`columns_of`), for the names that stored runs alone bring; else those of the versions.
    """
    columns = columns_of(versions, WIDEST) if columns is None else columns
    every = {option_set.id for _, structure in versions for option_set in structure.option_sets}
    return {
        "versions": sorted(number for number, _ in versions),
        "columns": _names(columns, ""),
        "option_sets": [_entry(question, columns, _languages(versions)) for question in questions_of(versions, every)],
    }


def _languages(versions: Sequence[tuple[int, Structure]]) -> dict[int, str]:
    return {number: structure.default_language for number, structure in versions}


def _entry(question: Question, columns: Sequence[Column], languages: Mapping[int, str]) -> dict[str, Any]:
    known = question.option_sets
    return {
        "id": question.id,
        "key": question.key,
        "former_keys": _former_keys(question),
        "personal_data": any(option_set.personal_data for option_set in known.values()),
        "columns": _names(columns, question.id),
        "versions": _spans({number: _described(option_set, languages[number]) for number, option_set in known.items()}),
        "options": [{"value": value, "versions": _option_spans(known, value, languages)} for value in option_values(question)],
    }


def _described(option_set: OptionSet, language: str) -> dict[str, Any]:
    return {
        "key": option_set.key,
        "label": _texts(option_set.name, language),
        "selection_type": option_set.selection_type,
        "is_required": option_set.is_required,
        "unit": None if option_set.unit is None else _texts(option_set.unit, language),
        "retired": option_set.retired,
        "personal_data": option_set.personal_data,
    }


def _texts(text: str | Mapping[str, str], language: str) -> dict[str, str]:
    """The text by language; one that is a plain string is in the wizard's own."""
    return {language: text} if isinstance(text, str) else dict(text)


def _option_spans(known: Mapping[int, OptionSet], value: str, languages: Mapping[int, str]) -> list[dict[str, Any]]:
    found = ((number, option) for number, option_set in known.items() for option in choices_of(option_set) if option.value == value)
    return _spans({number: {"label": _texts(option.label, languages[number]), "retired": option.retired} for number, option in found})


def _spans(described: Mapping[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The descriptions with the numbers of the versions that have them, oldest first; neighbours that agree stand together."""
    grouped = groupby(sorted(described.items(), key=itemgetter(0)), key=itemgetter(1))
    return [{"versions": [number for number, _ in entries], **said} for said, entries in grouped]


def _former_keys(question: Question) -> list[str]:
    """Every other key that the option set had, the most recent one first."""
    newest_first = (question.option_sets[number] for number in sorted(question.option_sets, reverse=True))
    keys: Iterable[str] = (key for option_set in newest_first for key in (option_set.key, *option_set.key_aliases))
    return [key for key in dict.fromkeys(keys) if key != question.key]


def _names(columns: Sequence[Column], option_set_id: str) -> list[dict[str, str]]:
    """The columns of one option set; with "" those that belong to none."""
    own = (column for column in columns if column.question.id == option_set_id)
    return [{"name": column.name, "kind": column.kind, **({"option": column.field} if column.kind == "choice" else {})} for column in own]
