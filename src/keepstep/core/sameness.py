"""Whether two values of a structure are the same JSON: Python holds true and 1 for equal, a condition does not."""

from functools import cache
from typing import Any, Final

from keepstep.core.structure import Frozen

# Members that can hold JSON of any kind, or nodes that have such members. All others are of one kind by their model, and
# walking those as well would take longer than everything else in a diff of thousands of questions.
_OPEN: Final = frozenset(
    {"constraints", "default", "endings", "expression", "option_sets", "options", "presentation", "rules", "source", "steps"}
    | {"verbatim", "visible_if"}
)


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values and of nodes, with true and 1 apart."""
    return one is other or (one == other and _same_kinds(one, other))


def _same_kinds(one: Any, other: Any) -> bool:
    """For two values that Python holds for equal."""
    if one is other or isinstance(one, str):
        return True
    if not one:
        # Of what is empty, only false and 0 are alike.
        return isinstance(one, bool) == isinstance(other, bool)
    if isinstance(one, Frozen):
        return _same_open_members(one, other)
    if isinstance(one, dict):
        return all(_same_kinds(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple):
        return all(map(_same_kinds, one, other))
    return isinstance(one, bool) == isinstance(other, bool)


def _same_open_members(one: Frozen, other: Frozen) -> bool:
    before, after = vars(one), vars(other)
    # A plain loop: this is the innermost one of a diff, and a generator for each option costs as much as the rest.
    for name in _open_members(type(one)):  # noqa: SIM110  see above
        if before[name] is not after[name] and not _same_kinds(before[name], after[name]):
            return False
    return True


@cache
def _open_members(model: type[Frozen]) -> tuple[str, ...]:
    return tuple(name for name in model.model_fields if name in _OPEN)


def differing(one: Frozen, other: Frozen) -> frozenset[str]:
    """The members that two nodes of one type do not have the same; of two types, all members of both."""
    if one is other:
        return frozenset()
    if type(one) is not type(other):
        return frozenset(type(one).model_fields) | frozenset(type(other).model_fields)
    before, after = vars(one), vars(other)
    if before == after:
        return frozenset([name for name in _open_members(type(one)) if not _same_kinds(before[name], after[name])])
    return frozenset([name for name in type(one).model_fields if not same(before[name], after[name])])
