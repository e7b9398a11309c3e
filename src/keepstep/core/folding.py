"""What an expression comes to whatever anybody answers: the part of its value that is known beforehand.

Must not know structures; `silent` are the option sets that nobody is ever asked.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from keepstep.core.clock import Clock
from keepstep.core.logic import LEAVES, OPERATORS, Scope, Value, truth
from keepstep.core.operators import list_of


class Known(NamedTuple):
    """A value that is the same in every run."""

    value: Value


def known_value(expression: Any, silent: Collection[str] = frozenset()) -> Known | None:
    """The value of a well-formed expression where it does not depend on answers or the clock; None where it does."""
    if isinstance(expression, dict):
        ((name, given),) = expression.items()
        return _operation(name, list(given) if isinstance(given, list | tuple) else [given], silent)
    if isinstance(expression, list | tuple):
        items = [known_value(item, silent) for item in expression]
        return None if None in items else Known(list_of([_constant(item.value) for item in items if item], _NO_TIME))
    return Known(expression)


def never_true(expression: Any, silent: Collection[str] = frozenset()) -> bool:
    """Whether a well-formed condition can never hold."""
    known = known_value(expression, silent)
    return known is not None and not truth(known.value)


_COMPARING: Final = frozenset("== < <= > >= in selected".split())
_ARITHMETIC: Final = frozenset("+ - * / %".split())
# Not read: the operators that read the clock are unknown here before they would be called.
_NO_TIME: Final = Scope(Clock(datetime.min.replace(tzinfo=UTC)))


def _operation(name: str, args: list[Any], silent: Collection[str]) -> Known | None:
    if name in LEAVES:
        return Known(None) if args[0] in silent else None
    if name in ("today", "now"):
        return None
    if name == "if":
        return _branch(args, silent)
    known = [known_value(arg, silent) if isinstance(arg, dict | list | tuple) else Known(arg) for arg in args]
    return _early(name, known) or _applied(name, known)


def _early(name: str, known: list[Known | None]) -> Known | None:
    """What is decided by some of the arguments alone."""
    values = [item.value for item in known if item]
    if not values:
        return None
    if name == "and" and any(not truth(value) for value in values):
        return Known(value=False)
    if name == "or" and any(truth(value) for value in values):
        return Known(value=True)
    if None in values:
        if name in _COMPARING or name == "!=":
            return Known(name == "!=")
        if name in _ARITHMETIC:
            return Known(None)
    return None


def _applied(name: str, known: list[Known | None]) -> Known | None:
    values = [item.value for item in known if item]
    if len(values) < len(known):
        return None
    return Known(OPERATORS[name].apply([_constant(value) for value in values], _NO_TIME))


def _constant(value: Value) -> Any:
    return lambda _: value


def _branch(args: list[Any], silent: Collection[str]) -> Known | None:
    for position in range(0, len(args) - 1, 2):
        condition = known_value(args[position], silent)
        if condition is None:
            return None
        if truth(condition.value):
            return known_value(args[position + 1], silent)
    return known_value(args[-1], silent) if len(args) % 2 else Known(None)
