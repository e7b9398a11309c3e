"""The node that a dialog is about: found in the draft by its id (and an option's value), and which edits it can have.

Must not know forms or templates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keepstep.actions.nodes import Meaning, Plan, changing_option, changing_option_set, changing_step
from keepstep.core import edits as e
from keepstep.core.bidi import isolated
from keepstep.core.edits import Edit
from keepstep.core.nodes import option_in, option_set_in
from keepstep.core.shelf import NodeKind
from keepstep.core.structure import Option, OptionSet, Step, Structure
from keepstep.core.text import quoted, shortened
from keepstep.errors import NodeNotFound

# Three buttons stand beside each other, each with the name of what it acts on.
_IN_BUTTON: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointed:
    """`name` is quoted and short. `owner` is the step or option set of this id, also where an option of it is meant."""

    kind: NodeKind
    owner: Step | OptionSet
    option: Option | None
    name: str

    @property
    def id(self) -> str:
        return self.owner.id

    @property
    def short(self) -> str:
        """The name as it fits into a button; its quotes stay."""
        return f"“{isolated(shortened(self.name[1:-1], _IN_BUTTON - 2))}”"

    @property
    def is_retired(self) -> bool:
        return (self.option or self.owner).retired

    @property
    def option_sets(self) -> tuple[OptionSet, ...]:
        """Whose answers are meant."""
        return self.owner.option_sets if isinstance(self.owner, Step) else (self.owner,)

    @property
    def _value(self) -> str:
        assert self.option is not None  # asked for only where the kind is "option"
        return self.option.value

    def deletion(self) -> Edit:
        return deletion_of(self.kind, self.id, None if self.option is None else self.option.value)

    def retirement(self) -> Edit:
        match self.kind:
            case "step":
                return e.RetireStep(step_id=self.id)
            case "option_set":
                return e.RetireOptionSet(option_set_id=self.id)
            case "option":
                return e.RetireOption(option_set_id=self.id, value=self._value)

    def change(self, fields: Mapping[str, Any], meaning: Meaning | None) -> Plan:
        """The members merged; with another meaning, a new node behind the retired one."""
        match self.kind:
            case "step":
                return changing_step(self.id, fields)
            case "option_set":
                return changing_option_set(self.id, fields, meaning)
            case "option":
                return changing_option(self.id, self._value, fields, meaning)

    @property
    def label_member(self) -> str:
        """The member that holds what respondents read it by."""
        return "label" if self.kind == "option" else "name"

    @property
    def label(self) -> Any:
        return getattr(self.option or self.owner, self.label_member)


def deletion_of(kind: NodeKind, node_id: str, value: str | None) -> Edit:
    """`value`: of an option, whose option set is the node."""
    match kind:
        case "step":
            return e.DeleteStep(step_id=node_id)
        case "option_set":
            return e.DeleteOptionSet(option_set_id=node_id)
        case "option":
            assert value is not None  # given where the kind is "option"
            return e.DeleteOption(option_set_id=node_id, value=value)


def pointed_in(structure: Structure, node_id: str, value: str | None) -> Pointed:
    """Raises NodeNotFound."""
    default = structure.default_language
    step = structure.step_by_id.get(node_id)
    if step is not None and value is None:
        return Pointed(kind="step", owner=step, option=None, name=quoted(step.name, default))
    if step is not None:
        raise NodeNotFound("A step has no options.")
    option_set = option_set_in(structure, node_id)
    if value is None:
        return Pointed(kind="option_set", owner=option_set, option=None, name=quoted(option_set.name, default))
    option = option_in(option_set, value)
    return Pointed(kind="option", owner=option_set, option=option, name=quoted(option.label, default))


# What a sentence calls each kind.
KIND_WORDS: Final[Mapping[NodeKind, str]] = {"step": "step", "option_set": "question", "option": "option"}
