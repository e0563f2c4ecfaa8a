"""The geometry of a chart: horizontal bars one below the other, each with one or more parts.

The template draws it as inline SVG and adds the words. It is 320 units wide, like the narrowest telephone; the longest
bar fits with its number behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 320
ROW = 26
BAR = 18
LABELS = 100
"""The width of the labels before the bars."""

_NUMBERS = 44
_LONGEST = WIDTH - LABELS - _NUMBERS


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar. `series` counts from 0 and tells its colour."""

    series: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """`y` is its upper edge, `end` is where its number stands."""

    y: int
    total: int
    end: float
    parts: tuple[Part, ...]

    @property
    def baseline(self) -> float:
        """The baseline of its label and number."""
        return self.y + BAR * 0.75


@dataclass(frozen=True, slots=True)
class Chart:
    bars: tuple[Bar, ...]

    @property
    def height(self) -> int:
        return len(self.bars) * ROW

    @property
    def is_empty(self) -> bool:
        return not any(bar.total for bar in self.bars)


def chart(rows: Sequence[Sequence[int]]) -> Chart:
    """A bar for each of `rows`, with a part for each number in it that is not 0."""
    most = max((sum(row) for row in rows), default=0) or 1
    return Chart(tuple(_bar(index, row, most) for index, row in enumerate(rows)))


def _bar(index: int, row: Sequence[int], most: int) -> Bar:
    parts: list[Part] = []
    x = float(LABELS)
    for series, number in enumerate(row):
        width = number / most * _LONGEST
        if number:
            parts.append(Part(series, round(x, 2), round(width, 2)))
        x += width
    return Bar(index * ROW + (ROW - BAR) // 2, sum(row), round(x + 6, 2), tuple(parts))
