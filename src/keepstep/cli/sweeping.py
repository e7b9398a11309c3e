"""`keepstep sweep`: the file store without what an act left there that was cut short."""

import time
from collections.abc import Sequence
from typing import Final

from keepstep.actions.files import sweep_contents
from keepstep.cli.opening import operator, with_resources
from keepstep.cli.printing import AsJson, counted, print_json
from keepstep.config import Resources
from keepstep.db.transaction import open_read, open_write
from keepstep.queries.files import unnamed

# Names that are asked about at once, and locked at once while they are removed.
_AT_ONCE: Final = 500
# An upload writes all the while; one that has not for so long has lost its process.
_BROKEN_OFF: Final = 3_600


def sweep(as_json: AsJson = False) -> None:
    """Remove contents of the file store that no file names, and uploads that were broken off. Safe on a live system."""
    contents, uploads = with_resources(_swept, as_json=as_json)
    if as_json:
        print_json({"contents": contents, "uploads": uploads})
    else:
        print(f"Removed {counted(contents, 'content')} that no file names, and {counted(uploads, 'upload')} broken off.")


async def _swept(resources: Resources) -> tuple[int, int]:
    removed = 0
    async for names in resources.blobs.names(_AT_ONCE):
        async with open_read(resources.engine) as read:
            left_over = await unnamed(read, names)
        removed += await _removed(resources, left_over) if left_over else 0
    unfinished = resources.blobs.unfinished(time.time() - _BROKEN_OFF)
    for path in unfinished:
        path.unlink(missing_ok=True)
    return removed, len(unfinished)


async def _removed(resources: Resources, names: Sequence[str]) -> int:
    async with open_write(resources.engine) as tx:
        return await sweep_contents(operator(resources), tx, resources.blobs, names)
