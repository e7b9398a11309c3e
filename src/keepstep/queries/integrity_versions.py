"""Whether published versions are what was published: structures, snapshots, numbers, and what the audit trail says of each.

Reads only. Must not know what a run holds.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Text, and_, cast, func, null, or_, select

from keepstep.core.integrity import RECORDED, structure_digest, version_record
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.structure import Structure, dump, parse
from keepstep.db.tables import audit_events, draft_edits, nodes, reserved_keys, run_revisions, version_option_sets, wizard_versions, wizards
from keepstep.db.transaction import Read
from keepstep.errors import Problem
from keepstep.queries.findings import Finding, Verified, read_json


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """What a check of runs needs of a version. `option_sets`: how many there are."""

    id: str
    origin: str
    number: int
    option_sets: int
    languages: frozenset[str]
    has_wizard: bool


_OWN: Final = wizard_versions.c
# JSON comes as text and is read here, as with runs.
_COLUMNS: Final = (
    _OWN.id,
    _OWN.origin_wizard_id,
    _OWN.wizard_id,
    _OWN.version_number,
    cast(_OWN.structure, Text).label("structure"),
    _OWN.digest,
    _OWN.change_summary,
    cast(_OWN.changes, Text).label("changes"),
    _OWN.based_on,
    _OWN.rolled_back_to,
    _OWN.in_progress_policy,
    _OWN.created_at,
    _OWN.created_by,
    wizards.c.id.label("present_wizard_id"),
)


async def verify_versions(tx: Read, wizard_id: str | None, result: Verified) -> Mapping[str, KnownVersion]:
    """Every version by its id, checked; or those of one wizard."""
    joined = wizard_versions.outerjoin(wizards, wizards.c.id == _OWN.origin_wizard_id)
    statement = _of(select(*_COLUMNS).select_from(joined), _OWN.origin_wizard_id, wizard_id)
    told = await _told(tx, wizard_id)
    known: dict[str, KnownVersion] = {}
    line = _Line("")
    async for row in tx.stream(statement.order_by(_OWN.origin_wizard_id, _OWN.version_number), size=5):
        result.versions += 1
        if row.origin_wizard_id != line.wizard_id:
            line = _Line(row.origin_wizard_id)
        structure, faults = await asyncio.to_thread(_structure_of, row)
        result.add(faults)
        result.add(line.findings(row))
        result.add(_record_findings(row, told.get((row.origin_wizard_id, row.version_number), ())))
        if structure is not None:
            result.add(await _snapshot_findings(tx, row, structure))
            result.add(await _rollback_findings(tx, row, structure))
        line.take(row)
        option_sets, languages = (len(structure.option_sets), frozenset(structure.languages)) if structure else (0, frozenset[str]())
        known[row.id] = KnownVersion(
            row.id, row.origin_wizard_id, row.version_number, option_sets, languages, row.present_wizard_id is not None
        )
    for question in _QUESTIONS:
        rows = await tx.rows(_of(question.statement, question.wizard, wizard_id))
        result.add([_finding(row, question.code, question.detail) for row in rows])
    return known


async def verify_wording(tx: Read, run_id: str, also: Collection[str], result: Verified) -> None:
    """The versions in whose words a run is shown, those that its revisions were asked in and those in `also`, against their digests.

    One query. Read from the store, whatever of it this process keeps: that is what somebody may have altered.
    """
    asked_in = select(run_revisions.c.wizard_version_id).where(run_revisions.c.run_id == run_id)
    statement = select(_OWN.origin_wizard_id, _OWN.version_number, _OWN.digest, cast(_OWN.structure, Text).label("structure"))
    rows = await tx.rows(statement.where(or_(_OWN.id.in_(asked_in), _OWN.id.in_(list(also)))).order_by(_OWN.version_number))
    result.versions += len(rows)
    for row in rows:
        result.add(await asyncio.to_thread(_wording_faults, row))


def _wording_faults(row: Row[Any]) -> list[Finding]:
    if structure_digest(read_json(row.structure)) == bytes(row.digest):
        return []
    return [_finding(row, "version", "The structure does not match its digest: what was asked may have been worded otherwise.")]


def _of(statement: Select[Any], column: Any, wizard_id: str | None) -> Select[Any]:
    return statement if wizard_id is None else statement.where(column == wizard_id)


def _finding(row: Row[Any], code: str, detail: str) -> Finding:
    return Finding(code=code, wizard_id=row.origin_wizard_id, version_number=row.version_number, detail=detail)


# --- the structure ---------------------------------------------------------------------------------------------------


def _structure_of(row: Row[Any]) -> tuple[Structure | None, list[Finding]]:
    faults = []
    data = read_json(row.structure)
    if structure_digest(data) != bytes(row.digest):
        faults.append(_finding(row, "version", "The structure does not match its digest."))
    try:
        return parse(data), faults
    except Problem as problem:
        faults.append(_finding(row, "unreadable", f"The structure cannot be read: {problem.detail}"))
        return None, faults


async def _snapshot_findings(tx: Read, row: Row[Any], structure: Structure) -> list[Finding]:
    own = version_option_sets.c
    columns = (own.option_set_id, own.step_id, own.position, own.key, own.option_set_snapshot, own.step_snapshot)
    stored = [tuple(found) for found in await tx.rows(select(*columns).where(own.version_id == row.id).order_by(own.position))]
    # Not as Python compares them, for which 1 and true are the same.
    if canonical_bytes(stored) == canonical_bytes(list(option_set_rows(structure))):
        return []
    return [_finding(row, "snapshot", "The snapshots of its option sets are not those of its structure.")]


def option_set_rows(structure: Structure) -> Iterator[tuple[str, str, int, str, dict[str, Any], dict[str, Any]]]:
    """What `version_option_sets` holds for a structure: option set id, step id, position, key, both snapshots."""
    for position, option_set in enumerate(structure.option_sets):
        step = structure.step_of[option_set.id]
        snapshot = {"id": step.id, "key": step.key, "name": step.name}
        yield option_set.id, step.id, position, option_set.key, dump(option_set), snapshot


async def _rollback_findings(tx: Read, row: Row[Any], structure: Structure) -> list[Finding]:
    """A rollback published the very structure of the version that it names. Compared as values: a later release may write it otherwise."""
    if row.rolled_back_to is None:
        return []
    wanted = and_(_OWN.origin_wizard_id == row.origin_wizard_id, _OWN.version_number == row.rolled_back_to)
    text = await tx.scalar(select(cast(_OWN.structure, Text)).where(wanted, _OWN.version_number < row.version_number))
    try:
        if text is not None and parse(read_json(text)) == structure:
            return []
    except Problem:
        # The other version is named as unreadable itself.
        return []
    return [_finding(row, "record", f"It says that it went back to version {row.rolled_back_to}, whose structure it does not have.")]


# --- the line of versions --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Line:
    """The versions of one wizard as they follow: numbers from 1, each based on the one before and not published earlier."""

    wizard_id: str
    number: int = 0
    at: datetime | None = None

    def findings(self, row: Row[Any]) -> Iterator[Finding]:
        if row.version_number != self.number + 1:
            missing = self.number + 1
            yield Finding(code="version", wizard_id=self.wizard_id, version_number=missing, detail=f"Version {missing} is missing.")
        if row.based_on != (row.version_number - 1 or None):
            yield _finding(row, "record", "It does not say that it is based on the version before.")
        if self.at is not None and row.created_at < self.at:
            yield _finding(row, "record", "It says that it was published before the version before it.")
        if row.wizard_id is None and row.present_wizard_id is not None:
            yield _finding(row, "record", "It says that its wizard is gone, but the wizard is there.")

    def take(self, row: Row[Any]) -> None:
        self.number, self.at = row.version_number, row.created_at


Told = Mapping[tuple[str, int], Sequence[tuple[Row[Any], Mapping[str, Any]]]]
"""What the audit trail says of each version, by wizard and number: events with their details."""


async def _told(tx: Read, wizard_id: str | None) -> Told:
    own = audit_events.c
    statement = select(own.wizard_id, own.at, own.actor, cast(own.details, Text).label("details")).where(own.action == "wizard.published")
    found: dict[tuple[str, int], list[tuple[Row[Any], Mapping[str, Any]]]] = {}
    for row in await tx.rows(_of(statement, own.wizard_id, wizard_id)):
        details = read_json(row.details)
        if isinstance(details, dict) and isinstance(details.get("version_number"), int):
            found.setdefault((row.wizard_id, details["version_number"]), []).append((row, details))
    return found


def _record_findings(row: Row[Any], told: Sequence[tuple[Row[Any], Mapping[str, Any]]]) -> Iterator[Finding]:
    if not told:
        yield _finding(row, "record", "The audit trail does not say that it was published.")
    elif not any(_is_told(row, event, details) for event, details in told):
        yield _finding(row, "record", "Its number, author, time, summary, changes or policy are not what the audit trail says.")


def _is_told(row: Row[Any], event: Row[Any], details: Mapping[str, Any]) -> bool:
    if "record" in details:
        columns = {name: getattr(row, name) for name in RECORDED} | {"digest": bytes(row.digest), "changes": read_json(row.changes)}
        return bool(details["record"] == version_record(columns).hex())
    # Versions of before there were records: the trail says less of them.
    told = (event.at, event.actor, details.get("rolled_back_to"))
    return told == (row.created_at, row.created_by, row.rolled_back_to)


# --- what must agree with the versions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Question:
    """A statement that gives a row (origin_wizard_id, version_number) for everything that is wrong. `wizard` is what narrows it."""

    statement: Select[Any]
    wizard: ColumnElement[Any]
    code: str
    detail: str


def _active() -> Select[Any]:
    """Wizards whose active version is not the newest one: a rollback publishes a new version, so it always is."""
    active = wizard_versions.alias("active")
    newest = func.max(_OWN.version_number)
    joined = wizards.outerjoin(wizard_versions, _OWN.origin_wizard_id == wizards.c.id).outerjoin(
        active, active.c.id == wizards.c.active_version_id
    )
    columns = (wizards.c.id.label("origin_wizard_id"), active.c.version_number)
    differs = newest.is_distinct_from(active.c.version_number)
    return select(*columns).select_from(joined).group_by(wizards.c.id, active.c.version_number).having(differs)


def _draft_log() -> Select[Any]:
    """Wizards whose log is not exactly one line for each revision of the draft after the first."""
    own = draft_edits.c
    lines = wizards.outerjoin(draft_edits, own.wizard_id == wizards.c.id)
    columns = (wizards.c.id.label("origin_wizard_id"), null().label("version_number"))
    last = wizards.c.draft_revision
    wrong = or_(func.count(own.revision) != last - 1, func.min(own.revision) != 2, func.max(own.revision) != last)
    return select(*columns).select_from(lines).group_by(wizards.c.id, last).having(wrong)


def _registry() -> Select[Any]:
    """Versions with a step, an option set or a key that the registry gives to another wizard, or to none."""
    own, step, option_set = version_option_sets.c, nodes.alias("step"), nodes.alias("option_set")
    key = and_(reserved_keys.c.origin_wizard_id == _OWN.origin_wizard_id, reserved_keys.c.key == own.key)
    joined = (
        wizard_versions.join(version_option_sets, own.version_id == _OWN.id)
        .outerjoin(step, and_(step.c.id == own.step_id, step.c.kind == "step"))
        .outerjoin(option_set, and_(option_set.c.id == own.option_set_id, option_set.c.kind == "option_set"))
        .outerjoin(reserved_keys, key)
    )
    owners = (step.c.origin_wizard_id, option_set.c.origin_wizard_id)
    foreign = (owner.is_distinct_from(_OWN.origin_wizard_id) for owner in owners)
    wrong = or_(*foreign, reserved_keys.c.option_set_id.is_distinct_from(own.option_set_id))
    return select(_OWN.origin_wizard_id, _OWN.version_number).select_from(joined).where(wrong).distinct()


_QUESTIONS: Final = (
    _Question(_active(), wizards.c.id, "record", "The active version is not the newest that was published."),
    _Question(_draft_log(), wizards.c.id, "record", "The log of its draft has not one line for each revision."),
    _Question(_registry(), _OWN.origin_wizard_id, "registry", "A step, an option set or a key of it is registered otherwise."),
)
