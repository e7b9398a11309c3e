"""Whether what is stored still is what was stored: every digest and chain recomputed (semantics 7 and 8). Reads only.

Streams in the order of runs, so that memory does not grow with their number. Must not know how findings are shown.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Row, Text, cast, exists, func, select

from keepstep.core.integrity import unread_leaves
from keepstep.db.definitions import definition_faults
from keepstep.db.roles import eraser_faults
from keepstep.db.tables import erasures, run_revisions, wizard_runs
from keepstep.db.transaction import Read
from keepstep.queries.findings import EVERYTHING, MAX_FINDINGS, Finding, Place, Scope, Verified, read_json
from keepstep.queries.integrity_content import Content, Owner, content_of, digest_or_none, recomputed_digest
from keepstep.queries.integrity_files import row_findings
from keepstep.queries.integrity_jobs import verify_manifests
from keepstep.queries.integrity_runs import Events, events_of, record_findings, strange_copies
from keepstep.queries.integrity_tombstones import Tombstones, tombstones_of
from keepstep.queries.integrity_versions import KnownVersion, verify_versions

__all__ = ["BATCH", "EVERYTHING", "Finding", "Scope", "Verified", "count_runs", "guard_findings", "verify", "verify_run"]


async def verify(tx: Read, scope: Scope = EVERYTHING, *, seen: Callable[[Verified], None] = lambda _: None) -> Verified:
    """Everything stored in this scope, checked. `seen` is told after every few runs, for progress."""
    result = Verified()
    versions = await verify_versions(tx, scope.wizard_id, result)
    async for batch in _batches(tx, scope):
        await _check(tx, batch, versions, result)
        result.next = batch[-1][0].id if result.runs == scope.limit else None
        seen(result)
    if result.next is None:
        result.add(await verify_manifests(tx, scope.wizard_id))
    if scope.wizard_id is None and result.next is None:
        result.add(await _strays(tx))
    return result


async def verify_run(tx: Read, run_id: str, versions: Mapping[str, KnownVersion]) -> Verified:
    """One run with all its revisions, tombstones and rows of files. `versions`: those of its wizard, which are not checked here."""
    result = Verified()
    async for batch in _batches(tx, Scope(run_id=run_id)):
        await _check(tx, batch, versions, result)
    return result


async def _check(tx: Read, batch: list[list[Row[Any]]], versions: Mapping[str, KnownVersion], result: Verified) -> None:
    """What is found goes into `result`, with the counts."""
    ids = [rows[0].id for rows in batch]
    tombstones, events = await tombstones_of(tx, ids, result), await events_of(tx, ids)
    for rows in batch:
        result.runs += 1
        result.revisions += sum(row.revision is not None for row in rows)
        result.erased += sum(row.leaves is not None for row in rows)
    # In a thread: recomputing a batch takes long, and the server answers others meanwhile.
    result.add(await asyncio.to_thread(lambda: [*_batch_findings(batch, versions, tombstones, events)]))
    result.add(await strange_copies(tx, [rows[0] for rows in batch]))
    await row_findings(tx, batch, result)


async def guard_findings(tx: Read) -> list[Finding]:
    """Guards that are not as this release defines them: somebody switched them off, and may have passed them.

    Privileges are left to `keepstep db check`: without them the guards still hold. But they let the eraser pass.
    """
    found = await tx.synchronously(lambda connection: (*definition_faults(connection), *eraser_faults(connection)))
    return [Finding(code="guard", wizard_id=None, detail=f"{issue.pointer}: {issue.detail}") for issue in found]


async def count_runs(tx: Read, wizard_id: str | None) -> int:
    """How many runs `verify` will look at."""
    statement = select(func.count()).select_from(wizard_runs)
    return int(await tx.scalar(statement if wizard_id is None else statement.where(wizard_runs.c.origin_wizard_id == wizard_id)))


# --- runs ----------------------------------------------------------------------------------------------------------

# JSON comes as text and is read here: what somebody spoiled so that it cannot be read must be named, not end the whole check.
_OWN: Final = (
    wizard_runs.c.id,
    wizard_runs.c.origin_wizard_id,
    wizard_runs.c.wizard_id,
    wizard_runs.c.wizard_version_id,
    wizard_runs.c.status,
    wizard_runs.c.revision.label("head"),
    wizard_runs.c.language,
    cast(wizard_runs.c.working_answers, Text).label("working_answers"),
    wizard_runs.c.respondent,
    wizard_runs.c.request_digest,
    wizard_runs.c.updated_at,
    wizard_runs.c.completed_at,
    wizard_runs.c.trashed_at,
    wizard_runs.c.erased_at,
)
_REVISION: Final = (
    run_revisions.c.run_id,
    run_revisions.c.revision,
    run_revisions.c.wizard_version_id.label("revision_version_id"),
    run_revisions.c.language.label("revision_language"),
    run_revisions.c.status.label("revision_status"),
    cast(run_revisions.c.answers, Text).label("answers"),
    cast(run_revisions.c.archive, Text).label("archive"),
    run_revisions.c.asked,
    run_revisions.c.evaluated_at,
    run_revisions.c.evaluated_zone,
    run_revisions.c.cause,
    run_revisions.c.actor,
    run_revisions.c.job_id,
    run_revisions.c.at,
    run_revisions.c.salt,
    run_revisions.c.content_digest,
    run_revisions.c.previous_digest,
    cast(run_revisions.c.leaves, Text).label("leaves"),
)
# Runs whose tombstones are asked for at once. Their revisions are all that is held in memory.
BATCH: Final = 200


async def _batches(tx: Read, scope: Scope) -> AsyncIterator[list[list[Row[Any]]]]:
    """The runs in the order of their ids, some at a time: each the rows of its revisions, oldest first, or one row without."""
    chosen = select(*_OWN).order_by(wizard_runs.c.id).limit(scope.limit)
    if scope.wizard_id is not None:
        chosen = chosen.where(wizard_runs.c.origin_wizard_id == scope.wizard_id)
    if scope.run_id is not None:
        chosen = chosen.where(wizard_runs.c.id == scope.run_id)
    if scope.after is not None:
        chosen = chosen.where(wizard_runs.c.id > scope.after)
    own = chosen.subquery("own")
    joined = own.join(run_revisions, run_revisions.c.run_id == own.c.id, isouter=True)
    batch: list[list[Row[Any]]] = []
    async for row in tx.stream(select(own, *_REVISION).select_from(joined).order_by(own.c.id, run_revisions.c.revision), size=BATCH):
        if batch and batch[-1][0].id == row.id:
            batch[-1].append(row)
            continue
        if len(batch) >= BATCH:
            yield batch
            batch = []
        batch.append([row])
    if batch:
        yield batch


async def _strays(tx: Read) -> list[Finding]:
    """Revisions and tombstones of runs that are not there."""
    without_run = ~exists().where(wizard_runs.c.id == run_revisions.c.run_id)
    revisions = await tx.rows(select(run_revisions.c.run_id, run_revisions.c.revision).where(without_run).limit(MAX_FINDINGS))
    unknown = ~exists().where(wizard_runs.c.id == erasures.c.run_id)
    tombstones = await tx.rows(select(erasures.c.run_id, erasures.c.number).where(unknown).limit(MAX_FINDINGS))
    found = [Place(None, row.run_id, row.revision).finding("head", "This revision belongs to no run.") for row in revisions]
    detail = "There is tombstone {} of this run, but no run."
    found += [Place(None, row.run_id, None).finding("erasure", detail.format(row.number)) for row in tombstones]
    return found


def _batch_findings(
    batch: list[list[Row[Any]]],
    versions: Mapping[str, KnownVersion],
    tombstones: Mapping[str, Tombstones],
    events: Mapping[str, Events],
) -> Iterator[Finding]:
    for rows in batch:
        yield from _run_findings(rows, versions, tombstones.get(rows[0].id, Tombstones()))
        yield from record_findings(rows, versions.get(rows[0].wizard_version_id), events.get(rows[0].id, ()))


def _run_findings(rows: list[Row[Any]], versions: Mapping[str, KnownVersion], tombstones: Tombstones) -> Iterator[Finding]:
    run = rows[0]
    place = Place(run.origin_wizard_id, run.id, None)
    revisions = [row for row in rows if row.revision is not None]
    yield from _head_findings(run, revisions, place, versions)
    if (run.erased_at is not None) != tombstones.whole:
        yield place.finding("erasure", "The run says that it was erased, or not, in a way that its tombstones do not.")
    named = dict(tombstones.named)
    previous: bytes | None = None
    for expected, row in enumerate(revisions, start=1):
        here = Place(run.origin_wizard_id, run.id, row.revision)
        if row.revision != expected:
            yield here.finding("chain", f"Revision {expected} is missing before this one.")
        if digest_or_none(row.previous_digest) != previous:
            yield here.finding("chain", "It does not follow the digest of the revision before.")
        yield from _revision_findings(row, here, versions, named.pop(row.revision, (frozenset(), frozenset())))
        previous = bytes(row.content_digest)
    for revision in named:
        here = Place(run.origin_wizard_id, run.id, revision)
        yield here.finding("erasure", "A tombstone names answers of a revision that is not there.")


def _head_findings(run: Row[Any], revisions: list[Row[Any]], place: Place, versions: Mapping[str, KnownVersion]) -> Iterator[Finding]:
    last = revisions[-1] if revisions else None
    if run.head != (last.revision if last else 0):
        yield place.finding("head", f"The run says that its last revision is {run.head}; stored is {last.revision if last else 'none'}.")
    if last is not None and run.wizard_version_id != last.revision_version_id:
        yield place.finding("head", "The run is on another version than its last revision.")
    is_completed = last is not None and last.revision_status == "completed"
    if (run.status == "completed") != is_completed or (last is not None and is_completed and last.revision_language != run.language):
        yield place.finding("head", "The run says that it is complete, or not, in a way that its last revision does not.")
    version = versions.get(run.wizard_version_id)
    if version is None or version.origin != run.origin_wizard_id:
        yield place.finding("head", "The run is on a version of another wizard, or on none.")
    if run.working_answers is not None and not _are_answers(read_json(run.working_answers)):
        yield place.finding("working-copy", "The working copy holds something that is no answer.")


def _revision_findings(
    row: Row[Any], place: Place, versions: Mapping[str, KnownVersion], named: tuple[frozenset[str], frozenset[str]]
) -> Iterator[Finding]:
    version = versions.get(row.revision_version_id)
    if version is None:
        yield place.finding("revision", "It is on a version of another wizard, or on none.")
    elif len(row.asked) != version.option_sets:
        yield place.finding("revision", "What was asked does not fit the version's option sets.")
    content = _content_of(row)
    if content is None:
        yield place.finding("unreadable", "What is stored here cannot be read as answers.")
        return
    owner = Owner(row.origin_wizard_id, row.revision_version_id, row.revision_language, row.revision_status)
    if recomputed_digest(row, content, owner) != bytes(row.content_digest):
        yield place.finding("revision", "The stored content does not match its digest.")
    if content.erased is None:
        if named[0] or named[1]:
            yield place.finding("tombstone", "A tombstone names answers of this revision, but it is whole.")
    elif unread_leaves(content.erased, content.answers, content.archive) != named:
        yield place.finding("tombstone", "Answers are missing here that no tombstone names.")


def _content_of(row: Row[Any]) -> Content | None:
    leaves = None if row.leaves is None else read_json(row.leaves)
    if leaves is None and row.leaves is not None:
        return None
    return content_of(read_json(row.answers), read_json(row.archive), leaves)


def _are_answers(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, dict) and "value" in item for item in value.values())
