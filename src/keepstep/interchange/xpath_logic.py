"""What an XLSForm expression means in Keepstep: its tree as JsonLogic (docs/logic.md), or why it has no equal there.

XPath and docs/logic.md differ where something is unanswered, is a list, or is a boolean; the translation is chosen so
that the outcome is the same. Must not know workbooks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from keepstep.core.logic import faults_in
from keepstep.interchange.xpath import Call, Dot, Literal, Negative, Node, NotUnderstood, Operation, Path, Question, parse
from keepstep.interchange.xpath_functions import function_of
from keepstep.interchange.xpath_terms import Kind, Term, arithmetic, equality, numeric, order


@dataclass(frozen=True, slots=True)
class Names:
    """What the names in an expression stand for: `${name}`, `.` and, in a choice filter, the cells of the choice's row."""

    questions: Mapping[str, Term] = field(default_factory=dict)
    dot: Term | None = None
    cells: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Translation:
    """The expression and its kind; or the reason why there is none, as a clause. `strange`: codes that no list has."""

    expression: Any = None
    kind: Kind = "any"
    reason: str = ""
    strange: tuple[str, ...] = ()


def translate(text: str, names: Names) -> Translation:
    """The JsonLogic expression that has the same outcome as `text`; never raises on any text."""
    try:
        term = _term(parse(text), names)
    except NotUnderstood as reason:
        return Translation(reason=str(reason))
    faults = faults_in(term.expression)
    if faults:
        return Translation(reason=faults[0].detail.rstrip("."))
    return Translation(term.expression, term.kind, strange=tuple(dict.fromkeys(_strange_codes(term.expression))))


def _strange_codes(expression: Any) -> Iterator[str]:
    if isinstance(expression, list):
        for item in expression:
            yield from _strange_codes(item)
    if not isinstance(expression, dict):
        return
    for name, args in expression.items():
        if name in ("text", "number") and len(args) == 1 and isinstance(args[0], str | int | Decimal):
            yield str(args[0])
        yield from _strange_codes(args)


def all_of(expressions: list[Any]) -> Any:
    """The conjunction of conditions, None (no condition) left out and nested conjunctions opened."""
    flat = [part for expression in expressions if expression is not None for part in _parts(expression, "and")]
    unique = [part for index, part in enumerate(flat) if part not in flat[:index]]
    return None if not unique else unique[0] if len(unique) == 1 else {"and": unique}


def any_of(expressions: list[Any]) -> Any:
    """The disjunction of conditions; None (no condition) when one of them is."""
    if any(expression is None for expression in expressions):
        return None
    flat = [part for expression in expressions for part in _parts(expression, "or")]
    unique = [part for index, part in enumerate(flat) if part not in flat[:index]]
    return unique[0] if len(unique) == 1 else {"or": unique}


def _parts(expression: Any, operator: str) -> list[Any]:
    return expression[operator] if isinstance(expression, dict) and set(expression) == {operator} else [expression]


# --- tree → terms --------------------------------------------------------------------------------------------------


def _term(node: Node, names: Names) -> Term:
    match node:
        case Literal(value):
            return _literal(value)
        case Question(name):
            return _question(name, names)
        case Dot():
            return _dot(names)
        case Path():
            return _path(node, names)
        case Negative(operand):
            return _negative(_term(operand, names))
        case Operation():
            return _operation(node, names)
        case Call(function, arguments):
            return function_of(function, len(arguments))(tuple(_term(argument, names) for argument in arguments))


def _literal(value: str | int | Decimal) -> Term:
    """An empty text is what XPath reads where nothing is answered, so it is None here."""
    if isinstance(value, str):
        return Term(value or None, "text")
    return Term(value, "number")


def _question(name: str, names: Names) -> Term:
    if name.startswith("last-saved#"):
        raise NotUnderstood("answers of the last saved form (last-saved#) cannot be read")
    if name not in names.questions:
        raise NotUnderstood(f"${{{name}}} is not a question that can be read here")
    return names.questions[name]


def _dot(names: Names) -> Term:
    if names.dot is None:
        raise NotUnderstood("'.' has no meaning here")
    return names.dot


def _path(path: Path, names: Names) -> Term:
    if names.cells is not None and path.is_bare:
        return _literal(names.cells.get(path.name, ""))
    # Forms write `null` for "nothing": a path to an element that does not exist, which XPath reads as the empty text.
    if path.is_bare and path.name == "null" and "null" not in names.questions:
        return Term(None, "text")
    if path.is_plain and not path.is_bare and path.name in names.questions:
        return names.questions[path.name]
    raise NotUnderstood(f"the path to {path.name!r} cannot be followed" if path.name else "a path with a filter cannot be followed")


def _negative(term: Term) -> Term:
    operand = numeric(term)
    return Term(-operand if isinstance(operand, int | Decimal) else {"-": [operand]}, "number")


def _operation(node: Operation, names: Names) -> Term:
    if node.operator in ("and", "or"):
        return _connected(node, names)
    left, right = _term(node.left, names), _term(node.right, names)
    if node.operator in ("=", "!="):
        return equality(node.operator, left, right)
    if node.operator in ("<", "<=", ">", ">="):
        return order(node.operator, left, right)
    return arithmetic(node.operator, left, right)


def _connected(node: Operation, names: Names) -> Term:
    """A row of the same connective as one operation."""
    operands: list[Node] = []
    rest: Node = node
    while isinstance(rest, Operation) and rest.operator == node.operator:
        operands.append(rest.right)
        rest = rest.left
    terms = [_term(operand, names).expression for operand in (rest, *reversed(operands))]
    return Term({node.operator: [part for term in terms for part in _parts(term, node.operator)]}, "truth")
