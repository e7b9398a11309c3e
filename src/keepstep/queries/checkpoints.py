"""What a checkpoint is taken over, and how the store compares with one that was kept elsewhere (semantics 8). Reads only.

A checkpoint finds what no digest inside the store can: runs that are gone, chains that were cut or computed anew.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Select, and_, select, tuple_

from keepstep.core.checkpoint import Checkpoint, Line, is_signed, key_id
from keepstep.db.tables import checkpoints, erasures, run_revisions, wizard_runs, wizard_versions
from keepstep.db.transaction import Read
from keepstep.queries.findings import Finding

# Lines compared by one query each for what they name: enough that the round trip does not show.
BATCH: Final = 500
T = TypeVar("T")


async def state_lines(tx: Read) -> AsyncIterator[Line]:
    """The whole store as lines, in an order that is always the same."""
    for kind, statement in _STATE.items():
        async for row in tx.stream(statement):
            yield [kind, *row[:-1], None if row[-1] is None else bytes(row[-1]).hex()]


_HEAD: Final = and_(run_revisions.c.run_id == wizard_runs.c.id, run_revisions.c.revision == wizard_runs.c.revision)
_VERSION: Final = (wizard_versions.c.id, wizard_versions.c.origin_wizard_id, wizard_versions.c.version_number, wizard_versions.c.digest)
_STATE: Final[Mapping[str, Select[Any]]] = {
    "version": select(*_VERSION).order_by(wizard_versions.c.id),
    "run": select(wizard_runs.c.id, wizard_runs.c.revision, run_revisions.c.content_digest)
    .select_from(wizard_runs.outerjoin(run_revisions, _HEAD))
    .order_by(wizard_runs.c.id),
    "erasure": select(erasures.c.run_id, erasures.c.number, erasures.c.digest).order_by(erasures.c.run_id, erasures.c.number),
}


# --- comparing -------------------------------------------------------------------------------------------------------


async def differences(tx: Read, lines: Iterable[Line]) -> AsyncIterator[Finding]:
    """Everything that a checkpoint names and that is not there any more, or not as it was. What came since is no difference."""
    for batch in _batches(lines):
        for finding in await _compared_versions(tx, [line for line in batch if line[0] == "version"]):
            yield finding
        for finding in await _compared_runs(tx, [line for line in batch if line[0] == "run"]):
            yield finding
        for finding in await _compared_erasures(tx, [line for line in batch if line[0] == "erasure"]):
            yield finding


def _batches(items: Iterable[T]) -> Iterator[Sequence[T]]:
    rest = iter(items)
    while batch := tuple(islice(rest, BATCH)):
        yield batch


async def _compared_versions(tx: Read, lines: Sequence[Line]) -> list[Finding]:
    own = wizard_versions.c
    rows = await tx.rows(select(*_VERSION).where(own.id.in_([line[1] for line in lines]))) if lines else ()
    present = {row.id: (row.origin_wizard_id, row.version_number, bytes(row.digest).hex()) for row in rows}
    found = []
    for _, version_id, wizard_id, number, digest in lines:
        place: dict[str, Any] = {"wizard_id": wizard_id, "version_number": number}
        if version_id not in present:
            found.append(Finding(code="dropped", detail="The checkpoint names this version; it is gone.", **place))
        elif present[version_id] != (wizard_id, number, digest):
            detail = "The version has another digest, number or wizard than the checkpoint names."
            found.append(Finding(code="rewritten", detail=detail, **place))
    return found


async def _compared_runs(tx: Read, lines: Sequence[Line]) -> list[Finding]:
    if not lines:
        return []
    runs = select(wizard_runs.c.id, wizard_runs.c.origin_wizard_id, wizard_runs.c.revision)
    present = {row.id: row for row in await tx.rows(runs.where(wizard_runs.c.id.in_([line[1] for line in lines])))}
    own = run_revisions.c
    pairs = [(line[1], line[2]) for line in lines]
    rows = await tx.rows(select(own.run_id, own.revision, own.content_digest).where(tuple_(own.run_id, own.revision).in_(pairs)))
    digests = {(row.run_id, row.revision): bytes(row.content_digest).hex() for row in rows}
    findings = (_run_finding(line, present.get(line[1]), digests.get((line[1], line[2]))) for line in lines)
    return [finding for finding in findings if finding is not None]


def _run_finding(line: Line, run: Any, digest: str | None) -> Finding | None:
    _, run_id, revision, expected = line
    if run is None:
        return Finding(code="dropped", wizard_id=None, run_id=run_id, detail="The checkpoint names this run; it is gone.")
    place: dict[str, Any] = {"wizard_id": run.origin_wizard_id, "run_id": run_id, "revision": revision or None}
    if digest == expected:
        return None
    if digest is None:
        return Finding(code="cut", detail=f"The run had {revision} revisions at the checkpoint; it now has {run.revision}.", **place)
    return Finding(
        code="rewritten", detail="The revision has another digest than the checkpoint names: its chain was computed anew.", **place
    )


async def _compared_erasures(tx: Read, lines: Sequence[Line]) -> list[Finding]:
    if not lines:
        return []
    own = erasures.c
    pairs = [(line[1], line[2]) for line in lines]
    rows = await tx.rows(select(own.run_id, own.number, own.digest).where(tuple_(own.run_id, own.number).in_(pairs)))
    present = {(row.run_id, row.number): bytes(row.digest).hex() for row in rows}
    found = []
    for _, run_id, number, digest in lines:
        stored = present.get((run_id, number))
        if stored != digest:
            code, what = ("dropped", "is gone") if stored is None else ("rewritten", "has another digest than the checkpoint names")
            found.append(Finding(code=code, wizard_id=None, run_id=run_id, detail=f"Tombstone {number} {what}."))
    return found


# --- what was signed here before -------------------------------------------------------------------------------------


async def checkpoint_findings(tx: Read, secret: bytes) -> list[Finding]:
    """The recorded checkpoints whose signature does not hold any more. One of another key cannot be checked, and is not."""
    own = checkpoints.c
    columns = (own.id, own.at, own.cause, own.counts, own.root, own.key_id, own.signature)
    found = []
    async for row in tx.stream(select(*columns).where(own.key_id == key_id(secret)).order_by(own.id)):
        recorded = Checkpoint(
            id=row.id,
            at=row.at,
            cause=row.cause,
            counts=row.counts,
            root=bytes(row.root),
            key_id=row.key_id,
            signature=bytes(row.signature),
        )
        if not is_signed(secret, recorded):
            found.append(Finding(code="checkpoint", wizard_id=None, detail=f"The record of the checkpoint {row.id} was altered."))
    return found
