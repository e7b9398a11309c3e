"""A row of numbers as a small drawing: the points of a line and of the area below it. The words for it are the template's."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 120
HEIGHT = 26
# The line is two units wide and ends in a dot, which would be cut off at the edge.
_MARGIN = 3


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Coordinates in a box of WIDTH by HEIGHT. `end` is the last point."""

    line: str
    area: str
    end: tuple[float, float]


def sparkline(numbers: Sequence[int]) -> Sparkline:
    """From 0 at the bottom to the largest number at the top; at least two numbers."""
    most = max(*numbers, 1)
    step = (WIDTH - 2 * _MARGIN) / (len(numbers) - 1)
    height = HEIGHT - 2 * _MARGIN
    points = [
        (round(_MARGIN + step * place, 1), round(HEIGHT - _MARGIN - height * number / most, 1)) for place, number in enumerate(numbers)
    ]
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    return Sparkline(line, f"{_MARGIN},{HEIGHT} {line} {WIDTH - _MARGIN},{HEIGHT}", points[-1])
