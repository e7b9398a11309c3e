"""One run to take along: as JSON with everything that is stored of it, and as a PDF as it was seen."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.responses import Response

from keepstep.actions.run_document import run_document
from keepstep.core.bidi import apart
from keepstep.core.reference import reference_of
from keepstep.interchange.pdf import PdfDocument, PdfLine, PdfSection, pdf
from keepstep.queries.responses import archive_of, responses_of
from keepstep.queries.run_history import tombstones_of_run
from keepstep.web.deps import ResourcesDep
from keepstep.web.exactjson import ExactJson
from keepstep.web.pages.route import page_router
from keepstep.web.pages.run import RunId, RunPage, run_page
from keepstep.web.pages.run_view import Kept, Line, Section, kept_in, sections_of, situation_in
from keepstep.web.pages.runs_table import STATE_WORDS, STATUS_WORDS, run_name
from keepstep.web.texts import SOURCE, Wording, language_name, respondent_language, respondent_translations
from keepstep.web.visitor import CurrentVisitor, PageRead

router = page_router()

_MOST_NOTE: Final = 240


def _attached(content: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)


@router.get("/wizards/{wizard_ref}/runs/{run_id}/run.json", name="page:run-json")
async def as_json(visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, run_id: RunId) -> Response:
    """Every revision with the versions that it was asked in: readable without this server."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    document = await run_document(visitor.ctx, tx, run_id)
    content = await asyncio.to_thread(lambda: bytes(ExactJson(document).body))
    return _attached(content, "application/json", f"{shown.ref}-{run_name(run_id)}.json")


@router.get("/wizards/{wizard_ref}/runs/{run_id}/run.pdf", name="page:run-pdf")
async def as_pdf(visitor: CurrentVisitor, tx: PageRead, resources: ResourcesDep, wizard_ref: str, run_id: RunId) -> Response:
    """The run as its page shows it, in its own language."""
    shown = await run_page(visitor, tx, wizard_ref, run_id)
    erasures = len(await tombstones_of_run(tx, run_id))
    words = _Words(shown.state.language, resources.settings.zone)
    document = _document(shown, words, erasures)
    return _attached(await asyncio.to_thread(pdf, document), "application/pdf", f"{shown.ref}-{run_name(run_id)}.pdf")


class _Words:
    """The words beside a run in its own language, in which whoever gets the document reads it; the source's without a catalogue."""

    def __init__(self, language: str, zone: str) -> None:
        self.language = respondent_language(language)
        self.gettext = respondent_translations(self.language).gettext
        self.wording = Wording(self.language, zone)

    def __call__(self, text: str, **named: object) -> str:
        found = self.gettext(text)
        return found % named if named else found


def _document(shown: RunPage, _: _Words, erasures: int) -> PdfDocument:
    state, moment = shown.state, _.wording.moment
    sections = [_section(each, _) for each in sections_of(state, responses_of(state), state.version.structure)]
    archive = kept_in(state, archive_of(state), shown.questions, shown.versions)
    if archive:
        sections.append(PdfSection(_("Archive: answers without a place in this version"), [_kept(each, _) for each in archive]))
    at = moment(state.completed_at or state.updated_at)
    facts = (shown.wizard.name, f"v{state.version.number}", _(STATUS_WORDS[state.status]), at, language_name(state.language))
    # Each in its own direction, so that none turns the others around.
    about = [" · ".join(map(apart, facts))]
    about += [state.respondent] if state.respondent else []
    about.append(
        _(
            "Revision %(revision)s · reference %(reference)s · run %(id)s",
            revision=state.head_revision,
            reference=apart(reference_of(state.id)),
            id=apart(state.id),
        )
    )
    about += [_("Digest %(digest)s", digest=apart(state.digest.hex()))] if state.digest else []
    about += [_("Answers were erased from this run.")] if erasures else []
    return PdfDocument(
        title=_("Run %(name)s", name=apart(run_name(state.id))),
        about=about,
        sections=sections,
        language=state.language,
        made_at=state.updated_at,
        foot=f"{apart(shown.wizard.name[:60])} · {apart(run_name(state.id))}",
        missing=_("<U+…> stands for a character that this document has no font for. The JSON of the run has it."),
        from_right=situation_in(state).direction == "rtl",
    )


def _section(section: Section, _: _Words) -> PdfSection:
    return PdfSection(f"{section.number}  {section.title or _('Without a name')}", [_line(each, _) for each in section.lines])


def _line(line: Line, _: _Words) -> PdfLine:
    text = "\n".join(f"• {each}" for each in line.parts) if len(line.parts) > 1 else line.text
    # Conditions are told in English alone: elsewhere the answers stand for them that they read.
    reasons = [each for each in line.reasons if _.language == SOURCE or "condition" not in each.named]
    notes: list[str] = [_short(_(each.pattern, **each.named)) for each in reasons]
    notes += [f"⚠ {flag['code']}: {flag['detail']}" for flag in line.flags]
    is_plain = line.kind == "statement" or (line.state == "answered" and text)
    state = "" if is_plain else f"({_(STATE_WORDS[line.state])})"
    return PdfLine(line.label, " ".join(each for each in (text, state) if each), tuple(notes), muted=bool(line.reasons))


def _short(text: str) -> str:
    """A condition of a large form fills a page of paper. The page of the run has it whole."""
    return text if len(text) <= _MOST_NOTE else text[: _MOST_NOTE - 1] + "…"


def _kept(kept: Kept, _: _Words) -> PdfLine:
    where = _("a column of an imported file") if kept.version is None else _("as asked in v%(version)s", version=kept.version)
    return PdfLine(kept.label, kept.text or f"({_(STATE_WORDS[kept.state])})", tuple(_notes(where, kept.flags)))


def _notes(where: str, flags: Iterable[object]) -> Sequence[str]:
    return [where, *(f"⚠ {flag['code']}: {flag['detail']}" for flag in flags if isinstance(flag, dict))]
