"""A finding about data: where it is, what it is, and a sentence that helps. Findings are collected, never raised."""

from collections.abc import Sequence
from dataclasses import dataclass


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
