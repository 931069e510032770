"""Several ways to group the same picture: an object that one of them breaks, another keeps whole."""

from __future__ import annotations

from typing import NamedTuple

from seglib.regions.colours import Space
from seglib.regions.grouping import CUES, Cue


class Strategy(NamedTuple):
    """One way to build a hierarchy.

    Attributes:
        space: the colours in which superpixels are found and compared.
        scale: of the superpixels.
        cues: what makes two regions similar.
    """

    space: Space = "lab"
    scale: float = 100
    cues: tuple[Cue, ...] = CUES


SPACES: tuple[Space, ...] = ("lab", "hsv", "chroma", "rgb")
SHAPE: tuple[Cue, ...] = ("texture", "size", "fill")  # without colour: parts of an object differ in it
FILL: tuple[Cue, ...] = ("fill",)
SIZE: tuple[Cue, ...] = ("size",)
# Chosen by their overlap with objects of the train splits of pets and CamVid: two maps of superpixels, which
# take most of the time, finer ones for small objects, and two ways to group each that differ much.
FAST = (
    Strategy("rgb", 50),
    Strategy("rgb", 50, FILL),
    Strategy("hsv", 100),
    Strategy("hsv", 100, FILL),
)
# A large object is many superpixels, and few hierarchies happen to put together all of them: on pets the best
# overlap grows with the number of hierarchies. So here are 48, of every kind.
QUALITY = tuple(
    Strategy(space, scale, cues)
    for space in SPACES
    for scale in (50, 100, 200)
    for cues in (CUES, SHAPE, FILL, SIZE)
)
