"""Where an edit of the builder leads: to what was added or came back, or to the neighbour of what went. Must not know requests."""

from collections.abc import Sequence

from keepstep.actions.drafts import Edited
from keepstep.core import edits as e
from keepstep.core.edits import touches
from keepstep.core.revert import WIZARD, Revert
from keepstep.core.structure import OptionSet, Step, Structure


def node_after(edited: Edited) -> str:
    """The step or option set that is looked at next, "wizard" where no step is left; "" for where one was."""
    made, structure = edited.edit, edited.state.draft.structure
    match made:
        case e.AddStep() | e.AddOptionSet():
            return str(made.node["id"])
        case e.SplitOptionSet():
            return made.new_id
        case e.RestoreStep() | e.UnretireStep():
            return made.step_id
        case e.RestoreOptionSet() | e.UnretireOptionSet():
            return made.option_set_id
        case e.RetireStep() | e.DeleteStep():
            return _beside_step(edited, made.step_id)
        case e.RetireOptionSet() | e.DeleteOptionSet():
            return _beside_option_set(edited, made.option_set_id)
        case Revert():
            return next((node for node in sorted(touches(made)) if node in structure.option_set_by_id or node in structure.step_by_id), "")
        case _:
            return ""


def _beside_option_set(edited: Edited, option_set_id: str) -> str:
    """The next question of the step, else the one before, else the step."""
    step, at = _place(edited, option_set_id)
    return "" if step is None else _nearest(step.option_sets, at) or step.id


def _place(edited: Edited, option_set_id: str) -> tuple[Step | None, int]:
    """The step, and where the option set stands in it, or stood; no step where that is gone as well."""
    draft = edited.state.draft
    shelved = draft.shelved.get(option_set_id)
    if shelved is not None:
        return draft.structure.step_by_id.get(shelved.parents[-1]), shelved.position
    step = draft.structure.step_of[option_set_id]
    return step, next(at for at, item in enumerate(step.option_sets) if item.id == option_set_id)


def _beside_step(edited: Edited, step_id: str) -> str:
    draft = edited.state.draft
    shelved = draft.shelved.get(step_id)
    at = _index(draft.structure, step_id) if shelved is None else shelved.position
    return _nearest(draft.structure.steps, at) or WIZARD


def _index(structure: Structure, step_id: str) -> int:
    return next(at for at, step in enumerate(structure.steps) if step.id == step_id)


def _nearest(siblings: Sequence[Step] | Sequence[OptionSet], at: int) -> str:
    return next((item.id for item in (*siblings[at:], *reversed(siblings[:at])) if not item.retired), "")
