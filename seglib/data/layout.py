"""Which objects a tide pool holds and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seglib.data.dials import Dials
from seglib.data.species import SPECIES
from seglib.data.sprites import Array

PAIRS = 0.3  # this share of the objects is put beside the one before, of the same class, so that they touch


@dataclass(frozen=True)
class Placed:
    """One object to draw.

    Attributes:
        label: class index.
        x, y: its middle in pixels, inside of the picture.
        radius: half its length in pixels.
        heading: in radians.
        seed: of its own looks.
    """

    label: int
    x: float
    y: float
    radius: float
    heading: float
    seed: int


def arrange(rng: np.random.Generator, size: tuple[int, int], dials: Dials) -> list[Placed]:
    """Choose classes and places, in the order of drawing: later objects lie over earlier ones.

    Every object takes the same random numbers whatever the dials say, so that most dials move nothing.

    Example:
        >>> [thing.label for thing in arrange(np.random.default_rng(0), (160, 160), Dials(count=(0, 0)))]
        []
    """
    names = list(SPECIES)
    weights = np.array([dials.frequency if name == dials.rare else 1 for name in names])
    placed: list[Placed] = []
    fewest, most = dials.count
    for _ in range(fewest + int(rng.random() * (most + 1 - fewest))):
        label = 1 + int(rng.choice(len(names), p=weights / weights.sum()))
        pair, heading, scale = rng.random() < PAIRS, rng.uniform(-np.pi, np.pi), rng.uniform(0.8, 1.2)
        spots, seed = rng.uniform(0.14, 0.86, (4, 2)) * size[::-1], int(rng.integers(2**32))
        if beside := pair and placed and names[placed[-1].label - 1] != dials.rare:
            label, heading = placed[-1].label, placed[-1].heading + 0.15 * heading
        length = dials.object_size * float(np.sqrt(size[0] * size[1])) * SPECIES[names[label - 1]].size
        radius = 0.5 * length * scale
        x, y = _beside(placed[-1], radius, heading) if beside else _roomiest(spots, placed)
        x, y = np.clip(x, 0.05 * size[1], 0.95 * size[1]), np.clip(y, 0.05 * size[0], 0.95 * size[0])
        placed.append(Placed(label, float(x), float(y), radius, heading, seed))
    return placed


def _beside(other: Placed, radius: float, heading: float) -> Array:
    """A place at the flank of `other`, near enough to touch it."""
    across = 0.45 * (radius + other.radius)
    return np.array([other.x - across * np.sin(heading), other.y + across * np.cos(heading)])


def _roomiest(spots: Array, placed: list[Placed]) -> Array:
    """The spot of (n, 2) that is farthest from everything that is already there."""
    room = [min((np.hypot(x - p.x, y - p.y) - p.radius for p in placed), default=0) for x, y in spots]
    return spots[int(np.argmax(room))]
