"""What people do to one step, option set or option of a draft. Each is one edit, found and authorised through the node's wizard.

Deletions and changes of what answers must be like ask at the edit when they touch stored answers; a new label asks whether
it means the same (semantics 13, 19). Moving, retiring and restoring never ask.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from keepstep.actions.confirm import Confirmable, Consent, confirmable, counted_report, require_confirmed, require_counted
from keepstep.actions.context import Context
from keepstep.actions.drafts import Edited, Made, check_draft_seen, draft_to_edit, store_edit
from keepstep.actions.new_nodes import new_option, new_option_set, new_step
from keepstep.core import edits as e
from keepstep.core.confirm import needs_confirmation
from keepstep.core.convert import rule_for
from keepstep.core.convert_parameters import faults_in_parameters, lasting
from keepstep.core.counts import Tally, total
from keepstep.core.edit import apply
from keepstep.core.edits import Edit, to_json
from keepstep.core.issue import Issue, to_errors
from keepstep.core.keys import Reserved, following_key, free_key, owners_of_keys
from keepstep.core.nodes import option_in, option_set_in
from keepstep.core.permissions import require
from keepstep.core.structure import Structure
from keepstep.core.text import Text, normal_text, text_in
from keepstep.db.transaction import Read, Write
from keepstep.errors import IdConflict, IdTaken, MeaningUnconfirmed, RequestInvalid
from keepstep.queries.drafts import WizardDraft, find_adding, get_draft, owners_of, reserved_of
from keepstep.queries.impact import stored_counts

Meaning = Literal["same", "different"]


@dataclass(frozen=True, slots=True)
class Known:
    """What planning an edit may look at: the draft, and what the wizard ever used."""

    state: WizardDraft
    reserved: Reserved


Plan = Callable[[Context, Read, Known], Awaitable[Edit]]
"""The edit for the draft as it is now: ids and keys made, meaning settled."""

# The edits that take answers away from where they were, or change which answers fit.
_ASKING: Final = (
    e.DeleteStep,
    e.DeleteOptionSet,
    e.DeleteOption,
    e.ChangeStep,
    e.ChangeOptionSet,
    e.ChangeOption,
    e.RestoreFromVersion,
)


# --- make an edit --------------------------------------------------------------------------------------------------


async def edit_node(ctx: Context, tx: Write, wizard_id: str, plan: Plan, consent: Consent) -> Edited:
    """The draft with the planned edit. Raises ImpactUnconfirmed, MeaningUnconfirmed, Stale, and what `core.edit.apply` raises."""
    state = await draft_to_edit(ctx, tx, wizard_id)
    await check_draft_seen(tx, state, consent.seen)
    known = Known(state, await reserved_of(tx, wizard_id))
    made = _made(known, await plan(ctx, tx, known))
    if not isinstance(made.edit, _ASKING):
        return await store_edit(ctx, tx, state, made)
    now = await _report(ctx, tx, state, made)
    if needs_confirmation(now.report):
        require_confirmed(ctx, now, consent.confirm)
        require_counted(now, consent.counted)
    return replace(await store_edit(ctx, tx, state, made), report=now.report)


async def report_of_edit(ctx: Context, tx: Read, wizard_id: str, plan: Plan) -> Confirmable:
    """What `edit_node` would touch, with the token that it takes; nothing changes."""
    state = await get_draft(tx, ctx.actor, wizard_id, "edit")
    known = Known(state, await reserved_of(tx, wizard_id))
    return await _report(ctx, tx, state, _made(known, await plan(ctx, tx, known)))


def _made(known: Known, edit: Edit) -> Made:
    return Made(edit, apply(known.state.draft, edit, known.reserved))


async def _report(ctx: Context, tx: Read, state: WizardDraft, made: Made) -> Confirmable:
    report = await counted_report(ctx, tx, state.wizard.id, old=state.draft.structure, new=made.applied.draft.structure)
    # What was tried changes nothing that is counted: it may still be tried after the report.
    asked = {name: value for name, value in to_json(made.edit).items() if name != "conversion"}
    return confirmable(ctx, state.wizard, ("edit", asked), report)


def fixed(edit: Edit) -> Plan:
    """The plan of an edit that needs to know nothing."""

    async def plan(_ctx: Context, _tx: Read, _known: Known) -> Edit:
        return edit

    return plan


def bringing_back(is_present: Callable[[Structure], bool], unretire: Edit, restore: Edit) -> Plan:
    """A node that is in the draft comes back from retirement, one that is not from the shelf."""

    async def plan(_ctx: Context, _tx: Read, known: Known) -> Edit:
        return unretire if is_present(known.state.draft.structure) else restore

    return plan


# --- add -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """A node to add, as the client sent it. `parent`: the wizard's id for a step, else the step's or the option set's."""

    kind: Literal["step", "option_set", "option"]
    parent: str
    node: Mapping[str, Any]
    position: int | None = None

    @property
    def identity(self) -> str | None:
        """What makes the request idempotent: the id that it gives, or an option's value."""
        given = self.node.get("value" if self.kind == "option" else "id")
        return given if isinstance(given, str) else None


@dataclass(frozen=True, slots=True)
class Added:
    """The draft with the node, whose id (an option's value) is `identity`. `created`: this request added it, not one before."""

    edited: Edited
    identity: str
    created: bool


async def add_node(ctx: Context, tx: Write, wizard_id: str, adding: Adding, consent: Consent) -> Added:
    """The draft with the node added; or as it is, when this very request added the node before (then without a precondition)."""
    state = await draft_to_edit(ctx, tx, wizard_id)
    if adding.identity is not None and await _was_added(ctx, tx, state, adding):
        return Added(Edited(state=state, name=None), adding.identity, created=False)
    edited = await edit_node(ctx, tx, wizard_id, _adding(adding), consent)
    return Added(edited, _added_identity(edited, adding), created=True)


def _added_identity(edited: Edited, adding: Adding) -> str:
    made = edited.edit
    assert isinstance(made, e.AddStep | e.AddOptionSet | e.AddOption)  # what `_adding` plans; adding always changes the draft
    return str(made.node["value" if adding.kind == "option" else "id"])


async def _was_added(ctx: Context, tx: Read, state: WizardDraft, adding: Adding) -> bool:
    identity, structure = adding.identity or "", state.draft.structure
    if adding.kind != "option":
        owner = (await owners_of(tx, {identity})).get(identity)
        if owner is not None and owner.wizard_id != state.wizard.id:
            require(ctx.actor, "edit", owner.wizard_id)
            raise IdTaken(f"{identity} belongs to another wizard; use a new id.")
    if not _is_present(structure, adding, identity):
        return False
    former = await find_adding(tx, state.wizard.id, identity, adding.parent if adding.kind == "option" else None)
    same = former is not None and covers(former, _as_edit(adding))
    if not same and adding.kind != "option":
        raise IdConflict(f"Something else is stored under {identity}; use a new id.")
    return same


def _is_present(structure: Structure, adding: Adding, identity: str) -> bool:
    if adding.kind == "option":
        option_set = structure.option_set_by_id.get(adding.parent)
        return identity in getattr(option_set, "option_by_value", {})
    return identity in (structure.step_by_id if adding.kind == "step" else structure.option_set_by_id)


def _as_edit(adding: Adding) -> dict[str, Any]:
    parents = {"step": {}, "option_set": {"step_id": adding.parent}, "option": {"option_set_id": adding.parent}}
    return {"node": dict(adding.node), "position": adding.position} | parents[adding.kind]


def covers(stored: Any, given: Any) -> bool:
    """Whether everything that was given stands in what was stored; what was left out was made by the server."""
    if isinstance(given, Mapping):
        return isinstance(stored, Mapping) and all(name in stored and covers(stored[name], value) for name, value in given.items())
    if isinstance(given, list):
        return isinstance(stored, list) and len(stored) == len(given) and all(map(covers, stored, given))
    return type(stored) is type(given) and bool(stored == given)


def _adding(adding: Adding) -> Plan:
    async def plan(ctx: Context, _tx: Read, known: Known) -> Edit:
        draft, reserved = known.state.draft, known.reserved
        match adding.kind:
            case "step":
                return e.AddStep(node=new_step(adding.node, draft, reserved, ctx.make_id), position=adding.position)
            case "option_set":
                node = new_option_set(adding.node, draft, reserved, ctx.make_id)
                return e.AddOptionSet(step_id=adding.parent, node=node, position=adding.position)
            case "option":
                node = new_option(adding.node, adding.parent, draft, reserved)
                return e.AddOption(option_set_id=adding.parent, node=node, position=adding.position)

    return plan


# --- change --------------------------------------------------------------------------------------------------------


def changing_step(step_id: str, fields: Mapping[str, Any]) -> Plan:
    """A step has no answers of its own, so a new title never asks what it means."""
    return fixed(e.ChangeStep(step_id=step_id, fields=dict(fields)))


def changing_option_set(option_set_id: str, fields: Mapping[str, Any], meaning: Meaning | None) -> Plan:
    """The fields merged; with another meaning, the option set retired and a new one behind it: also where the new type is one that its
    answers should not be converted to.
    """

    async def plan(ctx: Context, tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        option_set = option_set_in(structure, option_set_id)
        if meaning == "different" and fields.get("selection_type", option_set.selection_type) != option_set.selection_type:
            return _splitting(ctx, known, option_set_id, {"name": option_set.name, **fields})
        if not is_relabelled(option_set.name, fields.get("name"), structure):
            return e.ChangeOptionSet(option_set_id=option_set_id, fields=dict(fields))
        tallies = await _stored(ctx, tx, known, option_set_id)
        if settled(meaning, tallies, "question") == "same":
            return e.ChangeOptionSet(option_set_id=option_set_id, fields=dict(fields))
        return _splitting(ctx, known, option_set_id, fields)

    return plan


def _splitting(ctx: Context, known: Known, option_set_id: str, fields: Mapping[str, Any]) -> Edit:
    draft = known.state.draft
    language = draft.structure.default_language
    name = text_in(normal_text(fields["name"], draft.structure.languages, language), language, language)
    taken = owners_of_keys(draft.structure, draft.shelf, known.reserved)
    key = fields.get("key") or free_key(name, taken, "question")
    return e.SplitOptionSet(option_set_id=option_set_id, new_id=ctx.make_id(), new_key=key, fields=dict(fields))


def changing_option(option_set_id: str, value: str, fields: Mapping[str, Any], meaning: Meaning | None) -> Plan:
    """The fields merged; with another meaning, the option retired and a new one, with the `value` given, behind it."""

    async def plan(ctx: Context, tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        option = option_in(option_set_in(structure, option_set_id), value)
        own = {name: given for name, given in fields.items() if name != "value" or given != value}
        if not is_relabelled(option.label, fields.get("label"), structure):
            return e.ChangeOption(option_set_id=option_set_id, value=value, fields=own)
        chosen = await answered_options(ctx, tx, known, option_set_id, {value})
        if settled(meaning, chosen, "option") == "same":
            return e.ChangeOption(option_set_id=option_set_id, value=value, fields=own)
        return _splitting_option(option_set_id, value, own)

    return plan


def _splitting_option(option_set_id: str, value: str, fields: Mapping[str, Any]) -> Edit:
    new_value = fields.get("value")
    if not isinstance(new_value, str):
        detail = "With another meaning the option gets a value of its own: give the new `value`, too."
        raise RequestInvalid(detail, errors=to_errors((Issue("/value", "missing", detail),)))
    rest = {name: given for name, given in fields.items() if name != "value"}
    return e.SplitOption(option_set_id=option_set_id, value=value, new_value=new_value, fields=rest)


async def answered_options(ctx: Context, tx: Read, known: Known, option_set_id: str, values: Collection[str]) -> tuple[Tally, ...]:
    """The stored answers that chose any of these options."""
    return tuple(tally for tally in await _stored(ctx, tx, known, option_set_id) if any(_holds(tally, value) for value in values))


def _holds(tally: Tally, value: str) -> bool:
    return tally.value == value or (isinstance(tally.value, list) and value in tally.value)


def is_relabelled(old: Text, new: Any, structure: Structure) -> bool:
    """Whether a wording that people have seen is another one now. A translation that is only added is not."""
    if new is None:
        return False
    before, after = (_by_language(text, structure) for text in (old, normal_text(new, structure.languages, structure.default_language)))
    return any(after.get(language, wording) != wording for language, wording in before.items())


def with_following_key(plan: Plan) -> Plan:
    """For whoever edits by hand: the key of a question that was never published follows its name, unless somebody gave it one."""

    async def planned(ctx: Context, tx: Read, known: Known) -> Edit:
        edit = await plan(ctx, tx, known)
        draft = known.state.draft
        if not isinstance(edit, e.ChangeOptionSet) or "name" not in edit.fields or "key" in edit.fields:
            return edit
        default = draft.structure.default_language
        name = text_in(normal_text(edit.fields["name"], draft.structure.languages, default), default, default)
        owners = owners_of_keys(draft.structure, draft.shelf, known.reserved)
        option_set = option_set_in(draft.structure, edit.option_set_id)
        return edit.model_copy(update={"rekey": following_key(option_set, name, default, owners, known.reserved)})

    return planned


def with_tried(plan: Plan, tried: Mapping[str, Any] | None) -> Plan:
    """The plan of a change of type with the parameters that were tried on the stored answers, as far as they may be kept.

    Raises RequestInvalid for parameters that mean nothing to this conversion.
    """

    async def planned(ctx: Context, tx: Read, known: Known) -> Edit:
        edit = await plan(ctx, tx, known)
        if not tried or not isinstance(edit, e.ChangeOptionSet) or "selection_type" not in edit.fields:
            return edit
        structure = known.state.draft.structure
        source = option_set_in(structure, edit.option_set_id)
        target = option_set_in(apply(known.state.draft, edit, known.reserved).draft.structure, edit.option_set_id)
        conversion = rule_for(source, target, language=structure.default_language)
        if faults := faults_in_parameters(conversion, tried, ctx.clock):
            raise RequestInvalid(faults[0].detail, errors=to_errors(faults))
        kept = {"from": source.selection_type, "params": lasting(conversion, tried)}
        return edit.model_copy(update={"conversion": kept if kept["params"] else None})

    return planned


def _by_language(text: Any, structure: Structure) -> Mapping[str, Any]:
    return text if isinstance(text, Mapping) else {structure.default_language: text}


async def _stored(ctx: Context, tx: Read, known: Known, option_set_id: str) -> tuple[Tally, ...]:
    counts = await stored_counts(tx, known.state.wizard.id, {option_set_id}, as_of=ctx.now)
    return counts.answers.get(option_set_id, ())


def _counted(answers: int) -> str:
    return "1 stored answer was" if answers == 1 else f"{answers} stored answers were"


def settled(meaning: Meaning | None, tallies: tuple[Tally, ...], what: str) -> Meaning:
    """What the new label means. Without stored answers, trashed runs included, there is nothing that it could mean otherwise."""
    if not tallies:
        return "same"
    if meaning is None:
        live, all_of_them = total(tallies), sum(tally.count for tally in tallies)
        raise MeaningUnconfirmed(
            f"{_counted(all_of_them)} given under the old label of this {what}. Say `meaning`: `same` when only the wording "
            "changes, `different` to retire it and add a new one.",
            answers=live,
            trashed=all_of_them - live,
        )
    return meaning
