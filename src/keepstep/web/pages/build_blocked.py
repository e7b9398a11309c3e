"""An undo that a later edit is in the way of: what that was, who made it, and the ways on.

Undo takes back one's own edits; another person's is taken back by naming it, which this question does.
"""

from starlette.requests import Request
from starlette.responses import Response

from keepstep.db.transaction import Read
from keepstep.errors import UndoBlocked
from keepstep.queries.drafts import edit_at, edits_since, get_draft
from keepstep.web.pages.build_acts import Sent
from keepstep.web.pages.frame import frame_around
from keepstep.web.problems import status_of
from keepstep.web.rendering import in_dialog, page
from keepstep.web.visitor import Visitor


async def undo_blocked(request: Request, visitor: Visitor, tx: Read, about: tuple[str, Sent, int], problem: UndoBlocked) -> Response:
    """The question. `about`: the wizard, what the form sent, and the revision that was to be taken back."""
    wizard_ref, sent, revision = about
    state = await get_draft(tx, visitor.actor, wizard_ref)
    blocking = problem.extra.get("blocked_by")
    headers = in_dialog(request)
    return page(
        request,
        "build/undo_blocked.html",
        block="dialog",
        status=status_of(problem),
        headers=headers,
        problem=problem,
        wizard=state.wizard,
        ref=wizard_ref,
        kind=request.url.path.rsplit("/", 1)[-1],
        wanted=await edit_at(tx, state.wizard.id, revision),
        blocking=None if blocking is None else await edit_at(tx, state.wizard.id, blocking["revision"]),
        later=() if blocking is not None else await edits_since(tx, state.wizard.id, revision, most=10),
        me=visitor.actor.id,
        node=sent.text("node"),
        back=f"/wizards/{wizard_ref}/build" + (f"?node={sent.text('node')}" if sent.text("node") else ""),
        **await frame_around(request, tx, state),
    )
