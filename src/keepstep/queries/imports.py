"""What an import of runs finds stored already under the ids that it is about to use. Must not know files."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import JSONB

from keepstep.db.tables import run_revisions, wizard_runs
from keepstep.db.transaction import Read


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A stored run, trashed ones included: whose it is, and its present envelopes by option set id, the archive's by name."""

    origin_wizard_id: str
    erased: bool
    answers: Mapping[str, Any]
    archive: Mapping[str, Any]


_HEAD: Final = and_(run_revisions.c.run_id == wizard_runs.c.id, run_revisions.c.revision == wizard_runs.c.revision)
_ANSWERS: Final = func.coalesce(wizard_runs.c.working_answers, run_revisions.c.answers, type_=JSONB)
_KNOWN: Final = select(
    wizard_runs.c.id,
    wizard_runs.c.origin_wizard_id,
    wizard_runs.c.erased_at,
    _ANSWERS.label("answers"),
    run_revisions.c.archive,
    run_revisions.c.leaves.is_not(None).label("erased_in_part"),
).select_from(wizard_runs.outerjoin(run_revisions, _HEAD))


async def known_runs(tx: Read, ids: Collection[str]) -> Mapping[str, KnownRun]:
    """The runs that are stored under these ids, of whatever wizard. One query."""
    if not ids:
        return {}
    rows = await tx.rows(_KNOWN.where(wizard_runs.c.id.in_(sorted(ids))))
    return {
        row.id: KnownRun(row.origin_wizard_id, row.erased_at is not None or row.erased_in_part, row.answers or {}, row.archive or {})
        for row in rows
    }
