"""The frozen table of operators (docs/logic.md): null-safe, exact, and bounded in what they can make out of any answers.

Must not know expressions, only arguments that are already functions of a scope.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException
from functools import reduce
from typing import Final, NamedTuple

from keepstep.core.clock import Clock
from keepstep.core.jsonvalue import MAX_DIGITS, exact
from keepstep.core.logic_values import MAX_TEXT_RESULT, Value, answered, as_date, as_number, compare, joined, to_text, truth
from keepstep.core.patterns import fits_pattern

# IEEE 754 decimal128: enough for every measured quantity, and the same on every machine.
ARITHMETIC: Final = Context(prec=34)
# Wide enough for any two stored numbers (60 digits on either side of the point), so that rounding is done by `round` alone.
EXACT: Final = Context(prec=400)
MAX_PATTERN_SUBJECT: Final = 10_000
"""Characters of a text that `matches` looks at; a longer one does not match."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may read: values of asked and answered option sets, "other" texts, the value under test, the clock."""

    clock: Clock
    values: Mapping[str, Value] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    dot: Value = None


Compiled = Callable[[Scope], Value]
Apply = Callable[[list[Compiled], Scope], Value]


class Operator(NamedTuple):
    """One row of the table: how many arguments it takes (`most` None = any number) and what it does."""

    least: int
    most: int | None
    apply: Apply


def _number_result(compute: Callable[[], Decimal]) -> Value:
    try:
        return exact(compute())
    except (DecimalException, ValueError, OverflowError):
        return None


def _comparison(wanted: Callable[[int], bool]) -> Apply:
    def apply(args: list[Compiled], scope: Scope) -> Value:
        result = compare(args[0](scope), args[1](scope))
        return result is not None and wanted(result)

    return apply


_equal = _comparison(lambda sign: sign == 0)


def _different(args: list[Compiled], scope: Scope) -> Value:
    return not _equal(args, scope)


def _and(args: list[Compiled], scope: Scope) -> Value:
    # A loop rather than all(): a condition is evaluated for every question of every run, and a generator doubles its time.
    for arg in args:  # noqa: SIM110 — as above
        if not arg(scope):
            return False
    return True


def _or(args: list[Compiled], scope: Scope) -> Value:
    for arg in args:  # noqa: SIM110 — as in _and
        if arg(scope):
            return True
    return False


def _if(args: list[Compiled], scope: Scope) -> Value:
    for position in range(0, len(args) - 1, 2):
        if truth(args[position](scope)):
            return args[position + 1](scope)
    return args[-1](scope) if len(args) % 2 else None


def _in(args: list[Compiled], scope: Scope) -> Value:
    needle, haystack = args[0](scope), args[1](scope)
    if needle is None or haystack is None:
        return False
    if isinstance(haystack, list):
        return any(compare(needle, item) == 0 for item in haystack)
    return isinstance(haystack, str) and isinstance(needle, str) and needle in haystack


def _selected(args: list[Compiled], scope: Scope) -> Value:
    given, code = args[0](scope), args[1](scope)
    if isinstance(given, list):
        return any(compare(item, code) == 0 for item in given)
    return compare(given, code) == 0


def _numbers(args: list[Compiled], scope: Scope) -> list[int | Decimal] | None:
    numbers = [as_number(arg(scope)) for arg in args]
    return None if any(number is None for number in numbers) else [number for number in numbers if number is not None]


def _folded(step: Callable[[Decimal, Decimal], Decimal]) -> Apply:
    def apply(args: list[Compiled], scope: Scope) -> Value:
        numbers = _numbers(args, scope)
        return None if numbers is None else _fold(step, numbers)

    return apply


def _fold(step: Callable[[Decimal, Decimal], Decimal], numbers: Sequence[int | Decimal]) -> Value:
    return _number_result(lambda: reduce(step, (Decimal(number) for number in numbers)))


def _plus(args: list[Compiled], scope: Scope) -> Value:
    values = [arg(scope) for arg in args]
    if len(values) == 2 and as_date(values[0]) is not None:
        return _shifted_date(values[0], values[1], 1)
    numbers = [as_number(value) for value in values]
    return _fold(ARITHMETIC.add, [number for number in numbers if number is not None]) if None not in numbers else None


def _minus(args: list[Compiled], scope: Scope) -> Value:
    values = [arg(scope) for arg in args]
    numbers = [number for value in values if (number := as_number(value)) is not None]
    if len(numbers) == len(values):
        return _fold(ARITHMETIC.subtract, numbers) if len(numbers) == 2 else _negated(numbers[0])
    if len(values) == 1:
        return None
    start, end = as_date(values[0]), as_date(values[1])
    if start is not None and end is not None:
        return (start - end).days
    return _shifted_date(values[0], values[1], -1)


def _negated(number: int | Decimal) -> int | Decimal:
    return number.copy_negate() if isinstance(number, Decimal) else -number


def _shifted_date(day: Value, days: Value, sign: int) -> str | None:
    start, count = as_date(day), as_number(days)
    if start is None or count is None or count != int(count):
        return None
    try:
        return (start + timedelta(days=sign * int(count))).isoformat()
    except OverflowError:
        return None


def _modulo(args: list[Compiled], scope: Scope) -> Value:
    """The sign follows the dividend, as in XPath and in exact decimal arithmetic."""
    return _folded(ARITHMETIC.remainder)(args, scope)


def _extreme(sign: int) -> Apply:
    """The greatest (1) or least (-1) of what is answered: of numbers, or of dates and times; None of a mixture."""

    def apply(args: list[Compiled], scope: Scope) -> Value:
        values = [item for arg in args for item in _flat(arg(scope)) if answered(item)]
        numbers = [as_number(value) for value in values]
        if None in numbers and not all(as_date(value) for value in values):
            return None
        best, *rest = (values if None in numbers else numbers) or [None]
        for value in rest:
            if compare(value, best) == sign:
                best = value
        return best

    return apply


def _flat(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _sum_of(args: list[Compiled], scope: Scope) -> Value:
    numbers = [number for arg in args for item in _flat(arg(scope)) if (number := as_number(item)) is not None]
    return _fold(ARITHMETIC.add, [0, *numbers])


def _round(args: list[Compiled], scope: Scope) -> Value:
    number = as_number(args[0](scope))
    digits = as_number(args[1](scope)) if len(args) > 1 else 0
    if number is None or digits is None or not -MAX_DIGITS <= digits <= MAX_DIGITS:
        return None
    return _number_result(lambda: Decimal(number).quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP, EXACT))


def _integral(rounding: str) -> Apply:
    def apply(args: list[Compiled], scope: Scope) -> Value:
        number = as_number(args[0](scope))
        return None if number is None else _number_result(lambda: Decimal(number).to_integral_value(rounding))

    return apply


def _one(function: Callable[[Value], Value]) -> Apply:
    return lambda args, scope: function(args[0](scope))


def _absolute(value: Value) -> Value:
    number = as_number(value)
    return number.copy_abs() if isinstance(number, Decimal) else number if number is None else abs(number)


def _to_number(value: Value) -> Value:
    return int(value) if isinstance(value, bool) else as_number(value)


def _cat(args: list[Compiled], scope: Scope) -> Value:
    return joined((arg(scope) for arg in args), "")


def _length(value: Value) -> Value:
    return len(to_text(value) or "")


def _count(value: Value) -> Value:
    return len(value) if isinstance(value, list) else int(answered(value))


def _substr(args: list[Compiled], scope: Scope) -> Value:
    text, start = to_text(args[0](scope)), as_number(args[1](scope))
    length = as_number(args[2](scope)) if len(args) > 2 else None
    if text is None or start is None or (len(args) > 2 and length is None):
        return None
    begin = max(0, int(start) if start >= 0 else len(text) + int(start))
    return text[begin:] if length is None else text[begin : begin + max(0, int(length))]


def _matches(args: list[Compiled], scope: Scope) -> Value:
    text, source = to_text(args[0](scope)), args[1](scope)
    return text is not None and isinstance(source, str) and fits_pattern(text, source)


def _coalesce(args: list[Compiled], scope: Scope) -> Value:
    return next((value for arg in args if answered(value := arg(scope))), None)


def _date(value: Value) -> Value:
    day = as_date(value)
    return None if day is None else day.isoformat()


def _text_operator(change: Callable[[str], str]) -> Apply:
    def apply(args: list[Compiled], scope: Scope) -> Value:
        text = to_text(args[0](scope))
        changed = None if text is None else change(text)
        # One capital letter can become three, so that a chain of these would grow without end.
        return None if changed is None or len(changed) > MAX_TEXT_RESULT else changed

    return apply


MAX_LIST_RESULT: Final = 5_000
"""Items of a list that an expression makes: as many as a question may have options. A longer one is unanswered, never cut."""


def list_of(items: list[Compiled], scope: Scope) -> Value:
    """The value of a list literal. A list within it gives its items, so that values stay flat however calculations are chained."""
    values: list[Value] = []
    for item in items:
        values.extend(_flat(item(scope)))
        if len(values) > MAX_LIST_RESULT:
            return None
    return values


OPERATORS: Final[dict[str, Operator]] = {
    "==": Operator(2, 2, _equal),
    "!=": Operator(2, 2, _different),
    "<": Operator(2, 2, _comparison(lambda sign: sign < 0)),
    "<=": Operator(2, 2, _comparison(lambda sign: sign <= 0)),
    ">": Operator(2, 2, _comparison(lambda sign: sign > 0)),
    ">=": Operator(2, 2, _comparison(lambda sign: sign >= 0)),
    "and": Operator(1, None, _and),
    "or": Operator(1, None, _or),
    "!": Operator(1, 1, _one(lambda value: not truth(value))),
    "!!": Operator(1, 1, _one(truth)),
    "if": Operator(2, None, _if),
    "in": Operator(2, 2, _in),
    "selected": Operator(2, 2, _selected),
    "answered": Operator(1, 1, _one(answered)),
    "coalesce": Operator(1, None, _coalesce),
    "+": Operator(1, None, _plus),
    "-": Operator(1, 2, _minus),
    "*": Operator(1, None, _folded(ARITHMETIC.multiply)),
    "/": Operator(2, 2, _folded(ARITHMETIC.divide)),
    "%": Operator(2, 2, _modulo),
    "min": Operator(1, None, _extreme(-1)),
    "max": Operator(1, None, _extreme(1)),
    "sum_of": Operator(1, None, _sum_of),
    "round": Operator(1, 2, _round),
    "floor": Operator(1, 1, _integral(ROUND_FLOOR)),
    "ceil": Operator(1, 1, _integral(ROUND_CEILING)),
    "int": Operator(1, 1, _integral(ROUND_DOWN)),
    "abs": Operator(1, 1, _one(_absolute)),
    "number": Operator(1, 1, _one(_to_number)),
    "text": Operator(1, 1, _one(to_text)),
    "cat": Operator(1, None, _cat),
    "length": Operator(1, 1, _one(_length)),
    "count": Operator(1, 1, _one(_count)),
    "substr": Operator(2, 3, _substr),
    "matches": Operator(2, 2, _matches),
    "lower": Operator(1, 1, _text_operator(str.lower)),
    "upper": Operator(1, 1, _text_operator(str.upper)),
    "trim": Operator(1, 1, _text_operator(str.strip)),
    "today": Operator(0, 0, lambda _, scope: scope.clock.today.isoformat()),
    "now": Operator(0, 0, lambda _, scope: scope.clock.at.isoformat(timespec="seconds")),
    "date": Operator(1, 1, _one(_date)),
}
