"""Deleting a step, an option set or an option: what that means for stored runs, and the ways out.

One dialog for all three; where nothing is stored and nothing reads it, a deletion asks nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.builder_edits import edit_rebased
from keepstep.actions.confirm import Confirmable, numbers_in
from keepstep.actions.drafts import Edited
from keepstep.actions.nodes import fixed, report_of_edit
from keepstep.core.confirm import needs_confirmation
from keepstep.core.diff import diff
from keepstep.core.edit import apply
from keepstep.core.edits import Draft
from keepstep.core.impact import mentions_of
from keepstep.core.reviving import Wanted
from keepstep.core.structure import OptionSet
from keepstep.db.transaction import Read
from keepstep.errors import EditCollided, ImpactUnconfirmed
from keepstep.queries.drafts import WizardDraft, get_draft
from keepstep.queries.versions import version_by_id
from keepstep.web.pages.frame import frame_around
from keepstep.web.pages.impact import PREFIX, Asked, Way, asked_in, dialog, given_in, gone_on
from keepstep.web.pages.impact_node import Pointed, deletion_of, pointed_in
from keepstep.web.pages.impact_view import by_question, numbers_of, places_of, values_of
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.rendering import is_htmx
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()

_PATH: Final = f"{PREFIX}/delete"


@router.get(_PATH, name="page:impact-delete")
async def deletion(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """The dialog."""
    return await _dialog(request, visitor, tx, asked_in(wizard_ref, await given_in(request)))


@router.post(_PATH, name="page:impact-deleting")
async def delete(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """Deletes or retires. What is not confirmed, or no longer as it was shown, gives the dialog, and nothing is done."""
    given = await given_in(request)
    asked = asked_in(wizard_ref, given)
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    shelved = state.draft.shelved.get(Wanted(asked.node, asked.value).identity)
    if shelved is not None:
        # The second click of a button, or somebody else's: it is done.
        return gone_on(request, asked, Edited(state=state, name=None, edit=deletion_of(shelved.kind, *shelved.address)))
    pointed = pointed_in(state.draft.structure, asked.node, asked.value)
    edit = pointed.retirement() if given.get("act") == "retire" else pointed.deletion()
    if "act" not in given and _is_read(state.draft, pointed):
        return await _dialog(request, visitor, tx, asked) if is_htmx(request) else see_other(request, asked.path_to("delete"))
    try:
        edited = await edit_rebased(visitor.ctx, tx, wizard_ref, fixed(edit), asked.seen(given, state.wizard.draft_revision))
    except EditCollided as collided:
        return await _dialog(request, visitor, tx, asked, status=409, others=collided.extra["edits"], before="")
    except ImpactUnconfirmed:
        if "act" in given:
            return await _dialog(request, visitor, tx, asked, status=409, before=given.get("counted") or "")
        return await _dialog(request, visitor, tx, asked) if is_htmx(request) else see_other(request, asked.path_to("delete"))
    return gone_on(request, asked, edited)


def _is_read(draft: Draft, pointed: Pointed) -> bool:
    """Whether anything else of the draft speaks of the node and would be left without it: that is said first, answers or none."""
    left = apply(draft, pointed.deletion()).draft.structure
    return bool(mentions_of(diff(draft.structure, left), left))


async def _dialog(request: Request, visitor: Visitor, tx: Read, asked: Asked, **why: Any) -> Response:
    state = await get_draft(tx, visitor.actor, asked.wizard_ref, "edit")
    pointed = pointed_in(state.draft.structure, asked.node, asked.value)
    now = await report_of_edit(visitor.ctx, tx, state.wizard.id, fixed(pointed.deletion()))
    others = await _other_changes(tx, state)
    return _shown(request, asked, (state, pointed, now), others, frame=await frame_around(request, tx, state), **why)


def _shown(
    request: Request,
    asked: Asked,
    about: tuple[WizardDraft, Pointed, Confirmable],
    other_changes: int,
    *,
    status: int = 200,
    before: str | None = None,
    others: Sequence[Mapping[str, Any]] = (),
    frame: Mapping[str, Any],
) -> Response:
    """`before`: the numbers that the dialog showed the last time; `others`: edits of the same node that came in between."""
    state, pointed, now = about
    structure, wizard, impact = state.draft.structure, state.wizard, now.report.impact
    counts = numbers_of(impact, wizard.active_version_number)
    single = isinstance(pointed.owner, OptionSet)
    return dialog(
        request,
        "impact/delete.html",
        status=status,
        **frame,
        wizard=wizard,
        asked=asked,
        node=pointed,
        back=asked.cancel,
        counts=counts,
        asks=needs_confirmation(now.report),
        values=values_of(impact, pointed.owner, structure.default_language) if isinstance(pointed.owner, OptionSet) else None,
        questions=() if single else by_question(impact, structure),
        breaking=True,
        places=places_of(impact.mentions, asked.wizard_ref),
        other_changes=other_changes,
        review=f"/wizards/{quote(asked.wizard_ref)}/review?{urlencode({'return': asked.path_to('delete')})}",
        way=_way(asked, state, now, is_again=bool(before)),
        before=before,
        others=others,
    )


def _way(asked: Asked, state: WizardDraft, now: Confirmable, *, is_again: bool) -> Way:
    """Where the buttons lead. Numbers that came in while somebody looked are shown once; on a busy wizard they change all the time,
    and from then on the token decides, which covers whatever is no worse than what was shown.
    """
    way = asked.way_to("delete").with_more(base=str(state.wizard.draft_revision), confirm=now.token)
    return way if is_again else way.with_more(counted=numbers_in(now.report.impact))


async def _other_changes(tx: Read, state: WizardDraft) -> int:
    """How many changes of the draft are not live yet. Without a version there is nothing stored that a deletion could ask about."""
    if state.wizard.active_version_id is None:
        return 0
    active = await version_by_id(tx, state.wizard.active_version_id)
    return len(diff(active.structure, state.draft.structure))
