"""Whether what is stored still is what was stored: every digest and chain recomputed (semantics 7 and 8). Reads only.

Streams in the order of runs, so that memory does not grow with their number. Must not know how findings are shown.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Row, Text, cast, exists, func, select

from keepstep.core.integrity import (
    Erased,
    Header,
    chained,
    content_digest,
    leaves_of,
    remaining_leaves,
    structure_digest,
    unread_leaves,
)
from keepstep.core.jsonvalue import canonical_bytes, loads
from keepstep.core.structure import Structure, dump, parse
from keepstep.db.definitions import definition_faults
from keepstep.db.erasure import Erasure, erasure_record
from keepstep.db.tables import audit_events, erasures, run_revisions, version_option_sets, wizard_runs, wizard_versions
from keepstep.db.transaction import Read
from keepstep.errors import MalformedJson, Problem

MAX_FINDINGS: Final = 1_000
"""Findings kept in full; more are counted. A store that is broken in a thousand places needs its backup, not a longer list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One alteration. `code` says of what: guard, version, snapshot, unreadable, revision, chain, head, tombstone, erasure,
    working-copy, checkpoint; from a comparison with a checkpoint also dropped, cut, rewritten.
    """

    code: str
    wizard_id: str | None
    detail: str
    version_number: int | None = None
    run_id: str | None = None
    revision: int | None = None

    def to_json(self) -> dict[str, Any]:
        names = ("code", "wizard_id", "version_number", "run_id", "revision", "detail")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at: everything, or one wizard's part; `limit` runs after the run `after`, for those who take it in pieces."""

    wizard_id: str | None = None
    after: str | None = None
    limit: int | None = None


EVERYTHING: Final = Scope()


@dataclass(slots=True)
class Verified:
    """What was looked at, and what was found. Fills while `verify` runs; `next` is where a limited one stopped."""

    versions: int = 0
    runs: int = 0
    revisions: int = 0
    erased: int = 0
    altered: int = 0
    next: str | None = None
    findings: list[Finding] = field(default_factory=list)

    def add(self, found: Iterable[Finding]) -> None:
        for finding in found:
            self.altered += 1
            if len(self.findings) < MAX_FINDINGS:
                self.findings.append(finding)

    @property
    def is_intact(self) -> bool:
        return self.altered == 0

    def to_json(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in ("versions", "runs", "revisions", "erased", "altered")}
        return {"intact": self.is_intact} | counts | {"next": self.next, "findings": [finding.to_json() for finding in self.findings]}


@dataclass(frozen=True, slots=True)
class _Version:
    id: str
    origin: str
    number: int
    option_sets: int


async def verify(tx: Read, scope: Scope = EVERYTHING, *, seen: Callable[[Verified], None] = lambda _: None) -> Verified:
    """Everything stored in this scope, checked. `seen` is told after every few runs, for progress."""
    result = Verified()
    versions = await _verify_versions(tx, scope.wizard_id, result)
    async for batch in _batches(tx, scope):
        tombstones = await _tombstones(tx, [rows[0].id for rows in batch], result)
        for rows in batch:
            result.runs += 1
            result.revisions += sum(row.revision is not None for row in rows)
            result.erased += sum(row.leaves is not None for row in rows)
            result.add(_run_findings(rows, versions, tombstones.get(rows[0].id, _Tombstones())))
        result.next = batch[-1][0].id if result.runs == scope.limit else None
        seen(result)
    if scope.wizard_id is None and result.next is None:
        result.add(await _strays(tx))
    return result


async def guard_findings(tx: Read) -> list[Finding]:
    """Guards that are not as this release defines them: somebody switched them off, and may have passed them.

    Privileges are left to `keepstep db check`: without them the guards still hold.
    """
    found = await tx.synchronously(definition_faults)
    return [Finding(code="guard", wizard_id=None, detail=f"{issue.pointer}: {issue.detail}") for issue in found]


async def count_runs(tx: Read, wizard_id: str | None) -> int:
    """How many runs `verify` will look at."""
    statement = select(func.count()).select_from(wizard_runs)
    return int(await tx.scalar(statement if wizard_id is None else statement.where(wizard_runs.c.origin_wizard_id == wizard_id)))


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
    statement = select(own.id, own.origin_wizard_id, own.version_number, cast(own.structure, Text).label("structure"), own.digest).order_by(
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
    data = _read(row.structure)
    if structure_digest(data) != bytes(row.digest):
        faults.append(Finding(code="version", detail="The structure does not match its digest.", **place))
    try:
        return parse(data), faults
    except Problem as problem:
        faults.append(Finding(code="unreadable", detail=f"The structure cannot be read: {problem.detail}", **place))
        return None, faults


async def _snapshot_findings(tx: Read, row: Row[Any], structure: Structure) -> list[Finding]:
    own = version_option_sets.c
    columns = (own.option_set_id, own.step_id, own.position, own.key, own.option_set_snapshot, own.step_snapshot)
    stored = [tuple(found) for found in await tx.rows(select(*columns).where(own.version_id == row.id).order_by(own.position))]
    # Not as Python compares them, for which 1 and true are the same.
    if canonical_bytes(stored) == canonical_bytes(list(option_set_rows(structure))):
        return []
    detail = "The snapshots of its option sets are not those of its structure."
    return [Finding(code="snapshot", wizard_id=row.origin_wizard_id, version_number=row.version_number, detail=detail)]


def option_set_rows(structure: Structure) -> Iterator[tuple[str, str, int, str, dict[str, Any], dict[str, Any]]]:
    """What `version_option_sets` holds for a structure: option set id, step id, position, key, both snapshots."""
    for position, option_set in enumerate(structure.option_sets):
        step = structure.step_of[option_set.id]
        snapshot = {"id": step.id, "key": step.key, "name": step.name}
        yield option_set.id, step.id, position, option_set.key, dump(option_set), snapshot


# --- tombstones ----------------------------------------------------------------------------------------------------

Named = dict[int, tuple[frozenset[str], frozenset[str]]]
"""By revision: the answers and the archive entries that tombstones name."""


@dataclass(slots=True)
class _Tombstones:
    """What the tombstones of one run name, and whether one of them stands for the whole run."""

    named: Named = field(default_factory=dict)
    whole: bool = False


async def _tombstones(tx: Read, runs: Sequence[str], result: Verified) -> dict[str, _Tombstones]:
    """Those of these runs. A broken chain is reported here; what it names counts all the same, once."""
    recorded = exists().where(audit_events.c.id == erasures.c.audit_event_id, audit_events.c.action == "run.erased")
    leaves = cast(erasures.c.leaves, Text).label("leaves_text")
    statement = select(*[column for column in erasures.c if column.name != "leaves"], leaves, recorded.label("recorded")).where(
        erasures.c.run_id.in_(runs)
    )
    found: dict[str, _Tombstones] = {}
    previous: dict[str, tuple[int, bytes | None]] = {}
    for row in await tx.rows(statement.order_by(erasures.c.run_id, erasures.c.number)):
        number, digest = previous.get(row.run_id, (0, None))
        result.add(_tombstone_findings(row, number, digest))
        previous[row.run_id] = (row.number, bytes(row.digest))
        known = found.setdefault(row.run_id, _Tombstones())
        known.whole |= row.option_set_ids is None
        _merge(known.named, _read(row.leaves_text))
    return found


def _tombstone_findings(row: Row[Any], number: int, digest: bytes | None) -> Iterator[Finding]:
    place = _Place(None, row.run_id, None)
    if row.number != number + 1 or _bytes(row.previous_digest) != digest or chained(digest, tombstone_record(row)) != bytes(row.digest):
        yield place.finding("erasure", f"Tombstone {row.number} does not match its digest or chain.")
    if not row.recorded:
        yield place.finding("erasure", f"Tombstone {row.number} has no audit event.")


def tombstone_record(row: Any) -> dict[str, Any]:
    """What the digest of a stored tombstone was taken over."""
    erasure = Erasure(
        run_id=row.run_id,
        names=row.option_set_ids,
        reason=row.reason,
        actor=row.actor,
        at=row.at,
        event_id=row.audit_event_id,
        channel="",
    )
    return erasure_record(erasure, row.number, _read(row.leaves_text))


def _merge(named: Named, leaves: Any) -> None:
    for text, gone in leaves.items() if isinstance(leaves, dict) else ():
        revision = int(text) if text.isascii() and text.isdecimal() and len(text) < _LONG else 0
        answers, archive = named.get(revision, (frozenset(), frozenset()))
        named[revision] = (answers | _names_in(gone, "answers"), archive | _names_in(gone, "archive"))


# Digits of a number that no revision has.
_LONG: Final = 11


def _names_in(gone: Any, part: str) -> frozenset[str]:
    """What a tombstone names; nothing where somebody spoiled it, which its digest tells."""
    entries = gone.get(part) if isinstance(gone, dict) else None
    return frozenset(entries) if isinstance(entries, dict) else frozenset()


def _bytes(digest: Any) -> bytes | None:
    return None if digest is None else bytes(digest)


# --- runs ----------------------------------------------------------------------------------------------------------

# JSON comes as text and is read here: what somebody spoiled so that it cannot be read must be named, not end the whole check.
_OWN: Final = (
    wizard_runs.c.id,
    wizard_runs.c.origin_wizard_id,
    wizard_runs.c.wizard_version_id,
    wizard_runs.c.status,
    wizard_runs.c.revision.label("head"),
    wizard_runs.c.language,
    cast(wizard_runs.c.working_answers, Text).label("working_answers"),
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
    found = [_Place(None, row.run_id, row.revision).finding("head", "This revision belongs to no run.") for row in revisions]
    detail = "There is tombstone {} of this run, but no run."
    found += [_Place(None, row.run_id, None).finding("erasure", detail.format(row.number)) for row in tombstones]
    return found


def _run_findings(rows: list[Row[Any]], versions: Mapping[str, _Version], tombstones: _Tombstones) -> Iterator[Finding]:
    run = rows[0]
    place = _Place(run.origin_wizard_id, run.id, None)
    revisions = [row for row in rows if row.revision is not None]
    yield from _head_findings(run, revisions, place, versions)
    if (run.erased_at is not None) != tombstones.whole:
        yield place.finding("erasure", "The run says that it was erased, or not, in a way that its tombstones do not.")
    named = dict(tombstones.named)
    previous: bytes | None = None
    for expected, row in enumerate(revisions, start=1):
        here = _Place(run.origin_wizard_id, run.id, row.revision)
        if row.revision != expected:
            yield here.finding("chain", f"Revision {expected} is missing before this one.")
        if _bytes(row.previous_digest) != previous:
            yield here.finding("chain", "It does not follow the digest of the revision before.")
        yield from _revision_findings(row, here, versions, named.pop(row.revision, (frozenset(), frozenset())))
        previous = bytes(row.content_digest)
    for revision in named:
        here = _Place(run.origin_wizard_id, run.id, revision)
        yield here.finding("erasure", "A tombstone names answers of a revision that is not there.")


def _head_findings(run: Row[Any], revisions: list[Row[Any]], place: _Place, versions: Mapping[str, _Version]) -> Iterator[Finding]:
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
    if run.working_answers is not None and not _are_answers(_read(run.working_answers)):
        yield place.finding("working-copy", "The working copy holds something that is no answer.")


def _revision_findings(
    row: Row[Any], place: _Place, versions: Mapping[str, _Version], named: tuple[frozenset[str], frozenset[str]]
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
    if recomputed_digest(row, content) != bytes(row.content_digest):
        yield place.finding("revision", "The stored content does not match its digest.")
    if content.erased is None:
        if named[0] or named[1]:
            yield place.finding("tombstone", "A tombstone names answers of this revision, but it is whole.")
    elif unread_leaves(content.erased, content.answers, content.archive) != named:
        yield place.finding("tombstone", "Answers are missing here that no tombstone names.")


@dataclass(frozen=True, slots=True)
class _Content:
    """The JSON of a revision, read. `erased` None: nothing was erased from it."""

    answers: Mapping[str, Any]
    archive: Mapping[str, Any]
    erased: Erased | None


def _content_of(row: Row[Any]) -> _Content | None:
    """None when it is nothing that Keepstep could have stored."""
    answers, archive = _read(row.answers), _read(row.archive)
    erased = None if row.leaves is None else _erased(_read(row.leaves))
    if not isinstance(answers, dict) or not isinstance(archive, dict) or (row.leaves is not None and erased is None):
        return None
    return _Content(answers, archive, erased)


def _read(text: str) -> Any:
    """The JSON value, None when it cannot be read exactly."""
    try:
        return loads(text)
    except MalformedJson:
        return None


def _are_answers(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, dict) and "value" in item for item in value.values())


def _erased(leaves: Any) -> Erased | None:
    if not isinstance(leaves, dict):
        return None
    parts: list[Any] = [leaves.get(name, {}) for name in ("answers", "archive", "keys")]
    if not all(isinstance(part, dict) and all(isinstance(leaf, str) for leaf in part.values()) for part in parts):
        return None
    return Erased(*parts)


def recomputed_digest(row: Row[Any], content: _Content) -> bytes:
    """The digest that a revision's stored content has now; a spoiled salt or tombstone gives another one, never an error."""
    if content.erased is None:
        salt = bytes(row.salt or b"")
        answers, archive = leaves_of(salt, content.answers), leaves_of(salt, content.archive)
    else:
        answers, archive = remaining_leaves(content.erased, content.answers, content.archive)
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
    return content_digest(header, answers, archive, _bytes(row.previous_digest))
