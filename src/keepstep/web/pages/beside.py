"""One touched step at a time, before | after, with links to the others: what the review and the comparison of versions both show."""

from collections.abc import Iterable
from dataclasses import dataclass

from keepstep.core.beside import Beside, beside
from keepstep.core.change import Change
from keepstep.core.change_groups import step_id_of, step_order
from keepstep.core.piping import told
from keepstep.core.shelf import Shelved
from keepstep.core.structure import Structure


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another touched step, and its place in the wizard from 1."""

    step_id: str
    number: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchedStep:
    """The step on show. `place` among the `touched` ones, from 1; `number` is its place in the wizard."""

    pair: Beside
    name: str
    number: int
    place: int
    touched: int
    previous: Neighbour | None
    following: Neighbour | None


def touched_step(
    changes: Iterable[Change], old: Structure, new: Structure, step_id: str | None, shelf: tuple[Shelved, ...] = ()
) -> TouchedStep | None:
    """The step of this id, or the first that these changes touch; None where they touch no step.

    `shelf`: of the draft, where `new` is one.
    """
    steps = list(_touched(changes, old, new))
    if not steps:
        return None
    at = next((index for index, step in enumerate(steps) if step.step_id == step_id), 0)
    return TouchedStep(
        pair=beside(old, new, steps[at].step_id, shelf),
        name=steps[at].name,
        number=steps[at].number,
        place=at + 1,
        touched=len(steps),
        previous=steps[at - 1] if at else None,
        following=steps[at + 1] if at + 1 < len(steps) else None,
    )


def _touched(changes: Iterable[Change], old: Structure, new: Structure) -> Iterable[Neighbour]:
    """The steps that changes belong to; of a question that moved also the one that it left."""
    ids = set()
    for change in changes:
        ids.add(step_id_of(change, old, new))
        ids.add(step_id_of(change, new, old))
    for number, step_id in enumerate(step_order(old, new), start=1):
        if step_id in ids:
            structure = new if step_id in new.step_by_id else old
            name = told(structure.step_by_id[step_id].name, structure)
            yield Neighbour(step_id, number, name)
