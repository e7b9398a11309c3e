"""Two tabs or devices at one page: which answers of a form were changed elsewhere since it was shown. Must not know requests or HTML.

Each form holds a fingerprint of every answer that it showed. What only one side changed is merged; what both changed is asked.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.selection import normal_value
from keepstep.core.structure import OptionSet
from keepstep.web.questions.controls import filled
from keepstep.web.questions.passage import Standing, is_answered_by_hand
from keepstep.web.questions.posted import Given

# Compared with one other answer of the same run alone, so that two that differ and look alike are no matter of luck but of aim.
_DIGITS: Final = 12


def fingerprint(envelope: Mapping[str, Any] | None, option_set: OptionSet) -> str:
    """Of what an answer says; nothing and left empty are the same."""
    given = envelope or {}
    said = [normal_value(given.get("value"), option_set), given.get("other") or None]
    return hashlib.sha256(canonical_bytes(said)).hexdigest()[:_DIGITS]


def fingerprints(where: Standing, option_sets: Sequence[OptionSet]) -> list[str]:
    """What the form of these questions holds: `<id>:<fingerprint>` of each."""
    return [f"{each.id}:{fingerprint(where.answers.get(each.id), each)}" for each in option_sets if is_answered_by_hand(each)]


def seen_in(bases: Sequence[Any]) -> dict[str, str]:
    """By option set the fingerprint that a form holds of what it showed."""
    return dict(str(each).split(":", 1) for each in bases if ":" in str(each))


@dataclass(frozen=True, slots=True)
class Merged:
    """`given` without what cannot be taken over; `colliding`: the option sets that both sides changed, differently."""

    given: Given
    colliding: tuple[str, ...] = ()


def merged_given(given: Given, where: Standing, bases: Sequence[str]) -> Merged:
    """What a form says beside what is stored now."""
    base = seen_in(bases)
    answers, typed = dict(given.answers), dict(given.typed)
    colliding = []
    for option_set_id, answer in given.answers.items():
        option_set = where.structure.option_set_by_id[option_set_id]
        stored = where.answers.get(option_set_id)
        seen = base.get(option_set_id)
        # Files are added to and taken from what is there, so they never collide.
        if seen is None or option_set.selection_type == "file" or seen == fingerprint(stored, option_set):
            continue
        if fingerprint(answer, option_set) == seen:
            typed[option_set_id] = filled(option_set, stored, where.situation)
        else:
            colliding.append(option_set_id)
        del answers[option_set_id]
    return Merged(replace(given, answers=answers, typed=typed), tuple(colliding))
