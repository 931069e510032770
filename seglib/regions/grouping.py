"""Hierarchical grouping: superpixels are merged, the most similar neighbours first, into one tree of regions.

Reference:
    Uijlings, van de Sande, Gevers, Smeulders, "Selective Search for Object Recognition", 2013, section 3. We
    depart from it in one thing: texture is measured in the channels of the colour space in eight directions,
    as there, but in bins of fixed width, so that it means the same in every image.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Self, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib.regions.superpixels import Cut, Space, as_rgb, corners, felzenszwalb_cut, in_space, superpixels

Cue = Literal["colour", "texture", "size", "fill"]
CUES: tuple[Cue, ...] = get_args(Cue)
Bins = NDArray[np.int32]
COLOUR_BINS, TEXTURE_BINS, DIRECTIONS = 25, 10, 8
STEEPEST = 0.5  # colour change per pixel from which on the last bin of texture counts


class Strategy(NamedTuple):
    """One way to build a hierarchy.

    Attributes:
        space: the colour space in which superpixels are found and compared.
        scale: of the superpixels; see `superpixels`.
        cues: what makes two regions similar.
        cut: the algorithm for superpixels; see `superpixels`.
    """

    space: Space = "lab"
    scale: float = 100
    cues: tuple[Cue, ...] = CUES
    cut: Cut = felzenszwalb_cut


# Chosen by their overlap with objects of the train splits of pets and CamVid: two maps of superpixels, which
# take most of the time, finer ones for small objects, and two very different ways to group each.
FAST = (
    Strategy("rgb", 50),
    Strategy("rgb", 50, ("fill",)),
    Strategy("hsv", 100),
    Strategy("hsv", 100, ("fill",)),
)


@dataclass
class Regions:
    """Descriptions of N regions, from which similarities are computed without looking at pixels again.

    Attributes:
        pixels: the number of pixels of the image.
        neighbours: for each region those that touch it; empty for regions that have been merged.
        sizes: (N,) pixels.
        low: (N, 2) first row and column of each region's box.
        high: (N, 2) first row and column after it.
        colour: (N, 25 C) a histogram of each channel; the row sums to 1.
        texture: (N, 80 C) a histogram of the slopes in each direction and channel; the row sums to 1.
    """

    pixels: int
    neighbours: list[set[int]]
    sizes: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    colour: NDArray[np.float32]
    texture: NDArray[np.float32]

    def with_room(self) -> Self:
        """A copy with N - 1 more rows, which `merge` fills."""
        columns = self.sizes, self.low, self.high, self.colour, self.texture
        longer = (np.concatenate([column, np.zeros_like(column[1:])]) for column in columns)
        neighbours = [set(near) for near in self.neighbours] + [set() for _ in self.neighbours[1:]]
        return type(self)(self.pixels, neighbours, *longer)


def bins_of_pixels(colours: NDArray[np.float32]) -> tuple[Bins, Bins]:
    """The histogram bins that each pixel falls into; the same for every map of superpixels.

    Args:
        colours: (H, W, C) float32, 0..1.

    Returns:
        (H, W, C) int32, 0..24, of colour; and (H, W, 8 C) int32, 0..9, of texture.
    """
    colour = (colours * COLOUR_BINS).astype(np.int32)
    texture = (slopes(colours) * (TEXTURE_BINS / STEEPEST)).astype(np.int32)
    return np.minimum(colour, COLOUR_BINS - 1), np.minimum(texture, TEXTURE_BINS - 1)


def slopes(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 8 C) how steeply each channel rises in eight directions, by Gaussian derivatives; at least 0."""
    smooth = cv2.GaussianBlur(colours, (0, 0), 1).reshape(colours.shape)
    right = cv2.Sobel(smooth, -1, 1, 0, ksize=1, scale=0.5).reshape(colours.shape)
    down = cv2.Sobel(smooth, -1, 0, 1, ksize=1, scale=0.5).reshape(colours.shape)
    angles = np.arange(DIRECTIONS, dtype=np.float32) * (2 * np.pi / DIRECTIONS)
    rises = [np.maximum(np.cos(angle) * right + np.sin(angle) * down, 0) for angle in angles]
    return np.concatenate(rises, axis=2)


def describe(labels: NDArray[np.int64], colour: Bins, texture: Bins) -> Regions:
    """Sizes, boxes, histograms and neighbours of S superpixels.

    Args:
        labels: (H, W) superpixels, 0..S-1, all of which occur.
        colour: (H, W, C), the bin of each pixel.
        texture: (H, W, 8 C), likewise.
    """
    count, sizes = int(labels.max()) + 1, np.bincount(labels.ravel()).astype(np.float64)
    kinds = ((colour, COLOUR_BINS), (texture, TEXTURE_BINS))
    histograms = (_histogram(labels, places, bins, count) for places, bins in kinds)
    return Regions(labels.size, _neighbours(labels, count), sizes, *corners(labels, count), *histograms)


def _histogram(labels: NDArray[np.int64], places: Bins, bins: int, count: int) -> NDArray[np.float32]:
    """(S, C * bins) the histograms of all channels of each superpixel, concatenated; each row sums to 1."""
    channels = places.shape[2]
    row = labels.astype(np.int32)[..., None] * channels + np.arange(channels, dtype=np.int32)
    place = places + row * bins
    found = np.bincount(place.ravel(), minlength=count * channels * bins).reshape(count, channels * bins)
    return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)


def _neighbours(labels: NDArray[np.int64], count: int) -> list[set[int]]:
    """For each superpixel those that share a side of a pixel with it."""
    across = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()])
    down = np.stack([labels[:-1].ravel(), labels[1:].ravel()])
    pairs = np.concatenate([across, down], axis=1)
    pairs = pairs[:, pairs[0] != pairs[1]]
    one, other = np.concatenate([pairs, pairs[::-1]], axis=1)
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for code in np.unique(one * count + other).tolist():
        neighbours[code // count].add(code % count)
    return neighbours


def similarity(regions: Regions, one: int, others: Sequence[int], cues: Sequence[Cue] = CUES) -> NDArray:
    """The similarity of region `one` to each of M others, (M,) float64: the sum of the cues, each in 0..1."""
    index = np.asarray(others, np.int64)
    both, total = regions.sizes[one] + regions.sizes[index], np.zeros(len(index))
    for cue, histograms in (("colour", regions.colour), ("texture", regions.texture)):
        if cue in cues:  # the intersection of the histograms
            total += np.minimum(histograms[one], histograms.take(index, axis=0)).sum(axis=1)
    if "size" in cues:  # small regions first, so that all parts of the image grow at the same pace
        total += 1 - both / regions.pixels
    if "fill" in cues:  # how well the two fill the box around both
        low = np.minimum(regions.low[one], regions.low.take(index, axis=0))
        height, width = (np.maximum(regions.high[one], regions.high.take(index, axis=0)) - low).T
        total += 1 - (height * width - both) / regions.pixels
    return total


def group(regions: Regions, cues: Sequence[Cue] = CUES) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Merge the most similar neighbours until one region is left.

    Args:
        regions: S superpixels, from `describe`; they stay as they are.
        cues: what makes two regions similar.

    Returns:
        (S - 1, 2) the two regions of each merge, in order: the k-th merge made region S + k.
        (S - 1,) their similarities.
    """
    superpixels, regions = len(regions.sizes), regions.with_room()
    waiting: list[tuple[float, int, int]] = []  # a heap, the most similar pair first
    merges: list[tuple[float, int, int]] = []

    def push(one: int, others: Sequence[int]) -> None:  # all at once is faster than one by one
        for alike, other in zip(similarity(regions, one, others, cues).tolist(), others):
            heapq.heappush(waiting, (-alike, min(one, other), max(one, other)))

    for one, near in enumerate(regions.neighbours[:superpixels]):
        push(one, [other for other in near if other > one])
    while waiting:
        unlike, one, other = heapq.heappop(waiting)
        if regions.neighbours[one] and regions.neighbours[other]:  # neither has been merged since
            new = superpixels + len(merges)
            merge(regions, one, other, new)
            merges.append((unlike, one, other))
            push(new, sorted(regions.neighbours[new]))
    table = np.array(merges, np.float64).reshape(-1, 3)
    return table[:, 1:].astype(np.int64), -table[:, 0]


def merge(regions: Regions, one: int, other: int, new: int) -> None:
    """Merge two neighbours: sizes add up, histograms are averaged by size.

    Args:
        regions: with room; they are changed.
        one: a region.
        other: its neighbour.
        new: the row for the region that they become.
    """
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


@dataclass(frozen=True)
class Hierarchy:
    """A tree of regions. Nodes 0..S-1 are the superpixels; the k-th merge made node S + k.

    Attributes:
        labels: (H, W) int64 superpixels, 0..S-1.
        merges: (S - 1, 2) int64, the two nodes of each merge, in order.
        similarities: (S - 1,) float64, their similarity.
    """

    labels: Tensor
    merges: Tensor
    similarities: Tensor

    def __len__(self) -> int:
        """2 S - 1, the number of nodes, each of which is a region."""
        return 2 * len(self.merges) + 1

    def at(self, count: int) -> Tensor:
        """The segmentation when `count` regions were left.

        Args:
            count: 1 (the whole image) to S (the superpixels).

        Returns:
            (H, W) int64, 0..count-1.

        Raises:
            ValueError: `count` is below 1 or above S.
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
        """An order of superpixels in which each node is an interval: start (N,), length (N,), place (S,)."""
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
        scale: of the superpixels; larger values give larger and fewer ones.
        space: the colour space in which superpixels are found and compared.
        cues: what makes two regions similar: any of "colour", "texture", "size", "fill".

    Raises:
        ValueError: not an image, or an unknown space or cue.

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
    return next(hierarchies(image, [Strategy(space, scale, tuple(cues))]))


def hierarchies(image: Tensor, strategies: Sequence[Strategy]) -> Iterator[Hierarchy]:
    """The trees of several strategies; those that share superpixels follow each other.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W).
        strategies: pixels are binned once for each space, superpixels cut once for each space, scale and cut.

    Raises:
        ValueError: not an image, no strategy, or an unknown space or cue.
    """
    image = as_rgb(image)
    if not strategies:
        raise ValueError("strategies is empty; pass at least one, or FAST")
    for cues in {strategy.cues for strategy in strategies}:
        if not cues or not set(cues) <= set(CUES):
            raise ValueError(f"cues must be one or more of {', '.join(CUES)}; got {cues}")
    for space in dict.fromkeys(one.space for one in strategies):
        bins = bins_of_pixels(in_space(image, space))
        for scale, cut in dict.fromkeys((one.scale, one.cut) for one in strategies if one.space == space):
            labels = superpixels(image, scale=scale, space=space, cut=cut)
            regions = describe(labels.numpy(), *bins)
            for one in strategies:
                if (one.space, one.scale, one.cut) == (space, scale, cut):
                    yield Hierarchy(labels, *map(torch.from_numpy, group(regions, one.cues)))
