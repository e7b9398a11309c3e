"""The draft as respondents would meet it, tried out. Test answers travel in the form and are stored nowhere.

So every step is answered by a POST that shows the next one: there is nothing on the server that a redirect could lead to.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Query
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.jsonvalue import dumps, loads, unstorable
from keepstep.core.structure import Statement, Step, Structure
from keepstep.errors import MalformedJson
from keepstep.queries.drafts import WizardDraft, get_draft
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import page_router
from keepstep.web.questions.passage import (
    Standing,
    Turn,
    check_view,
    ending_of,
    first_answers,
    following,
    issues_of,
    sent_step,
    standing,
    step_before,
    step_view,
    turn_of,
    with_files,
)
from keepstep.web.questions.posted import Posted
from keepstep.web.questions.view import issues_by_option_set
from keepstep.web.questions.wording import said
from keepstep.web.rendering import FRAMED, page, player_environment
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

WIDTHS: Final = ("320", "768", "1280")
CHECK: Final = "check"
END: Final = "end"


@dataclass(frozen=True, slots=True)
class Preview:
    """What a form of the preview carries. `at` is a step's id, `check` or `end`; `returning`: Continue goes back to the check page.

    `bare`: it stands in the drawer of the builder, a frame as wide as was chosen there, without anything around it.
    """

    draft: WizardDraft
    answers: Mapping[str, Mapping[str, Any]]
    at: str
    language: str
    width: str
    returning: bool = False
    bare: bool = False

    @property
    def structure(self) -> Structure:
        return self.draft.draft.structure

    def where(self, visitor: Visitor) -> Standing:
        """Where these answers lead. A step that they do not lead to is opened, since a preview may start anywhere."""
        structure, zone = self.structure, ZoneInfo(visitor.ctx.zone)
        found = standing(structure, self.answers, visitor.ctx.clock, language=self.language, zone=zone)
        step = structure.step_by_id.get(self.at)
        if step is None or step in found.steps or step.visible_if is None:
            return found
        opened = structure.model_copy(update={"steps": tuple(_opened(each) if each is step else each for each in structure.steps)})
        return standing(opened, self.answers, visitor.ctx.clock, language=self.language, zone=zone)


def _opened(step: Step) -> Step:
    return step.model_copy(update={"visible_if": None})


@router.get("/wizards/{wizard_ref}/preview", name="page:preview")
async def preview(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    step: Annotated[str, Query(max_length=100)] = "",
    language: Annotated[str, Query(max_length=100)] = "",
    width: Annotated[str, Query(max_length=10)] = "",
    bare: Annotated[bool, Query()] = False,
) -> Response:
    """From the first step, or from `step`; in a `language` of the wizard, `width` pixels wide."""
    draft = await get_draft(tx, visitor.actor, wizard_ref)
    structure = draft.draft.structure
    made = Preview(draft, first_answers(structure), step, _language(structure, language), _width(width), bare=bare)
    return _shown(request, visitor, _at_a_step(made, visitor), **await frame_values(tx, draft.wizard, draft.draft))


@router.post("/wizards/{wizard_ref}/preview", name="page:previewing")
async def previewing(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """A step that was sent, or another language, width or place, with everything typed so far."""
    form = await request.form()
    posted: dict[str, list[Any]] = {}
    for name, value in form.multi_items():
        posted.setdefault(name, []).append(value)
    made = _carried(await get_draft(tx, visitor.actor, wizard_ref), posted)
    step = made.structure.step_by_id.get(made.at)
    turn = None if step is None else await _turn(made.where(visitor), step, posted, visitor)
    went = _moved(made, turn, _text(posted, "go"), _text(posted, "start"), visitor)
    # What is wrong stops going on; it is no obstacle to looking elsewhere.
    stays = turn is not None and went.at == made.at and _text(posted, "go") == "next"
    frame = await frame_values(tx, made.draft.wizard, made.draft.draft)
    return _shown(request, visitor, went, turn if stays else None, is_sent=_text(posted, "go") == "send", **frame)


# --- what the form carries -----------------------------------------------------------------------------------------


def _text(posted: Posted, name: str) -> str:
    found = posted.get(name, ())
    return found[-1] if found and isinstance(found[-1], str) else ""


def _carried(draft: WizardDraft, posted: Posted) -> Preview:
    structure = draft.draft.structure
    language = _language(structure, _text(posted, "to_language") or _text(posted, "language"))
    width = _width(_text(posted, "to_width") or _text(posted, "width"))
    answers = _answers_in(_text(posted, "answers"), structure)
    return Preview(draft, answers, _text(posted, "at"), language, width, bool(_text(posted, "returning")), bool(_text(posted, "bare")))


def _answers_in(text: str, structure: Structure) -> dict[str, dict[str, Any]]:
    """The answers that the form carried, without those to questions that the draft no longer has, and without what is no answer."""
    try:
        data = loads(text)
    except MalformedJson:
        return first_answers(structure)
    given = data.items() if isinstance(data, dict) else ()
    return {each: dict(answer) for each, answer in given if each in structure.option_set_by_id and _is_answer(answer)}


def _is_answer(answer: Any) -> bool:
    if not isinstance(answer, dict) or not answer.keys() <= {"value", "other", "source"} or unstorable(answer):
        return False
    return all(isinstance(answer[name], str) for name in ("other", "source") if name in answer)


def _language(structure: Structure, wanted: str) -> str:
    return wanted if wanted in structure.languages else structure.default_language


def _width(wanted: str) -> str:
    return wanted if wanted in WIDTHS else "768"


# --- moving --------------------------------------------------------------------------------------------------------


async def _turn(where: Standing, step: Step, posted: Posted, visitor: Visitor) -> Turn:
    given = sent_step(where, step, posted)
    stored = {each: [await _described(file, visitor) for file in files] for each, files in given.uploads.items()}
    return turn_of(where, step, with_files(given, where, stored))


async def _described(file: UploadFile, visitor: Visitor) -> dict[str, Any]:
    """The record that a stored file would have. The file itself is dropped: nothing of a preview is kept."""
    content = await file.read()
    await file.close()
    described = {"file_id": visitor.ctx.make_id(), "name": file.filename or "", "size": len(content)}
    return described | {"media_type": file.content_type or "application/octet-stream", "sha256": hashlib.sha256(content).hexdigest()}


def _moved(made: Preview, turn: Turn | None, go: str, start: str, visitor: Visitor) -> Preview:
    """Where a button leads. `go`: next, back, check, send, restart, start (at the step `start`) or change-<step>; else it stays."""
    if go == "restart":
        return _at_a_step(_placed(made, "", first_answers(made.structure)), visitor)
    answers = turn.after.answers if turn else made.answers
    if go.startswith("change-"):
        return _at_a_step(_placed(made, go.removeprefix("change-"), answers, returning=True), visitor)
    if go == "start":
        return _at_a_step(_placed(made, start, answers), visitor)
    if go == "back":
        return _placed(made, _before(made, answers, visitor), answers)
    if go == "send":
        return _placed(made, CHECK if issues_of(_placed(made, CHECK, answers).where(visitor)) else END, answers)
    if go == "next" and turn is not None and turn.is_done:
        after = None if made.returning else following(turn, made.structure.step_by_id[made.at])
        return _placed(made, after.id if after else CHECK, answers)
    return _placed(made, made.at, answers, returning=made.returning)


def _placed(made: Preview, at: str, answers: Mapping[str, Mapping[str, Any]], *, returning: bool = False) -> Preview:
    return replace(made, answers=answers, at=at, returning=returning)


def _before(made: Preview, answers: Mapping[str, Mapping[str, Any]], visitor: Visitor) -> str:
    where = _placed(made, made.at, answers).where(visitor)
    if made.at == CHECK:
        return where.steps[-1].id if where.steps else ""
    step = made.structure.step_by_id.get(made.at)
    before = step_before(where, step) if step else None
    return before.id if before else made.at


def _at_a_step(made: Preview, visitor: Visitor) -> Preview:
    """At the step it names if the draft has it, else at the first that is asked."""
    if made.at in made.structure.step_by_id and not made.structure.step_by_id[made.at].retired:
        return made
    steps = made.where(visitor).steps
    return _placed(made, steps[0].id if steps else CHECK, made.answers)


# --- the page ------------------------------------------------------------------------------------------------------


def _shown(request: Request, visitor: Visitor, made: Preview, turn: Turn | None = None, *, is_sent: bool = False, **frame: Any) -> Response:
    where = made.where(visitor)
    step = made.structure.step_by_id.get(made.at)
    usual = standing(made.structure, made.answers, visitor.ctx.clock, language=made.language)
    return page(
        request,
        "preview.html",
        block="preview",
        status=422 if turn is not None and turn.issues else 200,
        headers=FRAMED if made.bare else None,
        outer="bare.html" if made.bare else "history/frame.html",
        **frame,
        **spoken_in(made.language, request.app.state.resources.settings.zone),
        preview=made,
        view=step_view(where, step, turn) if step else None,
        sections=check_view(where) if made.at == CHECK else (),
        missing=_missing(where) if is_sent and made.at == CHECK else (),
        ending=ending_of(where) if made.at == END else None,
        text=where.situation.text,
        direction=where.situation.direction,
        opened=turn is not None and not turn.issues and bool(turn.opened),
        is_reached=step is None or step in usual.steps,
        has_back=made.at == CHECK or (step is not None and step_before(where, step) is not None),
        steps=[(each.id, where.situation.text(each.name)) for each in made.structure.steps if not each.retired],
        carried=dumps(made.answers),
        widths=WIDTHS,
        has_questions=any(not isinstance(each, Statement) for each in made.structure.option_sets),
    )


def spoken_in(language: str, zone: str) -> dict[str, Any]:
    """The parts of the player and its words in the language of what is tried out, within a page that is in another one."""
    environment = player_environment(language, zone)
    return {"player": environment.globals["player"], "say": environment.globals["gettext"]}


def _missing(where: Standing) -> list[tuple[str, Any]]:
    """What stops these answers from being sent: (option set, what to do)."""
    found = issues_by_option_set(issues_of(where), where.structure)
    by_id = where.structure.option_set_by_id
    return [(each, said(issue, by_id[each], where.situation)) for each, issues in found.items() for issue in issues]
