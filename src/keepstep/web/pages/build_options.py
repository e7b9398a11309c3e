"""All options of a question as lines of text: the dialog, the comparison before anything is changed, and what applying it sends.

The comparison says of each line what becomes of its option and how many stored answers chose it, and asks of each new label of an
answered option whether it means the same: applying it needs no second question, but for answered options that are deleted at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.confirm import numbers_in
from keepstep.actions.nodes import report_of_edit
from keepstep.actions.option_lines import Meanings, listing_of, replacing_options
from keepstep.core.confirm import needs_confirmation
from keepstep.core.counts import Chosen
from keepstep.core.nodes import option_set_in
from keepstep.core.option_lines import Entry, Listing, as_lines, left_out_of, lines_in, text_of
from keepstep.core.piping import with_keys
from keepstep.core.places import mentions
from keepstep.core.structure import ChoiceFields
from keepstep.core.text import quoted
from keepstep.db.transaction import Read
from keepstep.errors import NodeNotFound, OptionValueReserved, RequestInvalid, StructureInvalid
from keepstep.queries.builder import chosen_of
from keepstep.queries.drafts import WizardDraft, get_draft, reserved_of
from keepstep.web.pages.build_acts import MEANING_OF, Sent, lines_of
from keepstep.web.pages.frame import frame_around
from keepstep.web.pages.impact_view import Place, places_of
from keepstep.web.pages.route import fields_of, page_router
from keepstep.web.rendering import in_dialog, page
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

# Of so many options each is asked about; what is said of the others is said once.
_ASKED_ONE_BY_ONE: Final = 200
_REFUSED: Final = (OptionValueReserved, RequestInvalid, StructureInvalid)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What the lines would make of the options, what is stored of each, and what applying it says along.

    `wrong`: why it cannot be applied. `reading`: by the value of an option that is deleted, what reads it. `consent`: the fields that
    confirm what was shown, where it has to be confirmed. `left_out`: cells that no option gets, each with the number of its row.
    """

    listing: Listing
    chosen: Mapping[str, Chosen]
    wrong: tuple[str, ...] = ()
    consent: Mapping[str, str] | None = None
    missing: bool = False
    reading: Mapping[str, Sequence[Place]] = field(default_factory=dict)
    left_out: Sequence[tuple[int, str]] = ()

    @cached_property
    def changing(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.listing.entries if entry.what != "kept" or entry.moved)

    @cached_property
    def staying(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.listing.entries if entry.what == "kept" and not entry.moved)

    @cached_property
    def asking(self) -> tuple[Entry, ...]:
        """The options of which somebody has to say whether the new label means the same."""
        return tuple(entry for entry in self.listing.entries if entry.reworded and entry.value in self.chosen)

    @cached_property
    def asked(self) -> frozenset[str]:
        """Those that are asked about one by one."""
        return frozenset(entry.value for entry in self.asking[:_ASKED_ONE_BY_ONE])

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many there are of each kind, for the line above the list."""
        kinds = [entry.what for entry in self.changing if entry.what != "kept"]
        moved = sum(entry.moved for entry in self.listing.entries)
        return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} | ({"moved": moved} if moved else {})


@router.get("/wizards/{wizard_ref}/build/options", name="page:build-options")
async def options(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    option_set_id: Annotated[str, Query(max_length=80)],
    lang: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """The options as lines."""
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    option_set = _choice_in(state, option_set_id)
    structure = state.draft.structure
    language = lang if lang in structure.languages else structure.default_language
    sent = Sent({"option_set_id": option_set_id, "lang": lang, "lines": _text_of(state, option_set, language), "base": state.etag})
    return await _dialog(request, tx, wizard_ref, state, sent, None)


def _text_of(state: WizardDraft, option_set: ChoiceFields, language: str) -> str:
    structure = state.draft.structure
    return with_keys(text_of(option_set, language, structure.default_language), structure)


@router.post("/wizards/{wizard_ref}/build/options", name="page:build-compare")
async def compare(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """What the lines would make of the options. Changes nothing: applying it is an edit like any other."""
    sent = Sent(await fields_of(request))
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    return await _dialog(request, tx, wizard_ref, state, sent, await _compared(visitor, tx, state, sent))


def is_several(text: str) -> bool:
    """Whether the text of a new option is more than a label: rows of a spreadsheet, or one row with a value of its own."""
    lines = lines_in(text)
    return len(lines) > 1 or any(line.value is not None for line in lines)


async def compare_with_more(request: Request, visitor: Visitor, tx: Read, wizard_ref: str, sent: Sent) -> Response:
    """The comparison of the options with further ones behind them: several rows were given where one new option is made."""
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    option_set, structure, pasted = _choice_in(state, sent.option_set_id), state.draft.structure, sent.text("label")
    language = sent.text("lang") if sent.text("lang") in structure.languages else structure.default_language
    lines = "\n".join(filter(None, (_text_of(state, option_set, language), as_lines(lines_in(pasted)))))
    given = {"option_set_id": option_set.id, "lang": sent.text("lang"), "base": state.etag, "lines": lines}
    compared = await _compared(visitor, tx, state, Sent(given))
    return await _dialog(request, tx, wizard_ref, state, Sent(given), replace(compared, left_out=left_out_of(pasted)), to_dialog=True)


async def compare_again(request: Request, visitor: Visitor, tx: Read, wizard_ref: str, sent: Sent) -> Response:
    """The comparison instead of the edit that was sent: it lacks what a new label means."""
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    compared = await _compared(visitor, tx, state, sent, missing=True)
    return await _dialog(request, tx, wizard_ref, state, sent, compared, status=409, to_dialog=True)


async def _compared(visitor: Visitor, tx: Read, state: WizardDraft, sent: Sent, *, missing: bool = False) -> Compared:
    _choice_in(state, sent.option_set_id)
    lines = lines_of(sent, state.draft.structure)
    found = listing_of(state.draft.structure, await reserved_of(tx, state.wizard.id), lines)
    chosen = await chosen_of(tx, state.wizard.id, sent.option_set_id, as_of=visitor.ctx.now)
    left = left_out_of(sent.text("lines"))
    compared = Compared(listing=found, chosen=chosen, missing=missing, reading=_reading(state, sent, found), left_out=left)
    try:
        now = await report_of_edit(visitor.ctx, tx, state.wizard.id, replacing_options(lines, Meanings(rest="same")))
    except _REFUSED as problem:
        details = [str(error["detail"]) for error in problem.errors] or [problem.detail]
        return Compared(listing=found, chosen=chosen, wrong=tuple(dict.fromkeys(details)))
    # What a new label means changes the edit, and with it what there is to confirm: then the answer asks for it.
    if compared.asking or not needs_confirmation(now.report):
        return compared
    consent = {"confirm": now.token, "counted": numbers_in(now.report.impact)}
    return replace(compared, consent=consent)


def _reading(state: WizardDraft, sent: Sent, found: Listing) -> Mapping[str, Sequence[Place]]:
    """What is left without an option once it is deleted. A retired one stays, and is read as one that nobody chooses anew."""
    gone = [entry.value for entry in found.entries if entry.what == "gone"] if sent.text("gone") == "delete" else []
    wizard = state.wizard
    structure = state.draft.structure
    named = {value: mentions(structure, sent.option_set_id, value) for value in gone[:_ASKED_ONE_BY_ONE]}
    return {value: places_of(found, wizard.slug or wizard.id) for value, found in named.items() if found}


def _choice_in(state: WizardDraft, option_set_id: str) -> ChoiceFields:
    option_set = option_set_in(state.draft.structure, option_set_id)
    if not isinstance(option_set, ChoiceFields):
        raise NodeNotFound("This question has no options.")
    return option_set


async def _dialog(
    request: Request,
    tx: Read,
    wizard_ref: str,
    state: WizardDraft,
    sent: Sent,
    compared: Compared | None,
    *,
    status: int = 200,
    to_dialog: bool = False,
) -> Response:
    """`to_dialog`: it answers what the script sent for another part of the page."""
    structure = state.draft.structure
    option_set = option_set_in(structure, sent.option_set_id)
    values: dict[str, Any] = {name: sent.text(name) for name in ("lines", "lang", "gone", "base")}
    headers = in_dialog(request) if to_dialog else {}
    return page(
        request,
        "build/options.html",
        block="dialog",
        status=status,
        headers=headers,
        wizard=state.wizard,
        ref=wizard_ref,
        **await frame_around(request, tx, state),
        option_set=option_set,
        subject=quoted(option_set.name, structure.default_language),
        compared=compared,
        said=sent.meanings,
        meaning_of=MEANING_OF,
        back=f"/wizards/{wizard_ref}/build?node={option_set.id}&pane=item",
        **values,
    )
