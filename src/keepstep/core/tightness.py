"""Whether changed constraints let through more answers, fewer, or neither: decides between Q13, Q14 and Q15.

Looks at the constraints alone; which stored answers no longer fit is counted in `impact`.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Literal

from keepstep.core.jsonvalue import canonical_bytes

Tightness = Literal["same", "looser", "tighter", "incomparable"]
Members = Mapping[str, Any]


def tightness(old: Members, new: Members) -> Tightness:
    """How the changed members of constraints (JSON, as a Change holds them) compare: "same" when only messages differ."""
    found = {_MEMBERS[name](old[name], new[name]) for name in new} - {"same"}
    if not found:
        return "same"
    return found.pop() if len(found) == 1 else "incomparable"


def _lower(old: Any, new: Any) -> Tightness:
    return _upper(new, old) if _measurable(old, new) else _presence(old, new)


def _upper(old: Any, new: Any) -> Tightness:
    if not _measurable(old, new):
        return _presence(old, new)
    return "looser" if new > old else "tighter"


def _measurable(old: Any, new: Any) -> bool:
    """Two numbers, or two times of the same form; "today" and a day cannot be compared for ever."""
    if isinstance(old, str) and isinstance(new, str):
        return old[:1].isdigit() and new[:1].isdigit()
    return isinstance(old, int | Decimal) and isinstance(new, int | Decimal)


def _presence(old: Any, new: Any) -> Tightness:
    if old == new:
        return "same"
    if old is None:
        return "tighter"
    return "looser" if new is None else "incomparable"


def _grid(old: Any, new: Any) -> Tightness:
    if old is None or new is None:
        return _presence(old, new)
    if old % new == 0:
        return "looser"
    return "tighter" if new % old == 0 else "incomparable"


def _allowed(old: list[str], new: list[str]) -> Tightness:
    """Lists of what is allowed, where an empty list allows everything."""
    before, after = set(old), set(new)
    if before == after:
        return "same"
    if not before or (after and after < before):
        return "tighter"
    return "looser" if not after or before < after else "incomparable"


def _rules(old: list[Any], new: list[Any]) -> Tightness:
    before, after = ({canonical_bytes(rule["expression"]) for rule in rules} for rules in (old, new))
    if before == after:
        return "same"
    if before < after:
        return "tighter"
    return "looser" if after < before else "incomparable"


def _same(_old: Any, _new: Any) -> Tightness:
    return "same"


_MEMBERS: Final[Mapping[str, Callable[[Any, Any], Tightness]]] = {
    "min": _lower,
    "max": _upper,
    "min_length": _lower,
    "max_length": _upper,
    "min_choices": _lower,
    "max_choices": _upper,
    "max_files": _upper,
    "max_size": _upper,
    "max_decimals": _upper,
    "step": _grid,
    "pattern": _presence,
    "regions": _allowed,
    "media_types": _allowed,
    "rules": _rules,
    "messages": _same,
}
