"""An expression in words: “Favorite Color” is “Red” or “Black”. For people who read conditions; editing one is not done here.

Every operator of docs/logic.md has its words. Only what is no expression at all is shown as its JSON, with names in the place of ids.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from keepstep.core.jsonvalue import dumps
from keepstep.core.naming import Naming
from keepstep.core.shelf import Shelved
from keepstep.core.structure import Structure

_COMPARING: Final[Mapping[str, str]] = {
    "==": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "selected": "includes",
}
# What holds or does not; everything else is a value.
_CONDITIONS: Final = frozenset((*_COMPARING, "and", "or", "!", "!!", "in", "answered", "matches"))
_SIGNS: Final[Mapping[str, str]] = {"+": "+", "-": "−", "*": "×", "/": "÷"}
# One argument, in its place.
_OF_ONE: Final[Mapping[str, str]] = {
    "floor": "{} rounded down",
    "ceil": "{} rounded up",
    "int": "the whole part of {}",
    "abs": "{} without its sign",
    "number": "{} as a number",
    "text": "{} as a text",
    "length": "the number of characters of {}",
    "count": "the number of choices in {}",
    "lower": "{} in small letters",
    "upper": "{} in capitals",
    "trim": "{} without blanks around it",
    "date": "the date of {}",
}
# Any number of arguments, as a list.
_OF_SEVERAL: Final[Mapping[str, str]] = {
    "min": "the least of {}",
    "max": "the greatest of {}",
    "sum_of": "the sum of {}",
    "coalesce": "the first that is answered of {}",
}
_TIMES: Final[Mapping[str, str]] = {"today": "today", "now": "the present time"}


def words_of(expression: Any, structure: Structure, shelf: tuple[Shelved, ...] = ()) -> str:
    """The expression as a part of a sentence, without a capital and a full stop. With the `shelf`, deleted questions have their names."""
    return _words(expression, Naming(structure, shelf))


def condition_words(expression: Any, structure: Structure, shelf: tuple[Shelved, ...] = ()) -> str:
    """As `words_of`, of an expression that holds or does not: a bare answer is told as what makes it hold."""
    return _holding(expression, Naming(structure, shelf))


def _operation(expression: Any) -> tuple[str, Sequence[Any]] | None:
    # Expressions are read from JSON; asking for a mapping of any kind takes longer than all the rest here.
    if type(expression) is not dict or len(expression) != 1:
        return None
    name, args = next(iter(expression.items()))
    return name, args if type(args) is list else list(args) if type(args) is tuple else [args]


def _words(expression: Any, naming: Naming) -> str:
    operation = _operation(expression)
    if operation is None:
        return _literal(expression, naming)
    name, args = operation
    # `{"today": null}` has no argument.
    args = [] if name in _TIMES and args == [None] else args
    words = _WORDS.get(name)
    told = words(name, args, naming) if words is not None else None
    return dumps(_with_names(expression, naming)) if told is None else told


def _holding(expression: Any, naming: Naming) -> str:
    """The words of a condition."""
    operation = _operation(expression)
    if operation is None and not isinstance(expression, Mapping):
        return "always" if expression else "never"
    is_condition = operation is not None and operation[0] in _CONDITIONS
    return _words(expression, naming) if is_condition else _truth(expression, naming)


def _truth(expression: Any, naming: Naming) -> str:
    """What makes a value count as true."""
    read = _read(expression)
    option_set = naming.option_set(read) if read else None
    if option_set is not None and option_set.selection_type == "boolean":
        return f"{_words(expression, naming)} is yes"
    return f"{_side(expression, naming)} is neither empty, 0 nor no"


# --- parts of a sentence -------------------------------------------------------------------------------------------


def _side(expression: Any, naming: Naming) -> str:
    """A side of a comparison: in brackets only where it would run into the words around it."""
    operation = _operation(expression)
    words = _words(expression, naming)
    return f"({words})" if operation is not None and operation[0] in (*_CONDITIONS, "if") else words


def _inner(expression: Any, naming: Naming) -> str:
    """A part of a larger value: in brackets unless it is a single thing."""
    operation = _operation(expression)
    words = _words(expression, naming)
    return words if operation is None or operation[0] in ("var", "other", *_TIMES) else f"({words})"


def _listed(args: Sequence[Any], naming: Naming, last: str = "and") -> str:
    words = [_side(arg, naming) for arg in args]
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def _read(expression: Any) -> str | None:
    """The id of the option set that this expression is the value of, if it is one."""
    operation = _operation(expression)
    if operation is None or operation[0] != "var" or len(operation[1]) != 1:
        return None
    return operation[1][0] if isinstance(operation[1][0], str) else None


def _value(expression: Any, other: Any, naming: Naming) -> str:
    """A side of a comparison: a code is shown by the label of the option that the other side chooses among."""
    if isinstance(expression, str) and (label := naming.label(_read(other) or "", expression)):
        return label
    return _side(expression, naming)


def _name(option_set_id: str, naming: Naming) -> str:
    return "the value" if option_set_id == "." else naming.name(option_set_id)


def _literal(value: Any, naming: Naming) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " or ".join(_side(each, naming) for each in value) or "an empty list"
    return f"“{value}”" if isinstance(value, str) else dumps(value)


def _with_names(expression: Any, naming: Naming) -> Any:
    read = _read(expression)
    if read is not None:
        return {"var": _name(read, naming)}
    if isinstance(expression, Mapping):
        return {name: _with_names(args, naming) for name, args in expression.items()}
    return [_with_names(item, naming) for item in expression] if isinstance(expression, list | tuple) else expression


# --- operators: each gives None for arguments that it does not take ------------------------------------------------

Told = Callable[[str, Sequence[Any], Naming], str | None]


def _var(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    return _name(args[0], naming) if len(args) == 1 and isinstance(args[0], str) else None


def _other(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    return f"the own text given to {_name(args[0], naming)}" if len(args) == 1 and isinstance(args[0], str) else None


def _joined(name: str, args: Sequence[Any], naming: Naming) -> str | None:
    parts = []
    for arg in args:
        inner = _operation(arg)
        mixed = inner is not None and inner[0] in ("and", "or") and inner[0] != name and len(args) > 1
        parts.append(f"({_holding(arg, naming)})" if mixed else _holding(arg, naming))
    return f" {name} ".join(parts) or None


_OPPOSITE: Final[Mapping[str, str]] = {"selected": "does not include", "==": "is not"}


def _denied(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    if len(args) != 1:
        return None
    inner = _operation(args[0])
    if inner is not None and inner[0] == "answered" and len(inner[1]) == 1:
        return f"{_side(inner[1][0], naming)} is not answered"
    if inner is not None and inner[0] in _OPPOSITE and len(inner[1]) == 2:
        return _compared_as(_OPPOSITE[inner[0]], inner[1], naming)
    return f"not ({_holding(args[0], naming)})"


def _affirmed(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    return _holding(args[0], naming) if len(args) == 1 else None


def _answered(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    return f"{_side(args[0], naming)} is answered" if len(args) == 1 else None


def _compared(name: str, args: Sequence[Any], naming: Naming) -> str | None:
    return _compared_as(_COMPARING[name], args, naming) if len(args) == 2 else None


def _compared_as(verb: str, args: Sequence[Any], naming: Naming) -> str:
    left, right = args
    if _read(left) is None and _read(right) is not None and verb in ("is", "is not"):
        left, right = right, left
    if isinstance(right, list | tuple):
        return f"{_side(left, naming)} {verb} the list {', '.join(_value(each, left, naming) for each in right) or 'of nothing'}"
    return f"{_side(left, naming)} {verb} {_value(right, left, naming)}"


def _among(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    if len(args) != 2:
        return None
    item, holder = args
    if isinstance(holder, list | tuple):
        listed = " or ".join(_value(each, item, naming) for each in holder)
        return f"{_side(item, naming)} is {listed or 'one of nothing'}"
    return f"{_side(holder, naming)} contains {_value(item, holder, naming)}"


def _matching(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    return f"{_side(args[0], naming)} has the form {_side(args[1], naming)}" if len(args) == 2 else None


def _decided(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    if len(args) < 2:
        return None
    pairs = [f"{_side(args[at + 1], naming)} if {_holding(args[at], naming)}" for at in range(0, len(args) - 1, 2)]
    last = _side(args[-1], naming) if len(args) % 2 else "nothing"
    return f"{', else '.join(pairs)}, else {last}"


def _calculated(name: str, args: Sequence[Any], naming: Naming) -> str | None:
    if len(args) == 1:
        return f"−{_inner(args[0], naming)}" if name == "-" else _inner(args[0], naming)
    return f" {_SIGNS[name]} ".join(_inner(arg, naming) for arg in args) if len(args) == 2 or (args and name in "+*") else None


def _remainder(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    return f"the remainder of {_inner(args[0], naming)} ÷ {_inner(args[1], naming)}" if len(args) == 2 else None


def _rounded(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    if len(args) == 2:
        return f"{_inner(args[0], naming)} rounded to {_inner(args[1], naming)} decimal places"
    return f"{_inner(args[0], naming)} rounded" if len(args) == 1 else None


def _strung(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    return " followed by ".join(_inner(arg, naming) for arg in args) or None


def _part(_: str, args: Sequence[Any], naming: Naming) -> str | None:
    if len(args) not in (2, 3):
        return None
    many = f"{_inner(args[2], naming)} characters" if len(args) == 3 else "what follows"
    return f"{many} of {_inner(args[0], naming)} from position {_inner(args[1], naming)}"


def _of_one(name: str, args: Sequence[Any], naming: Naming) -> str | None:
    return _OF_ONE[name].format(_inner(args[0], naming)) if len(args) == 1 else None


def _of_several(name: str, args: Sequence[Any], naming: Naming) -> str | None:
    return _OF_SEVERAL[name].format(_listed(args, naming)) if args else None


def _time(name: str, args: Sequence[Any], _: Naming) -> str | None:
    return None if args else _TIMES[name]


_WORDS: Final[Mapping[str, Told]] = {
    "var": _var,
    "other": _other,
    "and": _joined,
    "or": _joined,
    "!": _denied,
    "!!": _affirmed,
    "answered": _answered,
    "in": _among,
    "matches": _matching,
    "if": _decided,
    "%": _remainder,
    "round": _rounded,
    "cat": _strung,
    "substr": _part,
    **dict.fromkeys(_COMPARING, _compared),
    **dict.fromkeys(_SIGNS, _calculated),
    **dict.fromkeys(_OF_ONE, _of_one),
    **dict.fromkeys(_OF_SEVERAL, _of_several),
    **dict.fromkeys(_TIMES, _time),
}
