"""Changing members of a node that has stored answers: whether a new wording still means the same, and what a change touches, before
it is made. What was typed is kept in the dialogs until it is saved or given up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.builder_edits import edit_rebased
from keepstep.actions.confirm import Confirmable, numbers_in
from keepstep.actions.nodes import Meaning, Plan, report_of_edit, with_tried
from keepstep.actions.stored_options import STORED, with_stored_options
from keepstep.core.clock import Clock
from keepstep.core.confirm import needs_confirmation
from keepstep.core.conversion import Conversion, Tried
from keepstep.core.convert_parameters import faults_in_parameters
from keepstep.core.impact import Reported, stored_under
from keepstep.core.jsonvalue import dumps, loads
from keepstep.core.keys import free_key
from keepstep.core.piping import told
from keepstep.core.stored_options import options_of
from keepstep.core.structure import CHOICE_TYPES, OptionSet, choices_of
from keepstep.core.text import normal_text, text_in
from keepstep.db.transaction import Read
from keepstep.errors import (
    EditCollided,
    ImpactUnconfirmed,
    MeaningUnconfirmed,
    OptionValueReserved,
    Problem,
    RequestInvalid,
    StructureInvalid,
)
from keepstep.queries.drafts import WizardDraft, get_draft, reserved_of, tried_conversions
from keepstep.queries.impact import stored_counts
from keepstep.web.pages.build_view import TYPE_NAMES
from keepstep.web.pages.frame import frame_around
from keepstep.web.pages.impact import PREFIX, Asked, Way, asked_in, dialog, given_in, gone_on
from keepstep.web.pages.impact_node import Pointed, pointed_in
from keepstep.web.pages.impact_parameters import Group, groups_of, params_in
from keepstep.web.pages.impact_view import going, numbers_of, places_of, values_of
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import is_htmx, page
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()

_PATH: Final = f"{PREFIX}/change"
_MEANINGS: Final[Mapping[str, Meaning]] = {"same": "same", "different": "different"}
# Members that a question keeps whatever its type is.
_OF_ANY_TYPE: Final = frozenset({"name", "help", "key", "visible_if", "personal_data", "hidden", "retired"})
# What can be wrong with the value that a new option is to get.
_ABOUT_VALUE: Final = (OptionValueReserved, RequestInvalid, StructureInvalid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A change that is not made yet: of which node, which members, and what was said of it so far.

    `planned` and `way` are of a page that plans its edit itself and makes it when it is answered, `replanned` with other fields; else
    the members are merged here. `options_of`: what a question that has none gets its options from.
    `tried`: a form with parameters of a conversion to be tried on the stored values; `conversion`: those that were tried already.
    """

    asked: Asked
    fields: Mapping[str, Any]
    meaning: Meaning | None = None
    new_value: str = ""
    counted: str = ""
    planned: Plan | None = None
    replanned: Callable[[Mapping[str, str]], Plan] | None = None
    options_of: str = ""
    way: Way | None = None
    tried: Mapping[str, str] | None = None
    conversion: Mapping[str, Any] | None = None

    def plan(self, pointed: Pointed) -> Plan:
        if self.planned is not None:
            return self.planned
        brings = {"value": self.new_value} if self.meaning == "different" and self.new_value else {}
        changing = with_stored_options(pointed.change({**self.fields, **brings}, self.meaning), self.options_of)
        return with_tried(changing, self.conversion)

    def plan_with(self, pointed: Pointed, more: Mapping[str, str]) -> Plan:
        """What the same form would do with these fields besides; `selection_type` and `options_of` are the ones that there are."""
        if self.replanned is not None:
            return self.replanned(more)
        return replace(self, fields=self.fields_with(more), options_of=more.get("options_of", ""), conversion=None).plan(pointed)

    def fields_with(self, more: Mapping[str, str]) -> Mapping[str, Any]:
        """What another type has no place for is left out."""
        kept = self.fields if "selection_type" not in more else {name: each for name, each in self.fields.items() if name in _OF_ANY_TYPE}
        return {**kept, **{name: each for name, each in more.items() if name == "selection_type"}}

    @property
    def onward(self) -> Way:
        """Where the answers go, with everything that was typed."""
        said = {"options_of": self.options_of} if self.options_of else {}
        return self.way or self.asked.way_to("change").with_more(fields=dumps(self.fields), **said)


def pending_in(wizard_ref: str, given: Mapping[str, str]) -> Pending:
    """Raises RequestInvalid when the fields are no JSON object."""
    fields = loads(given.get("fields", "{}"))
    if not isinstance(fields, dict):
        raise RequestInvalid("`fields` is a JSON object of the members to set.")
    return Pending(
        asked=asked_in(wizard_ref, given),
        fields=fields,
        meaning=_MEANINGS.get(given.get("meaning", "")),
        new_value=given.get("new_value", ""),
        counted=given.get("counted", ""),
        conversion=_object(given.get("conversion")),
        options_of=given.get("options_of", ""),
    )


def _object(text: str | None) -> Mapping[str, Any] | None:
    found = loads(text) if text else None
    return found if isinstance(found, dict) else None


About = tuple[WizardDraft, Pointed, Confirmable]


@router.get(_PATH, name="page:impact-change")
async def change_page(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """What the change would ask, or mean; nothing is done."""
    pending = pending_in(wizard_ref, await given_in(request))
    return await _asking(request, visitor, tx, pending, status=200)


@router.post(f"{PREFIX}/conversion", name="page:impact-conversion")
async def conversion(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """What becomes of the stored values with these parameters: for htmx that part of the dialog alone, else the dialog. Nothing is done."""
    given = await given_in(request)
    pending = replace(pending_in(wizard_ref, given), tried=given)
    if not is_htmx(request):
        return await _asking(request, visitor, tx, pending, status=200)
    state, pointed, now = await _reported(visitor, tx, pending)
    values = _values_of_change(pending, (state, pointed, now), visitor.ctx.clock, {})
    return page(request, "impact/conversion_part.html", block="conversion", wizard=state.wizard, asked=pending.asked, **values)


@router.post(_PATH, name="page:impact-changing")
async def change(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """Makes the change, or gives the dialog with what it has to be asked for."""
    given = await given_in(request)
    pending = pending_in(wizard_ref, given)
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    pointed = pointed_in(state.draft.structure, pending.asked.node, pending.asked.value)
    try:
        seen = pending.asked.seen(given, state.wizard.draft_revision)
        edited = await edit_rebased(visitor.ctx, tx, wizard_ref, pending.plan(pointed), seen)
    except (ImpactUnconfirmed, MeaningUnconfirmed, EditCollided) as problem:
        return await unconfirmed(request, visitor, tx, pending, problem)
    except _ABOUT_VALUE as problem:
        if pointed.kind == "option" and pending.meaning == "different":
            return await unconfirmed(request, visitor, tx, pending, problem)
        raise
    return gone_on(request, pending.asked, edited)


async def unconfirmed(request: Request, visitor: Visitor, tx: Read, pending: Pending, problem: Problem) -> Response:
    """The dialog for a change that an action did not make: ImpactUnconfirmed, MeaningUnconfirmed, EditCollided, or a value that a
    new option cannot have. Nothing may be written before.
    """
    if isinstance(problem, EditCollided):
        return await _asking(request, visitor, tx, pending, status=409, others=problem.extra["edits"], before="")
    if isinstance(problem, MeaningUnconfirmed):
        return await _meaning(request, visitor, tx, pending)
    if isinstance(problem, _ABOUT_VALUE):
        return await _meaning(request, visitor, tx, pending, problem=problem)
    return await _report(request, visitor, tx, pending, status=409, before=pending.counted or None)


async def _asking(request: Request, visitor: Visitor, tx: Read, pending: Pending, **why: Any) -> Response:
    try:
        return await _report(request, visitor, tx, pending, **why)
    except MeaningUnconfirmed:
        return await _meaning(request, visitor, tx, pending, **why)


# --- the report ----------------------------------------------------------------------------------------------------


async def _report(request: Request, visitor: Visitor, tx: Read, pending: Pending, **why: Any) -> Response:
    about = await _reported(visitor, tx, pending)
    kept = await tried_conversions(tx, about[0].wizard.id) if "selection_type" in pending.fields else {}
    found = _values_of_change(pending, about, visitor.ctx.clock, kept)
    if found["retyped"] is not None:
        found["instead"] = await _instead(visitor, tx, pending, about, found["retyped"])
        found["lists"] = await _lists(visitor, tx, pending, about, found["retyped"])
    return _shown(request, pending, about, {**found, **await frame_around(request, tx, about[0])}, **why)


@dataclass(frozen=True, slots=True)
class Instead:
    """A type that the answers can be kept in: its name, what becomes of them by the same count, and what the form that takes it holds.
    Where that leaves nothing open, the form confirms it as well: it was counted here.
    """

    type_name: str
    converted: int
    conflicts: int
    needs: bool
    held: Sequence[tuple[str, str]]


_KEEPING: Final = ("text_input", "textarea")


async def _instead(visitor: Visitor, tx: Read, pending: Pending, about: About, retyped: Reported) -> Sequence[Instead] | None:
    """Where answers would wait for a person: the types of text that keep more of them, the shorter one alone where it keeps all. None
    where the change as it is leaves none behind.
    """
    state, pointed, _ = about
    preview = retyped.preview
    if preview is None or not preview.conflicts or not isinstance(pointed.owner, OptionSet):
        return None
    found: list[Instead] = []
    for wanted in _KEEPING:
        if wanted in (pointed.owner.selection_type, pending.fields["selection_type"]) or (found and not found[0].conflicts):
            continue
        more = {"selection_type": wanted}
        told = await report_of_edit(visitor.ctx, tx, state.wizard.id, pending.plan_with(pointed, more))
        kept = next((each.preview for each in told.report.changes if each.preview is not None), None)
        if kept is not None and (kept.conversion.needs or kept.conflicts < preview.conflicts):
            settles = not kept.conversion.needs and not kept.conflicts
            held = _held_with(pending, more, state.wizard.draft_revision, told if settles else None)
            found.append(Instead(TYPE_NAMES[wanted], kept.converted, kept.conflicts, bool(kept.conversion.needs), held))
    return found


@dataclass(frozen=True, slots=True)
class Lists:
    """A question that is to be chosen from and has no options. `options`: how many its stored answers would make, by the form that holds
    `held`; 0 where they make no list.
    """

    options: int = 0
    held: Sequence[tuple[str, str]] = ()


async def _lists(visitor: Visitor, tx: Read, pending: Pending, about: About, retyped: Reported) -> Lists | None:
    """None where the new type has options already, or none at all."""
    state, pointed, _ = about
    preview = retyped.preview
    if preview is None or preview.conversion.target.selection_type not in CHOICE_TYPES or choices_of(preview.conversion.target):
        return None
    structure = state.draft.structure
    used = (await reserved_of(tx, state.wizard.id)).values.get(pointed.id, frozenset())
    made = options_of(retyped.impact.distinct, structure.languages, structure.default_language, used)
    if made is None or preview.conversion.rule not in _BY_LABEL or preview.conversion.source.personal_data:
        return Lists()
    more = {"options_of": STORED}
    told = await report_of_edit(visitor.ctx, tx, state.wizard.id, pending.plan_with(pointed, more))
    kept = next((each.preview for each in told.report.changes if each.preview is not None), None)
    if kept is None or kept.conflicts:
        return Lists()
    return Lists(len(made), _held_with(pending, more, state.wizard.draft_revision, told))


# The rules by which a text names the option that is labelled so.
_BY_LABEL: Final = (3, 4)


def _held_with(pending: Pending, more: Mapping[str, str], base: int, told: Confirmable | None) -> Sequence[tuple[str, str]]:
    """What the same form would have held with these fields. `told`: what was counted of it, to be confirmed along with it."""
    held = {**dict(pending.onward.held), **more, "base": str(base)}
    if "fields" in held:
        held["fields"] = dumps(pending.fields_with(more))
    if pending.meaning:
        held["meaning"] = pending.meaning
    if told is not None:
        held |= {"confirm": told.token, "counted": numbers_in(told.report.impact)}
    return list(held.items())


async def _reported(visitor: Visitor, tx: Read, pending: Pending) -> About:
    state, pointed = await _pointed(visitor, tx, pending.asked)
    return state, pointed, await report_of_edit(visitor.ctx, tx, state.wizard.id, pending.plan(pointed))


def _values_of_change(pending: Pending, about: About, clock: Clock, kept: Tried) -> dict[str, Any]:
    """The stored values that the change is about; of another type with what becomes of each, and the form of its parameters, in which
    stands what was `kept` of an earlier try.
    """
    state, pointed, now = about
    owner = pointed.owner if isinstance(pointed.owner, OptionSet) else None
    retyped = next((each for each in now.report.changes if each.preview is not None), None)
    language = state.draft.structure.default_language
    if retyped is None or retyped.preview is None or owner is None:
        values = values_of(now.report.impact, owner, language) if owner else None
        return {"retyped": None, "values": values, "parameters": (), "faults": ()}
    conversion = retyped.preview.conversion
    given = _given(pending, conversion, kept)
    faults = faults_in_parameters(conversion, given, clock) if pending.tried is not None else ()
    if not faults:
        retyped = retyped.tried_with(given, clock)
    groups = _groups(retyped, given)
    return {
        "retyped": retyped,
        "values": values_of(retyped.impact, owner, language, retyped),
        "parameters": groups,
        "faults": faults,
        "fields": dumps(pending.fields),
        "going": going(owner, conversion.target, language),
        "conversion": dumps(given) if given and not faults_in_parameters(conversion, given, clock) else "",
        "is_written": _asks_of_texts(groups, conversion),
    }


def _asks_of_texts(groups: Sequence[Group], conversion: Conversion) -> bool:
    """Whether a table of the form is about what respondents wrote, which is kept nowhere else."""
    tables = {group.name for group in groups}
    by_code = conversion.source.selection_type in (*CHOICE_TYPES, "boolean")
    return "others" in tables or (not by_code and bool(tables & {"options", "values"}))


def _groups(retyped: Reported, given: Mapping[str, Any]) -> Sequence[Group]:
    """The form of parameters. Ranges are asked for only where a number has no option: how answers are read may be wrong of any of them."""
    preview = retyped.preview
    if preview is None:
        return ()
    groups = groups_of(preview.conversion, given, retyped.impact.distinct)
    spares = not preview.conflicts and "buckets" not in given
    return [group for group in groups if not (spares and group.name == "buckets")]


def _given(pending: Pending, conversion: Conversion, kept: Tried) -> Mapping[str, Any]:
    """What is typed, was tried, or was tried before; what suggests itself only where nothing converts without parameters."""
    if pending.tried is not None:
        return params_in(pending.tried, conversion)
    source, target = conversion.source, conversion.target
    known: Tried = kept
    if pending.conversion:
        known = {(source.id, source.selection_type, target.selection_type): pending.conversion}
    return conversion.taken_up(known) or (conversion.suggestions if conversion.needs else {})


async def _pointed(visitor: Visitor, tx: Read, asked: Asked) -> tuple[WizardDraft, Pointed]:
    state = await get_draft(tx, visitor.actor, asked.wizard_ref, "edit")
    return state, pointed_in(state.draft.structure, asked.node, asked.value)


def _shown(
    request: Request,
    pending: Pending,
    about: About,
    found: Mapping[str, Any],
    *,
    status: int = 200,
    before: str | None = None,
    others: Any = (),
) -> Response:
    """`before` and `others` as in the dialog of a deletion."""
    state, pointed, now = about
    impact = now.report.impact
    said = {"meaning": pending.meaning, "new_value": pending.new_value} if pending.meaning else {}
    shown = {} if before else {"counted": numbers_in(impact)}
    return dialog(
        request,
        "impact/change.html",
        status=status,
        wizard=state.wizard,
        asked=pending.asked,
        node=pointed,
        back=pending.asked.back,
        report=now.report,
        counts=numbers_of(impact, state.wizard.active_version_number),
        asks=needs_confirmation(now.report),
        **found,
        places=places_of(impact.mentions, pending.asked.wizard_ref),
        way=pending.onward.with_more(base=str(state.wizard.draft_revision), confirm=now.token, **said, **shown),
        before=before,
        others=others,
    )


# --- the same meaning? -----------------------------------------------------------------------------------------------


async def _meaning(
    request: Request,
    visitor: Visitor,
    tx: Read,
    pending: Pending,
    *,
    status: int = 409,
    problem: Problem | None = None,
    before: str | None = None,
    others: Any = (),
) -> Response:
    state, pointed = await _pointed(visitor, tx, pending.asked)
    wanted = {item.id for item in pointed.option_sets}
    counts = await stored_counts(tx, state.wizard.id, wanted, as_of=visitor.ctx.now)
    impact = stored_under(counts, wanted, pending.asked.value)
    proposed = pending.new_value or await _free_value(tx, state, pointed, pending)
    return dialog(
        request,
        "impact/meaning.html",
        status=status,
        wizard=state.wizard,
        asked=pending.asked,
        node=pointed,
        back=pending.asked.back,
        counts=numbers_of(impact, state.wizard.active_version_number),
        wordings=_wordings(pointed, pending, state),
        more=sorted(pending.fields.keys() - {pointed.label_member, "value"}),
        way=pending.onward.with_more(base=str(state.wizard.draft_revision)),
        new_value=proposed,
        problem=problem,
        before=before,
        others=others,
        **await frame_around(request, tx, state),
    )


def _wordings(pointed: Pointed, pending: Pending, state: WizardDraft) -> list[tuple[str, str, str]]:
    """Language, old and new text of each language whose wording changes; the language is "" where there is one only."""
    structure = state.draft.structure
    new = normal_text(pending.fields.get(pointed.label_member), structure.languages, structure.default_language)
    old = pointed.label
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return [("", told(old, structure), told(new, structure) if isinstance(new, str | dict) else "")]
    changed = [language for language in structure.languages if old.get(language) != new.get(language)]
    return [(language, str(old.get(language, "")), str(new.get(language, ""))) for language in changed]


async def _free_value(tx: Read, state: WizardDraft, pointed: Pointed, pending: Pending) -> str:
    """A value for the option that would be added, spelled like its label, that no option of the set ever had."""
    if pointed.kind != "option" or not isinstance(pointed.owner, OptionSet):
        return ""
    structure = state.draft.structure
    label = normal_text(pending.fields.get("label"), structure.languages, structure.default_language)
    taken = {option.value for option in choices_of(pointed.owner)}
    taken |= (await reserved_of(tx, state.wizard.id)).values.get(pointed.id, frozenset())
    default = structure.default_language
    return free_key(text_in(label, default, default) if isinstance(label, str | dict) else "", taken, "option")
