"""A condition in words: “Favorite Color” is “Red” or “Black”. For people who compare versions; editing one is not done here.

What has no plain words is shown as its JSON with names in the place of ids, so that nothing is ever hidden.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keepstep.core.jsonvalue import dumps
from keepstep.core.structure import ChoiceFields, Structure
from keepstep.core.text import quoted

_COMPARING: Final[Mapping[str, str]] = {
    "==": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "selected": "includes",
}


def words_of(expression: Any, structure: Structure) -> str:
    """The expression as a part of a sentence, without a capital and a full stop."""
    operation = _operation(expression)
    if operation is None:
        return _literal(expression)
    name, args = operation
    if name in ("and", "or"):
        return _joined(name, args, structure)
    if name == "!" and len(args) == 1:
        return _denied(args[0], structure)
    if name == "answered" and len(args) == 1:
        return f"{_operand(args[0], structure)} is answered"
    if name in _COMPARING and len(args) == 2:
        return _compared(_COMPARING[name], args, structure)
    if name == "in" and len(args) == 2:
        return _among(args, structure)
    return _operand(expression, structure)


def _operation(expression: Any) -> tuple[str, Sequence[Any]] | None:
    if not isinstance(expression, Mapping) or len(expression) != 1:
        return None
    name, args = next(iter(expression.items()))
    return name, list(args) if isinstance(args, list | tuple) else [args]


def _joined(name: str, args: Sequence[Any], structure: Structure) -> str:
    parts = []
    for arg in args:
        inner = _operation(arg)
        mixed = inner is not None and inner[0] in ("and", "or") and inner[0] != name and len(args) > 1
        parts.append(f"({words_of(arg, structure)})" if mixed else words_of(arg, structure))
    return f" {name} ".join(parts)


def _denied(arg: Any, structure: Structure) -> str:
    inner = _operation(arg)
    if inner is not None and inner[0] == "answered" and len(inner[1]) == 1:
        return f"{_operand(inner[1][0], structure)} is not answered"
    return f"not ({words_of(arg, structure)})"


def _compared(verb: str, args: Sequence[Any], structure: Structure) -> str:
    left, right = args
    if _read(left) is None and _read(right) is not None and verb in ("is", "is not"):
        left, right = right, left
    return f"{_operand(left, structure)} {verb} {_value(right, left, structure)}"


def _among(args: Sequence[Any], structure: Structure) -> str:
    item, holder = args
    if isinstance(holder, list | tuple):
        listed = " or ".join(_value(each, item, structure) for each in holder)
        return f"{_operand(item, structure)} is {listed or 'one of nothing'}"
    return f"{_operand(holder, structure)} contains {_value(item, holder, structure)}"


def _read(expression: Any) -> str | None:
    """The id of the option set that this expression is the value of, if it is one."""
    operation = _operation(expression)
    if operation is None or operation[0] != "var" or len(operation[1]) != 1:
        return None
    return operation[1][0] if isinstance(operation[1][0], str) else None


def _operand(expression: Any, structure: Structure) -> str:
    read = _read(expression)
    if read is not None:
        return _name(read, structure)
    if _operation(expression) is None:
        return _literal(expression)
    return dumps(_with_names(expression, structure))


def _value(expression: Any, other: Any, structure: Structure) -> str:
    """A side of a comparison: a code is shown by the label of the option that the other side chooses among."""
    option_set = structure.option_set_by_id.get(_read(other) or "")
    if isinstance(option_set, ChoiceFields) and isinstance(expression, str) and expression in option_set.option_by_value:
        return quoted(option_set.option_by_value[expression].label, structure.default_language)
    return _operand(expression, structure)


def _name(option_set_id: str, structure: Structure) -> str:
    if option_set_id == ".":
        return "the value"
    option_set = structure.option_set_by_id.get(option_set_id)
    return "a question that is gone" if option_set is None else quoted(option_set.name, structure.default_language)


def _with_names(expression: Any, structure: Structure) -> Any:
    read = _read(expression)
    if read is not None:
        return {"var": _name(read, structure)}
    if isinstance(expression, Mapping):
        return {name: _with_names(args, structure) for name, args in expression.items()}
    return [_with_names(item, structure) for item in expression] if isinstance(expression, list | tuple) else expression


def _literal(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"“{value}”" if isinstance(value, str) else dumps(value)
