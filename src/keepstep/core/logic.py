"""Conditions and calculations: JsonLogic with one frozen table of operators (docs/logic.md), null-safe and exact.

compile_expression → a function of a Scope; references → what it reads; faults_in → what is wrong with it. The one door to
the logic: values and operators are imported from here. Must not know structures: an option set is only an id here.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from keepstep.core.issue import Issue, pointer
from keepstep.core.logic_values import Value, answered, as_date, as_datetime, as_number, as_time, compare, to_text, truth
from keepstep.core.operators import ARITHMETIC, EXACT, OPERATORS, Compiled, Operator, Scope, list_of
from keepstep.core.patterns import fault_in_pattern

__all__ = [
    "ARITHMETIC",
    "EXACT",
    "LEAVES",
    "MAX_EXPRESSION_DEPTH",
    "OPERATORS",
    "Compiled",
    "Operator",
    "Reference",
    "Scope",
    "Value",
    "answered",
    "as_date",
    "as_datetime",
    "as_number",
    "as_time",
    "compare",
    "compile_expression",
    "evaluate_expression",
    "faults_in",
    "inputs_of",
    "references",
    "references_itself",
    "rewritten",
    "to_text",
    "truth",
]

MAX_EXPRESSION_DEPTH: Final = 40


class Reference(NamedTuple):
    """An option set that an expression reads; `value` is the code it is compared with, where there is one."""

    option_set_id: str
    value: str | None = None


LEAVES: Final = ("var", "other")
"""The two operators that read answers; their argument is an option set's id (or "." for the value under test)."""


# --- compile, references, faults -----------------------------------------------------------------------------------


def compile_expression(expression: Any) -> Compiled:
    """The function that evaluates `expression`. An expression with faults evaluates to None where the fault is."""
    if isinstance(expression, dict):
        operation = _operation(expression)
        return _none if operation is None else _compiled(*operation)
    if isinstance(expression, list | tuple):
        items = [compile_expression(item) for item in expression]
        return lambda scope: list_of(items, scope)
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
    if name in _PLAIN and (plain := _plain_comparison(name, args)) is not None:
        return plain
    apply, compiled = operator.apply, [compile_expression(arg) for arg in _arguments(name, args)]
    return lambda scope: apply(compiled, scope)


_PLAIN: Final = frozenset({"==", "!=", "selected"})


def _plain_comparison(name: str, args: list[Any]) -> Compiled | None:
    """Nine of ten conditions of real forms compare one question with one code. Written out they take a third of the time, and a
    quarter of the objects, among which a collection of garbage looks around.
    """
    target, code = _read(args[0]), args[1]
    if target is None or not (_is_code(code) if isinstance(code, str) else type(code) is int):
        return None
    table, negated, of_code = OPERATORS[name].apply, name == "!=", type(code)

    def compared(scope: Scope) -> Value:
        given = scope.values.get(target)
        if type(given) is of_code:
            return (given == code) is not negated
        return negated if given is None else table([lambda _: given, lambda _: code], scope)

    return compared


def _is_code(text: str) -> bool:
    """Whether a text can be compared with another one letter by letter: it spells no date or time."""
    return text[2:3] != ":" and text[4:5] != "-"


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
    found: set[Reference] = set()
    for name, args in _operations(expression):
        if name in LEAVES:
            if len(args) == 1 and isinstance(args[0], str) and args[0] != ".":
                found.add(Reference(args[0]))
        elif name in _COMPARING:
            found.update(_compared(args))
    return frozenset(found)


def inputs_of(expression: Any) -> frozenset[str]:
    """The ids of the option sets that the expression reads: `references` for whoever does not ask what they are compared with."""
    leaves = (args for name, args in _operations(expression) if name in LEAVES)
    return frozenset([args[0] for args in leaves if len(args) == 1 and isinstance(args[0], str) and args[0] != "."])


def _operations(expression: Any) -> Iterator[tuple[str, list[Any]]]:
    """Every operation in an expression, at any depth and in no order. A loop of its own, since a wizard may hold 100,000 of them."""
    pending = [expression]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            operation = _operation(item)
            if operation is None:
                continue
            yield operation
            if operation[0] in LEAVES:
                continue
            item = operation[1]
        if isinstance(item, list | tuple):
            pending.extend([each for each in item if isinstance(each, _NESTED)])


_NESTED: Final = (dict, list, tuple)


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
    if not isinstance(expression, dict) or len(expression) != 1:
        return None
    target = expression.get("var")
    target = target[0] if isinstance(target, list | tuple) and len(target) == 1 else target
    return target if isinstance(target, str) and target != "." else None


def references_itself(expression: Any) -> bool:
    """Whether the expression reads the value under test (`{"var": "."}`)."""
    return any(name == "var" and args == ["."] for name, args in _operations(expression))


def rewritten(expression: Any, ids: Mapping[str, str]) -> Any:
    """The expression with option set ids replaced by `ids`; an id that is not in the map stays."""
    if isinstance(expression, list | tuple):
        return [rewritten(item, ids) for item in expression]
    if not isinstance(expression, dict):
        return expression
    return {name: _renamed(args, ids) if name in LEAVES else rewritten(args, ids) for name, args in expression.items()}


def _renamed(args: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(args, list | tuple):
        return [_renamed(item, ids) for item in args]
    return ids.get(args, args) if isinstance(args, str) else args


def faults_in(expression: Any) -> tuple[Issue, ...]:
    """What is wrong with the form of an expression; dangling references are found where the structure is known."""
    return () if _is_sound(expression, 1) else tuple(_faults(expression, "", 1))


def _is_sound(expression: Any, depth: int) -> bool:
    """Whether there is nothing wrong at a glance, which spares most expressions the pointers to every part of them."""
    if not isinstance(expression, _NESTED):
        return depth <= MAX_EXPRESSION_DEPTH
    if isinstance(expression, dict):
        operation = _operation(expression)
        if operation is None or operation[0] == "matches":
            return False
        name, args = operation
        if name in LEAVES:
            return len(args) == 1 and isinstance(args[0], str) and (name == "var" or args[0] != ".") and depth <= MAX_EXPRESSION_DEPTH
        operator = OPERATORS.get(name)
        if operator is None or not _fits(operator, args, name):
            return False
        expression = args
    return depth <= MAX_EXPRESSION_DEPTH and all(_is_sound(item, depth + 1) for item in expression)


def _faults(expression: Any, path: str, depth: int) -> Iterator[Issue]:
    if depth > MAX_EXPRESSION_DEPTH:
        yield Issue(path, "expression-too-deep", f"An expression may be nested at most {MAX_EXPRESSION_DEPTH} levels deep.")
    elif isinstance(expression, list | tuple):
        for index, item in enumerate(expression):
            yield from _faults(item, path + pointer(index), depth + 1)
    elif isinstance(expression, dict):
        yield from _operation_faults(expression, path, depth)


def _operation_faults(expression: Mapping[str, Any], path: str, depth: int) -> Iterator[Issue]:
    operation = _operation(expression)
    if operation is None:
        yield Issue(path, "expression-invalid", 'An operation is an object with one member, such as {"==": [{"var": "<id>"}, "yes"]}.')
        return
    name, args = operation
    here = path + pointer(name)
    if name in LEAVES:
        if len(args) != 1 or not isinstance(args[0], str) or (name == "other" and args[0] == "."):
            yield Issue(here, "expression-invalid", f"{name} takes one question.")
    elif name not in OPERATORS:
        yield Issue(here, "operator-unknown", f"There is no operator {name[:40]!r}; docs/logic.md lists them.")
    elif not _fits(OPERATORS[name], args, name):
        yield Issue(here, "operator-arguments", f"{name} takes {_arity(OPERATORS[name])}, not {len(args)}.")
    else:
        if name == "matches" and isinstance(args[1], str) and (reason := fault_in_pattern(args[1])) is not None:
            yield Issue(here, "pattern-invalid", f"The second argument is no regular expression: {reason}.")
        for index, item in enumerate(args):
            yield from _faults(item, here + pointer(index), depth + 1)


def _arity(operator: Operator) -> str:
    if operator.most is None:
        return f"at least {operator.least} argument(s)"
    if operator.least == operator.most:
        return f"{operator.least} argument(s)"
    return f"{operator.least} to {operator.most} arguments"
