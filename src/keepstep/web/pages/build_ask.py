"""What an edit of the builder asks before it is made: it touches stored answers, it may mean something else, or somebody was faster.

The question holds everything that was typed, so that nothing is lost whatever the answer is.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.structure import Structure, choices_of
from keepstep.core.text import quoted
from keepstep.db.transaction import Read
from keepstep.errors import EditCollided, ImpactUnconfirmed, MeaningUnconfirmed, Problem
from keepstep.queries.drafts import get_draft
from keepstep.web.pages.build_acts import Sent, members_of, plan_of
from keepstep.web.pages.build_collided import collision_of
from keepstep.web.pages.build_options import compare_again
from keepstep.web.pages.frame import frame_around
from keepstep.web.pages.impact import Asked, Way
from keepstep.web.pages.impact_change import Pending, unconfirmed
from keepstep.web.pages.impact_node import pointed_in
from keepstep.web.problems import status_of
from keepstep.web.rendering import TOKEN_FIELD, in_dialog, page
from keepstep.web.visitor import Visitor

_TEMPLATES: Final[Mapping[type[Problem], str]] = {
    ImpactUnconfirmed: "build/ask_impact.html",
    EditCollided: "build/ask_collided.html",
}
# What the answer sets anew.
_OWN: Final = frozenset({TOKEN_FIELD, "base", "own", "confirm", "counted", "meaning", "new_value", "revive", "conversion"})
# Tell the script of the builder that the answer is for its queue.
_MARKS: Final = ("data-edit", "data-answer")


async def ask(request: Request, visitor: Visitor, tx: Read, about: tuple[str, str, Sent], problem: Problem) -> Response:
    """The question as a page, or for the script as the block of the dialog. `about`: the wizard, the act, and what its form sent."""
    wizard_ref, act, sent = about
    if act == "replace-options" and isinstance(problem, MeaningUnconfirmed):
        return await compare_again(request, visitor, tx, wizard_ref, sent)
    state = await get_draft(tx, visitor.actor, wizard_ref)
    collision = await collision_of(tx, state, act, sent) if isinstance(problem, EditCollided) else None
    if act.startswith("change-") and collision is None:
        pending = _pending(wizard_ref, act, sent, state.draft.structure)
        return await unconfirmed(request, visitor, tx, pending, problem)
    headers = in_dialog(request)
    return page(
        request,
        _TEMPLATES[type(problem)],
        block="dialog",
        status=status_of(problem),
        headers=headers,
        problem=problem,
        wizard=state.wizard,
        ref=wizard_ref,
        act=act,
        held=[(name, value) for name, value in (sent if collision is None else collision.sent).given.items() if name not in _OWN],
        collision=collision,
        made_of=sent.text("base"),
        revision=state.wizard.draft_revision,
        subject=subject_of(sent, state.draft.structure) or (collision.lost.name if collision is not None and collision.lost else ""),
        back=_back(wizard_ref, sent),
        **await frame_around(request, tx, state),
    )


def _pending(wizard_ref: str, act: str, sent: Sent, structure: Structure) -> Pending:
    """The change of one node as the dialogs about stored answers take it (pages/impact_change.py)."""
    node, value = sent.text("option_set_id") or sent.text("step_id"), sent.text("value") or None
    held = [(name, text) for name, text in sent.given.items() if name not in _OWN]
    pointed = pointed_in(structure, node, value)
    return Pending(
        asked=Asked(wizard_ref=wizard_ref, node=node, value=value, back=_back(wizard_ref, sent)),
        fields=members_of(sent, pointed.option or pointed.owner, structure),
        meaning=sent.meaning,
        new_value=sent.text("new_value"),
        counted=sent.text("counted"),
        planned=plan_of(act, sent),
        replanned=lambda more: plan_of(act, Sent({**sent.given, "conversion": "", **more})),
        conversion=sent.tried,
        way=Way(f"/wizards/{quote(wizard_ref)}/build/edit/{act}", held, _MARKS),
    )


def subject_of(sent: Sent, structure: Structure) -> str:
    """The node that a form is about, quoted; "" for none that is there."""
    default = structure.default_language
    option_set = structure.option_set_by_id.get(sent.text("option_set_id"))
    if option_set is None and sent.text("option_set_id"):
        return ""
    if option_set is None:
        step = structure.step_by_id.get(sent.text("step_id"))
        return quoted(step.name, default) if step is not None else ""
    option: Any = next((each for each in choices_of(option_set) if each.value == sent.text("value")), None)
    return quoted(option.label if option is not None else option_set.name, default)


def _back(wizard_ref: str, sent: Sent) -> str:
    query = {name: sent.text(name) for name in ("node", "lang", "pane") if sent.text(name)}
    return f"/wizards/{quote(wizard_ref)}/build" + (f"?{urlencode(query)}" if query else "")
