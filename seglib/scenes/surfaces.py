"""The floor of the tide pool, and the light on it: sand, pebbles, rock, weed, shading, shadows, water."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike

from seglib.scenes.canvas import FINE, Array, Canvas, bezier, polar, ring

Color = tuple[float, float, float]
Size = tuple[int, int]
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Material:
    """How a surface takes the light, whatever its colours.

    Attributes:
        bulge: how far it bulges, as a share of its radius.
        rough: strength of its texture.
        opacity: 1 solid; below 1 the ground shows through.
        hover: height above the ground, as a share of its radius: its shadow falls that far away.
    """

    bulge: float = 0.25
    rough: float = 0.12
    opacity: float = 1.0
    hover: float = 0.08


@dataclass(frozen=True)
class Lighting:
    """The light on all surfaces of one image.

    Attributes:
        light: (3,) unit vector to the light.
        shadow: darkness of cast shadows, 0..1.
    """

    light: Array
    shadow: float


class PoolColors(NamedTuple):
    """The colours of one pool, red, green, blue in 0..1: sand (3,), four kinds of stone (4, 3), weed (3,)."""

    sand: Array
    stones: Array
    weed: Array


# fmt: off
_PERCENT = np.array([  # red, green, blue of sand, of four kinds of stone, of weed
    [(92, 82, 64), (66, 61, 54), (78, 72, 62), (54, 51, 47), (70, 60, 48), (42, 46, 22)],  # golden beach
    [(78, 78, 74), (53, 57, 60), (64, 67, 68), (43, 46, 50), (72, 69, 63), (32, 42, 28)],  # grey shingle
    [(93, 83, 74), (74, 60, 56), (83, 74, 67), (62, 54, 54), (68, 66, 63), (56, 34, 36)],  # pink algae
    [(80, 76, 60), (52, 57, 46), (61, 62, 50), (44, 48, 42), (66, 61, 50), (30, 44, 22)],  # green rock pool
    [(58, 58, 58), (37, 40, 44), (47, 49, 52), (42, 41, 41), (58, 57, 55), (38, 42, 20)],  # basalt
    [(76, 86, 82), (50, 63, 65), (62, 73, 73), (44, 54, 59), (72, 74, 69), (26, 46, 38)],  # blue lagoon
])
# fmt: on
POOLS = [PoolColors(pool[0], pool[1:5], pool[5]) for pool in _PERCENT / 100]


def sand(rng: np.random.Generator, size: Size, unit: float, colors: PoolColors) -> tuple[Array, Array]:
    """Rippled sand: colour (3, H, W) 0..1 and height (H, W) in pixels."""
    cloud = noise(rng, size, unit * 0.5, 3)
    way, wave = polar(rng.uniform(0, np.pi), 1).tolist(), unit * rng.uniform(0.08, 0.15)
    y, x = rows_columns(size)
    phase = (x * way[0] + y * way[1]) * (2 * np.pi / wave) + 1.6 * cloud
    grain = rng.standard_normal(size, dtype=np.float32)
    height = np.sin(phase) * (wave * rng.uniform(0.02, 0.07)) + 0.15 * grain
    return as_pixel(colors.sand) * (1 + 0.04 * cloud + 0.03 * grain), height


def pebbles(rng: np.random.Generator, size: Size, unit: float, colors: PoolColors) -> tuple[Array, Array]:
    """A bed of rounded stones: colour (3, H, W) 0..1 and height (H, W) in pixels."""
    cell = unit * rng.uniform(0.08, 0.16)
    number, inside = crooked_cells(rng, size, cell, 0.15)
    count = int(number.max()) + 1
    each = np.array(colors.stones, np.float32)[rng.integers(0, 4, count)].T  # (3, cells)
    each = each * rng.uniform(0.85, 1.15, count).astype(np.float32)
    inside = cv2.GaussianBlur(inside, (0, 0), 0.08 * cell)  # rounds the corners
    slope = np.clip(inside / (0.3 * cell) - 0.15, 0, 1)
    dome = np.sqrt(slope * (2 - slope))
    speckle = noise(rng, size, 3, 2)
    gap = 0.6 * as_pixel(colors.sand)
    color = gap + dome * (each.take(number, axis=1) * (1 + 0.05 * speckle) - gap)
    return color, dome * (0.3 * cell) + 0.1 * speckle


def rock(rng: np.random.Generator, size: Size, unit: float, colors: PoolColors) -> tuple[Array, Array]:
    """Rough rock with crusts of algae: colour (3, H, W) 0..1 and height (H, W) in pixels."""
    base, crust = (as_pixel(colors.stones[k]) for k in rng.choice(4, 2, replace=False))
    rough = noise(rng, size, unit * 0.3, 6)
    color = base + np.clip(rough * 0.8, 0, 0.8) * (crust - base)
    return color, rough * (unit * 0.025)


def ground(rng: np.random.Generator, size: Size, clutter: float, lighting: Lighting) -> Array:
    """Sand that gives way to pebbles or rock, weed and litter on top; float32 (3, H, W), 0..1."""
    unit = float(np.sqrt(size[0] * size[1]))
    colors = POOLS[rng.integers(len(POOLS))]
    first, second = sand(rng, size, unit, colors), (pebbles, rock)[rng.integers(2)](rng, size, unit, colors)
    share = np.clip(noise(rng, size, unit * 0.9, 5) * 2.5 + rng.uniform(-0.5, 1.5), 0, 1)
    color = first[0] + share * (second[0] - first[0])
    height = first[1] + share * (second[1] - first[1])
    tuft = noise(rng, size, unit * 0.3, 6)
    film = np.clip(2 * (tuft - 2 + 1.6 * clutter), 0, 0.75)
    color += film * (as_pixel(colors.weed) - color)
    height += film * tuft * (unit * 0.01)
    flat = color.mean((1, 2), keepdims=True)
    color = flat + min(0.3 + clutter, 1) * (color - flat)
    image = color * (0.35 + 0.65 * shade(height * (0.3 + 0.9 * clutter), lighting.light))
    for _ in range(rng.poisson(4 * clutter)):
        _litter(image, rng, unit, colors, lighting)
    return image


def _litter(
    image: Array, rng: np.random.Generator, unit: float, colors: PoolColors, lighting: Lighting
) -> None:
    """A loose stone, or a tuft of weed: it looks like an object, but it is background."""
    turn = polar(rng.uniform(0, 2 * np.pi) + np.array([0, np.pi / 2]), 1)
    canvas, stone = Canvas(unit * rng.uniform(0.05, 0.11), turn), rng.random() < 0.5
    if stone:
        wave = rng.uniform(0, 2 * np.pi, (3, 1)) + np.outer((2, 3, 4), np.linspace(0, 2 * np.pi, 40))
        outline = 0.8 * (1 + 0.08 * np.sin(wave)).prod(0)
        canvas.part(ring(outline, 40, stretch=(1, rng.uniform(0.6, 0.95))))
    for angle in () if stone else rng.uniform(0, 2 * np.pi, 14):
        tip = polar(angle + rng.normal(0, 0.5), rng.uniform(0.6, 1))
        canvas.line(bezier([np.zeros(2), polar(angle, 0.5), tip], 10), 0.12, 0.03, rng.uniform(-0.5, 0.5))
    base = np.array(colors.stones[rng.integers(4)] if stone else colors.weed) * rng.uniform(0.85, 1.15)
    shades = np.clip([base * 0.4, base, base * 1.4], 0, 1)
    material = Material(bulge=0.6 if stone else 0.1, rough=0.1)
    at = rng.uniform(0, image.shape[2]), rng.uniform(0, image.shape[1])
    stamp(rng, image, canvas, at, shades, material, lighting)


# Light: noise, shaded surfaces, cast shadows, and water that bends the light.


def as_pixel(color: ArrayLike) -> Array:
    """A colour (3,) as float32 (3, 1, 1), which broadcasts over an image (3, H, W)."""
    return np.asarray(color, np.float32)[:, None, None]


def noise(rng: np.random.Generator, size: Size, cell: float, octaves: int = 3) -> Array:
    """Cloudy noise: a random grid of `cell` pixels, doubled repeatedly with finer noise added each time.

    Args:
        rng: the same generator state gives the same noise.
        size: (height, width) in pixels.
        cell: size of the largest clouds in pixels.
        octaves: number of cloud sizes, each half as large and 0.6 times as strong as the one before.

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
    """Lambert's law: the brightness of a surface under a distant light; flat ground is 1.

    Args:
        height: (H, W) float32 in pixels.
        light: (3,) the unit vector x, y, z that points to the light; z is up.

    Returns:
        float32 (H, W), 0 where the surface faces away from the light.

    Example:
        >>> shade(np.zeros((1, 3), np.float32), np.array([-0.6, 0, 0.8]))
        array([[1., 1., 1.]], dtype=float32)
    """
    x, y, z = light.tolist()
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
    facing = 1 - slope_x * (x / z) - slope_y * (y / z)
    return np.maximum(facing, 0) / np.sqrt(1 + slope_x**2 + slope_y**2)


@lru_cache(maxsize=1)
def _grain() -> Array:
    """Fine noise from which every texture is cut; always the same, since drawing it is slow."""
    return 0.5 * noise(np.random.default_rng(0), (512, 512), 6, 3)


def _texture(rng: np.random.Generator, side: int) -> Array:
    """A cut-out of 128 pixels of grain, enlarged to the sheet, so that texture grows with the image."""
    top, left = rng.integers(0, 512 - 128, 2)
    piece = _grain()[top : top + 128, left : left + 128]
    return cv2.resize(piece, (side, side), interpolation=cv2.INTER_LINEAR)


def render(
    rng: np.random.Generator, canvas: Canvas, colors: Array, material: Material, lighting: Lighting
) -> tuple[Array, Array]:
    """Colour a sheet and light it as if it were solid.

    Args:
        rng: chooses the texture.
        canvas: what is drawn.
        colors: (3, 3) float, the dark, base and marking colour, 0..1.
        material: of its surface.
        lighting: of the image.

    Returns:
        float32 (3, h, w) colour 0..1 and float32 (h, w) coverage 0..1, both at the image's resolution.
    """
    solid, bulk, tone = cv2.split(canvas.sheet)
    grain, half = _texture(rng, len(solid)), (len(solid) // FINE,) * 2
    depth = material.bulge * canvas.radius
    far = np.minimum(cv2.distanceTransform(bulk, cv2.DIST_L2, 3), depth)
    height = np.sqrt(far * (2 * depth - far))  # a round shoulder, then flat
    height = cv2.GaussianBlur(height, (0, 0), 0.5 + 0.02 * canvas.radius) + material.rough * 2 * grain
    brightness = cv2.resize(shade(height, lighting.light), half, interpolation=cv2.INTER_AREA)
    tone = cv2.resize(tone + material.rough * 130 * grain, half, interpolation=cv2.INTER_AREA)
    ramp = np.stack([np.interp(np.arange(256), (0, 128, 255), channel) for channel in colors.T])
    color = ramp.astype(np.float32).take(np.clip(tone, 0, 255).astype(np.uint8), axis=1)  # -> (3, h, w)
    color *= 0.45 + 0.55 * brightness
    color += 0.25 * np.maximum(brightness - 1.25, 0)  # wet surfaces glint
    return color, cv2.resize(solid, half, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def stamp(
    rng: np.random.Generator,
    image: Array,
    canvas: Canvas,
    at: tuple[float, float],
    colors: Array,
    material: Material,
    lighting: Lighting,
) -> tuple[Window, Array]:
    """Paint a sheet into the image (3, H, W), centred `at` (x, y): first its shadow, then the sheet.

    Returns:
        The window of the image that the sheet covers, and the sheet's coverage 0..1 there.
    """
    color, cover = render(rng, canvas, colors, material, lighting)
    left, top = round(at[0]) - canvas.middle, round(at[1]) - canvas.middle
    lift = material.hover * canvas.radius / FINE
    away = -lighting.light[:2] / np.hypot(*lighting.light[:2]) * (lift + 1)
    here, there = overlap(image, left + round(float(away[0])), top + round(float(away[1])), len(cover))
    dark = cv2.GaussianBlur(cover, (0, 0), 0.8 + 0.3 * lift) * (lighting.shadow * material.opacity)
    image[:, *here] *= 1 - dark[there]
    here, there = overlap(image, left, top, len(cover))
    image[:, *here] += cover[there] * material.opacity * (color[:, *there] - image[:, *here])
    return here, cover[there]


def overlap(image: Array, left: int, top: int, side: int) -> tuple[Window, Window]:
    """The window of the image under a square sheet, and that part of the sheet; empty if they are apart."""
    (y0, y1), (x0, x1) = (
        np.clip([at, at + side], 0, n).tolist() for at, n in zip((top, left), image.shape[1:])
    )
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def water(rng: np.random.Generator, size: Size, unit: float, strength: float) -> Array:
    """The light under water: caustics, clouds, darker corners; bright places warm, dim ones blue.

    Returns:
        float32 (3, H, W), mean near 1: a factor for the image's colours.
    """
    cell = unit * rng.uniform(0.2, 0.32)
    seam = crooked_cells(rng, size, cell, 0.3)[1] / cell  # light gathers where cells meet
    web = cv2.GaussianBlur(np.exp(-14 * seam), (0, 0), 0.3 + 0.008 * unit)
    (y, x), toward = rows_columns(size), rng.uniform(0.25, 0.75, 2).tolist()  # the brightest place
    fall = 1.15 - 0.9 * ((x / size[1] - toward[0]) ** 2 + (y / size[0] - toward[1]) ** 2)
    cloud = np.clip(1 + 0.18 * noise(rng, size, unit * 0.8, 3), 0.5, 1.3)
    gain = strength * (fall * cloud * (0.9 + 0.7 * web) - 1)
    return 1 + gain * as_pixel((1.1, 1.0, 0.8))


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
