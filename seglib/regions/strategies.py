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
FAST = (
    Strategy("lab", 50),
    Strategy("lab", 50, SHAPE),
    Strategy("hsv", 50),
    Strategy("hsv", 50, SHAPE),
)
QUALITY = tuple(
    Strategy(space, scale, cues)
    for space in ("lab", "hsv", "chroma")
    for scale in (50, 100)
    for cues in (CUES, SHAPE)
)
