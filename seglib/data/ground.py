"""The floor of the tide pool: sand, pebbles, rock, weed, and litter that is in the way but is no object."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from seglib.data.light import Look, Scenery, Size, crooked_cells, noise, paint, rows_columns, shade, stamp
from seglib.data.sprites import Array, Canvas, bezier, polar, ring

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Mood:
    """The colours of one pool, red, green, blue in 0..1: its sand, its four kinds of stone, its weed."""

    sand: Color
    stones: tuple[Color, Color, Color, Color]
    weed: Color


MOODS = (
    Mood(
        sand=(0.92, 0.82, 0.64),  # golden beach
        stones=((0.66, 0.61, 0.54), (0.78, 0.72, 0.62), (0.54, 0.51, 0.47), (0.7, 0.6, 0.48)),
        weed=(0.42, 0.46, 0.22),
    ),
    Mood(
        sand=(0.78, 0.78, 0.74),  # grey shingle
        stones=((0.53, 0.57, 0.6), (0.64, 0.67, 0.68), (0.43, 0.46, 0.5), (0.72, 0.69, 0.63)),
        weed=(0.32, 0.42, 0.28),
    ),
    Mood(
        sand=(0.93, 0.83, 0.74),  # pink coralline crusts
        stones=((0.74, 0.6, 0.56), (0.83, 0.74, 0.67), (0.62, 0.54, 0.54), (0.68, 0.66, 0.63)),
        weed=(0.56, 0.34, 0.36),
    ),
    Mood(
        sand=(0.8, 0.76, 0.6),  # green rock pool
        stones=((0.52, 0.57, 0.46), (0.61, 0.62, 0.5), (0.44, 0.48, 0.42), (0.66, 0.61, 0.5)),
        weed=(0.3, 0.44, 0.22),
    ),
    Mood(
        sand=(0.58, 0.58, 0.58),  # basalt
        stones=((0.37, 0.4, 0.44), (0.47, 0.49, 0.52), (0.42, 0.41, 0.41), (0.58, 0.57, 0.55)),
        weed=(0.38, 0.42, 0.2),
    ),
    Mood(
        sand=(0.76, 0.86, 0.82),  # blue lagoon
        stones=((0.5, 0.63, 0.65), (0.62, 0.73, 0.73), (0.44, 0.54, 0.59), (0.72, 0.74, 0.69)),
        weed=(0.26, 0.46, 0.38),
    ),
)


def sand(rng: np.random.Generator, size: Size, unit: float, mood: Mood) -> tuple[Array, Array]:
    """Rippled sand: colour (3, H, W) 0..1 and height (H, W) in pixels."""
    cloud = noise(rng, size, unit * 0.5, 3)
    way, wave = polar(rng.uniform(0, np.pi), 1).tolist(), unit * rng.uniform(0.08, 0.15)
    y, x = rows_columns(size)
    phase = (x * way[0] + y * way[1]) * (2 * np.pi / wave) + 1.6 * cloud
    grain = rng.standard_normal(size, dtype=np.float32)
    height = np.sin(phase) * (wave * rng.uniform(0.02, 0.07)) + 0.15 * grain
    return paint(mood.sand) * (1 + 0.04 * cloud + 0.03 * grain), height


def pebbles(rng: np.random.Generator, size: Size, unit: float, mood: Mood) -> tuple[Array, Array]:
    """A bed of rounded stones: colour (3, H, W) 0..1 and height (H, W) in pixels."""
    cell = unit * rng.uniform(0.08, 0.16)
    number, inside = crooked_cells(rng, size, cell, 0.15)
    count = int(number.max()) + 1
    each = np.array(mood.stones, np.float32)[rng.integers(0, 4, count)].T  # (3, cells)
    each = each * rng.uniform(0.85, 1.15, count).astype(np.float32)
    inside = cv2.GaussianBlur(inside, (0, 0), 0.08 * cell)  # rounds the corners
    slope = np.clip(inside / (0.3 * cell) - 0.15, 0, 1)
    dome = np.sqrt(slope * (2 - slope))
    speckle = noise(rng, size, 3, 2)
    gap = 0.6 * paint(mood.sand)
    color = gap + dome * (each.take(number, axis=1) * (1 + 0.05 * speckle) - gap)
    return color, dome * (0.3 * cell) + 0.1 * speckle


def rock(rng: np.random.Generator, size: Size, unit: float, mood: Mood) -> tuple[Array, Array]:
    """Rough rock with crusts of algae: colour (3, H, W) 0..1 and height (H, W) in pixels."""
    base, crust = (paint(mood.stones[k]) for k in rng.choice(4, 2, replace=False))
    rough = noise(rng, size, unit * 0.3, 6)
    color = base + np.clip(rough * 0.8, 0, 0.8) * (crust - base)
    return color, rough * (unit * 0.025)


def ground(rng: np.random.Generator, size: Size, clutter: float, scenery: Scenery) -> Array:
    """Sand that gives way to pebbles or rock, weed and litter on top; float32 (3, H, W), 0..1."""
    unit = float(np.sqrt(size[0] * size[1]))
    mood = MOODS[rng.integers(len(MOODS))]
    first, second = sand(rng, size, unit, mood), (pebbles, rock)[rng.integers(2)](rng, size, unit, mood)
    share = np.clip(noise(rng, size, unit * 0.9, 5) * 2.5 + rng.uniform(-0.5, 1.5), 0, 1)
    color = first[0] + share * (second[0] - first[0])
    height = first[1] + share * (second[1] - first[1])
    tuft = noise(rng, size, unit * 0.3, 6)
    film = np.clip(2 * (tuft - 2 + 1.6 * clutter), 0, 0.75)
    color += film * (paint(mood.weed) - color)
    height += film * tuft * (unit * 0.01)
    flat = color.mean((1, 2), keepdims=True)
    color = flat + min(0.3 + clutter, 1) * (color - flat)
    image = color * (0.35 + 0.65 * shade(height * (0.3 + 0.9 * clutter), scenery.light))
    for _ in range(rng.poisson(4 * clutter)):
        _litter(image, rng, unit, mood, scenery)
    return image


def _litter(image: Array, rng: np.random.Generator, unit: float, mood: Mood, scenery: Scenery) -> None:
    """A loose stone, or a tuft of weed: in the way of a segmenter, but background."""
    turn = polar(rng.uniform(0, 2 * np.pi) + np.array([0, np.pi / 2]), 1)
    canvas, stone = Canvas(unit * rng.uniform(0.05, 0.11), turn), rng.random() < 0.5
    if stone:
        wave = rng.uniform(0, 2 * np.pi, (3, 1)) + np.outer((2, 3, 4), np.linspace(0, 2 * np.pi, 40))
        outline = 0.8 * (1 + 0.08 * np.sin(wave)).prod(0)
        canvas.part(ring(outline, 40, stretch=(1, rng.uniform(0.6, 0.95))))
    for angle in () if stone else rng.uniform(0, 2 * np.pi, 14):
        tip = polar(angle + rng.normal(0, 0.5), rng.uniform(0.6, 1))
        canvas.line(bezier([np.zeros(2), polar(angle, 0.5), tip], 10), 0.12, 0.03, rng.uniform(-0.5, 0.5))
    base = np.array(mood.stones[rng.integers(4)] if stone else mood.weed) * rng.uniform(0.85, 1.15)
    look = Look(np.clip([base * 0.4, base, base * 1.4], 0, 1), bulge=0.6 if stone else 0.1, rough=0.1)
    at = rng.uniform(0, image.shape[2]), rng.uniform(0, image.shape[1])
    stamp(rng, image, canvas, at, look, scenery)
