"""GrabCut+: in each box, colours separate object and background, and the outline follows edges."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from torch import Tensor

from seglib.labels import check_image
from seglib.weak.boxes import NOT, OBJECT, UNSURE, paint

WORK = 12_000  # pixels: the colour models and the first cut are made on an image of at most this size
SMALLEST = 24  # pixels: with fewer in a box or around it there is no colour model; all of the box is object
MARGIN = 0.5  # of the image around a box that is used, in widths and heights of the box
STRENGTH = 50.0  # of the edge term against a negative log-likelihood; GrabCut's own gamma
ITERATIONS = 5  # of GrabCut
GAUSSIANS = 5  # in each of OpenCV's two colour models
UNIT = 100  # a cut is computed in whole hundredths of a cost
RUNS = 15  # of GrabCut+-i
JITTER = 0.1  # of a box's width and height, by which each side moves at most in a run
MARGINS = 0.3, 0.6  # between which the margin of a run is drawn
CERTAIN, DOUBTFUL = 0.7, 0.2  # share of the runs: object at or above the first, background below the second

Array = NDArray[np.uint8]  # an image (H, W, 3)
Costs = NDArray[np.floating]
Marks = NDArray[np.bool_]


class Window(NamedTuple):
    """A piece of an image around a box: `image` (h, w, 3), and the rows and columns of the box in it."""

    image: Array
    place: tuple[slice, slice]

    def inside(self) -> Marks:
        """(h, w) bool: the pixels of the box."""
        marks = np.zeros(self.image.shape[:2], bool)
        marks[self.place] = True
        return marks

    def shrunk(self, pixels: int) -> Window:
        """The same window with at most about `pixels` pixels."""
        height, width = self.image.shape[:2]
        scale = (pixels / (height * width)) ** 0.5
        if scale >= 1:
            return self
        size = max(1, round(width * scale)), max(1, round(height * scale))
        # Pixels are picked, not averaged: a colour model learned without noise does not fit noisy pixels.
        small = cv2.resize(self.image, size, interpolation=cv2.INTER_NEAREST)
        factors = size[1] / height, size[0] / width
        ends = [(int(one.start * by), round(one.stop * by)) for one, by in zip(self.place, factors)]
        rows, columns = (slice(start, max(start + 1, stop)) for start, stop in ends)
        return Window(np.asarray(small, np.uint8), (rows, columns))


def grabcut_plus(
    image: Tensor, boxes: Tensor, classes: Tensor, *, seed: int = 0, background: int = 0
) -> Tensor:
    """GrabCut+: the object of each box by GrabCut's colour models and a minimum cut along edges.

    OpenCV's GrabCut learns the two colour models. The last cut is our own, with edges in place of the colour
    differences of neighbours. Departures: it joins each pixel with 4 neighbours, GrabCut with 8, so slanted
    outlines cost more. The paper's edges come from a trained net (HED); ours are colour gradients at two
    scales, which confuse texture with outline more often.

    Args:
        image: (3, H, W) uint8.
        boxes: (M, 4) int64, end-exclusive. A box with fewer than 24 pixels in it or around it, such as one of
            the whole image, is taken to be all object.
        classes: (M,) int64.
        seed: of OpenCV's first guess at the colours.
        background: the class of pixels outside all boxes.

    Returns:
        (H, W) uint8.

    Raises:
        BoxError: a box is reversed, empty or outside the image.

    Reference:
        Rother, Kolmogorov, Blake, "GrabCut", 2004; Khoreva et al., "Simple Does It", 2017, section 3.2.

    Example:
        >>> image = torch.full((3, 16, 16), 30, dtype=torch.uint8)
        >>> image[:, 4:12, 6:10] = 200
        >>> mask = grabcut_plus(image, torch.tensor([[3, 3, 13, 13]]), torch.tensor([1]))
        >>> torch.equal(mask == 1, image[0] == 200)
        True
    """
    photo = as_array(image)

    def inside(box: list[int], _: int) -> Tensor:
        return torch.where(torch.from_numpy(object_in(photo, box, seed)), OBJECT, NOT)

    return paint(image, boxes, classes, inside, background)


def grabcut_votes(
    image: Tensor, boxes: Tensor, classes: Tensor, *, runs: int = RUNS, seed: int = 0, background: int = 0
) -> Tensor:
    """GrabCut+-i: object where at least 70 % of the runs find it, background below 20 %, ignored in between.

    In each run, the sides of the box move, and the margin and OpenCV's first guess at the colours differ. The
    paper makes about 150 runs, moves the sides by 5 %, and learns the background in a band of 10 to 60 % of
    the box. Here there are 15 runs by default, which move the sides by up to 10 %, so that they differ as
    much, with bands of 30 to 60 %. Runs that are cheaper than GrabCut+ itself do not help: they make the same
    errors.

    Args:
        image: (3, H, W) uint8.
        boxes: (M, 4) int64, end-exclusive; tiny ones as for `grabcut_plus`.
        classes: (M,) int64.
        runs: number of runs, at least 1.
        seed: of everything random; the same boxes and seed give the same mask.
        background: the class of pixels outside all boxes.

    Returns:
        (H, W) uint8 with 255 for ignored.

    Raises:
        BoxError: a box is reversed, empty or outside the image.
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
        raise ValueError(f"runs must be at least 1, not {runs}: each run is a vote")
    photo = as_array(image)

    def inside(box: list[int], _: int) -> Tensor:
        rng = np.random.default_rng([seed, *box])
        share = sum(_vote(photo, box, rng) for _ in range(runs)) / runs
        return torch.from_numpy(np.select([share >= CERTAIN, share < DOUBTFUL], [OBJECT, NOT], UNSURE))

    return paint(image, boxes, classes, inside, background)


def object_in(image: Array, box: list[int], seed: int, margin: float = MARGIN) -> Marks:
    """Which pixels of a box are the object: a cut at `WORK` pixels, refined near its outline at full size.

    Args:
        image: (H, W, 3).
        box: x1 y1 x2 y2.
        seed: of OpenCV's first guess at the colours.
        margin: of the image around the box that is used, in widths and heights of the box.

    Returns:
        (h, w) bool of the box's size.
    """
    window = _around(image, box, margin)
    small, place = window.shrunk(WORK), window.place
    free = small.inside()
    if min(free.sum(), (~free).sum()) < SMALLEST:
        return np.ones(window.image[place].shape[:2], bool)
    models = _colour_models(small, seed)
    found = _cut(small.image, models, np.zeros_like(free), free)
    height, width = window.image.shape[:2]
    if found.shape != (height, width):
        full = cv2.resize(found.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        reach = 1 + int(np.ceil(2 * width / found.shape[1]))  # two pixels of the small image
        square = np.ones((2 * reach + 1,) * 2, np.uint8)
        near = cv2.dilate(full, square) > cv2.erode(full, square)
        start = (full > 0) & window.inside()
        found = _cut(window.image, models, start, near & window.inside())
    return found[place] if found.any() else np.ones_like(found[place])


def _around(image: Array, box: list[int], margin: float) -> Window:
    """A box with `margin` of its width and height on each side, clipped to the image."""
    x1, y1, x2, y2 = box
    across, along = round(margin * (x2 - x1)), round(margin * (y2 - y1))
    left, top = max(0, x1 - across), max(0, y1 - along)
    piece = image[top : y2 + along, left : x2 + across]
    return Window(piece, (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)))


def as_array(image: Tensor) -> Array:
    """(3, H, W) uint8 tensor -> (H, W, 3) array, as OpenCV takes it."""
    check_image(image, "the image")
    return np.ascontiguousarray(image.as_subclass(Tensor).permute(1, 2, 0).cpu().numpy())


def edge_map(image: Array) -> NDArray[np.float64]:
    """(H, W) gradient of the colours, the larger of two scales, in multiples of the image's mean gradient."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    slopes = []
    for width in (0.7, 2.0):
        smooth = cv2.GaussianBlur(lab, (0, 0), width)
        x, y = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
        slope = np.sqrt((x**2 + y**2).sum(axis=2))
        slopes.append(slope / (slope.mean() + 1e-6))
    return np.maximum(*slopes).astype(np.float64)


def minimum_cut(
    object_cost: Costs, background_cost: Costs, right: Costs, down: Costs, start: Marks, free: Marks
) -> Marks:
    """Which pixels are object, so that the costs of all pixels and of all cut neighbours are minimal.

    Args:
        object_cost: (H, W) cost of calling a pixel object.
        background_cost: (H, W) cost of calling it background.
        right: (H, W - 1), at least 0, cost of separating a pixel from its right neighbour.
        down: (H - 1, W), the same for the neighbour below.
        start: (H, W) which pixels are object; it holds where `free` is false.
        free: (H, W) which pixels are to be decided. The fewer, the faster.

    Returns:
        (H, W) bool, true for object.

    Reference:
        Boykov, Jolly, "Interactive Graph Cuts for Optimal Boundary and Region Segmentation", 2001.

    Example:
        >>> own = np.array([[0.0, 2.0, 2.0]])  # alone, only the first pixel would be object
        >>> cut = minimum_cut(own, 3 - own, np.array([[9.0, 0.0]]), np.zeros((0, 3)), own < 0, own < 9)
        >>> cut  # separating it from the second would cost 9
        array([[ True,  True, False]])
    """
    if not free.any():
        return start.copy()
    number = np.cumsum(free.ravel()).reshape(free.shape) - 1  # of every free pixel
    gain = (background_cost - object_cost).astype(np.float64)  # > 0: object is cheaper
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
    """(N,) bool: which nodes stay with the source, given each node's gain there and the links' costs."""
    count = len(gain)
    source, sink, nodes = count, count + 1, np.arange(count)
    tails = np.concatenate([np.full(count, source), nodes, one, other])
    heads = np.concatenate([nodes, np.full(count, sink), other, one])
    costs = np.concatenate([gain.clip(0), (-gain).clip(0), cost, cost])
    capacity = np.minimum(costs * UNIT, 1e7).round().astype(np.int32)
    graph = sparse.csr_array((capacity, (tails, heads)), shape=(count + 2, count + 2))
    residual = graph - maximum_flow(sparse.csr_matrix(graph), source, sink).flow
    residual.eliminate_zeros()
    reached = np.zeros(count + 2, bool)
    reached[breadth_first_order(residual, source, return_predecessors=False)] = True
    return reached[:count]


def _cut(image: Array, models: tuple[NDArray, NDArray], start: Marks, free: Marks) -> Marks:
    """The minimum cut of an image; pixels that are not free stay as in `start`."""
    edges = edge_map(image)
    right = STRENGTH * np.exp(-(edges[:, 1:] + edges[:, :-1]) / 2)
    down = STRENGTH * np.exp(-(edges[1:] + edges[:-1]) / 2)
    costs = np.zeros((2, *free.shape))
    for cost, model in zip(costs, models):
        cost[free] = _negative_log_likelihood(image[free].astype(np.float64), model.ravel())
    return minimum_cut(costs[0], costs[1], right, down, start, free)


def _colour_models(window: Window, seed: int) -> tuple[NDArray, NDArray]:
    """GrabCut's models of the colours of object and background, 65 numbers each as OpenCV stores them."""
    marks = np.where(window.inside(), cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    no_box = (0, 0, 0, 0)  # the marks are used instead
    cv2.setRNGSeed(seed)
    for mode in [cv2.GC_INIT_WITH_MASK] + [cv2.GC_EVAL] * (ITERATIONS - 1):
        if (marks == cv2.GC_PR_FGD).any():  # else OpenCV would fail; the colours of the last iteration stay
            cv2.grabCut(window.image, marks, no_box, background, foreground, 1, mode)
    return foreground, background


def _negative_log_likelihood(colours: NDArray, model: NDArray) -> NDArray:
    """(N,) of each colour (N, 3) under one of OpenCV's mixtures of Gaussians."""
    weights, means = model[:GAUSSIANS], model[GAUSSIANS : 4 * GAUSSIANS].reshape(-1, 3)
    covariances = model[4 * GAUSSIANS :].reshape(-1, 3, 3)
    logs = []  # of the density under each Gaussian: far from all of them, the densities themselves are 0
    for weight, mean, covariance in zip(weights, means, covariances):
        if weight > 0:
            away = colours - mean
            covariance = covariance + 0.01 * np.eye(3)  # as OpenCV does where a colour does not vary
            distance = ((away @ np.linalg.inv(covariance)) * away).sum(axis=1)
            logs.append(np.log(weight / np.sqrt(np.linalg.det(covariance))) - distance / 2)
    return -np.logaddexp.reduce(logs) if logs else np.zeros(len(colours))


def _vote(image: Array, box: list[int], rng: np.random.Generator) -> NDArray[np.float64]:
    """(h, w) 1 where a run with sides moved at random finds the object in the given box, else 0."""
    x1, y1, x2, y2 = box
    reach = JITTER * np.array([x2 - x1, y2 - y1] * 2)
    move = (rng.uniform(-1, 1, 4) * reach).round().astype(int)
    left, top, right, bottom = moved = np.clip(box + move, 0, [image.shape[1], image.shape[0]] * 2).tolist()
    margin, guess = rng.uniform(*MARGINS), int(rng.integers(2**31))
    votes = np.zeros(image.shape[:2])
    votes[top:bottom, left:right] = object_in(image, moved, guess, margin)
    return votes[y1:y2, x1:x2]
