"""What grouping knows of superpixels: their sizes, boxes, neighbours, and histograms of colour and texture.

We depart from Uijlings et al., 2013, in one thing: texture is seen in the colour space's channels at eight
directions as there, but in bins of fixed width, so that it means the same in every image.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from seglib.regions.colours import Channels
from seglib.regions.grouping import Regions

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
