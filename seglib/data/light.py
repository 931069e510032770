"""Light for the built-in scenes: noise, shaded surfaces, cast shadows, and water that bends the light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike

from seglib.data.sprites import FINE, Array, Canvas

Size = tuple[int, int]
Window = tuple[slice, slice]


def paint(color: ArrayLike) -> Array:
    """A colour (3,) as float32 (3, 1, 1), which spreads over a picture (3, H, W)."""
    return np.asarray(color, np.float32)[:, None, None]


def noise(rng: np.random.Generator, size: Size, cell: float, octaves: int = 3) -> Array:
    """Cloudy noise: a random grid of `cell` pixels, doubled again and again with ever finer noise on top.

    Args:
        rng: the same generator state gives the same noise.
        size: (height, width) in pixels.
        cell: size of the largest clouds in pixels.
        octaves: how many sizes of clouds are added, each half as large and 0.6 times as strong.

    Returns:
        float32 (H, W), mean near 0, standard deviation near 1.

    Example:
        >>> noise(np.random.default_rng(0), (30, 50), cell=8).shape
        (30, 50)
    """
    total, step, octave = _grid(rng, size, cell), cell, 1
    while step > 1:
        step = max(step / 2, 1.0)
        rows, columns = _cells(size, step)
        # linear leaves facets, which only fine noise hides; cubic is too slow for large grids
        smooth = cv2.INTER_CUBIC if step > 3 else cv2.INTER_LINEAR
        total = cv2.resize(total, (columns, rows), interpolation=smooth)
        if octave < octaves:
            total = total + _grid(rng, size, step) * 0.6**octave
        octave += 1
    return total[: size[0], : size[1]]


def _cells(size: Size, step: float) -> Size:
    return int(size[0] / step) + 3, int(size[1] / step) + 3


def _grid(rng: np.random.Generator, size: Size, step: float) -> Array:
    return rng.standard_normal(_cells(size, step), dtype=np.float32)


def rows_columns(size: Size) -> tuple[Array, Array]:
    """The row of every pixel, float32 (H, 1), and its column, float32 (1, W)."""
    return np.arange(size[0], dtype=np.float32)[:, None], np.arange(size[1], dtype=np.float32)[None]


def shade(height: Array, light: Array) -> Array:
    """Lambert's law: how bright a surface is under a far lamp; flat ground is 1.

    Args:
        height: (H, W) float32 in pixels.
        light: (3,) the unit vector x, y, z that points to the lamp; z is up.

    Returns:
        float32 (H, W), 0 where the surface turns away from the lamp.

    Example:
        >>> shade(np.zeros((1, 3), np.float32), np.array([-0.6, 0, 0.8]))
        array([[1., 1., 1.]], dtype=float32)
    """
    x, y, z = light.tolist()
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
    facing = 1 - slope_x * (x / z) - slope_y * (y / z)
    return np.maximum(facing, 0) / np.sqrt(1 + slope_x**2 + slope_y**2)


@dataclass(frozen=True)
class Look:
    """How a surface looks.

    Attributes:
        colors: (3, 3) float, its dark, base and marking colour, 0..1.
        bulge: how far it swells, as a share of its radius.
        rough: how strong its texture is.
        opacity: 1 solid; below 1 the ground shines through.
        hover: how far above the ground it is, as a share of its radius: its shadow falls that far away.
    """

    colors: Array
    bulge: float = 0.25
    rough: float = 0.12
    opacity: float = 1.0
    hover: float = 0.08


@dataclass(frozen=True)
class Scenery:
    """What all surfaces of one picture share.

    Attributes:
        light: (3,) unit vector to the light.
        shadow: darkness of cast shadows, 0..1.
    """

    light: Array
    shadow: float


@lru_cache(maxsize=1)
def _grain() -> Array:
    """Fine noise from which every surface cuts its texture; always the same, since drawing it is slow."""
    return 0.5 * noise(np.random.default_rng(0), (512, 512), 6, 3)


def _texture(rng: np.random.Generator, side: int) -> Array:
    """A cut-out of 128 pixels of grain, enlarged to the sheet, so that texture grows with the picture."""
    top, left = rng.integers(0, 512 - 128, 2)
    piece = _grain()[top : top + 128, left : left + 128]
    return cv2.resize(piece, (side, side), interpolation=cv2.INTER_LINEAR)


def render(rng: np.random.Generator, canvas: Canvas, look: Look, scenery: Scenery) -> tuple[Array, Array]:
    """Colour a sheet and light it as if it were solid.

    Returns:
        float32 (3, h, w) colour 0..1 and float32 (h, w) coverage 0..1, both at the picture's resolution.
    """
    solid, bulk, tone = cv2.split(canvas.sheet)
    grain, half = _texture(rng, len(solid)), (len(solid) // FINE,) * 2
    depth = look.bulge * canvas.radius
    far = np.minimum(cv2.distanceTransform(bulk, cv2.DIST_L2, 3), depth)
    height = np.sqrt(far * (2 * depth - far))  # a round shoulder, then flat
    height = cv2.GaussianBlur(height, (0, 0), 0.5 + 0.02 * canvas.radius) + look.rough * 2 * grain
    brightness = cv2.resize(shade(height, scenery.light), half, interpolation=cv2.INTER_AREA)
    tone = cv2.resize(tone + look.rough * 130 * grain, half, interpolation=cv2.INTER_AREA)
    ramp = np.stack([np.interp(np.arange(256), (0, 128, 255), channel) for channel in look.colors.T])
    color = ramp.astype(np.float32).take(np.clip(tone, 0, 255).astype(np.uint8), axis=1)  # -> (3, h, w)
    color *= 0.45 + 0.55 * brightness
    color += 0.25 * np.maximum(brightness - 1.25, 0)  # wet surfaces glint
    return color, cv2.resize(solid, half, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def stamp(
    rng: np.random.Generator,
    image: Array,
    canvas: Canvas,
    at: tuple[float, float],
    look: Look,
    scenery: Scenery,
) -> tuple[Window, Array]:
    """Paint a sheet into the picture (3, H, W), its middle `at` (x, y): first its shadow, then itself.

    Returns:
        The window of the picture that the sheet meets, and the sheet's coverage 0..1 there.
    """
    color, cover = render(rng, canvas, look, scenery)
    left, top = round(at[0]) - canvas.middle, round(at[1]) - canvas.middle
    lift = look.hover * canvas.radius / FINE
    away = -scenery.light[:2] / np.hypot(*scenery.light[:2]) * (lift + 1)
    here, there = overlap(image, left + round(float(away[0])), top + round(float(away[1])), len(cover))
    dark = cv2.GaussianBlur(cover, (0, 0), 0.8 + 0.3 * lift) * (scenery.shadow * look.opacity)
    image[:, *here] *= 1 - dark[there]
    here, there = overlap(image, left, top, len(cover))
    image[:, *here] += cover[there] * look.opacity * (color[:, *there] - image[:, *here])
    return here, cover[there]


def overlap(image: Array, left: int, top: int, side: int) -> tuple[Window, Window]:
    """Where a square sheet lies in the picture, and that part of the sheet; empty if they do not meet."""
    (y0, y1), (x0, x1) = (
        np.clip([at, at + side], 0, n).tolist() for at, n in zip((top, left), image.shape[1:])
    )
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def water(rng: np.random.Generator, size: Size, unit: float, strength: float) -> Array:
    """The light under water: a web of caustics, clouds, darker corners; lit places warm, dim ones blue.

    Returns:
        float32 (3, H, W), mean near 1: what the picture's colours are multiplied by.
    """
    cell = unit * rng.uniform(0.2, 0.32)
    seam = crooked_cells(rng, size, cell, 0.3)[1] / cell  # light gathers where cells meet
    web = cv2.GaussianBlur(np.exp(-14 * seam), (0, 0), 0.3 + 0.008 * unit)
    (y, x), toward = rows_columns(size), rng.uniform(0.25, 0.75, 2).tolist()  # the brightest place
    fall = 1.15 - 0.9 * ((x / size[1] - toward[0]) ** 2 + (y / size[0] - toward[1]) ** 2)
    cloud = np.clip(1 + 0.18 * noise(rng, size, unit * 0.8, 3), 0.5, 1.3)
    gain = strength * (fall * cloud * (0.9 + 0.7 * web) - 1)
    return 1 + gain * paint((1.1, 1.0, 0.8))


def crooked_cells(rng: np.random.Generator, size: Size, cell: float, warp: float) -> tuple[Array, Array]:
    """Voronoi cells about `cell` pixels wide, bent by noise.

    Returns:
        int32 (H, W) number of the cell, and float32 (H, W) distance to the nearest other cell in pixels.
    """
    height, width = size
    seeds = np.full(size, 255, np.uint8)
    count = max(int(height * width / cell**2), 2)
    seeds[rng.integers(0, height, count), rng.integers(0, width, count)] = 0
    labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[1]
    bend = noise(rng, (2 * height, width), cell, 1) * (warp * cell)
    y, x = rows_columns(size)
    number = cv2.remap(
        labels.astype(np.float32), x + bend[:height], y + bend[height:],
        cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    inside = cv2.morphologyEx(number, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) == 0
    return number.astype(np.int32), cv2.distanceTransform(inside.view(np.uint8), cv2.DIST_L2, 5)
