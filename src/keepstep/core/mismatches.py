"""Comparisons that cannot come out as their author means, because of what the question's answers are.

Must not know where an expression stands or what it decides.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from keepstep.core.logic import as_date, as_datetime, as_number
from keepstep.core.structure import OptionSet, Structure
from keepstep.core.text import quoted

_COMPARING: Final = frozenset("== != < <= > >=".split())


def mismatches_in(expression: Any, structure: Structure) -> Iterator[str]:
    """A sentence for each comparison of a question with a literal that none of its answers can equal or be ordered with."""
    if isinstance(expression, list | tuple):
        for item in expression:
            if isinstance(item, dict | list | tuple):
                yield from mismatches_in(item, structure)
    if not isinstance(expression, dict):
        return
    ((name, args),) = expression.items()
    if name == "var":
        return
    if name in _COMPARING:
        yield from _mismatch(args, structure)
    if name == "other":
        yield from _no_other(args, structure)
    yield from mismatches_in(args, structure)


def _no_other(args: Any, structure: Structure) -> Iterator[str]:
    option_set = structure.option_set_by_id.get(args if isinstance(args, str) else args[0])
    if option_set is not None and not getattr(option_set, "allow_other", False):
        yield f"{quoted(option_set.name, structure.default_language)} takes no text of its own, so {{other}} of it is always unanswered."


def _mismatch(args: list[Any], structure: Structure) -> Iterator[str]:
    for one, literal in ((args[0], args[1]), (args[1], args[0])):
        option_set = _read(one, structure)
        if option_set is None or isinstance(literal, dict | list | tuple) or literal is None:
            continue
        name = quoted(option_set.name, structure.default_language)
        if literal == "":
            yield f"{name} is compared with an empty text, which no answer equals; ask whether it is answered instead."
        elif (meant := _MEANT.get(option_set.selection_type)) is not None and not meant[0](literal):
            yield f"{name} is compared with {_shown(literal)}; {meant[1]}."


def _read(expression: Any, structure: Structure) -> OptionSet | None:
    if not isinstance(expression, dict) or "var" not in expression:
        return None
    target = expression["var"]
    return structure.option_set_by_id.get(target if isinstance(target, str) else target[0])


def _shown(literal: Any) -> str:
    return f"“{literal[:60]}”" if isinstance(literal, str) else str(literal).lower()


def _is_text(literal: Any) -> bool:
    return not isinstance(literal, bool)


def _is_number(literal: Any) -> bool:
    return as_number(literal) is not None


def _is_time(literal: Any) -> bool:
    return isinstance(literal, str) and re.fullmatch(r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?", literal) is not None


def _is_moment(literal: Any) -> bool:
    return as_datetime(literal) is not None or as_date(literal) is not None


_Meant = tuple[Callable[[Any], bool], str]
_TEXT: Final[_Meant] = (_is_text, "its answers are texts, never true or false")
_NUMBER: Final[_Meant] = (_is_number, "its answers are numbers")
_MEANT: Final[dict[str, _Meant]] = {
    "text_input": _TEXT,
    "textarea": _TEXT,
    "email": _TEXT,
    "phone": _TEXT,
    "url": _TEXT,
    "single_select": (_is_text, "its answers are option values, never true or false"),
    "dropdown": (_is_text, "its answers are option values, never true or false"),
    "multiple_select": (lambda _: False, "its answers are lists: use selected, or count"),
    "number": _NUMBER,
    "integer": _NUMBER,
    "slider": _NUMBER,
    "rating": _NUMBER,
    "boolean": (lambda literal: isinstance(literal, bool), "its answers are true and false"),
    "date": (lambda literal: as_date(literal) is not None, "its answers are dates, such as 2026-03-27"),
    "time": (_is_time, "its answers are times, such as 14:30"),
    "datetime": (_is_moment, "its answers are dates with a time, such as 2026-03-27T14:30:00+01:00"),
    "file": (lambda _: False, "its answers are files; count them, or ask whether it is answered"),
}
"""For each selection type: whether a literal can be meant, and what its answers are. A calculation may come to anything."""
