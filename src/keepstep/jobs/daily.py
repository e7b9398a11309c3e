"""The work of a day, in its order. Every part commits by itself and finds nothing to do a second time: a worker that is killed in
the middle costs nothing, the next one begins anew and does the rest.
"""

from collections.abc import Mapping
from typing import Final

from keepstep.actions.daily import AT_ONCE, abandon_runs, forget_what_is_over, record_daily_work
from keepstep.config import Resources
from keepstep.core.permissions import Actor
from keepstep.db.transaction import open_read, open_write
from keepstep.jobs.checkpoints import write_daily_checkpoint
from keepstep.jobs.retention import retain_all
from keepstep.jobs.sweeping import sweep
from keepstep.queries.daily import last_daily_work, wizards_with_open_runs

WORKER: Final = Actor(id=None, name="daily work", role="admin", channel="job")


async def is_due(resources: Resources) -> bool:
    """Whether it has not been done today, in the zone of this installation."""
    now = resources.now()
    async with open_read(resources.engine) as tx:
        last = await last_daily_work(tx)
    return last is None or last.at.astimezone(now.tzinfo).date() < now.date()


async def do_daily_work(resources: Resources, actor: Actor = WORKER) -> Mapping[str, int]:
    """What was done, as counts by kind; on record at the end."""
    done = {"abandoned": await _abandoned(resources, actor)}
    async with open_write(resources.engine) as tx:
        done |= await forget_what_is_over(resources.context(actor), tx)
    done["contents"] = (await sweep(resources, actor)).contents
    done["checkpoints"] = int(await write_daily_checkpoint(resources, actor, resources.now().date()) is not None)
    # Last: a run that cannot be erased, since it was tampered with, holds nothing else up, and the day is due again.
    done |= await retain_all(resources, actor)
    async with open_write(resources.engine) as tx:
        await record_daily_work(resources.context(actor), tx, done)
    return done


async def _abandoned(resources: Resources, actor: Actor) -> int:
    async with open_read(resources.engine) as tx:
        wizards = await wizards_with_open_runs(tx, resources.now())
    total = 0
    for wizard_id in wizards:
        marked = AT_ONCE
        while marked == AT_ONCE:
            async with open_write(resources.engine) as tx:
                marked = await abandon_runs(resources.context(actor), tx, wizard_id)
            total += marked
    return total
