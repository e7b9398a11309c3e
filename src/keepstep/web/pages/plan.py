"""A plan of a migration on its bench: groups with counts, the mapping question by question, samples side by side, and the way to move."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.migration_jobs import confirm_token
from keepstep.core.issue import Issue
from keepstep.core.selection import display
from keepstep.core.structure import ID_PATTERN, OptionSet, Structure
from keepstep.core.text import text_in, without_pipes
from keepstep.db.transaction import Read
from keepstep.errors import PlanNotFound, Problem
from keepstep.queries.impact import stored_counts
from keepstep.queries.migration_jobs import Job, last_preview, progress_of
from keepstep.queries.migration_overview import jobs_of_plan, numbers_of_plans
from keepstep.queries.migration_reports import Report, SampleRun, preview_report
from keepstep.queries.plans import StoredPlan, Versions, faults_of, get_plan, versions_by_id
from keepstep.queries.run_history import names_of
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.pages.build_view import TYPE_NAMES
from keepstep.web.pages.migration_frame import framed
from keepstep.web.pages.migration_words import SAYINGS, group_cards, outcome_words
from keepstep.web.pages.plan_cards import Card, card_of
from keepstep.web.pages.plan_lines import MappingLine, Meeting, NewQuestion, faults_by_place, lines_of, meetings, new_questions, targets_of
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.questions.situation import Situation
from keepstep.web.questions.view import question_view
from keepstep.web.rendering import page, path_to, wants_part
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

PlanId = Annotated[str, Path(pattern=ID_PATTERN)]
Ref = Annotated[str, Query(max_length=400)]
# Questions that are opened by themselves; a person opens any other one.
_OPENED: Final = 12
_SAMPLES: Final = 20


async def plan_of(
    visitor: Visitor, tx: Read, wizard_ref: str, plan_id: str, permission: Literal["view", "edit"] = "view"
) -> tuple[Wizard, StoredPlan]:
    """Raises WizardNotFound, PlanNotFound, Forbidden."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, permission, removed=True)
    stored = await get_plan(tx, visitor.actor, plan_id, permission)
    if stored.origin_wizard_id != wizard.id:
        raise PlanNotFound("This wizard has no plan with this id.")
    return wizard, stored


@router.get("/wizards/{wizard_ref}/migrations/{plan_id}", name="page:plan")
async def plan_page(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    plan_id: PlanId,
    edit: Ref = "",
    fill: Ref = "",
    sample: Ref = "",
    at: Annotated[int, Query(ge=0, le=_SAMPLES)] = 0,
) -> Response:
    """`edit` opens a line of the mapping, `fill` the value for a new question; `sample` and `at` say which run is side by side."""
    return await bench(request, visitor, tx, (wizard_ref, plan_id), opened=(edit, fill), sample=(sample, at))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is read of a plan for its page. `report` None: never counted, or of another state of the plan."""

    wizard: Wizard
    stored: StoredPlan
    versions: Versions
    preview: Job | None
    report: Report | None

    @property
    def target(self) -> Any:
        return self.versions[self.stored.plan.target]


async def bench(
    request: Request,
    visitor: Visitor,
    tx: Read,
    about: tuple[str, str],
    *,
    opened: tuple[str, str] = ("", ""),
    sample: tuple[str, int] = ("", 0),
    problem: Problem | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    """The page; with `problem`, as it is now, and in the form that was sent what was typed."""
    wizard, stored = await plan_of(visitor, tx, *about)
    versions = await versions_by_id(tx, wizard.id)
    preview = await last_preview(tx, stored.id)
    is_current = preview is not None and preview.state == "completed" and preview.plan_digest == stored.digest
    report = await preview_report(tx, stored, preview, samples=_SAMPLES) if is_current and preview is not None else None
    shown = _Shown(wizard, stored, versions, preview, report)
    if report is not None and _asks_for(request, "samples"):
        part = _sampled(report, sample) | _wording(shown.target.structure)
        about_plan = {"stored": stored, "ref": about[0], "target": shown.target, "active": wizard.active_version_number}
        return page(request, "migrations/plan.html", block="samples_part", outcomes=outcome_words(), **part, **about_plan)
    if _asks_for(request, "counting"):
        if preview is not None and preview.is_active:
            about_count: dict[str, Any] = {"stored": stored, "ref": about[0], "counting": await progress_of(tx, preview)}
            return page(request, "migrations/plan.html", block="counting_part", **about_count)
        return see_other(request, path_to(request, "plan", wizard_ref=about[0], plan_id=stored.id))
    values = await _values(visitor, tx, shown, opened, typed)
    values |= _sampled(report, sample) | {"problem": problem, "done": request.query_params.get("done", "")}
    return page(request, "migrations/plan.html", block="bench", status=status_of(problem) if problem else 200, **values)


def _asks_for(request: Request, part: str) -> bool:
    """Whether the script wants this part of the page alone, for which nothing is counted."""
    return wants_part(request) and request.headers.get("hx-target", "").endswith(f"#{part}")


def _wording(structure: Structure) -> dict[str, Any]:
    """How the page names a question and an answer of any version: in the language of the target."""
    language = structure.default_language

    def label(option_set: OptionSet) -> str:
        return without_pipes(text_in(option_set.name, language, language)) or option_set.key

    def shown(envelope: Mapping[str, Any] | None, option_set: OptionSet) -> str:
        return display(envelope, option_set, language, language)

    return {"label": label, "shown": shown, "sayings": SAYINGS}


async def _values(visitor: Visitor, tx: Read, shown: _Shown, opened: tuple[str, str], typed: Mapping[str, str] | None) -> dict[str, Any]:
    stored, versions, report = shown.stored, shown.versions, shown.report
    found = await faults_of(tx, shown.wizard.id, stored.plan, visitor.ctx.clock)
    faults = faults_by_place(found)
    lines = lines_of(stored.plan, versions, faults, report)
    wanted = {opened[0], (typed or {}).get("line", "")}
    asking = [line for line in lines if line.asks and not line.is_archived]
    cards = [line for line in lines if line.key in wanted or line in asking[:_OPENED]]
    names = await names_of(tx, {stored.created_by, stored.approved_by})
    structure = shown.target.structure
    wording = _wording(structure)
    fresh, meeting = new_questions(stored.plan, versions, faults, report), meetings(stored.plan, versions, faults)
    others = [("fill", each) for each in fresh] + [("merge", each) for each in meeting]
    return await framed(visitor, tx, shown.wizard) | {
        "stored": stored,
        "number": (await numbers_of_plans(tx, shown.wizard.id, [stored.id])).get(stored.id),
        "sources": sorted((versions[each] for each in stored.plan.sources if each in versions), key=lambda each: each.number),
        "target": shown.target,
        **wording,
        "faults": found,
        "said": list(_said(faults.general, cards, [line for line in lines if line not in cards], others, wording["label"])),
        "cards": await _cards(visitor, tx, shown.wizard.id, cards, typed),
        "rows": [line for line in lines if line not in cards],
        "fresh": fresh,
        "filling": _filling(shown, opened[1], typed),
        "meetings": meeting,
        "places": list(targets_of(structure)),
        "type_names": TYPE_NAMES,
        "preview": shown.preview,
        "counting": await progress_of(tx, shown.preview) if shown.preview is not None and shown.preview.is_active else None,
        "report": report,
        "failing_count": sum(len(each.values) + each.more for each in report.failing) if report is not None else 0,
        "cards_of_groups": group_cards(report, shown.target) if report is not None else (),
        "outcomes": outcome_words(),
        "confirm": _token(visitor, shown),
        "jobs": await jobs_of_plan(tx, stored.id),
        "by": names,
        "edited": opened[0],
    }


def _said(
    general: Sequence[Issue],
    cards: Sequence[MappingLine],
    rows: Sequence[MappingLine],
    others: Sequence[tuple[str, NewQuestion | Meeting]],
    label: Callable[[OptionSet], str],
) -> Iterator[tuple[tuple[str, Issue], str, str]]:
    """Every fault as (question, fault), the place on the page, and the query that opens it first."""
    for fault in general:
        yield ("", fault), "", ""
    for line in (*cards, *rows):
        query = "" if line in cards else f"?{urlencode({'edit': line.key})}"
        for fault in line.faults:
            yield (label(line.source), fault), f"#line-{line.key}", query
    for kind, each in others:
        for fault in each.faults:
            yield (label(each.option_set), fault), f"#{kind}-{each.option_set.id}", ""


def _token(visitor: Visitor, shown: _Shown) -> str | None:
    if shown.report is None or shown.preview is None or not visitor.may("edit", shown.wizard.id):
        return None
    return confirm_token(visitor.ctx, shown.stored, shown.preview, shown.wizard.active_version_id)


async def _cards(visitor: Visitor, tx: Read, wizard_id: str, lines: Sequence[MappingLine], typed: Mapping[str, str] | None) -> list[Card]:
    """Every opened line with its stored answers, all of them counted at once."""
    counts = await stored_counts(tx, wizard_id, {line.source.id for line in lines}, as_of=visitor.ctx.now)
    given = typed or {}
    return [
        card_of(line, counts.answers.get(line.source.id, ()), visitor.ctx.clock, given if given.get("line") == line.key else None)
        for line in lines
    ]


def _filling(shown: _Shown, wanted: str, typed: Mapping[str, str] | None) -> Any:
    """The question whose value for every run is being given, as its respondents meet it."""
    structure = shown.target.structure
    option_set = structure.option_set_by_id.get(wanted or ((typed or {}).get("question", "") if (typed or {}).get("fill") else ""))
    if option_set is None or option_set.selection_type in ("file", "calculated", "statement"):
        return None
    fill = shown.stored.plan.fills.get(option_set.id)
    envelope = {"value": fill.value} if fill is not None and fill.kind == "constant" else None
    return question_view(option_set, Situation(structure.default_language, structure.default_language), envelope)


def _sampled(report: Report | None, sample: tuple[str, int]) -> dict[str, Any]:
    """One run side by side: of the outcome that was chosen, else of the gravest that has any."""
    by_outcome: dict[str, list[SampleRun]] = {}
    for each in report.samples if report is not None else ():
        by_outcome.setdefault(each.outcome, []).append(each)
    gravest = next((name for name in ("conflicts", "blocked", "needs-answer", "loses", "carries") if name in by_outcome), "")
    outcome = sample[0] if sample[0] in by_outcome else gravest
    found = by_outcome.get(outcome, [])
    at = min(sample[1], max(len(found) - 1, 0))
    return {"samples": by_outcome, "sample": found[at] if found else None, "sample_outcome": outcome, "sample_at": at}
