"""The texts of a draft side by side in two of its languages, each saved by itself; and which languages there are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from babel import Locale
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.translations import Languages, Translation, change_languages, translate
from keepstep.core.languages import in_usual_case
from keepstep.core.piping import with_ids, with_keys
from keepstep.core.structure import LANGUAGE_PATTERN, Structure
from keepstep.core.translation import Wording, untranslated, wording_at, wordings
from keepstep.errors import MeaningUnconfirmed, NodeNotFound, RequestInvalid, Stale, StructureInvalid
from keepstep.queries.drafts import WizardDraft, get_draft
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.rendering import page, wants_part
from keepstep.web.texts import known_languages, language_name, message
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()

# As many forms as a browser lays out at once without a pause.
PAGE: Final = 60
Show = Literal["all", "untranslated"]

_GONE: Final = message("The draft no longer has this text: its question or option was deleted. What you typed is still here.")
_STALE: Final = message("Somebody changed this text meanwhile. Theirs is shown above yours; save again to replace it.")
_SAME: Final = message("Answers were given under the old wording. Does the new one mean the same?")


@dataclass(frozen=True, slots=True)
class Row:
    """One text. `was` is what the draft has in the target language, `typed` what stands in the field."""

    address: str
    where: str
    source: str
    was: str
    typed: str
    retired: bool
    problem: str = ""
    theirs: str = ""
    asks_meaning: int = 0
    saved_at: datetime | None = None

    @property
    def id(self) -> str:
        """Made of the address, in characters that an id can have."""
        return "text-" + "".join(sign if sign.isascii() and sign.isalnum() else f"_{ord(sign):x}" for sign in self.address)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which texts a page shows."""

    to: str
    show: Show
    start: int

    def address(self, **other: Any) -> str:
        given = {"to": self.to, "show": self.show, "start": self.start} | other
        return urlencode({name: value for name, value in given.items() if value not in ("", 0, "all")})


@router.get("/wizards/{wizard_ref}/languages", name="page:languages")
async def languages(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    to: Annotated[str, Query(max_length=2_000)] = "",
    show: Annotated[Show, Query()] = "all",
    start: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """`to`: the language beside the default one. `show`: all texts, or those without a translation, from number `start` on."""
    draft = await get_draft(tx, visitor.actor, wizard_ref)
    frame = await frame_values(tx, draft.wizard, draft.draft)
    return _page(request, visitor, draft, Asked(_target(draft, to), show, start), **frame)


@router.post("/wizards/{wizard_ref}/languages", name="page:translate")
async def translating(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """One text. For htmx the row as it is then, else the page again."""
    fields = await fields_of(request)
    draft = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    asked = _asked(draft, fields)
    row, status, draft = await _translated(visitor, tx, wizard_ref, draft, fields)
    if wants_part(request):
        values: dict[str, Any] = {
            "row": row,
            "asked": asked,
            "base": draft.wizard.draft_revision,
            "source": draft.draft.structure.default_language,
        }
        return page(request, "languages.html", block="one_row", status=status, wizard=draft.wizard, may_edit=True, **values)
    if status == 200:
        return see_other(request, f"/wizards/{wizard_ref}/languages?{asked.address()}#{row.id}")
    frame = await frame_values(tx, draft.wizard, draft.draft)
    return _page(request, visitor, draft, asked, status=status, instead=row, **frame)


@router.post("/wizards/{wizard_ref}/languages/set", name="page:set-languages")
async def set_languages(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """`add`: a code; `remove`: one of them; `default`: which one texts fall back to."""
    fields = dict(await fields_of(request))
    draft = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    typed = fields.get("add", "")
    fields["add"] = code_of(typed)
    was = [each for each in fields.get("was", "").split(" ") if each]
    wanted, default = _wanted(fields, was, draft.draft.structure.default_language)
    try:
        if typed:
            _check_new(typed, fields["add"], was)
        await change_languages(
            visitor.ctx, tx, wizard_ref, Languages(languages=wanted, default=default, was=was, base=_number(fields.get("base", "")))
        )
    except (RequestInvalid, StructureInvalid, Stale) as problem:
        asked = Asked(_target(draft, ""), "all", 0)
        status = 409 if isinstance(problem, Stale) else 422
        frame = await frame_values(tx, draft.wizard, draft.draft)
        return _page(request, visitor, draft, asked, status=status, error=problem.detail, typed=typed, **frame)
    to = fields["add"]
    return see_other(request, f"/wizards/{wizard_ref}/languages" + (f"?{urlencode({'to': to})}" if to else ""))


_LONGEST_TAG: Final = 35  # as long as RFC 5646 asks everybody to be able to hold


def code_of(typed: str) -> str:
    """The tag of the language that somebody means: a tag in its usual case, or of a language by its name ("German", "Deutsch")."""
    name = typed.strip().casefold()
    english = Locale("en").languages
    named = (code for code, own in known_languages() if name in (own.casefold(), str(english[code]).casefold()))
    return next(named, in_usual_case(typed)) if name else ""


def _check_new(typed: str, code: str, was: Sequence[str]) -> None:
    """Raises RequestInvalid for what is no tag, and for a language that is there."""
    if code.lower() in (each.lower() for each in was):
        raise RequestInvalid(f"This wizard has {language_name(code)} ({code}) already.")
    if len(code) > _LONGEST_TAG or not re.fullmatch(LANGUAGE_PATTERN, code) or len(code.split("-", maxsplit=1)[0]) > 3:
        shown = typed.strip()[:40] + ("…" if len(typed.strip()) > 40 else "")
        raise RequestInvalid(f"“{shown}” is no code of a language. Choose one of the list, or write a code such as de or pt-BR.")


def _wanted(fields: Mapping[str, str], was: Sequence[str], default: str) -> tuple[list[str], str]:
    """The languages that the form asks for, and which is the default."""
    wanted = list(was)
    if fields.get("add"):
        wanted = [*wanted, fields["add"]]
    wanted = [each for each in wanted if each != fields.get("remove")]
    return wanted, fields.get("default") or default


# --- one text ------------------------------------------------------------------------------------------------------


async def _translated(
    visitor: Visitor, tx: PageWrite, wizard_ref: str, draft: WizardDraft, fields: Mapping[str, str]
) -> tuple[Row, int, WizardDraft]:
    """The row after the attempt, the status of the answer, and the draft."""
    address, language, text = fields.get("address", ""), fields.get("to", ""), fields.get("text", "").replace("\r\n", "\n")
    translation = Translation(
        address=address,
        language=language,
        text=with_ids(text, draft.draft.structure),
        was=fields.get("was", "").replace("\r\n", "\n"),
        base=_number(fields.get("base", "")),
        meaning="same" if fields.get("meaning") == "same" else None,
    )
    structure = draft.draft.structure
    try:
        edited = await translate(visitor.ctx, tx, wizard_ref, translation)
    except NodeNotFound:
        return Row(address, fields.get("where", ""), "", "", text, retired=False, problem=_GONE), 409, draft
    except MeaningUnconfirmed as problem:
        asks = int(problem.extra["answers"]) + int(problem.extra["trashed"])
        return _row(wording_at(structure, address), structure, language, typed=text, problem=_SAME, asks=asks), 409, draft
    except Stale:
        return (
            _row(wording_at(structure, address), structure, language, typed=text, problem=_STALE, theirs=True),
            409,
            draft,
        )
    except (RequestInvalid, StructureInvalid) as problem:
        return _row(wording_at(structure, address), structure, language, typed=text, problem=problem.detail), 422, draft
    made = edited.state.draft.structure
    row = _row(wording_at(made, address), made, language, saved_at=visitor.ctx.now if edited.name else None)
    return row, 200, edited.state


def _row(
    wording: Wording,
    structure: Structure,
    to: str,
    *,
    typed: str | None = None,
    problem: str = "",
    theirs: bool = False,
    asks: int = 0,
    saved_at: datetime | None = None,
) -> Row:
    """What is shown of a text names questions by their keys; `was` is as it is stored."""
    was = wording.texts.get(to, "")
    own = with_keys(was, structure)
    return Row(
        address=wording.address,
        where=wording.where,
        source=with_keys(wording.texts.get(structure.default_language, ""), structure),
        was=was,
        typed=own if typed is None else typed,
        retired=wording.retired,
        problem=problem,
        theirs=own if theirs else "",
        asks_meaning=asks,
        saved_at=saved_at,
    )


# --- the page ------------------------------------------------------------------------------------------------------


def _target(draft: WizardDraft, wanted: str) -> str:
    """The language to translate into; "" while there is only one."""
    structure = draft.draft.structure
    others = [each for each in structure.languages if each != structure.default_language]
    return wanted if wanted in others else others[0] if others else ""


def _asked(draft: WizardDraft, fields: Mapping[str, str]) -> Asked:
    show: Show = "untranslated" if fields.get("show") == "untranslated" else "all"
    return Asked(_target(draft, fields.get("to", "")), show, _number(fields.get("start", "")))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _page(
    request: Request, visitor: Visitor, draft: WizardDraft, asked: Asked, *, status: int = 200, instead: Row | None = None, **more: Any
) -> Response:
    structure = draft.draft.structure
    source = structure.default_language
    every = wordings(structure)
    missing = {each: sum(1 for _ in untranslated(structure, each)) for each in structure.languages}
    wanted = [each for each in every if asked.show == "all" or (not each.retired and not each.texts.get(asked.to))]
    rows = [_row(each, structure, asked.to) for each in wanted[asked.start : asked.start + PAGE]] if asked.to else []
    values: dict[str, Any] = {"error": "", "typed": ""} | more
    return page(
        request,
        "languages.html",
        block="texts",
        status=status,
        languages=structure.languages,
        source=source,
        base=draft.wizard.draft_revision,
        missing=missing,
        given={each: sum(1 for wording in every if wording.texts.get(each)) for each in structure.languages},
        asked=asked,
        rows=[instead if instead and instead.address == row.address else row for row in rows],
        lost=instead if instead and all(instead.address != row.address for row in rows) else None,
        total=len(wanted),
        page_size=PAGE,
        may_edit=visitor.may("edit", draft.wizard.id) and draft.wizard.trashed_at is None,
        known=known_languages(),
        **values,
    )
