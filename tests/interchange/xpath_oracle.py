"""An evaluator of XLSForm expressions as XPath says, on texts alone: the other half of a differential test.

It shares the parser with the import, and none of the translation.
"""

import math
from collections.abc import Callable
from datetime import date

from keepstep.interchange.xpath import Call, Dot, Literal, Negative, Node, Operation, Path, Question

Value = str | float | bool | date


def number(value: Value) -> float:
    if isinstance(value, date):
        return float((value - date(1970, 1, 1)).days)
    if isinstance(value, bool | float):
        return float(value)
    try:
        return float((date.fromisoformat(value) - date(1970, 1, 1)).days) if len(value) == 10 and value[4] == "-" else float(value)
    except ValueError:
        return math.nan


def text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.10g}"
    return value.isoformat() if isinstance(value, date) else value


def truth(value: Value) -> bool:
    return not math.isnan(value) and value != 0 if isinstance(value, float) else bool(value)


def equal(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return truth(left) == truth(right)
    if isinstance(left, float | date) or isinstance(right, float | date):
        if "" in (left, right):
            other = right if left == "" else left
            return isinstance(other, float) and math.isnan(other)
        return number(left) == number(right)
    return left == right


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "selected": lambda answer, code: text(code) in text(answer).split(),
    "count-selected": lambda answer: float(len(text(answer).split())),
    "string-length": lambda value: float(len(text(value))),
    "not": lambda value: not truth(value),
    "if": lambda condition, then, otherwise: then if truth(condition) else otherwise,
    "int": lambda value: math.nan if math.isnan(number(value)) else float(int(number(value))),
    "date": lambda value: value if isinstance(value, date) else date.fromisoformat(value) if value else "",
    "true": lambda: True,
    "false": lambda: False,
}


def evaluate(node: Node, answers: dict[str, Value], today: date, dot: Value = "") -> Value:
    match node:
        case Literal(value):
            return value if isinstance(value, str) else float(value)
        case Question(name):
            return answers.get(name, "")
        case Dot():
            return dot
        case Path():
            return ""
        case Negative(operand):
            return -number(evaluate(operand, answers, today, dot))
        case Call("today", _):
            return today
        case Call(name, arguments):
            return FUNCTIONS[name](*(evaluate(argument, answers, today, dot) for argument in arguments))
        case Operation(operator, left, right):
            return operation(operator, evaluate(left, answers, today, dot), evaluate(right, answers, today, dot))


NUMERIC: dict[str, Callable[[float, float], Value]] = {
    "<": lambda first, second: first < second,
    "<=": lambda first, second: first <= second,
    ">": lambda first, second: first > second,
    ">=": lambda first, second: first >= second,
    "+": lambda first, second: first + second,
    "-": lambda first, second: first - second,
    "*": lambda first, second: first * second,
    "div": lambda first, second: first / second if second else math.nan,
    "mod": lambda first, second: math.fmod(first, second) if second else math.nan,
}


def operation(operator: str, left: Value, right: Value) -> Value:
    if operator in ("and", "or"):
        return truth(left) and truth(right) if operator == "and" else truth(left) or truth(right)
    if operator in ("=", "!="):
        return equal(left, right) == (operator == "=")
    return NUMERIC[operator](number(left), number(right))
