"""Editing a completed run in its own version, step by step, with the questions as respondents meet them; stored as one revision at the end.

What is typed is kept with each step, right or wrong, so that nothing gets lost. Must not know how answers are validated.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Query
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.files import Upload, store_file
from keepstep.actions.run_edits import OpenEdit, commit_edit, drop_edit, keep_edit, open_edit
from keepstep.core.answer_changes import answer_changes
from keepstep.core.flow import ASKED, Before, evaluate, is_answered
from keepstep.core.issue import Issue
from keepstep.core.structure import Step
from keepstep.core.validate import merged, same_answer, verdict_on
from keepstep.db.transaction import Read, Write, open_read, open_write
from keepstep.errors import AnswersInvalid, Stale
from keepstep.queries.runs import RunState, load_run_at
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.route import UploadPageRoute, page_router, see_other
from keepstep.web.pages.run import RunId, RunPage, framed, run_page
from keepstep.web.pages.run_acts import run_path
from keepstep.web.pages.run_view import Difference, differences
from keepstep.web.problems import status_of
from keepstep.web.questions.passage import Standing, StepView, Turn, is_answered_by_hand, sent_step, step_view, with_files
from keepstep.web.questions.posted import Given
from keepstep.web.questions.shown import shown_answer
from keepstep.web.questions.situation import situation_of
from keepstep.web.questions.view import issues_by_option_set
from keepstep.web.rendering import page, path_to
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router(route_class=UploadPageRoute)

StepId = Annotated[str, Query(max_length=40)]
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Editing:
    """An open edit with the run as it would be: `where` is that state, `issues` what would stop it from being stored."""

    edit: OpenEdit
    where: Standing
    issues: Mapping[str, tuple[Issue, ...]]

    @property
    def open_to(self) -> Standing:
        """`where` with everything to be edited: what is asked, and what is stored though it was not (an import keeps it)."""
        evaluation, structure = self.where.evaluation, self.where.structure
        bits = zip(structure.option_sets, evaluation.asked, strict=True)
        asked = "".join(ASKED if is_answered(self.edit.on.answers.get(each.id)) else bit for each, bit in bits)
        return replace(self.where, evaluation=replace(evaluation, asked=asked))

    @property
    def after(self) -> RunState:
        return replace(self.edit.on, answers=self.where.answers, asked=self.where.evaluation.asked)

    @property
    def changed(self) -> frozenset[str]:
        order = [each.id for each in self.where.structure.option_sets]
        return frozenset(each.option_set_id for each in answer_changes(self.edit.on.answers, self.where.answers, order))


def editing(edit: OpenEdit, visitor: Visitor) -> Editing:
    """As `save_answers` would see it: validated in the run's own version, and only for what this edit sets (P5)."""
    state, structure = edit.on, edit.on.version.structure
    typed = {name: {**envelope, "source": "editor"} for name, envelope in edit.typed.items() if name in structure.option_set_by_id}
    whole = merged(state.answers, typed)
    changed = frozenset(name for name, envelope in typed.items() if not same_answer(envelope, state.answers.get(name)))
    evaluation = evaluate(structure, whole, visitor.ctx.clock, Before(state.asked, changed))
    verdict = verdict_on(whole, structure, evaluation, "edit", state.answers, language=state.language)
    situation = situation_of(structure, whole, evaluation, language=state.language, zone=ZoneInfo(state.zone))
    where = Standing(structure, whole, evaluation, situation, visitor.ctx.clock)
    return Editing(edit, where, issues_by_option_set(verdict.errors, structure))


# --- pages -----------------------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/runs/{run_id}/edit", name="page:run-edit")
async def edit_run(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, run_id: RunId, step: StepId = "") -> Response:
    """A step of the run with its answers, and those that the edit has changed so far."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    found = editing(await open_edit(visitor.ctx, tx, run_id), visitor)
    return await _shown(request, visitor, tx, _Turning(shown, found, _step(found, step)))


def _step(found: Editing, wanted: str) -> Step | None:
    """The step that is named, if the run asks anything in it, else the first that it asks something in."""
    steps = found.open_to.steps
    return next((each for each in steps if each.id == wanted), steps[0] if steps else None)


@dataclass(frozen=True, slots=True)
class _Turning:
    """What a page of the edit shows: the step as it was sent, where it was, and what stopped the edit."""

    shown: RunPage
    found: Editing
    step: Step | None
    turn: Turn | None = None
    problem: AnswersInvalid | Stale | None = None


async def _shown(request: Request, visitor: Visitor, tx: Read, at: _Turning) -> Response:
    found, step = at.found, at.step
    view = None if step is None else _view(at)
    status = status_of(at.problem) if at.problem else 422 if at.turn is not None and at.turn.issues else 200
    values = await framed(visitor, tx, at.shown) | {
        "edit": found.edit,
        "view": view,
        "steps": [(each.id, found.where.situation.text(each.name), _mark(found, each)) for each in found.open_to.steps],
        "step_id": None if step is None else step.id,
        "differing": _differing(at),
        "homeless": _homeless(at),
        "problem": at.problem,
        "opened": at.turn is not None and bool(at.turn.opened),
        "direction": found.where.situation.direction,
        "wrong": {
            name: issues for name, issues in found.issues.items() if step is None or name not in {each.id for each in step.option_sets}
        },
        "wrong_steps": _wrong_steps(found),
    }
    return page(request, "runs/edit.html", block="edit", status=status, **values)


def _view(at: _Turning) -> StepView:
    assert at.step is not None
    own = {each.id for each in at.step.option_sets}
    issues = {name: each for name, each in at.found.issues.items() if name in own} | dict(at.turn.issues if at.turn else {})
    given = at.turn.given if at.turn else Given({})
    return step_view(at.found.open_to, at.step, Turn(at.found.open_to, given, issues, ()))


def _differing(at: _Turning) -> list[Difference]:
    return differences(at.found.edit.on, at.found.after, at.shown.questions)


def _homeless(at: _Turning) -> list[tuple[str, str]]:
    """What was typed to questions that the run's version does not have, since the run was moved while the edit was open."""
    known = at.found.edit.on.version.structure.option_set_by_id
    left = [(name, each) for name, each in at.found.edit.typed.items() if name not in known and is_answered(each)]
    situation = at.found.where.situation
    return [
        (_label(at, name), shown_answer(each, at.shown.questions[name].latest, situation))
        for name, each in left
        if name in at.shown.questions
    ]


def _label(at: _Turning, name: str) -> str:
    return at.found.where.situation.text(at.shown.questions[name].latest.name)


def _mark(found: Editing, step: Step) -> str:
    own = {each.id for each in step.option_sets}
    return "wrong" if own & found.issues.keys() else "changed" if own & found.changed else ""


def _wrong_steps(found: Editing) -> list[tuple[str, str]]:
    return [(each.id, found.where.situation.text(each.name)) for each in found.open_to.steps if _mark(found, each) == "wrong"]


# --- what a form brings ----------------------------------------------------------------------------------------------


@router.post("/wizards/{wizard_ref}/runs/{run_id}/edit", name="page:run-edit-step")
async def send_step(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str, run_id: RunId) -> Response:
    """Keeps what was typed; then `go`: a step's id, `save` for a new revision, `drop`, or `rebase` onto the newest revision."""
    form = await request.form()
    go = str(form.get("go", ""))
    if go == "drop":
        async with open_write(resources.engine) as write:
            shown = await run_page(visitor, write, wizard_ref, run_id)
            await drop_edit(visitor.ctx, write, run_id)
        return see_other(request, run_path(request, shown, "dropped"))
    async with open_write(resources.engine) as write:
        shown = await run_page(visitor, write, wizard_ref, run_id)
        turning = await _kept(visitor, write, resources, shown, form, rebase=go == "rebase")
    if turning.turn is not None and _stops(turning.turn, go):
        async with open_read(resources.engine) as tx:
            return await _shown(request, visitor, tx, turning)
    if go == "save":
        return await _saved(request, visitor, resources, turning)
    at = go if go in {each.id for each in turning.found.open_to.steps} else (turning.step.id if turning.step else "")
    return see_other(request, f"{path_to(request, 'run-edit', wizard_ref=shown.ref, run_id=run_id)}?step={at}")


def _stops(turn: Turn, go: str) -> bool:
    """Whether the step is shown again as it was sent. On another revision it is another page: only what could not be read keeps it back."""
    if go == "rebase":
        return bool(turn.given.issues)
    return bool(turn.issues or (go == "save" and turn.opened))


async def _kept(visitor: Visitor, write: Write, resources: Any, shown: RunPage, form: Any, *, rebase: bool) -> _Turning:
    """What the form says, kept in the edit. What cannot even be read is shown again and not kept."""
    # A form is read against the revision that it was made of: what stood in it untouched is no answer that somebody typed.
    seen = int(shown_on) if (shown_on := str(form.get("base", ""))).isdecimal() and len(shown_on) < 10 else None
    edit = await open_edit(visitor.ctx, write, shown.state.id, base=seen, locked=True)
    on = edit.on if seen in (None, edit.base) else await load_run_at(write, shown.state.id, seen or 1)
    before = editing(replace(edit, on=on), visitor)
    step = _step(before, str(form.get("at", "")))
    if step is None:
        return _Turning(shown, before, None)
    posted: dict[str, list[Any]] = {}
    for name, value in form.multi_items():
        posted.setdefault(name, []).append(value)
    given = sent_step(before.where, step, posted)
    stored = {name: [await _stored(visitor, write, resources, shown, each) for each in files] for name, files in given.uploads.items()}
    given = with_files(given, before.where, stored)
    base = edit.state.head_revision if rebase else edit.base
    kept = await keep_edit(visitor.ctx, write, edit, given.answers, base=base) if given.answers or rebase else edit
    after = editing(kept, visitor)
    return _Turning(shown, after, step, _turn(after, step, given))


def _turn(after: Editing, step: Step, given: Given) -> Turn:
    unread = issues_by_option_set(given.issues, after.where.structure)
    own = {each.id for each in step.option_sets} & given.typed.keys()
    issues = {name: each for name, each in after.issues.items() if name in own} | unread
    before = after.edit.on.asked
    places = after.where.structure.index_of
    opened = tuple(
        each
        for each in after.where.questions(step)
        if each.id not in given.typed and before[places[each.id]] == "0" and is_answered_by_hand(each)
    )
    return Turn(after.where, given, issues, opened)


async def _stored(visitor: Visitor, write: Write, resources: Any, shown: RunPage, file: UploadFile) -> dict[str, Any]:
    upload = Upload(_chunks(file), file.filename or "file", file.content_type or "application/octet-stream")
    return (await store_file(visitor.ctx, write, shown.wizard.id, resources.blobs, upload)).to_json()


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(_CHUNK):
        yield chunk


async def _saved(request: Request, visitor: Visitor, resources: Any, turning: _Turning) -> Response:
    run_id = turning.shown.state.id
    try:
        async with open_write(resources.engine) as write:
            await commit_edit(visitor.ctx, write, run_id)
    except (AnswersInvalid, Stale) as problem:
        async with open_read(resources.engine) as tx:
            found = editing(await open_edit(visitor.ctx, tx, run_id), visitor)
            return await _shown(request, visitor, tx, _Turning(turning.shown, found, turning.step, turning.turn, problem))
    return see_other(request, run_path(request, turning.shown, "edited"))
