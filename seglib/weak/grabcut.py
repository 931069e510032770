"""The cheapest way to divide a grid of pixels in two: a minimum cut."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from torch import Tensor

from seglib.weak.boxes import NOT, OBJECT, UNSURE, paint

Costs = NDArray[np.floating]
UNIT = 100  # the flow is counted in whole hundredths of a cost


def minimum_cut(
    object_cost: Costs, background_cost: Costs, right: Costs, down: Costs, start: Marks, free: Marks
) -> Marks:
    """Which pixels are object, so that the costs of all pixels and of all cut neighbours sum to the least.

    Args:
        object_cost: (H, W) what it costs to call a pixel object.
        background_cost: (H, W) what it costs to call it background.
        right: (H, W - 1), at least 0, what it costs to divide a pixel from its right neighbour.
        down: (H - 1, W), the same for the neighbour below.
        start: (H, W) which pixels are object already; it is believed where `free` is false.
        free: (H, W) which pixels are to be decided. The fewer, the faster.

    Returns:
        (H, W) bool, true for object.

    Reference:
        Boykov, Jolly, "Interactive Graph Cuts for Optimal Boundary and Region Segmentation", 2001.

    Example:
        >>> own = np.array([[0.0, 2.0, 2.0]])  # alone, only the first pixel would be object
        >>> cut = minimum_cut(own, 3 - own, np.array([[9.0, 0.0]]), np.zeros((0, 3)), own < 0, own < 9)
        >>> cut  # parting it from the second would cost 9
        array([[ True,  True, False]])
    """
    if not free.any():
        return start.copy()
    number = np.cumsum(free.ravel()).reshape(free.shape) - 1  # of every free pixel
    gain = (background_cost - object_cost).astype(np.float64)  # > 0: rather object
    links: list[tuple[NDArray, ...]] = []
    for first, second, cost in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None)), right),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None)), down),
    ):
        both = free[first] & free[second]
        links.append((number[first][both], number[second][both], cost[both]))
        gain[first] += np.where(free[second], 0, np.where(start[second], cost, -cost))
        gain[second] += np.where(free[first], 0, np.where(start[first], cost, -cost))
    result = start.copy()
    result[free] = _object_side(gain[free], *(np.concatenate(part) for part in zip(*links)))
    return result


def _object_side(gain: Costs, one: NDArray, other: NDArray, cost: Costs) -> Marks:
    """(N,) bool: which nodes stay with the source, given what each gains there and the links' costs."""
    count = len(gain)
    source, sink, nodes = count, count + 1, np.arange(count)
    tails = np.concatenate([np.full(count, source), nodes, one, other])
    heads = np.concatenate([nodes, np.full(count, sink), other, one])
    costs = np.concatenate([gain.clip(0), (-gain).clip(0), cost, cost])
    capacity = np.minimum(costs * UNIT, 1e7).round().astype(np.int32)
    graph = sparse.csr_array((capacity, (tails, heads)), shape=(count + 2, count + 2))
    rest = graph - maximum_flow(sparse.csr_matrix(graph), source, sink).flow
    rest.eliminate_zeros()
    reached = np.zeros(count + 2, bool)
    reached[breadth_first_order(rest, source, return_predecessors=False)] = True
    return reached[:count]


# GrabCut+: within each box, colours say what is object, and edges say where it ends.

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
    image: AnnotatedImage,
    models: tuple[NDArray, NDArray],
    strength: float,
    start: Marks,
    free: Marks,
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


# GrabCut+-i: where many slightly different runs of GrabCut+ do not agree, the pixel is ignored.

JITTER = 0.1  # of a box's width and height, by which each side moves at most
MARGINS = 0.3, 0.6  # between which the width of the surroundings is drawn
CERTAIN, DOUBTFUL = 0.7, 0.2  # of the votes: object from the one on, background below the other


def grabcut_votes(
    image: Tensor,
    boxes: Tensor,
    classes: Tensor,
    *,
    runs: int = 15,
    strength: float = STRENGTH,
    seed: int = 0,
    background: int = 0,
) -> Tensor:
    """GrabCut+-i: object where 70 % of the runs say so or more, background below 20 %, between them ignored.

    Each run has the sides of the box moved, other surroundings, and another first guess at the colours. The
    paper makes about 150 runs and moves the sides by 5 %; ours are 15 by default and move them by up to 10 %,
    so that they differ as much. Runs that are cheaper than GrabCut+ itself do not help: they agree on what is
    wrong.

    Args:
        image: (3, H, W) uint8.
        boxes: (M, 4) int64, end-exclusive; tiny ones as in `grabcut_plus`.
        classes: (M,) int64.
        runs: how many votes there are.
        strength: of the edge term.
        seed: of all that is drawn; the same boxes and the same seed give the same label.
        background: the class of what is in no box.

    Returns:
        (H, W) uint8 with 255 for ignored.

    Raises:
        BoxError: a box is reversed, empty or outside of the image.
        ValueError: `runs` is below 1.

    Reference:
        Khoreva et al., "Simple Does It", 2017, section 3.2, "GrabCut+i".

    Example:
        >>> image = torch.full((3, 16, 16), 30, dtype=torch.uint8)
        >>> image[:, 4:12, 6:10] = 200
        >>> mask = grabcut_votes(image, torch.tensor([[3, 3, 13, 13]]), torch.tensor([1]), runs=5)
        >>> torch.equal(mask == 1, image[0] == 200)
        True
    """
    if runs < 1:
        raise ValueError(f"runs {runs} must be 1 or more: each run is a vote")
    photo = as_image(image)

    def inside(number: int) -> Tensor:
        box = boxes[number].tolist()
        rng = np.random.default_rng([seed, *box])
        share = sum(_vote(photo, box, strength, rng) for _ in range(runs)) / runs
        says = np.select([share >= CERTAIN, share < DOUBTFUL], [OBJECT, NOT], UNSURE)
        return torch.from_numpy(says.astype(np.uint8))

    return paint((image.shape[1], image.shape[2]), boxes, classes, inside, background)


def _vote(
    image: AnnotatedImage, box: list[int], strength: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(h, w) 1 where one run with a moved box calls a pixel of the true box object, else 0."""
    x1, y1, x2, y2 = moved = _moved(box, image.shape, rng)
    margin, guess = rng.uniform(*MARGINS), int(rng.integers(2**31))
    whole = np.zeros(image.shape[:2])
    whole[y1:y2, x1:x2] = object_in(around(image, moved, margin), strength, guess)
    x1, y1, x2, y2 = box
    return whole[y1:y2, x1:x2]


def _moved(box: list[int], shape: tuple[int, ...], rng: np.random.Generator) -> list[int]:
    """The box with each side moved by chance, still inside the image and of an area."""
    x1, y1, x2, y2 = box
    across, along = JITTER * (x2 - x1), JITTER * (y2 - y1)
    left, top, right, bottom = (rng.uniform(-1, 1, 4) * (across, along, across, along)).round().astype(int)
    return [
        max(0, x1 + int(left)), max(0, y1 + int(top)),
        min(shape[1], x2 + int(right)), min(shape[0], y2 + int(bottom)),
    ]  # fmt: skip
