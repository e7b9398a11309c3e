"""Whether two values of a structure are the same JSON: Python holds true and 1 for equal, a condition does not."""

from collections.abc import Mapping
from typing import Any, Final

from keepstep.core.structure import ChoiceFields, Frozen, OptionSet

# Only these members of an option set can hold a bare true where another structure has 1.
_LITERALS: Final = ("visible_if", "default", "presentation", "source")


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values and of nodes, with true and 1 apart."""
    return one is other or (one == other and _same_kinds(one, other))


def _same_kinds(one: Any, other: Any) -> bool:
    """For two values that Python holds for equal."""
    if isinstance(one, Mapping):
        return all(_same_kinds(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple):
        return all(map(_same_kinds, one, other))
    if isinstance(one, Frozen):
        return all(_same_kinds(getattr(one, name), getattr(other, name)) for name in type(one).model_fields)
    return isinstance(one, bool) == isinstance(other, bool)


def same_option_set(one: OptionSet, other: OptionSet) -> bool:
    """As `same`, at the price of a plain comparison for the thousands that hold no literal."""
    return one is other or (one == other and _same_literals(one, other))


def _same_literals(one: OptionSet, other: OptionSet) -> bool:
    for name in _LITERALS:
        value = getattr(one, name)
        if value and not _same_kinds(value, getattr(other, name)):
            return False
    if one.selection_type == "calculated" or one.constraints.rules:
        return _same_kinds(one, other)
    conditional = isinstance(one, ChoiceFields) and any(option.visible_if is not None for option in one.options)
    return not conditional or _same_kinds(one, other)
