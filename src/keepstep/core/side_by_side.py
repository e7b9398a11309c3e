"""A run before and after a move, question by question, for somebody who looks at it. Must not know storage or how it is drawn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepstep.core.conservation import fates
from keepstep.core.flow import is_answered
from keepstep.core.migration_counts import OPEN
from keepstep.core.moving import Decision, Reason, Settled, Subject, decide
from keepstep.core.selection import display
from keepstep.core.structure import OptionSet
from keepstep.core.text import text_in
from keepstep.core.ways import Prepared


@dataclass(frozen=True, slots=True)
class Line:
    """One question: the answer in its own version, and what it is in the target; where the run stays, what it would be there, and None for
    one that holds the run up. `fate` says where it went (`core.conservation`); it is `stays` where the run stays, `new` for a question that
    the source does not have. `reasons` are those that name it.
    """

    source: OptionSet | None
    target: OptionSet | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    fate: str
    reasons: tuple[Reason, ...]

    @property
    def reads_alike(self) -> bool:
        """Whether the answer says the same on both sides, and nothing has to be told of it."""
        same = self.fate == "carried" or (self.fate == "stays" and self.before is not None and self.before == self.after)
        return same and self.target is not None and not self.reasons

    def to_json(self, language: str, default: str) -> dict[str, Any]:
        return {
            "before": _shown(self.source, self.before, language, default),
            "after": _shown(self.target, self.after, language, default),
            "fate": self.fate,
            "reasons": [reason_json(reason) for reason in self.reasons],
        }


def reason_json(reason: Reason) -> dict[str, str]:
    return {"option_set_id": reason.option_set_id, "outcome": reason.outcome, "code": reason.code, "detail": reason.detail}


def _shown(option_set: OptionSet | None, envelope: Mapping[str, Any] | None, language: str, default: str) -> dict[str, Any] | None:
    if option_set is None:
        return None
    value = {name: envelope[name] for name in ("value", "other") if name in envelope} if envelope is not None else None
    own = {"option_set_id": option_set.id, "key": option_set.key, "label": text_in(option_set.name, language, default)}
    return own | {"response_value": value, "display": display(envelope, option_set, language, default)}


def side_by_side(before: Subject, decision: Decision, prepared: Prepared) -> tuple[Line, ...]:
    """Every question with an answer on either side or a reason, in the order of the source, what is new behind."""
    moved, named = decision.moved, _by_question(decision.reasons)
    found = fates(before, moved, prepared) if moved is not None and before.version_id in prepared.ways else {}
    after = _supposed(before, decision, prepared) if moved is None else moved
    return (*_of_source(before, after, prepared, (named, found)), *_new(before, after, prepared, named, stays=moved is None))


def _supposed(before: Subject, decision: Decision, prepared: Prepared) -> Subject | None:
    """A run that stays as it would be in the target without the answers that hold it up."""
    settled: dict[str, Settled] = {
        reason.option_set_id: "waive" if reason.outcome == "needs-answer" else "archive"
        for reason in decision.reasons
        if reason.outcome in OPEN
    }
    return decide(before, prepared, settled).moved


def _there(target: OptionSet | None, after: Subject | None, reasons: Sequence[Reason], *, stays: bool) -> Mapping[str, Any] | None:
    if target is None or after is None or (stays and any(reason.outcome in OPEN for reason in reasons)):
        return None
    return after.answers.get(target.id)


def _by_question(reasons: Sequence[Reason]) -> Mapping[str, tuple[Reason, ...]]:
    named: dict[str, tuple[Reason, ...]] = {}
    for reason in reasons:
        named[reason.option_set_id] = (*named.get(reason.option_set_id, ()), reason)
    return named


def _of_source(
    before: Subject, after: Subject | None, prepared: Prepared, what: tuple[Mapping[str, Any], Mapping[str, str]]
) -> Iterator[Line]:
    named, found = what
    stays = not found
    for way in prepared.ways.get(before.version_id, ()):
        envelope = before.answers.get(way.source.id)
        reasons = named.get(way.source.id, ())
        if not is_answered(envelope) and not reasons:
            continue
        there = _there(way.target, after, reasons, stays=stays)
        yield Line(way.source, way.target, envelope, there, found.get(way.source.id, "stays"), reasons)


def _new(
    before: Subject, after: Subject | None, prepared: Prepared, named: Mapping[str, tuple[Reason, ...]], *, stays: bool
) -> Iterator[Line]:
    for option_set in prepared.fresh.get(before.version_id, ()):
        envelope = _there(option_set, after, named.get(option_set.id, ()), stays=stays)
        if is_answered(envelope) or option_set.id in named:
            yield Line(None, option_set, None, envelope, "new", named.get(option_set.id, ()))
