"""What differs between two stored states of a run, answer by answer. Must not know how they are worded or stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepstep.core.flow import Answers
from keepstep.core.validate import same_answer

Envelope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """One answer that differs; None is absent. `archived`: it stands in the archive, before or after."""

    option_set_id: str
    old: Envelope | None
    new: Envelope | None
    archived: bool = False


def answer_changes(before: Answers, after: Answers, order: Sequence[str], erased: Collection[str] = ()) -> tuple[AnswerChange, ...]:
    """In the order of these ids, others behind. What was erased from either state is left out: nobody knows whether it differed."""
    places = {name: place for place, name in enumerate(order)}
    names = sorted({*before, *after} - set(erased), key=lambda name: (places.get(name, len(places)), name))
    pairs = ((name, before.get(name), after.get(name)) for name in names)
    return tuple(AnswerChange(name, old, new) for name, old, new in pairs if not same_answer(old, new))


def archive_changes(before: Mapping[str, Envelope], after: Mapping[str, Envelope]) -> tuple[AnswerChange, ...]:
    """What went to the archive, or came out of it."""
    names = sorted({*before, *after})
    pairs = ((name, before.get(name), after.get(name)) for name in names)
    return tuple(AnswerChange(name, old, new, archived=True) for name, old, new in pairs if not same_answer(old, new))
