"""Which parameters a rule takes, which it cannot do without, and what is wrong with those given. Must not know values' conversions."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from keepstep.core.clock import Clock
from keepstep.core.conversion import Conversion, Params, Refusal, is_number
from keepstep.core.convert_numbers import TEMPORAL
from keepstep.core.issue import Issue, pointer
from keepstep.core.read_text import folded
from keepstep.core.readings import DECIMAL_SEPARATORS, GROUP_SEPARATORS, fault_in_delimiter, regions
from keepstep.core.selection import check_value
from keepstep.core.structure import CHOICE_TYPES, ChoiceFields, OptionSet, choices_of
from keepstep.core.time_readings import UNITS, epoch_in, fault_in_digits, fault_in_pattern, is_zone, time_in

Group = tuple[str, ...]

_ACCEPTS: Final[Mapping[int, Group]] = {
    3: ("options",),
    4: ("options", "delimiter"),
    5: ("locale",),
    6: ("locale",),
    8: ("words",),
    9: ("pattern",),
    10: ("pattern", "zone"),
    12: ("region",),
    13: ("options", "others"),
    15: ("values",),
    16: ("values",),
    17: ("values",),
    18: ("options", "others", "pick"),
    19: ("delimiter",),
    20: ("derive",),
    22: ("options", "buckets"),
    26: ("rescale",),
    27: ("threshold",),
    28: ("epoch", "unit", "pattern", "zone"),
    29: ("spelling",),
    30: ("values",),
    31: ("values",),
    33: ("local_time", "zone"),
    34: ("zone", "accept_loss"),
    35: ("file_as", "link_prefix", "delimiter"),
}


def accepted(source: OptionSet, target: OptionSet, rule: int) -> Group:
    """The names of the parameters that mean something to this rule between these two."""
    if rule == 1:
        return ("options", "others") if {source.selection_type, target.selection_type} <= set(CHOICE_TYPES) else ()
    if rule == 7:
        return ("locale",) if source.selection_type in ("text_input", "textarea") else ()
    return _ACCEPTS.get(rule, ())


def needed(source: OptionSet, target: OptionSet, rule: int) -> tuple[Group, ...]:
    """Alternatives, of which one must be given whole; () where the rule works without."""
    return _BY_TYPE.get((source.selection_type, target.selection_type, rule)) or _NEEDS.get(rule, ())


_NEEDS: Final[Mapping[int, tuple[Group, ...]]] = {
    15: (("values",),),
    16: (("values",),),
    17: (("values",),),
    19: (("delimiter",),),
    20: (("derive",),),
    30: (("values",),),
    33: (("local_time", "zone"),),
    34: (("zone",),),
    35: (("file_as",),),
}
_CALENDAR: Final[Mapping[str, tuple[Group, ...]]] = {
    "date": (("epoch", "unit"), ("pattern",)),
    "time": (("unit",), ("pattern",)),
    "datetime": (("epoch", "unit"), ("pattern", "zone")),
}
_BY_TYPE: Final[Mapping[tuple[str, str, int], tuple[Group, ...]]] = {
    ("integer", "phone", 12): (("region",),),
    ("slider", "boolean", 27): (("threshold",),),
    ("rating", "boolean", 27): (("threshold",),),
    ("boolean", "rating", 31): (("values",),),
    ("datetime", "time", 34): (("zone", "accept_loss"),),
    ("file", "url", 35): (("link_prefix",),),
    **{(kind, number, 28): needs for kind, needs in _CALENDAR.items() for number in ("number", "integer", "slider")},
    **{(number, kind, 28): needs for kind, needs in _CALENDAR.items() for number in ("number", "integer")},
}


# By these a person says what becomes of each text that respondents wrote, which is nobody else's to keep.
_BY_WRITTEN_TEXT: Final = frozenset({"options", "values"})


def lasting(conversion: Conversion, params: Params) -> dict[str, Any]:
    """The parameters without what respondents wrote: these may be kept outside of their runs, in a log that nothing is erased from."""
    codes = _codes_of(conversion.source)
    kept = {name: value for name, value in params.items() if name not in {"others", *_BY_WRITTEN_TEXT}}
    for name in sorted(_BY_WRITTEN_TEXT & params.keys()):
        # A stored value that never was an option of the question is a text of somebody's, too.
        by_code = {code: value for code, value in params[name].items() if code in codes}
        if by_code:
            kept[name] = by_code
    return kept


# --- faults ----------------------------------------------------------------------------------------------------------

Faults = Iterator[Issue]


def faults_in_parameters(conversion: Conversion, params: Params, clock: Clock) -> tuple[Issue, ...]:
    """Everything that is wrong with these parameters for this conversion; () for good ones. Pointers are into `params`."""
    return tuple(_faults(conversion, params, clock))


def _faults(conversion: Conversion, params: Params, clock: Clock) -> Faults:
    for name in params:
        if name not in conversion.accepts:
            yield Issue(pointer(name), "parameter-unknown", f"This conversion has no parameter {name!r}.")
        else:
            yield from _CHECKS[name](params[name], conversion, pointer(name))
    if not conversion.needs_met(params):
        groups = " or ".join(" and ".join(group) for group in conversion.needs)
        yield Issue("", "parameter-missing", f"This conversion needs {groups}.")
    yield from _table_values(conversion, params.get("values"), clock)
    if params.get("file_as") == "links" and "link_prefix" not in params:
        yield Issue("", "parameter-missing", "Links need link_prefix, the address that file ids are added to.")
    if "pattern" in params and ("unit" in params or "epoch" in params):
        yield Issue("/pattern", "parameter-conflict", "Give a pattern, or an epoch and a unit; not both.")


def _wrong(path: str, detail: str) -> Issue:
    return Issue(path, "parameter-invalid", detail)


def _locale(given: Any, conversion: Conversion, path: str) -> Faults:
    if not isinstance(given, Mapping) or set(given) != {"decimal", "group"}:
        yield _wrong(path, "A locale has the members decimal and group.")
    elif given["decimal"] not in DECIMAL_SEPARATORS or given["group"] not in GROUP_SEPARATORS or given["decimal"] == given["group"]:
        yield _wrong(path, "decimal is “.” or “,”; group is another sign (“,” “.” “'” “’” or a blank), or empty for none.")


def _words(given: Any, conversion: Conversion, path: str) -> Faults:
    if not isinstance(given, Mapping) or not all(_is_word_list(words) for words in given.values()):
        yield _wrong(path, "words has, for each language, a list of texts for true and one for false.")
        return
    for language, words in given.items():
        both = {folded(word) for word in words["true"]} & {folded(word) for word in words["false"]}
        if both:
            yield _wrong(path + pointer(language), f"“{min(both)}” stands for both true and false.")


def _is_word_list(words: Any) -> bool:
    return (
        isinstance(words, Mapping)
        and set(words) == {"true", "false"}
        and all(isinstance(each, list | tuple) and all(isinstance(word, str) and word.strip() for word in each) for each in words.values())
    )


def _pattern(given: Any, conversion: Conversion, path: str) -> Faults:
    kind = next(each for each in (conversion.target.selection_type, conversion.source.selection_type) if each in TEMPORAL)
    fault = fault_in_digits(given, kind) if conversion.rule == 28 else fault_in_pattern(given, kind)
    if fault:
        yield Issue(path, fault[0] if fault[0] == "two-digit-year" else "parameter-invalid", fault[1])


def _zone(given: Any, conversion: Conversion, path: str) -> Faults:
    if not is_zone(given):
        yield _wrong(path, "zone is the name of a time zone, such as Europe/Zurich.")


def _region(given: Any, conversion: Conversion, path: str) -> Faults:
    if not isinstance(given, str) or given not in regions():
        yield _wrong(path, "region is a country code of two letters, such as CH.")


def _epoch(given: Any, conversion: Conversion, path: str) -> Faults:
    kind = next(each for each in (conversion.target.selection_type, conversion.source.selection_type) if each in TEMPORAL)
    if kind == "time":
        yield _wrong(path, "A time is counted from midnight; it has no epoch.")
    elif epoch_in(given, kind) is None:
        yield _wrong(path, "epoch is a date such as 1970-01-01, and for a datetime a time with its offset such as 1970-01-01T00:00:00Z.")


def _unit(given: Any, conversion: Conversion, path: str) -> Faults:
    if given not in UNITS:
        yield _wrong(path, f"unit is one of {', '.join(UNITS)}.")


def _delimiter(given: Any, conversion: Conversion, path: str) -> Faults:
    fault = fault_in_delimiter(given)
    if fault:
        yield _wrong(path, fault)


def _is_one_of(code: Any, option_set: OptionSet) -> bool:
    return isinstance(code, str) and isinstance(option_set, ChoiceFields) and code in option_set.option_by_value


def _targets(given: Any, conversion: Conversion, path: str) -> Faults:
    """A table from texts to options of the target."""
    if not isinstance(given, Mapping) or not isinstance(conversion.target, ChoiceFields):
        yield _wrong(path, "This is a table from texts or option values to options of the target.")
        return
    for text, code in given.items():
        if not _is_one_of(code, conversion.target):
            yield Issue(path + pointer(text), "option-unknown", f"The target has no option {code!r}.")


def _codes_of(source: OptionSet) -> set[str]:
    """What a table about the source's own values is keyed by."""
    return {"true", "false"} if source.selection_type == "boolean" else {option.value for option in choices_of(source)}


def _values(given: Any, conversion: Conversion, path: str) -> Faults:
    if not isinstance(given, Mapping):
        yield _wrong(path, "values is a table from option (or true and false) to value.")
        return
    known = _codes_of(conversion.source)
    for code in given:
        if code not in known:
            yield Issue(path + pointer(code), "option-unknown", f"The source has no option {code!r}.")
    if conversion.source.selection_type == "boolean" and set(given) != known:
        yield _wrong(path, "The table needs an entry for true and one for false.")


def _table_values(conversion: Conversion, table: Any, clock: Clock) -> Faults:
    """Entries that the target would refuse for every answer; null leaves an option without a value: a conflict."""
    for code, value in table.items() if isinstance(table, Mapping) else ():
        wanted = [value] if conversion.target.selection_type == "multiple_select" and value is not None else value
        if wanted in ("", []):
            yield _wrong(pointer("values", code), "An entry is a value; leave the option out if there is none.")
        for issue in check_value(wanted, conversion.target, clock):
            yield Issue(pointer("values", code), issue.code, issue.detail)


def _pick(given: Any, conversion: Conversion, path: str) -> Faults:
    ranking = isinstance(given, list | tuple) and given and all(_is_one_of(code, conversion.source) for code in given)
    if given not in ("first", "last") and not ranking:
        yield _wrong(path, "pick is first or last (in option order), or a list of options in order of preference.")


def _derive(given: Any, conversion: Conversion, path: str) -> Faults:
    match given:
        case {"contains": code, **rest} if not rest and conversion.target.selection_type == "boolean":
            if not _is_one_of(code, conversion.source):
                yield Issue(path + "/contains", "option-unknown", f"The source has no option {code!r}.")
        case {"count": True, **rest} if not rest and conversion.target.selection_type != "boolean":
            pass
        case {"scores": Mapping() as scores, **rest} if not rest and conversion.target.selection_type != "boolean":
            yield from _scores(scores, conversion, path + "/scores")
        case _:
            yield _wrong(path, "derive is contains with an option (to true or false), or count or scores (to a number).")


def _scores(given: Mapping[str, Any], conversion: Conversion, path: str) -> Faults:
    for code, score in given.items():
        if not _is_one_of(code, conversion.source):
            yield Issue(path + pointer(code), "option-unknown", f"The source has no option {code!r}.")
        if not is_number(score):
            yield _wrong(path + pointer(code), "A score is a number.")


def _buckets(given: Any, conversion: Conversion, path: str) -> Faults:
    if not isinstance(given, list | tuple) or not given or not all(_is_bucket(bucket) for bucket in given):
        yield _wrong(path, "buckets is a list of {from, below, option}; from is included, below is not, null is no limit.")
        return
    for index, bucket in enumerate(given):
        if not _is_one_of(bucket["option"], conversion.target):
            yield Issue(path + pointer(index, "option"), "option-unknown", f"The target has no option {bucket['option']!r}.")
        if any(_overlap(bucket, earlier) for earlier in given[:index]):
            yield _wrong(path + pointer(index), "This range overlaps an earlier one.")


def _is_bucket(bucket: Any) -> bool:
    if not isinstance(bucket, Mapping) or "option" not in bucket or not set(bucket) <= {"from", "below", "option"}:
        return False
    low: Any = bucket.get("from")
    below: Any = bucket.get("below")
    limits = [limit for limit in (low, below) if limit is not None]
    return all(map(is_number, limits)) and (len(limits) < 2 or low < below)


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return _starts_before(one, other) and _starts_before(other, one)


def _starts_before(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    low, below = one.get("from"), other.get("below")
    return low is None or below is None or bool(low < below)


def _threshold(given: Any, conversion: Conversion, path: str) -> Faults:
    if not isinstance(given, Mapping) or set(given) != {"at_least"} or not is_number(given["at_least"]):
        yield _wrong(path, "threshold has the member at_least, a number.")


def _spelling(given: Any, conversion: Conversion, path: str) -> Faults:
    if not isinstance(given, Mapping) or set(given) != {"true", "false"} or not all(isinstance(text, str) for text in given.values()):
        yield _wrong(path, "spelling has a word for true and one for false.")
    elif not all(text.strip() for text in given.values()) or folded(given["true"]) == folded(given["false"]):
        yield _wrong(path, "The words for true and false are two different texts.")


def _local_time(given: Any, conversion: Conversion, path: str) -> Faults:
    if not isinstance(given, str) or isinstance(time_in(given), Refusal):
        yield _wrong(path, "local_time is a time such as 12:00.")


def _yes(given: Any, conversion: Conversion, path: str) -> Faults:
    if given is not True:
        yield _wrong(path, "This is true where it is chosen, and left out where it is not.")


def _file_as(given: Any, conversion: Conversion, path: str) -> Faults:
    if given not in ("names", "links"):
        yield _wrong(path, "file_as is names or links.")


def _link_prefix(given: Any, conversion: Conversion, path: str) -> Faults:
    if not isinstance(given, str) or not given.startswith(("https://", "http://")):
        yield _wrong(path, "link_prefix is a web address; the id of the file is added to it.")


_CHECKS: Final[Mapping[str, Callable[[Any, Conversion, str], Faults]]] = {
    "accept_loss": _yes,
    "buckets": _buckets,
    "delimiter": _delimiter,
    "derive": _derive,
    "epoch": _epoch,
    "file_as": _file_as,
    "link_prefix": _link_prefix,
    "local_time": _local_time,
    "locale": _locale,
    "options": _targets,
    "others": _targets,
    "pattern": _pattern,
    "pick": _pick,
    "region": _region,
    "rescale": _yes,
    "spelling": _spelling,
    "threshold": _threshold,
    "unit": _unit,
    "values": _values,
    "words": _words,
    "zone": _zone,
}
PARAMETERS: Final = tuple(_CHECKS)
"""Every parameter that some rule takes."""
