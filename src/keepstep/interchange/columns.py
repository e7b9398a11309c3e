"""Which columns a table of runs over several versions has, in which order and under which names.

One value column per question over all versions, by id. Must not know runs, cells or file formats.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from keepstep.core.structure import CHOICE_TYPES, ChoiceFields, OptionSet, Statement, Structure, choices_of

Labels = Literal["codes", "labels", "both"]
ColumnKind = Literal["run", "value", "label", "choice", "other", "archived", "state", "archive"]

RUN_COLUMNS: Final = (
    "run_id",
    "status",
    "language",
    "respondent",
    "started_at",
    "completed_at",
    "updated_at",
    "version",
    "first_version",
    "revision",
)
# `archive` and `answer` start names of their own, so a question with such a key steps aside as well.
RESERVED: Final = frozenset((*RUN_COLUMNS, "archive", "answer"))


@dataclass(frozen=True, slots=True)
class TableOptions:
    """`states`: a `<key>.state` column beside each question. `split`: a column per option of a multiple choice as well.

    `labels`: option values, the labels that the run's version has for them instead, or both.
    """

    states: bool = True
    split: bool = False
    labels: Labels = "codes"


@dataclass(frozen=True, slots=True)
class Question:
    """One option set over the versions of a table: where it stands in each (for the `asked` bits), and what it is there."""

    id: str
    key: str
    positions: Mapping[int, int]
    option_sets: Mapping[int, OptionSet]

    @property
    def latest(self) -> OptionSet:
        """As the newest version that has it has it."""
        return self.option_sets[max(self.option_sets)]


NO_QUESTION: Final = Question("", "", {}, {})


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `field`: the run column, the option's value, or the archive entry's name, by kind."""

    name: str
    kind: ColumnKind
    field: str = ""
    question: Question = NO_QUESTION


def columns_of(
    versions: Sequence[tuple[int, Structure]],
    options: TableOptions | None = None,
    *,
    stored: Collection[str] = (),
    archived_beside: Collection[str] = (),
    others: Collection[str] = (),
) -> tuple[Column, ...]:
    """The columns of a table over these (number, structure) versions: run columns, questions, then archive columns.

    `stored`: every name that the runs' answers and archives hold: one that is no option set gets an `archive.` column, a
    statement only then a column of its own. `archived_beside`: option sets for which a run has an answer *and* an archived one.
    `others`: option sets for which a run has an "other" text; it has a column then even if no version ever took one.
    """
    options = options or TableOptions()
    questions = questions_of(versions, stored)
    names = _names(questions)
    known = {question.id for question in questions}
    columns = [Column(name, "run", name) for name in RUN_COLUMNS]
    for question in questions:
        more = _More(beside=question.id in archived_beside, other=question.id in others)
        columns.extend(_question_columns(question, names[question.id], options, more))
    columns.extend(Column(f"archive.{name}", "archive", name) for name in sorted(set(stored) - known))
    return tuple(columns)


def questions_of(versions: Sequence[tuple[int, Structure]], stored: Collection[str] = ()) -> tuple[Question, ...]:
    """The option sets of all versions in the newest one's order, each older one after its neighbour; statements only if `stored`."""
    newest_first = sorted(versions, key=lambda version: -version[0])
    order = _merged_order([option_set.id for option_set in structure.option_sets] for _, structure in newest_first)
    positions: dict[str, dict[int, int]] = {option_set_id: {} for option_set_id in order}
    option_sets: dict[str, dict[int, OptionSet]] = {option_set_id: {} for option_set_id in order}
    for number, structure in newest_first:
        for position, option_set in enumerate(structure.option_sets):
            positions[option_set.id][number] = position
            option_sets[option_set.id][number] = option_set
    made = (Question(name, _latest(option_sets[name]).key, positions[name], option_sets[name]) for name in order)
    return tuple(question for question in made if question.id in stored or not _is_text_only(question))


def _latest(option_sets: Mapping[int, OptionSet]) -> OptionSet:
    return option_sets[max(option_sets)]


def _is_text_only(question: Question) -> bool:
    return all(isinstance(option_set, Statement) for option_set in question.option_sets.values())


def _merged_order(lists: Iterable[Sequence[str]]) -> list[str]:
    """One order of all names: the first list's, with each further name after the one that precedes it in its own list."""
    following: dict[str, str] = {}
    start = ""  # no id is empty: it stands for the place before the first
    for names in lists:
        before = start
        for name in names:
            if name not in following:
                following[name] = following.get(before, start)
                following[before] = name
            before = name
    order: list[str] = []
    name = following.get(start, start)
    while name != start:
        order.append(name)
        name = following[name]
    return order


def _names(questions: Sequence[Question]) -> dict[str, str]:
    """The column name of each question. A key means the question that has it in the newest version; an older one adds its version."""
    newest: dict[str, int] = {}
    for question in questions:
        last = max(question.positions)
        if question.key not in newest or last > newest[question.key]:
            newest[question.key] = last
    return {question.id: _name(question, newest[question.key]) for question in questions}


def _name(question: Question, newest: int) -> str:
    name = f"answer.{question.key}" if question.key in RESERVED else question.key
    last = max(question.positions)
    return name if last == newest else f"{name}.v{last}"


class _More(NamedTuple):
    """What stored runs have of a question besides a value."""

    beside: bool
    other: bool


def _question_columns(question: Question, name: str, options: TableOptions, more: _More) -> Iterator[Column]:
    yield Column(name, "label" if options.labels == "labels" else "value", question=question)
    types = {option_set.selection_type for option_set in question.option_sets.values()}
    if options.labels == "both" and types & set(CHOICE_TYPES):
        yield Column(f"{name}.label", "label", question=question)
    if options.split and "multiple_select" in types:
        yield from (Column(f"{name}/{value}", "choice", value, question) for value in option_values(question))
    if more.other or any(isinstance(option_set, ChoiceFields) and option_set.allow_other for option_set in question.option_sets.values()):
        yield Column(f"{name}.other", "other", question=question)
    if more.beside:
        yield Column(f"{name}.archived", "archived", question=question)
    if options.states:
        yield Column(f"{name}.state", "state", question=question)


def option_values(question: Question) -> list[str]:
    """The option values of all versions, in the newest one's order."""
    newest_first = sorted(question.option_sets, reverse=True)
    return _merged_order([option.value for option in choices_of(question.option_sets[number])] for number in newest_first)


def duplicate_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names that stand more than once, each once."""
    return tuple(name for name, count in Counter(names).items() if count > 1)
