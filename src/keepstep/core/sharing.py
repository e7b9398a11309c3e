"""Two structures that are mostly the same, made to hold the same objects, so that a diff of them looks at what differs alone."""

from typing import TypeVar

from keepstep.core.nodes import members_of
from keepstep.core.sameness import differing, same
from keepstep.core.structure import Step, Structure

T = TypeVar("T", Step, Structure)


def sharing(structure: Structure, other: Structure) -> Structure:
    """The same structure, in which each option set and step that `other` has just so is the object there. Itself where it is so already."""
    steps = tuple(_step(step, other) for step in structure.steps)
    if all(one is two for one, two in zip(steps, structure.steps, strict=True)):
        return structure
    return _with(structure, steps=steps)


def _step(step: Step, other: Structure) -> Step:
    twin = other.step_by_id.get(step.id)
    if twin is step:
        return step
    known = other.option_set_by_id
    option_sets = tuple(known[item.id] if item.id in known and same(item, known[item.id]) else item for item in step.option_sets)
    if twin is not None and differing(twin, step) <= {"option_sets"} and _are_one(option_sets, twin.option_sets):
        return twin
    return step if _are_one(option_sets, step.option_sets) else _with(step, option_sets=option_sets)


def _are_one(some: tuple[object, ...], others: tuple[object, ...]) -> bool:
    return len(some) == len(others) and all(one is two for one, two in zip(some, others, strict=True))


def _with(node: T, **members: object) -> T:
    """Made of values that were checked before; checking all of them anew would cost what is to be saved."""
    return type(node).model_construct(**{**members_of(node), **members})
