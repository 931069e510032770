"""Where numbers lie on a chart, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.float32]


def ticks(high: float, most: int = 4) -> list[float]:
    """Round numbers above 0 and up to `high`, at most so many, 1, 2 or 5 times a power of ten apart.

    Example:
        >>> ticks(2.3), ticks(450)
        ([0.5, 1.0, 1.5, 2.0], [100.0, 200.0, 300.0, 400.0])
    """
    size = 10.0 ** math.floor(math.log10(high / most))
    step = next(size * nice for nice in (1, 2, 5, 10) if high / (size * nice) < most + 1)
    return [float(f"{step * k:.6g}") for k in range(1, int(high / step + 1e-9) + 1)]


def smooth(values: Sequence[float], span: float) -> list[float]:
    """Exponential moving averages over about `span` values; the first values weigh no more than any other.

    Example:
        >>> smooth([4.0, 4.0, 1.0], 2)
        [4.0, 4.0, 2.2857142857142856]
    """
    keep = 1 - 1 / max(span, 1)
    total = weight = 0.0
    means = []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        means.append(total / weight)
    return means


def round_up(number: float) -> float:
    """The next number of two digits, so that an axis does not move with every estimate.

    Example:
        >>> round_up(1234), round_up(87)
        (1300.0, 87.0)
    """
    size = 10.0 ** max(math.floor(math.log10(max(number, 1))) - 1, 0)
    return math.ceil(number / size - 1e-9) * size


def places(points: Sequence[tuple[float, float]], right: float, high: float) -> Places:
    """Points as shares of a chart's width and height, (N, 2), 0..1 from its lower left corner."""
    return (np.array(points, np.float32).reshape(-1, 2) / np.array((right, high), np.float32)).clip(0, 1)


def duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> duration(8.26), duration(75), duration(4000), duration(math.nan)
        ('8 s', '1 min 15 s', '1 h 06 min', '–')
    """
    if not math.isfinite(seconds):
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def cent(share: float, digits: int = 1) -> str:
    """A share in per cent; NaN is a dash.

    Example:
        >>> cent(0.4567), cent(math.nan), cent(0.0004)
        ('45.7 %', '–', '< 0.1 %')
    """
    if math.isnan(share):
        return "–"
    least = 10.0**-digits
    return f"< {least:g} %" if 0 < 100 * share < least else f"{100 * share:.{digits}f} %"


def number(value: float) -> str:
    """A whole number with commas, or three digits.

    Example:
        >>> number(1200.0), number(0.5), number(0.00012)
        ('1,200', '0.5', '0.00012')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
