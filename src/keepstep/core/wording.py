"""What a change is called, in words for people: one sentence for each variant, naming the object.

Must not know what it means for stored runs: that is `meaning`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.jsonvalue import dumps
from keepstep.core.structure import ChoiceFields, Structure
from keepstep.core.text import Text, quoted, text_in

CONCERNS: Final[Mapping[str, str]] = {
    "D": "stored answers",
    "R": "runs in progress",
    "E": "exports, API and webhooks",
    "X": "texts only",
}
TYPE_NAMES: Final[Mapping[str, str]] = {
    "text_input": "short text",
    "textarea": "long text",
    "email": "e-mail address",
    "phone": "phone number",
    "url": "web address",
    "single_select": "single choice",
    "dropdown": "dropdown",
    "multiple_select": "multiple choice",
    "number": "number",
    "integer": "whole number",
    "slider": "slider",
    "rating": "rating",
    "boolean": "yes/no",
    "date": "date",
    "time": "time",
    "datetime": "date and time",
    "file": "file",
    "statement": "statement",
    "calculated": "calculated value",
}
_MEMBERS: Final[Mapping[str, str]] = {
    "description": "description",
    "endings": "endings",
    "help": "help text",
    "hidden": "visibility",
    "key": "key",
    "name": "name",
    "personal_data": "mark as personal data",
    "presentation": "appearance",
    "source": "record of its origin",
    "text": "text",
}


def sentence_of(change: Change, old: Structure, new: Structure) -> str:
    """The change from `old` to `new` in one sentence with a full stop."""
    names = Names(old, new)
    if isinstance(change, c.AboutOption):
        return _option_sentence(change, names)
    if isinstance(change, c.AboutOptionSet):
        return _option_set_sentence(change, names)
    return _step_sentence(change, names) if isinstance(change, c.AboutStep) else _wizard_sentence(change, names)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of nodes for people: as they are now, or as they were where they are gone."""

    old: Structure
    new: Structure

    def step(self, step_id: str) -> str:
        node = self.new.step_by_id.get(step_id) or self.old.step_by_id.get(step_id)
        return self.text(node.name) if node is not None else "“”"

    def option_set(self, option_set_id: str) -> str:
        node = self.new.option_set_by_id.get(option_set_id) or self.old.option_set_by_id.get(option_set_id)
        return self.text(node.name) if node is not None else "“”"

    def option(self, option_set_id: str, value: str) -> str:
        for structure in (self.new, self.old):
            node = structure.option_set_by_id.get(option_set_id)
            option = node.option_by_value.get(value) if isinstance(node, ChoiceFields) else None
            if option is not None:
                return self.text(option.label)
        return f"“{value}”"

    def text(self, text: Text | None) -> str:
        return quoted(text, self.new.default_language)

    def rewording(self, old: Text | None, new: Text | None) -> str:
        """What became what, where the default language shows it; a change in another language only is said to be one."""
        before, after = (text_in(text, self.new.default_language, self.new.default_language) for text in (old, new))
        return f"from {self.text(old)} to {self.text(new)}" if before != after else "in a translation"


# --- the wizard and its steps --------------------------------------------------------------------------------------


def _wizard_sentence(change: c.AboutWizard, names: Names) -> str:
    match change:
        case c.WizardChanged(member="name"):
            return f"The wizard was renamed {names.rewording(change.old, change.new)}."
        case c.WizardChanged():
            return f"The wizard's {_MEMBERS[change.member]} changed."
        case c.LanguageAdded():
            return f"The language {change.language} was added."
        case c.LanguageRemoved():
            return f"The language {change.language} was removed."
        case c.LanguagesReordered():
            return f"The languages stand in another order: {', '.join(change.new)}."
        case c.DefaultLanguageChanged():
            return f"The default language is {change.new} instead of {change.old}."
        case _:
            assert_never(change)


def _step_sentence(change: c.AboutStep, names: Names) -> str:
    name = names.step(change.step_id)
    match change:
        case c.StepAdded():
            return f"The step {name} was added{_with_questions(change.new)}."
        case c.StepRemoved():
            return f"The step {name} was removed{_with_questions(change.old)}."
        case c.StepMoved():
            return f"The step {name} moved from place {change.old + 1} to place {change.new + 1}."
        case c.StepChanged(member="name"):
            return f"A step was renamed {names.rewording(change.old, change.new)}."
        case c.StepChanged():
            return f"The {_MEMBERS[change.member]} of the step {name} changed."
        case c.StepConditionChanged():
            return f"The condition of the step {name} {_condition(change)}."
        case c.StepRetired():
            return f"The step {name} was retired."
        case c.StepUnretired():
            return f"The step {name} was brought back."
        case _:
            assert_never(change)


def _with_questions(node: Mapping[str, Any]) -> str:
    count = len(node["option_sets"])
    return f" with {count} question{'' if count == 1 else 's'}" if count else ""


def _condition(change: c.Difference) -> str:
    if change.old is None:
        return "was added"
    return "was taken away" if change.new is None else "changed"


# --- option sets ---------------------------------------------------------------------------------------------------

Placing = c.OptionSetAdded | c.OptionSetRemoved | c.OptionSetMoved | c.OptionSetRetired | c.OptionSetUnretired
Limiting = c.MessagesChanged | c.ValidationChanged | c.PrecisionChanged | c.ChoiceLimitsChanged | c.ScaleChanged


def _option_set_sentence(change: c.AboutOptionSet, names: Names) -> str:
    name = names.option_set(change.option_set_id)
    if isinstance(change, Placing):
        return _placing_sentence(change, name, names)
    if isinstance(change, Limiting):
        return _limiting_sentence(change, name)
    match change:
        case c.OptionSetReworded(member="name"):
            return f"A question was reworded {names.rewording(change.old, change.new)}."
        case c.OptionSetReworded() | c.PropertyChanged():
            return f"The {_MEMBERS[change.member]} of {name} changed."
        case c.KeyChanged():
            return _key_sentence(change, name)
        case c.TypeChanged():
            return f"{name} is now a {TYPE_NAMES[change.new['selection_type']]} instead of a {TYPE_NAMES[change.old['selection_type']]}."
        case c.RequiredChanged():
            return f"{name} is {'now' if change.new else 'no longer'} required."
        case _:
            return _meaning_sentence(change, name)


def _meaning_sentence(
    change: c.ConditionChanged
    | c.CalculationChanged
    | c.UnitChanged
    | c.DefaultChanged
    | c.OtherTextChanged
    | c.LabelsPermuted
    | c.OptionsReordered,
    name: str,
) -> str:
    match change:
        case c.ConditionChanged():
            return f"The condition of {name} {_condition(change)}."
        case c.CalculationChanged():
            return f"The calculation {name} changed."
        case c.UnitChanged():
            return f"The unit of {name} {_condition(change)}."
        case c.DefaultChanged():
            return f"The default answer of {name} {_condition(change)}."
        case c.OtherTextChanged():
            return f"{name} {'now takes' if change.new else 'no longer takes'} a text of one's own."
        case c.LabelsPermuted():
            return f"Labels of {name} changed places: {', '.join(change.new)}."
        case c.OptionsReordered():
            return f"The options of {name} stand in another order."
        case _:
            assert_never(change)


def _placing_sentence(change: Placing, name: str, names: Names) -> str:
    match change:
        case c.OptionSetAdded():
            return f"The question {name} was added to {names.step(change.step_id)}."
        case c.OptionSetRemoved():
            return f"The question {name} was removed from {names.step(change.step_id)}."
        case c.OptionSetMoved():
            steps = change.old["step_id"], change.new["step_id"]
            where = f"from {names.step(steps[0])} to {names.step(steps[1])}" if steps[0] != steps[1] else f"within {names.step(steps[0])}"
            return f"The question {name} moved {where}."
        case c.OptionSetRetired():
            return f"The question {name} was retired."
        case c.OptionSetUnretired():
            return f"The question {name} was brought back."
        case _:
            assert_never(change)


def _limiting_sentence(change: Limiting, name: str) -> str:
    what = "; ".join(f"{member} {_limit(change.old[member])} → {_limit(change.new[member])}" for member in change.new)
    match change:
        case c.MessagesChanged():
            return f"The validation messages of {name} were reworded."
        case c.ValidationChanged(new={"rules": _}):
            return f"The validation rules of {name} changed."
        case c.ValidationChanged():
            return f"The validation of {name} changed: {what}."
        case c.PrecisionChanged():
            return f"The decimals of {name} changed: {what}."
        case c.ChoiceLimitsChanged():
            return f"How many options of {name} may be chosen changed: {what}."
        case c.ScaleChanged():
            return f"The scale of {name} changed: {what}."
        case _:
            assert_never(change)


def _limit(value: Any) -> str:
    if value is None or value == []:
        return "none"
    return value if isinstance(value, str) else dumps(value)


def _key_sentence(change: c.KeyChanged, name: str) -> str:
    if change.old["key"] == change.new["key"]:
        return f"The former keys of {name} changed."
    return f"The key of {name} is {change.new['key']!r} instead of {change.old['key']!r}."


# --- options -------------------------------------------------------------------------------------------------------


def _option_sentence(change: c.AboutOption, names: Names) -> str:
    name, option_set = names.option(change.option_set_id, change.value), names.option_set(change.option_set_id)
    match change:
        case c.OptionAdded():
            return f"The option {name} was added to {option_set}."
        case c.OptionRemoved():
            return f"The option {name} was removed from {option_set}."
        case c.OptionReworded():
            return f"An option of {option_set} was reworded {names.rewording(change.old, change.new)}."
        case c.OptionRetired():
            return f"The option {name} of {option_set} was retired."
        case c.OptionUnretired():
            return f"The option {name} of {option_set} was brought back."
        case c.ExclusiveChanged():
            return f"The option {name} of {option_set} {'now excludes' if change.new else 'no longer excludes'} all others."
        case c.OptionConditionChanged():
            return f"The condition of the option {name} of {option_set} {_condition(change)}."
        case c.OptionSourceChanged():
            return f"The record of its origin of the option {name} of {option_set} changed."
        case _:
            assert_never(change)
