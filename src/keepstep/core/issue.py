"""A finding about data: where it is, what it is, and a sentence that helps. Findings are collected, never raised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding. `pointer` is a JSON pointer (RFC 6901) into the value looked at, `code` is stable, `detail` is for people."""

    pointer: str
    code: str
    detail: str

    def to_json(self) -> dict[str, str]:
        """`{pointer, code, detail}`, as problem answers and receipts carry it."""
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail}


def pointer(*parts: str | int) -> str:
    """The JSON pointer of a path: `pointer("a/b", 0) == "/a~1b/0"`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def to_errors(issues: Sequence[Issue]) -> tuple[dict[str, str], ...]:
    """The `errors` member of a problem."""
    return tuple(issue.to_json() for issue in issues)


_NUMBERED: Final[Mapping[str, str]] = {
    "steps": "step",
    "option_sets": "question",
    "options": "option",
    "endings": "ending",
    "rules": "rule",
    "key_aliases": "former key",
}
# What only holds the members that are named after it.
_UNSAID: Final = frozenset({"constraints"})
_NAMED: Final[Mapping[str, str]] = {"visible_if": "condition", "expression": "calculation", "is_required": "required"}


def place_words(pointer: str) -> str:
    """A JSON pointer into a structure as people count: `/steps/0/option_sets/2/name` is `Step 1, question 3, name`."""
    parts, words = pointer.split("/")[1:], list[str]()
    for index, part in enumerate(parts):
        before = parts[index - 1] if index else ""
        if part.isdecimal() and before in _NUMBERED:
            words[-1] = f"{_NUMBERED[before]} {int(part) + 1}"
        elif part not in _UNSAID:
            words.append(_NAMED.get(part, part.replace("_", " ")))
    told = ", ".join(words) or "the wizard"
    return told[:1].upper() + told[1:]
