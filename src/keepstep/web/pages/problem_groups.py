"""The problems of a draft in groups: what stops publishing first, then what is worth a look, and texts that nobody translated apart.

A wizard in several languages has hundreds of those, and among them nobody would find the one that counts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from keepstep.core.faults import Finding

UNTRANSLATED: Final = "untranslated"


class _Grouped(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def stops(self) -> bool: ...


P = TypeVar("P", bound=_Grouped)


@dataclass(frozen=True, slots=True)
class Sums:
    """How many problems there are: those that stop publishing, hints, and texts that are not translated."""

    stopping: int
    hints: int
    untranslated: int

    @property
    def total(self) -> int:
        return self.stopping + self.hints + self.untranslated


def sums_of(findings: Iterable[Finding]) -> Sums:
    all_of_them = tuple(findings)
    stopping = sum(finding.severity == "stops" for finding in all_of_them)
    untranslated = sum(finding.issue.code == UNTRANSLATED for finding in all_of_them)
    return Sums(stopping, len(all_of_them) - stopping - untranslated, untranslated)


def is_untranslated(finding: Finding) -> bool:
    return finding.issue.code == UNTRANSLATED


@dataclass(frozen=True, slots=True)
class Group(Generic[P]):
    """The problems of one kind: how many there are, and those that are listed."""

    kind: str
    stops: bool
    count: int
    some: tuple[P, ...]

    @property
    def more(self) -> int:
        return self.count - len(self.some)


def grouped(found: Sequence[P], most: Callable[[P], int]) -> tuple[Group[P], ...]:
    """By kind, what stops publishing first, else in the order of their first. `most` of a kind are listed, asked of its first."""
    groups: dict[tuple[str, bool], list[P]] = {}
    for each in sorted(found, key=lambda problem: not problem.stops):
        groups.setdefault((each.kind, each.stops), []).append(each)
    return tuple(Group(kind, stops, len(members), tuple(members[: most(members[0])])) for (kind, stops), members in groups.items())


@dataclass(frozen=True, slots=True)
class Dock(Generic[P]):
    """What the builder shows of them beside its outline: the sums, and the first few of each kind but for untranslated texts."""

    sums: Sums
    groups: tuple[Group[P], ...]


_DOCKED: Final = 5


def docked(findings: Sequence[Finding], shown: Callable[[Finding], P]) -> Dock[P]:
    """`shown` makes of a finding what is shown of it."""
    told = [shown(finding) for finding in findings if not is_untranslated(finding)]
    return Dock(sums_of(findings), grouped(told, lambda _: _DOCKED))
