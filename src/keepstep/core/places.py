"""Where a structure holds expressions and texts, and which of them mention an option set: the "used in" of the builder.

Must not know whether what stands there is right: that is `faults`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from keepstep.core.by_identity import ByIdentity
from keepstep.core.issue import pointer
from keepstep.core.logic import references
from keepstep.core.structure import Calculated, OptionSet, Statement, Step, Structure, choices_of, option_set_texts
from keepstep.core.text import Text, piped_references, quoted, texts_of

Kind = Literal["condition", "calculation", "rule", "text", "option-condition"]


@dataclass(frozen=True, slots=True)
class Place:
    """One expression of a structure. `node_id` is the step or option set that holds it, "" for an ending; `where` names it for people."""

    kind: Kind
    node_id: str
    pointer: str
    where: str
    expression: Any


@dataclass(frozen=True, slots=True)
class TextPlace:
    """One localised text of a structure that respondents read; members as in `Place`, "" for a text of the wizard itself."""

    node_id: str
    pointer: str
    where: str
    text: Text
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that reads an option set, or compares it with one of its values."""

    kind: Kind
    node_id: str
    where: str


def mentions(structure: Structure, option_set_id: str, value: str | None = None) -> tuple[Mention, ...]:
    """Every place that reads this option set; with `value`, every place that compares it with this option. In the wizard's order."""
    if not _is_named_in(structure, option_set_id):
        return ()
    found = [
        Mention(place.kind, place.node_id, place.where)
        for place in expressions_in(structure)
        # Hardly any speaks of this one, and taking an expression apart takes ten times longer than writing it out.
        if option_set_id in repr(place.expression) and (option_set_id, value) in references(place.expression)
    ]
    if value is None:
        found += [
            Mention("text", place.node_id, place.where)
            for place in texts_in(structure)
            if any(option_set_id in piped_references(wording) for wording in texts_of(place.text))
        ]
    return tuple(found)


def _is_named_in(structure: Structure, option_set_id: str) -> bool:
    """Whether any expression or wording holds the id, which hardly ever one does: naming all places takes many times longer."""
    around = [structure.name, structure.description, *((step.name, step.help, step.visible_if) for step in structure.steps)]
    endings = [(ending.name, ending.text, ending.visible_if) for ending in structure.endings]
    return option_set_id in repr((around, endings)) or any(option_set_id in _ids_in(item) for item in structure.option_sets)


# Lower case, as ids are; whatever else has this form is no harm.
_ID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _named_in(option_set: OptionSet) -> frozenset[str]:
    """Whatever looks like an id in the expressions and wordings of one option set."""
    options = [option.visible_if for option in choices_of(option_set)]
    rules = [rule.expression for rule in option_set.constraints.rules]
    calculation = option_set.expression if isinstance(option_set, Calculated) else None
    return frozenset(_ID.findall(repr((option_set.visible_if, calculation, rules, options, *_wordings_of(option_set)))))


_ids_in: Final = ByIdentity[OptionSet, frozenset[str]](_named_in)


def _wordings_of(option_set: OptionSet) -> Iterator[Text | None]:
    yield from (option_set.name, option_set.help, option_set.unit, option_set.text if isinstance(option_set, Statement) else None)
    yield from (option.label for option in choices_of(option_set))
    yield from (rule.message for rule in option_set.constraints.rules)
    yield from option_set.constraints.messages.values()


def names_ids(option_set: OptionSet) -> bool:
    """Whether an expression or wording of the option set can name another one: hardly any does."""
    return bool(_ids_in(option_set))


# --- expressions ---------------------------------------------------------------------------------------------------


def expressions_in(structure: Structure) -> Iterator[Place]:
    """Every expression that is given, in the order of the wizard; endings come last."""
    default = structure.default_language
    for step_index, step in enumerate(structure.steps):
        path = pointer("steps", step_index)
        if step.visible_if is not None:
            where = f"the condition of the step {quoted(step.name, default)}"
            yield Place("condition", step.id, f"{path}/visible_if", where, step.visible_if)
        for index, option_set in enumerate(step.option_sets):
            yield from option_set_expressions(option_set, path + pointer("option_sets", index), default)
    for index, ending in enumerate(structure.endings):
        if ending.visible_if is not None:
            where = f"the condition of the ending {quoted(ending.name, default)}"
            yield Place("condition", "", pointer("endings", index, "visible_if"), where, ending.visible_if)


def option_set_expressions(option_set: OptionSet, path: str, default: str) -> Iterator[Place]:
    """The expressions of one option set at `path`; `default` is the language in which it is named."""
    if not _has_expressions(option_set):
        return
    name = quoted(option_set.name, default)
    if option_set.visible_if is not None:
        yield Place("condition", option_set.id, f"{path}/visible_if", f"the condition of {name}", option_set.visible_if)
    if isinstance(option_set, Calculated) and option_set.expression is not None:
        yield Place("calculation", option_set.id, f"{path}/expression", f"the calculation {name}", option_set.expression)
    for index, rule in enumerate(option_set.constraints.rules):
        at = path + pointer("constraints", "rules", index, "expression")
        yield Place("rule", option_set.id, at, f"rule {index + 1} of {name}", rule.expression)
    for index, option in enumerate(choices_of(option_set)):
        if option.visible_if is not None:
            where = f"the condition of the option {quoted(option.label, default)} of {name}"
            yield Place("option-condition", option_set.id, path + pointer("options", index, "visible_if"), where, option.visible_if)


def _look_for_expressions(option_set: OptionSet) -> bool:
    own = option_set.visible_if is not None or isinstance(option_set, Calculated) or bool(option_set.constraints.rules)
    return own or any(option.visible_if is not None for option in choices_of(option_set))


_has_expressions: Final = ByIdentity[OptionSet, bool](_look_for_expressions)


# --- texts ---------------------------------------------------------------------------------------------------------


def texts_in(structure: Structure, wanted: Callable[[OptionSet], bool] = lambda _: True) -> Iterator[TextPlace]:
    """Every localised text, in the order of the wizard; endings come last. Of option sets, only the `wanted` ones."""
    default = structure.default_language
    yield from _member_texts("", "", structure, ("name", "description"), "of the wizard")
    for step_index, step in enumerate(structure.steps):
        yield from _step_texts(step, pointer("steps", step_index), default, wanted)
    for index, ending in enumerate(structure.endings):
        yield from _member_texts("", pointer("endings", index), ending, ("name", "text"), f"of the ending {quoted(ending.name, default)}")


def _step_texts(step: Step, path: str, default: str, wanted: Callable[[OptionSet], bool]) -> Iterator[TextPlace]:
    for place in _member_texts(step.id, path, step, ("name", "help"), f"of the step {quoted(step.name, default)}"):
        yield TextPlace(place.node_id, place.pointer, place.where, place.text, step.retired)
    for index, option_set in enumerate(step.option_sets):
        if not wanted(option_set):
            continue
        base = path + pointer("option_sets", index)
        name = quoted(option_set.name, default)
        for at, text in option_set_texts(base, option_set):
            where = f"the {_member(at.removeprefix(base))} of {name}"
            yield TextPlace(option_set.id, at, where, text, step.retired or option_set.retired)


_WORDS: Final = {"/name": "name", "/help": "help text", "/unit": "unit", "/text": "text", "/description": "description"}


def _member(relative: str) -> str:
    """What a person calls the text at this pointer within an option set."""
    if relative.startswith("/options/"):
        return f"label of option {int(relative.split('/')[2]) + 1}"
    return _WORDS.get(relative, "message")


def _member_texts(node_id: str, path: str, node: object, members: tuple[str, ...], owner: str) -> Iterator[TextPlace]:
    for member in members:
        text = getattr(node, member)
        if text is not None:
            yield TextPlace(node_id, f"{path}/{member}", f"the {_WORDS[f'/{member}']} {owner}", text)
