"""What a measurement is: the median of five, beside a floor measured in the same run. Must not know what is measured."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

REPEATS = 5


@dataclass(frozen=True)
class Measured:
    """One line of the table. `floor`: the least that anybody could need, `floor_name` says how; both in `unit`. `target` in words."""

    name: str
    value: float
    unit: str
    floor: float
    floor_name: str
    target: str
    met: bool
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.value / self.floor

    def line(self) -> str:
        verdict = "" if not self.target else f"; target {self.target}: {'met' if self.met else 'MISSED'}"
        told = f" ({self.note})" if self.note else ""
        ratio = f"{self.ratio:.3g} of the floor {self.floor:,.5g} {self.unit} ({self.floor_name})"
        return f"{self.name}: {self.value:,.5g} {self.unit}, {ratio}{verdict}{told}"


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


def median_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    return median(seconds(work) for _ in range(repeats))


def medians(*works: Callable[[], float], repeats: int = REPEATS) -> tuple[float, ...]:
    """The median of what each gives, taken in turns, so that whatever disturbs the machine disturbs all of them."""
    rounds = [[work() for work in works] for _ in range(repeats)]
    return tuple(median(column) for column in zip(*rounds, strict=True))
