"""How grave a change is before anything is counted: its code in docs/changes.md, its class, and whom it concerns.

Must not know how many answers are stored: `impact` counts, and what touches nothing is safe here.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, assert_never

from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.convert import rule_for
from keepstep.core.structure import OptionSet, Structure, dump
from keepstep.core.tightness import tightness

Severity = Literal["safe", "convertible", "lossy", "blocking"]
SEVERITIES: Final[tuple[Severity, ...]] = ("safe", "convertible", "lossy", "blocking")
"""From harmless to grave."""
Concern = Literal["D", "R", "E", "X"]
"""D stored answers · R runs in progress · E exports, API, webhooks · X texts only."""


class Rule(NamedTuple):
    """One row of the catalogue. `concerns` holds letters of `Concern`."""

    code: str
    severity: Severity
    concerns: str


# The rows of docs/changes.md that are differences between two structures. A test compares the two.
W1, W3, W4, W5 = Rule("W1", "safe", "X"), Rule("W3", "safe", "X"), Rule("W4", "convertible", "R"), Rule("W5", "safe", "X")
W6: Final = Rule("W6", "convertible", "DE")
P1, P2, P3, P4 = Rule("P1", "safe", "R"), Rule("P2", "blocking", "DR"), Rule("P3", "safe", "R"), Rule("P4", "lossy", "DE")
P5, P6, P7, P8 = Rule("P5", "safe", "X"), Rule("P6", "safe", "R"), Rule("P7", "safe", "E"), Rule("P8", "convertible", "DR")
P9: Final = Rule("P9", "safe", "DR")
Q1, Q2, Q3 = Rule("Q1", "safe", "R"), Rule("Q2", "blocking", "DR"), Rule("Q3", "convertible", "DR")
Q4, Q4_RETIRED, Q4_EMPTY = Rule("Q4", "lossy", "DE"), Rule("Q4", "safe", "DR"), Rule("Q4", "safe", "X")
Q5, Q6, Q7, Q8 = Rule("Q5", "safe", "X"), Rule("Q6", "safe", "E"), Rule("Q7", "safe", "X"), Rule("Q8", "safe", "R")
Q9, Q9_PERSONAL = Rule("Q9", "safe", "X"), Rule("Q9", "safe", "E")
Q11, Q12 = Rule("Q11", "convertible", "DR"), Rule("Q12", "safe", "R")
Q13, Q14, Q15 = Rule("Q13", "safe", "R"), Rule("Q14", "convertible", "DR"), Rule("Q15", "convertible", "DR")
Q16, Q17, Q18, Q19 = Rule("Q16", "lossy", "D"), Rule("Q17", "blocking", "D"), Rule("Q18", "safe", "DR"), Rule("Q19", "convertible", "DR")
Q20, Q21 = Rule("Q20", "convertible", "DR"), Rule("Q21", "safe", "R")
Q26, Q26_ON = Rule("Q26", "convertible", "DR"), Rule("Q26", "safe", "E")
O1, O2, O3, O4 = Rule("O1", "safe", "E"), Rule("O2", "safe", "DR"), Rule("O3", "blocking", "D"), Rule("O4", "safe", "X")
O5, O6, O7 = Rule("O5", "safe", "X"), Rule("O6", "blocking", "D"), Rule("O7", "safe", "E")
O10, O10_OFF = Rule("O10", "convertible", "DR"), Rule("O10", "safe", "R")

# Of the conversion matrix. A mapping that nobody has given yet leaves the meaning undecided: blocking, until it is there.
BY_CONVERSION: Final[Mapping[str, Severity]] = {
    "·": "safe",
    "L": "safe",
    "S": "safe",
    "C": "convertible",
    "M": "blocking",
    "X": "lossy",
    "-": "blocking",
}


def rule_of(change: Change, old: Structure, new: Structure) -> Rule:
    """The row of the catalogue for one change from `old` to `new`."""
    if isinstance(change, c.AboutStep):
        return _of_step(change, new)
    if isinstance(change, c.AboutOptionSet):
        return _of_option_set(change, old, new)
    return _of_option(change) if isinstance(change, c.AboutOption) else _of_wizard(change)


def graver(one: Severity, other: Severity) -> bool:
    """Whether `one` is graver than `other`."""
    return SEVERITIES.index(one) > SEVERITIES.index(other)


def _of_wizard(change: c.AboutWizard) -> Rule:
    match change:
        case c.WizardChanged():
            return W1
        case c.LanguageAdded():
            return W3
        case c.LanguageRemoved():
            return W4
        case c.LanguagesReordered() | c.DefaultLanguageChanged():
            return W5
        case _:
            assert_never(change)


def _of_step(change: c.AboutStep, new: Structure) -> Rule:
    match change:
        case c.StepAdded():
            return _asked_anew(change.new["option_sets"], retired=change.new.get("retired", False))
        case c.StepUnretired():
            return _asked_anew(dump(new.step_by_id[change.step_id])["option_sets"], retired=False)
        case c.StepRemoved():
            return P4 if any(takes_answers(item) for item in change.old["option_sets"]) else P3
        case c.StepMoved():
            return P6
        case c.StepChanged():
            return P7 if change.member == "key" else P5
        case c.StepConditionChanged():
            return P8
        case c.StepRetired():
            return P9
        case _:
            assert_never(change)


def takes_answers(node: Mapping[str, Any]) -> bool:
    """Whether the option set in JSON takes answers; a statement takes none."""
    return bool(node["selection_type"] != "statement")


def demanding(node: Mapping[str, Any]) -> bool:
    """Whether a run without an answer to this option set in JSON is incomplete: required, asked, and not derived."""
    asked = not node.get("retired", False) and node["selection_type"] not in ("statement", "calculated")
    return bool(asked and node["is_required"])


def _asked_anew(option_sets: list[Mapping[str, Any]], *, retired: bool) -> Rule:
    return P2 if not retired and any(demanding(item) and item["default"] is None for item in option_sets) else P1


Constrained = c.ValidationChanged | c.PrecisionChanged | c.ChoiceLimitsChanged | c.ScaleChanged | c.MessagesChanged
Presence = c.OptionSetAdded | c.OptionSetUnretired | c.OptionSetRemoved | c.OptionSetRetired | c.OptionSetMoved


def _of_option_set(change: c.AboutOptionSet, old: Structure, new: Structure) -> Rule:
    if isinstance(change, Presence):
        return _of_presence(change, new)
    if isinstance(change, Constrained):
        return _constrained(change, new)
    match change:
        case c.TypeChanged():
            return _retyped(old.option_set_by_id[change.option_set_id], new.option_set_by_id[change.option_set_id], new)
        case c.OptionSetReworded():
            return Q5
        case c.KeyChanged():
            return Q6
        case c.RequiredChanged():
            return Q11 if change.new else Q12
        case c.ConditionChanged():
            return Q19
        case _:
            return _meaning_or_property(change)


def _of_presence(change: Presence, new: Structure) -> Rule:
    match change:
        case c.OptionSetAdded():
            return _question_added(change.new)
        case c.OptionSetUnretired():
            return _question_added(dump(new.option_set_by_id[change.option_set_id]))
        case c.OptionSetRemoved():
            return Q4 if takes_answers(change.old) else Q4_EMPTY
        case c.OptionSetRetired():
            return Q4_RETIRED
        case c.OptionSetMoved():
            return Q7 if change.old["step_id"] == change.new["step_id"] else Q8
        case _:
            assert_never(change)


def _meaning_or_property(
    change: c.CalculationChanged
    | c.UnitChanged
    | c.DefaultChanged
    | c.OtherTextChanged
    | c.PropertyChanged
    | c.LabelsPermuted
    | c.OptionsReordered,
) -> Rule:
    match change:
        case c.CalculationChanged():
            return W6
        case c.UnitChanged():
            return Q17
        case c.DefaultChanged():
            return Q18
        case c.OtherTextChanged():
            return Q26_ON if change.new else Q26
        case c.PropertyChanged():
            return {"hidden": Q21, "personal_data": Q9_PERSONAL}.get(change.member, Q9)
        case c.LabelsPermuted():
            return O6
        case c.OptionsReordered():
            return O7
        case _:
            assert_never(change)


def _question_added(node: Mapping[str, Any]) -> Rule:
    if not demanding(node):
        return Q1
    return Q2 if node["default"] is None else Q3


def _retyped(old: OptionSet, new: OptionSet, structure: Structure) -> Rule:
    conversion = rule_for(old, new, language=structure.default_language)
    if old.selection_type == "statement":
        return _question_added(dump(new))
    found = BY_CONVERSION[conversion.kind]
    # The target's own limits are checked after any conversion, so a rule without loss may still leave conflicts.
    limited = new.constraints != type(new.constraints)()
    return Rule("Q10", "convertible" if found == "safe" and limited else found, "DRE")


def _constrained(change: Constrained, new: Structure) -> Rule:
    if isinstance(change, c.ScaleChanged):
        return Q17
    found = tightness(change.old, change.new)
    constraints = new.option_set_by_id[change.option_set_id].constraints
    # Another lower end moves the whole grid: values that were on it may be off it, and the other way round.
    if "min" in change.new and getattr(constraints, "step", None) is not None:
        found = "incomparable"
    if found == "same":
        return Q5
    if found == "looser":
        return Q13
    if isinstance(change, c.PrecisionChanged):
        return Q16
    if isinstance(change, c.ChoiceLimitsChanged):
        return Q20
    return Q14 if found == "tighter" else Q15


def _of_option(change: c.AboutOption) -> Rule:
    match change:
        case c.OptionAdded() | c.OptionUnretired():
            return O1
        case c.OptionRetired():
            return O2
        case c.OptionRemoved():
            return O3
        case c.OptionReworded():
            return O4
        case c.OptionSourceChanged():
            return O5
        case c.ExclusiveChanged():
            return O10 if change.new else O10_OFF
        case c.OptionConditionChanged():
            return Q19
        case _:
            assert_never(change)
