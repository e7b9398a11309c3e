"""The link of an invitation: it leads to its wizard with the secret in a cookie, and uses nothing up."""

from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keepstep.actions.accounts import token_digest
from keepstep.actions.admission import not_admitted
from keepstep.core.admission import Refused
from keepstep.db.transaction import open_read
from keepstep.queries.invitations import invited_to
from keepstep.web.deps import ResourcesDep
from keepstep.web.gate import keep_invitation
from keepstep.web.pages.route import SEE_OTHER, page_router
from keepstep.web.player.route import PlayerRoute

router = page_router(route_class=PlayerRoute)


@router.get("/i/{token}", name="page:invited")
async def invited(_request: Request, resources: ResourcesDep, token: Annotated[str, Path(max_length=200)]) -> Response:
    """To the wizard, which says more once somebody begins. Unknown and revoked links, and those of a wizard that is gone, answer alike."""
    async with open_read(resources.engine) as tx:
        slug = await invited_to(tx, token_digest(token))
    if slug is None:
        raise not_admitted(Refused("invitation_unknown"))
    path = f"/w/{slug}"
    answer = RedirectResponse(path, status_code=SEE_OTHER)
    keep_invitation(answer, resources.settings.base_url, path, token)
    return answer
