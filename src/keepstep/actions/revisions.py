"""One saved state of a run as rows: shared by every action that stores a revision, one at a time or by COPY."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from keepstep.core.flow import Answers, Evaluation
from keepstep.core.integrity import Header, content_digest, written_with_leaves
from keepstep.core.issue import Issue
from keepstep.core.jsonvalue import written
from keepstep.core.structure import Structure
from keepstep.core.validate import same_answer
from keepstep.db.tables import Cause, RunStatus
from keepstep.queries.versions import Version


class NewRevision(NamedTuple):
    """What a revision holds before it is stored. `previous_digest` is None for the first one alone."""

    run_id: str
    revision: int
    version: Version
    language: str
    status: RunStatus
    answers: Answers
    archive: Mapping[str, Any]
    asked: str
    evaluated_at: datetime
    zone: str
    cause: Cause
    actor: str | None
    at: datetime
    previous_digest: bytes | None


COLUMNS: Final = (
    "run_id",
    "revision",
    "wizard_version_id",
    "language",
    "status",
    "answers",
    "archive",
    "asked",
    "evaluated_at",
    "evaluated_zone",
    "cause",
    "actor",
    "at",
    "salt",
    "content_digest",
    "previous_digest",
)


def header_of(new: NewRevision) -> Header:
    """The part of a revision that its digest covers besides the answers."""
    return Header(
        run_id=new.run_id,
        revision=new.revision,
        version_id=new.version.id,
        origin_wizard_id=new.version.origin_wizard_id,
        language=new.language,
        status=new.status,
        cause=new.cause,
        actor=new.actor or "",
        at=new.at,
        asked=new.asked,
        evaluated_at=new.evaluated_at,
        zone=new.zone,
    )


def revision_row(new: NewRevision, salt: bytes) -> dict[str, Any]:
    """The row of `run_revisions` (COLUMNS in order), digest included; answers and archive as the text that the digest was taken over."""
    return dict(zip(COLUMNS, revision_values(new, salt), strict=True))


def revision_values(new: NewRevision, salt: bytes) -> tuple[Any, ...]:
    """The same without names, for thousands at once."""
    answers, answer_leaves = written_with_leaves(salt, new.answers)
    archive, archive_leaves = written_with_leaves(salt, new.archive)
    digest = content_digest(header_of(new), answer_leaves, archive_leaves, new.previous_digest)
    return (
        new.run_id,
        new.revision,
        new.version.id,
        new.language,
        new.status,
        written(answers),
        written(archive),
        new.asked,
        new.evaluated_at,
        new.zone,
        new.cause,
        new.actor,
        new.at,
        salt,
        digest,
        new.previous_digest,
    )


def stored_as(values: Sequence[Any], name: str) -> Any:
    """One of these values, by its column."""
    return values[_PLACES[name]]


_PLACES: Final = {name: place for place, name in enumerate(COLUMNS)}


def stored_answers(
    answers: Answers, structure: Structure, evaluation: Evaluation, flags: Mapping[str, tuple[Issue, ...]]
) -> dict[str, dict[str, Any]]:
    """The envelopes to store, in the order of the structure: what was given, what was calculated, and the flags of this state."""
    stored: dict[str, dict[str, Any]] = {}
    # Most questions of a large form are not asked in any one run.
    present = (answers.keys() | evaluation.calculated.keys() | flags.keys()) & structure.index_of.keys()
    for option_set_id in sorted(present, key=structure.index_of.__getitem__):
        envelope = _envelope(option_set_id, answers, evaluation)
        if envelope is None and flags.get(option_set_id):
            envelope = {"value": None}
        if envelope is None:
            continue
        if "flags" in envelope:
            del envelope["flags"]
        if flags.get(option_set_id):
            envelope["flags"] = [{"code": issue.code, "detail": issue.detail} for issue in flags[option_set_id]]
        stored[option_set_id] = envelope
    return stored


def _envelope(option_set_id: str, answers: Answers, evaluation: Evaluation) -> dict[str, Any] | None:
    """A new dict, which its caller may fill."""
    given = answers.get(option_set_id)
    if option_set_id not in evaluation.calculated:
        return None if given is None else dict(given)
    value = evaluation.calculated[option_set_id]
    if given is not None and same_answer(given, {"value": value}):
        return dict(given)
    # A calculation without a result was asked and gave nothing: it is left out, like a question that nobody answered.
    return None if value is None and given is None else {"value": value, "source": "calculated"}
