"""Which steps a respondent may still come to: what stands ahead as long as no answer rules it out, so that a total never grows on the way.

Works on values. Must not know how progress is shown.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from keepstep.core.flow import is_shown_type
from keepstep.core.logic import Scope, compile_expression, inputs_of, truth
from keepstep.core.structure import Calculated, OptionSet, Statement, Step, Structure


class Ahead(NamedTuple):
    """How many steps may come after this one; `open` while answers to come decide about one of them."""

    steps: int
    open: bool


def ahead_of(structure: Structure, step_id: str, scope: Scope) -> Ahead:
    """`scope`: the answers so far. What this step and those behind it ask is not decided yet, whatever stands there by default."""
    position = next((index for index, step in enumerate(structure.steps) if step.id == step_id), len(structure.steps))
    current, later = structure.steps[position : position + 1], list(structure.steps[position + 1 :])
    undecided = _undecided(structure, (*current, *later))
    # What a step asks that cannot come decides nothing either.
    while len(left := [step for step in later if _may_be_shown(step, scope, undecided)]) < len(later):
        later, undecided = left, _undecided(structure, (*current, *left))
    return Ahead(len(later), any(not _inputs_of_step(structure, step).isdisjoint(undecided) for step in later))


def _may_be_shown(step: Step, scope: Scope, undecided: Collection[str]) -> bool:
    if step.retired or not may_hold(step.visible_if, scope, undecided):
        return False
    return any(is_shown_type(each) and not each.retired and may_hold(each.visible_if, scope, undecided) for each in step.option_sets)


def may_hold(expression: Any, scope: Scope, undecided: Collection[str]) -> bool:
    """Whether the condition holds, or may once these option sets are answered."""
    if expression is None:
        return True
    if inputs_of(expression).isdisjoint(undecided):
        return truth(compile_expression(expression)(scope))
    parts = _parts(expression)
    if parts is None:
        return True
    name, args = parts
    found = (may_hold(each, scope, undecided) for each in args)
    return all(found) if name == "and" else any(found)


def _parts(expression: Any) -> tuple[str, Collection[Any]] | None:
    """The name and the arguments of an "and" or an "or"."""
    if not isinstance(expression, Mapping) or len(expression) != 1:
        return None
    name, args = next(iter(expression.items()))
    return (name, args) if name in ("and", "or") and isinstance(args, list | tuple) else None


def _undecided(structure: Structure, steps: Iterable[Step]) -> frozenset[str]:
    """What is answered in these steps, and the calculations that read it."""
    found = {each.id for step in steps for each in step.option_sets if _is_answered_later(each)}
    calculated = [(each.id, inputs_of(each.expression)) for each in structure.option_sets if isinstance(each, Calculated)]
    while more := {name for name, inputs in calculated if name not in found and not inputs.isdisjoint(found)}:
        found |= more
    return frozenset(found)


def _is_answered_later(option_set: OptionSet) -> bool:
    return not (option_set.hidden or option_set.retired or isinstance(option_set, Statement | Calculated))


def _inputs_of_step(structure: Structure, step: Step) -> frozenset[str]:
    known: dict[str, frozenset[str]] = structure.__dict__.setdefault("_inputs_of_steps", {})
    if step.id not in known:
        conditions = [step.visible_if, *(each.visible_if for each in step.option_sets)]
        known[step.id] = frozenset[str]().union(*(inputs_of(each) for each in conditions if each is not None))
    return known[step.id]
