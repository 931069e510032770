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


SHAPE: tuple[Cue, ...] = ("texture", "size", "fill")  # without colour: parts of an object differ in it
# Chosen by their overlap with objects of the train splits of pets and CamVid: two maps of superpixels,
# which take most of the time, and two ways to group each.
FAST = (
    Strategy("lab", 50),
    Strategy("lab", 50, SHAPE),
    Strategy("hsv", 50),
    Strategy("hsv", 50, SHAPE),
)
# Finer superpixels for small objects, and coarser ones, which cost few regions, for large ones.
QUALITY = (
    *FAST,
    Strategy("chroma", 50),
    Strategy("chroma", 50, SHAPE),
    Strategy("rgb", 30),
    Strategy("lab", 100),
    Strategy("hsv", 100),
    Strategy("chroma", 100),
)
