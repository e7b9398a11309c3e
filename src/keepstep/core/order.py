"""Which items of a list moved when it was reordered: as few as possible, and the same ones seen from either side."""

from bisect import bisect_left
from collections.abc import Sequence


def displaced(old: Sequence[str], new: Sequence[str]) -> frozenset[str]:
    """The items to take out so that the rest stands in the same order in both; both hold the same items, each once."""
    if list(old) == list(new):
        return frozenset()
    # Of several longest runs one must be chosen, and diff(b, a) must choose the one that diff(a, b) chose.
    first, second = sorted((tuple(old), tuple(new)))
    rank = {item: index for index, item in enumerate(first)}
    staying = longest_increasing([rank[item] for item in second])
    return frozenset(first) - {first[index] for index in staying}


def longest_increasing(numbers: Sequence[int]) -> tuple[int, ...]:
    """A longest strictly increasing subsequence, in O(n log n)."""
    tails: list[int] = []
    tail_at: list[int] = []
    previous: list[int] = []
    for index, number in enumerate(numbers):
        length = bisect_left(tails, number)
        previous.append(tail_at[length - 1] if length else -1)
        tails[length : length + 1] = [number]
        tail_at[length : length + 1] = [index]
    chain: list[int] = []
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        chain.append(numbers[at])
        at = previous[at]
    return tuple(reversed(chain))
