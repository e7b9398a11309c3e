"""Integrity over HTTP: what `keepstep verify` finds, in pieces that an answer can wait for (docs/integrity.md)."""

from typing import Annotated, Final

from fastapi import Query

from keepstep.core.permissions import require
from keepstep.core.structure import ID_PATTERN
from keepstep.queries.checkpoints import checkpoint_findings
from keepstep.queries.integrity import Scope, guard_findings, verify
from keepstep.queries.wizards import get_wizard
from keepstep.web.api import shapes
from keepstep.web.deps import CurrentContext, ReadTx
from keepstep.web.exactjson import LOWER_CASE, ExactJson, api_router

router = api_router("Integrity")

# A thousand runs take a fraction of a second; ten thousand are what one request may keep the server busy with.
DEFAULT_RUNS: Final = 1_000
MOST_RUNS: Final = 10_000


@router.get("/api/v1/verify", summary="Whether what is stored still is what was stored", responses=shapes.answers(shapes.VerifyAnswer))
async def read(
    ctx: CurrentContext,
    tx: ReadTx,
    wizard: Annotated[str | None, Query(max_length=200, description="One wizard alone: its slug or id.")] = None,
    after: Annotated[str | None, LOWER_CASE, Query(pattern=ID_PATTERN, description="`next` of the piece before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_RUNS, description="How many runs to look at.")] = DEFAULT_RUNS,
) -> ExactJson:
    """For admins. Every digest and chain of versions and of up to `limit` runs recomputed; `next` is null when all were looked at."""
    require(ctx.actor, "administer")
    wizard_id = None if wizard is None else (await get_wizard(tx, ctx.actor, wizard, "view", removed=True)).id
    result = await verify(tx, Scope(wizard_id, after, limit))
    if after is None:
        result.add(await guard_findings(tx))
        result.add(await checkpoint_findings(tx, ctx.secret))
    return ExactJson(result.to_json())
