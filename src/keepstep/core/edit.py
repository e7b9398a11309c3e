"""A draft after an edit: the new structure, what the edit is called, and the way back.

Must not know who edits or when.
"""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final, assert_never

from keepstep.core import edits as e
from keepstep.core.edit_name import name_of
from keepstep.core.edits import Draft, Edit
from keepstep.core.issue import Issue, to_errors
from keepstep.core.keys import (
    NOTHING_RESERVED,
    Reserved,
    aliases_after,
    check_key_owners,
    check_keys,
    check_values,
    owners_of_keys,
    reserved_value,
)
from keepstep.core.languages import relocalised
from keepstep.core.nodes import (
    inserted,
    label_of,
    option_in,
    option_set_in,
    replaced,
    step_in,
    with_members,
    with_option_set,
    with_options,
    with_step,
    with_steps,
    without,
)
from keepstep.core.retype import retyped
from keepstep.core.revert import Revert, revert_to, reverted_shelf, reverted_structure
from keepstep.core.shelf import NodeKind, Shelved, option_id, shelf_after, shelved_option_sets
from keepstep.core.structure import ChoiceFields, Option, OptionSet, Step, Structure, dump, parse, parse_option_set, parse_step
from keepstep.core.wording import TYPE_NAMES
from keepstep.errors import IdConflict, NodeNotFound, StructureInvalid

_WIZARD_MEMBERS: Final = frozenset({"name", "description", "languages", "default_language", "endings", "presentation"})
_UNDO: Final = "Undo: "
# These bring back what the wizard had; a value once used is then its own again.
_BRINGS_BACK: Final = (Revert, e.RestoreStep, e.RestoreOptionSet, e.RestoreFromVersion, e.RestoreOption, e.FollowVersion)


@dataclass(frozen=True, slots=True)
class Applied:
    """The draft after an edit, the edit that leads back, and a sentence for the undo menu ("Retire option “Red”")."""

    draft: Draft
    inverse: Edit
    name: str


def apply(draft: Draft, edit: Edit, reserved: Reserved = NOTHING_RESERVED) -> Applied:
    """The draft with the edit made. `apply(result.draft, result.inverse).draft == draft`.

    `reserved` holds keys and option values that the wizard once used. Raises NodeNotFound, StructureInvalid, KeyReserved,
    OptionValueReserved and IdConflict, each saying what to do.
    """
    name = name_of(draft, edit)
    owners = owners_of_keys(draft.structure, draft.shelf, reserved)
    # Before anything else: a structure with the same key twice would be refused as such, and not say whose key it is.
    check_key_owners(dict(_given_keys(edit)), owners)
    _check_new_value(draft, edit, reserved)
    after = _draft_after(draft, edit)
    if not isinstance(edit, Revert | e.FollowVersion):
        check_keys(draft.structure, after.structure, owners)
    if not isinstance(edit, _BRINGS_BACK):
        check_values(draft.structure, after.structure, draft.shelf, reserved)
    back = name.removeprefix(_UNDO) if name.startswith(_UNDO) else _UNDO + name
    return Applied(after, revert_to(draft, after, back, moved=e.touches(edit)), name)


def _given_keys(edit: Edit) -> Iterator[tuple[Any, Any]]:
    """Each key that the edit gives, not yet known to be one, with the option set that it gives it to."""
    if isinstance(edit, e.AddOptionSet):
        yield edit.node.get("key"), edit.node.get("id")
    elif isinstance(edit, e.ChangeOptionSet):
        yield edit.fields.get("key"), edit.option_set_id
        yield edit.rekey, edit.option_set_id
    elif isinstance(edit, e.SplitOptionSet):
        yield edit.new_key, edit.new_id
    elif isinstance(edit, e.RestoreFromVersion):
        yield edit.node.get("key"), edit.option_set_id


def _draft_after(draft: Draft, edit: Edit) -> Draft:
    if isinstance(edit, Revert):
        return Draft(reverted_structure(draft.structure, edit), reverted_shelf(draft.shelf, edit))
    start = _off_the_shelf(draft, edit) if isinstance(edit, e.RestoreFromVersion) else draft
    structure = _revised(start, edit)
    return Draft(structure, shelf_after(start.shelf, start.structure, structure))


def _off_the_shelf(draft: Draft, edit: e.RestoreFromVersion) -> Draft:
    """The draft with the option set as it was deleted: what its older form does not have goes back to the shelf, and is not lost."""
    node = next((node for node in shelved_option_sets(draft.shelf) if node["id"] == edit.option_set_id), None)
    if node is None or edit.option_set_id in draft.structure.option_set_by_id:
        return draft
    structure = _with_new_option_set(draft.structure, edit.step_id or "", node, edit.position)
    return Draft(structure, shelf_after(draft.shelf, draft.structure, structure))


StepEdit = e.OfStep | e.AddStep
OptionSetEdit = (
    e.ChangeOptionSet
    | e.MoveOptionSet
    | e.RetireOptionSet
    | e.UnretireOptionSet
    | e.DeleteOptionSet
    | e.RestoreOptionSet
    | e.RestoreFromVersion
    | e.SplitOptionSet
    | e.AddOptionSet
)
WholeEdit = e.ChangeWizard | e.ReplaceStructure | e.FollowVersion


def _revised(draft: Draft, edit: StepEdit | OptionSetEdit | e.OfOption | e.AddOption | WholeEdit) -> Structure:
    if isinstance(edit, StepEdit):
        return _steps_revised(draft, edit)
    if isinstance(edit, OptionSetEdit):
        return _option_sets_revised(draft, edit)
    if isinstance(edit, WholeEdit):
        return _whole_revised(draft, edit)
    return _options_revised(draft, edit)


# --- steps ---------------------------------------------------------------------------------------------------------


def _steps_revised(draft: Draft, edit: StepEdit) -> Structure:
    structure = draft.structure
    match edit:
        case e.AddStep():
            _check_new(draft, edit.node)
            return _with_new_step(structure, edit.node, edit.position)
        case e.ChangeStep():
            _refuse(edit.fields, {"id", "option_sets"}, "a step's id never changes, and its option sets have edits of their own")
            return with_step(structure, edit.step_id, edit.fields)
        case e.MoveStep():
            step = step_in(structure, edit.step_id)
            return with_steps(structure, inserted(without(structure.steps, step), step, edit.position))
        case e.RetireStep():
            return with_step(structure, edit.step_id, {"retired": True})
        case e.UnretireStep():
            return with_step(structure, edit.step_id, {"retired": False})
        case e.DeleteStep():
            return with_steps(structure, without(structure.steps, step_in(structure, edit.step_id)))
        case e.RestoreStep():
            shelved = _shelved(draft, edit.step_id, "step")
            return _with_new_step(structure, shelved.node, shelved.position if edit.position is None else edit.position)
        case _:
            assert_never(edit)


def _with_new_step(structure: Structure, node: Mapping[str, Any], position: int | None) -> Structure:
    step = parse_step(node, structure.languages, structure.default_language)
    return with_steps(structure, inserted(structure.steps, step, position))


# --- option sets ---------------------------------------------------------------------------------------------------


def _option_sets_revised(draft: Draft, edit: OptionSetEdit) -> Structure:
    structure = draft.structure
    match edit:
        case e.AddOptionSet():
            _check_new(draft, edit.node)
            return _with_new_option_set(structure, edit.step_id, edit.node, edit.position)
        case e.ChangeOptionSet():
            _refuse(edit.fields, {"id"}, "an option set's id never changes: answers are stored under it")
            return with_option_set(structure, edit.option_set_id, lambda item: _changed(structure, item, edit))
        case e.MoveOptionSet():
            return _with_moved_option_set(structure, edit)
        case e.RetireOptionSet():
            return with_option_set(structure, edit.option_set_id, lambda item: _merged(structure, item, {"retired": True}))
        case e.UnretireOptionSet():
            return with_option_set(structure, edit.option_set_id, lambda item: _merged(structure, item, {"retired": False}))
        case e.DeleteOptionSet():
            return _without_option_set(structure, edit.option_set_id)
        case e.RestoreOptionSet():
            shelved = _shelved(draft, edit.option_set_id, "option_set")
            position = shelved.position if edit.position is None else edit.position
            return _with_new_option_set(structure, edit.step_id or _former_step(draft, shelved), shelved.node, position)
        case e.RestoreFromVersion():
            return _with_former_option_set(structure, edit)
        case e.SplitOptionSet():
            return _with_split_option_set(draft, edit)
        case _:
            assert_never(edit)


def _with_new_option_set(structure: Structure, step_id: str, node: Mapping[str, Any], position: int | None) -> Structure:
    option_set = parse_option_set(node, structure.languages, structure.default_language)
    return with_step(structure, step_id, {"option_sets": inserted(step_in(structure, step_id).option_sets, option_set, position)})


def _former_step(draft: Draft, shelved: Shelved) -> str:
    """The step that it lay in. Raises NodeNotFound, naming it, where that was deleted as well."""
    step_id = shelved.parents[-1]
    if step_id in draft.structure.step_by_id:
        return step_id
    around = draft.shelved.get(step_id)
    named = f"“{around.name}”" if around is not None else "that it stood in"
    raise NodeNotFound(
        f"The step {named} was deleted as well: restore it from the shelf first, or say which step “{shelved.name}” goes to."
    )


def _without_option_set(structure: Structure, option_set_id: str) -> Structure:
    option_set = option_set_in(structure, option_set_id)
    step = structure.step_of[option_set_id]
    return with_step(structure, step.id, {"option_sets": without(step.option_sets, option_set)})


def _with_moved_option_set(structure: Structure, edit: e.MoveOptionSet) -> Structure:
    option_set = option_set_in(structure, edit.option_set_id)
    target = step_in(structure, edit.step_id or structure.step_of[option_set.id].id)
    left = _without_option_set(structure, option_set.id)
    return with_step(left, target.id, {"option_sets": inserted(left.step_by_id[target.id].option_sets, option_set, edit.position)})


def _merged(structure: Structure, option_set: OptionSet, fields: Mapping[str, Any]) -> OptionSet:
    changed = parse_option_set(retyped(option_set, fields), structure.languages, structure.default_language)
    return _with_aliases(option_set, changed)


def _changed(structure: Structure, option_set: OptionSet, edit: e.ChangeOptionSet) -> OptionSet:
    changed = _merged(structure, option_set, edit.fields)
    if edit.rekey is None:
        return changed
    return parse_option_set(dump(changed) | {"key": edit.rekey}, structure.languages, structure.default_language)


def _with_aliases(old: OptionSet, new: OptionSet) -> OptionSet:
    aliases = aliases_after(old, new)
    return new if aliases == new.key_aliases else new.model_copy(update={"key_aliases": aliases})


def _with_former_option_set(structure: Structure, edit: e.RestoreFromVersion) -> Structure:
    if edit.option_set_id not in structure.option_set_by_id:
        return _with_new_option_set(structure, edit.step_id or "", edit.node, edit.position)
    former = parse_option_set(edit.node, structure.languages, structure.default_language)
    return with_option_set(structure, edit.option_set_id, lambda item: _with_aliases(item, former))


def _with_split_option_set(draft: Draft, edit: e.SplitOptionSet) -> Structure:
    structure = draft.structure
    old = option_set_in(structure, edit.option_set_id)
    node = retyped(old, edit.fields) | {"id": edit.new_id, "key": edit.new_key, "key_aliases": [], "retired": False}
    _check_new(draft, node)
    retired = with_option_set(structure, old.id, lambda item: _merged(structure, item, {"retired": True}))
    step = retired.step_of[old.id]
    behind = step.option_sets.index(retired.option_set_by_id[old.id]) + 1
    return _with_new_option_set(retired, step.id, node, behind)


# --- options -------------------------------------------------------------------------------------------------------


def _options_revised(draft: Draft, edit: e.OfOption | e.AddOption) -> Structure:
    structure = draft.structure
    option_set = option_set_in(structure, edit.option_set_id)
    if isinstance(edit, e.AddOption | e.RestoreOption) and not isinstance(option_set, ChoiceFields):
        raise _without_options(option_set, structure, is_back=isinstance(edit, e.RestoreOption))
    match edit:
        case e.AddOption():
            change = _inserting(edit.node, edit.position)
        case e.ChangeOption():
            _refuse(edit.fields, {"value"}, "stored answers mean an option by its value, so it never changes; add a new option instead")
            change = _merging(option_in(option_set, edit.value), edit.fields)
        case e.MoveOption():
            change = _moving(option_in(option_set, edit.value), edit.position)
        case e.RetireOption():
            change = _merging(option_in(option_set, edit.value), {"retired": True})
        case e.UnretireOption():
            change = _merging(option_in(option_set, edit.value), {"retired": False})
        case e.DeleteOption():
            change = _removing(option_in(option_set, edit.value))
        case e.RestoreOption():
            shelved = _shelved(draft, option_id(edit.option_set_id, edit.value), "option")
            change = _inserting(shelved.node, shelved.position if edit.position is None else edit.position)
        case e.SplitOption():
            change = _splitting(option_in(option_set, edit.value), dict(edit.fields) | {"value": edit.new_value, "retired": False})
        case _:
            assert_never(edit)
    return with_options(structure, edit.option_set_id, change)


def _without_options(option_set: OptionSet, structure: Structure, *, is_back: bool) -> StructureInvalid:
    name, undone = label_of(option_set.name, structure), ", or undo the change of its type" if is_back else ""
    kind = TYPE_NAMES[option_set.selection_type]
    detail = f"{name} is a {kind} now, which has no options. Give it a selection type with options first{undone}."
    return StructureInvalid(detail, errors=to_errors((Issue("/selection_type", "no-options", detail),)))


Options = tuple[Option, ...]
Change = Callable[[Options], tuple[Any, ...]]


def _inserting(node: Mapping[str, Any], position: int | None) -> Change:
    return lambda options: inserted(options, node, position)


def _merging(option: Option, fields: Mapping[str, Any]) -> Change:
    return lambda options: replaced(options, option, {**dump(option), **fields})


def _moving(option: Option, position: int) -> Change:
    return lambda options: inserted(without(options, option), option, position)


def _removing(option: Option) -> Change:
    return lambda options: without(options, option)


def _splitting(option: Option, fields: Mapping[str, Any]) -> Change:
    def split(options: Options) -> tuple[Any, ...]:
        retired = replaced(options, option, dump(option) | {"retired": True})
        return inserted(retired, {**dump(option), **fields}, options.index(option) + 1)

    return split


# --- the whole -----------------------------------------------------------------------------------------------------


def _whole_revised(draft: Draft, edit: WholeEdit) -> Structure:
    match edit:
        case e.ChangeWizard():
            _refuse(edit.fields, edit.fields.keys() - _WIZARD_MEMBERS, "this is not a member of a wizard that an edit can set")
            return _with_wizard(draft.structure, edit.fields)
        case e.ReplaceStructure():
            return _with_all_aliases(draft.structure, parse(edit.structure))
        case e.FollowVersion():
            return parse(edit.structure)
        case _:
            assert_never(edit)


def _with_wizard(structure: Structure, fields: Mapping[str, Any]) -> Structure:
    if not {"languages", "default_language"} & fields.keys():
        return with_members(structure, fields)
    languages = {name: fields[name] for name in ("languages", "default_language") if name in fields}
    # A wizard without steps, to have the languages checked before every text is rewritten for them.
    old = {"languages": structure.languages, "default_language": structure.default_language}
    frame = parse({"name": "", **old, **languages})
    return parse({**relocalised(dump(structure), structure, frame), **fields})


def _with_all_aliases(old: Structure, new: Structure) -> Structure:
    steps = tuple(_with_aliases_in(old, step) for step in new.steps)
    return new if all(one is other for one, other in zip(steps, new.steps, strict=True)) else with_steps(new, steps)


def _with_aliases_in(old: Structure, step: Step) -> Step:
    option_sets = tuple(_with_aliases(old.option_set_by_id.get(item.id, item), item) for item in step.option_sets)
    unchanged = all(one is other for one, other in zip(option_sets, step.option_sets, strict=True))
    return step if unchanged else step.model_copy(update={"option_sets": option_sets})


# --- what is refused -----------------------------------------------------------------------------------------------


def _refuse(fields: Mapping[str, Any], members: AbstractSet[str], why: str) -> None:
    issues = tuple(Issue("/" + name, "not-editable", f"{name!r} cannot be set here: {why}.") for name in sorted(members & fields.keys()))
    if issues:
        raise StructureInvalid(issues[0].detail, errors=to_errors(issues))


def _check_new(draft: Draft, node: Mapping[str, Any]) -> None:
    """A new node's id must be new: also what lies on the shelf may come back under its own."""
    if node.get("id") in draft.shelved:
        raise IdConflict(f"{node['id']} was deleted and lies on the shelf of this draft: restore it, or use a new id.")
    if node.get("id") in draft.structure.step_by_id or node.get("id") in draft.structure.option_set_by_id:
        raise IdConflict(f"The draft already has {node['id']}: change it, or use a new id.")


def _check_new_value(draft: Draft, edit: Edit, reserved: Reserved) -> None:
    """An option that is added by itself is a new one: what had its value is restored instead, even under the same label."""
    if isinstance(edit, e.AddOption | e.SplitOption):
        value = edit.new_value if isinstance(edit, e.SplitOption) else str(edit.node.get("value"))
        used = reserved.values.get(edit.option_set_id, frozenset())
        if value in used or option_id(edit.option_set_id, value) in draft.shelved:
            raise reserved_value(value)


def _shelved(draft: Draft, node_id: str, kind: NodeKind) -> Shelved:
    found = draft.from_shelf(node_id)
    if found.kind != kind:
        raise NodeNotFound(f"{node_id} is not on the shelf of this draft as {kind}.")
    return found
