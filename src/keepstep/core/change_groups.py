"""How a list of changes is laid out for people: under which step each belongs, which kind it is, and the gravest first.

Must not know how a list is drawn.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.impact import Reported
from keepstep.core.piping import told
from keepstep.core.severity import SEVERITIES, Severity
from keepstep.core.structure import Structure

Family = Literal["added", "removed", "retired", "retyped", "required", "limits", "logic", "meaning", "reworded", "moved", "other"]
FAMILIES: Final[tuple[Family, ...]] = get_args(Family)
"""In the order in which a list by kind shows them."""

_FAMILIES: Final[Mapping[type[c.Difference], Family]] = {
    c.WizardChanged: "reworded",
    c.LanguageAdded: "added",
    c.LanguageRemoved: "removed",
    c.LanguagesReordered: "moved",
    c.DefaultLanguageChanged: "other",
    c.StepAdded: "added",
    c.StepRemoved: "removed",
    c.StepMoved: "moved",
    c.StepChanged: "reworded",
    c.StepConditionChanged: "logic",
    c.StepRetired: "retired",
    c.StepUnretired: "added",
    c.OptionSetAdded: "added",
    c.OptionSetRemoved: "removed",
    c.OptionSetMoved: "moved",
    c.OptionSetReworded: "reworded",
    c.MessagesChanged: "reworded",
    c.KeyChanged: "other",
    c.TypeChanged: "retyped",
    c.RequiredChanged: "required",
    c.ConditionChanged: "logic",
    c.CalculationChanged: "logic",
    c.ValidationChanged: "limits",
    c.PrecisionChanged: "limits",
    c.ChoiceLimitsChanged: "limits",
    c.ScaleChanged: "limits",
    c.UnitChanged: "meaning",
    c.DefaultChanged: "other",
    c.OtherTextChanged: "retyped",
    c.PropertyChanged: "other",
    c.OptionSetRetired: "retired",
    c.OptionSetUnretired: "added",
    c.LabelsPermuted: "meaning",
    c.OptionsReordered: "moved",
    c.OptionAdded: "added",
    c.OptionRemoved: "removed",
    c.OptionReworded: "reworded",
    c.OptionRetired: "retired",
    c.OptionUnretired: "added",
    c.ExclusiveChanged: "limits",
    c.OptionConditionChanged: "logic",
    c.OptionSourceChanged: "other",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Some changes under one heading. By step: its id ("" for the wizard itself) and name; by kind: the family and ""."""

    id: str
    name: str
    changes: tuple[Reported, ...]


def family_of(change: Change) -> Family:
    return _FAMILIES[type(change)]


def step_id_of(change: Change, old: Structure, new: Structure) -> str:
    """The step that a change belongs to, of an option set that moved the one where it is now; "" for the wizard's own."""
    if isinstance(change, c.AboutStep):
        return change.step_id
    if isinstance(change, c.AboutOptionSet | c.AboutOption):
        return (new.step_of.get(change.option_set_id) or old.step_of[change.option_set_id]).id
    return ""


def by_step(changes: Sequence[Reported], old: Structure, new: Structure) -> tuple[Group, ...]:
    """One group for each step that has changes, in the order of the wizard, the wizard's own first."""
    owned: dict[str, list[Reported]] = {}
    for reported in changes:
        owned.setdefault(step_id_of(reported.change, old, new), []).append(reported)
    names = {"": ""} | dict(_step_names(old)) | dict(_step_names(new))
    ordered = [step_id for step_id in ("", *step_order(old, new)) if step_id in owned]
    return tuple(Group(step_id, names[step_id], _gravest_first(owned[step_id])) for step_id in ordered)


def by_kind(changes: Sequence[Reported]) -> tuple[Group, ...]:
    """One group for each kind of change that there is."""
    kinds: dict[Family, list[Reported]] = {}
    for reported in changes:
        kinds.setdefault(family_of(reported.change), []).append(reported)
    return tuple(Group(family, "", _gravest_first(kinds[family])) for family in FAMILIES if family in kinds)


def classes_of(changes: Iterable[Reported]) -> tuple[tuple[Severity, int], ...]:
    """How many changes there are of each class here, the gravest first."""
    counts: dict[Severity, int] = {}
    for reported in changes:
        counts[reported.effective] = counts.get(reported.effective, 0) + 1
    return tuple((severity, counts[severity]) for severity in reversed(SEVERITIES) if severity in counts)


def step_order(old: Structure, new: Structure) -> tuple[str, ...]:
    """The steps of both structures: as they stand in the new one, and one that is gone where it stood, behind its neighbour."""
    order = [step.id for step in new.steps]
    place = 0
    for step in old.steps:
        if step.id in new.step_by_id:
            place = order.index(step.id) + 1
        else:
            order.insert(place, step.id)
            place += 1
    return tuple(order)


def _step_names(structure: Structure) -> Iterator[tuple[str, str]]:
    yield from ((step.id, told(step.name, structure)) for step in structure.steps)


def _gravest_first(changes: Iterable[Reported]) -> tuple[Reported, ...]:
    return tuple(sorted(changes, key=lambda reported: -SEVERITIES.index(reported.effective)))
