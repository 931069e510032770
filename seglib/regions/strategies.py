"""Several ways to group the same image: an object that one of them breaks, another keeps whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from seglib.regions.colours import Space
from seglib.regions.grouping import CUES, Cue
from seglib.regions.superpixels import Maker


class Strategy(NamedTuple):
    """One way to build a hierarchy.

    Attributes:
        space: the colours in which superpixels are found and compared.
        scale: of the superpixels.
        cues: what makes two regions similar.
        by: whose superpixels.
    """

    space: Space = "lab"
    scale: float = 100
    cues: tuple[Cue, ...] = CUES
    by: Maker = "scikit-image"


def _every(
    spaces: Sequence[Space], scales: Sequence[float], cues: Sequence[tuple[Cue, ...]]
) -> Iterator[Strategy]:
    """All of these with all of those, on OpenCV's superpixels."""
    return (Strategy(*kind, by="opencv") for kind in product(spaces, scales, cues))


ALIKE: tuple[Cue, ...] = ("texture", "size")  # without colour: parts of an object differ in it
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
# Chosen likewise, to take no longer than OpenCV's Quality mode. A small object needs the finer superpixels. A
# large one is many of those, and few hierarchies happen to put together all of them; of larger superpixels it
# is few, and a hierarchy of these takes a tenth of the time. So there are many.
QUALITY = (
    *_every(["hsv", "rgb", "grey"], [50], [CUES, FILL, SIZE]),
    *_every(["hsv", "chroma", "rgb"], [150, 300], [CUES, ALIKE, FILL, SIZE]),
)
