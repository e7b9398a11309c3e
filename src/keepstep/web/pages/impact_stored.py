"""What is stored beside the nodes of a wizard: the counts of every question at once, and the panel of one node with its versions, the
places that use it, and its history. Reads only; for everybody who may see the wizard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.impact import stored_under
from keepstep.core.places import mentions
from keepstep.core.structure import ChoiceFields, OptionSet, Structure
from keepstep.core.text import quoted, text_in
from keepstep.queries.answer_counts import NONE, AnswerCount, answer_counts, together
from keepstep.queries.drafts import get_draft
from keepstep.queries.impact import stored_counts
from keepstep.queries.node_history import history_of
from keepstep.web.pages.frame import frame_around
from keepstep.web.pages.impact import PREFIX, asked_in, builder_path, given_in
from keepstep.web.pages.impact_node import Pointed, pointed_in
from keepstep.web.pages.impact_view import by_question, numbers_of, places_of, values_of
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, PageRead

router = page_router()

_COUNTS: Final = f"{PREFIX}/counts"
_ANSWERS: Final = f"{PREFIX}/answers"


@dataclass(frozen=True, slots=True)
class StepCount:
    """A step and its questions with what is stored of each."""

    id: str
    name: str
    count: AnswerCount
    questions: tuple[tuple[OptionSet, str, AnswerCount], ...]


@router.get(_COUNTS, name="page:impact-counts")
async def counts(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """Every question with its answers; for htmx the pills, each going to `.ks-stored-<id>` wherever the page has that."""
    state = await get_draft(tx, visitor.actor, wizard_ref, "view")
    found = await answer_counts(tx, state.wizard.id)
    assert found is not None  # asked for without a limit
    steps = _by_step(state.draft.structure, found)
    listed = {item.id for step in steps for item, _, _ in step.questions}
    elsewhere = {name: count for name, count in found.items() if name not in listed}
    return page(
        request,
        "impact/counts.html",
        block="pills",
        wizard=state.wizard,
        wizard_ref=wizard_ref,
        steps=steps,
        elsewhere=elsewhere,
        builder=builder_path(wizard_ref),
        **await frame_around(request, tx, state),
    )


def _by_step(structure: Structure, found: Mapping[str, AnswerCount]) -> list[StepCount]:
    default = structure.default_language
    return [
        StepCount(
            step.id,
            text_in(step.name, default, default),
            together(found, (item.id for item in step.option_sets)),
            tuple((item, text_in(item.name, default, default), found.get(item.id, NONE)) for item in step.option_sets),
        )
        for step in structure.steps
    ]


@router.get(_ANSWERS, name="page:impact-answers")
async def answers(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """One node: how many answers by version and state of the run, which values, where it is used, and what became of it."""
    asked = asked_in(wizard_ref, await given_in(request))
    state = await get_draft(tx, visitor.actor, wizard_ref, "view")
    structure, wizard = state.draft.structure, state.wizard
    pointed = pointed_in(structure, asked.node, asked.value)
    wanted = frozenset(item.id for item in pointed.option_sets)
    stored = await stored_counts(tx, wizard.id, wanted, {wanted} if len(wanted) > 1 else (), as_of=visitor.ctx.now)
    impact = stored_under(stored, wanted, asked.value)
    return page(
        request,
        "impact/answers.html",
        block="panel",
        wizard=wizard,
        asked=asked,
        node=pointed,
        counts=numbers_of(impact, wizard.active_version_number),
        questions=by_question(impact, structure) if pointed.kind == "step" else (),
        values=values_of(impact, pointed.owner, structure.default_language) if isinstance(pointed.owner, OptionSet) else None,
        is_choice=isinstance(pointed.owner, ChoiceFields),
        places=places_of(_mentions(structure, pointed), wizard_ref),
        history=await history_of(tx, wizard.id, pointed.id, pointed.kind, asked.value),
        named=lambda wording: quoted(wording, structure.default_language),
        back=asked.back,
        **await frame_around(request, tx, state),
    )


def _mentions(structure: Structure, pointed: Pointed) -> Any:
    """What reads the node from outside of it."""
    own = {pointed.id, *(item.id for item in pointed.option_sets)}
    value = pointed.option.value if pointed.option is not None else None
    found = [mention for item in pointed.option_sets for mention in mentions(structure, item.id, value)]
    return [mention for mention in found if mention.node_id not in own or value is not None]
