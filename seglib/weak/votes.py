"""GrabCut+-i: where many slightly different runs of GrabCut+ do not agree, the pixel is ignored."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib.weak.grabcut import STRENGTH, AnnotatedImage, around, as_image, object_in
from seglib.weak.rectangles import NOT, OBJECT, UNSURE, paint

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
