import gc
from itertools import count

import pytest

from keepstep.core.by_identity import ByIdentity


class Value:
    """Anything that a weak reference can be made of; two of them are equal, as two values may be."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value)

    __hash__ = None  # type: ignore[assignment]  # as models with maps in them have none


def test_what_is_known_of_an_object_is_worked_out_once() -> None:
    numbers = count(1)
    known = ByIdentity[Value, int](lambda _: next(numbers))
    one, other = Value(), Value()
    assert [known(one), known(other), known(one), known(other)] == [1, 2, 1, 2]


def test_what_is_known_goes_with_the_object_and_is_never_said_of_one_that_takes_its_place() -> None:
    known = ByIdentity[Value, object](lambda _: object())
    said = set()
    for _ in range(100):
        said.add(known(Value()))
        gc.collect(0)
    assert len(said) == 100
    assert len(known) == 0


def test_work_that_fails_is_done_again() -> None:
    tries: list[int] = []

    def work(_value: Value) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("first")
        return 7

    known, value = ByIdentity[Value, int](work), Value()
    with pytest.raises(ValueError, match="first"):
        known(value)
    assert known(value) == 7
