"""The retention rules of the wizards, applied. Each bounded piece commits by itself: a worker killed in the middle costs nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence

from keepstep.actions.erasure import remove_contents
from keepstep.actions.retention import Applied, apply_retention
from keepstep.config import Resources
from keepstep.core.permissions import Actor
from keepstep.db.transaction import open_read, open_write
from keepstep.queries.retention import wizards_with_retention


async def retain_all(resources: Resources, actor: Actor) -> Mapping[str, int]:
    """How many runs of all wizards went to the trash, and how many were erased."""
    async with open_read(resources.engine) as tx:
        wizards: Sequence[str] = await wizards_with_retention(tx)
    total = Counter({"trashed_by_rule": 0, "erased_by_rule": 0})
    for wizard_id in wizards:
        total.update(await retain(resources, actor, wizard_id))
    return total


async def retain(resources: Resources, actor: Actor, wizard_id: str) -> Mapping[str, int]:
    """The same of one wizard."""
    trashed = erased = 0
    while (done := await _piece(resources, actor, wizard_id)).runs:
        erased += len(done.erased)
        trashed += done.runs - len(done.erased)
    return {"trashed_by_rule": trashed, "erased_by_rule": erased}


async def _piece(resources: Resources, actor: Actor, wizard_id: str) -> Applied:
    async with open_write(resources.engine) as tx:
        done = await apply_retention(resources.context(actor), tx, wizard_id)
    # After the commit: until then the answers that name the files could still come back.
    for each in done.erased:
        if each.files:
            async with open_write(resources.engine) as tx:
                await remove_contents(tx, resources.blobs, each)
    return done
