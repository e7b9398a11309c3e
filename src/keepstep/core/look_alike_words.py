"""What a person is asked about removed and added nodes that look alike: one sentence for each reason. Nothing is matched by it."""

from typing import assert_never

from keepstep.core.look_alikes import LookAlike
from keepstep.core.structure import Structure
from keepstep.core.wording import Names


def question_of(found: LookAlike, old: Structure, new: Structure) -> str:
    names = Names(old, new)
    if found.reason in ("labels-swapped", "code-used-again") or found.option_set_id in new.option_set_by_id:
        return _of_option(found, names)
    gone, added = names.option_set(found.old), names.option_set(found.new)
    why = {"same-key": "has its key", "same-label-and-type": "has its wording and type", "similar-options": "has nearly its options"}
    reason = why.get(found.reason, "looks like it")
    told = f"{gone} is removed and {added}, which {reason}, is added."
    return f"{told} If it is the same question, restore the old one: its answers stay with it."


def _of_option(found: LookAlike, names: Names) -> str:
    old, new = (names.option(found.option_set_id, value) for value in (found.old, found.new))
    owner = names.option_set(found.option_set_id)
    match found.reason:
        case "labels-swapped":
            told = f"The labels of {owner} changed places, among them {old} and {new}."
            return f"{told} Stored answers keep their values, so they would read as others."
        case "code-used-again":
            return f"{new} of {owner} has a value that was used before. Stored answers may mean something else by it."
        case "same-label-and-type" | "same-key" | "similar-options":
            return f"The option {old} of {owner} is removed and one with the same label is added. If it is the same, restore the old one."
        case _:
            assert_never(found.reason)
