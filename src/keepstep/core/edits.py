"""What a person does to a draft, as values: each edit is one named, undoable thing, applied to a draft and giving a new one.

Must not know who edits, when, or whether answers are stored: reserved keys and values come as an argument.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from msgspec import Raw
from pydantic import Field, TypeAdapter, ValidationError

from keepstep.core.by_identity import ByIdentity
from keepstep.core.findings import sentence_of
from keepstep.core.jsonvalue import written
from keepstep.core.revert import WIZARD, Revert, ids_in, touched_by
from keepstep.core.shelf import Shelved, option_id
from keepstep.core.structure import Frozen, OptionSet, Structure, choices_of, dump, parse
from keepstep.errors import NodeNotFound, StructureInvalid

Position = Annotated[int, Field(ge=0)]
Node = dict[str, Any]


@dataclass(frozen=True)
class Draft:
    """The one mutable structure of a wizard, at one revision, with what was deleted from it."""

    structure: Structure
    shelf: tuple[Shelved, ...] = ()

    @cached_property
    def shelved(self) -> dict[str, Shelved]:
        """What is on the shelf, by id (an option's is "<option set id>/<value>")."""
        return {item.id: item for item in self.shelf}

    def from_shelf(self, node_id: str) -> Shelved:
        """What lies there under this id. Raises NodeNotFound, naming the step to restore for what lies within one."""
        if node_id in self.shelved:
            return self.shelved[node_id]
        around = next((one for one in self.shelf if any(child["id"] == node_id for child in one.node.get("option_sets", ()))), None)
        if around is not None:
            raise NodeNotFound(f"This lies on the shelf within the step “{around.name}”: restore that step.")
        raise NodeNotFound("This is not on the shelf of the draft, so it cannot be restored.")


class AddStep(Frozen):
    """`node` is a step in JSON, its option sets inside if any; its id and key come from the edge."""

    edit: Literal["add-step"] = "add-step"
    node: Node
    position: Position | None = None


class ChangeStep(Frozen):
    """`fields` are merged into the step; its id and option sets have edits of their own."""

    edit: Literal["change-step"] = "change-step"
    step_id: str
    fields: Node


class MoveStep(Frozen):
    edit: Literal["move-step"] = "move-step"
    step_id: str
    position: Position


class RetireStep(Frozen):
    edit: Literal["retire-step"] = "retire-step"
    step_id: str


class UnretireStep(Frozen):
    edit: Literal["unretire-step"] = "unretire-step"
    step_id: str


class DeleteStep(Frozen):
    edit: Literal["delete-step"] = "delete-step"
    step_id: str


class RestoreStep(Frozen):
    """Back from the shelf, with everything inside; `position` None is where it was."""

    edit: Literal["restore-step"] = "restore-step"
    step_id: str
    position: Position | None = None


class AddOptionSet(Frozen):
    edit: Literal["add-option-set"] = "add-option-set"
    step_id: str
    node: Node
    position: Position | None = None


class ChangeOptionSet(Frozen):
    """`fields` are merged; another `selection_type` keeps what the new type can hold, and options without a place go to the shelf.

    `rekey`: the key that follows the label of a question that was never published; the former one is given up, and no alias.
    `conversion`: `{from, params}`, the former type and the parameters that were tried on its answers, for whoever moves runs later;
    they change nothing here.
    """

    edit: Literal["change-option-set"] = "change-option-set"
    option_set_id: str
    fields: Node
    rekey: str | None = None
    conversion: Node | None = None


class MoveOptionSet(Frozen):
    """To `position` in `step_id`, or in its own step."""

    edit: Literal["move-option-set"] = "move-option-set"
    option_set_id: str
    position: Position
    step_id: str | None = None


class RetireOptionSet(Frozen):
    edit: Literal["retire-option-set"] = "retire-option-set"
    option_set_id: str


class UnretireOptionSet(Frozen):
    edit: Literal["unretire-option-set"] = "unretire-option-set"
    option_set_id: str


class DeleteOptionSet(Frozen):
    edit: Literal["delete-option-set"] = "delete-option-set"
    option_set_id: str


class RestoreOptionSet(Frozen):
    """Back from the shelf, into `step_id` or the step it was in."""

    edit: Literal["restore-option-set"] = "restore-option-set"
    option_set_id: str
    step_id: str | None = None
    position: Position | None = None


class RestoreFromVersion(Frozen):
    """One option set as a version had it (`node`, in the draft's languages), under its own id: set back to that form where the draft
    has it, else put into `step_id`. Nothing else of the draft changes.
    """

    edit: Literal["restore-from-version"] = "restore-from-version"
    version_number: int
    option_set_id: str
    node: Node
    step_id: str | None = None
    position: Position | None = None


class SplitOptionSet(Frozen):
    """Another meaning: the option set is retired, and one with `fields` changed is added behind it under a new id and key."""

    edit: Literal["split-option-set"] = "split-option-set"
    option_set_id: str
    new_id: str
    new_key: str
    fields: Node


class AddOption(Frozen):
    edit: Literal["add-option"] = "add-option"
    option_set_id: str
    node: Node
    position: Position | None = None


class ChangeOption(Frozen):
    """`fields` are merged; `value` is the option's identity and never changes."""

    edit: Literal["change-option"] = "change-option"
    option_set_id: str
    value: str
    fields: Node


class MoveOption(Frozen):
    edit: Literal["move-option"] = "move-option"
    option_set_id: str
    value: str
    position: Position


class RetireOption(Frozen):
    edit: Literal["retire-option"] = "retire-option"
    option_set_id: str
    value: str


class UnretireOption(Frozen):
    edit: Literal["unretire-option"] = "unretire-option"
    option_set_id: str
    value: str


class DeleteOption(Frozen):
    edit: Literal["delete-option"] = "delete-option"
    option_set_id: str
    value: str


class RestoreOption(Frozen):
    edit: Literal["restore-option"] = "restore-option"
    option_set_id: str
    value: str
    position: Position | None = None


class SplitOption(Frozen):
    """Another meaning: the option is retired, and one with `fields` changed is added behind it under a new value."""

    edit: Literal["split-option"] = "split-option"
    option_set_id: str
    value: str
    new_value: str
    fields: Node


class ChangeWizard(Frozen):
    """`fields` among name, description, languages, default_language, endings, presentation; texts follow the languages."""

    edit: Literal["change-wizard"] = "change-wizard"
    fields: Node


class ReplaceStructure(Frozen):
    """The whole document: nodes that are not in it go to the shelf, nodes that are back leave it."""

    edit: Literal["replace-structure"] = "replace-structure"
    structure: Node


class FollowVersion(Frozen):
    """The structure of a published version exactly as it is, aliases included: what a rollback does to an unchanged draft."""

    edit: Literal["follow-version"] = "follow-version"
    version_number: int
    structure: Node


Edit = (
    AddStep
    | ChangeStep
    | MoveStep
    | RetireStep
    | UnretireStep
    | DeleteStep
    | RestoreStep
    | AddOptionSet
    | ChangeOptionSet
    | MoveOptionSet
    | RetireOptionSet
    | UnretireOptionSet
    | DeleteOptionSet
    | RestoreOptionSet
    | RestoreFromVersion
    | SplitOptionSet
    | AddOption
    | ChangeOption
    | MoveOption
    | RetireOption
    | UnretireOption
    | DeleteOption
    | RestoreOption
    | SplitOption
    | ChangeWizard
    | ReplaceStructure
    | FollowVersion
    | Revert
)
_adapter: Final[TypeAdapter[Edit]] = TypeAdapter(Annotated[Edit, Field(discriminator="edit")])

EVERYTHING: Final = "*"
"""Among the touched ids: an edit of the whole document touches every node."""


def to_json(edit: Edit) -> dict[str, Any]:
    """The edit as a JSON value, for the draft's log."""
    return edit.model_dump()


def from_json(data: Any) -> Edit:
    """The inverse of `to_json`. Raises StructureInvalid."""
    try:
        return _adapter.validate_python(data)
    except ValidationError as error:
        raise StructureInvalid(f"This is not an edit of a draft. {sentence_of(error.errors()[0])}") from error


def draft_to_json(draft: Draft) -> dict[str, Any]:
    """`{structure, shelf}` as a JSON value."""
    return {"structure": dump(draft.structure), "shelf": [dump(item) for item in draft.shelf]}


def draft_to_store(draft: Draft) -> dict[str, Any]:
    """As `draft_to_json`, to be written out and nothing else: each option set stands in it as its text, made once for each."""
    structure = draft.structure
    around = dump(structure.model_copy(update={"steps": ()}))
    steps = [
        dump(step.model_copy(update={"option_sets": ()})) | {"option_sets": [*map(_text_of, step.option_sets)]} for step in structure.steps
    ]
    return {"structure": around | {"steps": steps}, "shelf": [dump(item) for item in draft.shelf]}


_text_of: Final = ByIdentity[OptionSet, Raw](lambda option_set: written(dump(option_set)))


def draft_from_json(data: Any) -> Draft:
    """The inverse of `draft_to_json`."""
    return Draft(parse(data["structure"]), tuple(Shelved.model_validate(item) for item in data["shelf"]))


def touches(edit: Edit, within: Structure | None = None) -> frozenset[str]:
    """The ids of the nodes that the edit changes ("wizard" for the wizard's own members, "*" for all of them).

    With the structure that it is to be applied to, what lies inside of a deleted node counts as well. What an edit that
    was made *did* touch, to the last node, is `touches(inverse)`.
    """
    if isinstance(edit, Revert):
        return touched_by(edit)
    if isinstance(edit, ReplaceStructure | FollowVersion):
        return frozenset({EVERYTHING})
    if isinstance(edit, ChangeWizard):
        return frozenset({WIZARD})
    if isinstance(edit, AddStep | AddOptionSet):
        return frozenset(ids_in(edit.node))
    return frozenset(_named(edit)) | frozenset(_inside(edit, within) if within is not None else ())


def collide(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """What two sets of touched ids have in common, "*" being everything."""
    if EVERYTHING in one or EVERYTHING in other:
        return (one | other) if one and other else frozenset()
    return one & other


OfOption = ChangeOption | MoveOption | RetireOption | UnretireOption | DeleteOption | RestoreOption | SplitOption
OfOptionSet = (
    ChangeOptionSet
    | MoveOptionSet
    | RetireOptionSet
    | UnretireOptionSet
    | DeleteOptionSet
    | RestoreOptionSet
    | RestoreFromVersion
    | SplitOptionSet
    | AddOption
)
OfStep = ChangeStep | MoveStep | RetireStep | UnretireStep | DeleteStep | RestoreStep


def _named(edit: OfOption | OfOptionSet | OfStep) -> Iterator[str]:
    if isinstance(edit, AddOption):
        yield option_id(edit.option_set_id, str(edit.node.get("value")))
    elif isinstance(edit, OfOption):
        yield option_id(edit.option_set_id, edit.value)
    elif isinstance(edit, OfOptionSet):
        yield edit.option_set_id
    else:
        yield edit.step_id
    if isinstance(edit, SplitOption):
        yield option_id(edit.option_set_id, edit.new_value)
    if isinstance(edit, SplitOptionSet):
        yield edit.new_id
    if isinstance(edit, RestoreFromVersion):
        yield from ids_in(edit.node)


def _inside(edit: OfOption | OfOptionSet | OfStep, within: Structure) -> Iterator[str]:
    if isinstance(edit, DeleteStep) and edit.step_id in within.step_by_id:
        yield from ids_in(dump(within.step_by_id[edit.step_id]))
    if isinstance(edit, DeleteOptionSet | ChangeOptionSet | RestoreFromVersion) and edit.option_set_id in within.option_set_by_id:
        whole = not isinstance(edit, ChangeOptionSet) or bool({"options", "selection_type"} & edit.fields.keys())
        options = choices_of(within.option_set_by_id[edit.option_set_id]) if whole else ()
        yield from (option_id(edit.option_set_id, option.value) for option in options)
