"""Laws of differences: a diff leads from one structure to the other and back, and says nothing where nothing differs."""

from hypothesis import given
from tests.structure_strategies import structures

from keepstep.core.change import reverse
from keepstep.core.change_apply import apply_changes
from keepstep.core.diff import diff
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.structure import Structure, dump, parse


@given(structures(), structures())
def test_applying_the_difference_gives_the_other_structure(a: Structure, b: Structure) -> None:
    assert canonical_bytes(dump(apply_changes(a, diff(a, b)))) == canonical_bytes(dump(b))


@given(structures())
def test_a_structure_does_not_differ_from_itself(a: Structure) -> None:
    assert diff(a, a) == ()
    assert diff(a, parse(dump(a))) == ()


@given(structures(), structures())
def test_unequal_structures_differ(a: Structure, b: Structure) -> None:
    assert bool(diff(a, b)) == (canonical_bytes(dump(a)) != canonical_bytes(dump(b)))


@given(structures(), structures())
def test_the_difference_seen_from_the_other_side_is_the_same_reversed(a: Structure, b: Structure) -> None:
    forward = {change.id: change for change in map(reverse, diff(a, b))}
    backward = {change.id: change for change in diff(b, a)}
    assert forward == backward


@given(structures(), structures())
def test_reversing_a_change_twice_gives_it_back(a: Structure, b: Structure) -> None:
    changes = diff(a, b)
    assert tuple(reverse(reverse(change)) for change in changes) == changes


@given(structures(), structures())
def test_each_change_has_an_id_of_its_own(a: Structure, b: Structure) -> None:
    changes = diff(a, b)
    assert len({change.id for change in changes}) == len(changes)


@given(structures(), structures())
def test_comparing_changes_neither_structure(a: Structure, b: Structure) -> None:
    before = dump(a), dump(b)
    apply_changes(a, diff(a, b))
    assert (dump(a), dump(b)) == before
