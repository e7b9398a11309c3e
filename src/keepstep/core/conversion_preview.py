"""What becomes of the stored values of a question when its type changes: each of them converted, before anything is done.

The conversion is the one that a run is read or moved with; without parameters unless some are tried. Must not know how values were
counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keepstep.core.clock import Clock
from keepstep.core.conversion import NOTHING, Conflict, Conversion, Converted, Params
from keepstep.core.convert import convert
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.severity import BY_CONVERSION, SEVERITIES, Severity

Distinct = tuple[Any, str | None, int]


@dataclass(frozen=True, slots=True)
class Preview:
    """`shown`: what becomes of the first values, in their order. `converted` and `conflicts` count answers, over all values.

    `kinds`: those of the conversions that the stored answers take, one or several; none where none is stored.
    """

    conversion: Conversion
    shown: tuple[Converted | Conflict, ...]
    converted: int
    conflicts: int
    kinds: frozenset[str] = frozenset()

    @property
    def severity(self) -> Severity | None:
        """The class by what is really stored: a value that does not convert is a failure of the rule, however harmless that is in
        general, and answers that need no conversion are safe. None where none is stored.
        """
        found = max((BY_CONVERSION[kind] for kind in self.kinds), key=SEVERITIES.index, default=None)
        return "convertible" if found == "safe" and self.conflicts else found

    def to_json(self) -> dict[str, Any]:
        """`{rule, kind, needs, converted, conflicts}`, which holds no answer. `rule` is null where no conversion exists."""
        conversion = self.conversion
        return {
            "rule": None if conversion.kind == "-" else conversion.rule_id,
            "kind": conversion.kind,
            "needs": [list(group) for group in conversion.needs],
            "converted": self.converted,
            "conflicts": self.conflicts,
        }

    def beside(self, shown_values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The shown values of an impact, each with the `becomes` or the `conflict: {code, detail}` that is its own."""
        return [value | _outcome(result) for value, result in zip(shown_values, self.shown, strict=True)]


def preview_of(distinct: Sequence[Distinct], conversion: Conversion, params: Params = NOTHING, *, shown: int, clock: Clock) -> Preview:
    """What becomes of `(value, other text, count)`; the results of the first `shown` are kept, the others only counted."""
    kept: list[Converted | Conflict] = []
    converted = conflicts = 0
    for value, other, count in distinct:
        result = convert({"value": value} | ({} if other is None else {"other": other}), conversion, params, clock=clock)
        if len(kept) < shown:
            kept.append(result)
        if isinstance(result, Converted):
            converted += count
        else:
            conflicts += count
    return Preview(conversion, tuple(kept), converted, conflicts, frozenset({conversion.kind} if distinct else ()))


def preview_by_lots(
    distinct: Sequence[Distinct], lots: Sequence[tuple[Sequence[Distinct], Conversion]], conversion: Conversion, *, shown: int, clock: Clock
) -> Preview:
    """As `preview_of` where the values of `distinct` were answered under several types: each lot is converted by its own conversion.

    Of a value that stands in several lots a conflict is shown, where one of them has it; the counts know them apart.
    """
    kept: dict[tuple[bytes, str | None], Converted | Conflict] = {}
    converted = conflicts = 0
    for values, own in lots:
        preview = preview_of(values, own, shown=len(values), clock=clock)
        converted, conflicts = converted + preview.converted, conflicts + preview.conflicts
        for (value, other, _), result in zip(values, preview.shown, strict=True):
            key = (canonical_bytes(value), other)
            if key not in kept or isinstance(result, Conflict):
                kept[key] = result
    results = tuple(kept[canonical_bytes(value), other] for value, other, _ in distinct[:shown])
    return Preview(conversion, results, converted, conflicts, frozenset(own.kind for values, own in lots if values))


def _outcome(result: Converted | Conflict) -> dict[str, Any]:
    if isinstance(result, Converted):
        return {"becomes": result.envelope["value"]}
    return {"conflict": {"code": result.code, "detail": result.detail}}
