"""The sentence that names an edit in the undo menu and in the log: it says the deed and the object."""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from keepstep.core import edits as e
from keepstep.core.edits import Draft, Edit
from keepstep.core.nodes import label_of, option_in, option_set_in, step_in
from keepstep.core.revert import Revert
from keepstep.core.shelf import option_id
from keepstep.core.structure import Structure
from keepstep.core.text import Text

FIELD_WORDS: Final = {
    "allow_other": "“other” text",
    "constraints": "validation",
    "default": "default answer",
    "default_language": "default language",
    "description": "description",
    "endings": "endings",
    "exclusive": "exclusive choice",
    "expression": "calculation",
    "help": "help text",
    "hidden": "visibility",
    "is_required": "requirement",
    "key": "key",
    "key_aliases": "former keys",
    "label": "label",
    "languages": "languages",
    "name": "name",
    "options": "options",
    "personal_data": "personal data",
    "presentation": "presentation",
    "retired": "retirement",
    "selection_type": "selection type",
    "source": "source",
    "text": "text",
    "unit": "unit",
    "visible_if": "condition",
}


def name_of(draft: Draft, edit: Edit) -> str:
    """One sentence without a full stop: "Retire option “Red”". Raises NodeNotFound when the object is not there."""
    if isinstance(edit, Revert):
        return edit.name
    if isinstance(edit, e.ChangeWizard):
        return f"Change wizard: {_fields(edit.fields)}"
    if isinstance(edit, e.ReplaceStructure):
        return "Replace the whole draft"
    if isinstance(edit, e.FollowVersion):
        return f"Go back to version {edit.version_number}"
    if isinstance(edit, e.OfStep | e.AddStep):
        return _of_step(draft, edit)
    if isinstance(edit, e.OfOption | e.AddOption):
        return _of_option(draft, edit)
    return _of_option_set(draft, edit)


def _of_step(draft: Draft, edit: e.OfStep | e.AddStep) -> str:
    structure = draft.structure
    match edit:
        case e.AddStep():
            return f"Add step {_named(edit.node, structure)}"
        case e.RestoreStep():
            return f"Restore step {_shelved_name(draft, edit.step_id)}"
        case e.ChangeStep():
            return _changing("step", step_in(structure, edit.step_id).name, edit.fields, structure)
        case e.MoveStep():
            return f"Move step {_step(structure, edit.step_id)}"
        case e.RetireStep():
            return f"Retire step {_step(structure, edit.step_id)}"
        case e.UnretireStep():
            return f"Bring back step {_step(structure, edit.step_id)}"
        case e.DeleteStep():
            return f"Delete step {_step(structure, edit.step_id)}"
        case _:
            assert_never(edit)


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


def _of_option_set(draft: Draft, edit: OptionSetEdit) -> str:
    structure = draft.structure
    match edit:
        case e.AddOptionSet():
            return f"Add question {_named(edit.node, structure)}"
        case e.RestoreOptionSet():
            return f"Restore question {_shelved_name(draft, edit.option_set_id)}"
        case e.RestoreFromVersion():
            return f"Restore question {_named(edit.node, structure)} as in version {edit.version_number}"
        case e.ChangeOptionSet():
            return _changing("question", option_set_in(structure, edit.option_set_id).name, edit.fields, structure)
        case e.MoveOptionSet():
            return f"Move question {_option_set(structure, edit.option_set_id)}"
        case e.RetireOptionSet():
            return f"Retire question {_option_set(structure, edit.option_set_id)}"
        case e.UnretireOptionSet():
            return f"Bring back question {_option_set(structure, edit.option_set_id)}"
        case e.DeleteOptionSet():
            return f"Delete question {_option_set(structure, edit.option_set_id)}"
        case e.SplitOptionSet():
            return f"Retire question {_option_set(structure, edit.option_set_id)} and add one with another meaning"
        case _:
            assert_never(edit)


def _of_option(draft: Draft, edit: e.OfOption | e.AddOption) -> str:
    structure = draft.structure
    option_set = option_set_in(structure, edit.option_set_id)
    match edit:
        case e.AddOption():
            return f"Add option {_named(edit.node, structure)}"
        case e.RestoreOption():
            return f"Restore option {_shelved_name(draft, option_id(edit.option_set_id, edit.value))}"
        case e.ChangeOption():
            return _changing("option", option_in(option_set, edit.value).label, edit.fields, structure)
        case e.MoveOption():
            return f"Move option {label_of(option_in(option_set, edit.value).label, structure)}"
        case e.RetireOption():
            return f"Retire option {label_of(option_in(option_set, edit.value).label, structure)}"
        case e.UnretireOption():
            return f"Bring back option {label_of(option_in(option_set, edit.value).label, structure)}"
        case e.DeleteOption():
            return f"Delete option {label_of(option_in(option_set, edit.value).label, structure)}"
        case e.SplitOption():
            return f"Retire option {label_of(option_in(option_set, edit.value).label, structure)} and add one with another meaning"
        case _:
            assert_never(edit)


def _changing(kind: str, old: Text, fields: Mapping[str, Any], structure: Structure) -> str:
    """What was done comes first: in a menu the end is cut off."""
    before, renamed = label_of(old, structure), fields.get("label" if kind == "option" else "name")
    after = _named({"name": renamed}, structure) if isinstance(renamed, str | dict) else before
    if len(fields) == 1 and after != before:
        return f"Rename {kind} {before} to {after}"
    return f"Change {_fields(fields)} of {kind} {before}"


def _fields(fields: Mapping[str, Any]) -> str:
    return ", ".join(FIELD_WORDS.get(name, name) for name in fields) or "nothing"


def _named(node: Mapping[str, Any], structure: Structure) -> str:
    """The label of a node that is not parsed yet, so that it may be anything."""
    text = node.get("label", node.get("name"))
    by_language = text if isinstance(text, dict) else {structure.default_language: text}
    return label_of({language: wording for language, wording in by_language.items() if isinstance(wording, str)}, structure)


def _step(structure: Structure, step_id: str) -> str:
    return label_of(step_in(structure, step_id).name, structure)


def _option_set(structure: Structure, option_set_id: str) -> str:
    return label_of(option_set_in(structure, option_set_id).name, structure)


def _shelved_name(draft: Draft, node_id: str) -> str:
    return label_of(draft.from_shelf(node_id).name, draft.structure)
