"""One question back as a published version had it: which edit of a draft does that. Must not know who asks or what is stored."""

from collections.abc import Mapping
from typing import Any, Final

from keepstep.core.edits import Draft, RestoreFromVersion
from keepstep.core.issue import Issue, to_errors
from keepstep.core.keys import NOTHING_RESERVED, Reserved, owners_of_keys
from keepstep.core.languages import relocalised, same_languages
from keepstep.core.nodes import step_in
from keepstep.core.structure import OptionSet, Step, Structure, dump
from keepstep.errors import NodeNotFound, RequestInvalid

_NO_PLACE: Final = "Neither the question nor the step that it stood in is in the draft. Say which step it shall go to."


def restoring(
    draft: Draft, version: tuple[int, Structure], option_set_id: str, *, step_id: str | None = None, reserved: Reserved = NOTHING_RESERVED
) -> RestoreFromVersion:
    """The edit that gives the draft this option set as `version` (number, structure) had it.

    One that is not in the draft goes to `step_id`, or to the step of that version, behind what it stood behind there. Raises
    NodeNotFound, and RequestInvalid where no step is left to put it into.
    """
    number, structure = version
    former = structure.option_set_by_id.get(option_set_id)
    if former is None:
        raise NodeNotFound(f"Version {number} has no question {option_set_id}.")
    node = dump(former) if same_languages(structure, draft.structure) else relocalised(dump(former), structure, draft.structure)
    node |= _aliases(draft, former, reserved)
    edit = RestoreFromVersion(version_number=number, option_set_id=option_set_id, node=node)
    if option_set_id in draft.structure.option_set_by_id:
        return edit
    target = _target(draft.structure, structure.step_of[option_set_id], step_id)
    return edit.model_copy(update={"step_id": target.id, "position": _position(target, structure, option_set_id)})


def place_is_open(draft: Structure, version: Structure, option_set_id: str) -> bool:
    """Whether a person has to say which step the question goes to: neither it nor its step is in the draft."""
    return option_set_id not in draft.option_set_by_id and version.step_of[option_set_id].id not in draft.step_by_id


def _aliases(draft: Draft, former: OptionSet, reserved: Reserved) -> Mapping[str, Any]:
    """Every key that it ever had stays its own, also those that it was given after that version."""
    owners = owners_of_keys(draft.structure, draft.shelf, reserved)
    later = sorted(key for key, owner in owners.items() if owner == former.id)
    keys = [key for key in dict.fromkeys((*former.key_aliases, *later)) if key != former.key]
    return {"key_aliases": keys} if keys else {}


def _target(draft: Structure, former: Step, step_id: str | None) -> Step:
    if step_id is not None:
        return step_in(draft, step_id)
    if former.id not in draft.step_by_id:
        raise RequestInvalid(_NO_PLACE, errors=to_errors((Issue("/step_id", "missing", _NO_PLACE),)))
    return draft.step_by_id[former.id]


def _position(target: Step, version: Structure, option_set_id: str) -> int:
    """Behind the last of those that it stood behind in the version and that are in this step now; else first."""
    siblings = [item.id for item in version.step_of[option_set_id].option_sets]
    before = set(siblings[: siblings.index(option_set_id)])
    return max((index + 1 for index, item in enumerate(target.option_sets) if item.id in before), default=0)
