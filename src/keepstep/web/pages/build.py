"""The builder: `/wizards/{wizard_ref}/build` shows the draft of a wizard, and each form of it makes one edit.

In templates: `path_of("build", wizard_ref=…)`, with `?node=` the id of a step or option set, or `wizard`. A form is sent to
`build/edit/{act}` (pages/build_acts.py) with `base`, the draft revision that it was made of. What the script gets is build/parts.html.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from babel import Locale, UnknownLocaleError
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.builder_edits import draft_seen, edit_rebased
from keepstep.actions.drafts import Edited, redo_edit, undo_edit
from keepstep.actions.reviving import revive
from keepstep.core import edits as e
from keepstep.core.keys import free_key
from keepstep.core.logic_words import condition_words, words_of
from keepstep.core.structure import Structure
from keepstep.core.text import quoted
from keepstep.db.transaction import Read, Write
from keepstep.errors import (
    EditCollided,
    ImpactUnconfirmed,
    KeyReserved,
    MeaningUnconfirmed,
    NothingToUndo,
    OptionValueReserved,
    Problem,
    RequestInvalid,
    StructureInvalid,
    UndoBlocked,
)
from keepstep.queries.builder import COUNTED_AT_ONCE, Construction, construction_of, count_runs, get_construction, stored_of
from keepstep.queries.drafts import get_draft
from keepstep.queries.frame import frame_of
from keepstep.web.pages import build_fields as fields
from keepstep.web.pages.build_acts import Sent, plan_of
from keepstep.web.pages.build_after import node_after
from keepstep.web.pages.build_ask import ask
from keepstep.web.pages.build_blocked import undo_blocked
from keepstep.web.pages.build_collided import collision_of
from keepstep.web.pages.build_options import compare_with_more, is_several
from keepstep.web.pages.build_view import MOST_OPTIONS, TYPE_ICONS, TYPE_NAMES, Place, View, abridged, neighbours, offered_by, rules_of
from keepstep.web.pages.problem_groups import docked
from keepstep.web.pages.problems_page import problem_of
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.problems import status_of
from keepstep.web.questions.view import question_view
from keepstep.web.rendering import FRAMING, is_htmx, page, wants_part
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()

PANES: Final = ("outline", "step", "item")
# What the script of the builder is told beside the parts: the draft that they are of, the node chosen, and the edit that was made.
_REVISION: Final = "X-Draft-Revision"
_NODE: Final = "X-Node"
_REVISION_MADE: Final = "X-Revision-Made"


@dataclass(frozen=True, slots=True)
class Refused:
    """A form whose texts could not be taken: they are shown again with what is wrong, by the names of the inputs."""

    form: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Which parts the script gets. `outline` is all of it; without it, the rows of these option sets alone."""

    outline: bool = True
    rows: tuple[str, ...] = ()
    canvas: bool = True
    problems: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page is to say besides the draft: the edit that was just made or (`note`) why there is none, what was refused, and with which
    status.
    """

    said: str = ""
    note: str = ""
    moved: Mapping[str, Any] | None = None
    parts: Parts = Parts()
    refused: Refused = Refused()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


# --- the page ------------------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/build", name="page:build")
async def build(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    node: Annotated[str, Query(max_length=80)] = "",
    lang: Annotated[str, Query(max_length=80)] = "",
    pane: Annotated[str, Query(max_length=20)] = "",
    add: Annotated[str | None, Query(max_length=80)] = None,
    find: Annotated[str, Query(max_length=200)] = "",
    done: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    options: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    q: Annotated[str, Query(max_length=200)] = "",
    note: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The draft with a node chosen. `add` opens the palette before that sibling ("" is the end), `find` are words of its search; `q` are
    words by which the outline is searched; `note` is a button that did nothing.
    """
    construction = await get_construction(tx, visitor.actor, wizard_ref)
    said = next((line.name for line in construction.log if line.revision == done), "")
    place = Place(node, lang, pane if pane in PANES else "step", add, find, options, q)
    # Whoever has the outline of this very draft needs no other.
    has_outline = request.headers.get(_REVISION) == construction.state.etag
    parts = Parts(outline=not has_outline, problems=not has_outline)
    return await _page(request, visitor, tx, construction, place, Shown(said=said, note=_GONE_BACK.get(note, ""), parts=parts))


async def _page(request: Request, visitor: Visitor, tx: Read, construction: Construction, place: Place, shown_: Shown) -> Response:
    view = await counted(tx, visitor, View(construction, place, visitor.actor.id))
    template = "build/parts.html" if wants_part(request) else "build/page.html"
    values = dict(values_of(visitor, view))
    if not wants_part(request):
        frame = await frame_of(tx, construction.state.wizard.id)
        values["tab_counts"] = {"versions": frame.versions, "runs": frame.runs}
    return page(
        request,
        template,
        block="parts",
        status=shown_.status,
        headers={**FRAMING, _REVISION: construction.state.etag, _NODE: view.node, **shown_.headers},
        said=shown_.said,
        note=shown_.note,
        moved=shown_.moved,
        parts=shown_.parts,
        refused=shown_.refused,
        **values,
    )


async def counted(tx: Read, visitor: Visitor, view: View) -> View:
    """With what is stored beside the nodes that the page shows, unless counting it would keep the page waiting."""
    wizard = view.construction.state.wizard
    if view.construction.active is None:
        return replace(view, stored={})
    if await count_runs(tx, wizard.id) > COUNTED_AT_ONCE:
        return view
    return replace(view, stored=await stored_of(tx, wizard.id, view.sets_to_count, as_of=visitor.ctx.now))


def values_of(visitor: Visitor, view: View) -> Mapping[str, Any]:
    """What the templates of the builder name."""
    wizard = view.construction.state.wizard
    lang = f"&lang={quote(view.language)}" if view.place.language else ""
    lang += f"&q={quote(view.place.search)}" if view.place.search else ""
    return {
        "wizard": wizard,
        "ref": wizard.slug or wizard.id,
        "view": view,
        "structure": view.structure,
        "may_edit": visitor.may("edit", wizard.id) and wizard.trashed_at is None,
        "make_id": visitor.ctx.make_id,
        "palette": fields.types_like(view.place.find, TYPE_NAMES),
        "type_icons": TYPE_ICONS,
        "type_names": TYPE_NAMES,
        "default_language": view.structure.default_language,
        # Asked for each question, and the application's own way takes a third of a millisecond.
        "build_path": f"/wizards/{quote(wizard.slug or wizard.id)}/build",
        "edit_path": lambda act: f"/wizards/{quote(wizard.slug or wizard.id)}/build/edit/{act}",
        "language_name": language_name,
        "select_path": lambda node, more="": f"/wizards/{quote(wizard.slug or wizard.id)}/build?node={quote(node)}{lang}{more}",
        "neighbours": neighbours,
        # Looked for only where it is shown: an edit is answered without it.
        "problem_dock": lambda: docked(
            view.construction.problems, lambda finding: problem_of(finding, view.construction.state.draft, wizard.slug or wizard.id)
        ),
        "question_of": lambda option_set: question_view(abridged(option_set), view.situation),
        "offered_by": offered_by,
        "most_options": MOST_OPTIONS,
        "free_ending_key": lambda structure: free_key("ending", {each.key for each in structure.endings}, "ending"),
        "rules_of": rules_of,
        "words_of": lambda expression: condition_words(expression, view.structure, view.construction.state.draft.shelf),
        "value_words": lambda expression: words_of(expression, view.structure, view.construction.state.draft.shelf),
        "condition_path": lambda **of: f"/wizards/{quote(wizard.slug or wizard.id)}/conditions?{urlencode(of)}",
        **_FIELDS,
        "saved_at": view.construction.log[-1].at if view.construction.log else wizard.updated_at,
        "changes": len(view.construction.changes) if view.construction.active is not None else None,
    }


_FIELDS: Final[Mapping[str, Any]] = {
    "alias_fields": fields.ALIASES,
    "calculation_fields": fields.CALCULATION,
    "choices_for": fields.choices_for,
    "condition_fields": fields.CONDITION,
    "default_of": fields.default_of,
    "flags_of": fields.flags_of,
    "ending_fields": fields.ENDING,
    "key_fields": fields.KEY,
    "look_fields": fields.LOOKS,
    "page_fields": fields.PAGES,
    "rule_fields": fields.RULE,
    "limits_of": fields.limits_of,
    "messages_of": fields.messages_of,
    "option_fields": fields.OPTION,
    "option_more_fields": (fields.EXCLUSIVE,),
    "question_fields": fields.texts_of,
    "shown": fields.shown,
    "step_fields": fields.STEP,
    "type_field": fields.TYPE,
    "type_words": fields.TYPE_WORDS,
    "unit_fields": fields.UNIT,
    "wizard_fields": fields.WIZARD,
}


def language_name(code: str) -> str:
    """`Deutsch` for de; the code itself for a language that nobody has a name for."""
    try:
        name = Locale.parse(code, sep="-").get_display_name()
    except (UnknownLocaleError, ValueError):
        return code
    return name[:1].upper() + name[1:] if name else code


@router.get("/wizards/{wizard_ref}/build/problems-count", name="page:build-problems")
async def problems_count(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """How many problems the draft has, for the script, which asks when nobody waits."""
    construction = await get_construction(tx, visitor.actor, wizard_ref)
    view = View(construction, Place(), visitor.actor.id, {})
    parts = Parts(outline=False, canvas=False)
    values = values_of(visitor, view)
    template = "build/parts.html" if wants_part(request) else "build/page.html"
    return page(request, template, block="parts", said="", note="", moved=None, parts=parts, refused=Refused(), **values)


@router.get("/wizards/{wizard_ref}/build/counts", name="page:build-counts")
async def counts(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    node: Annotated[str, Query(max_length=80)] = "",
    options: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> Response:
    """The page with every count, however long it takes: what is fetched after a page whose counts would have kept it waiting."""
    construction = await get_construction(tx, visitor.actor, wizard_ref)
    view = View(construction, Place(node, options=options), visitor.actor.id)
    view = replace(view, stored=await stored_of(tx, construction.state.wizard.id, view.sets_to_count, as_of=visitor.ctx.now))
    template = "build/parts.html" if wants_part(request) else "build/page.html"
    return page(
        request, template, block="parts", said="", note="", moved=None, parts=Parts(), refused=Refused(), **values_of(visitor, view)
    )


# --- edits ---------------------------------------------------------------------------------------------------------

_ASKED: Final = (ImpactUnconfirmed, MeaningUnconfirmed)
_REFUSED: Final = (RequestInvalid, StructureInvalid, KeyReserved, OptionValueReserved)


@router.post("/wizards/{wizard_ref}/build/edit/{act}", name="page:build-edit")
async def edit(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str, act: str) -> Response:
    """One edit. A question where it needs one, the form again where it was refused; nothing is stored then."""
    sent = Sent(await fields_of(request))
    if act == "add-option" and is_several(sent.text("label")):
        return await compare_with_more(request, visitor, tx, wizard_ref, sent)
    revived = await _revived(visitor, tx, wizard_ref, sent)
    if revived:
        sent = sent.made_of(revived[-1].state.wizard.draft_revision)
    try:
        edited = await edit_rebased(visitor.ctx, tx, wizard_ref, plan_of(act, sent), sent.seen)
    except EditCollided as problem:
        if (nothing := await _nothing_typed(visitor, tx, wizard_ref, (act, sent))) is not None:
            return await _done(request, visitor, tx, nothing, sent)
        return await ask(request, visitor, tx, (wizard_ref, act, sent), problem)
    except _ASKED as problem:
        return await ask(request, visitor, tx, (wizard_ref, act, sent), problem)
    except _REFUSED as problem:
        return await _again(request, visitor, tx, (wizard_ref, sent), problem)
    return await _done(request, visitor, tx, edited, sent, revived)


async def _revived(visitor: Visitor, tx: Write, wizard_ref: str, sent: Sent) -> tuple[Edited, ...]:
    """What came back so that what was typed in it has a place: it stays, whatever the edit itself still asks."""
    if sent.wanted is None or not sent.text("revive"):
        return ()
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    former = await draft_seen(tx, state, sent.number("revive"))
    return await revive(visitor.ctx, tx, wizard_ref, sent.wanted, former)


async def _nothing_typed(visitor: Visitor, tx: Read, wizard_ref: str, about: tuple[str, Sent]) -> Edited | None:
    """The draft as it is, where a form came in which nobody had changed anything."""
    state = await get_draft(tx, visitor.actor, wizard_ref)
    collision = await collision_of(tx, state, *about)
    return Edited(state=state, name=None) if collision.is_nothing else None


@router.get("/wizards/{wizard_ref}/build/edit/{act}", name="page:build-edited")
@router.get("/wizards/{wizard_ref}/build/undo", name="page:build-undone")
@router.get("/wizards/{wizard_ref}/build/redo", name="page:build-redone")
async def instead(request: Request, _visitor: CurrentVisitor, wizard_ref: str) -> Response:
    """Whoever comes to where a form was sent, by a reload or on the way back from signing in, sees the draft."""
    return see_other(request, f"/wizards/{quote(wizard_ref)}/build")


@router.post("/wizards/{wizard_ref}/build/undo", name="page:build-undo")
async def undo(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """Takes back the edit that the button names; a second click finds it taken back and does nothing."""
    return await _back(request, visitor, tx, wizard_ref, undo_edit)


@router.post("/wizards/{wizard_ref}/build/redo", name="page:build-redo")
async def redo(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """Makes the edit again that the button names."""
    return await _back(request, visitor, tx, wizard_ref, redo_edit)


async def _back(request: Request, visitor: Visitor, tx: Any, wizard_ref: str, go: Any) -> Response:
    sent = Sent(await fields_of(request))
    named = sent.needed("revision")
    try:
        revision = int(named) if named.isascii() and named.isdecimal() and len(named) < 16 else 0
        edited = await go(visitor.ctx, tx, wizard_ref, "*", revision=revision)
    except NothingToUndo:
        return await _nothing_to_go_back(request, visitor, tx, wizard_ref, sent)
    except UndoBlocked as problem:
        return await undo_blocked(request, visitor, tx, (wizard_ref, sent, revision), problem)
    return await _done(request, visitor, tx, edited, sent)


# Of a button that was pressed twice, or in a window that did not know what another one had done.
_GONE_BACK: Final = {
    "undo": message("Nothing was done: that is undone already, here or in another window. The button names what comes next."),
    "redo": message("Nothing was done: that is not undone any more. The button names what comes next."),
}


async def _nothing_to_go_back(request: Request, visitor: Visitor, tx: Read, wizard_ref: str, sent: Sent) -> Response:
    """The draft as it is, and why the button did nothing."""
    construction = await get_construction(tx, visitor.actor, wizard_ref)
    kind = request.url.path.rsplit("/", 1)[-1]
    place = Place(sent.text("node"), sent.text("lang"), sent.text("pane") or "step", search=sent.text("q"))
    if not is_htmx(request):
        edited = Edited(state=construction.state, name=None)
        return see_other(request, _path(edited, place.node, sent, note=kind))
    return await _page(request, visitor, tx, construction, place, Shown(note=_GONE_BACK[kind]))


async def _done(request: Request, visitor: Visitor, tx: Read, edited: Edited, sent: Sent, revived: tuple[Edited, ...] = ()) -> Response:
    """Where the edit leads: the page anew, or for the script its parts. `revived`: what this request had brought back before."""
    structure = edited.state.draft.structure
    node = node_after(edited) or sent.text("node")
    if not is_htmx(request):
        return see_other(request, _beside_path(edited, sent) if sent.text("to") in _BESIDE else _path(edited, node, sent))
    construction = await construction_of(tx, edited.state)
    place = Place(node, sent.text("lang"), sent.text("pane") or "step", options=_options_after(edited, sent), search=sent.text("q"))
    own = dict.fromkeys(each.state.etag for each in (*revived, edited) if each.name is not None)
    made = {_REVISION_MADE: ",".join(own)} if own else {}
    said = "; ".join(each.name for each in (*revived, edited) if each.name is not None)
    shown_ = Shown(said=said, moved=_moved(edited, structure), parts=_parts_after(edited, sent), headers=made)
    return await _page(request, visitor, tx, construction, place, shown_)


def _parts_after(edited: Edited, sent: Sent) -> Parts:
    """An edit within one question, of a page that saw all others, changes one row; the problems are asked for when nobody waits."""
    made = edited.edit
    behind = edited.state.wizard.draft_revision - 1
    if isinstance(made, e.ChangeOptionSet | e.OfOption | e.AddOption) and sent.newest == behind:
        return Parts(outline=False, rows=(made.option_set_id,), problems=False)
    return Parts()


def _moved(edited: Edited, structure: Structure) -> Mapping[str, Any] | None:
    """Where a question or a step stands after it was moved, for those who do not see it: among what is asked, from 1."""
    made = edited.edit
    if isinstance(made, e.MoveOptionSet):
        step = structure.step_of[made.option_set_id]
        siblings, moved, where = step.option_sets, made.option_set_id, quoted(step.name, structure.default_language)
    elif isinstance(made, e.MoveStep):
        siblings, moved, where = structure.steps, made.step_id, quoted(structure.name, structure.default_language)  # type: ignore[assignment]  # both have ids
    else:
        return None
    asked = [item.id for item in siblings if not item.retired]
    return {"at": asked.index(moved) + 1, "all": len(asked), "where": where} if moved in asked else None


def _options_after(edited: Edited, sent: Sent) -> int:
    """Which options are shown next: those that were, and after one was added the last."""
    made = edited.edit
    if isinstance(made, e.AddOption):
        return len(offered_by(edited.state.draft.structure.option_set_by_id[made.option_set_id])) - 1
    return sent.number("options")


# Pages with buttons of their own that bring something back, and lead to themselves again.
_BESIDE: Final = frozenset({"problems", "review"})


def _beside_path(edited: Edited, sent: Sent) -> str:
    wizard = edited.state.wizard
    return f"/wizards/{quote(wizard.slug or wizard.id)}/{sent.text('to')}" + ("?done=brought-back" if sent.text("to") == "review" else "")


def _path(edited: Edited, node: str, sent: Sent, *, note: str = "") -> str:
    wizard = edited.state.wizard
    done = str(wizard.draft_revision) if edited.name is not None else ""
    place = {name: sent.text(name) for name in ("lang", "pane", "q")}
    query = {"node": node, **place, "done": done, "note": note, "options": _options_after(edited, sent)}
    given = urlencode({name: value for name, value in query.items() if value})
    return f"/wizards/{quote(wizard.slug or wizard.id)}/build?{given}" + (f"#item-{quote(node)}" if node else "")


async def _again(request: Request, visitor: Visitor, tx: Read, about: tuple[str, Sent], problem: Problem) -> Response:
    """The form with what was typed and what is wrong with it, at its inputs where they are known."""
    wizard_ref, sent = about
    construction = await get_construction(tx, visitor.actor, wizard_ref)
    errors = {name: str(error["detail"]) for error in problem.errors if (name := _input_of(str(error["pointer"]), sent))}
    if isinstance(problem, KeyReserved) and not errors:
        errors = {"key": problem.detail}
    refused = Refused(sent.text("form"), sent.given, errors, problem.detail)
    place = Place(sent.text("node"), sent.text("lang"), sent.text("pane") or "step", options=sent.number("options"), search=sent.text("q"))
    return await _page(request, visitor, tx, construction, place, Shown(refused=refused, status=status_of(problem)))


def _input_of(pointer: str, sent: Sent) -> str:
    """The input that a finding is about: the longest name among those of the form that its pointer ends with."""
    held = [name for name in sent.text("has").split(",") if f"/{name.replace('.', '/')}/" in f"{pointer}/"]
    return max(held, key=len, default="")
