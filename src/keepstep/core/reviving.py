"""A node that somebody took out of a draft, brought back for whoever still writes in it: from the shelf, else as a former draft had it.

Also that former draft itself. Must not know who took it out, nor what was written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keepstep.core import edits as e
from keepstep.core.edit import apply
from keepstep.core.edits import Draft, Edit
from keepstep.core.naming import way_back
from keepstep.core.revert import Revert
from keepstep.core.shelf import Shelved, option_id
from keepstep.core.structure import OptionSet, Step, Structure, choices_of, dump
from keepstep.core.text import quoted
from keepstep.errors import NodeNotFound, Problem


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step or option set by its id, or with `value` an option of that option set."""

    node_id: str
    value: str | None = None

    @property
    def identity(self) -> str:
        """As the shelf and the touched ids of an edit have it."""
        return self.node_id if self.value is None else option_id(self.node_id, self.value)


def draft_before(draft: Draft, inverses: Iterable[Revert]) -> Draft | None:
    """The draft as it was before the edits that these take back, the newest first; None where that cannot be told any more."""
    for inverse in inverses:
        try:
            draft = apply(draft, inverse).draft
        except Problem:
            return None
    return draft


def is_there(structure: Structure, wanted: Wanted) -> bool:
    option_set = structure.option_set_by_id.get(wanted.node_id)
    if wanted.value is not None:
        return option_set is not None and any(option.value == wanted.value for option in choices_of(option_set))
    return option_set is not None or wanted.node_id in structure.step_by_id


def bringing_back(draft: Draft, former: Structure | None, wanted: Wanted) -> Edit | None:
    """The next edit on the way to having the node again; None when it is there. Apply it and ask again: what it lies in comes first.

    `former` is for what lies on no shelf, because adding it was undone. Raises NodeNotFound for what neither of them knows.
    """
    if is_there(draft.structure, wanted):
        return None
    shelved = way_back(draft.structure, draft.shelf, wanted.identity)
    if shelved is not None:
        return _from_shelf(shelved)
    if former is None or not is_there(former, wanted):
        raise NodeNotFound("It was taken out of the draft and lies on no shelf, so it cannot be brought back. Add it anew.")
    return _as_it_was(draft, former, wanted)


def _from_shelf(shelved: Shelved) -> Edit:
    node_id, value = shelved.address
    match shelved.kind:
        case "step":
            return e.RestoreStep(step_id=node_id)
        case "option_set":
            return e.RestoreOptionSet(option_set_id=node_id)
        case "option":
            assert value is not None  # an option has one
            return e.RestoreOption(option_set_id=node_id, value=value)


def _as_it_was(draft: Draft, former: Structure, wanted: Wanted) -> Edit:
    """Added under its own id, at its place; of a step only itself, since each of its questions was somebody's own addition."""
    step = former.step_by_id.get(wanted.node_id)
    if step is not None:
        return e.AddStep(node=dump(step.model_copy(update={"option_sets": ()})), position=former.steps.index(step))
    option_set = former.option_set_by_id[wanted.node_id]
    if wanted.value is None:
        return _adding(draft, former, option_set)
    missing = bringing_back(draft, former, Wanted(wanted.node_id))
    if missing is not None:
        return missing
    options = choices_of(option_set)
    at, option = next((at, option) for at, option in enumerate(options) if option.value == wanted.value)
    return e.AddOption(option_set_id=option_set.id, node=dump(option), position=at)


def _adding(draft: Draft, former: Structure, option_set: OptionSet) -> Edit:
    step = former.step_of[option_set.id]
    missing = bringing_back(draft, former, Wanted(step.id))
    if missing is not None:
        return missing
    return e.AddOptionSet(step_id=step.id, node=dump(option_set), position=step.option_sets.index(option_set))


# --- in words --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lost:
    """What a node that is gone is called, quoted, and what comes back along with it, since it lies in there."""

    name: str
    along: Sequence[str] = ()


def lost(draft: Draft, former: Structure | None, wanted: Wanted) -> Lost | None:
    """None for a node that is there, or that cannot be brought back."""
    along: list[str] = []
    trial = draft
    try:
        while (edit := bringing_back(trial, former, wanted)) is not None:
            trial = apply(trial, edit).draft
            along.append(_name_in(trial.structure, edit))
    except Problem:
        return None
    return Lost(_name(trial.structure, wanted), [name for name in along[:-1] if name]) if along else None


def _name(structure: Structure, wanted: Wanted) -> str:
    default = structure.default_language
    option_set = structure.option_set_by_id.get(wanted.node_id)
    if wanted.value is not None and option_set is not None:
        return next((quoted(option.label, default) for option in choices_of(option_set) if option.value == wanted.value), "")
    node: Step | OptionSet | None = option_set or structure.step_by_id.get(wanted.node_id)
    return "" if node is None else quoted(node.name, default)


def _name_in(structure: Structure, edit: Edit) -> str:
    match edit:
        case e.RestoreStep():
            return _name(structure, Wanted(edit.step_id))
        case e.RestoreOptionSet():
            return _name(structure, Wanted(edit.option_set_id))
        case e.AddStep() | e.AddOptionSet():
            return _name(structure, Wanted(str(edit.node["id"])))
        case _:
            return ""
