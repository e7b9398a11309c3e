"""What the API, the page and the command line do alike for one respondent: the export with its record, and the erasure to its end.

Opens the transactions that the acts need; must not know how anything is shown.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from keepstep.actions.context import Context
from keepstep.actions.subject_export import export_subject
from keepstep.actions.subjects import (
    SubjectErased,
    SubjectErasure,
    erase_subject,
    list_subject,
    record_export,
    remove_subject_contents,
    require_some,
)
from keepstep.config import Resources
from keepstep.db.transaction import open_read, open_write


@asynccontextmanager
async def subject_zip(ctx: Context, resources: Resources, respondent: str, also: Sequence[str] = ()) -> AsyncIterator[AsyncIterator[bytes]]:
    """The pieces of the ZIP file, from one snapshot that is open as long as the block. On record before the first byte leaves."""
    async with open_read(resources.engine) as tx:
        listed = require_some(await list_subject(ctx, tx, respondent, also))
        async with open_write(resources.engine) as write:
            await record_export(ctx, write, listed)
        yield export_subject(ctx, tx, resources.blobs, listed)


async def erase_whole_subject(ctx: Context, resources: Resources, wanted: SubjectErasure) -> SubjectErased:
    """As `erase_subject`, then the bytes of the files. Those that are left behind by a killed process go with the daily work."""
    async with open_write(resources.engine) as write:
        erased = await erase_subject(ctx, write, wanted)
    # After the commit: until then the answers that name the files could still come back.
    if erased.counts()["files"]:
        async with open_write(resources.engine) as write:
            await remove_subject_contents(write, resources.blobs, erased)
    return erased
