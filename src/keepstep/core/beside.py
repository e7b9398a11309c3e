"""Two forms of a step side by side: what stands in each, and which words and lines only one of the two has.

Pure text: a page strikes what is removed and underlines what is added. Must not know changes, counts or HTML.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Final, Literal, NamedTuple

from keepstep.core import piping
from keepstep.core.jsonvalue import dumps
from keepstep.core.languages import by_language
from keepstep.core.logic_words import condition_words, words_of
from keepstep.core.order import displaced
from keepstep.core.shelf import Shelved, shelf_after
from keepstep.core.structure import (
    Calculated,
    ChoiceFields,
    Option,
    OptionSet,
    Statement,
    Step,
    Structure,
    choices_of,
    dump,
)
from keepstep.core.wording import TYPE_NAMES

Mark = Literal["", "removed", "added"]
# Comparing words takes time by the square of their number; a longer text is struck and written anew as a whole.
_MOST_WORDS: Final = 400
# Below this share of common words, marking single ones tells less than the two texts do.
_ALIKE: Final = 0.5


class Piece(NamedTuple):
    """A stretch of text that both sides have (""), or this one alone."""

    text: str
    mark: Mark = ""


Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a question, or the text of one's own that it takes."""

    label: Pieces
    notes: Pieces = ()
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One option set as one side has it. `mark`: only this side has it at all. `facts` are short statements, one marked or not each.

    `is_touched`: it differs, on this side or on the other.
    """

    id: str
    selection_type: str
    mark: Mark
    name: Pieces
    type_name: Piece
    help: Pieces
    facts: Pieces
    choices: tuple[Choice, ...]
    retired: bool
    moved: bool = False
    is_touched: bool = False

    @property
    def has_marks(self) -> bool:
        whole = (
            *self.name,
            self.type_name,
            *self.help,
            *self.facts,
            *(piece for each in self.choices for piece in (*each.label, *each.notes)),
        )
        return bool(self.mark) or self.moved or any(each.moved for each in self.choices) or any(piece.mark for piece in whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One step as one of two structures has it."""

    name: Pieces
    help: Pieces
    facts: Pieces
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """One step in both structures; None where one of them does not have it."""

    step_id: str
    before: Side | None
    after: Side | None


def beside(old: Structure, new: Structure, step_id: str, shelf: tuple[Shelved, ...] = ()) -> Beside:
    """The step of this id in both, each in its structure's default language. What a condition reads that one of them does not have is
    named as the other has it, or as it lies on the `shelf` of a draft.
    """
    before, after = (structure.step_by_id.get(step_id) for structure in (old, new))
    told = _Told(old, shelf_after((), new, old)), _Told(new, (*shelf, *shelf_after((), old, new)))
    sides = (
        None if before is None else _side(before, told[0], _Against(told[1], after, "removed")),
        None if after is None else _side(after, told[1], _Against(told[0], before, "added")),
    )
    touched = {item.id for side in sides if side is not None for item in side.questions if item.has_marks}
    return Beside(step_id, *(None if side is None else _with_touched(side, touched) for side in sides))


def _with_touched(side: Side, touched: set[str]) -> Side:
    return replace(side, questions=tuple(replace(item, is_touched=item.id in touched) for item in side.questions))


def alone(structure: Structure, step_id: str) -> Side:
    """The step as it is, compared with nothing."""
    step = structure.step_by_id[step_id]
    told = _Told(structure, ())
    return _side(step, told, _Against(told, step, ""))


class _Told(NamedTuple):
    """A structure, and what it does not have but may speak of, to be named."""

    structure: Structure
    gone: tuple[Shelved, ...]

    def condition(self, expression: Any) -> str:
        return condition_words(expression, self.structure, self.gone)


class _Against(NamedTuple):
    """The other side: its structure, its form of the step, and the mark of what it does not have."""

    told: _Told
    step: Step | None
    mark: Mark

    @property
    def structure(self) -> Structure:
        return self.told.structure


def _side(step: Step, told: _Told, other: _Against) -> Side:
    theirs = other.step
    name, note = (None, None) if theirs is None else (theirs.name, theirs.help)
    return Side(
        name=_words(piping.told(step.name, told.structure), piping.told(name, other.structure), other.mark),
        help=_words(piping.told(step.help, told.structure), piping.told(note, other.structure), other.mark),
        facts=(
            *_facts(_of_step(step, told), [] if theirs is None else _of_step(theirs, other.told), other.mark),
            *_translated(_TEXTS_OF_STEP, (step, told), (theirs, other)),
        ),
        questions=tuple(_questions(step, told, other)),
    )


def _of_step(step: Step, told: _Told) -> list[str]:
    facts = ["Retired: not asked"] if step.retired else []
    return facts if step.visible_if is None else [*facts, f"Shown if {told.condition(step.visible_if)}"]


# --- questions -----------------------------------------------------------------------------------------------------


def _questions(step: Step, told: _Told, other: _Against) -> Iterator[Question]:
    their_ids = {item.id for item in other.step.option_sets} if other.step else set()
    own_ids = [item.id for item in step.option_sets if item.id in their_ids]
    moved = displaced(own_ids, [item.id for item in other.step.option_sets if item.id in set(own_ids)]) if other.step else frozenset()
    for option_set in step.option_sets:
        theirs = other.structure.option_set_by_id.get(option_set.id)
        elsewhere = theirs is not None and option_set.id not in their_ids
        yield _question(option_set, theirs, told, other, moved=option_set.id in moved or elsewhere)


def _question(mine: OptionSet, theirs: OptionSet | None, told: _Told, other: _Against, *, moved: bool) -> Question:
    mark = other.mark
    known = [] if theirs is None else _facts_of(theirs, other.told)
    # Nobody who answers sees a key, so it is told where it differs and where a question stands by itself.
    own_key = [f"Key: {mine.key}"] if theirs is None or not mark or theirs.key != mine.key else []
    return Question(
        id=mine.id,
        selection_type=mine.selection_type,
        mark=mark if theirs is None else "",
        name=_words(piping.told(mine.name, told.structure), None if theirs is None else piping.told(theirs.name, other.structure), mark),
        type_name=Piece(how_answered(mine), "" if theirs is None or how_answered(theirs) == how_answered(mine) else mark),
        help=_words(_said(mine, told.structure), None if theirs is None else _said(theirs, other.structure), mark),
        facts=(
            *_facts([*_facts_of(mine, told), *own_key], known, mark if theirs is not None else ""),
            *_translated(_TEXTS, (mine, told), (theirs, other)),
        ),
        choices=tuple(_choices(mine, theirs, told, other)),
        retired=mine.retired,
        moved=moved and mark != "",
    )


def how_answered(option_set: OptionSet) -> str:
    """What the respondent is to do, in two words or three."""
    asked = {"single_select": "choose one", "dropdown": "choose one from a list", "multiple_select": "choose all that apply"}
    return asked.get(option_set.selection_type, TYPE_NAMES[option_set.selection_type])


def _said(option_set: OptionSet, structure: Structure) -> str:
    """The text below the name: help, or what a statement says."""
    texts = [option_set.text if isinstance(option_set, Statement) else None, option_set.help]
    return "\n".join(filter(None, (piping.told(text, structure) for text in texts)))


def _facts_of(option_set: OptionSet, told: _Told) -> list[str]:
    structure = told.structure
    facts = [word for holds, word in _flags(option_set) if holds]
    if option_set.visible_if is not None:
        facts.append(f"Shown if {told.condition(option_set.visible_if)}")
    if isinstance(option_set, Calculated):
        facts.append(f"Calculated as {words_of(option_set.expression, structure, told.gone)}")
    if option_set.unit is not None:
        facts.append(f"Unit: {piping.told(option_set.unit, structure)}")
    if option_set.default is not None:
        facts.append(f"Default: {_default(option_set, structure)}")
    return [*facts, *_limits(option_set, told)]


def _flags(option_set: OptionSet) -> tuple[tuple[bool, str], ...]:
    return (
        (option_set.is_required, "Required"),
        (option_set.retired, "Retired: not asked"),
        (option_set.hidden, "Hidden"),
        (option_set.personal_data, "Personal data"),
    )


def _default(option_set: OptionSet, structure: Structure) -> str:
    labels = {option.value: piping.told(option.label, structure) for option in choices_of(option_set)}
    given = option_set.default
    values = given if isinstance(given, list | tuple) else [given]
    return ", ".join(labels.get(value, value) if isinstance(value, str) else dumps(value) for value in values)


_LIMIT_WORDS: Final[Mapping[str, str]] = {
    "min": "At least",
    "max": "At most",
    "step": "In steps of",
    "min_length": "Fewest characters:",
    "max_length": "Most characters:",
    "pattern": "Pattern:",
    "regions": "Regions:",
    "max_decimals": "Most decimals:",
    "min_choices": "Fewest choices:",
    "max_choices": "Most choices:",
    "max_files": "Most files:",
    "max_size": "Largest file in bytes:",
    "media_types": "Kinds of file:",
}


def _limits(option_set: OptionSet, told: _Told) -> Iterator[str]:
    limits = dump(option_set.constraints)
    for name, value in limits.items():
        if name in _LIMIT_WORDS and value not in (None, []):
            yield f"{_LIMIT_WORDS[name]} {_plain(value)}"
    for rule in option_set.constraints.rules:
        yield f"Fits only if {told.condition(rule.expression)}"
    for name, text in option_set.constraints.messages.items():
        yield f"Message ({name}): {piping.told(text, told.structure)}"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return value if isinstance(value, str) else dumps(value)


# --- options -------------------------------------------------------------------------------------------------------


def _choices(mine: OptionSet, theirs: OptionSet | None, told: _Told, other: _Against) -> Iterator[Choice]:
    known = {} if theirs is None else {option.value: option for option in choices_of(theirs)}
    shared = [option.value for option in choices_of(mine) if option.value in known]
    moved = displaced(shared, [value for value in known if value in set(shared)])
    for option in choices_of(mine):
        label = piping.told(option.label, told.structure) or option.value
        if option.value not in known:
            yield Choice((Piece(label, "" if theirs is None else other.mark),), _facts(_notes(option, told), [], ""))
            continue
        theirs_now = known[option.value]
        words = _words(label, piping.told(theirs_now.label, other.structure), other.mark)
        notes = _facts(_notes(option, told), _notes(theirs_now, other.told), other.mark)
        yield Choice(words, (*notes, *_translated(_LABEL, (option, told), (theirs_now, other))), option.value in moved)
    if isinstance(mine, ChoiceFields) and mine.allow_other:
        both = theirs is None or (isinstance(theirs, ChoiceFields) and theirs.allow_other)
        yield Choice((Piece("Other, please say", "" if both else other.mark),))


def _notes(option: Option, told: _Told) -> list[str]:
    notes = [word for holds, word in ((option.retired, "retired"), (option.exclusive, "excludes all others")) if holds]
    return notes if option.visible_if is None else [*notes, f"shown if {told.condition(option.visible_if)}"]


# --- texts ---------------------------------------------------------------------------------------------------------


def _facts(mine: Sequence[str], theirs: Sequence[str], mark: Mark) -> Pieces:
    known = set(theirs)
    return tuple(Piece(fact, "" if fact in known else mark) for fact in mine)


_TEXTS_OF_STEP: Final = {"name": "Title", "help": "Introduction"}
_TEXTS: Final = {"name": "Wording", "text": "Text", "help": "Help text"}
_LABEL: Final = {"label": "Label"}


def _translated(members: Mapping[str, str], mine: tuple[Any, _Told], theirs: tuple[Any, _Against]) -> Pieces:
    """The wordings in languages besides the default that the other side does not have so: those that nobody compares with their eyes."""
    (node, told), (known, other) = mine, theirs
    if known is None or not other.mark:
        return ()
    default = told.structure.default_language
    found = []
    for member, name in members.items():
        own, before = _wordings(node, member, told.structure), _wordings(known, member, other.structure)
        changed = [code for code in told.structure.languages if code != default and code in own and own[code] != before.get(code)]
        found += [Piece(f"{name} ({code}): {own[code]}", other.mark) for code in changed]
    return tuple(found)


def _wordings(node: Any, member: str, structure: Structure) -> Mapping[str, str]:
    text = getattr(node, member, None)
    given = {} if text is None else by_language(text, structure.default_language)
    return {code: piping.told(text, structure, code) for code, wording in given.items() if wording}


def _words(mine: str, theirs: str | None, mark: Mark) -> Pieces:
    """The text with what the other side does not have marked; None: the other side has nothing to compare it with."""
    if not mine:
        return ()
    if theirs is None or mine == theirs or not mark:
        return (Piece(mine),)
    own, other = _split(mine), _split(theirs)
    if not theirs or max(len(own), len(other)) > _MOST_WORDS:
        return (Piece(mine, mark),)
    matcher = SequenceMatcher(a=own, b=other, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return (Piece(mine, mark),)
    pieces = [
        Piece("".join(own[start:end]), "" if kind == "equal" else mark) for kind, start, end, *_ in matcher.get_opcodes() if start < end
    ]
    return _joined(pieces)


def _joined(pieces: Sequence[Piece]) -> Pieces:
    """Neighbours of one mark as one, the gap between two marked ones included."""
    found: list[Piece] = []
    for index, piece in enumerate(pieces):
        between = found and index + 1 < len(pieces) and piece.text.isspace() and found[-1].mark == pieces[index + 1].mark
        mark = found[-1].mark if between else piece.mark
        if found and found[-1].mark == mark:
            found[-1] = Piece(found[-1].text + piece.text, mark)
        else:
            found.append(Piece(piece.text, mark))
    return tuple(found)


def _split(text: str) -> list[str]:
    """Words and the gaps between them; joined again they are the text."""
    return re.findall(r"\s+|\S+", text)
