"""A structure as JSON and back: parse → `Structure` → dump. Drafts and versions are the same model.

Its JSON Schema (docs/structure.schema.json) is normative. The one door to a structure: models, walkers and rules are
imported from here. Must not know how a structure is stored, changed or answered.
"""

import re
from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from keepstep.core.findings import place_of, sentence_of
from keepstep.core.issue import Issue, place_words, pointer, to_errors
from keepstep.core.structure_model import (
    CHOICE_TYPES,
    EMPTY_DEFAULT,
    ID_PATTERN,
    KEY_PATTERN,
    LANGUAGE_PATTERN,
    MAX_OPTION_SETS,
    MAX_OPTIONS,
    MAX_STEPS,
    OPTION_SET_BY_TYPE,
    SCHEMA_VERSION,
    SELECTION_TYPES,
    Boolean,
    Calculated,
    ChoiceFields,
    ChoicesConstraints,
    Code,
    Constraints,
    Count,
    Date,
    DateConstraints,
    DateTime,
    DateTimeConstraints,
    Dropdown,
    Email,
    Ending,
    Expression,
    File,
    FileConstraints,
    Frozen,
    Id,
    IntegerConstraints,
    IntegerInput,
    Key,
    Language,
    Members,
    MultipleSelect,
    Number,
    NumberConstraints,
    NumberInput,
    Option,
    OptionSet,
    OptionSetFields,
    Pattern,
    Phone,
    PhoneConstraints,
    Rating,
    RatingConstraints,
    Rule,
    SingleSelect,
    Slider,
    SliderConstraints,
    Source,
    Statement,
    Step,
    Structure,
    Textarea,
    TextConstraints,
    TextInput,
    Time,
    TimeConstraints,
    Url,
    choices_of,
    empty_structure,
)
from keepstep.core.structure_rules import faults_in
from keepstep.core.structure_sizes import require_sizes
from keepstep.core.structure_texts import (
    localised,
    option_set_texts,
    option_set_with_normal_texts,
    step_with_normal_texts,
    walk,
    with_normal_texts,
)
from keepstep.errors import StructureInvalid

__all__ = [
    "CHOICE_TYPES",
    "EMPTY_DEFAULT",
    "ID_PATTERN",
    "KEY_PATTERN",
    "LANGUAGE_PATTERN",
    "MAX_OPTIONS",
    "MAX_OPTION_SETS",
    "MAX_STEPS",
    "OPTION_SET_BY_TYPE",
    "SCHEMA_VERSION",
    "SELECTION_TYPES",
    "Boolean",
    "Calculated",
    "ChoiceFields",
    "ChoicesConstraints",
    "Code",
    "Constraints",
    "Count",
    "Date",
    "DateConstraints",
    "DateTime",
    "DateTimeConstraints",
    "Dropdown",
    "Email",
    "Ending",
    "Expression",
    "File",
    "FileConstraints",
    "Frozen",
    "Id",
    "IntegerConstraints",
    "IntegerInput",
    "Key",
    "Language",
    "Members",
    "MultipleSelect",
    "Number",
    "NumberConstraints",
    "NumberInput",
    "Option",
    "OptionSet",
    "OptionSetFields",
    "Pattern",
    "Phone",
    "PhoneConstraints",
    "Rating",
    "RatingConstraints",
    "Rule",
    "SingleSelect",
    "Slider",
    "SliderConstraints",
    "Source",
    "Statement",
    "Step",
    "Structure",
    "TextConstraints",
    "TextInput",
    "Textarea",
    "Time",
    "TimeConstraints",
    "Url",
    "choices_of",
    "dump",
    "empty_structure",
    "faults_in",
    "json_schema",
    "localised",
    "option_set_texts",
    "parse",
    "parse_option_set",
    "parse_step",
    "require_sizes",
    "walk",
]

# --- parse ---------------------------------------------------------------------------------------------------------


def parse(data: Any) -> Structure:
    """The structure that this JSON value describes, in canonical form. Raises StructureInvalid with every finding."""
    upgraded = _upgraded(data)
    require_sizes(upgraded)
    return _parsed(Structure, upgraded)


def parse_option_set(data: Any, languages: tuple[str, ...], default: str) -> OptionSet:
    """One option set; as `parse`."""
    node = option_set_with_normal_texts(data, languages, default)
    try:
        option_set: OptionSet = _option_set_adapter.validate_python(node)
    except ValidationError as error:
        raise StructureInvalid(_first(_issues(error)), errors=to_errors(_issues(error))) from error
    return option_set


def parse_step(data: Any, languages: tuple[str, ...], default: str) -> Step:
    """One step with its option sets; as `parse`."""
    try:
        return Step.model_validate(step_with_normal_texts(data, languages, default))
    except ValidationError as error:
        raise StructureInvalid(_first(_issues(error)), errors=to_errors(_issues(error))) from error


_option_set_adapter: TypeAdapter[OptionSet] = TypeAdapter(Annotated[OptionSet, Field(discriminator="selection_type")])


def _parsed(model: type[Structure], data: Any) -> Structure:
    try:
        structure = model.model_validate(with_normal_texts(data))
    except ValidationError as error:
        issues = _issues(error)
    else:
        issues = tuple(islice(faults_in(structure), _MOST_ISSUES))
        if not issues:
            return structure
    raise StructureInvalid(_first(issues), errors=to_errors(issues[:200]))


def _first(issues: tuple[Issue, ...]) -> str:
    least = "at least " if len(issues) >= _MOST_ISSUES else ""
    more = f" ({least}{len(issues) - 1} more)" if len(issues) > 1 else ""
    return f"{place_words(issues[0].pointer)}: {issues[0].detail}{more}"


def _upgraded(data: Any) -> Any:
    """The structure in the present format. Every released format stays readable for ever: a chain of pure functions by number."""
    if isinstance(data, Mapping) and data.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        detail = f"This release reads structures of schema_version {SCHEMA_VERSION}; import the file with a newer Keepstep."
        raise StructureInvalid(detail, errors=to_errors((Issue("/schema_version", "schema-version-unknown", detail),)))
    return data


_MOST_ISSUES: Final = 1_000
_TAGS: Final = frozenset(SELECTION_TYPES)
_LOCATION_NOISE: Final = re.compile(r"^(function-|constrained-|dict\[|str$|int$|decimal$|list\[|json-or-python)")


def _issues(error: ValidationError) -> tuple[Issue, ...]:
    seen: dict[tuple[str, str], Issue] = {}
    # Nobody reads more of them, and working each of a million out takes a minute.
    for item in error.errors(include_url=False, include_input=False)[:_MOST_ISSUES]:
        place = place_of(item)
        path = tuple(part for position, part in enumerate(place) if not _is_tag(place, position))
        seen.setdefault((pointer(*path), item["type"]), Issue(pointer(*path), item["type"].replace("_", "-"), sentence_of(item)))
    return tuple(issue for (place, kind), issue in seen.items() if not _is_beside(place, kind, seen))


def _is_beside(place: str, kind: str, seen: Mapping[tuple[str, str], Issue]) -> bool:
    """A text may be a map by language as well: that it is none need not be said beside what is wrong with it as a text, nor that it is
    no text beside what is wrong with one of its languages.
    """
    if kind == "dict_type":
        return any((place, other) in seen for other in ("string_type", "string_too_long"))
    return kind == "string_type" and any(other.startswith(f"{place}/") for other, _ in seen)


def _is_tag(location: tuple[int | str, ...], position: int) -> bool:
    """Pydantic puts the name of the union's member into the path; a JSON pointer must not have it."""
    part = location[position]
    if not isinstance(part, str):
        return False
    if part in _TAGS:
        return position == 0 or (position >= 2 and location[position - 2] == "option_sets")
    return bool(_LOCATION_NOISE.match(part))


# --- dump ----------------------------------------------------------------------------------------------------------

# Always written, so that a reader need not know the defaults; every other member is written only when it differs from
# its default, so that a member added later changes no digest of an old structure.
_ALWAYS: Final = frozenset(
    "schema_version name description languages default_language steps id key visible_if option_sets help key_aliases "
    "selection_type is_required default constraints options value label expression format".split()
)
_NOT_ALWAYS: Final[Mapping[type[Frozen], frozenset[str]]] = {Option: frozenset({"visible_if"}), Step: frozenset({"help"})}


def dump(node: Frozen) -> dict[str, Any]:
    """The JSON value of a structure or of one node of it: the inverse of `parse`."""
    result: dict[str, Any] = {}
    for name, default in _defaults_of(type(node)):
        value = getattr(node, name)
        if default is _ALWAYS_WRITTEN or value != default:
            result[name] = _dumped(value)
    return result


_ALWAYS_WRITTEN: Final = object()


@cache
def _defaults_of(model: type[Frozen]) -> tuple[tuple[str, Any], ...]:
    """The members of a model in order, each with its default or the mark that it is always written. Asked once for each
    model, because working out a default inspects its factory's signature.
    """
    always = _ALWAYS - _NOT_ALWAYS.get(model, frozenset())
    return tuple(
        (name, _ALWAYS_WRITTEN if name in always else field.get_default(call_default_factory=True))
        for name, field in model.model_fields.items()
    )


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
