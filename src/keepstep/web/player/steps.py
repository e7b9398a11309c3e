"""One page of questions: shown, and sent. Whatever is typed is stored before anything is said about it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.context import Context
from keepstep.actions.files import Upload, safe_name, store_file
from keepstep.actions.passages import PageSaved, save_page
from keepstep.config import Resources
from keepstep.core.flow import next_step
from keepstep.core.issue import Issue, pointer
from keepstep.core.structure import File, Step
from keepstep.db.transaction import Write, open_read, open_write
from keepstep.errors import NotAdmitted, PassageUnknown, RequestInvalid, RunErased, RunTrashed, TooLarge
from keepstep.queries.passages import Passage
from keepstep.queries.runs import load_run
from keepstep.queries.wizards import is_id
from keepstep.web.origin import require_own_origin
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.player.anew import anew
from keepstep.web.player.colliding import merged_given
from keepstep.web.player.held import as_shown, held_page
from keepstep.web.player.late import late_answer, late_version
from keepstep.web.player.respondent import context_of, keep_passage, opened, way_of
from keepstep.web.player.route import PlayerUploadRoute
from keepstep.web.player.showing import Elsewhere, Showing, page_of, resume_point, showing, step_page
from keepstep.web.player.way import Way
from keepstep.web.questions.passage import Turn, sent_step, step_before, turn_of, with_files
from keepstep.web.questions.posted import Given, Posted
from keepstep.web.questions.shown import shown_answer
from keepstep.web.questions.wording import REFUSED

router = page_router(route_class=PlayerUploadRoute)

_CHUNK: Final = 64 * 1024
_MOST_REFUSED: Final = 20
FORM_FIELD: Final = "form"
BASE_FIELD: Final = "base"


@router.get("/w/{ref}/{run_id}/step/{key}", name="page:player-step")
async def shown_step(request: Request, ref: str, run_id: str, key: str) -> Response:
    way = way_of(request, ref, run_id)
    async with open_read(request.app.state.resources.engine) as tx:
        passage, _ = await opened(request, tx, run_id)
    if passage.state.status == "completed":
        return see_other(request, way.to("end"))
    shown = showing(request, way, passage, context_of(request, passage.state.origin_wizard_id).clock)
    step = page_of(shown.structure, key)
    if step is None or step not in shown.where.steps:
        return see_other(request, resume_point(shown))
    asked = request.query_params
    return step_page(shown, step, returning="change" in asked, opened="more" in asked)


@router.post("/w/{ref}/{run_id}/step/{key}", name="page:player-save")
async def sent_page(request: Request, ref: str, run_id: str, key: str) -> Response:
    """A page that was sent: stored, and on to wherever its button leads."""
    way = way_of(request, ref, run_id)
    return await taken(request, way, lambda posted, *of: _answer_to(_Sent(request, way, key, posted), *of), begins_anew=True)


AnswerTo = Callable[[Posted, Write, Passage], Awaitable[Response]]


async def taken(request: Request, way: Way, answer_to: AnswerTo, *, begins_anew: bool = False) -> Response:
    """The answer to a form of a passage; where that cannot go on, a page that holds what was typed.

    `begins_anew`: what a passage that nobody knows any more was asked may begin another one, where everybody may.
    """
    resources: Resources = request.app.state.resources
    require_own_origin(request, resources.settings.base_url)
    posted = await posted_of(request)
    try:
        async with open_write(resources.engine) as tx:
            passage, token = await opened(request, tx, way.run_id, locked=True, posted=posted)
            answer = await answer_to(posted, tx, passage)
    except PassageUnknown as problem:
        async with open_read(resources.engine) as read:
            return held_page(request, way, posted, problem, await anew(request, read, way.ref, posted) if begins_anew else None)
    except (RunTrashed, RunErased, NotAdmitted) as problem:
        # Each of them comes up only once the token was found to be right.
        async with open_read(resources.engine) as read:
            return held_page(request, way, posted, problem, await as_shown(read, await load_run(read, way.run_id), posted))
    if "resume" in posted:
        keep_passage(request, answer, way, token)
    return answer


async def posted_of(request: Request) -> dict[str, list[Any]]:
    """Every field of a form, texts and files, in order."""
    posted: dict[str, list[Any]] = {}
    for name, value in (await request.form()).multi_items():
        posted.setdefault(name, []).append(value)
    return posted


def text_of(posted: Posted, name: str) -> str:
    """The last text of this name; "" without one."""
    found = posted.get(name, ())
    return found[-1] if found and isinstance(found[-1], str) else ""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A form as it came."""

    request: Request
    way: Way
    key: str
    posted: Posted

    @property
    def go(self) -> str:
        """Which button: next, back, later, look; "" for one of the languages."""
        return "" if self.language else text_of(self.posted, "go") or "next"

    @property
    def language(self) -> str:
        return text_of(self.posted, "to_language")

    @property
    def form(self) -> str | None:
        """Which showing of the page this is; None for anything but an id of ours."""
        given = text_of(self.posted, FORM_FIELD)
        return given if is_id(given) else None

    @property
    def returning(self) -> bool:
        return bool(text_of(self.posted, "returning"))


async def _answer_to(sent: _Sent, tx: Write, passage: Passage) -> Response:
    ctx = context_of(sent.request, passage.state.origin_wizard_id)
    if passage.state.status == "completed":
        return held_page(sent.request, sent.way, sent.posted, None, await as_shown(tx, passage.state, sent.posted))
    if (number := late_version(sent.posted, passage)) is not None:
        return await late_answer(sent.request, tx, passage, (sent.way, sent.key, sent.posted, number))
    before = showing(sent.request, sent.way, passage, ctx.clock)
    step = page_of(before.structure, sent.key)
    if step is None:
        return see_other(sent.request, resume_point(before))
    given = sent_step(before.where, step, sent.posted)
    if sent.go == "look":
        return _looked(before, step, replace(given, uploads={}), sent)
    given = await with_uploads(ctx, tx, before, given, sent.request)
    if sent.go != "next":
        given = _without_unseen(given, before)
    is_own = sent.form is not None and passage.forms.get(step.id) == sent.form
    merged = merged_given(given, before.where, () if is_own else [str(each) for each in sent.posted.get(BASE_FIELD, ())])
    turn = turn_of(before.where, step, merged.given)
    form = (step.id, sent.form) if sent.form and not merged.colliding else None
    saved = await save_page(ctx, tx, passage, PageSaved(answers=merged.given.answers, language=sent.language or None, form=form))
    after = showing(sent.request, sent.way, saved, ctx.clock)
    if merged.colliding:
        return _collided(before, after, step, (turn, merged.colliding), sent)
    return _onward(after, step, turn, sent)


def _without_unseen(given: Given, before: Showing) -> Given:
    """Who stops in the middle of a page has not left empty what stands below: it is where they go on."""
    empty = {"value": None}
    return replace(given, answers={each: said for each, said in given.answers.items() if said != empty or each in before.where.answers})


def _looked(before: Showing, step: Step, given: Given, sent: _Sent) -> Response:
    """The page as these answers would make it, for the script that shows and hides: nothing is stored."""
    turn = turn_of(before.where, step, given)
    after = replace(before, where=turn.after)
    return step_page(after, step, replace(turn, issues={}), returning=sent.returning)


def _collided(before: Showing, after: Showing, step: Step, found: tuple[Turn, Sequence[str]], sent: _Sent) -> Response:
    """Both changed the same answer: what was typed here stands in the form, what is stored beside it, and nobody's is lost."""
    turn, colliding = found
    by_id, situation = before.structure.option_set_by_id, before.where.situation
    others = [
        Elsewhere(situation.text(by_id[each].name), shown_answer(after.where.answers.get(each), by_id[each], situation))
        for each in colliding
    ]
    return step_page(after, step, replace(turn, issues={}), status=409, elsewhere=others, returning=sent.returning)


def _onward(after: Showing, step: Step, turn: Turn, sent: _Sent) -> Response:
    way, go = sent.way, sent.go
    if turn.issues and (go == "next" or _lost(turn)):
        return step_page(after, step, replace(turn, after=after.where), status=422, returning=sent.returning)
    change = {"change": "1"} if sent.returning else {}
    if go == "next" and turn.opened:
        return see_other(sent.request, way.step(step.key, more="1", **change))
    if go == "next":
        following = None if sent.returning else next_step(after.structure, after.where.evaluation.asked, step.id)
        return see_other(sent.request, way.step(following.key) if following else way.to("check"))
    if go == "back":
        return see_other(sent.request, _back(after, step, sent))
    if go == "later":
        return see_other(sent.request, way.to("later"))
    return see_other(sent.request, way.step(step.key, **change))


def _lost(turn: Turn) -> bool:
    """Whether something that was sent is not kept: that is told whatever button was pressed."""
    return any(issue.code == "text-unstorable" or issue.code.startswith(REFUSED) for issue in turn.given.issues)


def _back(after: Showing, step: Step, sent: _Sent) -> str:
    if sent.returning:
        return sent.way.to("check")
    before = step_before(after.where, step)
    return sent.way.step(before.key) if before else sent.way.begin


# --- files ---------------------------------------------------------------------------------------------------------


async def with_uploads(ctx: Context, tx: Write, before: Showing, given: Given, request: Request) -> Given:
    """`given` with those of its uploads stored that fit their questions, and for each other one what is wrong with it: it is not kept."""
    stored: dict[str, list[Mapping[str, Any]]] = {}
    issues: list[Issue] = []
    for option_set_id, uploads in given.uploads.items():
        option_set = before.structure.option_set_by_id[option_set_id]
        assert isinstance(option_set, File)
        there = given.answers.get(option_set_id, before.where.answers.get(option_set_id, {})).get("value") or []
        coming = _Coming(option_set, [each for each in there if isinstance(each, dict)])
        # So many bad ones are looked at that each is named; whoever sends a thousand fills no disk.
        for upload in uploads[: option_set.constraints.max_files + _MOST_REFUSED]:
            await _take_in(ctx, tx, (before, request), coming, upload)
        stored |= {option_set_id: coming.new} if coming.new else {}
        issues += coming.issues
    return replace(with_files(given, before.where, stored), issues=(*given.issues, *issues))


@dataclass(frozen=True, slots=True)
class _Coming:
    """What becomes of the uploads to one question. `there`: what is stored already and stays."""

    option_set: File
    there: list[Mapping[str, Any]]
    new: list[Mapping[str, Any]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def refuse(self, name: str, code: str) -> None:
        """The finding's sentence is the name of the file (web/questions/wording.py)."""
        self.issues.append(Issue(pointer(self.option_set.key), REFUSED + code, name))


async def _take_in(ctx: Context, tx: Write, where: tuple[Showing, Request], coming: _Coming, file: UploadFile) -> None:
    before, request = where
    upload = Upload(_pieces(file), file.filename or "file", file.content_type or "application/octet-stream", coming.option_set)
    kept = [*coming.there, *coming.new]
    if len(kept) >= coming.option_set.constraints.max_files and not await _is_among(file, kept):
        coming.refuse(safe_name(upload.name), "max-files")
        return
    try:
        record = (await store_file(ctx, tx, before.passage.state.origin_wizard_id, request.app.state.resources.blobs, upload)).to_json()
    except TooLarge:
        coming.refuse(safe_name(upload.name), "file-too-large")
    except RequestInvalid as problem:
        for code in dict.fromkeys(str(each["code"]) for each in problem.errors):
            coming.refuse(safe_name(upload.name), "empty-file" if code == "empty" else code)
    else:
        # Sent twice, by a double click or by going back, it is one file.
        if record["sha256"] not in {each.get("sha256") for each in kept}:
            coming.new.append(record)


async def _is_among(file: UploadFile, kept: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it is one of these sent again, which is no further file."""
    digest = sha256()
    async for piece in _pieces(file):
        digest.update(piece)
    await file.seek(0)
    return digest.hexdigest() in {each.get("sha256") for each in kept}


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_CHUNK):
        yield piece
