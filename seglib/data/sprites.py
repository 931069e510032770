"""Paper, pens and light for the built-in scenes: a creature is drawn as a few parts, then lit as if it were solid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FINE = 2  # a creature is drawn this many times finer than the picture, which smooths its edges
_SHIFT = 4  # OpenCV takes coordinates in 1/16 pixels


def noise(rng: np.random.Generator, size: tuple[int, int], cell: float, octaves: int = 3) -> Array:
    """Cloudy noise: random grids of `cell`, `cell` / 2, ... pixels, enlarged smoothly and added.

    Returns:
        float32 (H, W), mean near 0, standard deviation near 1.
    """
    height, width = size
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        step = max(cell / 2**octave, 1.0)
        rows, columns = int(height / step) + 3, int(width / step) + 3
        grid = rng.standard_normal((rows, columns), dtype=np.float32) * 0.6**octave
        large = (max(int(columns * step), width), max(int(rows * step), height))
        total += cv2.resize(grid, large, interpolation=cv2.INTER_CUBIC)[:height, :width]
    return total


def shade(height: Array, light: Array) -> Array:
    """Lambert's law: how bright a surface of this height (H, W, in pixels) is; flat ground is 1.

    `light` is the unit vector (x, y, z) that points to the light; z is up.
    """
    height = height.astype(np.float32, copy=False)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
    facing = light[2] - light[0] * slope_x - light[1] * slope_y
    return np.maximum(facing / np.sqrt(1 + slope_x**2 + slope_y**2), 0) / light[2]


def bezier(control: list[tuple[float, float]], count: int = 24) -> Array:
    """`count` points along the Bezier curve of these control points, (count, 2)."""
    t = np.linspace(0, 1, count)[:, None, None]
    points = np.asarray(control, float)[None]
    while points.shape[1] > 1:
        points = points[:, :-1] * (1 - t) + points[:, 1:] * t
    return points[:, 0]


def ring(radius: Array | float, count: int = 60, stretch: tuple[float, float] = (1, 1)) -> Array:
    """A closed outline around (0, 0) from radii at equal angles, (count, 2)."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle) * stretch[0], np.sin(angle) * stretch[1]], 1) * np.reshape(radius, (-1, 1))


class Canvas:
    """A square sheet for one creature in its own coordinates: -1..1, x along the body, head to the right.

    Attributes:
        solid: uint8, 255 where the creature is.
        inner: uint8, 0 also along the creases between its parts: the parts bulge between creases.
        tone: uint8, 128 its base colour, towards 255 its marking, towards 0 its dark.
    """

    def __init__(self, radius: float, turn: Array) -> None:
        self.radius, self.turn = radius * FINE, turn
        self.middle = int(np.ceil(radius * 1.1)) + 2
        side = 2 * self.middle * FINE
        self.solid, self.inner = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
        self.tone = np.full((side, side), 128, np.uint8)

    def _pixels(self, points: Array) -> Array:
        place = np.asarray(points, float) @ self.turn * self.radius + self.middle * FINE - 0.5
        return np.round(place * 2**_SHIFT).astype(np.int32)

    def part(self, points: Array, tone: float = 0) -> None:
        """Fill the outline `points` (n, 2) as a part of its own, with a crease around it."""
        outline = [self._pixels(points)]
        for sheet, value in ((self.solid, 255), (self.inner, 255), (self.tone, _level(tone))):
            cv2.fillPoly(sheet, outline, value, cv2.LINE_8, _SHIFT)
        cv2.polylines(self.inner, outline, True, 0, 1, cv2.LINE_8, _SHIFT)

    def stroke(self, points: Array, start: float, end: float, tone: float = 0) -> None:
        """A limb along `points` (n, 2) that tapers from half-width `start` to `end`."""
        self._discs(points, start, end, ((self.inner, 0),), wider=1.0)
        self._discs(points, start, end, ((self.solid, 255), (self.inner, 255), (self.tone, _level(tone))))

    def dot(self, x: float, y: float, radius: float, tone: float) -> None:
        """A round mark on what is already there."""
        self._discs(np.array([[x, y]]), radius, radius, ((self.tone, _level(tone)),))

    def line(self, points: Array, start: float, end: float, tone: float, crease: bool = False) -> None:
        """A mark along `points` (n, 2); with `crease` the surface dips there too."""
        sheets: tuple[tuple[Array, int], ...] = ((self.tone, _level(tone)),)
        self._discs(points, start, end, (*sheets, (self.inner, 0)) if crease else sheets)

    def spines(self, inner: Array, outer: Array, tone: float) -> None:
        """Thin needles from `inner` (n, 2) to `outer` (n, 2)."""
        lines = list(np.stack([self._pixels(inner), self._pixels(outer)], 1))
        for sheet, value in ((self.solid, 255), (self.inner, 255), (self.tone, _level(tone))):
            cv2.polylines(sheet, lines, False, value, FINE, cv2.LINE_8, _SHIFT)

    def _discs(self, points: Array, start: float, end: float, sheets: Any, wider: float = 0) -> None:
        pixels = self._pixels(points)
        widths = np.maximum(np.linspace(start, end, len(pixels)) * self.radius, FINE / 2) + wider
        for (x, y), width in zip(pixels.tolist(), np.round(widths * 2**_SHIFT).astype(int).tolist()):
            for sheet, value in sheets:
                cv2.circle(sheet, (x, y), width, value, -1, cv2.LINE_8, _SHIFT)


def _level(tone: float) -> int:
    return int(np.clip(128 + 127 * tone, 0, 255))


@dataclass(frozen=True)
class Look:
    """How a creature's surface looks.

    Attributes:
        colors: (3, 3) float, its dark, base and marking colour, 0..1.
        bulge: how far it swells, as a share of its radius.
        rough: how strong its texture is.
        opacity: 1 solid, below 1 the ground shines through.
        hover: how far above the ground it is, as a share of its radius: its shadow falls that far away.
    """

    colors: Array
    bulge: float = 0.25
    rough: float = 0.12
    opacity: float = 1.0
    hover: float = 0.08


def render(canvas: Canvas, look: Look, grain: Array, light: Array) -> tuple[Array, Array]:
    """Colour the sheet and light it; `grain` is noise of at least the sheet's size.

    Returns:
        float32 (h, w, 3) colour 0..1 and float32 (h, w) coverage 0..1, both at the picture's resolution.
    """
    side = len(canvas.solid)
    grain = grain[:side, :side]
    depth = look.bulge * canvas.radius
    far = np.minimum(cv2.distanceTransform(canvas.inner, cv2.DIST_L2, 3), depth)
    height = np.sqrt(far * (2 * depth - far))  # a round shoulder, then flat
    height = cv2.GaussianBlur(height, (0, 0), 0.5 + 0.02 * canvas.radius) + look.rough * 2 * grain
    tone = cv2.GaussianBlur(canvas.tone, (0, 0), 0.8).astype(np.float32) + look.rough * 130 * grain
    steps = np.linspace(0, 255, 3)
    table = np.stack([np.interp(np.arange(256), steps, look.colors[:, c]) for c in range(3)], 1)
    color = table.astype(np.float32)[np.clip(tone, 0, 255).astype(np.uint8)]
    brightness = shade(height, light)
    color = color * (0.45 + 0.55 * brightness)[..., None] + 0.25 * np.maximum(brightness - 1.25, 0)[..., None]
    half = (side // FINE, side // FINE)
    coverage = cv2.resize(canvas.solid, half, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return cv2.resize(color, half, interpolation=cv2.INTER_AREA), coverage
