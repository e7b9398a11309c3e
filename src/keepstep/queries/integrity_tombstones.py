"""What tombstones say went from runs, and whether the tombstones themselves are as they were written. Reads only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, Text, cast, exists, select

from keepstep.core.integrity import chained
from keepstep.db.erasure import Erasure, erasure_record
from keepstep.db.tables import audit_events, erasures
from keepstep.db.transaction import Read
from keepstep.queries.findings import Finding, Place, Verified, read_json
from keepstep.queries.integrity_content import digest_or_none

Named = dict[int, tuple[frozenset[str], frozenset[str]]]
"""By revision: the answers and the archive entries that tombstones name."""


@dataclass(slots=True)
class Tombstones:
    """What the tombstones of one run name, and whether one of them stands for the whole run."""

    named: Named = field(default_factory=dict)
    whole: bool = False


async def tombstones_of(tx: Read, runs: Sequence[str], result: Verified) -> dict[str, Tombstones]:
    """Those of these runs. A broken chain is reported here; what it names counts all the same, once."""
    recorded = exists().where(audit_events.c.id == erasures.c.audit_event_id, audit_events.c.action == "run.erased")
    leaves = cast(erasures.c.leaves, Text).label("leaves_text")
    statement = select(*[column for column in erasures.c if column.name != "leaves"], leaves, recorded.label("recorded")).where(
        erasures.c.run_id.in_(runs)
    )
    found: dict[str, Tombstones] = {}
    previous: dict[str, tuple[int, bytes | None]] = {}
    for row in await tx.rows(statement.order_by(erasures.c.run_id, erasures.c.number)):
        number, digest = previous.get(row.run_id, (0, None))
        result.add(_tombstone_findings(row, number, digest))
        previous[row.run_id] = (row.number, bytes(row.digest))
        known = found.setdefault(row.run_id, Tombstones())
        known.whole |= row.option_set_ids is None
        _merge(known.named, read_json(row.leaves_text))
    return found


def _tombstone_findings(row: Row[Any], number: int, digest: bytes | None) -> Iterator[Finding]:
    place = Place(None, row.run_id, None)
    if (
        row.number != number + 1
        or digest_or_none(row.previous_digest) != digest
        or chained(digest, tombstone_record(row)) != bytes(row.digest)
    ):
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
    return erasure_record(erasure, row.number, read_json(row.leaves_text))


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
