"""The first page: every wizard with what is live, what is in its draft, and its runs."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.jsonvalue import unstorable_text
from keepstep.queries.home import count_trashed, list_overviews
from keepstep.queries.wizards import WizardFilter
from keepstep.web.deps import ResourcesDep
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Listing
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, PageRead

router = page_router()


@router.get("/", name="page:home")
async def home(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    q: Annotated[str, Query(max_length=200)] = "",
    trashed: Annotated[bool, Query()] = False,
    cursor: Cursor = None,
) -> Response:
    """The newest first; `q` are words of the name, `trashed` shows the trash instead."""
    words = "" if unstorable_text(q) else q.strip()
    listing = Listing("home", {"q": words, "trashed": trashed}, resources.secret)
    after = listing.after(cursor)
    chosen = WizardFilter(words=words or None, trashed=trashed)
    found = await list_overviews(tx, visitor.actor, chosen, limit=DEFAULT_LIMIT + 1, after=str(after[0]) if after else None)
    shown, following = listing.page(found, DEFAULT_LIMIT, position=lambda each: [each.wizard.id])
    in_trash = await count_trashed(tx, visitor.actor)
    return page(request, "home.html", block="wizards", wizards=shown, following=following, q=words, trashed=trashed, in_trash=in_trash)
