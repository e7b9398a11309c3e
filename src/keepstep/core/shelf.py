"""The shelf of a draft: what was deleted from it, with all that lay inside, ready to come back under the same ids.

Must not know which edit deleted a node: the shelf follows from the structure before and after.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from keepstep.core.languages import relocalised, same_languages
from keepstep.core.structure import Frozen, OptionSet, Step, Structure, choices_of, dump
from keepstep.core.text import text_in

NodeKind = Literal["step", "option_set", "option"]


class Shelved(Frozen):
    """A deleted node: its JSON, the ids of what it lay in (outermost first), its position there, and its name for people."""

    kind: NodeKind
    id: str
    parents: tuple[str, ...] = ()
    position: int = Field(ge=0)
    name: str
    node: dict[str, Any]

    @property
    def address(self) -> tuple[str, str | None]:
        """The id by which edits name it and, of an option, its value: there the id is that of its option set."""
        owner, _, value = self.id.partition("/")
        return owner, value or None


def option_id(option_set_id: str, value: str) -> str:
    """The id of an option among all nodes of a wizard; its value alone is unique in its option set only."""
    return f"{option_set_id}/{value}"


def shelf_after(shelf: tuple[Shelved, ...], old: Structure, new: Structure) -> tuple[Shelved, ...]:
    """The shelf when the structure goes from `old` to `new`: what is back leaves it, what is gone joins it at the end."""
    gone = tuple(_gone(old, new))
    if shelf and not same_languages(old, new):
        shelf = tuple(_with_node(item, relocalised(item.node, old, new)) for item in shelf)
    if gone and not same_languages(old, new):
        gone = tuple(_with_node(item, relocalised(item.node, old, new)) for item in gone)
    if not shelf:
        return gone
    present = {*new.step_by_id, *new.option_set_by_id}
    present |= {option_id(item.id, option.value) for item in new.option_sets for option in choices_of(item)}
    newly = {item.id for item in gone}
    kept = tuple(_without_present(item, present) for item in shelf if item.id not in present and item.id not in newly)
    return kept + gone


def _with_node(item: Shelved, node: dict[str, Any]) -> Shelved:
    return item.model_copy(update={"node": node})


def _without_present(item: Shelved, present: set[str]) -> Shelved:
    """A shelved step gives up the option sets that came back elsewhere; restoring it must not bring them twice."""
    inside = item.node.get("option_sets", []) if item.kind == "step" else []
    left = [node for node in inside if node["id"] not in present]
    return item if len(left) == len(inside) else _with_node(item, dict(item.node) | {"option_sets": left})


def _gone(old: Structure, new: Structure) -> Iterator[Shelved]:
    for position, step in enumerate(old.steps):
        present = new.step_by_id.get(step.id)
        if present is None:
            yield _shelved_step(old, new, step, position)
        elif present is not step:
            yield from _gone_from_step(old, new, step)
    # An option set that moved out of a deleted step, or into another one, may have lost options on the way.
    for option_set in old.option_sets:
        now = new.option_set_by_id.get(option_set.id)
        if now is not None and now is not option_set:
            yield from _gone_options(old, option_set, now)


def _shelved_step(old: Structure, new: Structure, step: Step, position: int) -> Shelved:
    left = [item for item in step.option_sets if item.id not in new.option_set_by_id]
    node = dump(step) | {"option_sets": [dump(item) for item in left]}
    return Shelved(kind="step", id=step.id, position=position, name=_name(step, old), node=node)


def _gone_from_step(old: Structure, new: Structure, step: Step) -> Iterator[Shelved]:
    for position, item in enumerate(step.option_sets):
        if item.id not in new.option_set_by_id:
            yield Shelved(kind="option_set", id=item.id, parents=(step.id,), position=position, name=_name(item, old), node=dump(item))


def _gone_options(old: Structure, before: OptionSet, after: OptionSet) -> Iterator[Shelved]:
    left = {option.value for option in choices_of(after)}
    parents = (old.step_of[before.id].id, before.id)
    for position, option in enumerate(choices_of(before)):
        if option.value not in left:
            name = text_in(option.label, old.default_language, old.default_language)
            identity = option_id(before.id, option.value)
            yield Shelved(kind="option", id=identity, parents=parents, position=position, name=name, node=dump(option))


def _name(node: Step | OptionSet, structure: Structure) -> str:
    return text_in(node.name, structure.default_language, structure.default_language)


def shelved_option_sets(shelf: tuple[Shelved, ...]) -> Iterator[Mapping[str, Any]]:
    """The JSON of every option set on the shelf, those inside of shelved steps too."""
    for item in shelf:
        if item.kind == "option_set":
            yield item.node
        elif item.kind == "step":
            yield from item.node.get("option_sets", [])
