"""A form of a version that its run has left meanwhile: what was typed in it is taken over where it has a place, kept where it has none,
and all of it is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.offers import Late, save_late
from keepstep.core.validate import same_answer
from keepstep.db.transaction import Write
from keepstep.queries.offers import last_on
from keepstep.queries.passages import Passage
from keepstep.queries.runs import RunState
from keepstep.web.pages.route import see_other
from keepstep.web.player.held import shown_version
from keepstep.web.player.respondent import context_of
from keepstep.web.player.showing import Showing, page_of, resume_point, showing
from keepstep.web.player.way import Way
from keepstep.web.questions.passage import sent_step
from keepstep.web.questions.posted import Posted
from keepstep.web.questions.shown import shown_answer


def late_version(posted: Posted, passage: Passage) -> int | None:
    """The version whose questions the form showed, where its run is on another one now; None for a form of today."""
    number = shown_version(posted)
    return None if number == passage.state.version.number else number


async def late_answer(request: Request, tx: Write, passage: Passage, sent: tuple[Way, str, Posted, int]) -> Response:
    """What became of the form. Without anything typed in it, it goes on to where the run stands now."""
    way, key, posted, number = sent
    ctx = context_of(request, passage.state.origin_wizard_id)
    old = await last_on(tx, passage.state, number)
    onward = see_other(request, resume_point(showing(request, way, passage, ctx.clock)))
    if old is None:
        # It lies about itself: this run never was on that version.
        return onward
    before = showing(request, way, replace(passage, state=old), ctx.clock)
    step = page_of(before.structure, key)
    if step is None:
        return onward
    given = sent_step(before.where, step, posted)
    by_id = before.structure.option_set_by_id
    answers = {name: each for name, each in given.answers.items() if by_id[name].selection_type != "file" and _was_typed(each, old, name)}
    return await told_late(tx, passage, (before, posted), answers)


async def told_late(tx: Write, passage: Passage, sent: tuple[Showing, Posted], answers: Mapping[str, Mapping[str, Any]]) -> Response:
    """These answers of a form, taken over or kept, and told where that is not simply what the form asked. `sent`: as the form showed the
    run, and what came of it.
    """
    before, posted = sent
    request, way = before.request, before.way
    ctx = context_of(request, passage.state.origin_wizard_id)
    saved = await save_late(ctx, tx, passage, before.passage.state, answers)
    had_files = any(not isinstance(each, str) and each.filename for values in posted.values() for each in values)
    shown = showing(request, way, saved.passage, ctx.clock)
    if not had_files and all(_is_plain(each) for each in saved.answers):
        return see_other(request, way.to("later") if "later" in posted.get("go", ()) else resume_point(shown))
    return _page(shown, before, saved.answers, had_files=had_files)


def _was_typed(given: Mapping[str, Any], old: RunState, name: str) -> bool:
    """Whether it says something that the run did not say then. What stood empty in the form is no answer."""
    return not same_answer(given, old.answers.get(name))


def _is_plain(late: Late) -> bool:
    """Whether it was taken over as the answer to the very question that the form showed: nothing is to be told of it."""
    then, now = late.source, late.target
    return late.is_taken and now is not None and (then.id, then.name, then.selection_type) == (now.id, now.name, now.selection_type)


@dataclass(frozen=True, slots=True)
class Fate:
    """One answer of the form: the question as it was, what was typed, and where that is now. `now`: the question's present wording."""

    label: str
    text: str
    now: str
    is_taken: bool


def _page(shown: Showing, before: Showing, answers: tuple[Late, ...], *, had_files: bool) -> Response:
    fates = [_fate(shown, before, each) for each in answers]
    return shown.page("late.html", status=409, fates=fates, had_files=had_files, onward=resume_point(shown), languages=[])


def _fate(shown: Showing, before: Showing, late: Late) -> Fate:
    then, now = before.where.situation, shown.where.situation
    label = then.text(late.source.name)
    wording = "" if late.target is None else now.text(late.target.name)
    return Fate(label, shown_answer(late.envelope, late.source, then), "" if wording == label else wording, late.is_taken)
