"""Whether every stored answer can be shown in the version that it was given in: read and rendered as the pages of runs do.

The other half of `verify`: an answer may be exactly what was stored and still have no place or no reading. Reads only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row

from keepstep.core.flow import is_answered
from keepstep.core.selection import display
from keepstep.core.structure import OptionSet, Structure
from keepstep.db.tables import wizard_runs
from keepstep.db.transaction import Read
from keepstep.errors import Problem
from keepstep.queries.integrity import Scope
from keepstep.queries.runs import runs_with_heads
from keepstep.queries.versions import version_by_id

# Named in full; more are counted.
MOST_NAMED: Final = 100
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Unshown:
    """An answer that cannot be shown, and why. `option_set_id` is the name under which it is stored."""

    wizard_id: str
    run_id: str
    option_set_id: str
    reason: str


@dataclass(slots=True)
class Showing:
    """How many runs and answers were looked at, and which answers cannot be shown."""

    runs: int = 0
    answers: int = 0
    unshown: int = 0
    named: list[Unshown] = field(default_factory=list)


async def unshown_answers(tx: Read, scope: Scope) -> Showing:
    """Of the last revision of every run in this scope, or its working copy while it is in progress. Memory does not grow with runs."""
    result = Showing()
    statement = runs_with_heads(wizard_runs).order_by(wizard_runs.c.id).limit(scope.limit)
    if scope.wizard_id is not None:
        statement = statement.where(wizard_runs.c.origin_wizard_id == scope.wizard_id)
    if scope.after is not None:
        statement = statement.where(wizard_runs.c.id > scope.after)
    structures: dict[str, Structure | None] = {}
    async for batch in _batches(tx, statement):
        for row in batch:
            version_id = _version_of(row)
            if version_id not in structures:
                structures[version_id] = await _structure(tx, version_id)
            _look_at(row, structures[version_id], result)
    return result


async def _batches(tx: Read, statement: Any) -> Any:
    """Some rows at a time: a structure is looked up between them, and one connection cannot do both at once."""
    batch: list[Row[Any]] = []
    async for row in tx.stream(statement, size=_AT_ONCE):
        batch.append(row)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _version_of(row: Row[Any]) -> str:
    """The version of the working copy, else of the last revision."""
    return str(row.wizard_version_id if row.working_answers is not None or row.revision is None else row.revision_version_id)


async def _structure(tx: Read, version_id: str) -> Structure | None:
    """None where it cannot be read any more, in which case nothing on it can be shown."""
    try:
        return (await version_by_id(tx, version_id)).structure
    except Problem:
        return None


def _look_at(row: Row[Any], structure: Structure | None, result: Showing) -> None:
    answers = row.working_answers if row.working_answers is not None else row.answers
    result.runs += 1
    language = row.language if row.working_answers is not None else row.revision_language
    for name, reason in (
        _unshown_in(answers, structure, str(language)) if isinstance(answers, dict) else [("", "The answers cannot be read.")]
    ):
        result.unshown += 1
        if len(result.named) < MOST_NAMED:
            result.named.append(Unshown(row.origin_wizard_id, row.id, name, reason))
    result.answers += len(answers) if isinstance(answers, dict) else 0


def _unshown_in(answers: Mapping[str, Any], structure: Structure | None, language: str) -> Iterator[tuple[str, str]]:
    for name, envelope in answers.items():
        if structure is None:
            yield name, "The version of the run cannot be read."
        elif name not in structure.option_set_by_id:
            yield name, "The version of the run has no such question."
        elif not _has_reading(envelope, structure.option_set_by_id[name], language, structure.default_language):
            yield name, "What is stored here has no reading as an answer."


def _has_reading(envelope: Any, option_set: OptionSet, language: str, default: str) -> bool:
    if not isinstance(envelope, dict):
        return False
    return not is_answered(envelope) or display(envelope, option_set, language, default) != ""
