"""Users, their tokens and grants, and the record of what was done, over HTTP."""

from starlette.responses import Response

from keepstep.web.deps import CurrentContext
from keepstep.web.exactjson import ExactJson, api_router

router = api_router("accounts")


@router.get("/api/v1/me")
async def me(ctx: CurrentContext) -> Response:
    """Who the token speaks for, and what it may do."""
    actor = ctx.actor
    return ExactJson({"id": actor.id, "name": actor.name, "role": actor.role, "scopes": sorted(actor.scopes), "grants": dict(actor.grants)})
