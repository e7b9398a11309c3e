"""What a person decides about runs that wait: one by one, or all that wait for one question at once."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.migration_conflicts import Resolution, resolve_conflict
from keepstep.actions.migration_several import TOGETHER, decide_several
from keepstep.db.transaction import Read
from keepstep.errors import ConflictNotFound, Problem, ResolutionInvalid, RunErased, RunStays, RunTrashed
from keepstep.queries.migration_conflicts import Among, Conflict, conflict_ids, list_conflicts, open_items
from keepstep.queries.migration_jobs import Job
from keepstep.queries.wizards import Wizard, is_id
from keepstep.web.pages.job import JobId, job_of, shown_job
from keepstep.web.pages.job_list import behind, going_on, item_of
from keepstep.web.pages.migration_words import CHOICES
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.questions.posted import given_in
from keepstep.web.questions.situation import Situation
from keepstep.web.questions.view import question_view
from keepstep.web.rendering import in_dialog, page, path_to
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor, writing

router = page_router()

ConflictId = Annotated[str, Path(max_length=100)]
_PATH: Final = "/wizards/{wizard_ref}/migrations/jobs/{job_id}/conflicts"
# So many transactions in one request: about two seconds of work, then the page says how many are left.
_BATCHES: Final = 4
_REFUSED: Final = (ConflictNotFound, ResolutionInvalid, RunStays, RunTrashed, RunErased)


async def _conflict(tx: Read, job: Job, conflict_id: str) -> Conflict:
    run_id, option_set_id = conflict_ids(conflict_id)
    found = await list_conflicts(tx, job, limit=1_000, which=Among(run_id=run_id))
    conflict = next((each for each in found if each.item.option_set_id == option_set_id), None)
    if conflict is None:
        raise ConflictNotFound("This conflict is resolved already, its run was moved or taken back since, or it was none of this job.")
    return conflict


@router.get(f"{_PATH}/{{conflict_id}}", name="page:conflict")
async def conflict_page(
    request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, job_id: JobId, conflict_id: ConflictId
) -> Response:
    """One of them, with the question as respondents meet it."""
    wizard, job = await job_of(visitor, tx, wizard_ref, job_id)
    return _dialog(request, (wizard, job), await _conflict(tx, job, conflict_id))


def _dialog(request: Request, about: tuple[Wizard, Job], conflict: Conflict, given: Any = None, problem: Problem | None = None) -> Response:
    wizard, job = about
    place, state = conflict.place, conflict.state
    default = state.version.structure.default_language
    situation = Situation(state.language, default)
    typed = None if given is None or place is None else given.typed.get(place.id)
    question = None if place is None or "value" not in conflict.choices else question_view(place, situation, typed=typed)
    ref = wizard.slug or wizard.id
    values = {"wizard": wizard, "ref": ref, "job": job, "item": item_of(conflict), "question": question, "problem": problem}
    values |= {"back": path_to(request, "job", wizard_ref=ref, job_id=job.id), "choice_words": CHOICES, "direction": situation.direction}
    status = 200 if problem is None else status_of(problem)
    headers = in_dialog(request)
    return page(request, "migrations/conflict.html", block="dialog", status=status, headers=headers, **values)


@router.post(f"{_PATH}/{{conflict_id}}", name="page:resolve")
async def resolve(request: Request, visitor: CurrentVisitor, wizard_ref: str, job_id: JobId, conflict_id: ConflictId) -> Response:
    """What was decided; then the list, with the next one in focus."""
    fields = await fields_of(request)
    form = await request.form()
    posted = {name: form.getlist(name) for name in form}
    try:
        async with writing(request) as tx:
            wizard, job = await job_of(visitor, tx, wizard_ref, job_id, "edit")
            conflict = await _conflict(tx, job, conflict_id)
            following = await open_items(tx, job_id, limit=1, after=conflict_ids(conflict_id))
            resolution = _resolution(conflict, fields, posted)
            resolved = await resolve_conflict(visitor.ctx, tx, job_id, conflict_id, resolution)
    except _REFUSED as problem:
        return await _refused(request, visitor, (wizard_ref, job_id, conflict_id), problem, posted)
    ref, next_id = wizard.slug or wizard.id, following[0].id if following else ""
    path = path_to(request, "job", wizard_ref=ref, job_id=job_id)
    done = "moved" if resolved.moved else "stays" if resolution.choice == "stay" else "decided"
    if resolved.moved and not conflict.holds and resolution.choice in ("archive", "park", "waive"):
        done = "carried"
    # A browser that is sent to a place on the page gives the focus to nothing else; what has it is scrolled to anyway.
    anchor = "" if next_id else "#worklist"
    return see_other(request, f"{path}?done={done}&focus={next_id}{anchor}")


def _resolution(conflict: Conflict, fields: Mapping[str, str], posted: Mapping[str, Sequence[Any]]) -> Resolution:
    choice, place = fields.get("choice", ""), conflict.place
    if choice != "value" or place is None:
        return Resolution(choice=choice)
    situation = Situation(conflict.state.language, conflict.state.version.structure.default_language)
    given = given_in({**posted, "shown": [place.id]}, [place], situation)
    if given.issues:
        raise ResolutionInvalid(
            given.issues[0].detail, errors=[{"pointer": "/value", "code": "unreadable", "detail": given.issues[0].detail}]
        )
    answer = given.answers.get(place.id, {})
    return Resolution(choice="value", value=answer.get("value"), other=answer.get("other"))


async def _refused(
    request: Request, visitor: Visitor, about: tuple[str, str, str], problem: Problem, posted: Mapping[str, Sequence[Any]]
) -> Response:
    """An answer that does not fit is asked for again, with what was typed; what somebody else decided is said above the list."""
    wizard_ref, job_id, conflict_id = about
    async with writing(request) as tx:
        wizard, job = await job_of(visitor, tx, wizard_ref, job_id, "edit")
        if isinstance(problem, ResolutionInvalid):
            conflict = await _conflict(tx, job, conflict_id)
            situation = Situation(conflict.state.language, conflict.state.version.structure.default_language)
            places = [] if conflict.place is None else [conflict.place]
            given = given_in({**posted, "shown": [place.id for place in places]}, places, situation)
            return _dialog(request, (wizard, job), conflict, given, problem)
        return await shown_job(request, visitor, tx, (wizard, job), problem=problem)


# --- all of one question ---------------------------------------------------------------------------------------------


@router.post(_PATH, name="page:resolve-alike")
async def resolve_alike(request: Request, visitor: CurrentVisitor, wizard_ref: str, job_id: JobId) -> Response:
    """One choice for all that wait for one answer: as many as a request has time for, and the page that follows goes on behind them."""
    fields = await fields_of(request)
    what = fields.get("question", ""), fields.get("choice", "")
    if what[1] not in TOGETHER or not is_id(what[0]):
        raise ResolutionInvalid("Waive, or to the archive: nothing else is decided for several at once.")
    last = behind(visitor, job_id, fields.get("going", ""))
    at = None if last is None else last[1]
    for _ in range(_BATCHES):
        async with writing(request) as tx:
            wizard, _job = await job_of(visitor, tx, wizard_ref, job_id, "edit")
            at = (await decide_several(visitor.ctx, tx, job_id, what, at)).last
        if at is None:
            break
    path = path_to(request, "job", wizard_ref=wizard.slug or wizard.id, job_id=job_id)
    if at is None:
        return see_other(request, f"{path}?done=several#worklist")
    return see_other(request, f"{path}?going={going_on(visitor, job_id, what, at)}#job")
