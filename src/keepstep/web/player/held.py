"""A form that came too late: its run was sent, put away, or is no longer known here. What was typed is shown, or kept to be sent again."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

from keepstep.core.structure import Structure
from keepstep.db.transaction import Read
from keepstep.errors import PassageUnknown, Problem, VersionNotFound
from keepstep.queries.runs import RunState
from keepstep.queries.versions import version_by_number
from keepstep.web.gate import HONEYPOT_FIELD, PROOF_FIELD, START_FIELD, TOKEN_PARAMETER
from keepstep.web.player.anew import ANEW, Anew
from keepstep.web.player.respondent import RESUME_FIELD
from keepstep.web.player.route import asked_language, player_page
from keepstep.web.player.way import Way
from keepstep.web.problems import status_of
from keepstep.web.questions.controls import CONTROLS
from keepstep.web.questions.posted import Posted, texts_of
from keepstep.web.questions.shown import shown_answer
from keepstep.web.questions.situation import Situation

VERSION_FIELD: Final = "version"
"""The field that says which version's questions a form showed."""
_MOST_DIGITS: Final = 9
_QUESTION: Final = re.compile(r"q-([0-9a-f-]{36})(?:-\w+(?:-\w+)?)?")
_MOST: Final = 2_000
# What this page's own form adds to what it keeps.
_OWN_FIELDS: Final = frozenset({RESUME_FIELD, ANEW, START_FIELD, PROOF_FIELD, TOKEN_PARAMETER, HONEYPOT_FIELD, "lang"})


def held_page(request: Request, way: Way, posted: Posted, problem: Problem | None, known: RunState | Anew | None = None) -> HTMLResponse:
    """`problem` None: the run was sent already. Where the link to resume helps, the form goes on with what it held.

    `known`: the run only where the request brought what opens it, the wizard where everybody may begin it: what was asked is nobody
    else's to read.
    """
    again = None if isinstance(known, RunState) else known
    language = known.language if known else asked_language(request)
    can_resume = isinstance(problem, PassageUnknown)
    return player_page(
        request,
        "held.html",
        language=language,
        status=status_of(problem) if problem else 409,
        direction=Situation(language).direction,
        name="",
        embedded=bool(way.embedded),
        way=way,
        problem=problem,
        can_resume=can_resume,
        tried=next((str(each) for each in posted.get(RESUME_FIELD, ()) if str(each).strip()), ""),
        action=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        kept=_texts(posted) if can_resume else (),
        typed=_typed_of(posted, known),
        anew=again,
        start_path=f"/w/{way.ref}",
        scripts=("gate.js",) if again and again.entry.proof_bits else (),
        had_files=any(not isinstance(each, str) and each.filename for values in posted.values() for each in values),
    )


def shown_version(posted: Posted) -> int | None:
    """What a form says of itself; None for what says nothing that can be true."""
    given = str((posted.get(VERSION_FIELD) or ("",))[-1])
    return int(given) if given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS else None


async def as_shown(tx: Read, run: RunState, posted: Posted) -> RunState:
    """The run with the questions that the form showed, to read what was typed: it may be on another version, or have been offered one."""
    number = shown_version(posted)
    if number is None or number == run.version.number:
        return run
    try:
        return replace(run, version=await version_by_number(tx, run.origin_wizard_id, number))
    except VersionNotFound:
        return run


def _texts(posted: Posted) -> list[tuple[str, str]]:
    found = ((name, value) for name, values in posted.items() if name not in _OWN_FIELDS for value in values if isinstance(value, str))
    return [each for each, _ in zip(found, range(_MOST), strict=False)]


def _typed_of(posted: Posted, known: RunState | Anew | None) -> list[tuple[str, str]]:
    if known is None:
        return list(_typed(posted))
    version = known.version if isinstance(known, RunState) else known.wizard.version
    return list(_typed_in(posted, version.structure, known.language))


def _typed_in(posted: Posted, structure: Structure, language: str) -> Iterator[tuple[str, str]]:
    """What was typed in words, by the wording of its question."""
    situation = Situation(language, structure.default_language)
    for option_set in structure.option_sets:
        texts = texts_of(posted, option_set)
        if option_set.hidden or option_set.selection_type == "file" or not any(texts.values()):
            continue
        reading = CONTROLS[option_set.selection_type].read(texts, option_set, situation)
        text = shown_answer({"value": reading.value} | ({"other": reading.other} if reading.other else {}), option_set, situation)
        if text:
            yield situation.text(option_set.name), text


def _typed(posted: Posted) -> Iterator[tuple[str, str]]:
    """The same where nobody may know what was asked: as it was sent."""
    found: dict[str, list[str]] = {}
    for name, values in posted.items():
        question = _QUESTION.fullmatch(name)
        if question:
            found.setdefault(question[1], []).extend(value for value in values if isinstance(value, str) and value.strip())
    yield from (("", " ".join(texts)) for texts in found.values() if texts)
