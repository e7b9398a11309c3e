"""What a part of an XLSForm expression means: JsonLogic with the kind of its value, compared and calculated with as XPath would.

Must not know questions by name, functions or workbooks.
"""

from dataclasses import dataclass
from typing import Any, Final
from typing import Literal as OneOf

from keepstep.core.jsonvalue import parse_number
from keepstep.core.logic import to_text
from keepstep.interchange.xpath import NotUnderstood

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


# --- comparisons ---------------------------------------------------------------------------------------------------


def answered(term: Term) -> Any:
    return {"answered": [term.expression]}


def negation(expression: Any) -> Any:
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


def equality(operator: str, left: Term, right: Term) -> Term:
    equal = _equal(left, right)
    if operator == "=":
        return Term(equal, "truth")
    if isinstance(equal, dict) and set(equal) == {"=="}:
        return Term({"!=": equal["=="]}, "truth")
    return Term(negation(equal), "truth")


def _equal(left: Term, right: Term) -> Any:
    if left.is_literal and not right.is_literal:
        left, right = right, left
    if left.is_literal:
        return _same_literals(left.expression, right.expression)
    # In XPath `= ''` is how a form asks whether something is unanswered.
    if right.is_literal and right.expression is None:
        return negation(answered(left))
    if right.is_literal and is_own_other(left, right):
        return {"answered": [left.other]}
    if "trigger" in (left.kind, right.kind):
        return equal_to_trigger(left, right)
    if "truth" in (left.kind, right.kind):
        return {"==": [{"!!": [left.expression]}, {"!!": [right.expression]}]}
    if "file" in (left.kind, right.kind):
        raise NotUnderstood("a file cannot be compared")
    equal = {"==": [_listed(left), code_of(left, right) if right.is_literal else _listed(right)]}
    # Two unanswered questions are equal in XPath (both read as the empty text), and never here.
    if left.is_answer and right.is_answer:
        return {"or": [equal, {"and": [negation(answered(left)), negation(answered(right))]}]}
    return equal


def _same_literals(left: Any, right: Any) -> bool:
    return bool(left == right or (left is not None and right is not None and str(left) == str(right)))


def equal_to_trigger(left: Term, right: Term) -> Any:
    """An acknowledgement is stored as the text OK there and as true here."""
    trigger, other = (left, right) if left.kind == "trigger" else (right, left)
    if other.is_literal and other.expression == "OK":
        return {"==": [trigger.expression, True]}
    raise NotUnderstood("an acknowledgement can only be compared with 'OK' or ''")


def is_own_other(answer: Term, code: Term) -> bool:
    """`or_other` adds the code "other" there; here that choice is the text beside the value."""
    return answer.other is not None and code.expression == "other" and "other" not in (answer.codes or ())


def code_of(answer: Term, code: Term) -> Any:
    """A written out code. One that the list of choices does not have is marked as a mere text.

    Only imported answers can have it; as a code it would name an option that is missing, and stop publishing.
    """
    if answer.codes is None or to_text(code.expression) in answer.codes:
        return code.expression
    return {"text" if isinstance(code.expression, str) else "number": [code.expression]}


def _listed(term: Term) -> Any:
    """A multiple choice reads as its codes joined by blanks."""
    return {"text": [term.expression]} if term.kind == "list" else term.expression


def order(operator: str, left: Term, right: Term) -> Term:
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
    is_answered = {"answered": measured}
    return {">": is_answered, "<=": negation(is_answered)}.get(operator)


# --- arithmetic ----------------------------------------------------------------------------------------------------

_ARITHMETIC: Final = {"+": "+", "-": "-", "*": "*", "div": "/", "mod": "%"}


def arithmetic(operator: str, left: Term, right: Term) -> Term:
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
    return term.expression if term.kind == "date" else numeric(term)


def numeric(term: Term) -> Any:
    """The expression where a number is asked for; docs/logic.md reads a text that spells a number as that number."""
    if term.kind in ("list", "file"):
        raise NotUnderstood("a multiple choice or a file is no number")
    if term.kind in ("date", "datetime", "time"):
        raise NotUnderstood("a date or a time is no number")
    if term.kind in ("truth", "trigger"):
        return {"if": [term.expression, 1, 0]}
    return _as_number(term) if term.is_literal and term.kind == "text" else term.expression
