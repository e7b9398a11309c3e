"""docs/problems.md as the catalogue of problems gives it. `make docs` writes it; a test compares."""

from collections.abc import Iterator
from inspect import getdoc
from pathlib import Path

from keepstep.errors import Problem, catalogue

PAGE = Path(__file__).parents[2] / "docs/problems.md"

OPENING = """# Problems

What can stop a request, a command or a job. Each has a stable `code`; the API answers with `application/problem+json` (RFC 9457), whose
`type` is `/api/problems/<code>`, whose `detail` says what happened in this case and what to do, and whose `errors` list
every single place that is wrong, as JSON pointer, code and sentence. The *kind* decides the HTTP status and the exit code.

This page is generated from `keepstep/errors.py` by `make docs`.

| code | kind | title |
|---|---|---|
"""


def problems_page() -> str:
    """The whole page, in the order of the catalogue."""
    problems = catalogue()
    rows = "".join(f"| [`{problem.code}`](#{problem.code}) | {problem.kind} | {problem.title} |\n" for problem in problems)
    return OPENING + rows + "".join(_sections(problems))


def _sections(problems: tuple[type[Problem], ...]) -> Iterator[str]:
    for problem in problems:
        yield f"\n## {problem.code}\n\n**{problem.title}.** {' '.join((getdoc(problem) or '').split())}\n"


if __name__ == "__main__":
    PAGE.write_text(problems_page(), encoding="utf-8")
