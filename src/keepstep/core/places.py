"""Where a structure holds expressions and texts, and which of them mention an option set: the "used in" of the builder.

Must not know whether what stands there is right: that is `faults`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

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
    found = [
        Mention(place.kind, place.node_id, place.where)
        for place in expressions_in(structure)
        # Hardly any speaks of this one, and taking an expression apart takes ten times longer than writing it out.
        if option_set_id in repr(place.expression) and (option_set_id, value) in references(place.expression)
    ]
    if value is None and _is_named_in_texts(structure, option_set_id):
        found += [
            Mention("text", place.node_id, place.where)
            for place in texts_in(structure)
            if any(option_set_id in piped_references(wording) for wording in texts_of(place.text))
        ]
    return tuple(found)


def _is_named_in_texts(structure: Structure, option_set_id: str) -> bool:
    """Whether any wording holds the id, which hardly ever one does: naming the places of all texts takes many times longer."""
    own = [structure.name, structure.description, *(text for ending in structure.endings for text in (ending.name, ending.text))]
    steps = (text for step in structure.steps for text in (step.name, step.help))
    sets = (text for item in structure.option_sets for text in _wordings_of(item))
    return any(option_set_id in wording for text in (*own, *steps, *sets) for wording in texts_of(text))


def _wordings_of(option_set: OptionSet) -> Iterator[Text | None]:
    yield from (option_set.name, option_set.help, option_set.unit, option_set.text if isinstance(option_set, Statement) else None)
    yield from (option.label for option in choices_of(option_set))
    yield from (rule.message for rule in option_set.constraints.rules)
    yield from option_set.constraints.messages.values()


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


# --- texts ---------------------------------------------------------------------------------------------------------


def texts_in(structure: Structure) -> Iterator[TextPlace]:
    """Every localised text, in the order of the wizard; endings come last."""
    default = structure.default_language
    yield from _member_texts("", "", structure, ("name", "description"), "of the wizard")
    for step_index, step in enumerate(structure.steps):
        yield from _step_texts(step, pointer("steps", step_index), default)
    for index, ending in enumerate(structure.endings):
        yield from _member_texts("", pointer("endings", index), ending, ("name", "text"), f"of the ending {quoted(ending.name, default)}")


def _step_texts(step: Step, path: str, default: str) -> Iterator[TextPlace]:
    for place in _member_texts(step.id, path, step, ("name", "help"), f"of the step {quoted(step.name, default)}"):
        yield TextPlace(place.node_id, place.pointer, place.where, place.text, step.retired)
    for index, option_set in enumerate(step.option_sets):
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
