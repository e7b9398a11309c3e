"""Where a respondent begins, and where the link to resume leads."""

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from keepstep.actions.admission import link_token, not_admitted
from keepstep.actions.passages import Beginning, begin_passage, token_of
from keepstep.config import Resources
from keepstep.core.access import from_settings
from keepstep.core.admission import Refused, Visit, refused_by_limit, refused_by_time, refused_by_visit
from keepstep.core.question_pages import paged
from keepstep.core.structure import Structure
from keepstep.core.tokens import run_of_token, run_token
from keepstep.db.transaction import Read, Write, open_read, open_write
from keepstep.errors import IdConflict, NotAdmitted, PassageUnknown
from keepstep.queries.access import count_for_limit
from keepstep.queries.passages import Passage, Playable, find_nonce, load_passage, playable, was_begun
from keepstep.queries.wizards import is_id
from keepstep.web.assets import assets_in
from keepstep.web.gate import PROOF_FIELD, START_FIELD, TOKEN_PARAMETER, Gate, drop_invitation, gate_of, visit_of
from keepstep.web.origin import require_own_origin
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.player.anew import answers_anew, fields_anew
from keepstep.web.player.respondent import LAST_COOKIE, context_of, forget_last, frames_of, keep_passage, opened_with_offer, way_of
from keepstep.web.player.route import PlayerRoute, player_page
from keepstep.web.player.showing import resume_point, showing
from keepstep.web.player.steps import posted_of, text_of
from keepstep.web.player.way import Way
from keepstep.web.questions.controls import CONTROLS
from keepstep.web.questions.passage import standing
from keepstep.web.questions.posted import Posted
from keepstep.web.questions.situation import Situation

router = page_router(route_class=PlayerRoute)

LANGUAGE: Final = "lang"
EMBED: Final = "embed"
# What an address may say besides the keys of questions; a question with one of these keys is prefilled by its id.
_OWN: Final = frozenset({LANGUAGE, EMBED, TOKEN_PARAMETER, START_FIELD, PROOF_FIELD, "trap"})
PREFILL: Final = "prefill-"
_MOST_PREFILLED: Final = 200
_LONGEST: Final = 4_000


@router.get("/w/{ref}", name="page:player-start")
async def start(request: Request, ref: str) -> Response:
    async with open_read(request.app.state.resources.engine) as tx:
        wizard = await playable(tx, ref)
        refused = await _refused_already(request, tx, wizard)
    if refused is not None:
        raise not_admitted(refused)
    return _start_page(request, ref, wizard)


async def _refused_already(request: Request, tx: Read, wizard: Playable) -> Refused | None:
    """What can be told before somebody presses the button. Whether they may really begin is decided when they do."""
    resources: Resources = request.app.state.resources
    now = resources.now()
    access = replace(from_settings(wizard.settings), proof_of_work=False)
    visit = await visit_of(request, wizard.id, {})
    told = refused_by_time(access, now)
    told = told or refused_by_visit(access, visit, now, link_token=link_token(resources.secret, wizard.id, access))
    if told is None and access.max_runs is not None:
        return refused_by_limit(access, await count_for_limit(tx, wizard.id, access.max_runs))
    return told


def _start_page(
    request: Request, ref: str, wizard: Playable, refused: NotAdmitted | None = None, posted: Posted | None = None
) -> HTMLResponse:
    """`refused` with `posted`: the form again as it was sent, since a little patience lets it through."""
    asked = request.query_params
    structure = wizard.version.structure
    language = _language(request, structure, text_of(posted or {}, LANGUAGE))
    situation = Situation(language, structure.default_language)
    last = request.cookies.get(LAST_COOKIE, "")
    embedded = EMBED in asked or bool(text_of(posted or {}, EMBED))
    entry = gate_of(request, wizard.id, from_settings(wizard.settings), token=text_of(posted or {}, TOKEN_PARAMETER) or None)
    where = standing(paged(structure), {}, context_of(request, wizard.id).clock, language=language)
    return player_page(
        request,
        "start.html",
        language=language,
        status=200 if refused is None else 429 if refused.extra.get("wait") else 403,
        frames=frames_of(wizard.settings, embedded=embedded),
        direction=situation.direction,
        name=situation.text(structure.name),
        intro=situation.text(structure.description),
        embedded=embedded,
        entry=_again(entry, posted) if refused is not None and "wait" in refused.extra else entry,
        scripts=("gate.js",) if entry.proof_bits else (),
        links=[(each, _here(request, lang=each)) for each in structure.languages if each != language],
        prefilled=_prefilled(request, structure, posted),
        last=Way(ref, last).folder if is_id(last) and not embedded else "",
        steps=len(where.steps),
        refused=refused,
        action=f"/w/{Way(ref, '').ref}",
    )


def _again(entry: Gate, posted: Posted | None) -> Gate:
    """The same signed field as before: its age is what lets a form through that no script has worked for."""
    start = text_of(posted or {}, START_FIELD)
    return replace(entry, start=start[:400]) if start else entry


def _here(request: Request, **changed: str) -> str:
    """This page with other members in its address: a path, whatever host the request names."""
    asked = [*(each for each in request.query_params.multi_items() if each[0] not in changed), *changed.items()]
    return f"{request.url.path}?{urlencode(asked)}"


def _language(request: Request, structure: Structure, wanted: str) -> str:
    """As chosen, else the first of the browser's that the wizard has, else the wizard's own."""
    preferred = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    preferred += [each.partition("-")[0] for each in preferred]
    wishes = (wanted, request.query_params.get(LANGUAGE, ""), *preferred)
    return next((each for each in wishes if each in structure.languages), structure.default_language)


# --- prefill -------------------------------------------------------------------------------------------------------


def _prefilled(request: Request, structure: Structure, posted: Posted | None) -> list[tuple[str, str]]:
    """What the address says of questions by their keys, as hidden fields of the form: (name, value)."""
    if posted is not None:
        sent = [(name, value) for name, values in posted.items() if name.startswith(PREFILL) for value in values if isinstance(value, str)]
        return [*sent[:_MOST_PREFILLED], *fields_anew(posted)]
    known = structure.id_by_key.keys() | structure.option_set_by_id.keys()
    given = [(name, value) for name, value in request.query_params.multi_items() if name in known and name not in _OWN]
    return [(PREFILL + name, value) for name, value in given[:_MOST_PREFILLED] if len(value) <= _LONGEST]


def _prefill_in(posted: Posted, structure: Structure, language: str) -> dict[str, dict[str, Any]]:
    """The answers in those fields, read as leniently as what people type."""
    situation = Situation(language, structure.default_language)
    found = answers_anew(posted, structure, language)
    for name, values in posted.items():
        key = name.removeprefix(PREFILL)
        option_set = structure.option_set_by_id.get(structure.id_by_key.get(key, key))
        if name == key or option_set is None or option_set.selection_type == "file":
            continue
        texts = tuple(str(value) for value in values)
        if option_set.selection_type == "multiple_select" and len(texts) == 1:
            texts = tuple(texts[0].split(","))
        control = CONTROLS[option_set.selection_type]
        if control.parts:
            reading = control.read({control.parts[0]: texts}, option_set, situation)
            if reading.code is None and reading.value is not None:
                found[option_set.id] = {"value": reading.value}
    return found


# --- begin ---------------------------------------------------------------------------------------------------------


@router.post("/w/{ref}", name="page:player-begin")
async def begin(request: Request, ref: str) -> Response:
    """A new run; or the one that this very form began a moment ago."""
    resources: Resources = request.app.state.resources
    require_own_origin(request, resources.settings.base_url)
    posted = await posted_of(request)
    async with open_read(resources.engine) as tx:
        wizard = await playable(tx, ref)
    visit = await visit_of(request, wizard.id, {name: text_of(posted, name) for name in posted})
    # Twice, since the first click of two may begin the run while the second one is being looked at.
    for _ in range(2):
        try:
            async with open_write(resources.engine) as write:
                passage = await _begun(request, write, (ref, wizard), visit, posted)
            break
        except IdConflict:
            continue
        except NotAdmitted as refused:
            return _refused(request, ref, wizard, (refused, posted))
    else:
        return see_other(request, f"/w/{ref}")
    return _entered(request, ref, passage, embedded=bool(text_of(posted, EMBED)))


async def _begun(request: Request, tx: Write, asked: tuple[str, Playable], visit: Visit, posted: Posted) -> Passage:
    _, wizard = asked
    ctx = context_of(request, wizard.id)
    known = await _begun_before(request, tx, visit)
    if known is not None:
        return known
    if visit.challenge is not None and visit.run_id is not None and await was_begun(tx, visit.run_id):
        # The form lay open since another run was begun with it, which is nobody's to open without its token.
        # What was proved with it was proved for that run: where a proof is asked for, it begins no other.
        visit = replace(visit, run_id=ctx.make_id(), challenge=None, shown_at=None)
    language = text_of(posted, LANGUAGE) or wizard.version.structure.default_language
    prefill = _prefill_in(posted, wizard.version.structure, language)
    return await begin_passage(ctx, tx, wizard.id, Beginning(visit=visit, language=language, prefill=prefill))


async def _begun_before(request: Request, tx: Read, visit: Visit) -> Passage | None:
    """The run that the same form began, as long as nothing was answered in it or this browser began it last.

    The form is signed, so nobody gets here by an id alone.
    """
    if visit.challenge is None or visit.run_id is None:
        return None
    resources: Resources = request.app.state.resources
    nonce = await find_nonce(tx, visit.run_id)
    if nonce is None:
        return None
    try:
        passage = await load_passage(tx, run_token(resources.secret, visit.run_id, nonce), resources.now())
    except PassageUnknown:
        return None
    is_mine = request.cookies.get(LAST_COOKIE) == visit.run_id
    return passage if passage.state.status != "completed" and (is_mine or passage.state.save_number == 0) else None


def _refused(request: Request, ref: str, wizard: Playable, found: tuple[NotAdmitted, Posted]) -> Response:
    refused, posted = found
    last = request.cookies.get(LAST_COOKIE, "")
    if refused.extra.get("refusal") == "invitation_used" and is_id(last):
        return see_other(request, Way(ref, last).folder)
    if refused.extra.get("refusal") in ("looks_automated", "throttled"):
        return _start_page(request, ref, wizard, refused, posted)
    raise refused


def _entered(request: Request, ref: str, passage: Passage, *, embedded: bool) -> Response:
    """Into the first page, with what opens it."""
    resources: Resources = request.app.state.resources
    ctx = context_of(request, passage.state.origin_wizard_id)
    token = token_of(ctx, passage) or ""
    way = Way(ref, passage.state.id, token if embedded else "")
    answer = see_other(request, resume_point(showing(request, way, passage, ctx.clock)))
    keep_passage(request, answer, way, token)
    drop_invitation(answer, resources.settings.base_url, f"/w/{ref}")
    return answer


# --- come back -----------------------------------------------------------------------------------------------------


@router.get("/w/{ref}/{run_id}", name="page:player-resume")
async def resume(request: Request, ref: str, run_id: str) -> Response:
    """On to where one was; or first to what changed since, where the newer version is offered."""
    way = way_of(request, ref, run_id)
    passage, offer = await opened_with_offer(request, run_id)
    if offer is not None and not offer.declined:
        return see_other(request, way.to("changed"))
    if passage.state.status == "completed":
        return see_other(request, way.to("end"))
    ctx = context_of(request, passage.state.origin_wizard_id)
    return see_other(request, resume_point(showing(request, way, passage, ctx.clock)))


@router.get("/embed.js", name="page:player-embed")
async def embed_script() -> Response:
    """For pages of others that frame a wizard: it gives each frame the height that its page asks for. Its address never changes."""
    found = assets_in().by_name["embed.js"]
    headers = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(found.content, media_type=found.media_type, headers=headers)


@router.get("/r/{token}", name="page:player-link")
async def link(request: Request, token: str) -> Response:
    """The link to resume, on any device: it becomes the cookie of this one. Opening it changes nothing, since mail is looked through."""
    resources: Resources = request.app.state.resources
    if run_of_token(token) is None:
        raise PassageUnknown
    async with open_read(resources.engine) as tx:
        passage = await load_passage(tx, token, resources.now())
    way = Way(passage.wizard_ref, passage.state.id)
    answer = see_other(request, way.folder)
    # The address holds the token: nothing that is loaded next may be told of it.
    answer.headers["Referrer-Policy"] = "no-referrer"
    keep_passage(request, answer, way, token)
    if passage.state.status == "completed":
        forget_last(request, answer, way)
    return answer
