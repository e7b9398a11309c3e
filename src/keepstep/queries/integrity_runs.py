"""Whether the row of a run says what its revisions and the audit trail say: what no digest covers, held to what one does.

Reads only. Must not know digests.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from keepstep.db.tables import Id, audit_events
from keepstep.db.transaction import Read
from keepstep.queries.findings import Finding, Place
from keepstep.queries.integrity_versions import KnownVersion

Events = Sequence[tuple[str, datetime]]
"""What the audit trail says was done to a run: actions with their times."""

# What changes a completed run's row without a revision.
_ACTIONS: Final = ("run.trashed", "run.restored", "run.erased")
# The only revisions that a job writes.
_OF_JOBS: Final = ("migration", "undo")


async def events_of(tx: Read, runs: Sequence[str]) -> Mapping[str, Events]:
    """By run; one without an event is left out."""
    own = audit_events.c
    found: dict[str, list[tuple[str, datetime]]] = {}
    for row in await tx.rows(select(own.run_id, own.action, own.at).where(own.run_id.in_(runs), own.action.in_(_ACTIONS))):
        found.setdefault(row.run_id, []).append((row.action, row.at))
    return found


def record_findings(rows: Sequence[Row[Any]], version: KnownVersion | None, events: Events) -> Iterator[Finding]:
    """`rows`: the run with each of its revisions, oldest first, or once without."""
    run = rows[0]
    place = Place(run.origin_wizard_id, run.id, None)
    revisions = [row for row in rows if row.revision is not None]
    if run.completed_at != _completed_at(revisions):
        yield place.finding("record", "It says that it was completed at another time than its revisions do.")
    if run.status == "completed" and run.updated_at not in (revisions[-1].at if revisions else None, *(at for _, at in events)):
        yield place.finding("record", "It says that it was changed at a time when nothing was done to it.")
    if not _is_trash_told(run.trashed_at, events):
        yield place.finding("record", "It is in the trash, or not, or since a time, in a way that the audit trail does not say.")
    if run.erased_at is not None and (run.respondent, run.request_digest, run.working_answers or "{}") != (None, None, "{}"):
        yield place.finding("record", "It was erased, but still says something of the respondent.")
    yield from _version_findings(run, revisions, version, place)
    for row in revisions:
        if row.job_id is not None and row.cause not in _OF_JOBS:
            yield Place(run.origin_wizard_id, run.id, row.revision).finding("record", "It names a job, but no job writes such a revision.")


def _completed_at(revisions: Sequence[Row[Any]]) -> datetime | None:
    """When the run last became complete; an imported one has the time that the import evaluated it at. What an undo makes complete again
    was so since its last completion.
    """
    at, completed = None, False
    for row in revisions:
        if row.revision_status == "completed" and not completed and (at is None or row.cause != "undo"):
            at = row.evaluated_at if row.cause == "import" else row.at
        completed = row.revision_status == "completed"
    return at if completed else None


def _is_trash_told(trashed_at: datetime | None, events: Events) -> bool:
    """Trashing and restoring take turns, so their numbers tell; times of two servers would not tell their order."""
    trashed = [at for action, at in events if action == "run.trashed"]
    restored = sum(action == "run.restored" for action, _ in events)
    return len(trashed) == restored if trashed_at is None else len(trashed) == restored + 1 and trashed_at in trashed


def _version_findings(run: Row[Any], revisions: Sequence[Row[Any]], version: KnownVersion | None, place: Place) -> Iterator[Finding]:
    if version is None:
        return
    if run.wizard_id is None and version.has_wizard:
        yield place.finding("record", "It says that its wizard is gone, but the wizard is there.")
    # An import takes the language of the file, and its revision is there from the start.
    if not revisions and version.languages and run.language not in version.languages:
        yield place.finding("record", "It is in a language that its version does not have.")


# What is no object is named as such elsewhere; here it must not end the check.
_STRANGE: Final = (
    text(
        """
        SELECT DISTINCT run.id, run.origin_wizard_id
        FROM wizard_runs AS run
        CROSS JOIN LATERAL jsonb_object_keys(CASE jsonb_typeof(working_answers) WHEN 'object' THEN working_answers ELSE '{}' END) AS name
        WHERE run.id = ANY (:runs) AND NOT EXISTS (
          SELECT FROM version_option_sets WHERE version_id = run.wizard_version_id AND option_set_id::text = name)
        """
    )
    .bindparams(bindparam("runs", type_=ARRAY(Id)))
    .columns(id=Id, origin_wizard_id=Id)
)


async def strange_copies(tx: Read, runs: Sequence[Row[Any]]) -> list[Finding]:
    """Those of the runs whose working copy answers a question that their version does not have."""
    wanted = [run.id for run in runs if run.working_answers not in (None, "{}")]
    found = await tx.rows(_STRANGE, {"runs": wanted}) if wanted else ()
    detail = "The working copy answers a question that the run's version does not have."
    return [Place(row.origin_wizard_id, row.id, None).finding("working-copy", detail) for row in found]
