"""Charts and bars: where numbers lie in them, computed once for chart.js, bars.js and a figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

Points = NDArray[np.float32]
BLUE = "#1565c0"
MARKED = 30  # a line of at most this many points has a dot at each


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: in the key, where there are several lines.
        points: (N, 2) float32, x and y as shares of the chart's width and height, from its lower left corner.
        faint: whether it only stands behind another line, as single values do behind their mean.
    """

    name: str
    points: Points
    faint: bool = False

    @property
    def marked(self) -> bool:
        """Whether there is a dot at each point."""
        return len(self.points) <= MARKED and not self.faint


@dataclass(frozen=True, eq=False)
class Chart:
    """Lines over one another, with ticks on both axes.

    Attributes:
        title: what is drawn.
        lines: at least one.
        across: (place, text) of the ticks of the x axis; a place is a share of the width.
        up: (place, text) of the ticks of the y axis.
        words: the chart in a sentence.
    """

    title: str
    lines: tuple[Line, ...]
    across: Sequence[tuple[float, str]]
    up: Sequence[tuple[float, str]]
    words: str

    def pack(self) -> dict[str, Any]:
        """The chart as chart.js reads it; points as the bytes of little-endian float32."""
        lines = [
            vars(line) | {"points": line.points.astype("<f4").tobytes(), "marked": line.marked}
            for line in self.lines
        ]
        return {**vars(self), "lines": lines}

    def draw(self, axes: Any) -> None:
        """Draw it on matplotlib axes."""
        for line in self.lines:
            look = {"alpha": 0.35, "linewidth": 1} if line.faint else {"linewidth": 2, "markersize": 4}
            axes.plot(*line.points.T, color=BLUE, marker="o" if line.marked else None, **look)
        axes.set_title(self.title, fontsize=9)
        axes.set(xlim=(0, 1), ylim=(0, 1.05))
        axes.set_xticks([place for place, _ in self.across], [text for _, text in self.across], fontsize=7)
        axes.set_yticks([place for place, _ in self.up], [text for _, text in self.up], fontsize=7)
        axes.spines[["top", "right"]].set_visible(False)


def points(xs: Sequence[float], ys: Sequence[float]) -> Points:
    """(N, 2) float32, clipped to 0..1; pairs with a NaN are left out."""
    pairs = np.array([xs, ys], np.float32).T.reshape(-1, 2)
    return pairs[~np.isnan(pairs).any(axis=1)].clip(0, 1)


def ticks(high: float, most: int = 4) -> list[float]:
    """Round numbers above 0 and up to `high`, 1, 2 or 5 times a power of ten apart, at most `most` of them.

    Example:
        >>> ticks(2.3), ticks(450), ticks(62, 2)
        ([0.5, 1.0, 1.5, 2.0], [100.0, 200.0, 300.0, 400.0], [50.0])
    """
    values = MaxNLocator(most + 1, steps=[1, 2, 5, 10]).tick_values(0, 1.0001 * high)
    return [float(f"{value:.6g}") for value in values if 0 < value <= 1.00005 * high]


def significant(value: float) -> str:
    """A number with three digits that count; a dash for NaN.

    Example:
        >>> [significant(value) for value in (0.012345, -8.3, 1234.5, 0, math.nan)]
        ['0.0123', '-8.30', '1,230', '0', '–']
    """
    if not value:
        return "0"
    if math.isnan(value):
        return "–"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{float(f'{value:.3g}'):,.{digits}f}"


def share_tick(value: float) -> str:
    """A tick of shares, in percent.

    Example:
        >>> share_tick(0.5), share_tick(0.001)
        ('50 %', '0.1 %')
    """
    return f"{100 * value:g} %"


@dataclass(frozen=True)
class Axis:
    """The scale of a column of bars.

    Attributes:
        low: the value at length 0; above 0 on a logarithmic axis, where equal ratios are equally long.
        high: the value at length 1.
        ticks: the values that are written below it.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Axis:
        """From 0 to the largest value, or to 1 where there is none above 0, with one or two ticks.

        Example:
            >>> Axis.of([0.0, 62.0])
            Axis(low=0.0, high=62.0, ticks=(50.0,))
        """
        high = max((value for value in values if value > 0), default=1.0)
        return cls(0.0, high, tuple(ticks(high, 2)))

    def length(self, value: float) -> float:
        """The length of a value's bar, 0..1; 0 for NaN.

        Example:
            >>> Axis(0.01, 1.0, ()).length(0.1), Axis(0.0, 8.0, ()).length(2.0)
            (0.5, 0.25)
        """
        if not value > self.low:
            return 0.0
        if self.low:
            return min(math.log(value / self.low) / math.log(self.high / self.low), 1.0)
        return min(value / self.high, 1.0)


def column(
    title: str,
    values: Sequence[float],
    axis: Axis,
    text: Callable[[float], str],
    tick: Callable[[float], str],
    hint: str = "",
) -> dict[str, Any]:
    """A column of bars as bars.js reads it: for each class a number and the length of its bar, 0..1.

    Args:
        title: above the column.
        values: one for each class.
        axis: their scale.
        text: how a value is written.
        tick: how a tick of the axis is written.
        hint: what the values are, in a sentence.
    """
    return {
        "title": title,
        "texts": [text(value) for value in values],
        "lengths": [axis.length(value) for value in values],
        "ticks": [(axis.length(value), tick(value)) for value in axis.ticks],
        "hint": hint,
    }
