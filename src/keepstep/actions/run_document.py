"""One run as a document that needs no server: every revision, the versions that they were asked in, what was done to it.

It stores nothing. Values that were erased are in none of it; the bytes of files are not either, only their names and digests.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from keepstep.actions.context import Context
from keepstep.core.structure import dump
from keepstep.db.transaction import Read
from keepstep.queries.audit import AuditFilter, list_audit_events
from keepstep.queries.responses import responses_of, run_json
from keepstep.queries.run_history import Tombstone, revisions_before, tombstones_of_run
from keepstep.queries.runs import RunState, get_run, wizard_of
from keepstep.queries.versions import Version

FORMAT: Final = "keepstep-run"
_ALL: Final = 2**31 - 1


async def run_document(ctx: Context, tx: Read, run_id: str) -> dict[str, Any]:
    """The document of a run that this actor may see. Raises RunNotFound, Forbidden."""
    state = await get_run(tx, ctx.actor, run_id)
    revisions = list(reversed(await revisions_before(tx, run_id, limit=_ALL)))
    versions = {each.version.number: each.version for each in (*revisions, state)}
    events = await list_audit_events(tx, AuditFilter(run_id=run_id), before=None, limit=_ALL)
    return {
        "format": FORMAT,
        "schema_version": 1,
        "made_at": ctx.now,
        "run": run_json(state, await wizard_of(tx, state.origin_wizard_id)),
        "revisions": [_revision(each) for each in revisions],
        "versions": [_version(versions[number]) for number in sorted(versions)],
        "erasures": [_tombstone(each) for each in await tombstones_of_run(tx, run_id)],
        "events": [{"at": each.at, "action": each.action, "actor": each.actor, "details": each.details} for each in reversed(events)],
    }


def _revision(state: RunState) -> Mapping[str, Any]:
    names: Sequence[str] = ("revision", "status", "language", "cause", "actor", "at", "asked", "evaluated_at", "zone", "answers", "archive")
    stored = {name: getattr(state, name) for name in names}
    stored |= {"version_number": state.version.number, "digest": None if state.digest is None else state.digest.hex()}
    return stored | {"erased": dict(state.erased), "states": {each["key"]: each["state"] for each in responses_of(state)}}


def _version(version: Version) -> Mapping[str, Any]:
    created: datetime = version.created_at
    digest = version.digest.hex()
    return {
        "version_number": version.number,
        "id": version.id,
        "created_at": created,
        "digest": digest,
        "structure": dump(version.structure),
    }


def _tombstone(each: Tombstone) -> Mapping[str, Any]:
    return {"number": each.number, "at": each.at, "actor": each.actor, "reason": each.reason, "option_sets": each.option_sets}
