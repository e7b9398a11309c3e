"""The first page: every wizard with what is live, what is in its draft, and its runs; and the trash."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.permissions import Actor, may
from keepstep.db.transaction import Read
from keepstep.queries.draft_changes import count_draft_changes
from keepstep.queries.health import last_check
from keepstep.queries.home import Overview, count_wizards, list_overviews
from keepstep.queries.lately import happened_lately, open_since
from keepstep.queries.wizards import Wizard, WizardFilter, count_runs_by_wizard, find_wizard, get_wizard, list_wizards
from keepstep.web.deps import ResourcesDep
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Listing
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import page, wants_part
from keepstep.web.sparkline import sparkline
from keepstep.web.visitor import CurrentVisitor, PageRead

router = page_router()

Words = Annotated[str, Query(max_length=200)]
Ref = Annotated[str, Query(max_length=200)]
_WAITING: Final = 3
_LATELY: Final = 4


@router.get("/", name="page:home")
async def home(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    q: Words = "",
    cursor: Cursor = None,
    done: Ref = "",
) -> Response:
    """The newest first; `q` are words of the name. `done` is a wizard that was just moved to the trash or taken out of it."""
    listing = Listing("home", {"q": _plain(q)}, resources.secret)
    after = listing.after(cursor)
    which = {"limit": DEFAULT_LIMIT + 1, "after": str(after[0]) if after else None}
    found = await list_overviews(tx, visitor.actor, WizardFilter(words=_plain(q) or None), visitor.ctx.clock, **which)
    shown, following = listing.page(found, DEFAULT_LIMIT, position=lambda each: [each.wizard.id])
    values: dict[str, Any] = {"wizards": shown, "following": following, "q": _plain(q), "sparkline": sparkline}
    values["today"] = visitor.ctx.clock.today.isoformat()
    if wants_part(request):
        return page(request, "home.html", block="wizards", **values)
    at_work, in_trash = await count_wizards(tx, visitor.actor)
    cards = None if q or cursor else await _cards(tx, visitor.actor, shown)
    moved = await _visible(tx, visitor.actor, done)
    return page(request, "home.html", at_work=at_work, in_trash=in_trash, cards=cards, moved=moved, now=visitor.ctx.now, **values)


def _plain(q: str) -> str:
    return "" if unstorable_text(q) else q.strip()


async def _visible(tx: Read, actor: Actor, ref: str) -> Wizard | None:
    """The wizard that a form was about, for the notice on the page that follows it."""
    found = await find_wizard(tx, ref) if ref else None
    return await get_wizard(tx, actor, ref, "view", removed=True) if found else None


async def _cards(tx: Read, actor: Actor, shown: Sequence[Overview]) -> Mapping[str, Any]:
    """What stands below the list: drafts that wait to be published, the longest first, what happened lately, the last check."""
    drafts = [each for each in shown if each.draft.differs]
    since = await open_since(tx, [each.wizard.id for each in drafts])

    def opened(each: Overview) -> datetime:
        return since.get(each.wizard.id, each.wizard.created_at)

    waiting = [(each, opened(each)) for each in sorted(drafts, key=opened)]
    check = await last_check(tx) if may(actor, "administer") else None
    lately = await happened_lately(tx, actor, limit=_LATELY)
    return {"waiting": waiting[:_WAITING], "waiting_count": len(waiting), "lately": lately, "check": check}


@router.get("/wizards/{wizard_ref}/draft-changes", name="page:draft-changes")
async def draft_changes(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """The chip of one draft, for one too large to be counted together with others."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view")
    draft = (await count_draft_changes(tx, [wizard]))[wizard.id]
    return page(request, "draft_changes.html", block="chip", wizard=wizard, draft=draft)


@router.get("/trash", name="page:trash")
async def trash(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    q: Words = "",
    cursor: Cursor = None,
    done: Ref = "",
) -> Response:
    """The wizards in the trash, with what stays readable of each. `done` is one that was just removed for good."""
    listing = Listing("trash", {"q": _plain(q)}, resources.secret)
    after = listing.after(cursor)
    chosen = WizardFilter(words=_plain(q) or None, trashed=True)
    found = await list_wizards(tx, visitor.actor, chosen, limit=DEFAULT_LIMIT + 1, after=str(after[0]) if after else None)
    shown, following = listing.page(found, DEFAULT_LIMIT, position=lambda wizard: [wizard.id])
    runs = await count_runs_by_wizard(tx, [wizard.id for wizard in shown])
    gone = await _visible(tx, visitor.actor, done)
    return page(request, "trash.html", block="wizards", wizards=shown, runs=runs, following=following, q=_plain(q), gone=gone)
