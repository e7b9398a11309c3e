"""What changed since a respondent started, where the newer version is offered: told, prefilled, and nothing else asked.

Sent, the run is on the new version with these answers, in one transaction; or it stays as it is, by the respondent's own choice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from keepstep.actions.context import Context
from keepstep.actions.offers import accept_offer, decline_offer, way_of_move
from keepstep.actions.passages import PageSaved, save_page
from keepstep.core.offered import Changed, Kind, added_options, changes_seen, side_of
from keepstep.core.selection import check_value
from keepstep.core.structure import OptionSet, Structure
from keepstep.core.viewing import viewed
from keepstep.db.transaction import Write
from keepstep.queries.movable import subject_of
from keepstep.queries.offers import Offer, find_offer, last_on
from keepstep.queries.passages import Passage
from keepstep.queries.plans import prepared_by_ids, versions_by_id
from keepstep.queries.runs import RunState
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.player.colliding import fingerprint, fingerprints, merged_given, seen_in
from keepstep.web.player.held import VERSION_FIELD, as_shown, held_page, shown_version
from keepstep.web.player.late import told_late
from keepstep.web.player.respondent import context_of, opened_with_offer, way_of
from keepstep.web.player.route import PlayerUploadRoute
from keepstep.web.player.showing import Showing, resume_point, showing
from keepstep.web.player.steps import BASE_FIELD, taken, text_of, with_uploads
from keepstep.web.player.way import Way
from keepstep.web.questions.passage import Standing, is_answered_by_hand, issues_of
from keepstep.web.questions.posted import Given, Posted, given_in
from keepstep.web.questions.shown import shown_answer
from keepstep.web.questions.view import Question, issues_by_option_set, question_view
from keepstep.web.texts import message

router = page_router(route_class=PlayerUploadRoute)

WORDS: Final[Mapping[Kind, str]] = {
    "added": message("New question"),
    "retyped": message("It is answered in another way now"),
    "reworded": message("New wording"),
    "options": message("Other choices"),
    "required": message("It has to be answered now"),
    "optional": message("It may be left empty now"),
    "limits": message("Other limits"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One changed question: what changed in words, how it was worded and answered, and its inputs (none where it only tells)."""

    words: tuple[str, ...]
    was: str
    said: str
    more: tuple[str, ...]
    fewer: tuple[str, ...]
    question: Question


@dataclass(frozen=True, slots=True)
class Gone:
    """A question that is asked no more, and what was answered to it."""

    label: str
    said: str


@dataclass(frozen=True, slots=True)
class Change:
    """A run between two versions as its respondent sees it. `asked`: what is shown again; `ahead`: how many changes they come to later."""

    before: Showing
    after: Showing
    changes: tuple[Changed, ...]
    asked: tuple[Changed, ...]
    ahead: int

    @property
    def gone(self) -> tuple[Changed, ...]:
        return tuple(each for each in self.changes if each.new is None)

    @property
    def questions(self) -> tuple[OptionSet, ...]:
        return tuple(each.new for each in self.asked if each.new is not None)


def change_of(request: Request, way: Way, passage: Passage, offer: Offer, ctx: Context) -> Change:
    """What the offer would change."""
    before = showing(request, way, passage, ctx.clock)
    moved = replace(passage, state=_moved(passage.state, offer))
    after = showing(request, way, moved, ctx.clock)
    sides = side_of(offer.before, passage.state.version.structure), side_of(offer.after, offer.target.structure)
    changes = changes_seen(*sides, offer.prepared, passage.state.version.id)
    behind = _behind(after.where, offer)
    asked = tuple(each for each in changes if each.new is not None and each.new.id in behind)
    return Change(before, after, changes, asked, sum(each.new is not None for each in changes) - len(asked))


def _moved(state: RunState, offer: Offer) -> RunState:
    after = offer.after
    return replace(state, version=offer.target, answers=after.answers, archive=after.archive, asked=after.asked, language=after.language)


def _behind(where: Standing, offer: Offer) -> set[str]:
    """The questions of every page up to the last one that was saved: what comes later is asked in its turn."""
    version_id = offer.before.version_id
    led = {way.target.id for way in offer.prepared.ways[version_id] if way.target is not None and way.source.id in offer.before.answers}
    given = {name for name in led if offer.after.answers.get(name, {}).get("source") not in ("default", "prefill", "calculated")}
    last = max((place for place, step in enumerate(where.steps) if any(each.id in given for each in step.option_sets)), default=-1)
    return {each.id for step in where.steps[: last + 1] for each in where.questions(step)}


# --- shown -----------------------------------------------------------------------------------------------------------


@router.get("/w/{ref}/{run_id}/changed", name="page:player-changed")
async def changed(request: Request, ref: str, run_id: str) -> Response:
    way = way_of(request, ref, run_id)
    passage, offer = await opened_with_offer(request, run_id)
    if passage.state.status == "completed":
        return see_other(request, way.to("end"))
    ctx = context_of(request, passage.state.origin_wizard_id)
    if offer is None:
        return see_other(request, resume_point(showing(request, way, passage, ctx.clock)))
    return _page(change_of(request, way, passage, offer, ctx), offer.target.number)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A form as it came back: what was typed, what is wrong with it, and what another window says."""

    given: Given
    issues: Mapping[str, Any]
    elsewhere: Sequence[tuple[str, str]] = ()
    status: int = 422
    again: bool = False


def _page(change: Change, number: int, sent: _Sent | None = None) -> HTMLResponse:
    after = change.after
    items = [_item(change, each, sent) for each in change.asked]
    return after.page(
        "changed.html",
        status=sent.status if sent else 200,
        items=items,
        gone=[_gone(change, each) for each in change.gone],
        ahead=change.ahead,
        count=len(change.asked) + len(change.gone),
        has_errors=any(each.question.errors for each in items),
        questions=[each.question for each in items],
        elsewhere=sent.elsewhere if sent else (),
        again=sent.again if sent else False,
        may_decline=sent is None or sent.again,
        bases=fingerprints(after.where, change.questions),
        offered=number,
        action=after.way.to("changed"),
        languages=[],
    )


def _item(change: Change, changed: Changed, sent: _Sent | None) -> Item:
    assert changed.new is not None  # only these are asked
    where, old, new = change.after.where, changed.old, changed.new
    issues = sent.issues.get(new.id, ()) if sent else ()
    typed = sent.given.typed.get(new.id) if sent else None
    question = question_view(new, where.situation, where.answers.get(new.id), issues=issues, typed=typed)
    more, fewer = added_options(changed, *_sides(change)) if "options" in changed.kinds else ((), ())
    was = "" if old is None or "reworded" not in changed.kinds else change.before.where.situation.text(old.name)
    said = "" if old is None else _said(change, old)
    if said == shown_answer(where.answers.get(new.id), new, where.situation):
        # It stands in the form as it was.
        said = ""
    return Item(tuple(WORDS[each] for each in changed.kinds), was, said, more, fewer, question)


def _sides(change: Change) -> tuple[Any, Any]:
    return tuple(side_of(subject_of(each.passage.state), each.passage.state.version.structure) for each in (change.before, change.after))  # type: ignore[return-value] # of two


def _gone(change: Change, changed: Changed) -> Gone:
    assert changed.old is not None  # else it would be new
    return Gone(change.before.where.situation.text(changed.old.name), _said(change, changed.old))


def _said(change: Change, old: OptionSet) -> str:
    where = change.before.where
    return shown_answer(where.answers.get(old.id), old, where.situation)


# --- sent ------------------------------------------------------------------------------------------------------------


@router.post("/w/{ref}/{run_id}/changed", name="page:player-changed-sent")
async def sent_changes(request: Request, ref: str, run_id: str) -> Response:
    """Sent twice, or in two windows, it is one move."""
    way = way_of(request, ref, run_id)
    return await taken(request, way, lambda *sent: _answer_to(request, way, *sent))


async def _answer_to(request: Request, way: Way, posted: Posted, tx: Write, passage: Passage) -> Response:
    ctx = context_of(request, passage.state.origin_wizard_id)
    if passage.state.status == "completed":
        return held_page(request, way, posted, None, await as_shown(tx, passage.state, posted))
    offer, number = await find_offer(tx, passage), text_of(posted, VERSION_FIELD)
    if offer is None:
        return await _overtaken(ctx, tx, showing(request, way, passage, ctx.clock), posted)
    change = change_of(request, way, passage, offer, ctx)
    if text_of(posted, "go") == "decline":
        return await _declined(ctx, tx, change, offer, posted)
    if number != str(offer.target.number):
        # Published again since the page was shown: what was typed stands in the newer page, and nothing is done yet.
        given = given_in(posted, change.questions, change.after.where.situation, change.after.where.answers)
        return _page(change, offer.target.number, _Sent(given, {}, status=409, again=True))
    moved = await accept_offer(ctx, tx, passage, offer)
    return await _saved(ctx, tx, replace(change, after=showing(request, way, moved, ctx.clock)), number, posted)


async def _declined(ctx: Context, tx: Write, change: Change, offer: Offer, posted: Posted) -> Response:
    """On as it was. What was typed in the meantime to a question that was there before is kept there; what only stood in the form as the
    newer version would have it was nobody's answer, and the former one stays.
    """
    passage = await decline_offer(ctx, tx, change.before.passage, offer)
    typed = _touched(change.after, change.questions, posted)
    answers = {old.id: typed[new.id] for old, new in _pairs(change) if new.id in typed and _fits(typed[new.id], old, new, ctx)}
    saved = await save_page(ctx, tx, passage, PageSaved(answers=answers))
    shown = showing(change.before.request, change.before.way, saved, ctx.clock)
    return see_other(shown.request, resume_point(shown))


def _touched(shown: Showing, questions: Sequence[OptionSet], posted: Posted) -> Mapping[str, Mapping[str, Any]]:
    """What a form says otherwise than it was shown, and not by leaving it empty."""
    bases = seen_in(posted.get(BASE_FIELD, ()))
    by_id, where = {each.id: each for each in questions}, shown.where
    given = given_in(posted, questions, where.situation, where.answers)
    wrong = issues_by_option_set(given.issues, where.structure)
    return {
        name: each
        for name, each in given.answers.items()
        if name not in wrong and each.get("value") not in (None, "", []) and fingerprint(each, by_id[name]) != bases.get(name)
    }


def _pairs(change: Change) -> Iterator[tuple[OptionSet, OptionSet]]:
    """The questions that are asked again, as they were and as they are now."""
    for each in change.asked:
        if each.old is not None and each.new is not None:
            yield each.old, each.new


def _fits(envelope: Mapping[str, Any], old: OptionSet, new: OptionSet, ctx: Context) -> bool:
    """Whether what was typed in the newer question can stand in the former one. Files are in their place already."""
    if old.selection_type != new.selection_type or old.selection_type == "file":
        return False
    return not check_value(envelope.get("value"), old, ctx.clock)


async def _overtaken(ctx: Context, tx: Write, shown: Showing, posted: Posted) -> Response:
    """The form of a window that was overtaken: there is no offer any more, since the run is on the newer version already, or since that
    was withdrawn by a later publish. What the form says on top is taken, and what another window answered otherwise is asked about.
    """
    state, number = shown.passage.state, shown_version(posted)
    if number != state.version.number:
        return await _withdrawn(tx, shown, posted, number)
    old = await last_on(tx, state)
    questions = _asked_in(shown.structure, posted)
    has_said = text_of(posted, "go") != "decline" or _touched(shown, questions, posted)
    if old is None or not has_said:
        return see_other(shown.request, resume_point(shown))
    before = showing(shown.request, shown.way, replace(shown.passage, state=old), ctx.clock)
    sides = side_of(subject_of(old), old.version.structure), side_of(subject_of(state), state.version.structure)
    changes = changes_seen(*sides, await way_of_move(tx, state, old), old.version.id)
    asked = tuple(each for each in changes if each.new is not None and each.new in questions)
    return await _saved(ctx, tx, Change(before, shown, changes, asked, 0), str(number), posted)


async def _withdrawn(tx: Write, shown: Showing, posted: Posted, number: int | None) -> Response:
    """What was typed in the questions of a version that the run never came to: taken over where it has a place, kept where it has none."""
    state = shown.passage.state
    versions = await versions_by_id(tx, state.origin_wizard_id)
    target = next((version for version in versions.values() if version.number == number), None)
    if target is None:
        return see_other(shown.request, resume_point(shown))
    # Looked at and not moved: what a plan would have to say first holds up no question besides its own.
    there = viewed(subject_of(state), state.version.structure, [prepared_by_ids(state.version, target, versions)]).run
    then = replace(state, version=target, answers=there.answers, archive=there.archive, asked=there.asked)
    before = showing(shown.request, shown.way, replace(shown.passage, state=then), context_of(shown.request, state.origin_wizard_id).clock)
    questions = [each for each in _asked_in(target.structure, posted) if each.selection_type != "file"]
    return await told_late(tx, shown.passage, (before, posted), _touched(before, questions, posted))


def _asked_in(structure: Structure, posted: Posted) -> list[OptionSet]:
    """The questions that a form showed, and that anybody may answer."""
    return [each for each in structure.option_sets if each.id in posted.get("shown", ()) and is_answered_by_hand(each) and not each.hidden]


async def _saved(ctx: Context, tx: Write, change: Change, number: str, posted: Posted) -> Response:
    """The answers to what changed, in the run as it is now: on the newer version."""
    shown = change.after
    given = given_in(posted, _asked_in(shown.structure, posted), shown.where.situation, shown.where.answers)
    given = await with_uploads(ctx, tx, shown, given, shown.request)
    merged = merged_given(given, shown.where, [str(each) for each in posted.get(BASE_FIELD, ())])
    saved = await save_page(ctx, tx, shown.passage, PageSaved(answers=merged.given.answers))
    after = showing(shown.request, shown.way, saved, ctx.clock)
    wrong = {**issues_by_option_set(issues_of(after.where), after.structure), **issues_by_option_set(given.issues, after.structure)}
    wrong = {name: each for name, each in wrong.items() if name in merged.given.typed}
    if not (wrong or merged.colliding):
        return see_other(shown.request, resume_point(after))
    by_id, situation = after.structure.option_set_by_id, after.where.situation
    others = [
        (situation.text(by_id[each].name), shown_answer(after.where.answers.get(each), by_id[each], situation)) for each in merged.colliding
    ]
    return _page(replace(change, after=after), int(number), _Sent(merged.given, wrong, others, status=409 if others else 422))
