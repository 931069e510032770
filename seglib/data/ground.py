"""The floor of the tide pool and the water over it: sand, pebbles, rock, weed, and light that the waves bend."""

from __future__ import annotations

import cv2
import numpy as np

from seglib.data.sprites import Array, noise, shade

SAND = ((0.78, 0.68, 0.52), (0.68, 0.6, 0.48), (0.6, 0.56, 0.5), (0.72, 0.62, 0.5))
STONE = (
    (0.5, 0.5, 0.48), (0.38, 0.4, 0.42), (0.62, 0.56, 0.48), (0.46, 0.36, 0.3), (0.34, 0.38, 0.3),
    (0.6, 0.46, 0.46), (0.7, 0.66, 0.6), (0.3, 0.28, 0.32), (0.55, 0.42, 0.28),
)  # fmt: skip
WEED = ((0.3, 0.34, 0.16), (0.24, 0.3, 0.2), (0.38, 0.28, 0.18), (0.4, 0.2, 0.22))


def cells(rng: np.random.Generator, size: tuple[int, int], cell: float, warp: float) -> tuple[Array, Array]:
    """Crooked Voronoi cells about `cell` pixels wide.

    Returns:
        int32 (H, W) number of the cell, and float32 (H, W) distance to its seed in pixels.
    """
    height, width = size
    seeds = np.full(size, 255, np.uint8)
    count = max(int(height * width / cell**2), 2)
    seeds[rng.integers(0, height, count), rng.integers(0, width, count)] = 0
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    shift = noise(rng, (2 * height, width), cell, 2) * warp * cell
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x + shift[:height], y + shift[height:]
    distance = cv2.remap(distance, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    labels = cv2.remap(labels.astype(np.float32), x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    return labels.astype(np.int32), distance


def sand(rng: np.random.Generator, size: tuple[int, int], unit: float) -> tuple[Array, Array]:
    """Rippled sand: colour (H, W, 3) 0..1 and height (H, W) in pixels."""
    base = np.array(SAND[rng.integers(len(SAND))], np.float32)
    cloud = noise(rng, size, unit * 0.5, 4)
    angle, wave = rng.uniform(0, np.pi), unit * rng.uniform(0.09, 0.16)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    phase = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / wave) + 1.6 * cloud
    grain = rng.standard_normal(size, dtype=np.float32)
    height = np.sin(phase) * wave * 0.06 * rng.uniform(0.2, 1.2) + 0.25 * grain
    return base * (1 + 0.06 * cloud + 0.05 * grain)[..., None], height


def pebbles(rng: np.random.Generator, size: tuple[int, int], unit: float) -> tuple[Array, Array]:
    """A bed of rounded stones: colour (H, W, 3) 0..1 and height (H, W) in pixels."""
    cell = unit * rng.uniform(0.07, 0.16)
    labels, distance = cells(rng, size, cell, 0.12)
    kinds = np.array(STONE, np.float32)[rng.choice(len(STONE), 4, replace=False)]
    count = int(labels.max()) + 1
    each = kinds[rng.integers(0, 4, count)] * rng.uniform(0.75, 1.2, (count, 1)).astype(np.float32)
    reach = cell * rng.uniform(0.5, 0.9, count).astype(np.float32)[labels]
    dome = np.sqrt(np.maximum(1 - (distance / reach) ** 2, 0))
    speckle = noise(rng, size, 3, 2)
    color = each[labels] * (1 + 0.08 * speckle)[..., None]
    return color * (0.45 + 0.55 * np.minimum(dome * 2, 1))[..., None], dome * cell * 0.45 + 0.15 * speckle


def rock(rng: np.random.Generator, size: tuple[int, int], unit: float) -> tuple[Array, Array]:
    """Rough rock with crusts of algae: colour (H, W, 3) 0..1 and height (H, W) in pixels."""
    base, crust = np.array(STONE, np.float32)[rng.choice(len(STONE), 2, replace=False)]
    rough, patch = noise(rng, size, unit * 0.3, 5), noise(rng, size, unit * 0.25, 4)
    amount = np.clip(patch * 1.5, 0, 1)[..., None]
    color = (base * (1 - amount) + crust * amount) * (1 + 0.08 * rough)[..., None]
    return color, rough * unit * 0.02 + 0.3 * noise(rng, size, 2, 1)


def ground(
    rng: np.random.Generator, size: tuple[int, int], unit: float, clutter: float, light: Array
) -> Array:
    """Two kinds of ground that meet along a ragged line, with weed on top; float32 (H, W, 3), 0..1."""
    kinds = [sand, pebbles, rock]
    first, second = (kinds[k](rng, size, unit) for k in rng.choice(3, 2, replace=False))
    share = np.clip(noise(rng, size, unit * 0.9, 4) * 1.6 + 0.5, 0, 1)
    color = first[0] + share[..., None] * (second[0] - first[0])
    height = first[1] + share * (second[1] - first[1])
    weed = np.array(WEED[rng.integers(len(WEED))], np.float32)
    film = np.clip(noise(rng, size, unit * 0.35, 5) - 1.6 + 1.6 * clutter, 0, 0.75)[..., None]
    color = color + film * (weed - color)
    flat = color.mean((0, 1))
    color = flat + (0.4 + 0.6 * min(2 * clutter, 1)) * (color - flat)
    return color * (0.4 + 0.6 * shade(height * (0.3 + 0.7 * clutter), light))[..., None]


def water(rng: np.random.Generator, size: tuple[int, int], unit: float, strength: float) -> Array:
    """How much light reaches each pixel: caustics, cloud shadow, falloff to the corners; (H, W), mean about 1."""
    _, distance = cells(rng, size, unit * rng.uniform(0.2, 0.35), 0.25)
    web = cv2.GaussianBlur((distance / (distance.max() + 1e-6)) ** 2.5, (0, 0), 0.006 * unit + 0.5)
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j].astype(np.float32)
    toward = rng.uniform(-0.5, 0.5, 2)
    fall = 1 - 0.28 * ((x - toward[0]) ** 2 + (y - toward[1]) ** 2)
    cloud = np.clip(1 + 0.22 * noise(rng, size, unit * 0.8, 3), 0.5, 1.3)
    return 1 + strength * (fall * cloud * (0.85 + 1.1 * web) - 1)
