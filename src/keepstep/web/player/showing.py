"""The pages of a passage as answers: the values that their templates name. Must not know what a form sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse

from keepstep.core.clock import Clock
from keepstep.core.flow import AS_STORED, evaluate
from keepstep.core.logic import inputs_of
from keepstep.core.question_pages import paged
from keepstep.core.reference import reference_of
from keepstep.core.structure import Calculated, Step, Structure, choices_of
from keepstep.queries.passages import Passage
from keepstep.queries.runs import clock_of
from keepstep.web.player.colliding import fingerprints
from keepstep.web.player.respondent import frames_of
from keepstep.web.player.route import player_page
from keepstep.web.player.way import Way
from keepstep.web.questions.passage import (
    SHOWN,
    Standing,
    Turn,
    check_view,
    ending_of,
    is_answered_by_hand,
    issues_of,
    standing,
    step_before,
    step_view,
)
from keepstep.web.questions.situation import situation_of
from keepstep.web.questions.view import issues_by_option_set
from keepstep.web.questions.wording import Said, said


@dataclass(frozen=True, slots=True)
class Showing:
    """What every page of a passage needs: the request, the way, the passage, and where its respondent stands."""

    request: Request
    way: Way
    passage: Passage
    where: Standing

    @property
    def structure(self) -> Structure:
        """As pages."""
        return self.where.structure

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        situation = self.where.situation
        return player_page(
            self.request,
            template,
            language=situation.language,
            status=status,
            frames=frames_of(self.passage.settings, embedded=bool(self.way.embedded)),
            direction=situation.direction,
            name=situation.text(self.structure.name),
            embedded=bool(self.way.embedded),
            way=self.way,
            version=self.passage.state.version.number,
            **{"languages": [each for each in self.structure.languages if each != situation.language], **values},
        )


def showing(request: Request, way: Way, passage: Passage, clock: Clock) -> Showing:
    state = passage.state
    where = standing(paged(state.version.structure), state.answers, clock, language=state.language, zone=ZoneInfo(clock.zone))
    return Showing(request, way, passage, where)


def showing_sent(request: Request, way: Way, passage: Passage, zone: str) -> Showing:
    """A completed run as it was sent: as of its own time, with what was calculated then."""
    state, structure = passage.state, paged(passage.state.version.structure)
    clock = clock_of(state)
    evaluation = evaluate(structure, state.answers, clock, AS_STORED)
    situation = situation_of(structure, state.answers, evaluation, language=state.language, zone=ZoneInfo(zone))
    return Showing(request, way, passage, Standing(structure, state.answers, evaluation, situation, clock))


def page_of(structure: Structure, key: str) -> Step | None:
    """The page with this key in its address."""
    return next((step for step in structure.steps if step.key == key and not step.retired), None)


def resume_point(shown: Showing) -> str:
    """Where somebody who comes back goes on: the first page with something to do, else the check page."""
    where, answers = shown.where, shown.where.answers
    if shown.passage.state.save_number == 0 and not shown.passage.state.head_revision and where.steps:
        return shown.way.step(where.steps[0].key)
    wrong = issues_by_option_set(issues_of(where), where.structure)
    for step in where.steps:
        questions = [each for each in where.questions(step) if is_answered_by_hand(each)]
        if any(each.id in wrong or each.id not in answers for each in questions):
            return shown.way.step(step.key)
    return shown.way.to("check")


# --- a step --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An answer that was changed in another tab or on another device, as it stands there."""

    label: str
    text: str


def step_page(
    shown: Showing,
    step: Step,
    turn: Turn | None = None,
    *,
    status: int = 200,
    elsewhere: Sequence[Elsewhere] = (),
    returning: bool = False,
    opened: bool = False,
) -> HTMLResponse:
    """`turn`: as it was sent, with what is wrong. `returning`: Continue goes back to the check page."""
    where = shown.where
    keep = turn is not None
    before = step_before(where, step)
    return shown.page(
        "step.html",
        status=status,
        view=step_view(where, step, turn, keep=keep),
        action=shown.way.step(step.key),
        bases=fingerprints(where, where.questions(step)),
        form=shown.request.app.state.resources.make_id(),
        returning=returning,
        opened=opened,
        elsewhere=elsewhere,
        has_back=before is not None or returning,
        is_live=_is_live(where.structure, step),
    )


def _is_live(structure: Structure, step: Step) -> bool:
    """Whether answers of a page decide what the same page asks: known with the structure, as its flow is."""
    known: dict[str, bool] = structure.__dict__.setdefault("_live", {})
    if step.id not in known:
        own = {each.id for each in step.option_sets}
        conditions = [each.visible_if for each in step.option_sets]
        conditions += [option.visible_if for each in step.option_sets for option in choices_of(each)]
        conditions += [each.expression for each in step.option_sets if isinstance(each, Calculated) and each.presentation.get(SHOWN)]
        known[step.id] = any(own & set(inputs_of(each)) for each in conditions if each is not None)
    return known[step.id]


# --- the pages after the steps -------------------------------------------------------------------------------------


def check_page(
    shown: Showing, *, issues: Mapping[str, Sequence[Said]] | None = None, offer: bool = False, moved: bool = False
) -> HTMLResponse:
    """`issues`: what has to be mended before sending, by option set. `offer`: a newer version is there to be had. `moved`: the page that
    was sent showed the questions of another version.
    """
    where = shown.where
    problems = [(each, error) for each, errors in (issues or {}).items() for error in errors]
    return shown.page(
        "check.html",
        status=422 if problems else 409 if moved else 200,
        offer=offer,
        moved=moved,
        sections=check_view(_unpaged(shown)),
        problems=problems,
        changes=change_links(shown),
        back=shown.way.step(where.steps[-1].key) if where.steps else "",
        action=shown.way.to("check"),
    )


def said_of(shown: Showing, issues: Sequence[Any]) -> dict[str, tuple[Said, ...]]:
    """Findings in words, by option set, in the order of the wizard."""
    by_id = shown.structure.option_set_by_id
    found = issues_by_option_set(issues, shown.structure)
    ordered = sorted(found, key=shown.structure.index_of.__getitem__)
    return {each: tuple(said(issue, by_id[each], shown.where.situation) for issue in found[each]) for each in ordered}


def change_links(shown: Showing) -> dict[str, str]:
    """Where each question is changed, by option set: its page, from which Continue comes back to the check page."""
    links = {}
    for step in shown.where.steps:
        for each in shown.where.questions(step):
            if is_answered_by_hand(each):
                links[each.id] = f"{shown.way.step(step.key, change='1')}#question-{each.id}"
    return links


def _unpaged(shown: Showing) -> Standing:
    """By the wizard's own steps: a section for each question would be a heading for each line."""
    where, structure = shown.where, shown.passage.state.version.structure
    return Standing(structure, where.answers, where.evaluation, where.situation, where.clock)


def end_page(shown: Showing) -> HTMLResponse:
    return shown.page("end.html", ending=ending_of(shown.where), text=shown.where.situation.text, reference=reference_of(shown.way.run_id))


def copy_page(shown: Showing) -> HTMLResponse:
    return shown.page(
        "copy.html",
        sections=check_view(_unpaged(shown)),
        reference=reference_of(shown.way.run_id),
        sent_at=shown.passage.state.completed_at,
    )


def copy_text(shown: Showing) -> str:
    """The answers as a text file that any device shows."""
    situation = shown.where.situation
    lines = [situation.text(shown.structure.name), reference_of(shown.way.run_id), ""]
    for section in check_view(_unpaged(shown)):
        lines += [section.title, "-" * min(len(section.title), 70)]
        lines += [line for row in section.rows for line in (row.label, *(f"    {each}" for each in (row.text or "–").splitlines()), "")]
    return "\r\n".join(lines) + "\r\n"
