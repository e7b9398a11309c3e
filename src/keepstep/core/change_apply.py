"""A structure with changes made: `apply_changes(a, diff(a, b)) == b`. Works on JSON; one parse at the end checks the whole."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.languages import joined_languages, split_languages
from keepstep.core.structure import Structure, parse

Node = dict[str, Any]
Changes = Mapping[str, Sequence[Change]]
"""Changes by the id of the wizard, step or option set that they are about."""


def apply_changes(structure: Structure, changes: Iterable[Change]) -> Structure:
    """Raises StructureInvalid when the changes do not belong to this structure and the result is none."""
    by_node: dict[str, list[Change]] = {}
    for change in changes:
        # Options are changed with their option set, since they have no id of their own.
        by_node.setdefault(change.option_set_id if isinstance(change, c.OfOption) else change.node_id, []).append(change)
    of_wizard = by_node.get(c.WIZARD, [])
    gone = {change.language for change in of_wizard if isinstance(change, c.LanguageRemoved)}
    texts = {change.language: change.new["texts"] for change in of_wizard if isinstance(change, c.LanguageAdded)}
    node = split_languages(structure, frozenset(structure.languages) - gone).node
    node["languages"] = _languages(structure.languages, of_wizard)
    steps = _steps(node["steps"], by_node)
    return parse(joined_languages(_changed(node, of_wizard) | {"steps": steps}, texts))


def _languages(languages: Sequence[str], changes: Iterable[Change]) -> list[str]:
    left = list(languages)
    added: list[tuple[int, str]] = []
    for change in changes:
        if isinstance(change, c.LanguageRemoved):
            left.remove(change.language)
        elif isinstance(change, c.LanguageAdded):
            added.append((change.new["position"], change.language))
    for change in changes:
        left = list(change.new) if isinstance(change, c.LanguagesReordered) else left
    return _placed(left, added)


def _placed(kept: Iterable[Any], entries: Iterable[tuple[int, Any]]) -> list[Any]:
    """The list with each entry at its final position: in ascending order, each lands among all that stand before it."""
    result = list(kept)
    for position, item in sorted(entries, key=lambda entry: entry[0]):
        result.insert(position, item)
    return result


# --- steps and option sets -----------------------------------------------------------------------------------------


def _steps(steps: Sequence[Node], by_node: Changes) -> list[Node]:
    moving = _moving_option_sets(steps, by_node)
    kept: list[Node] = []
    placed: list[tuple[int, Node]] = []
    for step in steps:
        changes = by_node.get(step["id"], ())
        if any(isinstance(change, c.StepRemoved) for change in changes):
            continue
        changed = _changed(step, changes) | {"option_sets": _option_sets(step, by_node, moving)}
        position = next((change.new for change in changes if isinstance(change, c.StepMoved)), None)
        if position is None:
            kept.append(changed)
        else:
            placed.append((position, changed))
    added = (change for changes in by_node.values() for change in changes if isinstance(change, c.StepAdded))
    placed.extend((change.position, change.new | {"option_sets": _option_sets(change.new, by_node, moving)}) for change in added)
    return _placed(kept, placed)


Moving = Mapping[str, list[tuple[int, Node]]]
"""By the step that they come into: option sets with their positions there."""


def _moving_option_sets(steps: Sequence[Node], by_node: Changes) -> Moving:
    moving: dict[str, list[tuple[int, Node]]] = {}
    nodes = {option_set["id"]: option_set for step in steps for option_set in step["option_sets"]}
    for change in (change for changes in by_node.values() for change in changes):
        if isinstance(change, c.OptionSetMoved):
            node = _option_set(nodes[change.option_set_id], by_node)
            moving.setdefault(change.new["step_id"], []).append((change.new["position"], node))
        elif isinstance(change, c.OptionSetAdded):
            moving.setdefault(change.step_id, []).append((change.position, change.new))
    return moving


def _option_sets(step: Node, by_node: Changes, moving: Moving) -> list[Node]:
    leaving = c.OptionSetRemoved | c.OptionSetMoved
    stays = (item for item in step["option_sets"] if not any(isinstance(change, leaving) for change in by_node.get(item["id"], ())))
    return _placed((_option_set(item, by_node) for item in stays), moving.get(step["id"], ()))


def _option_set(option_set: Node, by_node: Changes) -> Node:
    changes = by_node.get(option_set["id"], ())
    node = _changed(option_set, [change for change in changes if not isinstance(change, c.OfOption)])
    return node | {"options": _options(node, changes)} if "options" in node else node


# --- options and members -------------------------------------------------------------------------------------------


def _options(option_set: Node, changes: Sequence[Change]) -> list[Node]:
    gone = {change.value for change in changes if isinstance(change, c.OptionRemoved)}
    left = {option["value"]: option for option in option_set["options"] if option["value"] not in gone}
    order = next((change.new for change in changes if isinstance(change, c.OptionsReordered)), list(left))
    labels = {value: label for change in changes if isinstance(change, c.LabelsPermuted) for value, label in change.new.items()}
    of_option: dict[str, list[Change]] = {}
    for change in changes:
        if isinstance(change, c.OfOption):
            of_option.setdefault(change.value, []).append(change)
    relabelled = {value: {**left[value], "label": labels[value]} if value in labels else left[value] for value in order}
    kept = (_changed(option, of_option.get(value, ())) for value, option in relabelled.items())
    return _placed(kept, ((change.position, change.new) for change in changes if isinstance(change, c.OptionAdded)))


def _changed(node: Node, changes: Iterable[Change]) -> Node:
    for change in changes:
        node = _members(node, change)
    return node


def _members(node: Node, change: Change) -> Node:
    """The node with the members that one change sets; changes of its place and of its children set none."""
    match change:
        case c.WizardChanged() | c.StepChanged() | c.OptionSetReworded() | c.PropertyChanged():
            return node | {change.member: change.new}
        case c.ValidationChanged() | c.PrecisionChanged() | c.ChoiceLimitsChanged() | c.ScaleChanged() | c.MessagesChanged():
            return node | {"constraints": node["constraints"] | change.new}
        case c.TypeChanged():
            return {**{member: value for member, value in node.items() if member not in change.old}, **change.new}
        case c.KeyChanged():
            return {**node, **change.new}
        case c.LanguageAdded() | c.LanguageRemoved() | c.LanguagesReordered() | c.LabelsPermuted() | c.OptionsReordered():
            return node
        case c.StepAdded() | c.StepRemoved() | c.StepMoved() | c.OptionSetAdded() | c.OptionSetRemoved() | c.OptionSetMoved():
            return node
        case c.OptionAdded() | c.OptionRemoved():
            return node
        case _:
            return node | {_one_member(change): change.new}


OfOneMember = (
    c.StepConditionChanged
    | c.ConditionChanged
    | c.OptionConditionChanged
    | c.RequiredChanged
    | c.DefaultChanged
    | c.StepRetired
    | c.StepUnretired
    | c.OptionSetRetired
    | c.OptionSetUnretired
    | c.OptionRetired
    | c.OptionUnretired
    | c.DefaultLanguageChanged
    | c.CalculationChanged
    | c.UnitChanged
    | c.OtherTextChanged
    | c.OptionReworded
    | c.ExclusiveChanged
    | c.OptionSourceChanged
)


def _one_member(change: OfOneMember) -> str:
    """The member that the change is about; typed, so that a new variant has to say here what it sets."""
    return change.part
