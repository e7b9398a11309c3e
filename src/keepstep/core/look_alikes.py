"""Removed and added nodes that may be the same thing to a person: suggestions to ask about, never matches.

A diff goes by id alone; what looks alike here (a question typed in anew, a code used again) is said beside it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.text import Text, texts_of

Reason = Literal["same-key", "same-label-and-type", "similar-options", "labels-swapped", "code-used-again"]
# Four of five options the same: fewer are two lists of the same kind rather than one list edited.
SIMILAR: Final = 0.8


@dataclass(frozen=True, slots=True)
class LookAlike:
    """`old` and `new` are ids of option sets, or of options within `option_set_id`, that may mean the same."""

    reason: Reason
    option_set_id: str
    old: str
    new: str

    def to_json(self) -> dict[str, str]:
        """`{reason, option_set_id, old, new}`."""
        return {"reason": self.reason, "option_set_id": self.option_set_id, "old": self.old, "new": self.new}


def look_alikes(changes: Iterable[Change], reserved_values: Mapping[str, frozenset[str]]) -> tuple[LookAlike, ...]:
    """What a person should be asked about these changes. `reserved_values`: the values once used in each option set, by id."""
    given = tuple(changes)
    return (*_option_sets(given), *_options(given, reserved_values))


Node = dict[str, Any]


def _option_sets(changes: tuple[Change, ...]) -> Iterator[LookAlike]:
    removed, added = list(_nodes(changes, "old")), list(_nodes(changes, "new"))
    for reason, features in _FEATURES:
        index: dict[object, list[Node]] = {}
        for node in added:
            for feature in features(node):
                index.setdefault(feature, []).append(node)
        for node in removed:
            found = {other["id"] for feature in features(node) for other in index.get(feature, ())}
            yield from (LookAlike(reason, node["id"], node["id"], other) for other in sorted(found))
    for node in removed:
        yield from (LookAlike("similar-options", node["id"], node["id"], other["id"]) for other in added if _similar(node, other))


def _nodes(changes: tuple[Change, ...], side: Literal["old", "new"]) -> Iterator[Node]:
    """The option sets that are gone, or new, whether by themselves or with their step."""
    of_set, of_step = (c.OptionSetRemoved, c.StepRemoved) if side == "old" else (c.OptionSetAdded, c.StepAdded)
    for change in changes:
        if isinstance(change, of_set):
            yield getattr(change, side)
        elif isinstance(change, of_step):
            yield from getattr(change, side)["option_sets"]


def _keys(node: Node) -> Iterator[object]:
    yield from (node["key"], *node.get("key_aliases", ()))


def _labels(node: Node) -> Iterator[object]:
    yield from ((node["selection_type"], text) for text in _wordings(node["name"]))


_FEATURES: Final[tuple[tuple[Reason, Callable[[Node], Iterator[object]]], ...]] = (("same-key", _keys), ("same-label-and-type", _labels))


def _wordings(text: Text) -> frozenset[str]:
    return frozenset(" ".join(wording.split()).casefold() for wording in texts_of(text) if wording.strip())


def _similar(one: Node, other: Node) -> bool:
    first, second = _option_pairs(one), _option_pairs(other)
    return bool(first and second) and len(first & second) >= SIMILAR * max(len(first), len(second))


def _option_pairs(node: Node) -> frozenset[tuple[str, frozenset[str]]]:
    return frozenset((option["value"], _wordings(option["label"])) for option in node.get("options", ()))


def _options(changes: tuple[Change, ...], reserved_values: Mapping[str, frozenset[str]]) -> Iterator[LookAlike]:
    removed = [change for change in changes if isinstance(change, c.OptionRemoved)]
    for change in changes:
        if isinstance(change, c.LabelsPermuted):
            yield LookAlike("labels-swapped", change.option_set_id, *sorted(change.new)[:2])
        elif isinstance(change, c.OptionAdded):
            if change.value in reserved_values.get(change.option_set_id, ()):
                yield LookAlike("code-used-again", change.option_set_id, change.value, change.value)
            labels = _wordings(change.new["label"])
            alike = (gone for gone in removed if gone.option_set_id == change.option_set_id and labels & _wordings(gone.old["label"]))
            yield from (LookAlike("same-label-and-type", change.option_set_id, gone.value, change.value) for gone in alike)
