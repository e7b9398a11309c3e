"""How two structures differ: a join by stable id, one comparator for each aspect, each yielding `Change` values.

`apply_changes(a, diff(a, b)) == b`, `diff(a, a) == ()`, and `diff(b, a)` is `diff(a, b)` with every change reversed.
Must not know which answers are stored, nor guess that two nodes with different ids are the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.languages import split_languages
from keepstep.core.order import displaced
from keepstep.core.sameness import differing, same
from keepstep.core.structure import (
    Calculated,
    ChoiceFields,
    Constraints,
    Frozen,
    Option,
    OptionSet,
    RatingConstraints,
    SliderConstraints,
    Statement,
    Step,
    Structure,
    dump,
)
from keepstep.core.text import Text


def diff(old: Structure, new: Structure) -> tuple[Change, ...]:
    """Every difference, in the order of the wizard: the wizard itself, then steps, option sets and options. O(n) by id."""
    return tuple(_changes(old, new)) if old is not new else ()


def _changes(old: Structure, new: Structure) -> Iterator[Change]:
    if old.languages != new.languages or old.default_language != new.default_language:
        yield from _language_changes(old, new)
    if set(old.languages) != set(new.languages):
        # Texts are compared in the languages that both have; the rest of the texts is part of the language changes.
        common = frozenset(old.languages) & frozenset(new.languages)
        old, new = (_frame(split_languages(structure, common).node) for structure in (old, new))
    for member in ("name", "description", "endings", "presentation", "source"):
        if not same(getattr(old, member), getattr(new, member)):
            yield c.WizardChanged(member=member, old=as_json(getattr(old, member)), new=as_json(getattr(new, member)))
    yield from _step_changes(old, new)
    yield from _option_set_changes(old, new)


def _frame(node: dict[str, Any]) -> Structure:
    # Not `parse`: some texts may have no wording left in these languages.
    return Structure.model_validate(node)


def as_json(value: Any) -> Any:
    """A member of a node as a JSON value."""
    if isinstance(value, Frozen):
        return dump(value)
    return [as_json(item) for item in value] if isinstance(value, tuple) else value


# --- languages -----------------------------------------------------------------------------------------------------


def _language_changes(old: Structure, new: Structure) -> Iterator[Change]:
    common = frozenset(old.languages) & frozenset(new.languages)
    old_texts, new_texts = split_languages(old, common).texts, split_languages(new, common).texts
    for position, language in enumerate(old.languages):
        if language not in common:
            yield c.LanguageRemoved(language=language, old={"position": position, "texts": old_texts.get(language, {})})
    for position, language in enumerate(new.languages):
        if language not in common:
            yield c.LanguageAdded(language=language, new={"position": position, "texts": new_texts.get(language, {})})
    before, after = ([language for language in structure.languages if language in common] for structure in (old, new))
    if before != after:
        yield c.LanguagesReordered(old=before, new=after)
    if old.default_language != new.default_language:
        yield c.DefaultLanguageChanged(old=old.default_language, new=new.default_language)


# --- steps ---------------------------------------------------------------------------------------------------------


def _step_changes(old: Structure, new: Structure) -> Iterator[Change]:
    before, after = old.step_by_id, new.step_by_id
    positions = {step.id: position for position, step in enumerate(old.steps)}
    for position, step in enumerate(old.steps):
        if step.id not in after:
            yield c.StepRemoved(step_id=step.id, position=position, old=_with_own(step, new))
    moved = displaced([step.id for step in old.steps if step.id in after], [step.id for step in new.steps if step.id in before])
    for position, step in enumerate(new.steps):
        if step.id not in before:
            yield c.StepAdded(step_id=step.id, position=position, new=_with_own(step, old))
            continue
        if step.id in moved:
            yield c.StepMoved(step_id=step.id, old=positions[step.id], new=position)
        yield from _one_step(before[step.id], step)


def _with_own(step: Step, other: Structure) -> dict[str, Any]:
    """The step in JSON, without the option sets that the other structure has too: those are moved ones."""
    own = [dump(item) for item in step.option_sets if item.id not in other.option_set_by_id]
    return dump(step) | {"option_sets": own}


def _one_step(old: Step, new: Step) -> Iterator[Change]:
    if old is new:
        return
    for member in ("name", "help", "key", "presentation", "source"):
        if not same(getattr(old, member), getattr(new, member)):
            yield c.StepChanged(step_id=new.id, member=member, old=as_json(getattr(old, member)), new=as_json(getattr(new, member)))
    if not same(old.visible_if, new.visible_if):
        yield c.StepConditionChanged(step_id=new.id, old=old.visible_if, new=new.visible_if)
    if old.retired != new.retired:
        retired = c.StepRetired if new.retired else c.StepUnretired
        yield retired(step_id=new.id, old=old.retired, new=new.retired)


# --- option sets ---------------------------------------------------------------------------------------------------


def _option_set_changes(old: Structure, new: Structure) -> Iterator[Change]:
    before, after = old.option_set_by_id, new.option_set_by_id
    for step in old.steps:
        if step.id in new.step_by_id:
            gone = ((position, item) for position, item in enumerate(step.option_sets) if item.id not in after)
            yield from (c.OptionSetRemoved(option_set_id=item.id, step_id=step.id, position=at, old=dump(item)) for at, item in gone)
    places = {item.id: (step.id, at) for step in old.steps for at, item in enumerate(step.option_sets)}
    for step in new.steps:
        yield from _in_step(old.step_by_id.get(step.id), step, places)
    for option_set in new.option_sets:
        former = before.get(option_set.id)
        if former is not None:
            yield from _one_option_set(former, option_set)


def _in_step(old: Step | None, new: Step, places: Mapping[str, tuple[str, int]]) -> Iterator[Change]:
    """What was added to a step, and what changed its place in it or came from another one."""
    if old is new:
        return
    here = {item.id for item in new.option_sets}
    common = [item.id for item in old.option_sets if item.id in here] if old is not None else []
    kept = set(common)
    moved = displaced(common, [item.id for item in new.option_sets if item.id in kept])
    for position, item in enumerate(new.option_sets):
        if item.id in places and (item.id not in kept or item.id in moved):
            step_id, at = places[item.id]
            was, now = {"step_id": step_id, "position": at}, {"step_id": new.id, "position": position}
            yield c.OptionSetMoved(option_set_id=item.id, old=was, new=now)
        elif item.id not in places and old is not None:
            yield c.OptionSetAdded(option_set_id=item.id, step_id=new.id, position=position, new=dump(item))


def _one_option_set(old: OptionSet, new: OptionSet) -> Iterator[Change]:
    members = differing(old, new)
    if members:
        for looked_at, comparator in _COMPARATORS:
            if members & looked_at:
                yield from comparator(old, new)


def _wording(old: OptionSet, new: OptionSet) -> Iterator[Change]:
    for member in ("name", "help"):
        if not same(getattr(old, member), getattr(new, member)):
            yield c.OptionSetReworded(option_set_id=new.id, member=member, old=getattr(old, member), new=getattr(new, member))
    if isinstance(old, Statement) and isinstance(new, Statement) and old.text != new.text:
        yield c.OptionSetReworded(option_set_id=new.id, member="text", old=old.text, new=new.text)


def _keys(old: OptionSet, new: OptionSet) -> Iterator[Change]:
    before, after = ({"key": item.key, "key_aliases": list(item.key_aliases)} for item in (old, new))
    if before != after:
        yield c.KeyChanged(option_set_id=new.id, old=before, new=after)


def _selection_type(old: OptionSet, new: OptionSet) -> Iterator[Change]:
    if old.selection_type != new.selection_type:
        yield c.TypeChanged(option_set_id=new.id, old=_typed_part(old, new), new=_typed_part(new, old))


def _typed_part(option_set: OptionSet, other: OptionSet) -> dict[str, Any]:
    alone = type(option_set).model_fields.keys() - type(other).model_fields.keys()
    members = ("selection_type", "constraints", *sorted(alone))
    return {member: as_json(getattr(option_set, member)) for member in members}


def _asking(old: OptionSet, new: OptionSet) -> Iterator[Change]:
    if old.is_required != new.is_required:
        yield c.RequiredChanged(option_set_id=new.id, old=old.is_required, new=new.is_required)
    if not same(old.visible_if, new.visible_if):
        yield c.ConditionChanged(option_set_id=new.id, old=old.visible_if, new=new.visible_if)
    if old.retired != new.retired:
        retired = c.OptionSetRetired if new.retired else c.OptionSetUnretired
        yield retired(option_set_id=new.id, old=old.retired, new=new.retired)


def _meaning(old: OptionSet, new: OptionSet) -> Iterator[Change]:
    if isinstance(old, Calculated) and isinstance(new, Calculated) and not same(old.expression, new.expression):
        yield c.CalculationChanged(option_set_id=new.id, old=old.expression, new=new.expression)
    if old.unit != new.unit:
        yield c.UnitChanged(option_set_id=new.id, old=old.unit, new=new.unit)
    if not same(old.default, new.default):
        yield c.DefaultChanged(option_set_id=new.id, old=old.default, new=new.default)


def _properties(old: OptionSet, new: OptionSet) -> Iterator[Change]:
    for member in ("hidden", "personal_data", "presentation", "source"):
        if not same(getattr(old, member), getattr(new, member)):
            before, after = as_json(getattr(old, member)), as_json(getattr(new, member))
            yield c.PropertyChanged(option_set_id=new.id, member=member, old=before, new=after)


# --- constraints ---------------------------------------------------------------------------------------------------


def _constraints(old: OptionSet, new: OptionSet) -> Iterator[Change]:
    if type(old) is not type(new) or same(old.constraints, new.constraints):
        return
    before, after = old.constraints, new.constraints
    members = [name for name in type(after).model_fields if not same(getattr(before, name), getattr(after, name))]
    for variant in (c.ValidationChanged, c.PrecisionChanged, c.ChoiceLimitsChanged, c.ScaleChanged, c.MessagesChanged):
        chosen = [name for name in members if _variant_of(name, after) is variant]
        if chosen:
            yield variant(option_set_id=new.id, old=_picked(before, chosen), new=_picked(after, chosen))


def _variant_of(name: str, constraints: Constraints) -> type[c.OfOptionSet]:
    if name == "messages":
        return c.MessagesChanged
    if name == "max_decimals":
        return c.PrecisionChanged
    if name in ("min_choices", "max_choices"):
        return c.ChoiceLimitsChanged
    scale = isinstance(constraints, SliderConstraints | RatingConstraints) and name in ("min", "max", "step")
    return c.ScaleChanged if scale else c.ValidationChanged


def _picked(constraints: Constraints, members: Sequence[str]) -> dict[str, Any]:
    return {name: as_json(getattr(constraints, name)) for name in members}


# --- options -------------------------------------------------------------------------------------------------------


def _options(old: OptionSet, new: OptionSet) -> Iterator[Change]:
    if not isinstance(old, ChoiceFields) or not isinstance(new, ChoiceFields):
        return
    if old.allow_other != new.allow_other:
        yield c.OtherTextChanged(option_set_id=new.id, old=old.allow_other, new=new.allow_other)
    if same(old.options, new.options):
        return
    before, after = old.option_by_value, new.option_by_value
    for position, option in enumerate(old.options):
        if option.value not in after:
            yield c.OptionRemoved(option_set_id=new.id, value=option.value, position=position, old=dump(option))
    for position, option in enumerate(new.options):
        if option.value not in before:
            yield c.OptionAdded(option_set_id=new.id, value=option.value, position=position, new=dump(option))
    was, now = ([option.value for option in one.options if option.value in other] for one, other in ((old, after), (new, before)))
    if was != now:
        yield c.OptionsReordered(option_set_id=new.id, old=was, new=now)
    yield from _kept_options(new.id, [(before[value], after[value]) for value in now if not same(before[value], after[value])])


Pairs = list[tuple[Option, Option]]


def _kept_options(option_set_id: str, pairs: Pairs) -> Iterator[Change]:
    permuted = _permuted([(old, new) for old, new in pairs if old.label != new.label])
    if permuted:
        was, now = {old.value: old.label for old, _ in permuted}, {new.value: new.label for _, new in permuted}
        yield c.LabelsPermuted(option_set_id=option_set_id, old=was, new=now)
    swapped = {old.value for old, _ in permuted}
    for old, new in pairs:
        yield from _one_option(option_set_id, old, new, reworded=old.value not in swapped)


def _permuted(relabelled: Pairs) -> Pairs:
    """Those whose labels only changed places among themselves: each new label was another's, each old one is another's now."""
    while relabelled:
        before, after = ({_spelled(pair[side].label) for pair in relabelled} for side in (0, 1))
        left = [pair for pair in relabelled if _spelled(pair[1].label) in before and _spelled(pair[0].label) in after]
        if len(left) == len(relabelled):
            return left
        relabelled = left
    return []


def _spelled(label: Text) -> object:
    return label if isinstance(label, str) else frozenset(label.items())


def _one_option(option_set_id: str, old: Option, new: Option, *, reworded: bool) -> Iterator[Change]:
    if reworded and old.label != new.label:
        yield c.OptionReworded(option_set_id=option_set_id, value=new.value, old=old.label, new=new.label)
    if old.retired != new.retired:
        retired = c.OptionRetired if new.retired else c.OptionUnretired
        yield retired(option_set_id=option_set_id, value=new.value, old=old.retired, new=new.retired)
    if old.exclusive != new.exclusive:
        yield c.ExclusiveChanged(option_set_id=option_set_id, value=new.value, old=old.exclusive, new=new.exclusive)
    if not same(old.visible_if, new.visible_if):
        yield c.OptionConditionChanged(option_set_id=option_set_id, value=new.value, old=old.visible_if, new=new.visible_if)
    if not same(old.source, new.source):
        yield c.OptionSourceChanged(option_set_id=option_set_id, value=new.value, old=as_json(old.source), new=as_json(new.source))


# Each comparator with the members that it looks at: most questions differ in none, most others in one.
_COMPARATORS: Final[tuple[tuple[frozenset[str], Callable[[OptionSet, OptionSet], Iterator[Change]]], ...]] = (
    (frozenset({"name", "help", "text"}), _wording),
    (frozenset({"key", "key_aliases"}), _keys),
    (frozenset({"selection_type"}), _selection_type),
    (frozenset({"is_required", "visible_if", "retired"}), _asking),
    (frozenset({"expression", "unit", "default"}), _meaning),
    (frozenset({"constraints"}), _constraints),
    (frozenset({"hidden", "personal_data", "presentation", "source"}), _properties),
    (frozenset({"options", "allow_other"}), _options),
)
