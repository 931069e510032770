"""Axes and the numbers beside bars: where a value lies, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Text = Callable[[float], str]
TICKS = 2  # at most, so that their texts do not touch below a bar of 70 pixels


@dataclass(frozen=True)
class Axis:
    """Where values lie between the two ends of a bar.

    Attributes:
        low: the value at length 0; above 0 where `log`.
        high: the value at length 1.
        log: whether equal ratios, not equal differences, are equally long.
        ticks: values that are written below the axis.
    """

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """The length of a value's bar, 0..1; nothing (0 or NaN) has none."""
        if not value > self.low:
            return 0.0
        if self.log:
            return min(math.log(value / self.low) / math.log(self.high / self.low), 1.0)
        return min((value - self.low) / (self.high - self.low), 1.0)


def linear(values: Iterable[float]) -> Axis:
    """From 0 to the largest value, with ticks at 1, 2 or 5 times a power of ten.

    Example:
        >>> linear([0.0, 62.0]).ticks
        (50.0,)
    """
    high = max((value for value in values if value > 0), default=1.0)
    size = 10.0 ** math.floor(math.log10(high / TICKS))
    step = next(size * nice for nice in (1, 2, 5, 10) if high / (size * nice) < TICKS + 1)
    ticks = tuple(float(f"{step * k:.6g}") for k in range(1, TICKS + 1) if step * k <= high)
    return Axis(0.0, high, False, ticks)


def logarithmic(values: Iterable[float]) -> Axis:
    """From the power of ten below the smallest value to the largest, with ticks at powers of ten.

    Example:
        >>> axis = logarithmic([0.0, 0.002, 0.5])
        >>> axis.low, axis.ticks, axis.place(0.5)
        (0.001, (0.01, 0.1), 1.0)
    """
    known = [value for value in values if value > 0] or [1.0]
    first = math.ceil(math.log10(min(known)) - 1e-9) - 1  # strictly below: the smallest has a bar too
    last = math.floor(math.log10(max(known)) + 1e-9)
    stride = max(math.ceil((last - first) / TICKS), 1)
    ticks = tuple(10.0**power for power in range(last, first, -stride))[::-1]
    return Axis(10.0**first, max(known), True, ticks)


def share_text(share: float) -> str:
    """A share of 0..1 in percent, with two digits that count, however rare the class.

    Example:
        >>> share_text(0.8127), share_text(0.0024), share_text(0.00017), share_text(0.00002), share_text(0)
        ('81 %', '0.24 %', '0.017 %', '< 0.01 %', '0')
    """
    if math.isnan(share):
        return "–"
    cent = 100 * share
    if not cent:
        return "0"
    if cent < 0.01:
        return "< 0.01 %"
    digits = sum(cent < bound for bound in (9.95, 0.995, 0.0995))
    return f"{cent:.{digits}f} %"


def blur_text(score: float) -> str:
    """A score of blur; those of another measure may be of any size.

    Example:
        >>> blur_text(0.5), blur_text(-123.456)
        ('0.500', '-123')
    """
    return f"{score:#.3g}".removesuffix(".")


def count_text(number: float) -> str:
    """A whole number with commas."""
    return "–" if math.isnan(number) else f"{number:,.0f}"


def weight_text(weight: float) -> str:
    """Three digits that count; a class that does not occur (weight 0) has none.

    Example:
        >>> weight_text(0.012345), weight_text(8.3), weight_text(1234.5), weight_text(0)
        ('0.0123', '8.30', '1,230', '–')
    """
    if not weight > 0:
        return "–"
    digits = max(2 - math.floor(math.log10(weight)), 0)
    return f"{weight:.{digits}f}" if weight < 1000 else f"{float(f'{weight:.3g}'):,.0f}"


def tick_text(value: float) -> str:
    """A tick of numbers, short.

    Example:
        >>> tick_text(0.1), tick_text(200.0), tick_text(2e6), tick_text(1e-5)
        ('0.1', '200', '2e6', '1e-5')
    """
    if 1e-3 <= value < 1e5:
        return f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}"
    return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def share_tick(value: float) -> str:
    """A tick of shares, in percent."""
    return f"{100 * value:.4g}"
