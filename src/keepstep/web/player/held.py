"""A form that came too late: its run was sent, put away, or is no longer known here. What was typed is shown, or kept to be sent again."""

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

from keepstep.core.question_pages import paged
from keepstep.core.structure import Structure
from keepstep.core.text import text_in
from keepstep.errors import PassageUnknown, Problem
from keepstep.queries.passages import Passage
from keepstep.web.player.respondent import RESUME_FIELD
from keepstep.web.player.route import player_page
from keepstep.web.player.way import Way
from keepstep.web.problems import status_of
from keepstep.web.questions.posted import Posted
from keepstep.web.texts import language_of

_QUESTION: Final = re.compile(r"q-([0-9a-f-]{36})(?:-\w+(?:-\w+)?)?")
_MOST: Final = 2_000


def held_page(request: Request, way: Way, posted: Posted, problem: Problem | None, passage: Passage | None = None) -> HTMLResponse:
    """`problem` None: the run was sent already. Where the link to resume helps, the form goes on with what it held."""
    structure = paged(passage.state.version.structure) if passage else None
    language = passage.state.language if passage else language_of(request.headers.get("accept-language"))
    can_resume = isinstance(problem, PassageUnknown)
    return player_page(
        request,
        "held.html",
        language=language,
        status=status_of(problem) if problem else 409,
        direction="ltr",
        name="",
        embedded=bool(way.embedded),
        way=way,
        problem=problem,
        can_resume=can_resume,
        action=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        kept=_texts(posted) if can_resume else (),
        typed=_typed(posted, structure, language),
        had_files=any(not isinstance(each, str) and each.filename for values in posted.values() for each in values),
    )


def _texts(posted: Posted) -> list[tuple[str, str]]:
    found = ((name, value) for name, values in posted.items() if name != RESUME_FIELD for value in values if isinstance(value, str))
    return [each for each, _ in zip(found, range(_MOST), strict=False)]


def _typed(posted: Posted, structure: Structure | None, language: str) -> list[tuple[str, str]]:
    """What was typed by the name of its question, where the version is known; else without one."""
    known: Mapping[str, Any] = structure.option_set_by_id if structure else {}
    found: dict[str, list[str]] = {}
    for name, values in posted.items():
        question = _QUESTION.fullmatch(name)
        if question:
            texts = [value for value in values if isinstance(value, str) and value.strip()]
            found.setdefault(question[1], []).extend(texts)
    return [(_label(known.get(each), language), " ".join(texts)) for each, texts in found.items() if texts]


def _label(option_set: Any, language: str) -> str:
    return "" if option_set is None else text_in(option_set.name, language, language)
