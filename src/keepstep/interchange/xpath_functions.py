"""What the functions of XLSForm expressions mean: one row of a table each.

Must not know questions by name or workbooks.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from keepstep.core.logic import to_text
from keepstep.interchange.xpath import NotUnderstood
from keepstep.interchange.xpath_terms import Term, answered, code_of, equal_to_trigger, is_own_other, negation, numeric

Terms = tuple[Term, ...]


def function_of(name: str, arguments: int) -> Callable[[Terms], Term]:
    """What a function with so many arguments makes of them. Raises NotUnderstood for one without an equal."""
    known = _ALIASES.get(name, name)
    if known not in _FUNCTIONS:
        raise NotUnderstood(f"the function {name}() has no equal here")
    least, most, build = _FUNCTIONS[known]
    if not least <= arguments <= most:
        raise NotUnderstood(f"{name}() has {arguments} arguments")
    return build


def _selected(terms: Terms) -> Term:
    """Codes are texts, also where a form writes them as numbers."""
    answer, code = terms
    if code.is_literal and is_own_other(answer, code):
        return Term({"answered": [answer.other]}, "truth")
    wanted = code.expression if not code.is_literal else code_of(answer, Term(to_text(code.expression), "text"))
    if answer.kind == "trigger":
        return Term(equal_to_trigger(answer, code), "truth")
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
    return Term({"number": [numeric(terms[0])]}, "number")


def _numerical(operator: str) -> Callable[[Terms], Term]:
    return lambda terms: Term({operator: [numeric(terms[0])]}, "number")


def _round(terms: Terms) -> Term:
    """XPath rounds halves up, towards plus infinity; with digits the ODK specification rounds them away from zero."""
    if len(terms) == 1:
        return Term({"floor": [{"+": [numeric(terms[0]), Decimal("0.5")]}]}, "number")
    return Term({"round": [numeric(term) for term in terms]}, "number")


def _extreme(operator: str) -> Callable[[Terms], Term]:
    def build(terms: Terms) -> Term:
        """With one of several unanswered the outcome there is no number; here the unanswered would be passed over."""
        picked = {operator: [numeric(term) for term in terms]}
        answers = [answered(term) for term in terms if not term.is_literal]
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
    return Term({"if": [answered(Term(text, "text")), {"cat": pieces}, None]}, "text")


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
    if terms[1].expression is None:
        raise NotUnderstood("contains() needs a text to look for")
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
    "not": (1, 1, lambda terms: Term(negation(terms[0].expression), "truth")),
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
