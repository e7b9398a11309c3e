"""What a wizard is: the whole tree of steps, option sets and options as one immutable value.

parse → `Structure` → dump. Drafts and versions are the same model. Its JSON Schema (docs/structure.schema.json) is
normative. Must not know how a structure is stored, changed or answered.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema

from keepstep.core.issue import Issue, pointer, to_errors
from keepstep.core.jsonvalue import exact, unstorable
from keepstep.core.text import Plain, Text, normal_text
from keepstep.errors import StructureInvalid

SCHEMA_VERSION: Final = 1
# A wizard of this size still opens, diffs and publishes within the budgets of docs/benchmarks.md; above it a request
# would hold a worker for seconds.
MAX_OPTION_SETS: Final = 4_000
MAX_STEPS: Final = 2_000
MAX_OPTIONS: Final = 5_000

KEY_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,63}$"
ID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
LANGUAGE_PATTERN: Final = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"


def _exact(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        return value
    return exact(Decimal(repr(value)) if isinstance(value, float) else value)


def _plain_json(value: Any) -> Any:
    reason = unstorable(value)
    if reason:
        raise ValueError(reason)
    return value


Key = Annotated[str, Field(pattern=KEY_PATTERN)]
Id = Annotated[str, Field(pattern=ID_PATTERN)]
Language = Annotated[str, Field(pattern=LANGUAGE_PATTERN)]
Code = Annotated[Plain, Field(min_length=1, max_length=200)]
Number = Annotated[int | Decimal, BeforeValidator(_exact), WithJsonSchema({"type": "number"})]
Count = Annotated[int, Field(ge=0, le=10**9)]
Expression = Annotated[Any, AfterValidator(_plain_json)]
"""A JsonLogic expression (docs/logic.md): an operator object, a literal, or None for "no condition"."""
Pattern = Annotated[Plain, Field(max_length=1_000)]
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

    rules: tuple[Rule, ...] = ()
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
    max_decimals: Annotated[int, Field(ge=0, le=60)] | None = None


class IntegerConstraints(Constraints):
    min: Number | None = None
    max: Number | None = None
    step: Number | None = Field(default=None, gt=0)


class SliderConstraints(Constraints):
    min: int = 0
    max: int = 100
    step: Annotated[int, Field(gt=0)] = 1


class RatingConstraints(Constraints):
    min: Annotated[int, Field(ge=0)] = 1
    max: Annotated[int, Field(le=100)] = 5


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
    max_files: Annotated[int, Field(ge=1, le=100)] = 1
    max_size: Annotated[int, Field(ge=1)] | None = None
    media_types: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.+-]+/([a-z0-9.+-]+|\*)$")], ...] = ()


class Option(Frozen):
    """One choice. `value` is its identity within its option set: never changed, never used for another meaning."""

    value: Code
    label: Text
    retired: bool = False
    exclusive: bool = False
    visible_if: Expression = None
    source: Source | None = None


class OptionSetFields(Frozen):
    """What every option set has, whatever its selection type."""

    id: Id
    key: Key
    name: Text
    help: Text | None = None
    key_aliases: tuple[Key, ...] = ()
    is_required: bool = False
    visible_if: Expression = None
    default: Any = None
    retired: bool = False
    hidden: bool = False
    personal_data: bool = False
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
    allow_other: bool = False

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
    retired: bool = False
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


# --- parse ---------------------------------------------------------------------------------------------------------


def parse(data: Any) -> Structure:
    """The structure that this JSON value describes, in canonical form. Raises StructureInvalid with every finding."""
    return _parsed(Structure, _upgraded(data))


def parse_option_set(data: Any, languages: tuple[str, ...], default: str) -> OptionSet:
    """One option set; as `parse`."""
    node = _option_set_texts(data, languages, default)
    try:
        option_set: OptionSet = _option_set_adapter.validate_python(node)
    except ValidationError as error:
        raise StructureInvalid(_first(_issues(error)), errors=to_errors(_issues(error))) from error
    return option_set


def parse_step(data: Any, languages: tuple[str, ...], default: str) -> Step:
    """One step with its option sets; as `parse`."""
    try:
        return Step.model_validate(_step_texts(data, languages, default))
    except ValidationError as error:
        raise StructureInvalid(_first(_issues(error)), errors=to_errors(_issues(error))) from error


_option_set_adapter: TypeAdapter[OptionSet] = TypeAdapter(Annotated[OptionSet, Field(discriminator="selection_type")])


def _parsed(model: type[Structure], data: Any) -> Structure:
    try:
        structure = model.model_validate(_texts(data))
    except ValidationError as error:
        issues = _issues(error)
    else:
        issues = tuple(faults_in(structure))
        if not issues:
            return structure
    raise StructureInvalid(_first(issues), errors=to_errors(issues[:200]))


def _first(issues: tuple[Issue, ...]) -> str:
    more = f" ({len(issues) - 1} more)" if len(issues) > 1 else ""
    return f"{issues[0].pointer or '/'}: {issues[0].detail}{more}"


def _upgraded(data: Any) -> Any:
    """The structure in the present format. Every released format stays readable for ever: a chain of pure functions by number."""
    if isinstance(data, Mapping) and data.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        detail = f"This release reads structures of schema_version {SCHEMA_VERSION}; import the file with a newer Keepstep."
        raise StructureInvalid(detail, errors=to_errors((Issue("/schema_version", "schema-version-unknown", detail),)))
    return data


def _texts(data: Any) -> Any:
    """The same data with every localised text in canonical form; wrong shapes are left for the model to name."""
    if not isinstance(data, Mapping):
        return data
    languages, default = _languages(data)
    result = _normalised(data, ("name", "description"), languages, default)
    result["languages"], result["default_language"] = list(languages), default
    if isinstance(data.get("steps"), list | tuple):
        result["steps"] = [_step_texts(step, languages, default) for step in data["steps"]]
    if isinstance(data.get("endings"), list | tuple):
        result["endings"] = [_normalised(ending, ("name", "text"), languages, default) for ending in data["endings"]]
    return result


def _languages(data: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    given = data.get("languages")
    languages = tuple(given) if isinstance(given, list | tuple) and given and all(isinstance(item, str) for item in given) else ()
    default = data.get("default_language")
    if not isinstance(default, str):
        default = languages[0] if languages else EMPTY_DEFAULT
    return languages or (default,), default


def _normalised(data: Any, members: tuple[str, ...], languages: tuple[str, ...], default: str) -> Any:
    if not isinstance(data, Mapping):
        return data
    return dict(data) | {name: normal_text(data[name], languages, default) for name in members if name in data}


def _step_texts(data: Any, languages: tuple[str, ...], default: str) -> Any:
    result = _normalised(data, ("name", "help"), languages, default)
    if isinstance(result, dict) and isinstance(result.get("option_sets"), list | tuple):
        result["option_sets"] = [_option_set_texts(item, languages, default) for item in result["option_sets"]]
    return result


def _option_set_texts(data: Any, languages: tuple[str, ...], default: str) -> Any:
    result = _normalised(data, ("name", "help", "unit", "text"), languages, default)
    if not isinstance(result, dict):
        return result
    if isinstance(result.get("options"), list | tuple):
        result["options"] = [_normalised(option, ("label",), languages, default) for option in result["options"]]
    if isinstance(result.get("constraints"), Mapping):
        result["constraints"] = _constraint_texts(result["constraints"], languages, default)
    return result


def _constraint_texts(data: Mapping[str, Any], languages: tuple[str, ...], default: str) -> dict[str, Any]:
    result = dict(data)
    if isinstance(result.get("rules"), list | tuple):
        result["rules"] = [_normalised(rule, ("message",), languages, default) for rule in result["rules"]]
    if isinstance(result.get("messages"), Mapping):
        result["messages"] = {name: normal_text(text, languages, default) for name, text in result["messages"].items()}
    return result


_TAGS: Final = frozenset(SELECTION_TYPES)
_LOCATION_NOISE: Final = re.compile(r"^(function-|constrained-|dict\[|str$|int$|decimal$|list\[|json-or-python)")


def _issues(error: ValidationError) -> tuple[Issue, ...]:
    seen: dict[tuple[str, str], Issue] = {}
    for item in error.errors(include_url=False, include_input=False):
        path = tuple(part for position, part in enumerate(item["loc"]) if not _is_tag(item["loc"], position))
        seen.setdefault((pointer(*path), item["type"]), Issue(pointer(*path), item["type"].replace("_", "-"), _sentence(item["msg"])))
    return tuple(seen.values())


def _is_tag(location: tuple[int | str, ...], position: int) -> bool:
    """Pydantic puts the name of the union's member into the path; a JSON pointer must not have it."""
    part = location[position]
    if not isinstance(part, str):
        return False
    if part in _TAGS:
        return position == 0 or (position >= 2 and location[position - 2] == "option_sets")
    return bool(_LOCATION_NOISE.match(part))


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text if text.endswith(".") else text + "."


# --- rules between members -----------------------------------------------------------------------------------------


def faults_in(structure: Structure) -> Iterator[Issue]:
    """What no single member can see: duplicate ids, keys and values, unknown languages, sizes, patterns that do not compile."""
    yield from _language_faults(structure)
    yield from _duplicates(structure)
    if len(structure.option_sets) > MAX_OPTION_SETS:
        yield Issue("/steps", "too-many-option-sets", f"A wizard has at most {MAX_OPTION_SETS} option sets; split it.")
    for path, option_set in walk(structure):
        yield from _option_set_faults(path, option_set)


def walk(structure: Structure) -> Iterator[tuple[str, OptionSet]]:
    """Each option set with its JSON pointer."""
    for step_index, step in enumerate(structure.steps):
        for index, option_set in enumerate(step.option_sets):
            yield f"/steps/{step_index}/option_sets/{index}", option_set


def _language_faults(structure: Structure) -> Iterator[Issue]:
    if structure.default_language not in structure.languages:
        yield Issue("/default_language", "language-unknown", "The default language must be one of the languages.")
    if len(set(structure.languages)) != len(structure.languages):
        yield Issue("/languages", "duplicate-language", "Each language is named once.")
    known = set(structure.languages)
    for path, text in localised(structure):
        unknown = [language for language in text if language not in known] if isinstance(text, dict) else []
        if unknown:
            yield Issue(path, "language-unknown", f"{unknown[0]!r} is not among the languages of this wizard; add it there first.")


def localised(structure: Structure) -> Iterator[tuple[str, Text]]:
    """Every localised text of the structure with its JSON pointer."""
    yield from _texts_at("", structure, ("name", "description"))
    for index, ending in enumerate(structure.endings):
        yield from _texts_at(f"/endings/{index}", ending, ("name", "text"))
    for index, step in enumerate(structure.steps):
        yield from _texts_at(f"/steps/{index}", step, ("name", "help"))
    for path, option_set in walk(structure):
        yield from option_set_texts(path, option_set)


def option_set_texts(path: str, option_set: OptionSet) -> Iterator[tuple[str, Text]]:
    """As `localised`, for one option set at `path`."""
    yield from _texts_at(path, option_set, ("name", "help", "unit", "text"))
    for index, option in enumerate(choices_of(option_set)):
        yield f"{path}/options/{index}/label", option.label
    for index, rule in enumerate(option_set.constraints.rules):
        yield from _texts_at(f"{path}/constraints/rules/{index}", rule, ("message",))
    for name, text in option_set.constraints.messages.items():
        yield path + pointer("constraints", "messages", name), text


def _texts_at(path: str, node: Frozen, members: tuple[str, ...]) -> Iterator[tuple[str, Text]]:
    for name in members:
        text = getattr(node, name, None)
        if text is not None:
            yield f"{path}/{name}", text


def _duplicates(structure: Structure) -> Iterator[Issue]:
    ids: set[str] = set()
    keys: set[str] = set()
    step_keys: set[str] = set()
    for index, step in enumerate(structure.steps):
        yield from _once(ids, step.id, f"/steps/{index}/id", "duplicate-id", "Each step and option set needs an id of its own.")
        yield from _once(step_keys, step.key, f"/steps/{index}/key", "duplicate-key", "Another step has this key.")
    for path, option_set in walk(structure):
        yield from _once(ids, option_set.id, f"{path}/id", "duplicate-id", "Each step and option set needs an id of its own.")
        yield from _once(keys, option_set.key, f"{path}/key", "duplicate-key", "Another option set has this key (or had it, as an alias).")
        for number, alias in enumerate(option_set.key_aliases):
            yield from _once(keys, alias, f"{path}/key_aliases/{number}", "duplicate-key", "Another option set has this key.")


def _once(seen: set[str], item: str, path: str, code: str, detail: str) -> Iterator[Issue]:
    if item in seen:
        yield Issue(path, code, detail)
    seen.add(item)


def _option_set_faults(path: str, option_set: OptionSet) -> Iterator[Issue]:
    values: set[str] = set()
    for index, option in enumerate(choices_of(option_set)):
        yield from _once(
            values, option.value, f"{path}/options/{index}/value", "duplicate-value", "Another option of this set has this value."
        )
    constraints = option_set.constraints
    for low, high in (("min", "max"), ("min_length", "max_length"), ("min_choices", "max_choices")):
        yield from _order_fault(path, constraints, low, high)
    if isinstance(constraints, TextConstraints) and constraints.pattern is not None:
        yield from _pattern_fault(f"{path}/constraints/pattern", constraints.pattern)
    for name in constraints.messages:
        if name not in type(constraints).model_fields and name not in ("is_required", "type"):
            yield Issue(path + pointer("constraints", "messages", name), "constraint-unknown", "No constraint has this name.")


def _order_fault(path: str, constraints: Constraints, low: str, high: str) -> Iterator[Issue]:
    least, most = getattr(constraints, low, None), getattr(constraints, high, None)
    if least is None or most is None or (isinstance(least, str) and least[:1] in "tn") or (isinstance(most, str) and most[:1] in "tn"):
        return
    if least > most:
        yield Issue(f"{path}/constraints/{low}", "empty-range", f"{low} is greater than {high}: no answer would fit.")


# A quantified group that is itself quantified can take time exponential in the length of a respondent's answer.
_NESTED_QUANTIFIER: Final = re.compile(r"\([^()]*[+*}][^()]*\)\s*[+*{]")


def _pattern_fault(path: str, pattern: str) -> Iterator[Issue]:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        yield Issue(path, "pattern-invalid", f"Not a regular expression: {error}.")
        return
    if _NESTED_QUANTIFIER.search(pattern):
        yield Issue(
            path, "pattern-too-slow", "A repeated group inside a repeated group can take for ever; write it without the inner repeat."
        )


# --- dump ----------------------------------------------------------------------------------------------------------

# Always written, so that a reader need not know the defaults; every other member is written only when it differs from
# its default, so that a member added later changes no digest of an old structure.
_ALWAYS: Final = frozenset(
    "schema_version name description languages default_language steps id key visible_if option_sets help key_aliases "
    "selection_type is_required default constraints options value label expression format".split()
)
_NOT_ALWAYS: Final = {Option: frozenset({"visible_if"}), Step: frozenset({"help"})}


def dump(node: Frozen) -> dict[str, Any]:
    """The JSON value of a structure or of one node of it: the inverse of `parse`."""
    sometimes = _NOT_ALWAYS.get(type(node), frozenset())
    result: dict[str, Any] = {}
    for name, field in type(node).model_fields.items():
        value = getattr(node, name)
        if (name in _ALWAYS and name not in sometimes) or value != field.get_default(call_default_factory=True):
            result[name] = _dumped(value)
    return result


def _dumped(value: Any) -> Any:
    if isinstance(value, Frozen):
        return dump(value)
    if isinstance(value, tuple):
        return [_dumped(item) for item in value]
    return value


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a structure: normative, and committed as docs/structure.schema.json."""
    schema = Structure.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Keepstep structure"} | schema
