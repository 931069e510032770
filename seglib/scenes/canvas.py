"""Drawing tools for the built-in scenes: a creature is a few outlines and strokes on a small sheet."""

from functools import lru_cache
from math import ceil, comb
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
FINE = 2  # a creature is drawn at this multiple of the image's resolution, which smooths its edges
_SHIFT = 4  # OpenCV takes coordinates in 1/16 pixels


@lru_cache(maxsize=256)
def _bernstein(degree: int, count: int) -> Array:
    t, k = np.linspace(0, 1, count)[:, None], np.arange(degree + 1)
    return np.array([comb(degree, int(i)) for i in k]) * t**k * (1 - t) ** (degree - k)


def bezier(control: ArrayLike, count: int = 24) -> Array:
    """`count` points along the Bezier curve of the control points (n, 2), ends included; (count, 2).

    Example:
        >>> bezier([(0, 0), (1, 2), (2, 0)], count=3).tolist()
        [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]
    """
    control = np.asarray(control, float)
    return _bernstein(len(control) - 1, count) @ control


def polar(angle: ArrayLike, radius: ArrayLike) -> Array:
    """Points at these angles (radians) and distances from the origin, (..., 2)."""
    return np.stack([np.cos(angle) * radius, np.sin(angle) * radius], -1)


def ring(
    radius: ArrayLike, count: int = 40, *, stretch: tuple[float, float] = (1, 1), at: ArrayLike = (0, 0)
) -> Array:
    """A closed outline around `at` from radii at `count` equal angles, (count, 2).

    Example:
        >>> ring(1, 4, stretch=(2, 1), at=(5, 0)).round().tolist()
        [[7.0, 0.0], [5.0, 1.0], [3.0, 0.0], [5.0, -1.0]]
    """
    return polar(np.linspace(0, 2 * np.pi, count, endpoint=False), radius) * stretch + np.asarray(at)


class Canvas:
    """A square sheet for one creature in its own coordinates: -1..1, x along the body, head to the right.

    Args:
        radius: half the creature's length in pixels of the image.
        turn: (2, 2) rotation, or rotation and reflection, from its coordinates to the image's.

    Attributes:
        sheet: uint8 (S, S, 3). Channel 0, solid: 255 where the creature is. Channel 1, bulk: 0 also along the
            creases between its parts, so that each part bulges separately. Channel 2, tone: 128 is its base
            colour, 255 its marking, 0 its dark colour.
        middle: pixels of the image from the sheet's edge to the creature's centre.
    """

    def __init__(self, radius: float, turn: Array) -> None:
        self.radius = radius * FINE
        self.middle = ceil(radius * 1.1) + 2
        self._turn = turn * self.radius * 2**_SHIFT
        self._shift = (self.middle * FINE - 0.5) * 2**_SHIFT
        side = 2 * self.middle * FINE
        self.sheet = np.zeros((side, side, 3), np.uint8)
        self.sheet[..., 2] = 128

    def part(self, points: ArrayLike, tone: float = 0) -> None:
        """Fill the outline `points` (n, 2) as a part of its own, with a crease around it."""
        outline, level = [self._pixels(points)], _level(tone)
        cv2.fillPoly(self.sheet, outline, (255, 255, level), cv2.LINE_8, _SHIFT)
        cv2.polylines(self.sheet, outline, True, (255, 0, level), 1, cv2.LINE_8, _SHIFT)

    def stroke(self, points: ArrayLike, start: float, end: float, tone: float = 0) -> None:
        """A limb along `points` (n, 2) that tapers from half-width `start` to `end`, creased around."""
        pixels = self._pixels(points)
        self._pen(pixels, start, end, (255, 0, _level(tone)), wider=2)
        self._pen(pixels, start, end, (255, 255, _level(tone)))

    def line(self, points: ArrayLike, start: float, end: float, tone: float, *, crease: bool = False) -> None:
        """A mark along `points` (n, 2) without a crease around it; with `crease` the surface dips there."""
        self._pen(self._pixels(points), start, end, (255, 0 if crease else 255, _level(tone)))

    def dots(self, points: ArrayLike, radius: float, tone: float) -> None:
        """Round marks at `points` (n, 2)."""
        self.needles(points, points, radius, tone)

    def needles(self, start: ArrayLike, end: ArrayLike, half_width: float, tone: float) -> None:
        """Straight strokes from `start` (n, 2) to `end` (n, 2) without creases."""
        lines = list(np.stack([self._pixels(start), self._pixels(end)], 1))
        width = max(round(2 * half_width * self.radius), 1)
        cv2.polylines(self.sheet, lines, False, (255, 255, _level(tone)), width, cv2.LINE_8, _SHIFT)

    def _pixels(self, points: ArrayLike) -> Array:
        return np.rint(np.asarray(points, float) @ self._turn + self._shift).astype(np.int32)

    def _pen(
        self, pixels: Array, start: float, end: float, ink: tuple[int, int, int], wider: int = 0
    ) -> None:
        first, last = (max(round(2 * half * self.radius), FINE - 1) for half in (start, end))
        for width, begin, stop in _taper(first, last, len(pixels)):
            piece = [pixels[begin:stop]]
            cv2.polylines(self.sheet, piece, False, ink, width + wider, cv2.LINE_8, _SHIFT)


@lru_cache(maxsize=4096)
def _taper(first: int, last: int, count: int) -> list[tuple[int, int, int]]:
    """A line of `count` points that grows thinner, as pieces (width, begin, stop) about two pixels apart."""
    widths = np.linspace(first, last, min(abs(first - last) // 2, 9) + 2).round().astype(int).tolist()
    cuts = np.linspace(0, count - 1, len(widths) + 1).astype(int).tolist()
    return [(width, begin, stop + 1) for width, begin, stop in zip(widths, cuts, cuts[1:])]


def _level(tone: float) -> int:
    """-1..1 as the tone 0..255 of the sheet."""
    return min(max(round(128 + 127 * tone), 0), 255)
