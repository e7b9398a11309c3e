"""Which members of a node the builder's forms can set, by form and input, and how a text that somebody typed becomes a JSON value.

The names of inputs are the members: `help`, `constraints.max_length`, `message.pattern`. Must not know routes or drafts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from keepstep.core.jsonvalue import dumps, loads, unstorable_text
from keepstep.core.languages import by_language, with_wording
from keepstep.core.naming import Naming
from keepstep.core.piping import told, with_ids, with_keys
from keepstep.core.structure import (
    OPTION_SET_BY_TYPE,
    ChoiceFields,
    Ending,
    Frozen,
    MultipleSelect,
    Option,
    OptionSet,
    OptionSetFields,
    Rule,
    Step,
    Structure,
    choices_of,
    dump,
)
from keepstep.core.text import Text
from keepstep.errors import Problem, RequestInvalid
from keepstep.web.pages.expression_text import expression_of, text_of
from keepstep.web.texts import message

Kind = Literal["line", "area", "flag", "whole", "number", "code", "list", "logic", "choice", "members"]


@dataclass(frozen=True, slots=True)
class Field:
    """One input: its name, its label, its kind. `localised`: it holds the wording of one language. `hint` says what to type, `choices`
    are (value, label) of those that every node has.
    """

    name: str
    label: str
    kind: Kind
    localised: bool = False
    hint: str = ""
    choices: Sequence[tuple[str, str]] = ()


class Misread(ValueError):
    """What was typed is no value of its field; the text says why."""


# --- what there is -------------------------------------------------------------------------------------------------

QUESTION: Final = (
    Field("name", message("Question"), "area", localised=True),
    Field("help", message("Help text"), "area", localised=True),
)
STATEMENT: Final = (
    Field("name", message("Heading"), "area", localised=True),
    Field("text", message("Text"), "area", localised=True),
    Field("help", message("Help text"), "area", localised=True),
)
STEP: Final = (Field("name", message("Title"), "area", localised=True), Field("help", message("Introduction"), "area", localised=True))
WIZARD: Final = (
    Field("name", message("Name"), "line", localised=True),
    Field("description", message("Description"), "area", localised=True),
)
OPTION: Final = (Field("label", message("Label"), "line", localised=True),)
KEY: Final = (
    Field("key", message("Key"), "code", hint=message("Names the column in exports and the API: small letters, digits, - and _.")),
)
ALIASES: Final = (Field("key_aliases", message("Former keys"), "list", hint=message("Other names of the same column, with commas.")),)
PAGES: Final = (
    Field(
        "presentation.pages",
        message("What respondents see on one page"),
        "choice",
        choices=(("", message("One step: all its questions together")), ("question", message("One question at a time"))),
    ),
)
LOOKS: Final = (
    Field("presentation", message("Presentation"), "members", hint=message("One setting in each line: its name, a colon, its value.")),
)
ENDING: Final = (
    Field("name", message("Heading"), "line", localised=True),
    Field("text", message("Text"), "area", localised=True),
    Field("key", message("Key"), "code"),
)
RULE: Final = (Field("message", message("Said when it does not fit"), "line", localised=True),)
CONDITION: Final = (
    Field("visible_if", message("Condition"), "logic", hint=message("JsonLogic over the keys of questions; empty: always.")),
)
CALCULATION: Final = (
    Field("expression", message("Calculation"), "logic", hint=message('JsonLogic over the keys of questions: {"+": [{"var": "age"}, 1]}.')),
    Field("presentation.shown", message("Respondents see the result"), "flag"),
)
TYPE: Final = Field("selection_type", message("Selection type"), "choice")
EXCLUSIVE: Final = Field("exclusive", message("Not together with others"), "flag")
UNIT: Final = (Field("unit", message("Unit"), "line", localised=True, hint=message("Shown beside the field, such as kg.")),)

_FLAGS: Final = (
    Field("is_required", message("Required"), "flag"),
    Field("personal_data", message("Personal data"), "flag", hint=message("For erasure and exports.")),
    Field("hidden", message("Hidden"), "flag", hint=message("Never shown; answered by a link or the API.")),
)
_OTHER: Final = Field("allow_other", message("Allow a text of one's own"), "flag")
_WITHOUT_REQUIRED: Final = frozenset({"statement", "calculated"})
_LIMITS: Final[Mapping[str, tuple[str, Kind, str]]] = {
    "min_length": (message("Fewest characters"), "whole", ""),
    "max_length": (message("Most characters"), "whole", ""),
    "pattern": (message("Pattern"), "code", message("A regular expression for the whole text.")),
    "regions": (message("Countries"), "list", message("Two letters each, with commas: GB, IE.")),
    "min": (message("Smallest value"), "number", ""),
    "max": (message("Largest value"), "number", ""),
    "step": (message("In steps of"), "number", ""),
    "max_decimals": (message("Most decimal places"), "whole", ""),
    "min_choices": (message("Fewest choices"), "whole", ""),
    "max_choices": (message("Most choices"), "whole", ""),
    "max_files": (message("Most files"), "whole", ""),
    "max_size": (message("Largest file in bytes"), "whole", ""),
    "media_types": (message("Kinds of file"), "list", message("Such as image/* or application/pdf, with commas.")),
}
_TIMES: Final[Mapping[str, str]] = {
    "date": message("Such as 2026-03-01, today or today+30."),
    "time": message("Such as 09:30."),
    "datetime": message("Such as 2026-03-01T09:30+01:00, or now."),
}
_EARLIEST: Final[Mapping[str, str]] = {"min": message("Earliest"), "max": message("Latest")}


def texts_of(option_set: OptionSet) -> Sequence[Field]:
    """What respondents read, which is edited where they read it."""
    return STATEMENT if option_set.selection_type == "statement" else QUESTION


def flags_of(option_set: OptionSet) -> Sequence[Field]:
    some = [field for field in _FLAGS if field.name != "is_required" or option_set.selection_type not in _WITHOUT_REQUIRED]
    return (*some, _OTHER) if isinstance(option_set, ChoiceFields) else some


def limits_of(option_set: OptionSet) -> Sequence[Field]:
    """The constraints of its type, each with the message that is shown when it fails."""
    return tuple(_limit(name, option_set.selection_type) for name in _limit_names(option_set))


def _limit_names(option_set: OptionSet) -> Sequence[str]:
    return [name for name in type(option_set.constraints).model_fields if name not in {"rules", "messages"}]


def _limit(name: str, selection_type: str) -> Field:
    label, kind, hint = _LIMITS[name]
    if selection_type in _TIMES and name in _EARLIEST:
        return Field(f"constraints.{name}", _EARLIEST[name], "code", hint=_TIMES[selection_type])
    return Field(f"constraints.{name}", label, kind, hint=hint)


def messages_of(option_set: OptionSet) -> Sequence[Field]:
    """The messages of its own that it can have."""
    named = {"is_required": message("When it is left empty"), "type": message("When it cannot be read")}
    named |= {name: _limit(name, option_set.selection_type).label for name in _limit_names(option_set)}
    return tuple(Field(f"message.{name}", label, "line", localised=True) for name, label in named.items())


def default_of(option_set: OptionSet) -> Sequence[Field]:
    """The value that the field begins with."""
    if option_set.selection_type in {"statement", "calculated", "file"}:
        return ()
    hint = message("Option values with commas.") if isinstance(option_set, MultipleSelect) else ""
    is_choice = isinstance(option_set, ChoiceFields) and not isinstance(option_set, MultipleSelect)
    kinds: Mapping[str, Kind] = {"number": "number", "integer": "number", "slider": "number", "rating": "number", "boolean": "choice"}
    kind: Kind = (
        "choice" if is_choice else kinds.get(option_set.selection_type, "list" if isinstance(option_set, MultipleSelect) else "code")
    )
    return (Field("default", message("Begins with"), kind, hint=hint),)


def choices_for(option_set: OptionSet, language: str, structure: Structure) -> Sequence[tuple[str, str]]:
    """The values and labels among which its default is."""
    if option_set.selection_type == "boolean":
        return (("", ""), ("true", message("Yes")), ("false", message("No")))
    offered = [option for option in choices_of(option_set) if not option.retired]
    return (("", ""), *((option.value, told(option.label, structure, language)) for option in offered))


# --- shown ---------------------------------------------------------------------------------------------------------


def shown(field: Field, node: Frozen, language: str, structure: Structure) -> str:
    """What stands in the input: the member as a text, questions by their keys; "on" for a flag that is set."""
    value = _member(field.name, node)
    if field.localised:
        return with_keys(_wording(value, language, structure.default_language), structure)
    match field.kind:
        case "flag":
            return "on" if value else ""
        case "logic":
            return text_of(value, Naming(structure))
        case "list":
            return ", ".join(value) if isinstance(value, list | tuple) else ""
        case "members":
            return "\n".join(f"{name}: {_member_text(each)}" for name, each in value.items())
        case _:
            return _plain(value)


def _wording(value: Text | None, language: str, default: str) -> str:
    """In this language and no other: what is not translated is empty, so that nobody saves the one as the other."""
    return "" if value is None else by_language(value, default).get(language, "")


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else dumps(value)


def _member_text(value: Any) -> str:
    """A text as it is, unless it would be read as something else."""
    return value if isinstance(value, str) and _member_value(value) == value else dumps(value)


def _member_value(text: str) -> Any:
    try:
        return loads(text) if text else ""
    except Problem:
        return text


def _member(name: str, node: Frozen) -> Any:
    holder, _, member = name.partition(".")
    if not member:
        return getattr(node, name)
    if holder == "presentation":
        return node.presentation.get(member)  # type: ignore[attr-defined]  # only what has one has fields of it
    constraints = node.constraints  # type: ignore[attr-defined]  # only option sets have fields with a dot
    return constraints.messages.get(member) if holder == "message" else getattr(constraints, member)


# --- read ----------------------------------------------------------------------------------------------------------


def fields_of_node(node: Frozen) -> Sequence[Field]:
    """Every field of a wizard, a step, an option set or an option, whatever form shows it."""
    match node:
        case Structure():
            return (*WIZARD, *PAGES, *LOOKS)
        case Step():
            return (*STEP, *KEY, *CONDITION, *LOOKS)
        case Ending():
            return ENDING
        case Rule():
            return RULE
        case Option():
            return (*OPTION, EXCLUSIVE, *CONDITION)
        case OptionSetFields():
            return _fields_of_option_set(node)  # type: ignore[arg-type]  # every option set is one of the union
        case _:
            raise TypeError(node)


def _fields_of_option_set(option_set: OptionSet) -> Sequence[Field]:
    calculation = CALCULATION if option_set.selection_type == "calculated" else ()
    limits = (*limits_of(option_set), *messages_of(option_set))
    own = (*texts_of(option_set), TYPE, *flags_of(option_set), *limits, *default_of(option_set))
    return (*own, *UNIT, *KEY, *ALIASES, *CONDITION, *calculation, *LOOKS)


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form sends: the fields that it shows, the texts by name, and the language that its wordings are in."""

    fields: Sequence[Field]
    given: Mapping[str, str]
    language: str


def members_in(typed: Typed, node: Frozen, structure: Structure) -> dict[str, Any]:
    """The members that differ from the node's, as JSON, the whole of `constraints` where one of them does. Raises RequestInvalid.

    What was shown and comes back as it was is left out, so that nobody's other change is taken back by it.
    """
    changed = [field for field in typed.fields if given_in(field, typed.given) != shown(field, node, typed.language, structure)]
    values, errors = {}, []
    for field in changed:
        try:
            values[field.name] = _read(field, typed, node, structure)
        except Misread as misread:
            errors.append({"pointer": "/" + field.name.replace(".", "/"), "code": "misread", "detail": str(misread)})
    if errors:
        raise RequestInvalid(errors[0]["detail"], errors=errors)
    result = {name: value for name, value in values.items() if "." not in name}
    looks = {name.removeprefix("presentation."): value for name, value in values.items() if name.startswith("presentation.")}
    if looks:
        before = {**node.presentation, **looks}  # type: ignore[attr-defined]  # only what has one has fields of it
        result["presentation"] = {name: value for name, value in before.items() if value}
    if len(result) < len(values) and not looks:
        result["constraints"] = _constraints(values, node)
    return result


# What a node is known by. A translation of it may be taken back; then its other wording is shown.
_NEEDED: Final = frozenset({"name", "label"})


def given_in(field: Field, given: Mapping[str, str]) -> str:
    """What was typed, as `shown` would show it."""
    text = given.get(field.name, "")
    return ("on" if text else "") if field.kind == "flag" else text.replace("\r\n", "\n")


def _read(field: Field, typed: Typed, node: Frozen, structure: Structure) -> Any:
    text = given_in(field, typed.given)
    if field.name in _NEEDED and not text.strip() and typed.language == structure.default_language:
        raise Misread("Write something: what people read it by cannot be empty.")
    if field.localised:
        return with_wording(_member(field.name, node), with_ids(text, structure), typed.language, structure)
    if field.name == "default":
        return _default(field, text, node)
    if field.kind == "logic":
        return _logic(text, structure)
    if not text and field.kind not in ("flag", "members", "list"):
        return _unset(field.name, node)
    return _READERS[field.kind](text)


def _default(field: Field, text: str, node: Frozen) -> Any:
    if not text:
        return None
    if getattr(node, "selection_type", "") == "boolean":
        return text == "true"
    return _READERS[field.kind](text)


def _unset(name: str, node: Frozen) -> Any:
    """What an empty input means: nothing, or where there must be something, what the type begins with."""
    holder, _, member = name.partition(".")
    if holder != "constraints":
        return None
    model = type(node.constraints)  # type: ignore[attr-defined]  # as in `_member`
    return model.model_fields[member].get_default()


def _constraints(values: Mapping[str, Any], node: Frozen) -> dict[str, Any]:
    before: dict[str, Any] = dump(node)["constraints"]
    limits = {name.removeprefix("constraints."): value for name, value in values.items() if name.startswith("constraints.")}
    wordings = {name.removeprefix("message."): value for name, value in values.items() if name.startswith("message.")}
    messages = {**before.get("messages", {}), **wordings}
    after = {**before, **limits, "messages": {name: text for name, text in messages.items() if text}}
    return {name: value for name, value in after.items() if value is not None}


def _whole(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdecimal()):
        raise Misread("Give a whole number.")
    return int(text)


def _number(text: str) -> Any:
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise Misread("Give a number, such as 2.5.") from None
    if not number.is_finite():
        raise Misread("Give a number, such as 2.5.")
    return int(number) if number == number.to_integral_value() and abs(number) < Decimal(10) ** 30 else number


def _logic(text: str, structure: Structure) -> Any:
    try:
        return expression_of(text, Naming(structure))
    except RequestInvalid as problem:
        raise Misread(problem.detail) from problem


def _members(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in filter(str.strip, text.split("\n")):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Misread("Write each setting as a name, a colon and a value.")
        if name.strip() in found:
            raise Misread(f"“{name.strip()[:60]}” stands there twice.")
        found[name.strip()] = _member_value(value.strip())
    return found


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]


def _code(text: str) -> str:
    return text


_READERS: Final[Mapping[Kind, Callable[[str], Any]]] = {
    "line": _code,
    "area": _code,
    "code": _code,
    "choice": _code,
    "flag": bool,
    "whole": _whole,
    "number": _number,
    "list": _list,
    "members": _members,
}


# What people call a type besides its name, in the language of other builders and of trades.
TYPE_WORDS: Final[Mapping[str, str]] = {
    "text_input": message("line field open name"),
    "textarea": message("paragraph comment essay open multiline"),
    "email": message("mail"),
    "phone": message("telephone mobile tel"),
    "url": message("link website"),
    "single_select": message("radio select one list"),
    "dropdown": message("select list menu one"),
    "multiple_select": message("checkbox checkboxes tick select several many list"),
    "number": message("decimal amount money price"),
    "integer": message("count age quantity"),
    "slider": message("range scale"),
    "rating": message("stars scale nps likert score"),
    "boolean": message("checkbox toggle switch consent true false"),
    "date": message("day calendar birthday"),
    "time": message("hour clock"),
    "datetime": message("appointment timestamp moment"),
    "file": message("upload attachment photo image document pdf"),
    "statement": message("note text heading information paragraph"),
    "calculated": message("formula sum score hidden"),
}


def types_like(words: str, names: Mapping[str, str]) -> Sequence[str]:
    """The selection types whose name, code or other words have all of these; `names` are the names in the reader's language."""
    wanted = words.lower().split() if not unstorable_text(words) else []
    found = {each: f"{names[each]} {each} {TYPE_WORDS[each]}".lower() for each in OPTION_SET_BY_TYPE}
    return [each for each in OPTION_SET_BY_TYPE if all(word in found[each] for word in wanted)]
