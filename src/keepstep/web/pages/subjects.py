"""One respondent over all wizards, for admins: found by the exact name, everything as one file, and the erasure of all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.reasons import MAX_REASON
from keepstep.actions.subjects import MOST_RUNS_AT_ONCE, SubjectErasure, SubjectList, list_subject
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.permissions import require
from keepstep.db.transaction import Read, open_read
from keepstep.errors import ImpactUnconfirmed, Problem, RequestInvalid, SubjectNotFound
from keepstep.queries.subject_answers import MOST_FOUND
from keepstep.queries.subjects import Subject, find_subject
from keepstep.queries.wizards import is_id
from keepstep.web.api.subjects import MAX_RESPONDENT, RunIdText, streamed_zip
from keepstep.web.deps import ResourcesDep
from keepstep.web.done import done_text
from keepstep.web.forms import by_field
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.pages.runs import WORDS
from keepstep.web.problems import status_of
from keepstep.web.rendering import page, path_to
from keepstep.web.subject_acts import erase_whole_subject
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

_RUNS_SHOWN: Final = 100
_COUNTED: Final = ("runs", "answers", "files", "invitations", "unticked")
_MOST_DIGITS: Final = 9
Respondent = Annotated[str, Query(max_length=MAX_RESPONDENT)]
Chosen = Annotated[list[RunIdText], Query(max_length=MOST_FOUND)]


@dataclass(frozen=True, slots=True)
class _Said:
    """What the form of the dialog held, and what was wrong with it."""

    reason: str = ""
    problem: Problem | None = None
    also: Sequence[str] = ()


@router.get("/admin/subjects", name="page:subjects")
async def subjects(request: Request, visitor: CurrentVisitor, tx: PageRead, respondent: Respondent = "") -> Response:
    """The search, and what there is of exactly this respondent."""
    require(visitor.actor, "administer")
    asked = "" if unstorable_text(respondent) else respondent.strip()
    found = await find_subject(tx, asked) if asked else None
    return page(request, "subjects/subjects.html", **_found(found), asked=asked, done=done_text(request), went=_went(request), **WORDS)


def _went(request: Request) -> dict[str, int]:
    """What an erasure counted, as the address says it on: numbers alone."""
    given = {name: request.query_params.get(name, "") for name in _COUNTED}
    return {name: int(text) for name, text in given.items() if text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS}


def _found(found: Subject | None) -> dict[str, Any]:
    wizards = {} if found is None else {each.id: each for each in found.wizards}
    runs = () if found is None else [(run, wizards[run.wizard_id]) for run in found.runs[:_RUNS_SHOWN]]
    return {"subject": found, "runs": runs, "most": _RUNS_SHOWN, "most_found": MOST_FOUND}


@router.get("/admin/subjects/export", name="page:subject-export")
async def export(visitor: CurrentVisitor, resources: ResourcesDep, respondent: Respondent, run: Chosen = []) -> Response:  # noqa: B006 - FastAPI makes its own
    """The ZIP file, as the API sends it."""
    return await streamed_zip(visitor.ctx, resources, respondent, run)


@router.get("/admin/subjects/erase", name="page:subject-erase")
async def ask(request: Request, visitor: CurrentVisitor, tx: PageRead, respondent: Respondent, run: Chosen = []) -> Response:  # noqa: B006 - FastAPI makes its own
    """Everything that would go, and what stays."""
    return await _dialog(request, visitor, tx, respondent, _Said(also=run))


async def _dialog(request: Request, visitor: Visitor, tx: Read, respondent: str, said: _Said) -> Response:
    listed: SubjectList = await list_subject(visitor.ctx, tx, respondent, said.also)
    return page(
        request,
        "subjects/erase.html",
        block="dialog",
        status=200 if said.problem is None else status_of(said.problem),
        subject=listed.subject,
        token=listed.token,
        reason=said.reason,
        problem=said.problem,
        refused=by_field(said.problem).get("reason", "") if said.problem else "",
        most=MAX_REASON,
        at_once=MOST_RUNS_AT_ONCE,
        back=f"{path_to(request, 'subjects')}?{_query(respondent)}",
    )


def _query(respondent: str) -> str:
    """The search for this respondent, as an address has it."""
    return urlencode({"respondent": respondent})


@router.post("/admin/subjects/erase", name="page:do-subject-erase")
async def erase(request: Request, visitor: CurrentVisitor, resources: ResourcesDep) -> Response:
    """Exactly what was listed, or the list anew."""
    require(visitor.actor, "administer")
    fields = await fields_of(request)
    also = [str(each) for each in (await request.form()).getlist("run") if is_id(str(each))][:MOST_FOUND]
    respondent, reason = fields.get("respondent", ""), fields.get("reason", "")
    wanted = SubjectErasure(respondent=respondent, reason=reason, confirm=fields.get("confirm", ""), also=also)
    try:
        done = await erase_whole_subject(visitor.ctx, resources, wanted)
    except (ImpactUnconfirmed, RequestInvalid) as problem:
        async with open_read(resources.engine) as tx:
            return await _dialog(request, visitor, tx, respondent, _Said(reason, problem, also))
    except SubjectNotFound:
        # Sent twice: it is done, and nothing is left to show.
        return see_other(request, f"{path_to(request, 'subjects')}?done=subject-erased")
    told = urlencode({"runs": len(done.runs), **done.counts(), "unticked": done.unticked})
    if done.left:
        return see_other(request, f"{path_to(request, 'subjects')}?{_query(respondent)}&done=subject-in-part")
    return see_other(request, f"{path_to(request, 'subjects')}?done=subject-erased&{told}")
