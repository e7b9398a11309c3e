"""The file store without what an act left there that was cut short. Safe on a live system."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keepstep.actions.files import sweep_contents
from keepstep.config import Resources
from keepstep.core.permissions import Actor
from keepstep.db.transaction import open_read, open_write
from keepstep.queries.files import unnamed

# Names that are asked about at once, and locked at once while they are removed.
_AT_ONCE: Final = 500
# An upload writes all the while; one that has not for so long has lost its process.
_BROKEN_OFF: Final = 3_600


@dataclass(frozen=True, slots=True)
class Swept:
    """How many contents that no file names, and how many uploads broken off, are gone."""

    contents: int
    uploads: int


async def sweep(resources: Resources, actor: Actor) -> Swept:
    """A transaction for each few hundred contents, so that an upload never waits for long."""
    removed = 0
    async for names in resources.blobs.names(_AT_ONCE):
        async with open_read(resources.engine) as read:
            left_over = await unnamed(read, names)
        removed += await _removed(resources, actor, left_over) if left_over else 0
    return Swept(removed, await resources.blobs.drop_unfinished(time.time() - _BROKEN_OFF))


async def _removed(resources: Resources, actor: Actor, names: Sequence[str]) -> int:
    async with open_write(resources.engine) as tx:
        return await sweep_contents(resources.context(actor), tx, resources.blobs, names)
