"""Putting a checkpoint on record: what was signed, when and by whom. The file itself is kept elsewhere."""

from typing import Final, Literal

from sqlalchemy import insert

from keepstep.actions.audit import event_of
from keepstep.actions.context import Context
from keepstep.core.checkpoint import Checkpoint, Summed, signed
from keepstep.core.permissions import require
from keepstep.db.audit import append_event
from keepstep.db.tables import checkpoints
from keepstep.db.transaction import Write

Cause = Literal["daily", "backup", "job", "request"]
ACTION: Final = "checkpoint.made"


async def record_checkpoint(ctx: Context, tx: Write, summed: Summed, cause: Cause = "request") -> Checkpoint:
    """The signed checkpoint over these lines, recorded. The lines come from one snapshot of the store (queries/checkpoints)."""
    require(ctx.actor, "administer")
    checkpoint = signed(ctx.secret, Checkpoint(id=ctx.make_id(), at=ctx.now, cause=cause, counts=summed.counts, root=summed.root))
    row = {name: getattr(checkpoint, name) for name in ("id", "at", "cause", "root", "key_id", "signature")}
    await tx.execute(insert(checkpoints).values(row | {"counts": dict(summed.counts)}))
    details = {"cause": cause, "root": summed.root.hex(), "counts": dict(summed.counts)}
    await append_event(tx, event_of(ctx, action=ACTION, subject_kind="checkpoint", subject_id=checkpoint.id, details=details))
    return checkpoint
