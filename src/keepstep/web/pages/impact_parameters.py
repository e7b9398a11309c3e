"""The form of a conversion's parameters: which inputs each has, what stands in them, and what was typed into them.

Inputs are named `p-<parameter>`, `p-<parameter>-<member>`, and in a table `p-<parameter>-key-<n>` and `p-<parameter>-value-<n>`. Must not
know what a conversion does with them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keepstep.core.conversion import Conversion, Params
from keepstep.core.conversion_preview import Distinct
from keepstep.core.logic import as_number, to_text
from keepstep.core.readings import regions
from keepstep.core.structure import CHOICE_TYPES, OptionSet, choices_of
from keepstep.core.text import text_in
from keepstep.core.time_readings import UNITS
from keepstep.web.texts import message

Choices = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Input:
    """One input: a choice where there are `choices`, a box where `is_check`, else a text. `key`: of a row of a table, what it is about.

    `is_named`: its label is what an author or a respondent wrote; else it is a text for the catalogue. `is_worded`: so are its choices.
    """

    name: str
    label: str
    value: str
    choices: Choices = ()
    is_check: bool = False
    key: str = ""
    is_named: bool = False
    is_worded: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """The inputs of one parameter. `needed`: one of those that the conversion cannot do without."""

    name: str
    label: str
    needed: bool
    inputs: tuple[Input, ...]


LABELS: Final[Mapping[str, str]] = {
    "accept_loss": message("The date is given up"),
    "buckets": message("Ranges of numbers"),
    "delimiter": message("Sign between the parts"),
    "derive": message("What is derived"),
    "epoch": message("Counted from"),
    "file_as": message("A file becomes"),
    "link_prefix": message("Beginning of the link"),
    "local_time": message("Time of the day"),
    "locale": message("How numbers are written"),
    "options": message("Which option each becomes"),
    "others": message("Which option each own text becomes"),
    "pattern": message("How dates and times are written, such as DD.MM.YYYY"),
    "pick": message("Where several were chosen"),
    "region": message("Country of national numbers"),
    "rescale": message("Stretch to the new scale"),
    "spelling": message("Words for yes and no"),
    "threshold": message("Yes from this number on"),
    "unit": message("Counted in"),
    "values": message("Which value each becomes"),
    "words": message("Words that mean yes and no"),
    "zone": message("Time zone"),
}
_ROWS: Final = 50
# Of a table that a form sends, whoever showed it: a plan's tables have a row for everything that is stored.
MOST_ROWS: Final = 1_000
_BUCKETS: Final = 4
_TEXTS: Final = ("delimiter", "epoch", "file_as", "link_prefix", "local_time", "pattern", "pick", "region", "unit", "zone")
_CHECKS: Final = ("accept_loss", "rescale")
# What chooses among the options of the target: where there are none, there is nothing to choose.
_INTO_OPTIONS: Final = ("options", "others", "values", "buckets")
_NONE: Final = ("", message("(none)"))
_UNIT_WORDS: Final[Mapping[str, str]] = {
    "days": message("days"),
    "hours": message("hours"),
    "minutes": message("minutes"),
    "seconds": message("seconds"),
    "milliseconds": message("milliseconds"),
}
_CHOICES: Final[Mapping[str, Callable[[], Choices]]] = {
    "file_as": lambda: (_NONE, ("names", message("its name")), ("links", message("a link"))),
    "pick": lambda: (("", message("wait for a person")), ("first", message("the first option")), ("last", message("the last option"))),
    "region": lambda: (_NONE, *((code, code) for code in sorted(regions()))),
    "unit": lambda: (_NONE, *((unit, _UNIT_WORDS[unit]) for unit in UNITS)),
}
_PAIRS: Final[Mapping[str, Mapping[str, str]]] = {
    "locale": {"decimal": message("Decimal sign"), "group": message("Sign between thousands")},
    "words": {"true": message("Yes"), "false": message("No")},
    "spelling": {"true": message("Yes"), "false": message("No")},
    "threshold": {"at_least": message("At least")},
}
_YES_NO: Final = (("true", message("Yes")), ("false", message("No")))


# --- shown ---------------------------------------------------------------------------------------------------------


def groups_of(conversion: Conversion, params: Params, distinct: Sequence[Distinct], *, rows: int = _ROWS) -> list[Group]:
    """The form with these parameters in it; tables have a row for each real stored value that could need one, `rows` at most."""
    needed = {name for group in conversion.needs for name in group}
    about = (conversion, params, distinct, rows)
    found = (Group(name, LABELS[name], name in needed, tuple(_inputs(name, *about))) for name in conversion.accepts)
    return [group for group in found if group.inputs]


def _inputs(name: str, conversion: Conversion, params: Params, distinct: Sequence[Distinct], rows: int) -> Iterator[Input]:
    given = params.get(name)
    if name in _INTO_OPTIONS and conversion.target.selection_type in CHOICE_TYPES and not choices_of(conversion.target):
        return
    if name in _TEXTS:
        choices = _CHOICES[name]() if name in _CHOICES else ()
        is_worded = name in ("file_as", "pick", "unit")
        yield Input(f"p-{name}", LABELS[name], given if isinstance(given, str) else "", choices, is_worded=is_worded)
    elif name in _CHECKS:
        yield Input(f"p-{name}", LABELS[name], "on" if given is True else "", is_check=True)
    elif name in _PAIRS:
        yield from _pair_inputs(name, given if isinstance(given, Mapping) else {})
    elif name == "buckets":
        yield from _bucket_inputs(conversion, given if isinstance(given, Sequence) else ())
    elif name == "derive":
        yield from _derive_inputs(conversion, given if isinstance(given, Mapping) else {})
    else:
        keys = _keys(name, conversion, distinct)[:rows]
        yield from _table(name, conversion, given if isinstance(given, Mapping) else {}, keys)


def _pair_inputs(name: str, given: Mapping[str, Any]) -> Iterator[Input]:
    members: Any = next(iter(given.values()), {}) if name == "words" else given
    for member, label in _PAIRS[name].items():
        value = members.get(member, "") if isinstance(members, Mapping) else ""
        shown = ", ".join(value) if isinstance(value, list | tuple) else to_text(value) or ""
        yield Input(f"p-{name}-{member}", label, shown)


def _table(name: str, conversion: Conversion, given: Mapping[str, Any], keys: Sequence[tuple[str, str]]) -> Iterator[Input]:
    choices = _results(name, conversion)
    is_named = name == "others" or conversion.source.selection_type != "boolean"
    is_worded = conversion.target.selection_type == "boolean"
    for number, (key, label) in enumerate(keys):
        value = given.get(key)
        shown = ("true" if value else "false") if isinstance(value, bool) else to_text(value) or ""
        yield Input(f"p-{name}-value-{number}", label, shown, choices, key=key, is_named=is_named, is_worded=is_worded)


def _keys(name: str, conversion: Conversion, distinct: Sequence[Distinct]) -> list[tuple[str, str]]:
    """What a table is about: options of the source, yes and no, or the texts that are really stored."""
    source = conversion.source
    if name == "others":
        return [(each, each) for each in dict.fromkeys(other for _, other, _ in distinct if other)]
    if source.selection_type == "boolean":
        return list(_YES_NO)
    if source.selection_type in CHOICE_TYPES:
        options = _options(source, conversion.language)
        codes = {code for code, _ in options}
        # Imported answers may hold what never was an option: it comes first, since it is what waits for somebody to say.
        strange = [(code, code) for code in _codes_in(distinct) if code not in codes] if name == "options" else []
        return strange + options
    return [(text, text) for text in dict.fromkeys(to_text(value) or "" for value, _, _ in distinct) if text]


def _codes_in(distinct: Sequence[Distinct]) -> Iterator[str]:
    chosen = (code for value, _, _ in distinct for code in (value if isinstance(value, list) else [value]))
    return iter(dict.fromkeys(code for code in chosen if isinstance(code, str)))


def _results(name: str, conversion: Conversion) -> Choices:
    target = conversion.target
    if target.selection_type in CHOICE_TYPES:
        return (_NONE, *_options(target, conversion.language))
    return (_NONE, *_YES_NO) if target.selection_type == "boolean" and name == "values" else ()


def _options(option_set: OptionSet, language: str) -> list[tuple[str, str]]:
    return [(option.value, text_in(option.label, language, language) or option.value) for option in choices_of(option_set)]


def _bucket_inputs(conversion: Conversion, given: Sequence[Any]) -> Iterator[Input]:
    options = (_NONE, *_options(conversion.target, conversion.language))
    for number in range(max(_BUCKETS, len(given) + 1)):
        bucket = given[number] if number < len(given) else {}
        for member, label in (("from", message("From")), ("below", message("Below"))):
            yield Input(f"p-buckets-{member}-{number}", label, to_text(bucket.get(member)) or "")
        yield Input(f"p-buckets-option-{number}", message("Option"), str(bucket.get("option", "")), options)


def _derive_inputs(conversion: Conversion, given: Mapping[str, Any]) -> Iterator[Input]:
    options = _options(conversion.source, conversion.language)
    if conversion.target.selection_type == "boolean":
        yield Input("p-derive-contains", message("Whether this was chosen"), str(given.get("contains", "")), (_NONE, *options))
        return
    yield Input("p-derive-count", message("How many were chosen"), "on" if given.get("count") else "", is_check=True)
    scores = given.get("scores", {})
    for number, (code, label) in enumerate(options[:_ROWS]):
        yield Input(f"p-derive-value-{number}", label, to_text(scores.get(code)) or "", key=code, is_named=True)


# --- read ----------------------------------------------------------------------------------------------------------


def params_in(given: Mapping[str, str], conversion: Conversion) -> dict[str, Any]:
    """The parameters that the form gives; what is left empty is not given."""
    read = {name: _read(name, given, conversion) for name in conversion.accepts}
    return {name: value for name, value in read.items() if value not in (None, "", {}, [])}


def _read(name: str, given: Mapping[str, str], conversion: Conversion) -> Any:
    text = given.get(f"p-{name}", "")
    if name in _TEXTS:
        return text if name == "delimiter" else text.strip()
    if name in _CHECKS:
        return True if text else None
    match name:
        case "locale":
            return {member: given.get(f"p-locale-{member}", "") for member in _PAIRS[name]} if given.get("p-locale-decimal") else None
        case "words":
            words = {member: _words(given.get(f"p-words-{member}", "")) for member in _PAIRS[name]}
            return {conversion.language.partition("-")[0].lower(): words} if any(words.values()) else None
        case "spelling":
            spelling = {member: given.get(f"p-spelling-{member}", "") for member in _PAIRS[name]}
            return spelling if any(spelling.values()) else None
        case "threshold":
            return {"at_least": _number(given["p-threshold-at_least"])} if given.get("p-threshold-at_least") else None
        case "buckets":
            return list(_buckets(given))
        case "derive":
            return _derive(given)
        case _:
            return {key: _result(text, name, conversion) for key, text in _rows(name, given)}


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _number(text: str) -> Any:
    """What is no number stays a text, which is then said to be none."""
    found = as_number(text.strip())
    return text if found is None else found


def _rows(name: str, given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for number in range(MOST_ROWS):
        key, text = given.get(f"p-{name}-key-{number}"), given.get(f"p-{name}-value-{number}", "")
        if key and text.strip():
            yield key, text.strip()


def _result(text: str, name: str, conversion: Conversion) -> Any:
    kind = conversion.target.selection_type
    if name != "values" or kind in CHOICE_TYPES:
        return text
    if kind == "boolean":
        return text == "true" if text in ("true", "false") else text
    return _number(text) if kind in ("number", "integer", "slider", "rating") else text


def _buckets(given: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for number in range(_ROWS):
        option = given.get(f"p-buckets-option-{number}")
        if option:
            limits = {member: given.get(f"p-buckets-{member}-{number}", "").strip() for member in ("from", "below")}
            yield {"option": option, **{member: _number(text) for member, text in limits.items() if text}}


def _derive(given: Mapping[str, str]) -> dict[str, Any] | None:
    if given.get("p-derive-contains"):
        return {"contains": given["p-derive-contains"]}
    if given.get("p-derive-count"):
        return {"count": True}
    scores = {code: _number(text) for code, text in _rows("derive", given)}
    return {"scores": scores} if scores else None
