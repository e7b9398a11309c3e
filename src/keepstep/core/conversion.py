"""What a conversion is and what it gives: the values that every rule takes and returns. Must not know the rules."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from keepstep.core.convert_matrix import RULE_VERSIONS, Kind, cell_of
from keepstep.core.issue import Issue
from keepstep.core.logic_values import as_number
from keepstep.core.read_text import folded
from keepstep.core.structure import OptionSet, choices_of
from keepstep.core.text import text_in, texts_of

Params = Mapping[str, Any]
Envelope = Mapping[str, Any]
NOTHING: Final[Params] = {}
Tried = Mapping[tuple[str, str, str], Params]
"""What was tried when a question got another type: by its id, the former type and the new one."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """How the answers of `source` become answers of `target`.

    `kind` is the matrix's class after its structural condition was looked at (an S that does not hold is a C). `needs`
    lists alternatives: one of these groups of parameters must be given; () = none needed. `accepts` names every parameter
    that has a meaning here. `suggestions` prefills parameters from codes and labels. `language` is the default language
    of the wizard: labels become text in it.
    """

    source: OptionSet
    target: OptionSet
    kind: Kind
    rule: int
    needs: tuple[tuple[str, ...], ...] = ()
    accepts: tuple[str, ...] = ()
    suggestions: Params = field(default_factory=dict)
    language: str = "en"

    @cached_property
    def rule_id(self) -> str:
        """The id that converted envelopes keep: the matrix's class and rule, and the version of the rule: "C5/1"."""
        kind = cell_of(self.source.selection_type, self.target.selection_type).kind
        return f"{'L' if kind == '·' else kind}{self.rule}/{RULE_VERSIONS.get(self.rule, 0)}"

    @cached_property
    def codes_by_label(self) -> Mapping[str, tuple[str, ...]]:
        """The codes of the target's options by label in any language, as read and case-folded."""
        codes: dict[str, tuple[str, ...]] = {}
        for option in choices_of(self.target):
            for label in {folded(text) for text in texts_of(option.label)}:
                codes[label] = (*codes.get(label, ()), option.value)
        return codes

    @cached_property
    def codes_by_number(self) -> Mapping[int | Decimal, tuple[str, ...]]:
        """The codes of the target's options that spell a plain number, by that number."""
        codes: dict[int | Decimal, tuple[str, ...]] = {}
        for option in choices_of(self.target):
            number = as_number(option.value)
            if number is not None:
                codes[number] = (*codes.get(number, ()), option.value)
        return codes

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The label of each option of the source in the default language, by code."""
        return {option.value: text_in(option.label, self.language, self.language) for option in choices_of(self.source)}

    @cached_property
    def shared_labels(self) -> frozenset[str]:
        """Labels of the source, case-folded, that stand for more than one option."""
        counts = Counter(folded(label) for label in self.labels.values())
        return frozenset(label for label, count in counts.items() if count > 1)

    @cached_property
    def checks_anew(self) -> bool:
        """Whether the target may refuse what the source allows, for two option sets of one type: limits or options differ."""
        return _limits(self.source) != _limits(self.target)

    @cached_property
    def is_timeless(self) -> bool:
        """Whether a text or an option becomes something that is the same at any time: no date may be "not after today"."""
        return self.source.selection_type in ("single_select", "dropdown", "text_input") and self.target.selection_type not in (
            "date",
            "time",
            "datetime",
        )

    def needs_met(self, params: Params) -> bool:
        """Whether the parameters that the rule cannot do without are given."""
        return not self.needs or any(all(name in params for name in group) for group in self.needs)

    def taken_up(self, tried: Tried) -> dict[str, Any]:
        """The parameters that were tried for this pair of types, as far as they mean anything here."""
        known = tried.get((self.source.id, self.source.selection_type, self.target.selection_type), NOTHING)
        return {name: value for name, value in known.items() if name in self.accepts}


def _limits(option_set: OptionSet) -> tuple[Any, ...]:
    """What decides whether a value fits, wording and retirement aside. Rules by expression need a whole run (core.validate)."""
    constraints = {name: getattr(option_set.constraints, name) for name in type(option_set.constraints).model_fields}
    limits = {name: value for name, value in constraints.items() if name not in {"rules", "messages"}}
    options = {option.value: option.exclusive for option in choices_of(option_set)}
    return limits, options, getattr(option_set, "allow_other", False)


@dataclass(frozen=True, slots=True)
class Derived:
    """A rule's result: the value, the part of the parameters that led to it, and whether `value` tells less than the original."""

    value: Any
    used: Params = field(default_factory=dict)
    lossy: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a rule gives no value: a stable code, and a sentence for the person who decides."""

    code: str
    detail: str


Result = Derived | Refusal


@dataclass(frozen=True, slots=True)
class Converted:
    """The envelope in the target. `archived` is the envelope that belongs in the run's archive as well, None where nothing is lost."""

    envelope: Envelope
    archived: Envelope | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """No value: a person decides. `value` is the stored one, untouched; `issues` is what the target's own checks found."""

    code: str
    detail: str
    value: Any
    issues: tuple[Issue, ...] = ()


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; true and false are none."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether a JSON value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: 1, true and "1" are three values."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)
