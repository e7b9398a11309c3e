"""Whether the JSON of a structure is of a size that can be worked with at all, told before anything is made of it.

Counts and stops at the first list that is too long: what it refuses may have a million nodes. Must not know whether a
node is well formed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from keepstep.core.issue import Issue, pointer, to_errors
from keepstep.core.structure_model import MAX_ALL_OPTIONS, MAX_OPTION_SETS, MAX_OPTIONS, MAX_RULES, MAX_STEPS
from keepstep.errors import StructureInvalid

# The longest kind of node has 22 members. Each one more is a finding, and a million of them are a million findings.
_MOST_MEMBERS: Final = 100


class _Length(NamedTuple):
    """What was counted at a place, and how many there may be."""

    path: str
    code: str
    found: int
    most: int
    what: str


def require_sizes(data: Any) -> None:
    """Raises StructureInvalid where the JSON of a structure has more nodes than one may have."""
    for length in _lengths(data):
        if length.found > length.most:
            detail = f"{length.what}: {length.found:,} of at most {length.most:,}. Split it."
            raise StructureInvalid(f"{length.path or '/'}: {detail}", errors=to_errors((Issue(length.path, length.code, detail),)))


def _lengths(data: Any) -> Iterator[_Length]:
    steps = _list(data, "steps")
    yield _members(data, "")
    yield _Length("/steps", "too-many-steps", len(steps), MAX_STEPS, "Steps of a wizard")
    yield _Length("/steps", "too-many-option-sets", sum(len(_list(step, "option_sets")) for step in steps), MAX_OPTION_SETS, _SETS)
    options = 0
    for index, step in enumerate(steps):
        yield _members(step, pointer("steps", index))
        for number, option_set in enumerate(_list(step, "option_sets")):
            yield from _of_option_set(option_set, pointer("steps", index, "option_sets", number))
            options += len(_list(option_set, "options"))
            yield _Length("/steps", "too-many-options", options, MAX_ALL_OPTIONS, "Options of a wizard in all")


_SETS: Final = "Option sets of a wizard"


def _of_option_set(option_set: Any, path: str) -> Iterator[_Length]:
    options = _list(option_set, "options")
    yield _members(option_set, path)
    yield _Length(f"{path}/options", "too-many-options", len(options), MAX_OPTIONS, "Options of a question")
    yield from (_members(option, f"{path}/options/{number}") for number, option in enumerate(options))
    constraints = option_set.get("constraints") if isinstance(option_set, Mapping) else None
    yield _members(constraints, f"{path}/constraints")
    messages = constraints.get("messages") if isinstance(constraints, Mapping) else None
    yield _members(messages, f"{path}/constraints/messages")
    yield _Length(f"{path}/constraints/rules", "too-many-rules", len(_list(constraints, "rules")), MAX_RULES, "Rules of a question")


def _members(node: Any, path: str) -> _Length:
    return _Length(path, "too-many-members", len(node) if isinstance(node, Mapping) else 0, _MOST_MEMBERS, "Members of a node")


def _list(node: Any, member: str) -> Sequence[Any]:
    found = node.get(member) if isinstance(node, Mapping) else None
    return found if isinstance(found, list | tuple) else ()
