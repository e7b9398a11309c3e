"""What was worked out of a value that never changes, kept as long as that very object lives.

An edit of a large wizard shares all but one of its option sets with the structure before: whatever is known of those need not be worked
out anew. Must not know what is worked out.
"""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

V = TypeVar("V")
T = TypeVar("T")


class ByIdentity(Generic[V, T]):
    """`work` as a function that remembers what it said of each object, and forgets it with the object."""

    def __init__(self, work: Callable[[V], T]) -> None:
        self._work = work
        self._found: dict[int, tuple[ref[V], T]] = {}

    def __call__(self, value: V) -> T:
        # Two objects never have one id at one time; the reference tells one that is gone from one that came after it.
        found = self._found.get(id(value))
        if found is not None and found[0]() is value:
            return found[1]
        result = self._work(value)
        self._keep(id(value), value, result)
        return result

    def _keep(self, key: int, value: V, result: T) -> None:
        known = self._found

        def forget(gone: "ref[V]") -> None:
            if key in known and known[key][0] is gone:
                del known[key]

        known[key] = (ref(value, forget), result)

    def __len__(self) -> int:
        return len(self._found)
