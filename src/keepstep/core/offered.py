"""What a respondent sees change when their run goes to another version: question by question, in their own language.

Only what stands before their eyes counts: no keys, no order, nothing hidden. Must not know storage or HTML.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from keepstep.core.flow import ASKED, Answers, is_answered
from keepstep.core.moving import Subject
from keepstep.core.structure import Calculated, OptionSet, Structure, choices_of, dump
from keepstep.core.text import text_in
from keepstep.core.ways import Prepared

Kind = Literal["added", "removed", "retyped", "reworded", "options", "required", "optional", "limits"]

# What a respondent is told in other words, or never sees.
_NOT_LIMITS: Final = frozenset(
    {
        "id", "key", "key_aliases", "name", "help", "selection_type", "is_required", "options", "visible_if", "default", "presentation",
        "source", "source_name", "personal_data", "retired", "hidden", "expression",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changed:
    """One question that is not what it was. `old` None: it is new; `new` None: it is asked no more."""

    kinds: tuple[Kind, ...]
    old: OptionSet | None
    new: OptionSet | None


@dataclass(frozen=True, slots=True)
class Side:
    """A run in one version: what was asked of it there, one bit for each question, and its language."""

    structure: Structure
    answers: Answers
    asked: str
    language: str

    def sees(self, option_set: OptionSet) -> bool:
        position = self.structure.index_of[option_set.id]
        return self.asked[position : position + 1] == ASKED and not option_set.hidden and not isinstance(option_set, Calculated)

    def text(self, text: Any) -> str:
        return text_in(text, self.language, self.structure.default_language)


def side_of(run: Subject, structure: Structure) -> Side:
    return Side(structure, run.answers, run.asked, run.language)


def changes_seen(before: Side, after: Side, prepared: Prepared, version_id: str) -> tuple[Changed, ...]:
    """In the order of the new version; what is asked no more stands behind. `version_id`: that of `before`, a source of the plan."""
    led = {way.target.id: way.source for way in prepared.ways[version_id] if way.target is not None}
    return (*_of_new(before, after, led), *_gone(before, after, led))


def _of_new(before: Side, after: Side, led: Mapping[str, OptionSet]) -> Iterator[Changed]:
    for new in after.structure.option_sets:
        if not after.sees(new):
            continue
        old = led.get(new.id) or before.structure.option_set_by_id.get(new.id)
        if old is None or not before.sees(old):
            yield Changed(("added",), None, new)
        elif kinds := tuple(_kinds(old, new, before, after)):
            yield Changed(kinds, old, new)


def _gone(before: Side, after: Side, led: Mapping[str, OptionSet]) -> Iterator[Changed]:
    """Of what is asked no more only what was answered: nobody misses another question."""
    seen = {(led.get(new.id) or new).id for new in after.structure.option_sets if after.sees(new)}
    for old in before.structure.option_sets:
        if old.id not in seen and before.sees(old) and is_answered(before.answers.get(old.id)):
            yield Changed(("removed",), old, None)


def _kinds(old: OptionSet, new: OptionSet, before: Side, after: Side) -> Iterator[Kind]:
    if old is new or old == new:
        return
    retyped = old.selection_type != new.selection_type
    if retyped:
        yield "retyped"
    if before.text(old.name) != after.text(new.name) or before.text(old.help) != after.text(new.help):
        yield "reworded"
    if not retyped and _options(old, before) != _options(new, after):
        yield "options"
    if old.is_required != new.is_required:
        yield "required" if new.is_required else "optional"
    if not retyped and _limits(old) != _limits(new):
        yield "limits"


def _options(option_set: OptionSet, side: Side) -> dict[str, str]:
    return {option.value: side.text(option.label) for option in choices_of(option_set) if not option.retired}


def _limits(option_set: OptionSet) -> dict[str, Any]:
    return {name: value for name, value in dump(option_set).items() if name not in _NOT_LIMITS}


def added_options(changed: Changed, before: Side, after: Side) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels of choices that are new or worded anew, and of those that are gone or were worded so."""
    if changed.old is None or changed.new is None:
        return (), ()
    old, new = _options(changed.old, before), _options(changed.new, after)
    added = tuple(label for value, label in new.items() if old.get(value) != label)
    return added, tuple(label for value, label in old.items() if new.get(value) != label)
