"""One difference between two structures, as a value: what it is about, what was there, what is there now.

Every variant holds enough to go back by itself (`reverse`). Severity, wording and impact are functions over the union
elsewhere; a new variant makes the type checker name each of them.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final, get_args

from keepstep.core.issue import pointer
from keepstep.core.shelf import option_id

WIZARD: Final = "wizard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What every variant has. `old` and `new` are JSON values; `kind` and the node's id are stable from release to release."""

    old: Any = None
    new: Any = None
    kind: ClassVar[str]
    part: ClassVar[str] = ""
    """Where in its node the difference lies, as a path without the leading slash."""

    @property
    def node_id(self) -> str:
        return WIZARD

    @property
    def detail(self) -> str:
        """The member or language, of a variant that speaks of several."""
        return ""

    @property
    def id(self) -> str:
        """Stable: the same difference has the same id in every diff that shows it."""
        return ":".join(filter(None, (self.kind, self.node_id, self.detail)))

    @property
    def path(self) -> str:
        """A JSON pointer with ids in the place of positions, so that it holds in both structures."""
        return pointer(*filter(None, (*self.place, *self.part.split("/"), self.detail)))

    @property
    def place(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfStep(Difference):
    step_id: str

    @property
    def node_id(self) -> str:
        return self.step_id

    @property
    def place(self) -> tuple[str, ...]:
        return ("steps", self.step_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfOptionSet(Difference):
    option_set_id: str

    @property
    def node_id(self) -> str:
        return self.option_set_id

    @property
    def place(self) -> tuple[str, ...]:
        return ("option_sets", self.option_set_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfOption(Difference):
    option_set_id: str
    value: str

    @property
    def node_id(self) -> str:
        return option_id(self.option_set_id, self.value)

    @property
    def place(self) -> tuple[str, ...]:
        return ("option_sets", self.option_set_id, "options", self.value)


# --- the wizard -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WizardChanged(Difference):
    """The wizard's own name, description, endings, presentation or source."""

    member: str
    kind: ClassVar[str] = "wizard-changed"

    @property
    def detail(self) -> str:
        return self.member


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageAdded(Difference):
    """`new` holds its position among the languages and its texts, by JSON pointer into the new structure."""

    language: str
    kind: ClassVar[str] = "language-added"
    part: ClassVar[str] = "languages"

    @property
    def detail(self) -> str:
        return self.language


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRemoved(Difference):
    """`old` as the `new` of LanguageAdded, by pointers into the old structure."""

    language: str
    kind: ClassVar[str] = "language-removed"
    part: ClassVar[str] = "languages"

    @property
    def detail(self) -> str:
        return self.language


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguagesReordered(Difference):
    """The languages that both structures have, in another order."""

    kind: ClassVar[str] = "languages-reordered"
    part: ClassVar[str] = "languages"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultLanguageChanged(Difference):
    kind: ClassVar[str] = "default-language-changed"
    part: ClassVar[str] = "default_language"


# --- steps ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAdded(OfStep):
    """`new` is the step in JSON with the option sets that are new with it."""

    position: int
    kind: ClassVar[str] = "step-added"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRemoved(OfStep):
    """`old` is the step in JSON with the option sets that go with it; those that moved out have changes of their own."""

    position: int
    kind: ClassVar[str] = "step-removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMoved(OfStep):
    """`old` and `new` are positions in the wizard."""

    kind: ClassVar[str] = "step-moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChanged(OfStep):
    """Name, help, key, presentation or source of a step."""

    member: str
    kind: ClassVar[str] = "step-changed"

    @property
    def detail(self) -> str:
        return self.member


@dataclass(frozen=True, slots=True, kw_only=True)
class StepConditionChanged(OfStep):
    kind: ClassVar[str] = "step-condition-changed"
    part: ClassVar[str] = "visible_if"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRetired(OfStep):
    kind: ClassVar[str] = "step-retired"
    part: ClassVar[str] = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUnretired(OfStep):
    kind: ClassVar[str] = "step-unretired"
    part: ClassVar[str] = "retired"


# --- option sets ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSetAdded(OfOptionSet):
    """`new` is the option set in JSON."""

    step_id: str
    position: int
    kind: ClassVar[str] = "option-set-added"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSetRemoved(OfOptionSet):
    """`old` is the option set in JSON."""

    step_id: str
    position: int
    kind: ClassVar[str] = "option-set-removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSetMoved(OfOptionSet):
    """`old` and `new` are `{step_id, position}`."""

    kind: ClassVar[str] = "option-set-moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSetReworded(OfOptionSet):
    """Name, help or text."""

    member: str
    kind: ClassVar[str] = "option-set-reworded"

    @property
    def detail(self) -> str:
        return self.member


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesChanged(OfOptionSet):
    """The own wordings of validation messages; `old` and `new` are parts of the constraints, as in the four variants below."""

    kind: ClassVar[str] = "messages-changed"
    part: ClassVar[str] = "constraints/messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChanged(OfOptionSet):
    """`old` and `new` are `{key, key_aliases}`."""

    kind: ClassVar[str] = "key-changed"
    part: ClassVar[str] = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeChanged(OfOptionSet):
    """`old` and `new` hold the selection type and every member that only one of the two types has, or has in another form."""

    kind: ClassVar[str] = "type-changed"
    part: ClassVar[str] = "selection_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredChanged(OfOptionSet):
    kind: ClassVar[str] = "required-changed"
    part: ClassVar[str] = "is_required"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionChanged(OfOptionSet):
    kind: ClassVar[str] = "condition-changed"
    part: ClassVar[str] = "visible_if"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalculationChanged(OfOptionSet):
    kind: ClassVar[str] = "calculation-changed"
    part: ClassVar[str] = "expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationChanged(OfOptionSet):
    """Constraints that say which values fit."""

    kind: ClassVar[str] = "validation-changed"
    part: ClassVar[str] = "constraints"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionChanged(OfOptionSet):
    """The number of decimals that fit."""

    kind: ClassVar[str] = "precision-changed"
    part: ClassVar[str] = "constraints"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceLimitsChanged(OfOptionSet):
    """How many options may be chosen."""

    kind: ClassVar[str] = "choice-limits-changed"
    part: ClassVar[str] = "constraints"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleChanged(OfOptionSet):
    """Ends or grid of a slider or rating: the same number may mean something else now."""

    kind: ClassVar[str] = "scale-changed"
    part: ClassVar[str] = "constraints"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChanged(OfOptionSet):
    kind: ClassVar[str] = "unit-changed"
    part: ClassVar[str] = "unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultChanged(OfOptionSet):
    kind: ClassVar[str] = "default-changed"
    part: ClassVar[str] = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTextChanged(OfOptionSet):
    """Whether a text of one's own may be given."""

    kind: ClassVar[str] = "other-text-changed"
    part: ClassVar[str] = "allow_other"


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyChanged(OfOptionSet):
    """hidden, personal_data, presentation or source."""

    member: str
    kind: ClassVar[str] = "property-changed"

    @property
    def detail(self) -> str:
        return self.member


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSetRetired(OfOptionSet):
    kind: ClassVar[str] = "option-set-retired"
    part: ClassVar[str] = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSetUnretired(OfOptionSet):
    kind: ClassVar[str] = "option-set-unretired"
    part: ClassVar[str] = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsPermuted(OfOptionSet):
    """Labels that went from option to option; `old` and `new` map option values to labels."""

    kind: ClassVar[str] = "labels-permuted"
    part: ClassVar[str] = "options"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsReordered(OfOptionSet):
    """The options that both structures have, in another order: lists of values."""

    kind: ClassVar[str] = "options-reordered"
    part: ClassVar[str] = "options"


# --- options --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionAdded(OfOption):
    """`new` is the option in JSON."""

    position: int
    kind: ClassVar[str] = "option-added"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRemoved(OfOption):
    """`old` is the option in JSON."""

    position: int
    kind: ClassVar[str] = "option-removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionReworded(OfOption):
    kind: ClassVar[str] = "option-reworded"
    part: ClassVar[str] = "label"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRetired(OfOption):
    kind: ClassVar[str] = "option-retired"
    part: ClassVar[str] = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionUnretired(OfOption):
    kind: ClassVar[str] = "option-unretired"
    part: ClassVar[str] = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusiveChanged(OfOption):
    """Whether the option excludes all others."""

    kind: ClassVar[str] = "exclusive-changed"
    part: ClassVar[str] = "exclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionConditionChanged(OfOption):
    kind: ClassVar[str] = "option-condition-changed"
    part: ClassVar[str] = "visible_if"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSourceChanged(OfOption):
    kind: ClassVar[str] = "option-source-changed"
    part: ClassVar[str] = "source"


AboutWizard = WizardChanged | LanguageAdded | LanguageRemoved | LanguagesReordered | DefaultLanguageChanged
AboutStep = StepAdded | StepRemoved | StepMoved | StepChanged | StepConditionChanged | StepRetired | StepUnretired
AboutOptionSet = (
    OptionSetAdded
    | OptionSetRemoved
    | OptionSetMoved
    | OptionSetReworded
    | MessagesChanged
    | KeyChanged
    | TypeChanged
    | RequiredChanged
    | ConditionChanged
    | CalculationChanged
    | ValidationChanged
    | PrecisionChanged
    | ChoiceLimitsChanged
    | ScaleChanged
    | UnitChanged
    | DefaultChanged
    | OtherTextChanged
    | PropertyChanged
    | OptionSetRetired
    | OptionSetUnretired
    | LabelsPermuted
    | OptionsReordered
)
AboutOption = (
    OptionAdded
    | OptionRemoved
    | OptionReworded
    | OptionRetired
    | OptionUnretired
    | ExclusiveChanged
    | OptionConditionChanged
    | OptionSourceChanged
)
Change = AboutWizard | AboutStep | AboutOptionSet | AboutOption
VARIANTS: Final[tuple[type[Difference], ...]] = get_args(Change)


_OPPOSITES: Final[dict[type[Difference], type[Difference]]] = {
    LanguageAdded: LanguageRemoved,
    StepAdded: StepRemoved,
    StepRetired: StepUnretired,
    OptionSetAdded: OptionSetRemoved,
    OptionSetRetired: OptionSetUnretired,
    OptionAdded: OptionRemoved,
    OptionRetired: OptionUnretired,
}
_OPPOSITE: Final = _OPPOSITES | {removed: added for added, removed in _OPPOSITES.items()}


def reverse(change: Change) -> Change:
    """The change that leads back: `reverse(reverse(c)) == c`."""
    opposite = _OPPOSITE.get(type(change), type(change))
    members = {field.name: getattr(change, field.name) for field in fields(change)}
    back: Any = opposite(**(members | {"old": change.new, "new": change.old}))
    result: Change = back
    return result
