"""What an XLSForm expression means in Keepstep: its tree as JsonLogic (docs/logic.md), or why it has no equal there.

XPath and docs/logic.md differ where something is unanswered, is a list, or is a boolean; the translation is chosen so
that the outcome is the same. Must not know workbooks.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from typing import Literal as OneOf

from keepstep.core.jsonvalue import parse_number
from keepstep.core.logic import faults_in, to_text
from keepstep.interchange.xpath import Call, Dot, Literal, Negative, Node, NotUnderstood, Operation, Path, Question, parse

Kind = OneOf["text", "number", "date", "datetime", "time", "list", "truth", "trigger", "file", "any"]
"""What a value is: "any" for a calculation, whose outcome may be of several kinds; "trigger" for an acknowledgement."""


@dataclass(frozen=True, slots=True)
class Term:
    """An expression with what is known of its value.

    `is_answer`: it reads one answer, which may be missing. `codes`: the codes that this answer can have, if it is a choice.
    `other`: what reads the text of its own choice "other", where it has one.
    """

    expression: Any
    kind: Kind
    is_answer: bool = False
    codes: frozenset[str] | None = None
    other: Any = None

    @property
    def is_literal(self) -> bool:
        return not isinstance(self.expression, dict)


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
        case Call():
            return _call(node, names)


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
    operand = _numeric(term)
    return Term(-operand if isinstance(operand, int | Decimal) else {"-": [operand]}, "number")


def _operation(node: Operation, names: Names) -> Term:
    if node.operator in ("and", "or"):
        return _connected(node, names)
    left, right = _term(node.left, names), _term(node.right, names)
    if node.operator in ("=", "!="):
        return _equality(node.operator, left, right)
    if node.operator in ("<", "<=", ">", ">="):
        return _order(node.operator, left, right)
    return _arithmetic(node.operator, left, right)


def _connected(node: Operation, names: Names) -> Term:
    """A row of the same connective as one operation."""
    operands: list[Node] = []
    rest: Node = node
    while isinstance(rest, Operation) and rest.operator == node.operator:
        operands.append(rest.right)
        rest = rest.left
    terms = [_condition(_term(operand, names)) for operand in (rest, *reversed(operands))]
    return Term({node.operator: [part for term in terms for part in _parts(term, node.operator)]}, "truth")


def _condition(term: Term) -> Any:
    """The expression in a place that asks for true or false. XPath takes every text but the empty one for true, as here."""
    return term.expression


# --- comparisons ---------------------------------------------------------------------------------------------------


def _answered(term: Term) -> Any:
    return {"answered": [term.expression]}


def _not(expression: Any) -> Any:
    if isinstance(expression, bool):
        return not expression
    if isinstance(expression, dict) and set(expression) == {"!"}:
        inner = expression["!"][0]
        return inner if _is_truth(inner) else {"!!": [inner]}
    return {"!": [expression]}


def _is_truth(expression: Any) -> bool:
    return isinstance(expression, dict) and next(iter(expression)) in (
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "and",
        "or",
        "!",
        "!!",
        "answered",
        "in",
        "selected",
        "matches",
    )


def _equality(operator: str, left: Term, right: Term) -> Term:
    equal = _equal(left, right)
    if operator == "=":
        return Term(equal, "truth")
    if isinstance(equal, dict) and set(equal) == {"=="}:
        return Term({"!=": equal["=="]}, "truth")
    return Term(_not(equal), "truth")


def _equal(left: Term, right: Term) -> Any:
    if left.is_literal and not right.is_literal:
        left, right = right, left
    if left.is_literal:
        return _same_literals(left.expression, right.expression)
    # In XPath `= ''` is how a form asks whether something is unanswered.
    if right.is_literal and right.expression is None:
        return _not(_answered(left))
    if right.is_literal and _is_own_other(left, right):
        return {"answered": [left.other]}
    if "trigger" in (left.kind, right.kind):
        return _equal_to_trigger(left, right)
    if "truth" in (left.kind, right.kind):
        return {"==": [{"!!": [left.expression]}, {"!!": [right.expression]}]}
    if "file" in (left.kind, right.kind):
        raise NotUnderstood("a file cannot be compared")
    equal = {"==": [_listed(left), _code(left, right) if right.is_literal else _listed(right)]}
    # Two unanswered questions are equal in XPath (both read as the empty text), and never here.
    if left.is_answer and right.is_answer:
        return {"or": [equal, {"and": [_not(_answered(left)), _not(_answered(right))]}]}
    return equal


def _same_literals(left: Any, right: Any) -> bool:
    return bool(left == right or (left is not None and right is not None and str(left) == str(right)))


def _equal_to_trigger(left: Term, right: Term) -> Any:
    """An acknowledgement is stored as the text OK there and as true here."""
    trigger, other = (left, right) if left.kind == "trigger" else (right, left)
    if other.is_literal and other.expression == "OK":
        return {"==": [trigger.expression, True]}
    raise NotUnderstood("an acknowledgement can only be compared with 'OK' or ''")


def _is_own_other(answer: Term, code: Term) -> bool:
    """`or_other` adds the code "other" there; here that choice is the text beside the value."""
    return answer.other is not None and code.expression == "other" and "other" not in (answer.codes or ())


def _code(answer: Term, code: Term) -> Any:
    """A written out code. One that the list of choices does not have is marked as a mere text.

    Only imported answers can have it; as a code it would name an option that is missing, and stop publishing.
    """
    if answer.codes is None or to_text(code.expression) in answer.codes:
        return code.expression
    return {"text" if isinstance(code.expression, str) else "number": [code.expression]}


def _listed(term: Term) -> Any:
    """A multiple choice reads as its codes joined by blanks."""
    return {"text": [term.expression]} if term.kind == "list" else term.expression


def _order(operator: str, left: Term, right: Term) -> Term:
    length = _length_test(operator, left, right)
    if length is not None:
        return Term(length, "truth")
    if {left.kind, right.kind} & {"list", "file", "truth", "trigger"}:
        raise NotUnderstood(f"{operator} compares numbers, dates or times only")
    # XPath orders by number; two texts here would be put in alphabetical order ("10" before "9").
    if left.kind == right.kind == "text":
        return Term({operator: [_as_number(left), _as_number(right)]}, "truth")
    return Term({operator: [_ordinal(left), _ordinal(right)]}, "truth")


def _ordinal(term: Term) -> Any:
    """A written out text that spells a number is that number; another one may be a date."""
    if not term.is_literal or term.kind != "text":
        return term.expression
    number = _as_number(term)
    return term.expression if number is None else number


def _as_number(term: Term) -> Any:
    if not term.is_literal:
        return {"number": [term.expression]}
    try:
        return parse_number(term.expression or "")
    except ValueError:
        return None


def _length_test(operator: str, left: Term, right: Term) -> Any:
    """`string-length(x) > 0` is how a form asks whether x is answered; None for any other comparison."""
    measured = left.expression.get("length") if isinstance(left.expression, dict) else None
    if measured is None or right.expression != 0 or isinstance(right.expression, bool):
        return None
    answered = {"answered": measured}
    return {">": answered, "<=": _not(answered)}.get(operator)


# --- arithmetic ----------------------------------------------------------------------------------------------------

_ARITHMETIC: Final = {"+": "+", "-": "-", "*": "*", "div": "/", "mod": "%"}
_DAYS: Final = ("date",)


def _arithmetic(operator: str, left: Term, right: Term) -> Term:
    kinds = (left.kind, right.kind)
    if {"datetime", "time"} & set(kinds):
        raise NotUnderstood("times of day cannot be calculated with")
    if "date" in kinds and operator not in ("+", "-"):
        raise NotUnderstood(f"dates take + and -, not {operator}")
    if operator == "+" and left.kind != "date" and right.kind == "date":
        left, right = right, left
    expression = {_ARITHMETIC[operator]: [_calculable(left), _calculable(right)]}
    return Term(expression, _outcome(operator, left.kind, right.kind))


def _outcome(operator: str, left: Kind, right: Kind) -> Kind:
    if operator not in ("+", "-") or "date" not in (left, right):
        return "any" if operator in ("+", "-") and "any" in (left, right) else "number"
    if left == right == "date":
        return "number"
    return "any" if "any" in (left, right) else "date"


def _calculable(term: Term) -> Any:
    return term.expression if term.kind == "date" else _numeric(term)


def _numeric(term: Term) -> Any:
    """The expression where a number is asked for; docs/logic.md reads a text that spells a number as that number."""
    if term.kind in ("list", "file"):
        raise NotUnderstood("a multiple choice or a file is no number")
    if term.kind in ("date", "datetime", "time"):
        raise NotUnderstood("a date or a time is no number")
    if term.kind in ("truth", "trigger"):
        return {"if": [term.expression, 1, 0]}
    return _as_number(term) if term.is_literal and term.kind == "text" else term.expression


# --- functions -----------------------------------------------------------------------------------------------------

Terms = tuple[Term, ...]


def _call(node: Call, names: Names) -> Term:
    name = _ALIASES.get(node.function, node.function)
    if name not in _FUNCTIONS:
        raise NotUnderstood(f"the function {node.function}() has no equal here")
    least, most, build = _FUNCTIONS[name]
    if not least <= len(node.arguments) <= most:
        raise NotUnderstood(f"{node.function}() has {len(node.arguments)} arguments")
    return build(tuple(_term(argument, names) for argument in node.arguments))


def _selected(terms: Terms) -> Term:
    """Codes are texts, also where a form writes them as numbers."""
    answer, code = terms
    if code.is_literal and _is_own_other(answer, code):
        return Term({"answered": [answer.other]}, "truth")
    wanted = code.expression if not code.is_literal else _code(answer, Term(to_text(code.expression), "text"))
    if answer.kind == "trigger":
        return Term(_equal_to_trigger(answer, code), "truth")
    if answer.kind in ("file", "truth"):
        raise NotUnderstood("selected() reads a choice")
    return Term({"selected": [answer.expression, wanted]}, "truth")


def _count_selected(terms: Terms) -> Term:
    return Term({"count": [terms[0].expression]}, "number")


def _if(terms: Terms) -> Term:
    condition, then, otherwise = terms
    kind = (
        then.kind if then.kind == otherwise.kind or otherwise.expression is None else otherwise.kind if then.expression is None else "any"
    )
    return Term({"if": [condition.expression, then.expression, otherwise.expression]}, kind)


def _coalesce(terms: Terms) -> Term:
    return Term({"coalesce": [term.expression for term in terms]}, terms[0].kind if terms[0].kind == terms[1].kind else "any")


def _string(terms: Terms) -> Term:
    return Term({"text": [_textual(terms[0])]}, "text")


def _textual(term: Term) -> Any:
    if term.kind == "trigger":
        return {"if": [term.expression, "OK", None]}
    if term.kind == "file":
        raise NotUnderstood("a file has no text")
    return term.expression


def _length(terms: Terms) -> Term:
    return Term({"length": [_textual(terms[0])]}, "number")


def _concat(terms: Terms) -> Term:
    return Term({"cat": [_textual(term) for term in terms]}, "text")


def _number(terms: Terms) -> Term:
    return Term({"number": [_numeric(terms[0])]}, "number")


def _numerical(operator: str) -> Callable[[Terms], Term]:
    return lambda terms: Term({operator: [_numeric(terms[0])]}, "number")


def _round(terms: Terms) -> Term:
    """XPath rounds halves up, towards plus infinity; with digits the ODK specification rounds them away from zero."""
    if len(terms) == 1:
        return Term({"floor": [{"+": [_numeric(terms[0]), Decimal("0.5")]}]}, "number")
    return Term({"round": [_numeric(term) for term in terms]}, "number")


def _extreme(operator: str) -> Callable[[Terms], Term]:
    def build(terms: Terms) -> Term:
        """With one of several unanswered the outcome there is no number; here the unanswered would be passed over."""
        picked = {operator: [_numeric(term) for term in terms]}
        answers = [_answered(term) for term in terms if not term.is_literal]
        return Term({"if": [{"and": answers}, picked, None]} if answers and len(terms) > 1 else picked, "number")

    return build


def _today(_: Terms) -> Term:
    return Term({"today": []}, "date")


def _now(_: Terms) -> Term:
    return Term({"now": []}, "datetime")


def _date(terms: Terms) -> Term:
    if terms[0].kind == "number":
        raise NotUnderstood("date() of a number of days has no equal here")
    return terms[0] if terms[0].kind == "date" and not terms[0].is_answer else Term({"date": [_textual(terms[0])]}, "date")


def _date_time(terms: Terms) -> Term:
    if terms[0].kind == "datetime" or terms[0].is_literal:
        return Term(terms[0].expression, "datetime")
    raise NotUnderstood("date-time() has no equal here")


_DATE_PARTS: Final = {"Y": (0, 4), "y": (2, 2), "m": (5, 2), "d": (8, 2)}
_TIME_PARTS: Final = {"H": (11, 2), "M": (14, 2), "S": (17, 2)}
_UNPADDED: Final = {"n": "m", "e": "d", "h": "H"}


def _format_date(terms: Terms) -> Term:
    """The pieces of the ISO form, put together as the pattern says; an unanswered date gives nothing."""
    moment, pattern = terms
    if not isinstance(pattern.expression, str):
        raise NotUnderstood("a date format must be written out")
    is_datetime = moment.kind == "datetime"
    text = {"text": [moment.expression]} if is_datetime else {"date": [moment.expression]}
    pieces = [_piece(piece, text, _DATE_PARTS | _TIME_PARTS if is_datetime else _DATE_PARTS) for piece in _split_format(pattern.expression)]
    return Term({"if": [_answered(Term(text, "text")), {"cat": pieces}, None]}, "text")


def _split_format(pattern: str) -> Iterator[str]:
    yield from re.findall(r"%.|[^%]+|%$", pattern, re.DOTALL)


def _piece(piece: str, text: Any, parts: Mapping[str, tuple[int, int]]) -> Any:
    if not piece.startswith("%"):
        return piece
    letter = _UNPADDED.get(piece[1:], piece[1:])
    if letter not in parts:
        raise NotUnderstood(f"the date format {piece} has no equal here")
    start, length = parts[letter]
    cut = {"substr": [text, start, length]}
    return {"number": [cut]} if piece[1:] in _UNPADDED else cut


def _regex(terms: Terms) -> Term:
    """Both match the whole text. A pattern that Python cannot read is refused by `faults_in`."""
    if not isinstance(terms[1].expression, str):
        raise NotUnderstood("a pattern must be written out")
    return Term({"matches": [_textual(terms[0]), terms[1].expression]}, "truth")


def _contains(terms: Terms) -> Term:
    return Term({"in": [_textual(terms[1]), {"text": [_textual(terms[0])]}]}, "truth")


def _starts_with(terms: Terms) -> Term:
    text, start = _textual(terms[0]), terms[1].expression
    if not isinstance(start, str):
        raise NotUnderstood("starts-with() needs a written out text")
    return Term({"==": [{"substr": [text, 0, len(start)]}, start]}, "truth")


def _ends_with(terms: Terms) -> Term:
    text, end = _textual(terms[0]), terms[1].expression
    if not isinstance(end, str):
        raise NotUnderstood("ends-with() needs a written out text")
    return Term({"==": [{"substr": [text, -len(end)]}, end]}, "truth")


def _substr(terms: Terms) -> Term:
    """ODK: from a position counted from 0 up to, without, another one."""
    text, start = _textual(terms[0]), _position(terms[1])
    if len(terms) == 2:
        return Term({"substr": [text, start]}, "text")
    return Term({"substr": [text, start, _position(terms[2]) - start]}, "text")


def _position(term: Term) -> int:
    if not isinstance(term.expression, int) or isinstance(term.expression, bool) or term.expression < 0:
        raise NotUnderstood("substr() needs positions written out as whole numbers from 0")
    return term.expression


def _textual_operator(operator: str) -> Callable[[Terms], Term]:
    return lambda terms: Term({operator: [_textual(terms[0])]}, "text")


def _boolean_from_string(terms: Terms) -> Term:
    return Term({"in": [{"text": [_textual(terms[0])]}, ["true", "1"]]}, "truth")


_ALIASES: Final = {"format-date-time": "format-date", "ceil": "ceiling", "lower-case": "lower", "upper-case": "upper"}
_MANY: Final = 100
_FUNCTIONS: Final[dict[str, tuple[int, int, Callable[[Terms], Term]]]] = {
    "true": (0, 0, lambda _: Term(True, "truth")),
    "false": (0, 0, lambda _: Term(False, "truth")),
    "not": (1, 1, lambda terms: Term(_not(terms[0].expression), "truth")),
    "boolean": (1, 1, lambda terms: Term({"!!": [terms[0].expression]}, "truth")),
    "boolean-from-string": (1, 1, _boolean_from_string),
    "selected": (2, 2, _selected),
    "count-selected": (1, 1, _count_selected),
    "if": (3, 3, _if),
    "coalesce": (2, 2, _coalesce),
    "string": (1, 1, _string),
    "string-length": (1, 1, _length),
    "concat": (1, _MANY, _concat),
    "number": (1, 1, _number),
    "int": (1, 1, _numerical("int")),
    "abs": (1, 1, _numerical("abs")),
    "floor": (1, 1, _numerical("floor")),
    "ceiling": (1, 1, _numerical("ceil")),
    "round": (1, 2, _round),
    "min": (1, _MANY, _extreme("min")),
    "max": (1, _MANY, _extreme("max")),
    "sum": (1, 1, _number),
    "today": (0, 0, _today),
    "now": (0, 0, _now),
    "date": (1, 1, _date),
    "date-time": (1, 1, _date_time),
    "format-date": (2, 2, _format_date),
    "regex": (2, 2, _regex),
    "contains": (2, 2, _contains),
    "starts-with": (2, 2, _starts_with),
    "ends-with": (2, 2, _ends_with),
    "substr": (2, 3, _substr),
    "lower": (1, 1, _textual_operator("lower")),
    "upper": (1, 1, _textual_operator("upper")),
}
FUNCTIONS: Final = frozenset(_FUNCTIONS) | frozenset(_ALIASES)
"""The XPath functions that are understood; docs/interchange.md lists them."""
