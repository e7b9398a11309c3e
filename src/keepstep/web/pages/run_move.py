"""One run moved to another version, and back: what changes line by line, what to decide, then the move. Dialogs on the run's page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.migration_conflicts import Resolution
from keepstep.actions.single_moves import MoveReport, SingleMove, last_move, move_run, move_run_back, report_of_move
from keepstep.core.moving import Reason
from keepstep.core.permissions import require
from keepstep.core.plan_changes import Said
from keepstep.core.selection import display
from keepstep.core.structure import OptionSet
from keepstep.core.text import text_in, without_pipes
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import ImpactUnconfirmed, NothingToMoveBack, PlanInvalid, Problem, RequestInvalid, ResolutionInvalid, RunStays, Stale
from keepstep.queries.versions import Version
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.build_view import TYPE_NAMES
from keepstep.web.pages.job_list import control_of
from keepstep.web.pages.migration_words import CHOICES, SAYINGS, outcome_words
from keepstep.web.pages.plan_form import ROUTE
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.pages.run import RunId, RunPage, run_page
from keepstep.web.pages.run_acts import run_path
from keepstep.web.pages.run_move_ways import faults_elsewhere, meetings_of, said_of_run, ways_of
from keepstep.web.pages.runs_table import run_name
from keepstep.web.problems import status_of
from keepstep.web.questions.posted import given_in
from keepstep.web.questions.situation import Situation
from keepstep.web.questions.view import question_view
from keepstep.web.rendering import in_dialog, page
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

_PATH: Final = "/wizards/{wizard_ref}/runs/{run_id}"
_GRAVE: Final = ("conflicts", "blocked", "needs-answer")
_MOVE: Final = "r-"
Posted = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Decidable:
    """What somebody has to decide before the run can move. `question`: as respondents meet it, where it needs more than a line."""

    option_set: OptionSet
    place: OptionSet | None
    reason: Reason | None
    label: str
    value: str
    choices: tuple[str, ...]
    chosen: str
    control: str
    options: tuple[tuple[str, str], ...]
    question: Any
    typed: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """The move as somebody asks for it: where to, and what they decided so far."""

    target: int | None
    posted: Posted

    def text(self, name: str) -> str:
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        found = self.posted.get(name, ())
        return found[-1] if found and isinstance(found[-1], str) else ""

    def fields_about(self, target: Version | None) -> dict[str, str]:
        """Every text, if the form was about this target; a sign between parts may be a space."""
        if target is None or self.text("of") != str(target.number):
            return {}
        return {name: self.text(name) or (self.raw(name) if name.endswith("p-delimiter") else "") for name in self.posted}


@router.get(f"{_PATH}/migrate", name="page:run-migrate")
async def ask_move(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    run_id: RunId,
    to: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
) -> Response:
    """What would become of every answer; nothing is stored."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    require(visitor.actor, "edit", shown.wizard.id)
    return await _move_dialog(request, visitor, tx, shown, _Asked(to, {}))


@router.post(f"{_PATH}/migrate", name="page:do-run-migrate")
async def move(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, run_id: RunId) -> Response:
    """The run, moved as it was shown; or the dialog with what it would be like now."""
    fields, form = await fields_of(request), await request.form()
    target = fields.get("target", "")
    asked = _Asked(int(target) if target.isdecimal() and len(target) < 10 else None, {name: form.getlist(name) for name in form})
    if fields.get("act") != "move":
        async with open_read(resources.engine) as tx:
            return await _move_dialog(request, visitor, tx, await run_page(visitor, tx, wizard_ref, run_id), asked)
    try:
        async with open_write(resources.engine) as write:
            shown = await run_page(visitor, write, wizard_ref, run_id)
            require(visitor.actor, "edit", shown.wizard.id)
            wanted = _single(shown, asked, fields.get("confirm") or None)
            await move_run(visitor.ctx, write, run_id, wanted, seen=fields.get("seen", ""))
    except (Stale, PlanInvalid, RunStays, ImpactUnconfirmed, ResolutionInvalid, RequestInvalid) as problem:
        async with open_read(resources.engine) as tx:
            return await _move_dialog(request, visitor, tx, await run_page(visitor, tx, wizard_ref, run_id), asked, problem)
    return see_other(request, run_path(request, shown, "moved"))


async def _move_dialog(
    request: Request, visitor: Visitor, tx: Read, shown: RunPage, asked: _Asked, problem: Problem | None = None
) -> Response:
    try:
        report = await report_of_move(visitor.ctx, tx, shown.state.id, _single(shown, asked, None))
    except ResolutionInvalid as found:
        # What was typed does not fit: without it, so that the dialog can ask again.
        problem = problem or found
        report = await report_of_move(visitor.ctx, tx, shown.state.id, SingleMove(target=asked.target, said=_said(shown, asked)))
    decidable = _decidable(shown, report, asked)
    language = report.target.structure.default_language
    ways = ways_of(
        report, visitor.ctx.clock, {name.removeprefix(ROUTE) for name in asked.fields_about(report.target) if name.startswith(ROUTE)}
    )
    values = {
        "wizard": shown.wizard,
        "ref": shown.ref,
        "run": shown.state,
        "name": run_name(shown.state.id),
        "back": run_path(request, shown),
        "problem": problem,
        "report": report,
        "decidable": decidable,
        "ways": ways,
        "meetings": meetings_of(report),
        "others": faults_elsewhere(report, ways),
        "sayings": SAYINGS,
        "type_names": TYPE_NAMES,
        "numbers": [version.number for version in reversed(shown.versions)],
        "active": shown.wizard.active_version_number,
        "outcomes": outcome_words(),
        "choice_words": CHOICES,
        "label": lambda option_set: _label(option_set, language),
        "shown": lambda envelope, option_set: display(envelope, option_set, shown.state.language, language),
    }
    return _dialog(request, "runs/move.html", problem, values)


def _dialog(request: Request, template: str, problem: Problem | None, values: Mapping[str, Any]) -> Response:
    headers = in_dialog(request)
    return page(request, template, block="dialog", status=200 if problem is None else status_of(problem), headers=headers, **values)


def _label(option_set: OptionSet, language: str) -> str:
    return without_pipes(text_in(option_set.name, language, language)) or option_set.key


# --- what somebody decides -------------------------------------------------------------------------------------------


def _target(shown: RunPage, asked: _Asked) -> Version | None:
    wanted = asked.target if asked.target is not None else shown.wizard.active_version_number
    return next((version for version in shown.versions if version.number == wanted), None)


def _single(shown: RunPage, asked: _Asked, confirm: str | None) -> SingleMove:
    return SingleMove(target=asked.target, said=_said(shown, asked), resolutions=_resolutions(shown, asked), confirm=confirm)


def _said(shown: RunPage, asked: _Asked) -> Said:
    """What the form says of each question; of one that it did not show, what codes and labels suggest."""
    target = _target(shown, asked)
    return said_of_run(shown.state, target, asked.fields_about(target))


def _resolutions(shown: RunPage, asked: _Asked) -> Mapping[str, Resolution]:
    found = {}
    for name in asked.posted:
        choice = asked.text(name)
        if name.startswith(_MOVE) and choice:
            own = name.removeprefix(_MOVE)
            found[own] = _given(shown, asked, own) if choice == "value" else Resolution(choice=choice)
    return found


def _given(shown: RunPage, asked: _Asked, own: str) -> Resolution:
    """The answer that was typed, to the question of the target. Raises ResolutionInvalid for one that cannot be read."""
    target = _target(shown, asked)
    place = target.structure.option_set_by_id.get(own) if target is not None else None
    if place is None:
        raise ResolutionInvalid("The target has no such question.")
    given = given_in({**asked.posted, "shown": [place.id]}, [place], _situation(shown))
    if given.issues:
        raise ResolutionInvalid(
            given.issues[0].detail, errors=[{"pointer": "/value", "code": "unreadable", "detail": given.issues[0].detail}]
        )
    answer = given.answers.get(place.id, {})
    return Resolution(choice="value", value=answer.get("value"), other=answer.get("other"))


def _situation(shown: RunPage) -> Situation:
    return Situation(shown.state.language, shown.state.version.structure.default_language)


def _decidable(shown: RunPage, report: MoveReport, asked: _Asked) -> list[Decidable]:
    """Every reason that holds the run up, and every one that somebody decided about, so that they can change their mind."""
    structure = shown.state.version.structure
    if report.decision is None:
        return []
    decided = {name.removeprefix(_MOVE) for name in asked.posted if name.startswith(_MOVE) and asked.text(name)}
    found = []
    for reason in report.decision.reasons:
        option_set = structure.option_set_by_id.get(reason.option_set_id) or report.target.structure.option_set_by_id.get(
            reason.option_set_id
        )
        if option_set is not None and (reason.outcome in _GRAVE or reason.option_set_id in decided):
            found.append(_one(shown, asked, option_set, reason, report))
    known = {each.option_set.id for each in found}
    missing = [report.target.structure.option_set_by_id.get(name) for name in decided - known]
    return [*found, *[_one(shown, asked, each, None, report, choices=("value", "waive", "reopen")) for each in missing if each is not None]]


def _one(
    shown: RunPage,
    asked: _Asked,
    option_set: OptionSet,
    reason: Reason | None,
    report: MoveReport,
    choices: tuple[str, ...] = (),
) -> Decidable:
    state, default = shown.state, shown.state.version.structure.default_language
    place = report.target.structure.option_set_by_id.get(option_set.id)
    needs = reason is not None and (reason.outcome == "needs-answer" or reason.code == "required")
    choices = choices or (("value", "waive", "reopen") if needs else ("value", "archive", "park"))
    control, options = control_of(place, state.language, default)
    typed = (
        given_in({**asked.posted, "shown": [place.id]}, [place], _situation(shown)).typed.get(place.id) if place and asked.posted else None
    )
    question = None if place is None or control else question_view(place, _situation(shown), typed=typed)
    return Decidable(
        option_set=option_set,
        place=place,
        reason=reason,
        label=_label(option_set, default),
        value=display(state.answers.get(option_set.id), option_set, state.language, default),
        choices=tuple(choice for choice in choices if place is not None or choice != "value"),
        chosen=asked.text(f"{_MOVE}{option_set.id}"),
        control=control,
        options=options,
        question=question,
        typed=asked.text(f"q-{option_set.id}"),
    )


# --- back ------------------------------------------------------------------------------------------------------------


@router.get(f"{_PATH}/move-back", name="page:run-move-back")
async def ask_move_back(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, run_id: RunId) -> Response:
    """Before the last move is taken back."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    require(visitor.actor, "edit", shown.wizard.id)
    if await last_move(tx, shown.state) is None:
        raise NothingToMoveBack("No job has moved this run, or the move was taken back already.")
    return _back_dialog(request, shown, {}, None)


def _back_dialog(request: Request, shown: RunPage, asked: Mapping[str, str], problem: Problem | None) -> Response:
    default = shown.state.version.structure.default_language
    names = [str(error["pointer"]).strip("/") for error in problem.errors] if isinstance(problem, RunStays) else list(asked)
    edited = [(name, _label(shown.questions[name].latest, default) if name in shown.questions else name) for name in names]
    values = {"wizard": shown.wizard, "ref": shown.ref, "run": shown.state, "name": run_name(shown.state.id), "asked": asked}
    values |= {"back": run_path(request, shown), "problem": problem, "edited": edited, "seen": shown.state.etag}
    return _dialog(request, "runs/move_back.html", problem, values)


@router.post(f"{_PATH}/move-back", name="page:do-run-move-back")
async def move_back(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, run_id: RunId) -> Response:
    """The run as it was before; what was edited since is asked for."""
    fields = await fields_of(request)
    asked = {
        name.removeprefix(_MOVE): choice for name, choice in fields.items() if name.startswith(_MOVE) and choice in ("before", "archive")
    }
    try:
        async with open_write(resources.engine) as write:
            shown = await run_page(visitor, write, wizard_ref, run_id)
            require(visitor.actor, "edit", shown.wizard.id)
            await move_run_back(visitor.ctx, write, run_id, fields.get("seen", ""), asked)
    except (Stale, RunStays) as problem:
        async with open_read(resources.engine) as tx:
            return _back_dialog(request, await run_page(visitor, tx, wizard_ref, run_id), asked, problem)
    return see_other(request, run_path(request, shown, "moved-back"))
