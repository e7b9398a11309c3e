"""Acts on many runs at once: into the trash, out of it, erased. First the counts with a token, then the act on exactly those runs.

The token holds a fingerprint of which runs were counted; where others match by then, nothing is done and the counts are shown anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import func, select, text, update

from keepstep.actions.audit import run_event
from keepstep.actions.context import Context
from keepstep.actions.erasure import Erasure, ErasureRequest, erase_run
from keepstep.actions.reasons import require_reason
from keepstep.core.permissions import Permission, require
from keepstep.core.tokens import sign, verified
from keepstep.db.audit import append_events
from keepstep.db.tables import files, wizard_runs
from keepstep.db.transaction import Read, Write
from keepstep.errors import ImpactUnconfirmed
from keepstep.queries.run_lists import RunFilter, RunSum, among, count_listed, sum_listed

Deed = Literal["trash", "restore", "erase"]
TrashAction = Literal["run.trashed", "run.restored"]
_NEEDS: Final[Mapping[Deed, Permission]] = {"trash": "edit", "restore": "edit", "erase": "administer"}
# One transaction each. Moving a run to the trash is an update and an event (50,000 take seconds); erasing one goes through the database's
# own function, run by run.
MOST_AT_ONCE: Final[Mapping[Deed, int]] = {"trash": 50_000, "restore": 50_000, "erase": 500}


@dataclass(frozen=True, slots=True)
class Going:
    """What an act would do: to which runs, and by which token it is confirmed. For an erasure also how much goes from them."""

    runs: RunSum
    token: str
    content: Mapping[str, int]

    @property
    def total(self) -> int:
        return self.runs.total


@dataclass(frozen=True, slots=True)
class Selection:
    """Some runs of one wizard."""

    wizard_id: str
    chosen: RunFilter


async def preview_bulk(ctx: Context, tx: Read, deed: Deed, selection: Selection) -> Going:
    """The counts before the act, and its token. Raises Forbidden."""
    require(ctx.actor, _NEEDS[deed], selection.wizard_id)
    runs = await sum_listed(tx, selection.wizard_id, selection.chosen, first=MOST_AT_ONCE["erase"] if deed == "erase" else 0)
    content = await _content_of(tx, runs.ids) if deed == "erase" else {}
    return Going(runs, sign(ctx.secret, "runs-bulk", _bound(ctx, deed, selection, runs)), content)


def _bound(ctx: Context, deed: Deed, selection: Selection, runs: RunSum) -> list[Any]:
    return [ctx.actor.id, deed, selection.wizard_id, runs.total, runs.fingerprint]


_CONTENT: Final = text("""
  SELECT count(*) AS revisions, coalesce(sum((SELECT count(*) FROM jsonb_object_keys(answers)) +
    (SELECT count(*) FROM jsonb_object_keys(archive))), 0)::bigint AS answers
  FROM run_revisions WHERE run_id = ANY(CAST(:ids AS uuid[]))
""")


async def _content_of(tx: Read, ids: Sequence[str]) -> Mapping[str, int]:
    row = await tx.row(_CONTENT, {"ids": list(ids)})
    kept = await tx.scalar(select(func.count()).where(files.c.run_id.in_(ids))) if ids else 0
    return {"revisions": row.revisions, "answers": row.answers, "files": int(kept)}


async def _confirmed(ctx: Context, tx: Write, deed: Deed, selection: Selection, token: str) -> Sequence[str]:
    """The runs, locked, oldest first. Raises ImpactUnconfirmed where others match than were counted."""
    require(ctx.actor, _NEEDS[deed], selection.wizard_id)
    runs = await sum_listed(tx, selection.wizard_id, selection.chosen, first=MOST_AT_ONCE[deed])
    await tx.rows(select(wizard_runs.c.id).where(among(runs.ids)).order_by(wizard_runs.c.id).with_for_update())
    # Locked, they are looked at once more, and no others: one may have changed while it was waited for.
    still = await count_listed(tx, selection.wizard_id, replace(selection.chosen, ids=runs.ids))
    if still != len(runs.ids) or verified(ctx.secret, "runs-bulk", token) != _bound(ctx, deed, selection, runs):
        raise ImpactUnconfirmed("Other runs match now than were counted. Nothing was done; look at the new numbers.")
    return runs.ids


async def trash_runs(ctx: Context, tx: Write, selection: Selection, token: str) -> int:
    """How many runs were moved to the trash: restorable, each with its event."""
    return await set_trashed(ctx, tx, selection.wizard_id, await _confirmed(ctx, tx, "trash", selection, token), "run.trashed")


async def untrash_runs(ctx: Context, tx: Write, selection: Selection, token: str) -> int:
    """How many runs were taken out of the trash."""
    return await set_trashed(ctx, tx, selection.wizard_id, await _confirmed(ctx, tx, "restore", selection, token), "run.restored")


async def set_trashed(ctx: Context, tx: Write, wizard_id: str, ids: Sequence[str], action: TrashAction) -> int:
    """How many runs of the wizard went into the trash or out of it, each with its event; whoever calls has them locked."""
    at = ctx.now if action == "run.trashed" else None
    await tx.execute(update(wizard_runs).where(among(ids)).values(trashed_at=at, updated_at=ctx.now))
    # On each run's own record: `verify` asks it why the run changed at this time.
    return await append_events(tx, (run_event(ctx, action, (run_id, wizard_id)) for run_id in ids))


async def erase_runs(ctx: Context, tx: Write, selection: Selection, reason: str, token: str) -> Sequence[Erasure]:
    """What was erased, run by run: every answer of each, with its tombstone. Their contents are removed after the commit."""
    require_reason(reason)
    ids = await _confirmed(ctx, tx, "erase", selection, token)
    return [await erase_run(ctx, tx, run_id, ErasureRequest(reason=reason)) for run_id in ids]
