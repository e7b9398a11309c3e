"""Which option sets hold personal data: those that a version marks so, and what is calculated from them.

Must not know runs or how something is left out.
"""

from collections.abc import Iterable, Iterator

from keepstep.core.logic import inputs_of
from keepstep.core.structure import Calculated, Structure


def personal_option_sets(structures: Iterable[Structure]) -> frozenset[str]:
    """The ids of option sets that any of these structures marks as personal data, and of those that any calculates from one.

    A mark holds for every version: what was asked before somebody thought of marking it is no less personal.
    """
    known = tuple(structures)
    found = {option_set.id for structure in known for option_set in structure.option_sets if option_set.personal_data}
    while more := {option_set.id for option_set in _calculated(known) if inputs_of(option_set.expression) & found} - found:
        found |= more
    return frozenset(found)


def _calculated(structures: Iterable[Structure]) -> Iterator[Calculated]:
    for structure in structures:
        yield from (option_set for option_set in structure.option_sets if isinstance(option_set, Calculated))
