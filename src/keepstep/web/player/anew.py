"""Beginning anew with what was typed, where a browser has forgotten its run: only where everybody may begin, and see what is asked.

Must not know the run that was forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request

from keepstep.config import Resources
from keepstep.core.access import from_settings
from keepstep.core.admission import refused_by_limit, refused_by_time, refused_by_visit
from keepstep.core.structure import Structure
from keepstep.db.transaction import Read
from keepstep.errors import Problem
from keepstep.queries.access import count_for_limit
from keepstep.queries.passages import Playable, playable
from keepstep.web.gate import Gate, gate_of, visit_of
from keepstep.web.questions.posted import Posted, given_in
from keepstep.web.questions.situation import Situation

ANEW: Final = "anew"
"""The field of the button that begins anew."""
LANGUAGE_FIELD: Final = "in_language"
"""The field that says in which language a form asked."""


@dataclass(frozen=True, slots=True)
class Anew:
    """What a form needs to begin this wizard, which is open to everybody."""

    wizard: Playable
    entry: Gate
    language: str


async def anew(request: Request, tx: Read, ref: str, posted: Posted) -> Anew | None:
    """In the language of the form, as far as the wizard has it.

    None where not everybody may begin now: who was invited is told nothing of what was asked.
    """
    resources: Resources = request.app.state.resources
    try:
        wizard = await playable(tx, ref)
    except Problem:
        return None
    access = from_settings(wizard.settings)
    visit, now = await visit_of(request, wizard.id, {}), resources.now()
    asked = replace(access, proof_of_work=False)
    is_refused = refused_by_time(asked, now) or refused_by_visit(asked, visit, now, link_token="")
    if access.mode != "open" or is_refused:
        return None
    if access.max_runs is not None and refused_by_limit(access, await count_for_limit(tx, wizard.id, access.max_runs)):
        return None
    structure = wizard.version.structure
    shown = str((posted.get(LANGUAGE_FIELD) or ("",))[-1])
    language = shown if shown in structure.languages else language_among(request, structure.languages) or structure.default_language
    return Anew(wizard, gate_of(request, wizard.id, access), language)


def language_among(request: Request, languages: Sequence[str]) -> str | None:
    """The first of these that the browser asks for, in the order in which it wants them."""
    preferred = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    wishes = [name for each in preferred for name in (each, each.partition("-")[0])]
    return next((each for each in wishes if each in languages), None)


def answers_anew(posted: Posted, structure: Structure, language: str) -> dict[str, dict[str, Any]]:
    """What the form of the forgotten run held, as far as it can be read."""
    if ANEW not in posted:
        return {}
    questions = [each for each in structure.option_sets if not each.hidden and not each.retired and each.selection_type != "file"]
    given = given_in(posted, questions, Situation(language, structure.default_language))
    return {name: answer for name, answer in given.answers.items() if answer.get("value") is not None or answer.get("other")}


def fields_anew(posted: Posted) -> list[tuple[str, str]]:
    """The fields of such a form, where the form to begin is shown once more."""
    if ANEW not in posted:
        return []
    names = [name for name in posted if name.startswith("q-") or name in (ANEW, "shown")]
    return [(name, value) for name in names for value in posted[name] if isinstance(value, str)]
