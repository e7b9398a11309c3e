"""What the forms of a plan's page do: one question's way, what fills a new one, several into one, policies, preview, approve and move.

Every change is previewed at once where nothing is at fault, so that the counts on the page are those of the plan on the page.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.context import Context
from keepstep.actions.migration_jobs import apply_plan, give_up_preview, preview_plan
from keepstep.actions.plans import change_plan, discard_plan
from keepstep.core.plan_changes import Said
from keepstep.core.structure import OptionSet
from keepstep.db.transaction import Write
from keepstep.errors import ImpactUnconfirmed, PlanApproved, PlanInvalid, Problem, RequestInvalid, Stale
from keepstep.queries.migration_jobs import last_preview
from keepstep.queries.plans import StoredPlan, Versions, versions_by_id
from keepstep.web.pages.impact_parameters import params_in
from keepstep.web.pages.plan import PlanId, bench, plan_of
from keepstep.web.pages.plan_form import MERGES, fields_with_signs, merge_rule
from keepstep.web.pages.plan_lines import MappingLine, faults_by_place, lines_of
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.questions.posted import given_in
from keepstep.web.questions.situation import Situation
from keepstep.web.rendering import path_to
from keepstep.web.visitor import CurrentVisitor, Visitor, writing

router = page_router()

_PATH: Final = "/wizards/{wizard_ref}/migrations/{plan_id}"
_REFUSED: Final = (Stale, PlanApproved, PlanInvalid, RequestInvalid, ImpactUnconfirmed)
_FILLS: Final[Mapping[str, str | None]] = {"none": None, "default": "default", "empty": "empty"}
Fields = Mapping[str, str]
Speak = Callable[[StoredPlan, Versions, Fields], Said]


async def previewed_if_faultless(ctx: Context, tx: Write, stored: StoredPlan) -> None:
    """Counts what the plan would do now; a count of an earlier state of it that still runs is given up."""
    await give_up_preview(ctx, tx, stored.id)
    try:
        await preview_plan(ctx, tx, stored.id)
    except PlanInvalid:
        # Refused before anything was written; the page lists every fault.
        return


async def _changed(request: Request, visitor: Visitor, about: tuple[str, str], speak: Speak, anchor: str) -> Response:
    """The plan with what the form says, previewed; or the page as it is now, with what was typed and why nothing was saved."""
    wizard_ref, plan_id = about
    fields = await fields_with_signs(request)
    try:
        async with writing(request) as tx:
            wizard, stored = await plan_of(visitor, tx, wizard_ref, plan_id, "edit")
            said = speak(stored, await versions_by_id(tx, wizard.id), fields)
            changed = await change_plan(visitor.ctx, tx, plan_id, said, fields.get("seen") or None)
            await previewed_if_faultless(visitor.ctx, tx, changed)
    except _REFUSED as problem:
        return await _refused(request, visitor, about, problem, fields)
    path = path_to(request, "plan", wizard_ref=wizard.slug or wizard.id, plan_id=plan_id)
    return see_other(request, f"{path}?done={fields.get('line') or anchor}#{anchor}")


async def _refused(request: Request, visitor: Visitor, about: tuple[str, str], problem: Problem, fields: Fields) -> Response:
    async with writing(request) as tx:
        return await bench(request, visitor, tx, about, problem=problem, typed=fields)


# --- one question ----------------------------------------------------------------------------------------------------


@router.post(f"{_PATH}/lines", name="page:plan-line")
async def change_line(request: Request, visitor: CurrentVisitor, wizard_ref: str, plan_id: PlanId) -> Response:
    """Where the answers to one question go in these versions, and by which parameters."""
    return await _changed(request, visitor, (wizard_ref, plan_id), _said_of_line, "mapping")


def _said_of_line(stored: StoredPlan, versions: Versions, fields: Fields) -> Said:
    line = next((each for each in lines_of(stored.plan, versions, faults_by_place(()), None) if each.key == fields.get("line")), None)
    if line is None:
        raise Stale("This question goes another way since you opened the page.", etag=str(stored.revision), changed={})
    route = _route_of(line, fields, versions[stored.plan.target].structure.option_set_by_id)
    return Said(mapping={str(version.number): {line.source.id: route} for version in line.versions})


def _route_of(line: MappingLine, fields: Fields, places: Mapping[str, OptionSet]) -> Any:
    to = fields.get("to", "")
    if to == "archive":
        return "archive"
    if to not in places:
        detail = "Choose a question of the target, or the archive."
        raise RequestInvalid(detail, errors=[{"pointer": "/to", "code": "question-unknown", "detail": detail}])
    route: dict[str, Any] = {"to": to, "keeps_meaning": bool(fields.get("keeps_meaning")), "as_legacy": bool(fields.get("as_legacy"))}
    # Parameters are of the pair of questions that the form was about; another target has others.
    if line.target is not None and line.target.id == to and line.conversion is not None:
        route["params"] = params_in(fields, line.conversion)
    return route


# --- new questions, several into one, policies -----------------------------------------------------------------------


@router.post(f"{_PATH}/fills", name="page:plan-fill")
async def change_fill(request: Request, visitor: CurrentVisitor, wizard_ref: str, plan_id: PlanId) -> Response:
    """What fills a question that the sources do not have."""
    form = await request.form()
    posted = {name: form.getlist(name) for name in form}

    def speak(stored: StoredPlan, versions: Versions, fields: Fields) -> Said:
        structure = versions[stored.plan.target].structure
        option_set = structure.option_set_by_id.get(fields.get("question", ""))
        if option_set is None:
            raise RequestInvalid("The target has no such question.")
        kind = fields.get("fill", "")
        if kind in _FILLS:
            return Said(fills={option_set.id: _FILLS[kind]})
        if kind != "constant":
            return Said()
        situation = Situation(structure.default_language, structure.default_language)
        given = given_in({**posted, "shown": [option_set.id]}, [option_set], situation)
        value = given.answers.get(option_set.id, {}).get("value")
        if value is None or given.issues:
            detail = "Give the value that every run gets."
            raise RequestInvalid(detail, errors=[{"pointer": f"/fills/{option_set.id}", "code": "value-missing", "detail": detail}])
        return Said(fills={option_set.id: {"constant": value}})

    return await _changed(request, visitor, (wizard_ref, plan_id), speak, "new")


@router.post(f"{_PATH}/merges", name="page:plan-merge")
async def change_merge(request: Request, visitor: CurrentVisitor, wizard_ref: str, plan_id: PlanId) -> Response:
    """Which answer counts where several questions lead to one."""

    def speak(_stored: StoredPlan, _versions: Versions, fields: Fields) -> Said:
        kind = fields.get("merge", "")
        rule = merge_rule(kind, fields.get("delimiter", "")) if kind in MERGES else None
        return Said(merges={fields.get("question", ""): rule})

    return await _changed(request, visitor, (wizard_ref, plan_id), speak, "meetings")


@router.post(f"{_PATH}/policy", name="page:plan-policy")
async def change_policy(request: Request, visitor: CurrentVisitor, wizard_ref: str, plan_id: PlanId) -> Response:
    """What becomes of a run that does not simply carry."""

    def speak(_stored: StoredPlan, _versions: Versions, fields: Fields) -> Said:
        return Said(policy={name: fields[name] for name in ("on_conflict", "on_need") if name in fields})

    return await _changed(request, visitor, (wizard_ref, plan_id), speak, "policy")


# --- preview, and move -----------------------------------------------------------------------------------------------


@router.post(f"{_PATH}/preview", name="page:plan-preview")
async def preview(request: Request, visitor: CurrentVisitor, wizard_ref: str, plan_id: PlanId) -> Response:
    """Counts anew; a count that runs already goes on."""
    try:
        async with writing(request) as tx:
            wizard, stored = await plan_of(visitor, tx, wizard_ref, plan_id, "edit")
            running = await last_preview(tx, plan_id)
            if running is None or not running.is_active or running.plan_digest != stored.digest:
                await preview_plan(visitor.ctx, tx, plan_id)
    except _REFUSED as problem:
        return await _refused(request, visitor, (wizard_ref, plan_id), problem, {})
    return see_other(request, path_to(request, "plan", wizard_ref=wizard.slug or wizard.id, plan_id=plan_id))


@router.post(f"{_PATH}/apply", name="page:plan-apply")
async def apply(request: Request, visitor: CurrentVisitor, wizard_ref: str, plan_id: PlanId) -> Response:
    """Exactly what was previewed; sent twice it is one job."""
    fields = await fields_of(request)
    try:
        async with writing(request) as tx:
            wizard, _ = await plan_of(visitor, tx, wizard_ref, plan_id, "edit")
            job = await apply_plan(visitor.ctx, tx, plan_id, fields.get("confirm") or None)
    except _REFUSED as problem:
        return await _refused(request, visitor, (wizard_ref, plan_id), problem, {})
    return see_other(request, path_to(request, "job", wizard_ref=wizard.slug or wizard.id, job_id=job.id))


@router.post(f"{_PATH}/discard", name="page:plan-discard")
async def discard(request: Request, visitor: CurrentVisitor, wizard_ref: str, plan_id: PlanId) -> Response:
    """Gone from the plans that wait to be approved; sent twice, the second finds it gone."""
    try:
        async with writing(request) as tx:
            wizard, _ = await plan_of(visitor, tx, wizard_ref, plan_id, "edit")
            await give_up_preview(visitor.ctx, tx, plan_id)
            await discard_plan(visitor.ctx, tx, plan_id)
    except _REFUSED as problem:
        return await _refused(request, visitor, (wizard_ref, plan_id), problem, {})
    return see_other(request, path_to(request, "migrate", wizard_ref=wizard.slug or wizard.id) + "?done=discarded")
