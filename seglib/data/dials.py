"""The dials of the built-in scenes: what makes a picture easy or hard, each with its range."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import ClassVar

from seglib.data.species import SPECIES


@dataclass(frozen=True)
class Dials:
    """What makes a picture easy or hard.

    Only `count`, `object_size`, `rare` and `frequency` change what lies where. All other dials leave every
    object in its place, so that two pictures of the same seed differ in nothing but the dial.

    Attributes:
        count: (fewest, most) objects in a picture, 0..50 each.
        object_size: length of a usual object, as a share of the picture's mean side, 0.05..1.
        rare: the class that is rare.
        frequency: how often the rare class is drawn beside any other: 1 as often, 0 never.
        clutter: how rough, colourful and littered the ground is, 0..1.
        camouflage: how far the objects take on the colours of the ground under them, 0..1.
        shadow: darkness of cast shadows, 0..1.
        light: unevenness of the light: caustics, clouds, dim corners, 0..1.
        blur: standard deviation of the lens's blur in pixels, 0..10.
        noise: standard deviation of the sensor's noise in grey levels, 0..64.
        void_border: width of the void rim around objects in pixels, 0..10; VOC 2012 has about 5.
        box_looseness: how many times as wide and high as its object a box is, 1 (tight) .. 3.

    Raises:
        ValueError: a dial is out of its range, or `rare` is no object class.

    Example:
        >>> Dials(camouflage=1.5)
        Traceback (most recent call last):
        ...
        ValueError: camouflage=1.5 is out of range; use 0..1.
    """

    count: tuple[int, int] = (2, 5)
    object_size: float = 0.46
    rare: str = "seahorse"
    frequency: float = 0.4
    clutter: float = 0.4
    camouflage: float = 0.1
    shadow: float = 0.4
    light: float = 0.4
    blur: float = 0.5
    noise: float = 2.0
    void_border: int = 1
    box_looseness: float = 1.0

    RANGES: ClassVar[dict[str, tuple[float, float]]] = {
        "object_size": (0.05, 1),
        "frequency": (0, 1),
        "clutter": (0, 1),
        "camouflage": (0, 1),
        "shadow": (0, 1),
        "light": (0, 1),
        "blur": (0, 10),
        "noise": (0, 64),
        "void_border": (0, 10),
        "box_looseness": (1, 3),
    }

    def __post_init__(self) -> None:
        for name, (low, high) in self.RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, Real) or not low <= float(value) <= high:
                raise ValueError(f"{name}={value!r} is out of range; use {low:g}..{high:g}.")
        pair = isinstance(self.count, tuple) and len(self.count) == 2
        if not pair or not 0 <= self.count[0] <= self.count[1] <= 50:
            raise ValueError(f"count={self.count!r} must be (fewest, most) with 0 <= fewest <= most <= 50.")
        if not isinstance(self.void_border, Integral):
            raise ValueError(f"void_border={self.void_border!r} must be a whole number of pixels, 0..10.")
        if self.rare not in SPECIES:
            raise ValueError(f"rare={self.rare!r} is no object class; use one of {', '.join(SPECIES)}.")
