"""How an answer of one selection type becomes an answer of another, and back: the table, its rules, and `convert`.

rule_for → Conversion; convert → Converted or Conflict; inverse. The same functions make the preview, the single move and the
bulk move. Never raises on data, never null for an answered value, never clamps, rounds or guesses. Must not know runs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from keepstep.core.clock import Clock
from keepstep.core.conversion import (
    NOTHING,
    Conflict,
    Conversion,
    Converted,
    Derived,
    Envelope,
    Params,
    Refusal,
    Result,
    is_number,
    is_whole,
    same,
)
from keepstep.core.convert_choices import (
    by_table,
    derived,
    label_of,
    labels_joined,
    option_by_boolean,
    option_by_number,
    option_from,
    options_from,
    same_choice,
    unwrapped,
    wrapped,
)
from keepstep.core.convert_matrix import MATRIX, RULES, TYPES, Cell, Kind, cell_of
from keepstep.core.convert_numbers import at_local_time, boolean_by_number, by_calendar, grid_of, number_by_boolean, on_grid, part_of_moment
from keepstep.core.convert_parameters import PARAMETERS, accepted, faults_in_parameters, needed
from keepstep.core.convert_provenance import enveloped, former_of, turned
from keepstep.core.convert_suggestions import suggested
from keepstep.core.convert_text import (
    as_typed,
    boolean_from,
    date_or_time_from,
    decimal_text,
    files_as_text,
    kept,
    moment_from,
    number_from,
    one_line,
    phone_from,
    whole_from,
    word_for,
)
from keepstep.core.issue import Issue
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.logic import answered
from keepstep.core.read_text import LINE_BREAK
from keepstep.core.readings import joined
from keepstep.core.selection import check_other, check_value, normal_value
from keepstep.core.structure import CHOICE_TYPES, ChoiceFields, OptionSet, TextConstraints

__all__ = [
    "MATRIX",
    "PARAMETERS",
    "RULES",
    "TYPES",
    "Cell",
    "Conflict",
    "Conversion",
    "Converted",
    "Kind",
    "Sample",
    "Stored",
    "cell_of",
    "convert",
    "faults_in_parameters",
    "former_exactly",
    "inverse",
    "rule_for",
    "sample_conversions",
]

Rule = Callable[[Any, Conversion, Params], Result]

TEXTS: Final = ("text_input", "textarea")


def _identity(value: Any, conversion: Conversion, params: Params) -> Result:
    rule = same_choice if conversion.source.selection_type in CHOICE_TYPES else kept
    return rule(value, conversion, params)


_RULES: Final[Mapping[int, Rule]] = {
    1: _identity,
    2: one_line,
    3: option_from,
    4: options_from,
    5: number_from,
    6: whole_from,
    7: whole_from,
    8: boolean_from,
    9: date_or_time_from,
    10: moment_from,
    11: as_typed,
    12: phone_from,
    13: wrapped,
    14: label_of,
    15: by_table,
    16: by_table,
    17: by_table,
    18: unwrapped,
    19: labels_joined,
    20: derived,
    21: decimal_text,
    22: option_by_number,
    23: whole_from,
    24: kept,
    25: kept,
    26: on_grid,
    27: boolean_by_number,
    28: by_calendar,
    29: word_for,
    30: option_by_boolean,
    31: number_by_boolean,
    32: kept,
    33: at_local_time,
    34: part_of_moment,
    35: files_as_text,
}
assert set(_RULES) == set(RULES), "each rule of the table has its function"


# --- the rule for a pair ---------------------------------------------------------------------------------------------


def rule_for(source: OptionSet, target: OptionSet, *, language: str = "en") -> Conversion:
    """How answers of `source` become answers of `target`; kind "-" where no conversion exists.

    An S whose structural condition does not hold comes back as C, or as M where it needs a table.
    """
    cell = cell_of(source.selection_type, target.selection_type)
    needs = needed(source, target, cell.rule)
    conversion = Conversion(source, target, cell.kind, cell.rule, needs, accepted(source, target, cell.rule), language=language)
    kind: Kind = "C" if cell.kind == "S" and not _CONDITIONS[cell.rule](conversion) else cell.kind
    bare = Conversion(source, target, kind, cell.rule, needs, conversion.accepts, language=language)
    return Conversion(source, target, kind, cell.rule, needs, conversion.accepts, suggested(bare, _RULES), language)


def _labels_tell(conversion: Conversion) -> bool:
    """Rule 14: every option has a label of its own, and the target takes it."""
    labels = conversion.labels.values()
    return not conversion.shared_labels and all(label and _fits(label, conversion.target) for label in labels)


def _lists_tell(conversion: Conversion) -> bool:
    """Rule 19: as 14 for every label and for all of them together."""
    labels = conversion.labels.values()
    return not conversion.shared_labels and all(labels) and all(_fits(text, conversion.target) for text in (*labels, joined(labels, ";")))


def _fits(text: str, target: OptionSet) -> bool:
    limits = target.constraints
    assert isinstance(limits, TextConstraints)
    long_enough = len(text) >= (limits.min_length or 0)
    short_enough = limits.max_length is None or len(text) <= limits.max_length
    return (
        long_enough and short_enough and limits.pattern is None and not (target.selection_type == "text_input" and LINE_BREAK.search(text))
    )


def _grid_covered(conversion: Conversion) -> bool:
    """Rule 26: every value that the source can have is one that the target can have."""
    target = grid_of(conversion.target)
    return all(value in target for value in grid_of(conversion.source))


def _zero_and_one(conversion: Conversion) -> bool:
    """Rule 31: 0 and 1 lie on the slider."""
    return 0 in grid_of(conversion.target) and 1 in grid_of(conversion.target)


def _whole_grid(conversion: Conversion) -> bool:
    """Rule 25: whole values only."""
    return all(map(is_whole, grid_of(conversion.source)[:2]))


_CONDITIONS: Final[Mapping[int, Callable[[Conversion], bool]]] = {
    14: _labels_tell,
    19: _lists_tell,
    25: _whole_grid,
    26: _grid_covered,
    31: _zero_and_one,
}


# --- forward ---------------------------------------------------------------------------------------------------------


def convert(envelope: Envelope, conversion: Conversion, params: Params = NOTHING, *, clock: Clock) -> Converted | Conflict:
    """The stored answer `envelope` as an answer of the target, or why a person has to decide.

    `params` have passed `faults_in_parameters`. What is not answered stays as it is and never becomes false, 0, "" or [].
    """
    value, other = envelope.get("value"), envelope.get("other")
    if not answered(value) and not answered(other):
        return Converted(envelope)
    if conversion.kind == "·" and not params:
        return _carried(envelope, conversion, clock)
    if conversion.kind == "-":
        pair = f"{conversion.source.selection_type} to {conversion.target.selection_type}"
        return Conflict("no-conversion", f"There is no conversion from {pair}.", value)
    if not conversion.needs_met(params):
        groups = " or ".join(" and ".join(group) for group in conversion.needs)
        return Conflict("parameter-missing", f"The conversion needs {groups}.", value)
    result = _result(envelope, conversion, params)
    return Conflict(result.code, result.detail, value) if isinstance(result, Refusal) else _checked(envelope, result, conversion, clock)


def _carried(envelope: Envelope, conversion: Conversion, clock: Clock) -> Converted | Conflict:
    """Between two option sets of one type: the answer itself, checked only where the target may refuse what the source allowed."""
    if not conversion.checks_anew:
        return Converted(envelope)
    value = envelope.get("value")
    issues = _issues(envelope, value, conversion, clock)
    if not issues:
        return Converted(envelope)
    code = "option-missing" if issues[0].code == "option-unknown" else issues[0].code
    return Conflict(code, issues[0].detail, value, issues)


def _issues(envelope: Envelope, value: Any, conversion: Conversion, clock: Clock) -> tuple[Issue, ...]:
    """What the target finds on `value` and on the "other" text that goes with it."""
    found = check_value(value, conversion.target, clock)
    other = envelope.get("other")
    if answered(other):
        found += check_other(other, conversion.target)
    # Retired options are not offered anew, but stay selected where they were.
    stays = conversion.rule in (1, 13, 18)
    return tuple(issue for issue in found if not (stays and issue.code == "option-retired"))


def _result(envelope: Envelope, conversion: Conversion, params: Params) -> Result:
    """The value in the target, "other" text taken into account."""
    value, other = envelope.get("value"), envelope.get("other")
    if not answered(other):
        return _of_value(value, conversion, params)
    others = params.get("others", {})
    if other in others:
        return _with_other_as_option(value, conversion, params, {str(other): others[other]})
    if not isinstance(conversion.target, ChoiceFields) or not conversion.target.allow_other:
        return Refusal(
            "other-not-allowed", "The answer has a text of its own, for which the target has no place; it can be mapped to an option."
        )
    return _of_value(value, conversion, params) if answered(value) else Derived(value)


def _with_other_as_option(value: Any, conversion: Conversion, params: Params, named: Mapping[str, str]) -> Result:
    """The option that a table gives for the "other" text joins those chosen."""
    (code,) = named.values()
    result = _of_value(value, conversion, params) if answered(value) else Derived([])
    if isinstance(result, Refusal):
        return result
    chosen = result.value if isinstance(result.value, list) else [result.value]
    chosen = list(dict.fromkeys([*chosen, code]))
    used = {**result.used, "others": dict(named)}
    if conversion.target.selection_type == "multiple_select":
        return Derived(chosen, used, lossy=result.lossy)
    if len(chosen) > 1:
        return Refusal("more-than-one", f"{len(chosen)} options are chosen, and the target takes one.")
    return Derived(code, used, lossy=result.lossy)


def _of_value(value: Any, conversion: Conversion, params: Params) -> Result:
    if _has_shape(value, conversion.source.selection_type):
        return _RULES[conversion.rule](value, conversion, params)
    # A text that an import stored under another type is still a text, and says the same as text.
    if isinstance(value, str) and conversion.target.selection_type in TEXTS:
        return one_line(value, conversion, params) if conversion.target.selection_type == "text_input" else Derived(value)
    return Refusal("value-misfit", f"The stored value is no answer of a {conversion.source.selection_type}.")


def _has_shape(value: Any, selection_type: str) -> bool:
    """Whether a stored value looks like its type at all; imports keep misfits as they were given."""
    match selection_type:
        case "number":
            return is_number(value)
        case "integer" | "slider" | "rating":
            return is_whole(value)
        case "boolean":
            return isinstance(value, bool)
        case "multiple_select":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "file":
            return isinstance(value, list) and all(isinstance(item, dict) and {"file_id", "name"} <= set(item) for item in value)
        case _:
            return isinstance(value, str)


def _checked(envelope: Envelope, result: Derived, conversion: Conversion, clock: Clock) -> Converted | Conflict:
    value = normal_value(result.value, conversion.target)
    rest = {name: member for name, member in envelope.items() if name != "other" or "others" not in result.used}
    issues = _issues(rest, value, conversion, clock)
    if issues:
        return Conflict(issues[0].code, issues[0].detail, envelope.get("value"), issues)
    return Converted(enveloped(envelope, value, result, conversion), envelope if result.lossy else None)


# --- back ------------------------------------------------------------------------------------------------------------


def inverse(
    envelope: Envelope, conversion: Conversion, params: Params = NOTHING, *, clock: Clock, archived: Envelope | None = None
) -> Converted | Conflict:
    """The answer of `conversion.source` that `envelope`, an answer of the target, came from or now stands for.

    Exact where the envelope still is what the conversion made (`archived` is what a lossy one put in the archive). A value
    edited since is converted by the rule of the other direction with the same parameters, and may be a conflict.
    """
    former = former_exactly(envelope, conversion, archived)
    if former is not None:
        return Converted(former)
    back = _back(conversion)
    return convert(envelope, back, turned(params, back), clock=clock)


def former_exactly(envelope: Envelope, conversion: Conversion, archived: Envelope | None = None) -> Envelope | None:
    """The answer that this conversion made `envelope` of, member by member; None where it did not, or the value was edited since."""
    if envelope.get("rule") != conversion.rule_id or envelope.get("source") != "conversion":
        return None
    former = archived if archived is not None else former_of(envelope, conversion)
    return former if _leads_to(former, envelope, conversion) else None


# The other direction is the same for every answer of an undo; labels of thousands of options are then read once.
@lru_cache(maxsize=128)
def _back(conversion: Conversion) -> Conversion:
    return rule_for(conversion.target, conversion.source, language=conversion.language)


def _leads_to(former: Envelope, envelope: Envelope, conversion: Conversion) -> bool:
    """Whether the conversion, by the parameters that the envelope keeps, makes of `former` the value that is there."""
    if isinstance(former.get("value"), tuple):
        return False
    result = _result(former, conversion, envelope.get("params", {}).get("given", NOTHING))
    return isinstance(result, Derived) and same(normal_value(result.value, conversion.target), envelope.get("value"))


# --- previews --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """A distinct stored answer and how many there are."""

    value: Any
    count: int
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What becomes of a distinct stored answer."""

    stored: Stored
    result: Converted | Conflict


def sample_conversions(stored: Iterable[Stored], conversion: Conversion, params: Params = NOTHING, *, clock: Clock) -> tuple[Sample, ...]:
    """What a dry run shows: one row for each distinct stored answer, conflicts first, then the most frequent; deterministic."""
    samples = [Sample(each, convert(_envelope(each), conversion, params, clock=clock)) for each in stored]
    return tuple(sorted(samples, key=_order))


def _envelope(stored: Stored) -> Envelope:
    return {"value": stored.value} | ({} if stored.other is None else {"other": stored.other})


def _order(sample: Sample) -> tuple[bool, int, bytes, str]:
    stored = sample.stored
    return isinstance(sample.result, Converted), -stored.count, canonical_bytes(stored.value), stored.other or ""
