"""What a change means for stored runs, in one or two sentences; what each kind of change does is fixed, counts are not.

A run seen in its own version is never affected, so that is not said each time.
"""

from typing import Final, assert_never

from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.wording import Limiting, Placing

NOTHING_STORED: Final = "Safe here: no stored answer is touched."


def coming_back(answers: int) -> str:
    """Of what is asked again, by the number of answers that were given to it before it went."""
    return f"Answers given to it before belong to it again: {answers:,} stored, unchanged. A run that was not asked may lack it when moved."


def meaning_of(change: Change) -> str:
    if isinstance(change, c.AboutOption):
        return _option_meaning(change)
    if isinstance(change, c.AboutOptionSet):
        return _option_set_meaning(change)
    return _step_meaning(change) if isinstance(change, c.AboutStep) else _wizard_meaning(change)


def _wizard_meaning(change: c.AboutWizard) -> str:
    match change:
        case c.WizardChanged() | c.LanguagesReordered() | c.DefaultLanguageChanged():
            return "Stored runs keep what they were shown."
        case c.LanguageAdded():
            return "Untranslated texts appear in the default language."
        case c.LanguageRemoved():
            return "Runs in this language finish in it; a run that is moved falls back to the default language."
        case _:
            assert_never(change)


def _step_meaning(change: c.AboutStep) -> str:
    match change:
        case c.StepAdded() | c.StepUnretired():
            return "Stored runs never saw it. A run that is moved may be missing required answers."
        case c.StepRemoved():
            return "Answers stay with their runs and in exports. A run that is moved keeps them in its archive."
        case c.StepMoved() | c.StepChanged():
            return "Answers keep their place by id."
        case c.StepConditionChanged():
            return "A run that is moved may have answers that are no longer asked for, or lack some that now are."
        case c.StepRetired():
            return "It is not asked anew. Answers keep their place, also when runs are moved."
        case _:
            assert_never(change)


def _option_set_meaning(change: c.AboutOptionSet) -> str:
    if isinstance(change, Placing):
        return _placing_meaning(change)
    if isinstance(change, Limiting):
        return _limiting_meaning(change)
    match change:
        case c.OptionSetReworded():
            return "Stored runs keep the wording that they were shown. If it means something else now, retire it and add a new one."
        case c.PropertyChanged() | c.OptionsReordered():
            return "No stored answer changes."
        case c.KeyChanged():
            return "Answers stay with the question; exports name the column by the new key, and the old one keeps working."
        case c.TypeChanged():
            return "Stored answers keep their type. A run that is moved has them converted, and what does not convert waits for a person."
        case c.RequiredChanged():
            return "Stored runs stay complete. A run that is moved may lack the answer."
        case c.ConditionChanged():
            return "A run that is moved may have an answer that is no longer asked for, or lack one that now is."
        case _:
            return _value_meaning(change)


def _value_meaning(change: c.CalculationChanged | c.UnitChanged | c.DefaultChanged | c.OtherTextChanged | c.LabelsPermuted) -> str:
    match change:
        case c.CalculationChanged():
            return "Stored values stay. A run that is moved may get another value: keep it, recompute, or keep both."
        case c.UnitChanged():
            return "Stored numbers keep the old unit. A run can be moved once it is said how one becomes the other."
        case c.DefaultChanged():
            return "Stored answers stay untouched."
        case c.OtherTextChanged():
            return "Texts that people wrote stay with their runs. In a run that is moved they wait for a person."
        case c.LabelsPermuted():
            return "The same stored value would be read as another answer. Say whether the labels or the values were meant to change."
        case _:
            assert_never(change)


def _placing_meaning(change: Placing) -> str:
    match change:
        case c.OptionSetAdded() | c.OptionSetUnretired():
            return "Stored runs were not asked. A run that is moved may lack the answer."
        case c.OptionSetRemoved():
            return "Answers stay with their runs and in exports. A run that is moved keeps this one in its archive."
        case c.OptionSetMoved():
            return "Answers keep their place by id."
        case c.OptionSetRetired():
            return "It is not asked anew. Answers keep their place, also when runs are moved."
        case _:
            assert_never(change)


def _limiting_meaning(change: Limiting) -> str:
    match change:
        case c.MessagesChanged():
            return "No stored answer changes."
        case c.ValidationChanged() | c.ChoiceLimitsChanged():
            return "Stored answers stay as they are. In a run that is moved, those that no longer fit wait for a person."
        case c.PrecisionChanged():
            return "Stored numbers keep every decimal; nothing is rounded unless that is chosen when runs are moved."
        case c.ScaleChanged():
            return "Stored numbers belong to the old scale. A run can be moved once it is said how one becomes the other."
        case _:
            assert_never(change)


def _option_meaning(change: c.AboutOption) -> str:
    match change:
        case c.OptionAdded() | c.OptionUnretired() | c.OptionSourceChanged():
            return "No stored answer changes."
        case c.OptionRemoved():
            return "It stays chosen where it was chosen. A run that chose it can be moved once it is said what becomes of it."
        case c.OptionReworded():
            return "Stored runs keep the label that they were shown. If it means something else now, retire it and add a new one."
        case c.OptionRetired():
            return "It is not offered anew, and stays chosen where it was chosen."
        case c.ExclusiveChanged():
            return "Stored answers stay. In a run that is moved, a combination that is no longer possible waits for a person."
        case c.OptionConditionChanged():
            return "It stays chosen where it was chosen, also where it would no longer be offered."
        case _:
            assert_never(change)
