"""Publishing as a reviewed diff: what the draft changes, what that means for stored runs, and the one button that makes it live.

The report and its token are those of the API; when they no longer hold, the new report takes their place and nothing is published.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.confirm import Consent
from keepstep.actions.publishing import (
    Published,
    Publishing,
    PublishReport,
    active_version,
    publish_draft,
    shown_numbers,
    suggested_matches,
    whole_report,
)
from keepstep.config import Resources
from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.change_groups import by_kind, by_step, classes_of
from keepstep.core.diff import diff
from keepstep.core.look_alike_words import question_of
from keepstep.core.naming import way_back
from keepstep.core.nodes import option_in
from keepstep.core.structure import ChoiceFields, Structure
from keepstep.core.text import Text, text_in
from keepstep.db.transaction import Read, Write, open_read, open_write
from keepstep.errors import ImpactUnconfirmed, NothingToPublish, PlanInvalid, Problem, RequestInvalid, Stale, StructureInvalid
from keepstep.queries.drafts import WizardDraft, get_draft
from keepstep.queries.history import last_version
from keepstep.queries.versions import Version
from keepstep.queries.wizards import count_runs_by_version
from keepstep.web.deps import ResourcesDep
from keepstep.web.done import done_text
from keepstep.web.pages.beside import touched_step
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.plan_form import fields_with_signs
from keepstep.web.pages.problem_groups import grouped
from keepstep.web.pages.problems_page import UNTRANSLATED_KIND, problems_of, restoring
from keepstep.web.pages.review_policy import policy_in, policy_view, said_in
from keepstep.web.pages.route import local_path, page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.rendering import page, wants_part
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

Layout = Literal["step", "kind"]
LONGEST_SUMMARY: Final = 5_000
# What publishing answers that a person can put right on this very page, with everything that they typed still there.
# Enough to see what kind it is; all of them are on the page of problems.
_WARNINGS_OF_A_KIND: Final = 3
_SHOWN_HERE: Final = (ImpactUnconfirmed, Stale, StructureInvalid, PlanInvalid, NothingToPublish, RequestInvalid)


@router.get("/wizards/{wizard_ref}/review", name="page:review")
async def review(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    by: Annotated[Layout, Query()] = "step",
    step: Annotated[str | None, Query(max_length=40)] = None,
    return_: Annotated[str | None, Query(alias="return", max_length=2_000)] = None,
) -> Response:
    """The draft against what is live. `by` is how the list is laid out, `step` the one shown before | after; `return` is the page
    that sent somebody here to publish first, and goes on afterwards.
    """
    state = await get_draft(tx, visitor.actor, wizard_ref)
    if _asks_for(request, "beside"):
        active = await active_version(tx, state.wizard)
        old, new = _structures(active, state)
        beside = touched_step(diff(old, new), old, new, step, state.draft.shelf)
        number = (await last_version(tx, state.wizard.id))[0] + 1
        return page(request, "history/review.html", block="beside_part", beside=beside, new_number=number, **_links(state, by))
    values = await _shown(visitor, tx, state, by=by, step=step)
    return page(request, "history/review.html", **values, return_to=local_path(return_, ""), done=done_text(request))


@router.post("/wizards/{wizard_ref}/review", name="page:publish")
async def publish(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """Publishes what was reviewed, and goes to the versions; or shows the review as it is now, and says why nothing was done."""
    fields = await fields_with_signs(request)
    return_to = local_path(fields.get("return"), "")
    if fields.get("go") == "plan":
        return await _planned(request, visitor, resources, wizard_ref, fields)
    try:
        async with open_write(resources.engine) as write:
            published = await _publish(visitor, write, wizard_ref, fields)
    except _SHOWN_HERE as problem:
        return await _planned(request, visitor, resources, wizard_ref, fields, problem)
    wizard = published.wizard
    return see_other(request, _told(return_to) or f"/wizards/{wizard.slug or wizard.id}/versions?done={published.version.number}")


async def _planned(
    request: Request, visitor: Visitor, resources: Resources, wizard_ref: str, fields: Mapping[str, str], problem: Problem | None = None
) -> Response:
    """The review with what would become of runs in progress by the policy that was chosen; nothing is published. Or why nothing was."""
    async with open_read(resources.engine) as tx:
        state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
        try:
            said = await said_in(visitor.ctx, tx, (state.wizard, state.draft.structure), fields)
            publishing = Publishing(in_progress=policy_in(fields), said=said)
            values = await _shown(visitor, tx, state, by="step", step=None, publishing=publishing)
        except RequestInvalid as refused:
            problem = problem or refused
            values = await _shown(visitor, tx, state, by="step", step=None)
        values |= {"problem": problem, "fields": fields, "done": "", "return_to": local_path(fields.get("return"), "")}
        return page(request, "history/review.html", status=status_of(problem) if problem else 200, **values)


async def _publish(visitor: Visitor, tx: Write, wizard_ref: str, fields: Mapping[str, str]) -> Published:
    summary = fields.get("change_summary") or None
    if summary is not None and len(summary) > LONGEST_SUMMARY:
        detail = f"The change summary may have {LONGEST_SUMMARY:,} characters at most; this one has {len(summary):,}."
        raise RequestInvalid(detail, errors=[{"pointer": "/change_summary", "code": "too-long", "detail": detail}])
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    said = await said_in(visitor.ctx, tx, (state.wizard, state.draft.structure), fields)
    publishing = Publishing(change_summary=summary, in_progress=policy_in(fields), said=said)
    return await publish_draft(visitor.ctx, tx, wizard_ref, publishing, consent_of(fields))


def _told(path: str) -> str:
    """The page that sent somebody here; the dialog of a deletion says then that the rest is live."""
    return f"{path}{'&' if '?' in path else '?'}published=1" if "/impact/" in path else path


def consent_of(fields: Mapping[str, str]) -> Consent:
    """What the form of a report says: the draft that it was about, its token, and the numbers that it showed. Who looked at another
    policy and then lets runs finish on their version saw everything that this touches.
    """
    finishes = fields.get("in_progress", "finish") == "finish"
    confirm = (fields.get("confirm_finish") if finishes else None) or fields.get("confirm") or None
    return Consent(seen=fields.get("seen"), confirm=confirm, counted=fields.get("counted") or None)


def _asks_for(request: Request, part: str) -> bool:
    """Whether the script wants this part of the page alone, which needs nothing counted."""
    return wants_part(request) and request.headers.get("hx-target", "").endswith(f"#{part}")


def _structures(active: Version | None, state: WizardDraft) -> tuple[Structure, Structure]:
    """What is live and the draft; before the first version there is nothing to compare with, and the draft stands for both."""
    new = state.draft.structure
    return (new if active is None else active.structure), new


def _links(state: WizardDraft, by: Layout) -> dict[str, Any]:
    ref = state.wizard.slug or state.wizard.id
    number = state.wizard.active_version_number
    return {"ref": ref, "here": f"/wizards/{ref}/review?by={by}", "old_number": number}


async def _shown(
    visitor: Visitor, tx: Read, state: WizardDraft, *, by: Layout, step: str | None, publishing: Publishing | None = None
) -> dict[str, Any]:
    wizard, active = state.wizard, await active_version(tx, state.wizard)
    old, new = _structures(active, state)
    may_publish = visitor.may("edit", wizard.id) and wizard.trashed_at is None
    if active is not None and old == new:
        # Nothing is shown of it, so nothing is counted.
        return {**await frame_values(tx, wizard, state.draft), **_links(state, by), **_NOTHING, "may_publish": may_publish}
    counted = await whole_report(visitor.ctx, tx, wizard, (active, new), publishing or Publishing())
    problems = problems_of(state.draft, wizard.slug or wizard.id)
    values = await frame_values(tx, wizard, state.draft) | _links(state, by) | _listed(counted, by, old, new)
    values |= _in_progress(await count_runs_by_version(tx, wizard.id))
    return values | {
        "beside": touched_step([each.change for each in counted.report.changes], old, new, step, state.draft.shelf),
        "new_number": (await last_version(tx, wizard.id))[0] + 1,
        "stops": [each for each in problems if each.stops],
        "warns": grouped([each for each in problems if not each.stops], lambda _: _WARNINGS_OF_A_KIND),
        "untranslated": UNTRANSLATED_KIND,
        "suggestions": [question_of(each, old, new) for each in await suggested_matches(tx, wizard, counted.report)],
        "differs": active is None or old != new,
        "steps": len(new.steps),
        "questions": len(new.option_sets),
        "backs": _backs(counted, state) if may_publish else {},
        "may_publish": may_publish,
        "policy": await policy_view(visitor.ctx, tx, wizard.id, counted.policy),
        "seen": state.etag,
        "problem": None,
        "fields": {},
        "longest_summary": LONGEST_SUMMARY,
    }


_NOTHING: Final[Mapping[str, Any]] = {"differs": False, "problem": None, "fields": {}}


def _listed(counted: PublishReport, by: Layout, old: Structure, new: Structure) -> dict[str, Any]:
    changes = counted.report.changes
    return {
        "report": counted.report,
        "confirm": counted.token,
        "confirm_finish": counted.finish_token,
        "counted": shown_numbers(counted),
        "by": by,
        "groups": by_step(changes, old, new) if by == "step" else by_kind(changes),
        "classes": classes_of(changes),
    }


@dataclass(frozen=True, slots=True)
class Back:
    """The act of the builder that takes something from the shelf again, what its form names, and what people call it."""

    act: str
    ids: Mapping[str, str]
    name: str


def _backs(counted: PublishReport, state: WizardDraft) -> Mapping[str, Back]:
    """By the id of each change that took a node away: what brings it back, or first what it lay in. Retired ones come back, too."""
    return {each.change.id: back for each in counted.report.changes if (back := _back_of(each.change, state)) is not None}


def _back_of(change: Change, state: WizardDraft) -> Back | None:
    draft = state.draft
    match change:
        case c.StepRemoved() | c.OptionSetRemoved() | c.OptionRemoved():
            item = way_back(draft.structure, draft.shelf, change.node_id)
            if item is None or (item.kind == "option" and not isinstance(draft.structure.option_set_by_id[item.parents[-1]], ChoiceFields)):
                return None
            return Back(*restoring(item), item.name)
        case c.StepRetired():
            return Back("restore-step", {"step_id": change.step_id}, _called(draft.structure.step_by_id[change.step_id].name, state))
        case c.OptionSetRetired():
            node = draft.structure.option_set_by_id[change.option_set_id]
            return Back("restore-option-set", {"option_set_id": node.id}, _called(node.name, state))
        case c.OptionRetired():
            option = option_in(draft.structure.option_set_by_id[change.option_set_id], change.value)
            return Back("restore-option", {"option_set_id": change.option_set_id, "value": change.value}, _called(option.label, state))
        case _:
            return None


def _called(text: Text, state: WizardDraft) -> str:
    default = state.draft.structure.default_language
    return text_in(text, default, default)


def _in_progress(runs: Mapping[str, Any]) -> dict[str, Any]:
    """How many runs there are by status, and those in progress with the number of versions that they are on."""
    statuses = ("completed", "in_progress", "abandoned")
    return {
        "runs": {status: sum(each.by_status.get(status, 0) for each in runs.values()) for status in statuses},
        "running_versions": sum(1 for each in runs.values() if each.by_status.get("in_progress", 0)),
        "trashed_runs": sum(each.trashed for each in runs.values()),
    }
