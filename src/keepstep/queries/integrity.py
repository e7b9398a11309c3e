"""Whether what is stored still is what was stored: every digest and chain recomputed (semantics 7 and 8). Reads only.

Streams in the order of runs, so that memory does not grow with their number. Must not know how findings are shown.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Row, and_, select

from keepstep.core.integrity import (
    Erased,
    Header,
    chained,
    content_digest,
    instant,
    leaves_of,
    remaining_leaves,
    structure_digest,
    unread_leaves,
)
from keepstep.core.structure import Structure, dump, parse
from keepstep.db.tables import erasures, run_revisions, version_option_sets, wizard_runs, wizard_versions
from keepstep.db.transaction import Read
from keepstep.errors import Problem

MAX_FINDINGS: Final = 1_000
"""Findings kept in full; more are counted. A store that is broken in a thousand places needs its backup, not a longer list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One alteration. `code` says of what: version, snapshot, revision, chain, head, tombstone, erasure, working-copy, unreadable."""

    code: str
    wizard_id: str | None
    detail: str
    version_number: int | None = None
    run_id: str | None = None
    revision: int | None = None

    def to_json(self) -> dict[str, Any]:
        names = ("code", "wizard_id", "version_number", "run_id", "revision", "detail")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Verified:
    """What was looked at, and what was found. Fills while `verify` runs."""

    versions: int = 0
    runs: int = 0
    revisions: int = 0
    erased: int = 0
    altered: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, found: Iterator[Finding] | Sequence[Finding]) -> None:
        for finding in found:
            self.altered += 1
            if len(self.findings) < MAX_FINDINGS:
                self.findings.append(finding)

    @property
    def is_intact(self) -> bool:
        return self.altered == 0

    def to_json(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in ("versions", "runs", "revisions", "erased", "altered")}
        return {"intact": self.is_intact} | counts | {"findings": [finding.to_json() for finding in self.findings]}


@dataclass(frozen=True, slots=True)
class _Version:
    id: str
    origin: str
    number: int
    option_sets: int


async def verify(tx: Read, wizard_id: str | None = None, *, seen: Callable[[Verified], None] = lambda _: None) -> Verified:
    """Everything stored, or one wizard's part of it, checked. `seen` is told after each run, for progress."""
    result = Verified()
    versions = await _verify_versions(tx, wizard_id, result)
    tombstones = await _verified_erasures(tx, wizard_id, result)
    async for rows in _runs(tx, wizard_id):
        run_id = rows[0].id or rows[0].run_id
        result.runs += 1
        result.revisions += sum(row.revision is not None for row in rows)
        result.erased += sum(row.leaves is not None for row in rows)
        result.add(_run_findings(rows, versions, tombstones.pop(run_id, {})))
        seen(result)
    gone = (_Place(None, run_id, None) for run_id in tombstones)
    result.add([place.finding("erasure", "There is a tombstone of this run, but no run.") for place in gone])
    return result


@dataclass(frozen=True, slots=True)
class _Place:
    wizard_id: str | None
    run_id: str
    revision: int | None

    def finding(self, code: str, detail: str) -> Finding:
        return Finding(code=code, wizard_id=self.wizard_id, run_id=self.run_id, revision=self.revision, detail=detail)


# --- versions ------------------------------------------------------------------------------------------------------


async def _verify_versions(tx: Read, wizard_id: str | None, result: Verified) -> Mapping[str, _Version]:
    own = wizard_versions.c
    statement = select(own.id, own.origin_wizard_id, own.version_number, own.structure, own.digest).order_by(
        own.origin_wizard_id, own.version_number
    )
    known: dict[str, _Version] = {}
    numbers: dict[str, list[int]] = {}
    async for row in tx.stream(statement if wizard_id is None else statement.where(own.origin_wizard_id == wizard_id), size=5):
        result.versions += 1
        numbers.setdefault(row.origin_wizard_id, []).append(row.version_number)
        structure, faults = _structure_of(row)
        result.add(faults)
        count = 0 if structure is None else len(structure.option_sets)
        known[row.id] = _Version(row.id, row.origin_wizard_id, row.version_number, count)
        if structure is not None:
            result.add(await _snapshot_findings(tx, row, structure))
    for origin, found in numbers.items():
        result.add(_gaps(origin, found))
    return known


def _gaps(origin: str, numbers: list[int]) -> Iterator[Finding]:
    for before, after in pairwise([0, *numbers]):
        if after != before + 1:
            detail = f"Version {before + 1} is missing."
            yield Finding(code="version", wizard_id=origin, version_number=before + 1, detail=detail)


def _structure_of(row: Row[Any]) -> tuple[Structure | None, list[Finding]]:
    place: dict[str, Any] = {"wizard_id": row.origin_wizard_id, "version_number": row.version_number}
    faults = []
    if structure_digest(row.structure) != bytes(row.digest):
        faults.append(Finding(code="version", detail="The structure does not match its digest.", **place))
    try:
        return parse(row.structure), faults
    except Problem as problem:
        faults.append(Finding(code="unreadable", detail=f"The structure cannot be read: {problem.detail}", **place))
        return None, faults


async def _snapshot_findings(tx: Read, row: Row[Any], structure: Structure) -> list[Finding]:
    own = version_option_sets.c
    columns = (own.option_set_id, own.step_id, own.position, own.key, own.option_set_snapshot, own.step_snapshot)
    stored = [tuple(found) for found in await tx.rows(select(*columns).where(own.version_id == row.id).order_by(own.position))]
    if stored == list(option_set_rows(structure)):
        return []
    detail = "The snapshots of its option sets are not those of its structure."
    return [Finding(code="snapshot", wizard_id=row.origin_wizard_id, version_number=row.version_number, detail=detail)]


def option_set_rows(structure: Structure) -> Iterator[tuple[str, str, int, str, dict[str, Any], dict[str, Any]]]:
    """What `version_option_sets` holds for a structure: option set id, step id, position, key, both snapshots."""
    for position, option_set in enumerate(structure.option_sets):
        step = structure.step_of[option_set.id]
        snapshot = {"id": step.id, "key": step.key, "name": step.name}
        yield option_set.id, step.id, position, option_set.key, dump(option_set), snapshot


# --- erasures ------------------------------------------------------------------------------------------------------

Named = dict[int, tuple[frozenset[str], frozenset[str]]]
"""By revision: the answers and the archive entries that tombstones name."""


def erasure_record(row: Any) -> dict[str, Any]:
    """What the digest of a row in `erasures` covers, besides the digest of the row before."""
    return {
        "run_id": row.run_id,
        "number": row.number,
        "option_set_ids": row.option_set_ids,
        "leaves": row.leaves,
        "reason": row.reason,
        "actor": row.actor,
        "at": instant(row.at),
    }


async def _verified_erasures(tx: Read, wizard_id: str | None, result: Verified) -> dict[str, Named]:
    """What each run's tombstones name. Broken chains are reported here; what they name counts all the same, once."""
    statement = select(erasures).order_by(erasures.c.run_id, erasures.c.number)
    if wizard_id is not None:
        statement = statement.where(erasures.c.run_id.in_(select(wizard_runs.c.id).where(wizard_runs.c.origin_wizard_id == wizard_id)))
    named: dict[str, Named] = {}
    previous: dict[str, tuple[int, bytes]] = {}
    async for row in tx.stream(statement):
        number, digest = previous.get(row.run_id, (0, b""))
        if row.number != number + 1 or (row.previous_digest or b"") != digest or chained(digest or None, erasure_record(row)) != row.digest:
            result.add([_Place(None, row.run_id, None).finding("erasure", f"Tombstone {row.number} does not match its digest or chain.")])
        previous[row.run_id] = (row.number, bytes(row.digest))
        _merge(named.setdefault(row.run_id, {}), row.leaves)
    return named


def _merge(named: Named, leaves: Mapping[str, Any]) -> None:
    for revision, gone in leaves.items():
        answers, archive = named.get(int(revision), (frozenset(), frozenset()))
        named[int(revision)] = (answers | set(gone.get("answers", {})), archive | set(gone.get("archive", {})))


# --- runs ----------------------------------------------------------------------------------------------------------

_OWN: Final = (
    wizard_runs.c.id,
    wizard_runs.c.origin_wizard_id,
    wizard_runs.c.wizard_version_id,
    wizard_runs.c.status,
    wizard_runs.c.revision.label("head"),
    wizard_runs.c.language,
    wizard_runs.c.working_answers,
)
_REVISION: Final = (
    run_revisions.c.run_id,
    run_revisions.c.revision,
    run_revisions.c.wizard_version_id.label("revision_version_id"),
    run_revisions.c.language.label("revision_language"),
    run_revisions.c.status.label("revision_status"),
    run_revisions.c.answers,
    run_revisions.c.archive,
    run_revisions.c.asked,
    run_revisions.c.evaluated_at,
    run_revisions.c.evaluated_zone,
    run_revisions.c.cause,
    run_revisions.c.actor,
    run_revisions.c.at,
    run_revisions.c.salt,
    run_revisions.c.content_digest,
    run_revisions.c.previous_digest,
    run_revisions.c.leaves,
)


async def _runs(tx: Read, wizard_id: str | None) -> AsyncIterator[list[Row[Any]]]:
    """The rows of each run, oldest revision first. A full join, so that a revision without a run is seen as well."""
    joined = wizard_runs.join(run_revisions, and_(run_revisions.c.run_id == wizard_runs.c.id), full=True, isouter=True)
    statement = select(*_OWN, *_REVISION).select_from(joined).order_by(wizard_runs.c.id, run_revisions.c.run_id, run_revisions.c.revision)
    if wizard_id is not None:
        statement = statement.where(wizard_runs.c.origin_wizard_id == wizard_id)
    rows: list[Row[Any]] = []
    async for row in tx.stream(statement):
        if rows and (row.id or row.run_id) != (rows[0].id or rows[0].run_id):
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _run_findings(rows: list[Row[Any]], versions: Mapping[str, _Version], named: Named) -> Iterator[Finding]:
    run = rows[0]
    if run.id is None:
        yield _Place(None, run.run_id, run.revision).finding("head", "This revision belongs to no run.")
        return
    place = _Place(run.origin_wizard_id, run.id, None)
    revisions = [row for row in rows if row.revision is not None]
    yield from _head_findings(run, revisions, place, versions)
    previous: bytes | None = None
    for expected, row in enumerate(revisions, start=1):
        here = _Place(run.origin_wizard_id, run.id, row.revision)
        if row.revision != expected:
            yield here.finding("chain", f"Revision {expected} is missing before this one.")
        if (None if row.previous_digest is None else bytes(row.previous_digest)) != previous:
            yield here.finding("chain", "It does not follow the digest of the revision before.")
        yield from _revision_findings(row, here, versions, named.pop(row.revision, (frozenset(), frozenset())))
        previous = bytes(row.content_digest)
    for revision in named:
        yield _Place(run.origin_wizard_id, run.id, revision).finding(
            "erasure", "A tombstone names answers of a revision that is not there."
        )


def _head_findings(run: Row[Any], revisions: list[Row[Any]], place: _Place, versions: Mapping[str, _Version]) -> Iterator[Finding]:
    last = revisions[-1] if revisions else None
    if run.head != (last.revision if last else 0):
        yield place.finding("head", f"The run says that its last revision is {run.head}; stored is {last.revision if last else 'none'}.")
    if last is not None and run.wizard_version_id != last.revision_version_id:
        yield place.finding("head", "The run is on another version than its last revision.")
    if run.status == "completed" and (last is None or last.revision_status != "completed" or last.revision_language != run.language):
        yield place.finding("head", "The run says that it is complete in a way that its last revision does not.")
    version = versions.get(run.wizard_version_id)
    if version is None or version.origin != run.origin_wizard_id:
        yield place.finding("head", "The run is on a version of another wizard, or on none.")
    if run.working_answers is not None and not all(isinstance(item, dict) and "value" in item for item in run.working_answers.values()):
        yield place.finding("working-copy", "The working copy holds something that is no answer.")


def _revision_findings(
    row: Row[Any], place: _Place, versions: Mapping[str, _Version], named: tuple[frozenset[str], frozenset[str]]
) -> Iterator[Finding]:
    version = versions.get(row.revision_version_id)
    if version is not None and len(row.asked) != version.option_sets:
        yield place.finding("revision", "What was asked does not fit the version's option sets.")
    if recomputed_digest(row) != bytes(row.content_digest):
        yield place.finding("revision", "The stored content does not match its digest.")
    if row.leaves is None:
        if named[0] or named[1]:
            yield place.finding("tombstone", "A tombstone names answers of this revision, but it is whole.")
    elif unread_leaves(_erased(row.leaves), row.answers, row.archive) != named:
        yield place.finding("tombstone", "Answers are missing here that no tombstone names.")


def recomputed_digest(row: Row[Any]) -> bytes:
    """The digest that a revision's stored content has now; a spoiled salt or tombstone gives another one, never an error."""
    if row.leaves is None:
        answers, archive = leaves_of(bytes(row.salt or b""), row.answers), leaves_of(bytes(row.salt or b""), row.archive)
    else:
        answers, archive = remaining_leaves(_erased(row.leaves), row.answers, row.archive)
    header = Header(
        run_id=row.run_id,
        revision=row.revision,
        version_id=row.revision_version_id,
        origin_wizard_id=row.origin_wizard_id,
        language=row.revision_language,
        status=row.revision_status,
        cause=row.cause,
        actor=row.actor or "",
        at=row.at,
        asked=row.asked,
        evaluated_at=row.evaluated_at,
        zone=row.evaluated_zone,
    )
    previous = None if row.previous_digest is None else bytes(row.previous_digest)
    return content_digest(header, answers, archive, previous)


def _erased(leaves: Mapping[str, Any]) -> Erased:
    return Erased(leaves.get("answers", {}), leaves.get("archive", {}), leaves.get("keys", {}))
