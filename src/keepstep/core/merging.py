"""Several answers as one, by the rule that a plan names for it. Must not know runs or plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keepstep.core.conversion import Converted, Envelope
from keepstep.core.flow import is_answered
from keepstep.core.plan import First, Joined, Union

RULES: Final[Mapping[str, str]] = {"union": "merge-union/1", "joined": "merge-joined/1"}


@dataclass(frozen=True, slots=True)
class Merged:
    """`archived`: the questions whose answers cannot be told from the one that they became."""

    envelope: Envelope
    archived: tuple[str, ...]


def merged_answers(arrived: Sequence[tuple[str, Envelope, Converted]], rule: First | Union | Joined) -> Merged:
    """One answer of `arrived`: (question of the source, its answer, what that is in the target), in the order of the source."""
    given = [each for each in arrived if is_answered(each[1])]
    if not given:
        return Merged(arrived[0][2].envelope, ())
    if isinstance(rule, First):
        return Merged(given[0][2].envelope, tuple(name for name, *_ in given[1:]))
    values = [result.envelope.get("value") for *_, result in given]
    value: Any = rule.delimiter.join(map(str, values)) if isinstance(rule, Joined) else _together(values)
    envelope = {"value": value, "source": "conversion", "rule": RULES[rule.kind]}
    others = [result.envelope["other"] for *_, result in given if result.envelope.get("other")]
    if others:
        envelope["other"] = "; ".join(others)
    return Merged(envelope, tuple(name for name, *_ in given))


def _together(values: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(option for chosen in values if chosen is not None for option in chosen))
