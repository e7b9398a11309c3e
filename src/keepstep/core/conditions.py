"""Conditions as people build them: all or any of question–operator–value, each perhaps with alternatives. To an expression and back.

A part that has no such form is `Kept` as it is, beside rules that have one. Must not know structures: a question is only an id here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

How = Literal["all", "any"]
_WORDS: Final[Mapping[How, str]] = {"all": "and", "any": "or"}
TODAY: Final[Mapping[str, Any]] = {"today": []}
"""The one value that is no literal."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A question, one of OPERATORS, and what it is compared with: a literal, TODAY, the answer to another question (`answer_to`), a list
    for `one-of`, a regular expression for `matches`, None where nothing is.

    The id `.` is the value under test, in a rule of a question.
    """

    option_set_id: str
    operator: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A part that is no rule: it can be read, moved with its block and taken out, but not edited here."""

    expression: Any


@dataclass(frozen=True, slots=True)
class Condition:
    """`all` of the blocks, in each of which one rule is enough; or `any` of them, in each of which every rule must hold."""

    how: How
    blocks: tuple[tuple[Rule | Kept, ...], ...]

    @property
    def kept(self) -> int:
        """How many parts of it are no rules."""
        return sum(isinstance(each, Kept) for block in self.blocks for each in block)

    @property
    def inner(self) -> How:
        return "any" if self.how == "all" else "all"


COMPARING: Final[Mapping[str, str]] = {
    "is": "==",
    "is-not": "!=",
    "less": "<",
    "at-most": "<=",
    "more": ">",
    "at-least": ">=",
    "includes": "selected",
}
OPERATORS: Final = (*COMPARING, "not-includes", "one-of", "contains", "matches", "answered", "not-answered")
WITHOUT_VALUE: Final = ("answered", "not-answered")


# --- to an expression ----------------------------------------------------------------------------------------------


def built(condition: Condition) -> Any:
    """The expression; None for a condition without rules."""
    blocks = [_joined(_WORDS[condition.inner], [_rule_built(rule) for rule in block]) for block in condition.blocks if block]
    return _joined(_WORDS[condition.how], blocks) if blocks else None


def _joined(word: str, items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else {word: items}


def _rule_built(rule: Rule | Kept) -> Any:
    if isinstance(rule, Kept):
        return rule.expression
    read = {"var": rule.option_set_id}
    match rule.operator:
        case "not-includes":
            return {"!": [{"selected": [read, rule.value]}]}
        case "one-of":
            return {"in": [read, list(rule.value)]}
        case "contains":
            return {"in": [rule.value, read]}
        case "matches":
            return {"matches": [read, rule.value]}
        case "answered":
            return {"answered": [read]}
        case "not-answered":
            return {"!": [{"answered": [read]}]}
        case _:
            return {COMPARING[rule.operator]: [read, rule.value]}


# --- from an expression --------------------------------------------------------------------------------------------


def parsed(expression: Any) -> Condition | None:
    """The condition that an expression is, up to what changes nothing of its truth (`simplified`), read so that the least of it is
    kept unread. None for no condition.
    """
    found = simplified(expression)
    if found is None:
        return None
    readings = [reading for how in _WORDS if built(reading := _read(found, how)) == found]
    return min(readings, key=lambda reading: reading.kept)


def _read(found: Any, how: How) -> Condition:
    outer, inner = _WORDS[how], "or" if how == "all" else "and"
    blocks = tuple(_block(each, inner) for each in _arguments(found, outer) or [found])
    return Condition(how, blocks)


def _block(found: Any, inner: str) -> tuple[Rule | Kept, ...]:
    return tuple(_rule(each) or Kept(each) for each in _arguments(found, inner) or [found])


def _arguments(found: Any, name: str) -> list[Any] | None:
    """The arguments of this operator, None where the expression is none."""
    return found[name] if isinstance(found, dict) and set(found) == {name} and isinstance(found[name], list) else None


_BY_NAME: Final = {name: operator for operator, name in COMPARING.items()}


def _rule(found: Any) -> Rule | None:
    if not isinstance(found, dict) or len(found) != 1:
        return None
    name, arguments = next(iter(found.items()))
    if not isinstance(arguments, list) or not arguments:
        return None
    if name == "!":
        return _negated(_rule(arguments[0]))
    target = _target(arguments[0])
    if name == "answered" and target:
        return Rule(target, "answered")
    if len(arguments) != 2:
        return None
    if name == "in":
        return _membership(arguments)
    if name == "matches":
        return Rule(target, "matches", arguments[1]) if target and isinstance(arguments[1], str) else None
    is_readable = _is_value(arguments[1]) or _target(arguments[1]) is not None
    return Rule(target, _BY_NAME[name], arguments[1]) if name in _BY_NAME and target and is_readable else None


def _membership(arguments: list[Any]) -> Rule | None:
    first, second = arguments
    target = _target(first)
    if target and isinstance(second, list) and second and all(_is_value(each) for each in second):
        return Rule(target, "one-of", tuple(second))
    target = _target(second)
    return Rule(target, "contains", first) if target and isinstance(first, str) else None


def _negated(rule: Rule | None) -> Rule | None:
    opposite = {"includes": "not-includes", "answered": "not-answered"}.get(rule.operator) if rule else None
    return Rule(rule.option_set_id, opposite, rule.value) if rule and opposite else None


def _target(found: Any) -> str | None:
    target = found.get("var") if isinstance(found, dict) and len(found) == 1 else None
    return target if isinstance(target, str) else None


def answer_to(value: Any) -> str:
    """The id of the question whose answer this value of a rule is; "" for a literal."""
    return _target(value) or ""


def _is_value(value: Any) -> bool:
    return value == TODAY or isinstance(value, str | int | Decimal)


def simplified(expression: Any) -> Any:
    """The same condition written in one way: arguments in lists, no `and` or `or` of one, none directly inside its like."""
    if not isinstance(expression, Mapping) or len(expression) != 1:
        return [simplified(each) for each in expression] if isinstance(expression, list | tuple) else expression
    name, given = next(iter(expression.items()))
    arguments = list(given) if isinstance(given, list | tuple) else [given]
    if name == "var":
        return {"var": arguments[0]} if len(arguments) == 1 else {"var": arguments}
    if name == "today":
        return dict(TODAY)
    inside = [simplified(each) for each in arguments]
    if name not in ("and", "or"):
        return {name: inside}
    flat = [each for item in inside for each in (_arguments(item, name) or [item])]
    return flat[0] if len(flat) == 1 else {name: flat}
