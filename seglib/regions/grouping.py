"""Hierarchical grouping: the two most similar neighbours become one, again and again.

This is the heart of selective search: Uijlings, van de Sande, Gevers, Smeulders, "Selective Search for Object
Recognition", 2013, section 3.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Cue = Literal["colour", "texture", "size", "fill"]
CUES: tuple[Cue, ...] = get_args(Cue)
Index = NDArray[np.int64]


@dataclass
class Regions:
    """What grouping knows of N regions: S superpixels, then room for the S - 1 that will be made of them.

    Attributes:
        sizes: (N,) pixels.
        low: (N, 2) first row and column of each region's box.
        high: (N, 2) first row and column after it.
        colour: (N, 25 C) a histogram of each channel; the row sums to 1.
        texture: (N, 80 C) a histogram of the steps in each direction and channel; the row sums to 1.
        neighbours: the regions that touch each one now; empty for those that have become part of another.
        pixels: of the image.
    """

    sizes: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    colour: NDArray[np.float32]
    texture: NDArray[np.float32]
    neighbours: list[set[int]]
    pixels: int

    def copy(self) -> Regions:
        """The same, to be grouped in another way."""
        low, high, near = self.low.copy(), self.high.copy(), [set(near) for near in self.neighbours]
        colour, texture = self.colour.copy(), self.texture.copy()
        return Regions(self.sizes.copy(), low, high, colour, texture, near, self.pixels)


def group(regions: Regions, cues: Sequence[Cue] = CUES) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Merge until one region is left.

    Args:
        regions: as `describe` made them; they are changed.
        cues: what makes two regions similar.

    Returns:
        (S - 1, 2) which two regions became one, in order: the k-th merge made region S + k.
        (S - 1,) how similar they were.
    """
    waiting = [
        (-likeness, one, other)
        for one, near in enumerate(regions.neighbours)
        for other, likeness in _likenesses(regions, one, [other for other in near if other > one], cues)
    ]
    heapq.heapify(waiting)
    merges: list[tuple[int, int]] = []
    similarities: list[float] = []
    while waiting:
        likeness, one, other = heapq.heappop(waiting)  # the most similar pair
        if regions.neighbours[one] and regions.neighbours[other]:  # neither has been merged since
            new = merge(regions, one, other, made=len(merges))
            merges.append((one, other))
            similarities.append(-likeness)
            for near, likeness in _likenesses(regions, new, sorted(regions.neighbours[new]), cues):
                heapq.heappush(waiting, (-likeness, near, new))
    return np.array(merges, np.int64).reshape(-1, 2), np.array(similarities)


def merge(regions: Regions, one: int, other: int, *, made: int) -> int:
    """Make one region of two neighbours: sizes add up, histograms mix by size; no pixel is looked at.

    Args:
        regions: they are changed.
        one: a region.
        other: its neighbour.
        made: how many merges there were before.

    Returns:
        The number of the new region.
    """
    new = (len(regions.sizes) + 1) // 2 + made
    size = float(regions.sizes[one] + regions.sizes[other])
    share = float(regions.sizes[one]) / size
    regions.sizes[new] = size
    regions.low[new] = np.minimum(regions.low[one], regions.low[other])
    regions.high[new] = np.maximum(regions.high[one], regions.high[other])
    for histogram in (regions.colour, regions.texture):
        histogram[new] = share * histogram[one] + (1 - share) * histogram[other]
    around = (regions.neighbours[one] | regions.neighbours[other]) - {one, other}
    for near in around:
        regions.neighbours[near] -= {one, other}
        regions.neighbours[near].add(new)
    regions.neighbours[one], regions.neighbours[other], regions.neighbours[new] = set(), set(), around
    return new


def similarity(regions: Regions, one: int, others: Sequence[int], cues: Sequence[Cue] = CUES) -> NDArray:
    """How similar region `one` is to each of M others, (M,): the sum of the cues, each 0..1."""
    index = np.asarray(others)
    return sum((SIMILARITIES[cue](regions, one, index) for cue in cues), np.zeros(len(index)))


def _by_colour(regions: Regions, one: int, others: Index) -> NDArray:
    """What the histograms have in common."""
    return np.minimum(regions.colour[one], regions.colour.take(others, axis=0)).sum(axis=1)


def _by_texture(regions: Regions, one: int, others: Index) -> NDArray:
    return np.minimum(regions.texture[one], regions.texture.take(others, axis=0)).sum(axis=1)


def _by_size(regions: Regions, one: int, others: Index) -> NDArray:
    """Small ones first, so that all parts of the image grow alike."""
    return 1 - (regions.sizes[one] + regions.sizes[others]) / regions.pixels


def _by_fill(regions: Regions, one: int, others: Index) -> NDArray:
    """How well the two fill the box around both: one that lies within the other fits best."""
    low = np.minimum(regions.low[one], regions.low.take(others, axis=0))
    height, width = (np.maximum(regions.high[one], regions.high.take(others, axis=0)) - low).T
    return 1 - (height * width - regions.sizes[one] - regions.sizes[others]) / regions.pixels


SIMILARITIES: dict[Cue, Callable[[Regions, int, Index], NDArray]] = {
    "colour": _by_colour, "texture": _by_texture, "size": _by_size, "fill": _by_fill,
}  # fmt: skip


def _likenesses(
    regions: Regions, one: int, others: Sequence[int], cues: Sequence[Cue]
) -> list[tuple[int, float]]:
    """(other, similarity) of each other; they are looked at together, which is faster than one by one."""
    return list(zip(others, similarity(regions, one, others, cues).tolist())) if others else []
