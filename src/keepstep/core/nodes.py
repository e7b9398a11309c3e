"""A structure with one node found, put in, replaced or taken out; every untouched node is shared with the old structure.

Must not know why a node changes: that is `edit` and `diff`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from keepstep.core.structure import ChoiceFields, Frozen, Option, OptionSet, Step, Structure, dump, parse, parse_option_set, parse_step
from keepstep.core.text import Text, quoted
from keepstep.errors import NodeNotFound

T = TypeVar("T")


def members_of(node: Frozen) -> dict[str, Any]:
    """The members of a node as values, not as JSON: its children stay the same objects."""
    return {name: getattr(node, name) for name in type(node).model_fields}


def label_of(text: Text | None, structure: Structure) -> str:
    """A node's text as a person is told it: default language, quoted, cut at 60 characters."""
    return quoted(text, structure.default_language)


def step_in(structure: Structure, step_id: str) -> Step:
    """Raises NodeNotFound."""
    step = structure.step_by_id.get(step_id)
    if step is None:
        raise NodeNotFound("The draft has no such step. If it was deleted, restore it from the shelf first.")
    return step


def option_set_in(structure: Structure, option_set_id: str) -> OptionSet:
    """Raises NodeNotFound."""
    option_set = structure.option_set_by_id.get(option_set_id)
    if option_set is None:
        raise NodeNotFound("The draft has no such question. If it was deleted, restore it from the shelf first.")
    return option_set


def option_in(option_set: OptionSet, value: str) -> Option:
    """Raises NodeNotFound."""
    option = option_set.option_by_value.get(value) if isinstance(option_set, ChoiceFields) else None
    if option is None:
        raise NodeNotFound(f"The question “{option_set.key}” has no option “{value}”. If it was deleted, restore it from the shelf first.")
    return option


def inserted(items: tuple[T, ...], item: T, position: int | None) -> tuple[T, ...]:
    """`items` with `item` at `position`, clamped to the list; None is the end."""
    at = len(items) if position is None else max(0, min(position, len(items)))
    return (*items[:at], item, *items[at:])


def replaced(items: Iterable[T], old: T, new: T) -> tuple[T, ...]:
    return tuple(new if item is old else item for item in items)


def without(items: Iterable[T], gone: T) -> tuple[T, ...]:
    return tuple(item for item in items if item is not gone)


def with_members(structure: Structure, members: Mapping[str, Any]) -> Structure:
    """The structure with these members, checked as a whole. Raises StructureInvalid."""
    return parse({**members_of(structure), **members})


def with_steps(structure: Structure, steps: tuple[Step, ...]) -> Structure:
    return with_members(structure, {"steps": steps})


def changed_step(structure: Structure, step: Step, members: Mapping[str, Any]) -> Step:
    """The step with these members (values or JSON). Raises StructureInvalid."""
    return parse_step({**members_of(step), **members}, structure.languages, structure.default_language)


def with_step(structure: Structure, step_id: str, members: Mapping[str, Any]) -> Structure:
    """The structure with one step's members changed. Raises NodeNotFound, StructureInvalid."""
    step = step_in(structure, step_id)
    return with_steps(structure, replaced(structure.steps, step, changed_step(structure, step, members)))


def with_option_set(structure: Structure, option_set_id: str, change: Callable[[OptionSet], OptionSet]) -> Structure:
    """The structure with one option set replaced by `change` of it. Raises NodeNotFound, StructureInvalid."""
    option_set = option_set_in(structure, option_set_id)
    step = structure.step_of[option_set_id]
    return with_step(structure, step.id, {"option_sets": replaced(step.option_sets, option_set, change(option_set))})


def with_options(structure: Structure, option_set_id: str, change: Callable[[tuple[Option, ...]], tuple[Any, ...]]) -> Structure:
    """The structure with the options of one set changed. Raises NodeNotFound, StructureInvalid (also for a type without options)."""

    def changed(option_set: OptionSet) -> OptionSet:
        options = option_set.options if isinstance(option_set, ChoiceFields) else ()
        members = dump_own(option_set) | {"options": change(options)}
        return parse_option_set(members, structure.languages, structure.default_language)

    return with_option_set(structure, option_set_id, changed)


def dump_own(node: Frozen) -> dict[str, Any]:
    """The JSON of a node without its children (steps, option sets, options)."""
    childless = node.model_copy(update=dict.fromkeys(CHILDREN & type(node).model_fields.keys(), ()))
    return {name: value for name, value in dump(childless).items() if name not in CHILDREN}


CHILDREN: Final = frozenset({"steps", "option_sets", "options"})
