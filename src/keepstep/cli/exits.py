"""With which exit code a command ends, and how it says what stopped it. Scripts rely on the codes: docs/operations.md lists them."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from keepstep.core import jsonvalue
from keepstep.errors import Kind, Problem

# 2 is what the parser of the command line uses for a wrong option.
EXIT_CODES: Final[Mapping[Kind, int]] = {
    "internal": 1,
    "malformed": 3,
    "invalid": 3,
    "too_large": 3,
    "unsupported": 3,
    "unauthenticated": 4,
    "forbidden": 4,
    "not_found": 5,
    "gone": 5,
    "conflict": 6,
    "stale": 6,
    "precondition_required": 6,
    "limited": 7,
    "unavailable": 7,
}
# Nothing went wrong, but what was looked for was found: faults of a database, for one.
FINDINGS: Final = 8


@contextmanager
def problems_end_the_command(*, as_json: bool = False) -> Iterator[None]:
    """A problem is said on the error stream, as a sentence or as JSON, and ends the process with the code of its kind."""
    try:
        yield
    except Problem as problem:
        print(_told(problem, as_json=as_json), file=sys.stderr)
        raise SystemExit(EXIT_CODES[problem.kind]) from problem


def _told(problem: Problem, *, as_json: bool) -> str:
    if as_json:
        members: dict[str, Any] = {"code": problem.code, "title": problem.title, "detail": problem.detail, "errors": problem.errors}
        return jsonvalue.dumps(problem.extra | members)
    places = [f"  {error.get('pointer') or '/'}: {error['detail']}" for error in problem.errors]
    headline = problem.title if problem.detail == problem.title else f"{problem.title}. {problem.detail}"
    return "\n".join([f"keepstep: {headline} ({problem.code})", *places])
