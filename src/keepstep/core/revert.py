"""The way back from one draft to a former one, as a small value: only nodes that differ, by id, at three levels.

Every edit gets its inverse from here, so that "undo gives back exactly the former draft" holds by construction, also
beneath later edits of other nodes. Must not know which edit was made.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from keepstep.core.nodes import CHILDREN, dump_own
from keepstep.core.order import longest_increasing
from keepstep.core.sameness import differing
from keepstep.core.shelf import Shelved, option_id
from keepstep.core.structure import Frozen, Option, OptionSet, Step, Structure, choices_of, dump, parse
from keepstep.errors import StructureInvalid, UndoBlocked

WIZARD: Final = "wizard"
"""What edits of the wizard's own members touch; every other touched thing is a node id."""


class Placed(Frozen):
    """One node of a list as it shall be: `node` None = not there; `position` None = where it stands.

    A node that is there already keeps its children (they have entries of their own); one that is not brings all of them.
    One that is to go names what was inside of it, so that nothing which came later goes with it unseen.
    """

    parent: str
    id: str
    node: dict[str, Any] | None = None
    position: int | None = None
    inside: tuple[str, ...] = ()


class Revert(Frozen):
    """Back to a former state of every node named here, and of no other."""

    edit: Literal["revert"] = "revert"
    name: str
    wizard: dict[str, Any] | None = None
    steps: tuple[Placed, ...] = ()
    option_sets: tuple[Placed, ...] = ()
    options: tuple[Placed, ...] = ()
    shelf: tuple[Placed, ...] = ()


# While a structure is put together, a node is either the untouched value or JSON; one parse at the end checks the whole.
Loose = Step | OptionSet | Option | Shelved | dict[str, Any]


class DraftState(Protocol):
    """A draft, as far as going back needs to know it."""

    @property
    def structure(self) -> Structure: ...
    @property
    def shelf(self) -> tuple[Shelved, ...]: ...


def ids_in(node: Mapping[str, Any]) -> Iterator[str]:
    """The ids of a step or option set in JSON and of everything inside of it."""
    yield node["id"]
    for option_set in node.get("option_sets", ()):
        yield from ids_in(option_set)
    for option in node.get("options", ()):
        yield option_id(node["id"], option["value"])


def touched_by(revert: Revert) -> frozenset[str]:
    """The ids of all nodes that going back would change."""
    placed = (*revert.steps, *revert.option_sets)
    inside = {identity for item in placed for identity in item.inside}
    nested = {identity for item in placed if item.node is not None and "id" in item.node for identity in ids_in(item.node)}
    options = {option_id(item.parent, item.id) for item in revert.options}
    return frozenset({item.id for item in placed} | inside | nested | options | ({WIZARD} if revert.wizard is not None else set()))


# --- the difference ------------------------------------------------------------------------------------------------


def revert_to(former: DraftState, present: DraftState, name: str, *, moved: frozenset[str]) -> Revert:
    """What leads from `present` back to `former`. `moved` names nodes to be taken as the moved ones where a reorder is ambiguous."""
    old, new = former.structure, present.structure
    own = None if _same_own(old, new) else dump_own(old)
    steps = _list_difference("", _steps(old), _steps(new), moved)
    pairs = [(step, new.step_by_id[step.id]) for step in old.steps if new.step_by_id.get(step.id, step) is not step]
    option_sets = [item for was, now in pairs for item in _list_difference(was.id, _option_sets(was), _option_sets(now), moved)]
    options = [item for was, now in pairs for item in _option_difference(was, now, moved)]
    shelf = _list_difference("", _shelf(former.shelf), _shelf(present.shelf), moved)
    return Revert(name=name, wizard=own, steps=tuple(steps), option_sets=tuple(option_sets), options=tuple(options), shelf=tuple(shelf))


Keyed = dict[str, Any]


def _steps(structure: Structure) -> Keyed:
    return {step.id: step for step in structure.steps}


def _option_sets(step: Step) -> Keyed:
    return {option_set.id: option_set for option_set in step.option_sets}


def _options(option_set: OptionSet) -> Keyed:
    return {option.value: option for option in choices_of(option_set)}


def _shelf(shelf: tuple[Shelved, ...]) -> Keyed:
    return {item.id: item for item in shelf}


def _option_difference(step: Step, present: Step, moved: frozenset[str]) -> Iterator[Placed]:
    now = _option_sets(present)
    for option_set in step.option_sets:
        other = now.get(option_set.id)
        if other is not None and other is not option_set:
            yield from _list_difference(option_set.id, _options(option_set), _options(other), moved)


def _list_difference(parent: str, old: Keyed, new: Keyed, moved: frozenset[str]) -> Iterator[Placed]:
    """The entries that turn the list `new` into `old`, in an order in which they can be applied."""
    yield from (Placed(parent=parent, id=key, inside=_inside(new[key])) for key in new if key not in old)
    displaced = _displaced(tuple(old), tuple(key for key in new if key in old), moved)
    for position, (key, node) in enumerate(old.items()):
        if key in displaced or key not in new:
            yield Placed(parent=parent, id=key, node=_json(node, whole=key not in new), position=position)
        elif not _same_own(node, new[key]):
            yield Placed(parent=parent, id=key, node=_json(node, whole=False))


def _inside(node: Loose) -> tuple[str, ...]:
    """The ids of what lies inside of a step or option set, in JSON or not."""
    if isinstance(node, Shelved | Option):
        return ()
    data = node if isinstance(node, dict) else dump(node)
    return tuple(ids_in(data))[1:] if "id" in data else ()


def _json(node: Any, *, whole: bool) -> dict[str, Any]:
    return dump(node) if whole or isinstance(node, Shelved) else dump_own(node)


def _same_own(one: Frozen, other: Frozen) -> bool:
    """Whether two nodes are the same but for their children."""
    return one is other or differing(one, other) <= CHILDREN


def _displaced(target: Sequence[str], present: Sequence[str], moved: frozenset[str]) -> frozenset[str]:
    common = set(present)
    wanted = [key for key in target if key in common]
    if wanted == list(present):
        return frozenset()
    suspects = moved & common
    if [key for key in wanted if key not in suspects] == [key for key in present if key not in suspects]:
        return suspects
    rank = {key: index for index, key in enumerate(wanted)}
    staying = longest_increasing([rank[key] for key in present])
    return frozenset(common - {wanted[index] for index in staying})


# --- going back ----------------------------------------------------------------------------------------------------


def reverted_structure(structure: Structure, revert: Revert) -> Structure:
    """The structure with every named node as it was. Raises UndoBlocked where later edits are in the way."""
    by_step, by_option_set = _by_parent(revert.option_sets), _by_parent(revert.options)
    steps = _applied(structure.steps, revert.steps)
    _check_present(by_step, {_key(step) for step in steps})
    _check_present(by_option_set, structure.option_set_by_id)
    owners = {structure.step_of[option_set_id].id for option_set_id in by_option_set}
    steps = [_step_applied(step, by_step, by_option_set) if _key(step) in by_step.keys() | owners else step for step in steps]
    own = revert.wizard if revert.wizard is not None else dump_own(structure)
    try:
        return parse({**own, "steps": steps})
    except StructureInvalid as error:
        raise UndoBlocked(f"With the later edits, the former state would not be valid: {error.detail}", errors=error.errors) from error


def reverted_shelf(shelf: tuple[Shelved, ...], revert: Revert) -> tuple[Shelved, ...]:
    return tuple(Shelved.model_validate(item) for item in _applied(shelf, revert.shelf))


Entries = dict[str, tuple[Placed, ...]]


def _by_parent(items: Iterable[Placed]) -> Entries:
    grouped: dict[str, list[Placed]] = {}
    for item in items:
        grouped.setdefault(item.parent, []).append(item)
    return {parent: tuple(entries) for parent, entries in grouped.items()}


def _check_present(wanted: Iterable[str], present: Container[str]) -> None:
    for node_id in wanted:
        if node_id not in present:
            raise UndoBlocked("A later edit took away what this would change. Bring that back first.")


def _step_applied(step: Loose, by_step: Entries, by_option_set: Entries) -> Loose:
    option_sets = _applied(_children(step), by_step.get(_key(step), ()))
    changed = [_with_children(item, _applied(_children(item), by_option_set.get(_key(item), ()))) for item in option_sets]
    return _with_children(step, changed)


def _applied(items: Iterable[Loose], entries: tuple[Placed, ...]) -> list[Loose]:
    former = {_key(item): item for item in items}
    _check_present((entry.id for entry in entries if entry.node is None or entry.position is None), former)
    for entry in entries:
        if entry.node is None and not set(_inside(former[entry.id])) <= set(entry.inside):
            raise UndoBlocked("Later edits put more into what this would take away. Undo those first.")
    changed = {entry.id: _put(entry.node, former.get(entry.id)) for entry in entries if entry.node is not None}
    leaving = {entry.id for entry in entries if entry.node is None or entry.position is not None}
    result = [changed.get(key, item) for key, item in former.items() if key not in leaving]
    for entry in entries:
        if entry.position is not None:
            result.insert(entry.position, changed[entry.id])
    return result


def _put(node: dict[str, Any], former: Loose | None) -> Loose:
    return node if former is None else _with_children(node, _children(former))


def _key(item: Loose) -> str:
    if isinstance(item, dict):
        return str(item["id"] if "id" in item else item["value"])
    return str(item.value if isinstance(item, Option) else item.id)


_CHILDREN_OF: Final = ("option_sets", "options")


def _children(item: Loose) -> Sequence[Loose]:
    for name in _CHILDREN_OF:
        found = item.get(name) if isinstance(item, dict) else getattr(item, name, None)
        if found:
            return tuple(found)
    return ()


def _with_children(item: Loose, children: Sequence[Loose]) -> Loose:
    """The node with these children; the same object where they are the same."""
    if len(children) == len(_children(item)) and all(one is other for one, other in zip(children, _children(item), strict=True)):
        return item
    own = item if isinstance(item, dict) else dump_own(item)
    name = "options" if "selection_type" in own else "option_sets"
    without = {member: value for member, value in own.items() if member != name}
    # No children, no member: a type without options refuses even an empty list of them.
    return {**without, name: list(children)} if children else without
