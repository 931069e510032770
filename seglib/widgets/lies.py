"""The metric lie detector: six ways to corrupt a mask, and five scores that notice them or do not."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from seglib import metrics
from seglib.labels import VOID, Classes, describe, shares
from seglib.widgets import pack
from seglib.widgets.film import Film, Frame, Labels, Palette, Panel, Reel, Row, View, script

Amount = int | tuple[int, int]  # pixels; or a class; or two classes
Sizes = list[tuple[str, Amount]]
Measure = Callable[[Tensor, Tensor, Classes], dict[str, float]]  # prediction, truth, classes -> named scores

LIES = {
    "erode": "Every object loses its rim.",
    "dilate": "Every object grows over the background.",
    "shift": "The whole mask slides to the right.",
    "blur": "Outlines are smoothed; what is thin disappears.",
    "drop": "One class is never predicted: its pixels become background.",
    "swap": "Two classes are taken for each other.",
}
OF_WHAT = {"drop": " a class", "swap": " two"}
PIXELS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16)  # how far each of the first four lies goes, step by step
SWAPPED = 5  # pairs are made of the largest classes only, so that a slider can hold them
# Pixels of the longer side. Of a larger image every second pixel is left out until it fits: lies need time.
LARGEST = 512


class LieDetector(Film):
    """A true mask, a lie that is told about it, and five scores of the result.

    Every lie in every size is made and scored once, here: dragging needs no kernel, in exported HTML neither.
    Objects shrink and grow into the class "background", or else into the largest class of the mask.

    Args:
        image: (3, H, W) uint8.
        mask: (H, W) class indices, or 255 for void: the truth.
        classes: names and colours.
        measure: the scores that are shown, as `judge(pred, mask, classes)` returns them; yours as well.
        **state: traits to begin with, as in `reel=2` (the lies in their order: erode, dilate, shift, blur,
            drop, swap) or `at=3` (the fourth step; the first is the truth).

    Raises:
        ValueError: a size, type or value does not fit; the message says which.

    Example:
        >>> import torch
        >>> mask = torch.zeros(8, 8, dtype=torch.uint8)
        >>> mask[2:6, 2:6] = 1
        >>> classes = Classes.of("background", "fish")
        >>> detector = LieDetector(torch.zeros(3, 8, 8, dtype=torch.uint8), mask, classes, reel=2, at=1)
        >>> detector.frame.numbers[0].texts
        ('87.5', '−12.5')
    """

    _esm = script("Metric lie detector")

    def __init__(
        self, image: Tensor, mask: Tensor, classes: Classes, measure: Measure | None = None, **state: Any
    ) -> None:
        pack.check(image, {"truth": mask}, classes)
        stride = pack.stride_of(mask.shape, LARGEST)
        image, mask = (whole[..., ::stride, ::stride].contiguous() for whole in (image, mask))
        background = classes.background
        if background is None:
            background = int(shares(mask, classes)[:-1].argmax())
        palette = Palette.of(classes)
        truth = Panel("truth", Labels(mask), palette)

        def frame(lie: str, step: Step) -> Frame:
            words = f"the lie {lie}, {step.words}; the truth is {describe(mask, classes)}"
            panel = Panel("prediction", Labels(step.mask), palette, words, truth=mask)
            said = f"{LIES[lie]} {_verdict(step.scores, honest.scores)} {pack.scale_of(stride)}".strip()
            return Frame(said, (panel,), (truth, panel), numbers=_rows(step.scores, honest.scores))

        lies = all_lies(mask, classes, background=background, measure=measure or judge)
        honest = lies["erode"][0]
        reels = [
            Reel(
                f"{lie.capitalize()}{OF_WHAT.get(lie, '')}",
                tuple(step.words for step in steps),
                tuple(frame(lie, step) for step in steps),
            )
            for lie, steps in lies.items()
        ]
        view = View("lies", tuple(reels), "Lie", "How much", table="Scores", heads=("Score", "%", "Change"))
        super().__init__(image, [view], [f"truth: {describe(mask, classes)}"], **state)


def _rows(scores: dict[str, float], honest: dict[str, float]) -> tuple[Row, ...]:
    """The scores in per cent, and how far each is from that of the truth; "–" where there is no score."""
    return tuple(
        Row(name, ("–", "–"), (0, 0))
        if math.isnan(score)
        else Row(name, (f"{100 * score:.1f}", _signed(score - honest[name])), (0, round(score, 4)))
        for name, score in scores.items()
    )


def _verdict(scores: dict[str, float], honest: dict[str, float]) -> str:
    """Which score notices most, and which least."""
    falls = {name: honest[name] - score for name, score in scores.items() if not math.isnan(score)}
    if max(falls.values()) <= 0.0005:
        return "No score has noticed anything."
    most, least = max(falls, key=lambda name: falls[name]), min(falls, key=lambda name: falls[name])
    return f"{most} notices most ({_signed(-falls[most])}), {least} least ({_signed(-falls[least])})."


def _signed(share: float) -> str:
    """A change in points of a hundred.

    Example:
        >>> _signed(-0.125), _signed(0.0001)
        ('−12.5', '0.0')
    """
    return "0.0" if abs(share) < 0.0005 else f"{100 * share:+.1f}".replace("-", "−")


@dataclass(frozen=True)
class Step:
    """One lie of one size, and its scores.

    Attributes:
        words: the size as a student reads it: "4 px", "fish", "fish ↔ crab", "no lie".
        mask: (H, W) uint8, the mask that lies.
        scores: as `judge` returns them.
    """

    words: str
    mask: Tensor
    scores: dict[str, float]


def corrupt(mask: Tensor, lie: str, amount: Amount, *, background: int = 0) -> Tensor:
    """Corrupt a mask in one of six ways.

    A prediction has an answer everywhere, so void pixels first take the class of the nearest labelled pixel.

    Args:
        mask: (H, W) class indices, or 255 for void.
        lie: "erode", "dilate", "shift", "blur", "drop" or "swap".
        amount: pixels, from 0 for the truth (a radius; for "blur" the sigma of a Gaussian); for "drop" a
            class index; for "swap" a pair of them.
        background: the class of pixels that belong to no object.

    Returns:
        (H, W) uint8 without void.

    Raises:
        ValueError: there is no such lie, or every pixel is void.

    Example:
        >>> mask = torch.tensor([[0, 1, 1, 1, 0]])
        >>> corrupt(mask, "erode", 1), corrupt(mask, "shift", 1)
        (tensor([[0, 0, 1, 0, 0]], dtype=torch.uint8), tensor([[0, 0, 1, 1, 1]], dtype=torch.uint8))
    """
    if lie not in _CORRUPTIONS:
        raise ValueError(f"no lie is called {lie!r}; there are {', '.join(LIES)}")
    return torch.from_numpy(_CORRUPTIONS[lie](_answered(mask), amount, background))


def judge(pred: Tensor, mask: Tensor, classes: Classes) -> dict[str, float]:
    """Five scores of one image, each 0..1; means are over the classes in truth or prediction.

    Args:
        pred: (H, W) class indices.
        mask: (H, W) true class indices, or 255 for void.
        classes: K classes; the one called "background", if any, is left out of "mIoU without background".

    Example:
        >>> mask = torch.tensor([[0, 0, 0, 1]])
        >>> scores = judge(torch.zeros_like(mask), mask, Classes.of("background", "fish"))
        >>> scores["pixel accuracy"], scores["mIoU"], scores["mIoU without background"]
        (0.75, 0.375, 0.0)
    """
    counts = metrics.confusion_matrix(pred, mask, len(classes))
    objects = torch.arange(len(classes)) != (-1 if classes.background is None else classes.background)
    edges = metrics.boundary_iou(metrics.boundary_counts(pred, mask, len(classes)))
    return {
        "pixel accuracy": metrics.pixel_accuracy(counts),
        "mIoU": metrics.mean_iou(counts),
        "mIoU without background": float(metrics.iou(counts)[objects].nanmean()),
        "Dice": float(metrics.dice(counts).nanmean()),
        "Boundary IoU": float(edges[objects].nanmean()),
    }


def sizes(mask: Tensor, classes: Classes, *, background: int = 0) -> dict[str, Sizes]:
    """The sizes each lie comes in for this mask, in words and as `corrupt` takes them."""
    present, counts = mask[mask != VOID].unique(return_counts=True)
    by_size = present[counts.argsort(descending=True, stable=True)].tolist()
    names = classes.names
    pixels: Sizes = [(f"{amount} px", amount) for amount in PIXELS]
    return {
        **dict.fromkeys(("erode", "dilate", "shift", "blur"), pixels),
        "drop": [(names[index], index) for index in by_size if index != background],
        "swap": [(f"{names[a]} ↔ {names[b]}", (a, b)) for a, b in combinations(by_size[:SWAPPED], 2)],
    }


def all_lies(
    mask: Tensor, classes: Classes, *, background: int = 0, measure: Measure = judge
) -> dict[str, list[Step]]:
    """Make every lie in every size, and score each with `measure`.

    Returns:
        for each of `LIES` its steps; step 0 is the truth itself.
    """
    truth = corrupt(mask, "shift", 0)
    honest = Step("no lie", truth, measure(truth, mask, classes))

    def step(lie: str, words: str, amount: Amount) -> Step:
        mask_of_lie = corrupt(truth, lie, amount, background=background)
        return Step(words, mask_of_lie, measure(mask_of_lie, mask, classes))

    return {
        lie: [honest, *(step(lie, *size) for size in choice)]
        for lie, choice in sizes(mask, classes, background=background).items()
    }


def _answered(mask: Tensor) -> np.ndarray:
    """(H, W) uint8 in which void has taken the nearest class."""
    void = mask == VOID
    if void.all():
        raise ValueError("every pixel of the mask is void; there is nothing to lie about")
    return (mask[metrics.nearest_known(mask)] if void.any() else mask).cpu().numpy().astype(np.uint8)


def _erode(labels: np.ndarray, radius: int, background: int) -> np.ndarray:
    objects = labels != background
    if objects.all():
        return labels  # nothing eats into an object but background
    return np.where(ndimage.distance_transform_edt(objects) <= radius, np.uint8(background), labels)


def _dilate(labels: np.ndarray, radius: int, background: int) -> np.ndarray:
    free = labels == background
    if free.all():
        return labels
    distance, (rows, columns) = ndimage.distance_transform_edt(free, return_indices=True)
    return np.where(distance <= radius, labels[rows, columns], labels)


def _shift(labels: np.ndarray, pixels: int, background: int) -> np.ndarray:
    return labels[:, np.maximum(np.arange(labels.shape[1]) - pixels, 0)]  # the left edge repeats


def _blur(labels: np.ndarray, sigma: int, background: int) -> np.ndarray:
    present = np.unique(labels)
    soft = [ndimage.gaussian_filter((labels == index).astype(np.float32), sigma) for index in present]
    return present[np.argmax(soft, axis=0)]


def _drop(labels: np.ndarray, index: int, background: int) -> np.ndarray:
    return np.where(labels == index, np.uint8(background), labels)


def _swap(labels: np.ndarray, pair: tuple[int, int], background: int) -> np.ndarray:
    first, second = pair
    return np.select([labels == first, labels == second], [np.uint8(second), np.uint8(first)], labels)


_CORRUPTIONS: dict[str, Callable[..., np.ndarray]] = dict(
    zip(LIES, (_erode, _dilate, _shift, _blur, _drop, _swap))
)
