"""GrabCut+: within each box, colours say what is object, and edges say where it ends."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib.weak.cut import minimum_cut
from seglib.weak.rectangles import OBJECT, paint

WORK = 12_000  # pixels: colours are learned and the first cut is made on an image of this size
SMALLEST = 24  # pixels: with fewer in a box or around it, there is no colour model, and the box is the object
STRENGTH = 50.0  # of the edge term beside the logarithm of a probability; GrabCut's own gamma
ROUNDS = 5  # of GrabCut
GAUSSIANS = 5  # in each of OpenCV's two colour models
AnnotatedImage = NDArray[np.uint8]  # (H, W, 3)
Marks = NDArray[np.bool_]


class Window(NamedTuple):
    """A piece of the image around a box: `image` (h, w, 3), and the box in it."""

    image: AnnotatedImage
    x1: int
    y1: int
    x2: int
    y2: int

    def inside(self) -> Marks:
        """(h, w) bool: the pixels of the box."""
        marks = np.zeros(self.image.shape[:2], bool)
        marks[self.y1 : self.y2, self.x1 : self.x2] = True
        return marks

    def shrunk(self, pixels: int) -> Window:
        """The same window with at most about that many pixels."""
        height, width = self.image.shape[:2]
        scale = (pixels / (height * width)) ** 0.5
        if scale >= 1:
            return self
        size = max(1, round(width * scale)), max(1, round(height * scale))
        # Pixels are picked, not averaged: colours learned without noise would not know those with noise.
        small = cv2.resize(self.image, size, interpolation=cv2.INTER_NEAREST)
        x, y = size[0] / width, size[1] / height
        left, top = int(self.x1 * x), int(self.y1 * y)
        right, bottom = max(left + 1, round(self.x2 * x)), max(top + 1, round(self.y2 * y))
        return Window(np.asarray(small, np.uint8), left, top, right, bottom)


def grabcut_plus(
    image: Tensor,
    boxes: Tensor,
    classes: Tensor,
    *,
    margin: float = 0.5,
    strength: float = STRENGTH,
    seed: int = 0,
    background: int = 0,
) -> Tensor:
    """GrabCut+: the object of each box by GrabCut's colour models and a cut along edges.

    OpenCV's GrabCut learns the two colour models; the last cut is our own, with edges in place of differences
    of neighbouring colours. In the paper the edges come from a trained net (HED); ours are slopes of the
    colours at two scales, which know texture less well from outline.

    Args:
        image: (3, H, W) uint8.
        boxes: (M, 4) int64, end-exclusive. A box with fewer than 24 pixels in it or around it, one of the
            whole image for instance, is taken to be all object.
        classes: (M,) int64.
        margin: how much of the surroundings is looked at, in widths and heights of the box.
        strength: of the edge term.
        seed: of OpenCV's first guess at the colours.
        background: the class of what is in no box.

    Returns:
        (H, W) uint8.

    Raises:
        BoxError: a box is reversed, empty or outside of the image.

    Reference:
        Rother, Kolmogorov, Blake, "GrabCut", 2004; Khoreva et al., "Simple Does It", 2017, section 3.2.

    Example:
        >>> image = torch.full((3, 16, 16), 30, dtype=torch.uint8)
        >>> image[:, 4:12, 6:10] = 200
        >>> mask = grabcut_plus(image, torch.tensor([[3, 3, 13, 13]]), torch.tensor([1]))
        >>> torch.equal(mask == 1, image[0] == 200)
        True
    """
    photo = as_image(image)

    def inside(number: int) -> Tensor:
        window = around(photo, boxes[number].tolist(), margin)
        return torch.from_numpy(object_in(window, strength, seed).astype(np.uint8) * OBJECT)

    return paint((image.shape[1], image.shape[2]), boxes, classes, inside, background)


def object_in(window: Window, strength: float, seed: int) -> Marks:
    """(h, w) bool of the box's size: which of its pixels are the object.

    Cut at `WORK` pixels, and near that outline once more at full size.

    Args:
        window: the box and its surroundings.
        strength: of the edge term.
        seed: of OpenCV's first guess at the colours.
    """
    box = slice(window.y1, window.y2), slice(window.x1, window.x2)
    small = window.shrunk(WORK)
    free = small.inside()
    if min(free.sum(), (~free).sum()) < SMALLEST:
        return np.ones((window.y2 - window.y1, window.x2 - window.x1), bool)
    models = _colours(small, seed)
    found = _cut(small.image, models, strength, np.zeros_like(free), free)
    height, width = window.image.shape[:2]
    if found.shape != (height, width):
        whole = cv2.resize(found.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        reach = 1 + int(np.ceil(2 * width / found.shape[1]))  # two pixels of the small image
        square = np.ones((2 * reach + 1,) * 2, np.uint8)
        near = cv2.dilate(whole, square) > cv2.erode(whole, square)
        start = (whole > 0) & window.inside()
        found = _cut(window.image, models, strength, start, near & window.inside())
    return found[box] if found.any() else np.ones_like(found[box])


def around(image: AnnotatedImage, box: list[int], margin: float) -> Window:
    """A box with `margin` of its width and height on each side, as far as the image goes."""
    x1, y1, x2, y2 = box
    across, along = round(margin * (x2 - x1)), round(margin * (y2 - y1))
    left, top = max(0, x1 - across), max(0, y1 - along)
    piece = image[top : y2 + along, left : x2 + across]
    return Window(piece, x1 - left, y1 - top, x2 - left, y2 - top)


def as_image(image: Tensor) -> AnnotatedImage:
    """(3, H, W) uint8 tensor as the (H, W, 3) array that OpenCV wants."""
    return np.ascontiguousarray(image.as_subclass(Tensor).permute(1, 2, 0).cpu().numpy())


def _colours(window: Window, seed: int) -> tuple[NDArray, NDArray]:
    """What OpenCV's GrabCut has learned of the colours of object and background: 65 numbers each."""
    marks = np.where(window.inside(), cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    background, thing = np.zeros((1, 65)), np.zeros((1, 65))
    nowhere = (0, 0, 0, 0)  # the marks say where to begin
    cv2.setRNGSeed(seed)
    cv2.grabCut(window.image, marks, nowhere, background, thing, 1, cv2.GC_INIT_WITH_MASK)
    for _ in range(ROUNDS - 1):
        if not (marks == cv2.GC_PR_FGD).any():  # OpenCV would assert; the colours of the round before stay
            break
        cv2.grabCut(window.image, marks, nowhere, background, thing, 1, cv2.GC_EVAL)
    return thing, background


def _cut(
    image: AnnotatedImage, models: tuple[NDArray, NDArray], strength: float, start: Marks, free: Marks
) -> Marks:
    """The cut that costs least; pixels that are not free stay what they are."""
    edges = edge_map(image)
    right = strength * np.exp(-(edges[:, 1:] + edges[:, :-1]) / 2)
    down = strength * np.exp(-(edges[1:] + edges[:-1]) / 2)
    costs = []
    for model in models:
        cost = np.zeros(free.shape)
        cost[free] = _surprise(image[free].astype(np.float64), model.ravel())
        costs.append(cost)
    return minimum_cut(costs[0], costs[1], right, down, start, free)


def edge_map(image: AnnotatedImage) -> NDArray[np.float64]:
    """(H, W) slope of the colours, the steeper of two scales, in multiples of the image's mean slope."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    slopes = []
    for width in (0.7, 2.0):
        smooth = cv2.GaussianBlur(lab, (0, 0), width)
        x, y = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
        slope = np.sqrt((x**2 + y**2).sum(axis=2))
        slopes.append(slope / (slope.mean() + 1e-6))
    return np.maximum(*slopes).astype(np.float64)


def _surprise(colours: NDArray, model: NDArray) -> NDArray:
    """(N,) minus the logarithm of the probability of each colour (N, 3) under a model of OpenCV's."""
    weights, means = model[:GAUSSIANS], model[GAUSSIANS : 4 * GAUSSIANS].reshape(-1, 3)
    spreads = model[4 * GAUSSIANS :].reshape(-1, 3, 3)
    logs = []  # of the density under each Gaussian: far from all of them, the densities themselves are 0
    for weight, mean, spread in zip(weights, means, spreads):
        if weight > 0:
            away = colours - mean
            spread = spread + 0.01 * np.eye(3)  # as OpenCV does where a colour does not vary
            far = ((away @ np.linalg.inv(spread)) * away).sum(axis=1)
            logs.append(np.log(weight / np.sqrt(np.linalg.det(spread))) - far / 2)
    return -np.logaddexp.reduce(logs) if logs else np.zeros(len(colours))
