"""Conditions and calculations: JsonLogic with one frozen table of operators (docs/logic.md), null-safe and exact.

compile_expression → a function of a Scope; references → what it reads; faults_in → what is wrong with it. Must not know
structures: an option set is only an id here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException
from functools import cache
from typing import Any, Final, NamedTuple

from keepstep.core.clock import Clock
from keepstep.core.issue import Issue, pointer
from keepstep.core.jsonvalue import exact, parse_number

Value = Any
"""None (unanswered), bool, int, Decimal, str or a list of these."""

MAX_EXPRESSION_DEPTH: Final = 40
# IEEE 754 decimal128: enough for every measured quantity, and the same on every machine.
ARITHMETIC: Final = Context(prec=34)
MAX_PATTERN_SUBJECT: Final = 10_000
"""Characters of a text that `matches` looks at; a longer one does not match."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may read: values of asked and answered option sets, "other" texts, the value under test, the clock."""

    clock: Clock
    values: Mapping[str, Value] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    dot: Value = None


class Reference(NamedTuple):
    """An option set that an expression reads; `value` is the code it is compared with, where there is one."""

    option_set_id: str
    value: str | None = None


Compiled = Callable[[Scope], Value]
Apply = Callable[[list[Compiled], Scope], Value]


class Operator(NamedTuple):
    """One row of the table: how many arguments it takes (`most` None = any number) and what it does."""

    least: int
    most: int | None
    apply: Apply


# --- values --------------------------------------------------------------------------------------------------------


def answered(value: Value) -> bool:
    """Whether a value counts as an answer: not None, not "" and not []."""
    return value is not None and value not in ("", [])


def truth(value: Value) -> bool:
    """JsonLogic truth: None, false, 0, "" and [] are false."""
    return bool(value)


def as_number(value: Value) -> int | Decimal | None:
    """The number a value is or plainly spells; None otherwise. A boolean is no number here."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, str):
        try:
            return parse_number(value)
        except ValueError:
            return None
    return None


_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATETIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})")


def as_date(value: Value) -> date | None:
    """The date that a text spells as ISO 8601, or the local date of an RFC 3339 time; None otherwise."""
    if not isinstance(value, str) or not (_DATE.fullmatch(value) or _DATETIME.fullmatch(value)):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def as_datetime(value: Value) -> datetime | None:
    """The time that a text spells as RFC 3339 with an offset; None otherwise."""
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def compare(left: Value, right: Value) -> int | None:
    """-1, 0 or 1; None when the two cannot be compared, an unanswered side included."""
    if left is None or right is None or isinstance(left, list) or isinstance(right, list):
        return None if left is None or right is None or left != right else 0
    if isinstance(left, bool) or isinstance(right, bool):
        return 0 if left is right else None
    if isinstance(left, str) and isinstance(right, str):
        return _compare_texts(left, right)
    first, second = as_number(left), as_number(right)
    return None if first is None or second is None else _sign(first, second)


def _sign(first: Any, second: Any) -> int:
    return int(first > second) - int(first < second)


def _compare_texts(left: str, right: str) -> int:
    if len(left) > 10 or len(right) > 10:
        first, second = as_datetime(left), as_datetime(right)
        if first is not None and second is not None:
            return _sign(first, second)
        if first is not None or second is not None:
            day, other = as_date(left), as_date(right)
            if day is not None and other is not None:
                return _sign(day, other)
    return _sign(left, right)


# --- operators -----------------------------------------------------------------------------------------------------


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
    return all(truth(arg(scope)) for arg in args)


def _or(args: list[Compiled], scope: Scope) -> Value:
    return any(truth(arg(scope)) for arg in args)


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
        if numbers is None:
            return None

        def compute() -> Decimal:
            result = Decimal(numbers[0])
            for number in numbers[1:]:
                result = step(result, Decimal(number))
            return result

        return _number_result(compute)

    return apply


_sum = _folded(ARITHMETIC.add)


def _plus(args: list[Compiled], scope: Scope) -> Value:
    if len(args) == 2:
        shifted = _shifted_date(args[0](scope), args[1](scope), 1)
        if shifted is not None:
            return shifted
    return _sum(args, scope)


def _minus(args: list[Compiled], scope: Scope) -> Value:
    first = args[0](scope)
    if len(args) == 1:
        number = as_number(first)
        return None if number is None else exact(-number)
    second = args[1](scope)
    start, end = as_date(first), as_date(second)
    if start is not None and end is not None:
        return (start - end).days
    if start is not None:
        return _shifted_date(first, second, -1)
    return _folded(ARITHMETIC.subtract)([lambda _: first, lambda _: second], scope)


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
    return _number_result(lambda: sum((Decimal(number) for number in numbers), Decimal(0)))


def _round(args: list[Compiled], scope: Scope) -> Value:
    number = as_number(args[0](scope))
    digits = as_number(args[1](scope)) if len(args) > 1 else 0
    if number is None or digits is None or abs(digits) > ARITHMETIC.prec:
        return None
    return _number_result(lambda: Decimal(number).quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP))


def _integral(rounding: str) -> Apply:
    def apply(args: list[Compiled], scope: Scope) -> Value:
        number = as_number(args[0](scope))
        return None if number is None else _number_result(lambda: Decimal(number).to_integral_value(rounding))

    return apply


def _one(function: Callable[[Value], Value]) -> Apply:
    return lambda args, scope: function(args[0](scope))


def _absolute(value: Value) -> Value:
    number = as_number(value)
    return None if number is None else abs(number)


def _to_number(value: Value) -> Value:
    return int(value) if isinstance(value, bool) else as_number(value)


def to_text(value: Value) -> str | None:
    """The text of a value: numbers plain, booleans as true/false, lists joined by a blank; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(to_text(item) or "" for item in value)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _cat(args: list[Compiled], scope: Scope) -> Value:
    return "".join(to_text(arg(scope)) or "" for arg in args)


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


@cache
def _pattern(source: str) -> re.Pattern[str] | None:
    try:
        return re.compile(source)
    except (re.error, OverflowError, RecursionError):
        return None


def _matches(args: list[Compiled], scope: Scope) -> Value:
    text, source = to_text(args[0](scope)), args[1](scope)
    if text is None or not isinstance(source, str) or len(text) > MAX_PATTERN_SUBJECT:
        return False
    pattern = _pattern(source)
    return pattern is not None and pattern.fullmatch(text) is not None


def _coalesce(args: list[Compiled], scope: Scope) -> Value:
    return next((value for arg in args if answered(value := arg(scope))), None)


def _date(value: Value) -> Value:
    day = as_date(value)
    return None if day is None else day.isoformat()


def _text_operator(change: Callable[[str], str]) -> Apply:
    def apply(args: list[Compiled], scope: Scope) -> Value:
        text = to_text(args[0](scope))
        return None if text is None else change(text)

    return apply


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
LEAVES: Final = ("var", "other")
"""The two operators that read answers; their argument is an option set's id (or "." for the value under test)."""


# --- compile, references, faults -----------------------------------------------------------------------------------


def compile_expression(expression: Any) -> Compiled:
    """The function that evaluates `expression`. An expression with faults evaluates to None where the fault is."""
    if isinstance(expression, Mapping):
        operation = _operation(expression)
        return _none if operation is None else _compiled(*operation)
    if isinstance(expression, list | tuple):
        items = [compile_expression(item) for item in expression]
        return lambda scope: [item(scope) for item in items]
    return lambda _: expression


def _none(_: Scope) -> Value:
    return None


def _operation(expression: Mapping[str, Any]) -> tuple[str, list[Any]] | None:
    if len(expression) != 1:
        return None
    name, args = next(iter(expression.items()))
    return name, list(args) if isinstance(args, list | tuple) else [args]


def _compiled(name: str, args: list[Any]) -> Compiled:
    if name in LEAVES:
        return _leaf(name, args)
    operator = OPERATORS.get(name)
    if operator is None or not _fits(operator, args, name):
        return _none
    apply, compiled = operator.apply, [compile_expression(arg) for arg in _arguments(name, args)]
    return lambda scope: apply(compiled, scope)


def _arguments(name: str, args: list[Any]) -> list[Any]:
    """`{"today": null}` and `{"today": []}` are the same call."""
    return [] if OPERATORS[name].most == 0 and args == [None] else args


def _fits(operator: Operator, args: list[Any], name: str) -> bool:
    count = len(_arguments(name, args))
    return count >= operator.least and (operator.most is None or count <= operator.most)


def _leaf(name: str, args: list[Any]) -> Compiled:
    if len(args) != 1 or not isinstance(args[0], str):
        return _none
    target = args[0]
    if name == "other":
        return lambda scope: scope.others.get(target)
    if target == ".":
        return lambda scope: scope.dot
    return lambda scope: scope.values.get(target)


def evaluate_expression(expression: Any, scope: Scope) -> Value:
    """The value of an expression once; compile it to evaluate it often."""
    return compile_expression(expression)(scope)


_COMPARING: Final = frozenset({"==", "!=", "in", "selected"})


def references(expression: Any) -> frozenset[Reference]:
    """Every option set the expression reads, once without a value and once for each code that it is compared with."""
    return frozenset(_references(expression))


def _references(expression: Any) -> Iterator[Reference]:
    if isinstance(expression, list | tuple):
        for item in expression:
            yield from _references(item)
    if not isinstance(expression, Mapping) or (operation := _operation(expression)) is None:
        return
    name, args = operation
    if name in LEAVES:
        if len(args) == 1 and isinstance(args[0], str) and args[0] != ".":
            yield Reference(args[0])
        return
    if name in _COMPARING:
        yield from _compared(args)
    yield from _references(args)


def _compared(args: list[Any]) -> Iterator[Reference]:
    read = [target for item in args if (target := _read(item)) is not None]
    # A number is compared with a code that spells it, so `1` reads the option "1" as well as `"1"` does.
    literals = [code for item in args for code in (item if isinstance(item, list | tuple) else [item])]
    codes = [to_text(code) or "" for code in literals if isinstance(code, str | int | Decimal) and not isinstance(code, bool)]
    for option_set_id in read:
        for code in codes:
            yield Reference(option_set_id, code)


def _read(expression: Any) -> str | None:
    """The option set whose value this expression is, or None."""
    if not isinstance(expression, Mapping) or len(expression) != 1:
        return None
    target = expression.get("var")
    target = target[0] if isinstance(target, list | tuple) and len(target) == 1 else target
    return target if isinstance(target, str) and target != "." else None


def references_itself(expression: Any) -> bool:
    """Whether the expression reads the value under test (`{"var": "."}`)."""
    if isinstance(expression, Mapping):
        return expression.get("var") == "." or any(references_itself(item) for item in expression.values())
    return isinstance(expression, list | tuple) and any(references_itself(item) for item in expression)


def rewritten(expression: Any, ids: Mapping[str, str]) -> Any:
    """The expression with option set ids replaced by `ids`; an id that is not in the map stays."""
    if isinstance(expression, list | tuple):
        return [rewritten(item, ids) for item in expression]
    if not isinstance(expression, Mapping):
        return expression
    return {
        name: ids.get(args, args) if name in LEAVES and isinstance(args, str) else rewritten(args, ids) for name, args in expression.items()
    }


def faults_in(expression: Any) -> tuple[Issue, ...]:
    """What is wrong with the form of an expression; dangling references are found where the structure is known."""
    return tuple(_faults(expression, "", 1))


def _faults(expression: Any, path: str, depth: int) -> Iterator[Issue]:
    if depth > MAX_EXPRESSION_DEPTH:
        yield Issue(path, "expression-too-deep", f"An expression may be nested at most {MAX_EXPRESSION_DEPTH} levels deep.")
    elif isinstance(expression, list | tuple):
        for index, item in enumerate(expression):
            yield from _faults(item, path + pointer(index), depth + 1)
    elif isinstance(expression, Mapping):
        yield from _operation_faults(expression, path, depth)


def _operation_faults(expression: Mapping[str, Any], path: str, depth: int) -> Iterator[Issue]:
    operation = _operation(expression)
    if operation is None:
        yield Issue(path, "expression-invalid", 'An operation is an object with one member, such as {"==": [{"var": "<id>"}, "yes"]}.')
        return
    name, args = operation
    here = path + pointer(name)
    if name in LEAVES:
        if len(args) != 1 or not isinstance(args[0], str):
            yield Issue(here, "expression-invalid", f"{name} takes the id of one option set.")
    elif name not in OPERATORS:
        yield Issue(here, "operator-unknown", f"There is no operator {name[:40]!r}; docs/logic.md lists them.")
    elif not _fits(OPERATORS[name], args, name):
        yield Issue(here, "operator-arguments", f"{name} takes {_arity(OPERATORS[name])}, not {len(args)}.")
    else:
        if name == "matches" and isinstance(args[1], str) and _pattern(args[1]) is None:
            yield Issue(here, "pattern-invalid", "The second argument is not a regular expression.")
        for index, item in enumerate(args):
            yield from _faults(item, here + pointer(index), depth + 1)


def _arity(operator: Operator) -> str:
    if operator.most is None:
        return f"at least {operator.least} argument(s)"
    if operator.least == operator.most:
        return f"{operator.least} argument(s)"
    return f"{operator.least} to {operator.most} arguments"
