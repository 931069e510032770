"""Which creatures live in the tide pool: the object classes of the built-in scenes and how they look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seglib.data import creatures
from seglib.data.sprites import Canvas

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Species:
    """One class of objects.

    Attributes:
        draw: puts its parts on a `Canvas`.
        size: its length, where 1 is the picture's usual object.
        colors: its possible base colours, red, green, blue in 0..1; light and ground change them.
        mark: the colour of its marking.
        bulge, rough, opacity, hover: see `light.Look`.
    """

    draw: Callable[[Canvas, np.random.Generator], None]
    size: float
    colors: tuple[Color, ...]
    mark: Color
    bulge: float = 0.25
    rough: float = 0.12
    opacity: float = 1.0
    hover: float = 0.08


SPECIES = {
    "fish": Species(
        creatures.fish,
        size=1.0,
        colors=((0.88, 0.56, 0.2), (0.32, 0.5, 0.66), (0.6, 0.62, 0.36)),
        mark=(1.0, 0.94, 0.78),
        hover=0.35,
    ),
    "starfish": Species(
        creatures.starfish,
        size=0.95,
        colors=((0.9, 0.46, 0.2), (0.74, 0.28, 0.38), (0.7, 0.52, 0.26)),
        mark=(1.0, 0.86, 0.62),
        bulge=0.18,
        rough=0.16,
    ),
    "crab": Species(
        creatures.crab,
        size=1.0,
        colors=((0.82, 0.3, 0.17), (0.54, 0.38, 0.2), (0.6, 0.28, 0.32)),
        mark=(1.0, 0.76, 0.5),
        bulge=0.2,
        hover=0.15,
    ),
    "jellyfish": Species(
        creatures.jellyfish,
        size=1.1,
        colors=((0.5, 0.72, 0.9), (0.86, 0.56, 0.78), (0.62, 0.52, 0.86)),
        mark=(1.0, 0.97, 1.0),
        bulge=0.3,
        rough=0.04,
        opacity=0.72,
        hover=0.5,
    ),
    "urchin": Species(
        creatures.urchin,
        size=0.85,
        colors=((0.38, 0.24, 0.48), (0.22, 0.2, 0.24), (0.54, 0.22, 0.36)),
        mark=(0.76, 0.56, 0.8),
        bulge=0.3,
        rough=0.06,
        hover=0.2,
    ),
    "snail": Species(
        creatures.snail,
        size=0.7,
        colors=((0.64, 0.41, 0.22), (0.38, 0.41, 0.28), (0.8, 0.65, 0.4)),
        mark=(0.98, 0.86, 0.62),
        bulge=0.35,
    ),
    "seahorse": Species(
        creatures.seahorse,
        size=0.85,
        colors=((0.92, 0.72, 0.22), (0.78, 0.42, 0.3)),
        mark=(1.0, 0.92, 0.62),
        bulge=0.18,
        rough=0.1,
    ),
    "kelp": Species(
        creatures.kelp,
        size=1.5,
        colors=((0.4, 0.48, 0.16), (0.56, 0.42, 0.16), (0.22, 0.44, 0.24)),
        mark=(0.76, 0.74, 0.26),
        bulge=0.1,
        hover=0.15,
    ),
    "shell": Species(
        creatures.shell,
        size=0.62,
        colors=((0.94, 0.64, 0.5), (0.9, 0.84, 0.76), (0.72, 0.36, 0.4)),
        mark=(1.0, 0.94, 0.88),
        bulge=0.4,
    ),
}
