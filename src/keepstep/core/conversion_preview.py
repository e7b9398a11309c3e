"""What becomes of the stored values of a question when its type changes: each of them converted, before anything is done.

The conversion is the one that a run is read or moved with, with the parameters that are kept with the change. Must not know how values
were counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from keepstep.core.clock import Clock
from keepstep.core.conversion import Conflict, Conversion, Converted, Params
from keepstep.core.convert import convert
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.severity import BY_CONVERSION, SEVERITIES, Severity

Distinct = tuple[Any, str | None, int]


@dataclass(frozen=True, slots=True)
class Lot:
    """The distinct answers that were given under one type, as (value, other text, count), with their conversion and its parameters."""

    values: Sequence[Distinct]
    conversion: Conversion
    params: Params = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether the conversion lacks something that it cannot do without."""
        return not self.conversion.needs_met(self.params)

    @property
    def severity(self) -> Severity:
        """The class of the conversion; one that was given the table that it needs goes value by value from then on."""
        kind = self.conversion.kind
        return "convertible" if kind == "M" and not self.is_open else BY_CONVERSION[kind]


@dataclass(frozen=True, slots=True)
class Preview:
    """`shown`: what becomes of the first values, in their order. `converted` and `conflicts` count answers, over all values.

    `lots`: the values by what they were given under, one or several; none where none is stored.
    """

    conversion: Conversion
    shown: tuple[Converted | Conflict, ...]
    converted: int
    conflicts: int
    lots: tuple[Lot, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """The class by what is really stored: a value that does not convert is a failure of the rule, however harmless that is in
        general, and answers that need no conversion are safe. None where none is stored.
        """
        found = max((lot.severity for lot in self.lots if lot.values), key=SEVERITIES.index, default=None)
        return "convertible" if found == "safe" and self.conflicts else found

    @property
    def is_tried(self) -> bool:
        """Whether parameters that somebody tried take part in it."""
        return any(lot.params for lot in self.lots if lot.values)

    def to_json(self) -> dict[str, Any]:
        """`{rule, kind, needs, tried, converted, conflicts}`, which holds no answer. `rule` is null where no conversion exists."""
        conversion = self.conversion
        return {
            "rule": None if conversion.kind == "-" else conversion.rule_id,
            "kind": conversion.kind,
            "needs": [list(group) for group in conversion.needs],
            "tried": self.is_tried,
            "converted": self.converted,
            "conflicts": self.conflicts,
        }

    def beside(self, shown_values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The shown values of an impact, each with the `becomes` or the `conflict: {code, detail}` that is its own."""
        return [value | _outcome(result) for value, result in zip(shown_values, self.shown, strict=True)]


def preview_by_lots(distinct: Sequence[Distinct], lots: Iterable[Lot], conversion: Conversion, *, shown: int, clock: Clock) -> Preview:
    """What becomes of `distinct`, each lot of it converted by its own conversion; the results of the first `shown` are kept.

    Of a value that stands in several lots a conflict is shown, where one of them has it; the counts know them apart.
    """
    kept: dict[tuple[bytes, str | None], Converted | Conflict] = {}
    counted = {True: 0, False: 0}
    made = tuple(lots)
    for lot in made:
        for value, other, count in lot.values:
            given = {"value": value} if other is None else {"value": value, "other": other}
            result = convert(given, lot.conversion, lot.params, clock=clock)
            counted[isinstance(result, Converted)] += count
            key = (canonical_bytes(value), other)
            if key not in kept or isinstance(result, Conflict):
                kept[key] = result
    results = tuple(kept[canonical_bytes(value), other] for value, other, _ in distinct[:shown])
    return Preview(conversion, results, counted[True], counted[False], made)


def preview_with(preview: Preview, params: Params, distinct: Sequence[Distinct], *, shown: int, clock: Clock) -> Preview:
    """The same with these parameters for the answers of the type that changes; those of other types stay as they are."""
    changing = preview.conversion.source.selection_type
    lots = (_with(lot, params) if lot.conversion.source.selection_type == changing else lot for lot in preview.lots)
    return preview_by_lots(distinct, lots, preview.conversion, shown=shown, clock=clock)


def _with(lot: Lot, params: Params) -> Lot:
    return replace(lot, params={name: value for name, value in params.items() if name in lot.conversion.accepts})


def _outcome(result: Converted | Conflict) -> dict[str, Any]:
    if isinstance(result, Converted):
        return {"becomes": result.envelope["value"]}
    return {"conflict": {"code": result.code, "detail": result.detail}}
