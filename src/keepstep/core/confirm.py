"""What a person confirmed, and whether it still covers what would be done now (docs/changes.md, "Confirming").

Gives the payload of the confirm token; signing it is not done here.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from keepstep.core import change as c
from keepstep.core.impact import Report, Reported
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.severity import graver

# A token travels in an address. Beyond this many values it holds one digest of them all, so that any other set is refused.
MOST_VALUES: Final = 100
_DIGEST: Final = 12
# Of these, a value that was not shown could mean something that nobody looked at.
_VALUES_SHOWN: Final = (c.OptionRemoved, c.TypeChanged)
_TAKING: Final = (c.StepRemoved, c.OptionSetRemoved, c.OptionRemoved, c.TypeChanged)


def needs_confirmation(report: Report) -> bool:
    """Whether the changes touch what is stored: a deletion or another type where anything is stored, or a class that is not safe."""
    return any(_asks(reported) for reported in report.changes)


def _asks(reported: Reported) -> bool:
    return not reported.impact.is_nothing and (reported.effective != "safe" or isinstance(reported.change, _TAKING))


def shown_in(report: Report) -> dict[str, Any]:
    """What the report showed, as JSON for a token: `{classes: {change id: effective class}, values: {change id: digests}}`."""
    classes = {reported.change.id: reported.effective for reported in report.changes}
    values = {reported.change.id: _digests(reported) for reported in report.changes if isinstance(reported.change, _VALUES_SHOWN)}
    return {"classes": classes, "values": values}


def still_covered(shown: Mapping[str, Any], now: Report) -> tuple[str, ...]:
    """Why what was confirmed no longer covers what would be done now; () when it does."""
    return tuple(reason for reported in now.changes for reason in _uncovered(shown, reported))


def _uncovered(shown: Mapping[str, Any], reported: Reported) -> Iterator[str]:
    change = reported.change
    former = shown["classes"].get(change.id)
    if former is None:
        yield f"This change was not in the report: {reported.sentence}"
        return
    if graver(reported.effective, former):
        yield f"This was {former} when it was shown and is {reported.effective} now: {reported.sentence}"
    if isinstance(change, _VALUES_SHOWN) and not _all_shown(shown["values"].get(change.id, []), reported):
        yield f"A value is stored now that was not shown: {reported.sentence}"


def _all_shown(digests: list[str], reported: Reported) -> bool:
    now = _values(reported)
    return set(now) <= set(digests) or _one_digest(now) == digests


def _digests(reported: Reported) -> list[str]:
    values = _values(reported)
    return values if len(values) <= MOST_VALUES else _one_digest(values)


def _values(reported: Reported) -> list[str]:
    return sorted(_digest([value, other]) for value, other, _ in reported.impact.distinct)


def _one_digest(values: list[str]) -> list[str]:
    return [_digest(values)]


def _digest(value: Any) -> str:
    return sha256(canonical_bytes(value)).hexdigest()[:_DIGEST]
