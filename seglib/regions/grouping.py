"""Hierarchical grouping: the two most similar neighbours become one, again and again.

This is the heart of selective search: Uijlings, van de Sande, Gevers, Smeulders, "Selective Search for Object
Recognition", 2013, section 3.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib.regions.superpixels import Channels, Maker, Space, checked, in_space, superpixels

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


# What grouping knows of superpixels: their sizes, boxes, neighbours, and histograms of colour and texture.
#
# We depart from Uijlings et al., 2013, in one thing: texture is seen in the colour space's channels at eight
# directions as there, but in bins of fixed width, so that it means the same in every image.

Bins = NDArray[np.int32]
COLOUR_BINS, TEXTURE_BINS, DIRECTIONS = 25, 10, 8
STEEPEST = 0.5  # a step of colour per pixel from which on the last bin of texture counts


class Binned(NamedTuple):
    """Into which bin of its histogram every pixel falls.

    Attributes:
        colour: (H, W, C) int32, 0..24.
        texture: (H, W, 8 C) int32, 0..9, by how steeply each channel rises in each direction.
    """

    colour: Bins
    texture: Bins


def binned(colours: Channels) -> Binned:
    """What histograms need of an image (H, W, C), 0..1, whatever superpixels it is cut into."""
    return Binned(
        _bins(colours * COLOUR_BINS, COLOUR_BINS),
        _bins(steps(colours) * (TEXTURE_BINS / STEEPEST), TEXTURE_BINS),
    )


def describe(labels: NDArray[np.int64], pixels: Binned) -> Regions:
    """Look at every pixel, once: sizes, boxes, histograms and neighbours of S superpixels.

    Args:
        labels: (H, W) superpixels, 0..S-1, all of which occur.
        pixels: of the image.

    Returns:
        S regions, and room for S - 1 more.
    """
    count = int(labels.max()) + 1
    low, high = _corners(labels, count)
    return Regions(
        _with_room(np.bincount(labels.ravel()).astype(np.float64)),
        _with_room(low),
        _with_room(high),
        _with_room(_histogram(labels, pixels.colour, COLOUR_BINS, count)),
        _with_room(_histogram(labels, pixels.texture, TEXTURE_BINS, count)),
        _touching(labels, count),
        labels.size,
    )


def steps(colours: Channels) -> Channels:
    """(H, W, 8 C) how steeply each channel rises in eight directions, by Gaussian derivatives, or 0."""
    smooth = cv2.GaussianBlur(colours, (0, 0), 1).reshape(colours.shape)
    right = cv2.Sobel(smooth, -1, 1, 0, ksize=1, scale=0.5).reshape(colours.shape)
    down = cv2.Sobel(smooth, -1, 0, 1, ksize=1, scale=0.5).reshape(colours.shape)
    angles = np.arange(DIRECTIONS, dtype=np.float32) * (2 * np.pi / DIRECTIONS)
    return np.concatenate(
        [np.maximum(np.cos(angle) * right + np.sin(angle) * down, 0) for angle in angles], axis=2
    )


def _bins(values: Channels, bins: int) -> Bins:
    """(H, W, C) which of the bins, of width 1; what is above falls into the last."""
    return np.minimum(values.astype(np.int32), bins - 1)


def _histogram(labels: NDArray[np.int64], places: Bins, bins: int, count: int) -> NDArray[np.float32]:
    """(S, C * bins) a histogram of every channel of every superpixel, side by side; each row sums to 1."""
    channels = places.shape[2]
    place = (
        places + (labels.astype(np.int32)[..., None] * channels + np.arange(channels, dtype=np.int32)) * bins
    )
    found = np.bincount(place.ravel(), minlength=count * channels * bins).reshape(count, channels * bins)
    return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)


def _corners(labels: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(S, 2) first row and column of each superpixel, and (S, 2) the first after it."""
    low, high = np.full((count, 2), max(labels.shape)), np.zeros((count, 2), np.int64)
    for axis in range(2):
        where = np.indices(labels.shape)[axis].ravel()
        np.minimum.at(low[:, axis], labels.ravel(), where)
        np.maximum.at(high[:, axis], labels.ravel(), where + 1)
    return low, high


def _touching(labels: NDArray[np.int64], count: int) -> list[set[int]]:
    """For each superpixel those that share a side of a pixel with it."""
    beside = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()])
    below = np.stack([labels[:-1].ravel(), labels[1:].ravel()])
    pairs = np.concatenate([beside, below], axis=1)
    one, other = pairs[:, pairs[0] != pairs[1]]
    codes = np.unique(np.minimum(one, other) * count + np.maximum(one, other))
    neighbours: list[set[int]] = [set() for _ in range(2 * count - 1)]
    for code in codes.tolist():
        one, other = divmod(code, count)
        neighbours[one].add(other)
        neighbours[other].add(one)
    return neighbours


def _with_room(rows: NDArray) -> NDArray:
    """(S, ...) rows and S - 1 empty ones."""
    return np.concatenate([rows, np.zeros_like(rows[1:])])


# Several ways to group the same image: an object that one of them breaks, another keeps whole.


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


# A tree of regions: from the superpixels, step by step, to the whole image.


@dataclass(frozen=True)
class Hierarchy:
    """Which regions became one, in order. Nodes 0..S-1 are the superpixels; the k-th merge made node S + k.

    Attributes:
        labels: (H, W) int64 superpixels, 0..S-1.
        merges: (S - 1, 2) int64, the two nodes of each merge.
        similarities: (S - 1,) float64, how similar they were.
    """

    labels: Tensor
    merges: Tensor
    similarities: Tensor

    def __len__(self) -> int:
        """2 S - 1, the number of nodes: every one is a region."""
        return 2 * len(self.merges) + 1

    def at(self, count: int) -> Tensor:
        """The image when `count` regions were left.

        Args:
            count: 1 (the whole image) to S (the superpixels).

        Returns:
            (H, W) int64, 0..count-1.

        Raises:
            ValueError: there are fewer superpixels than that, or `count` is below 1.
        """
        superpixels = len(self.merges) + 1
        if not 1 <= count <= superpixels:
            raise ValueError(f"count must be 1 to {superpixels}, the number of superpixels; got {count}")
        node = torch.arange(superpixels)
        for made, pair in enumerate(self.merges[: superpixels - count].tolist(), start=superpixels):
            node[(node == pair[0]) | (node == pair[1])] = made
        return node.unique(return_inverse=True)[1][self.labels]

    def members(self, nodes: Tensor | Sequence[int]) -> Tensor:
        """(M, S) bool: the superpixels of each node."""
        first, count, place = self._places
        first, count = (values[torch.as_tensor(nodes)][:, None] for values in (first, count))
        return (place >= first) & (place < first + count)

    def sums(self, values: Tensor) -> Tensor:
        """(2 S - 1,) for each node the sum of its superpixels' values (S,)."""
        total = values.tolist()
        for one, other in self.merges.tolist():
            total.append(total[one] + total[other])
        return torch.tensor(total, dtype=values.dtype)

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor, Tensor]:
        """Superpixels in a row in which each node is a stretch: first (N,), count (N,), place (S,)."""
        superpixels = len(self.merges) + 1
        count = self.sums(torch.ones(superpixels, dtype=torch.long)).tolist()
        first = [0] * len(self)
        for node in range(len(self) - 1, superpixels - 1, -1):  # from the whole image down
            one, other = self.merges[node - superpixels].tolist()
            first[one], first[other] = first[node], first[node] + count[one]
        return torch.tensor(first), torch.tensor(count), torch.tensor(first[:superpixels])


def hierarchy(
    image: Tensor, *, scale: float = 100, space: Space = "lab", cues: Sequence[Cue] = CUES
) -> Hierarchy:
    """Cut an image into superpixels and group them.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W).
        scale: of the superpixels; larger ones, fewer of them.
        space: the colours in which superpixels are found and compared.
        cues: what makes two regions similar: any of "colour", "texture", "size", "fill".

    Returns:
        The tree.

    Raises:
        ValueError: the image is no image; or there is no such space or cue.

    Example:
        >>> image = torch.zeros(3, 20, 30, dtype=torch.uint8)
        >>> image[0, :, 10:], image[2, 10:, 20:] = 255, 60
        >>> tree = hierarchy(image)
        >>> tree.merges
        tensor([[1, 2],
                [0, 3]])
        >>> tree.at(2).unique(return_counts=True)[1]
        tensor([200, 400])
    """
    return next(hierarchies(image, [Strategy(space, scale, tuple(cues))]))[0]


def hierarchies(image: Tensor, strategies: Sequence[Strategy]) -> Iterator[list[Hierarchy]]:
    """The trees of several strategies; those with the same superpixels come together, as one list.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W).
        strategies: pixels are looked at once for each space, and superpixels found once for each space, scale
            and maker.

    Raises:
        ValueError: the image is no image; there is no strategy; or no such space, cue or maker.
        ImportError: as in `superpixels`, which QUALITY needs OpenCV's extra modules for.
    """
    image = checked(image)
    if not strategies:
        raise ValueError("no strategy was given, so there is nothing to group by; take FAST or QUALITY")
    for cues in {strategy.cues for strategy in strategies}:
        if not cues or (unknown := [cue for cue in cues if cue not in CUES]):
            raise ValueError(
                f"cues must be some of {', '.join(CUES)}; got {unknown[0] if cues else 'none'!r}"
            )
    for space in dict.fromkeys(one.space for one in strategies):
        here = [one for one in strategies if one.space == space]
        pixels = binned(in_space(image, space))
        for scale, by in dict.fromkeys((one.scale, one.by) for one in here):
            labels = superpixels(image, scale=scale, space=space, by=by)
            regions = describe(labels.numpy(), pixels)
            yield [
                Hierarchy(labels, *map(torch.from_numpy, group(regions.copy(), one.cues)))
                for one in here
                if (one.scale, one.by) == (scale, by)
            ]
