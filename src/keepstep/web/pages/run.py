"""One run as it was seen: in its own version, order, words and language; through another version; as an earlier revision stored it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.single_moves import last_move
from keepstep.core.reference import reference_of
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import Read
from keepstep.errors import RunNotFound
from keepstep.interchange.columns import Question
from keepstep.queries.audit import AuditFilter, list_audit_lines
from keepstep.queries.drafts import get_draft
from keepstep.queries.findings import Verified
from keepstep.queries.integrity import verify_run
from keepstep.queries.integrity_versions import KnownVersion, verify_wording
from keepstep.queries.responses import archive_of, responses_of
from keepstep.queries.run_history import PAGE, Tombstone, names_of, revisions_before, tombstones_of_run
from keepstep.queries.runs import RunState, RunWizard, get_run, get_run_at, wizard_of
from keepstep.queries.through import Passage, passage_to, run_through
from keepstep.queries.versions import Version, versions_of
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.api.files import download as download_file
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.audit import deed_in
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import page_router
from keepstep.web.pages.run_view import Difference, Section, count_answers, differences, kept_in, sections_of, situation_in
from keepstep.web.pages.runs import WORDS
from keepstep.web.pages.runs_asked import every_question
from keepstep.web.pages.runs_table import run_name
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

RunId = Annotated[str, Path(pattern=ID_PATTERN)]
Number = Annotated[int | None, Query(ge=1, lt=2**31)]
_EVENTS: Final = 50
CAUSES: Final[Mapping[str, str]] = {
    "respondent": message("Completed"),
    "editor": message("Edited"),
    "migration": message("Moved to another version"),
    "undo": message("A migration undone"),
    "import": message("Imported"),
    "restore": message("An earlier revision restored"),
    "checkpoint": message("Kept as it was before a change"),
    "reopen": message("Opened again"),
    "system": message("Changed by Keepstep"),
}


@dataclass(frozen=True)
class RunPage:
    """The run that a page is about, as it is now, with its wizard and the versions of that."""

    state: RunState
    wizard: Wizard
    of: RunWizard
    versions: tuple[Version, ...]

    @cached_property
    def questions(self) -> Mapping[str, Question]:
        """Every question of all versions, by id."""
        return every_question(self.versions)

    @property
    def ref(self) -> str:
        return self.wizard.slug or self.wizard.id


async def run_page(visitor: Visitor, tx: Read, wizard_ref: str, run_id: str) -> RunPage:
    """Raises WizardNotFound, RunNotFound, Forbidden."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view", removed=True)
    state = await get_run(tx, visitor.actor, run_id)
    if state.origin_wizard_id != wizard.id:
        raise RunNotFound("This wizard has no run with this id.")
    return RunPage(state, wizard, await wizard_of(tx, wizard.id), await versions_of(tx, wizard.id))


async def framed(visitor: Visitor, tx: Read, shown: RunPage) -> dict[str, Any]:
    """What stands around every page of one run."""
    wizard, state = shown.wizard, shown.state
    draft = None if wizard.removed_at else (await get_draft(tx, visitor.actor, wizard.id)).draft
    may_edit = visitor.may("edit", wizard.id)
    return await frame_values(tx, wizard, draft) | {
        "run": state,
        "name": run_name(state.id),
        "reference": reference_of(state.id),
        "current": shown.of.active_number,
        "may_edit": may_edit,
        "can_edit": may_edit and state.status == "completed" and state.erased_at is None and state.trashed_at is None,
        "may_erase": visitor.may("administer", wizard.id),
        **WORDS,
    }


@router.get("/wizards/{wizard_ref}/runs/{run_id}", name="page:run")
async def run(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    run_id: RunId,
    through: Number = None,
    revision: Number = None,
    before: Number = None,
    only: str = "",
) -> Response:
    """`through`: as it is now, through another version. `revision`: as that one stored it. `only=asked` leaves the rest out."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    state = shown.state if revision is None else await get_run_at(tx, visitor.actor, run_id, revision)
    content = await _content(tx, shown, state, None if revision else through)
    sections, target = content.sections, content.passage.target.number if content.passage else None
    history = await _history(tx, shown, before)
    situation = situation_in(state)
    values = await framed(visitor, tx, shown) | {
        "state": state,
        "revision": revision,
        "target": target,
        "passage": content.passage,
        "direct_differs": content.differs,
        "sections": _asked_only(sections) if only == "asked" else sections,
        "left_out": sum(len(each.lines) - each.asked for each in sections),
        "only_asked": only == "asked",
        "archive": kept_in(state, content.archive, shown.questions, shown.versions),
        "numbers": [version.number for version in reversed(shown.versions)],
        "direction": situation.direction,
        "history": history,
        "older": history[-1].state.revision if len(history) == PAGE and history[-1].state.revision > 1 else None,
        "causes": CAUSES,
        "tombstones": _named(await tombstones_of_run(tx, run_id), shown.questions, state),
        "events": await _events(tx, run_id),
        "done": request.query_params.get("done", ""),
        "checked": await _checked(tx, shown, [each.id for each in shown.versions if each.number in (state.version.number, target)]),
        "checked_at": visitor.ctx.now,
        "can_move_back": shown.state.trashed_at is None and shown.state.erased_at is None and await last_move(tx, shown.state) is not None,
    }
    return page(request, "runs/run.html", block="run", **values)


async def _checked(tx: Read, shown: RunPage, versions: Collection[str]) -> Verified:
    """Every digest of this run recomputed now, from what is stored now, and of the versions whose words are shown."""
    known = (
        KnownVersion(
            each.id,
            each.origin_wizard_id,
            each.number,
            len(each.structure.option_sets),
            frozenset(each.structure.languages),
            has_wizard=True,
        )
        for each in shown.versions
    )
    checked = await verify_run(tx, shown.state.id, {each.id: each for each in known})
    await verify_wording(tx, shown.state.id, versions, checked)
    return checked


@dataclass(frozen=True, slots=True)
class _Content:
    """What GET of the API answers, as sections. `passage` None: as it was asked; `differs`: by ids alone it would read otherwise."""

    sections: tuple[Section, ...]
    archive: Sequence[Mapping[str, Any]]
    passage: Passage | None = None
    differs: bool = False


async def _content(tx: Read, shown: RunPage, state: RunState, through: int | None) -> _Content:
    """The run, through a version that it is not on, if any is named. Raises VersionNotFound."""
    if through is None or through == state.version.number:
        return _Content(sections_of(state, responses_of(state), state.version.structure), archive_of(state))
    passage = await passage_to(tx, state, through)
    seen = run_through(state, shown.of, passage)
    sections = sections_of(state, seen["responses"], passage.target.structure)
    return _Content(sections, seen["archive"], passage, seen["through"]["direct_differs"])


def _asked_only(sections: Sequence[Section]) -> list[Section]:
    """Without what was not asked; a stored value is never hidden."""
    left = [
        Section(each.step_id, each.number, each.title, tuple(line for line in each.lines if not line.reasons or line.kept), each.asked)
        for each in sections
    ]
    return [each for each in left if each.lines]


# --- history ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One revision: what it changed against the one before, None for the first."""

    state: RunState
    by: str | None
    changes: Sequence[Difference] | None
    answers: int


async def _history(tx: Read, shown: RunPage, before: int | None) -> list[Entry]:
    """A page of revisions, and one more to compare the last with. Two queries."""
    found = await revisions_before(tx, shown.state.id, before=before, limit=PAGE + 1)
    names, questions = await names_of(tx, [each.actor for each in found]), shown.questions
    entries = []
    for place, state in enumerate(found[:PAGE]):
        earlier = found[place + 1] if place + 1 < len(found) else None
        changes = None if earlier is None else differences(earlier, state, questions)
        entries.append(Entry(state, names.get(state.actor or ""), changes, count_answers(state)))
    return entries


async def _events(tx: Read, run_id: str) -> list[tuple[Any, str]]:
    lines = await list_audit_lines(tx, AuditFilter(run_id=run_id), before=None, limit=_EVENTS)
    return [(line, deed_in(line)) for line in lines]


def _named(tombstones: Sequence[Tombstone], questions: Mapping[str, Question], state: RunState) -> list[tuple[Tombstone, list[str]]]:
    """Each with the labels of what went: () is everything."""
    situation = situation_in(state)

    def label(name: str) -> str:
        return situation.text(questions[name].latest.name) if name in questions else name

    return [(each, [label(name) for name in each.option_sets or ()]) for each in tombstones]


@router.get("/wizards/{wizard_ref}/runs/{run_id}/compare", name="page:run-compare")
async def compare(
    request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, run_id: RunId, start: Number = None, end: Number = None
) -> Response:
    """Any two revisions: the older one on the left, whatever was chosen first."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    last = shown.state.head_revision
    low, high = sorted((start or max(last - 1, 1), end or last))
    old, new = [await get_run_at(tx, visitor.actor, run_id, number) for number in (low, high)]
    values = await framed(visitor, tx, shown) | {"old": old, "new": new, "last": last}
    return page(request, "runs/compare.html", block="compared", differing=differences(old, new, shown.questions), **values)


# --- files -----------------------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/runs/{run_id}/files/{file_id}", name="page:run-file")
async def file(
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    wizard_ref: str,
    run_id: RunId,
    file_id: Annotated[str, Path(pattern=ID_PATTERN)],
) -> Response:
    """The same bytes under the same rules as the API sends them: always as an attachment."""
    await run_page(visitor, tx, wizard_ref, run_id)
    return await download_file(visitor.ctx, tx, resources, run_id, file_id)
