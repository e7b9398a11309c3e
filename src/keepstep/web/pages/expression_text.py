"""An expression as a form shows it and reads it back: JsonLogic on lines of a readable length, with keys in place of ids.

What cannot be read is said with its line and column. Must not know where expressions stand.
"""

from typing import Any, Final

from keepstep.core.issue import Issue
from keepstep.core.json_places import fault_in, place, position
from keepstep.core.jsonvalue import dumps, loads
from keepstep.core.logic import faults_in
from keepstep.core.logic_keys import unknown_in, with_ids, with_keys
from keepstep.core.naming import Naming
from keepstep.errors import MalformedJson, RequestInvalid

# Up to here an operation is read better on one line.
_LINE: Final = 70


def text_of(expression: Any, naming: Naming) -> str:
    """The expression to be edited; "" for none."""
    return "" if expression is None else _pretty(with_keys(expression, naming), 0)


def _pretty(expression: Any, depth: int) -> str:
    """On several lines, its numbers exactly as they are stored."""
    line = dumps(expression)
    if len(line) + 2 * depth <= _LINE or not isinstance(expression, dict | list) or not expression:
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(expression, list):
        return "[\n" + ",\n".join(inner + _pretty(each, depth + 1) for each in expression) + f"\n{outer}]"
    members = (f"{inner}{dumps(name)}: {_pretty(each, depth + 1)}" for name, each in expression.items())
    return "{\n" + ",\n".join(members) + f"\n{outer}}}"


def expression_of(text: str, naming: Naming) -> Any:
    """The expression that was typed, with ids; None for none. Raises RequestInvalid, each finding with its line and column."""
    if not text.strip():
        return None
    try:
        written = loads(text)
    except MalformedJson as problem:
        raise RequestInvalid(fault_in(text) or problem.detail) from problem
    expression = with_ids(written, naming)
    found = (*faults_in(expression), *unknown_in(expression, naming))
    if found:
        told = [_placed(issue, text) for issue in found]
        raise RequestInvalid(told[0], errors=[{**issue.to_json(), "detail": each} for issue, each in zip(found, told, strict=True)])
    return expression


def _placed(issue: Issue, text: str) -> str:
    detail = issue.detail[:1].lower() + issue.detail[1:] if issue.detail[1:2].islower() else issue.detail
    return f"{place(text, position(text, issue.pointer))}: {detail}"
