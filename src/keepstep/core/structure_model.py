"""What a wizard is: frozen models of the whole tree of steps, option sets and options, and the ways to find a node in it.

Must not know JSON (`structure` parses and dumps), nor what no single member can see (`structure_rules`).
"""

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from keepstep.core.jsonvalue import MAX_MEMBER_DEPTH, exact, unstorable
from keepstep.core.patterns import MAX_PATTERN
from keepstep.core.text import Plain, Text

SCHEMA_VERSION: Final = 1
# A wizard of this size still opens, diffs and publishes within the budgets of docs/benchmarks.md; above it a request
# would hold a worker for seconds.
MAX_OPTION_SETS: Final = 4_000
MAX_STEPS: Final = 2_000
MAX_OPTIONS: Final = 5_000
MAX_ALL_OPTIONS: Final = 100_000
MAX_RULES: Final = 100

KEY_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,63}$"
ID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
LANGUAGE_PATTERN: Final = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"


def _exact(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        raise ValueError("Give a number")  # noqa: TRY004 — the model turns a ValueError into a finding, a TypeError into a crash
    return exact(Decimal(repr(value)) if isinstance(value, float) else value)


def _plain_json(value: Any) -> Any:
    reason = unstorable(value, MAX_MEMBER_DEPTH)
    if reason:
        raise ValueError(reason)
    return value


Key = Annotated[str, Field(pattern=KEY_PATTERN)]
Id = Annotated[str, Field(pattern=ID_PATTERN)]
Language = Annotated[str, Field(pattern=LANGUAGE_PATTERN)]
Code = Annotated[Plain, Field(min_length=1, max_length=200)]
# Strict, since a lax reading would take "no" for false, true for 1 and "3" for 3.
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[
    Annotated[int, Field(strict=True)] | Annotated[Decimal, Field(strict=True)],
    BeforeValidator(_exact),
    WithJsonSchema({"type": "number"}),
]
Count = Annotated[Whole, Field(ge=0, le=10**9)]
Expression = Annotated[Any, AfterValidator(_plain_json)]
"""A JsonLogic expression (docs/logic.md): an operator object, a literal, or None for "no condition"."""
Literals = Annotated[Any, AfterValidator(_plain_json)]
"""A JSON value as answers have it."""
Pattern = Annotated[Plain, Field(max_length=MAX_PATTERN)]
Members = Annotated[dict[str, Any], AfterValidator(_plain_json)]


class Frozen(BaseModel):
    """A value: unknown members are refused, known ones never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where an imported node came from: its name there, and verbatim what could not be translated."""

    format: Plain
    name: Plain | None = None
    verbatim: Members = Field(default_factory=dict)


class Rule(Frozen):
    """A constraint by expression; `{"var": "."}` is the value looked at. Broken when the expression is false."""

    expression: Expression
    message: Text | None = None


class Constraints(Frozen):
    """What every constrained type has: rules by expression, and own messages by the name of the constraint that fails."""

    rules: Annotated[tuple[Rule, ...], Field(max_length=MAX_RULES)] = ()
    messages: dict[str, Text] = Field(default_factory=dict)


class TextConstraints(Constraints):
    min_length: Count | None = None
    max_length: Count | None = None
    pattern: Pattern | None = None


class PhoneConstraints(Constraints):
    regions: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()


class NumberConstraints(Constraints):
    min: Number | None = None
    max: Number | None = None
    step: Number | None = Field(default=None, gt=0)
    max_decimals: Annotated[Whole, Field(ge=0, le=60)] | None = None


class IntegerConstraints(Constraints):
    min: Number | None = None
    max: Number | None = None
    step: Number | None = Field(default=None, gt=0)


class SliderConstraints(Constraints):
    min: Whole = 0
    max: Whole = 100
    step: Annotated[Whole, Field(gt=0)] = 1


class RatingConstraints(Constraints):
    min: Annotated[Whole, Field(ge=0)] = 1
    max: Annotated[Whole, Field(le=100)] = 5


class DateConstraints(Constraints):
    min: Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2}|today([+-]\d{1,5})?)$")] | None = None
    max: Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2}|today([+-]\d{1,5})?)$")] | None = None


class TimeConstraints(Constraints):
    min: Annotated[str, Field(pattern=r"^\d{2}:\d{2}(:\d{2})?$")] | None = None
    max: Annotated[str, Field(pattern=r"^\d{2}:\d{2}(:\d{2})?$")] | None = None


class DateTimeConstraints(Constraints):
    min: Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2}T\S+|now)$")] | None = None
    max: Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2}T\S+|now)$")] | None = None


class ChoicesConstraints(Constraints):
    min_choices: Count | None = None
    max_choices: Count | None = None


class FileConstraints(Constraints):
    max_files: Annotated[Whole, Field(ge=1, le=100)] = 1
    max_size: Annotated[Whole, Field(ge=1)] | None = None
    media_types: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.+-]+/([a-z0-9.+-]+|\*)$")], ...] = ()


class Option(Frozen):
    """One choice. `value` is its identity within its option set: never changed, never used for another meaning."""

    value: Code
    label: Text
    retired: Flag = False
    exclusive: Flag = False
    visible_if: Expression = None
    source: Source | None = None


class OptionSetFields(Frozen):
    """What every option set has, whatever its selection type."""

    id: Id
    key: Key
    name: Text
    help: Text | None = None
    key_aliases: tuple[Key, ...] = ()
    is_required: Flag = False
    visible_if: Expression = None
    default: Literals = None
    retired: Flag = False
    hidden: Flag = False
    personal_data: Flag = False
    unit: Text | None = None
    presentation: Members = Field(default_factory=dict)
    source: Source | None = None


class TextInput(OptionSetFields):
    selection_type: Literal["text_input"]
    constraints: TextConstraints = TextConstraints()


class Textarea(OptionSetFields):
    selection_type: Literal["textarea"]
    constraints: TextConstraints = TextConstraints()


class Email(OptionSetFields):
    selection_type: Literal["email"]
    constraints: TextConstraints = TextConstraints()


class Phone(OptionSetFields):
    selection_type: Literal["phone"]
    constraints: PhoneConstraints = PhoneConstraints()


class Url(OptionSetFields):
    selection_type: Literal["url"]
    constraints: TextConstraints = TextConstraints()


class ChoiceFields(OptionSetFields):
    """What the three types with options have besides."""

    options: Annotated[tuple[Option, ...], Field(max_length=MAX_OPTIONS)] = ()
    allow_other: Flag = False

    @cached_property
    def option_by_value(self) -> dict[str, Option]:
        """The options by their value, retired ones included."""
        return {option.value: option for option in self.options}


class SingleSelect(ChoiceFields):
    selection_type: Literal["single_select"]
    constraints: Constraints = Constraints()


class Dropdown(ChoiceFields):
    selection_type: Literal["dropdown"]
    constraints: Constraints = Constraints()


class MultipleSelect(ChoiceFields):
    selection_type: Literal["multiple_select"]
    constraints: ChoicesConstraints = ChoicesConstraints()


class NumberInput(OptionSetFields):
    selection_type: Literal["number"]
    constraints: NumberConstraints = NumberConstraints()


class IntegerInput(OptionSetFields):
    selection_type: Literal["integer"]
    constraints: IntegerConstraints = IntegerConstraints()


class Slider(OptionSetFields):
    selection_type: Literal["slider"]
    constraints: SliderConstraints = SliderConstraints()


class Rating(OptionSetFields):
    selection_type: Literal["rating"]
    constraints: RatingConstraints = RatingConstraints()


class Boolean(OptionSetFields):
    selection_type: Literal["boolean"]
    constraints: Constraints = Constraints()


class Date(OptionSetFields):
    selection_type: Literal["date"]
    constraints: DateConstraints = DateConstraints()


class Time(OptionSetFields):
    selection_type: Literal["time"]
    constraints: TimeConstraints = TimeConstraints()


class DateTime(OptionSetFields):
    selection_type: Literal["datetime"]
    constraints: DateTimeConstraints = DateTimeConstraints()


class File(OptionSetFields):
    selection_type: Literal["file"]
    constraints: FileConstraints = FileConstraints()


class Statement(OptionSetFields):
    """Text shown between questions; takes no answer."""

    selection_type: Literal["statement"]
    text: Text | None = None
    constraints: Constraints = Constraints()


class Calculated(OptionSetFields):
    """A value derived from other answers; stored, and marked as calculated."""

    selection_type: Literal["calculated"]
    expression: Expression = None
    constraints: Constraints = Constraints()


OptionSet = (
    TextInput
    | Textarea
    | Email
    | Phone
    | Url
    | SingleSelect
    | Dropdown
    | MultipleSelect
    | NumberInput
    | IntegerInput
    | Slider
    | Rating
    | Boolean
    | Date
    | Time
    | DateTime
    | File
    | Statement
    | Calculated
)
OPTION_SET_BY_TYPE: Final[dict[str, type[OptionSetFields]]] = {
    get_args(member.model_fields["selection_type"].annotation)[0]: member for member in get_args(OptionSet)
}
SELECTION_TYPES: Final = tuple(OPTION_SET_BY_TYPE)
CHOICE_TYPES: Final = ("single_select", "dropdown", "multiple_select")


class Step(Frozen):
    """One page of a wizard."""

    id: Id
    key: Key
    name: Text
    help: Text | None = None
    visible_if: Expression = None
    retired: Flag = False
    option_sets: tuple[Annotated[OptionSet, Field(discriminator="selection_type")], ...] = ()
    presentation: Members = Field(default_factory=dict)
    source: Source | None = None


class Ending(Frozen):
    """A page after the last step; the first one whose condition holds is shown."""

    key: Key
    name: Text
    text: Text | None = None
    visible_if: Expression = None


class Structure(Frozen):
    """A whole wizard as a value. Two structures are equal when every member is."""

    schema_version: Literal[1] = 1
    name: Text
    description: Text | None = None
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=100)] = ("en",)
    default_language: Language = "en"
    steps: Annotated[tuple[Step, ...], Field(max_length=MAX_STEPS)] = ()
    endings: Annotated[tuple[Ending, ...], Field(max_length=100)] = ()
    presentation: Members = Field(default_factory=dict)
    source: Source | None = None

    @cached_property
    def option_sets(self) -> tuple[OptionSet, ...]:
        """Every option set in the order of the wizard: the order of the `asked` bits and of a run's responses."""
        return tuple(option_set for step in self.steps for option_set in step.option_sets)

    @cached_property
    def option_set_by_id(self) -> dict[str, OptionSet]:
        return {option_set.id: option_set for option_set in self.option_sets}

    @cached_property
    def step_by_id(self) -> dict[str, Step]:
        return {step.id: step for step in self.steps}

    @cached_property
    def step_of(self) -> dict[str, Step]:
        """The step of each option set, by the option set's id."""
        return {option_set.id: step for step in self.steps for option_set in step.option_sets}

    @cached_property
    def index_of(self) -> dict[str, int]:
        """The position of each option set in `option_sets`, by id."""
        return {option_set.id: index for index, option_set in enumerate(self.option_sets)}

    @cached_property
    def id_by_key(self) -> dict[str, str]:
        """The option set's id for each key, then for each alias that is no key now."""
        aliases = {alias: option_set.id for option_set in self.option_sets for alias in option_set.key_aliases}
        return aliases | {option_set.key: option_set.id for option_set in self.option_sets}


EMPTY_DEFAULT: Final = "en"


def empty_structure(name: str, language: str = EMPTY_DEFAULT) -> Structure:
    """A wizard without steps."""
    return Structure(name=name, languages=(language,), default_language=language)


def choices_of(option_set: OptionSet) -> tuple[Option, ...]:
    """The options of an option set, retired ones included; () for a type without options."""
    return option_set.options if isinstance(option_set, ChoiceFields) else ()
