from hypothesis import given
from tests.structure_strategies import structures

from keepstep.core.diff import diff
from keepstep.core.sharing import sharing
from keepstep.core.structure import Structure, dump, parse


@given(structures(), structures())
def test_a_structure_that_shares_is_the_same_structure(one: Structure, other: Structure) -> None:
    shared = sharing(one, other)
    assert shared == one
    assert dump(shared) == dump(one)
    assert diff(shared, other) == diff(one, other)


@given(structures())
def test_what_is_equal_is_the_same_object_afterwards(structure: Structure) -> None:
    again = parse(dump(structure))
    shared = sharing(again, structure)
    assert all(one is two for one, two in zip(shared.steps, structure.steps, strict=True))
    assert sharing(shared, structure) is shared
