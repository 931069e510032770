"""What the judge found: counts that add up, the scores made of them, and the table that shows them."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Protocol

import torch
from torch import Tensor

from seglib import metrics
from seglib.data.dataset import SegmentationDataset
from seglib.labels import VOID, Classes, nearest_known
from seglib.metrics import Present, averaged, boundary_counts, boundary_f1, boundary_iou, confusion_matrix
from seglib.progress import tracked
from seglib.tables import Table


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """The scores of one segmenter on one data set. All of them are made of counts, so halves can be added.

    Scores are 0..1, NaN where there is nothing to score; the table shows per cent.

    Attributes:
        name: the segmenter's name.
        data: the data set's name and split.
        classes: K classes.
        confusion: (K, K) int64 pixels, row = true class, column = predicted class.
        boundary: (K, 2) int64 rim pixels, intersection and union; None where it was not measured.
        outlines: (K + 1, 2) float64, sum of boundary F1 and number of images, for each class and, last, for
            the images' means over their classes; None where it was not measured.
        images: number of images.
        seconds: time inside `predict`, all images together.
        present: which classes the means are over: "union", "truth" or "all".
        sees_truth: the segmenter is an oracle.
    """

    name: str
    data: str
    classes: Classes
    confusion: Tensor
    boundary: Tensor | None
    outlines: Tensor | None
    images: int
    seconds: float
    present: Present = "union"
    sees_truth: bool = False

    @property
    def pixel_accuracy(self) -> float:
        """Share of pixels that got their true class."""
        return metrics.pixel_accuracy(self.confusion)

    @property
    def mean_accuracy(self) -> float:
        """Mean over true classes of the share of their pixels that was found."""
        return metrics.mean_accuracy(self.confusion)

    @property
    def iou(self) -> Tensor:
        """(K,) IoU of each class."""
        return metrics.iou(self.confusion)

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that `policy` names."""
        return metrics.mean_iou(self.confusion, self.present)

    @property
    def frequency_weighted_iou(self) -> float:
        """IoU weighted by the classes' share of true pixels."""
        return metrics.frequency_weighted_iou(self.confusion)

    @property
    def dice(self) -> Tensor:
        """(K,) Dice of each class."""
        return metrics.dice(self.confusion)

    @property
    def boundary_iou(self) -> Tensor:
        """(K,) Boundary IoU of each class."""
        return self.iou * math.nan if self.boundary is None else boundary_iou(self.boundary)

    @property
    def mean_boundary_iou(self) -> float:
        """Mean Boundary IoU over the classes that `policy` names, as far as they have an outline."""
        if self.present == "all":
            return self.boundary_iou.nan_to_num(0).mean().item()
        return self.boundary_iou[metrics.averaged(self.confusion, self.present)].nanmean().item()

    @property
    def boundary_f1(self) -> Tensor:
        """(K,) boundary F1 of each class: mean over the images in which it has an outline."""
        return (
            self.iou * math.nan if self.outlines is None else (self.outlines[:, 0] / self.outlines[:, 1])[:-1]
        )

    @property
    def mean_boundary_f1(self) -> float:
        """Boundary F1 as published: mean over images of the mean over their true classes."""
        return float("nan") if self.outlines is None else (self.outlines[-1, 0] / self.outlines[-1, 1]).item()

    @property
    def seconds_per_image(self) -> float:
        """Time inside `predict`, for one image."""
        return self.seconds / self.images

    @property
    def policy(self) -> str:
        """Which classes the means are over, in a sentence."""
        return metrics.policy(self.confusion, self.classes, self.present)

    @property
    def baseline(self) -> Scores:
        """What background everywhere scores; where there is no background, the most frequent class."""
        truth = self.confusion.sum(dim=1)
        index = int(truth.argmax()) if self.classes.background is None else self.classes.background
        confusion = torch.zeros_like(self.confusion)
        confusion[:, index] = truth
        return dataclasses.replace(
            self, name=f"all {self.classes.names[index]}", confusion=confusion, boundary=None, outlines=None,
            seconds=0.0, sees_truth=False,
        )  # fmt: skip

    def __add__(self, other: Scores) -> Scores:
        """The scores of both parts together, as if they had been judged in one go."""
        for field in ("name", "classes", "present"):
            if getattr(self, field) != getattr(other, field):
                raise ValueError(
                    f"these scores differ in {field}: {getattr(self, field)} and {getattr(other, field)}"
                )
        if (self.boundary is None) != (other.boundary is None):
            raise ValueError("one of these scores was made with boundary=True and the other without")
        return dataclasses.replace(
            self,
            data=self.data if self.data == other.data else f"{self.data} + {other.data}",
            confusion=self.confusion + other.confusion,
            boundary=None
            if self.boundary is None or other.boundary is None
            else self.boundary + other.boundary,
            outlines=None
            if self.outlines is None or other.outlines is None
            else self.outlines + other.outlines,
            images=self.images + other.images,
            seconds=self.seconds + other.seconds,
        )

    def row(self, name: str | None = None) -> dict[str, str | float]:
        """One line of a leaderboard: scores in per cent, time in milliseconds.

        Args:
            name: what to call it, by default the segmenter's name; an oracle is marked as one.
        """
        return {
            "method": f"{name or self.name}{' (oracle)' * self.sees_truth}",
            "mean IoU %": 100 * self.mean_iou,
            "mean Boundary IoU %": 100 * self.mean_boundary_iou,
            "boundary F1 %": 100 * self.mean_boundary_f1,
            "pixel accuracy %": 100 * self.pixel_accuracy,
            "mean accuracy %": 100 * self.mean_accuracy,
            "ms per image": 1000 * self.seconds_per_image,
        }

    @property
    def table(self) -> Table:
        """The scores beside those of the baseline, in per cent, and which classes were averaged."""
        base, nothing = self.baseline, float("nan")
        rows = [
            ("pixel accuracy", self.pixel_accuracy, nothing, base.pixel_accuracy),
            ("mean accuracy", self.mean_accuracy, nothing, base.mean_accuracy),
            ("frequency-weighted IoU", self.frequency_weighted_iou, nothing, base.frequency_weighted_iou),
            ("boundary F1", self.mean_boundary_f1, nothing, nothing),
            ("mean IoU", self.mean_iou, self.mean_boundary_iou, base.mean_iou),
        ]
        per_class = zip(self.classes, self.iou.tolist(), self.boundary_iou.tolist(), base.iou.tolist())
        rows += [(f"IoU of {name}", *values) for name, *values in per_class]
        oracle = "; an oracle: it sees the truth" * self.sees_truth
        milliseconds = 1000 * self.seconds_per_image
        return Table(
            f"{self.name} on {self.data}, {self.images} images, {milliseconds:.1f} ms each{oracle}",
            ["%", "score", "Boundary IoU", base.name],
            [
                [label, *("" if math.isnan(value) else f"{100 * value:.1f}" for value in values)]
                for label, *values in rows
            ],
            note=self.policy,
        )

    def __str__(self) -> str:
        """The table as text."""
        return str(self.table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        return self.table._repr_html_()


# What every method of this course is, a segmenter, and two that need no training.


class Segmenter(Protocol):
    """Anything that turns an image into a mask.

    One that also has `sees_truth = True` is an oracle: `evaluate` calls `predict(image, mask)` with the true
    mask, and marks its scores. It is no method, it tells what a method could reach.

    Attributes:
        name: what a table calls it.
    """

    @property
    def name(self) -> str:
        """What a table calls it."""
        ...

    def predict(self, image: Tensor, /) -> Tensor:
        """(3, H, W) uint8 image of any size -> (H, W) int64 class indices."""
        ...


class Constant:
    """Predicts one class everywhere; by default class 0, which is background in most data sets.

    The least that every method has to beat, and it can look good: its pixel accuracy is the class's share.

    Args:
        index: the class.

    Example:
        >>> Constant(0).predict(torch.zeros(3, 1, 2, dtype=torch.uint8))
        tensor([[0, 0]])
    """

    def __init__(self, index: int = 0) -> None:
        self.index = index
        self.name = f"constant {index}"

    def predict(self, image: Tensor) -> Tensor:
        """(3, H, W) -> (H, W) int64, the same class in every pixel."""
        return torch.full(image.shape[1:], self.index, device=image.device)


class OracleStride:
    """The truth, seen through a grid: one pixel of each `stride` x `stride` cell, blown up to the whole cell.

    What can be reached with an output that is `stride` times coarser than the image. Before the truth is
    sampled, void pixels take the class of the nearest pixel that has one, so that void is never predicted.

    Args:
        stride: width and height of a cell in pixels, at least 1.

    Reference:
        Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, appendix A:
        mean IoU 98.5, 96.4, 92.8, 86.1 at strides 4, 8, 16, 32 on VOC. They leave open how they resample and
        where void goes; if it is sampled like a class, small strides score lower than here.

    Example:
        >>> image, mask = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0]])
        >>> OracleStride(2).predict(image, mask)
        tensor([[1, 1, 0, 0],
                [1, 1, 0, 0]])
    """

    sees_truth = True

    def __init__(self, stride: int) -> None:
        if stride < 1 or stride != int(stride):
            raise ValueError(f"stride {stride} must be a whole number of 1 or more")
        self.stride = stride
        self.name = f"oracle at stride {stride}"

    def predict(self, image: Tensor, mask: Tensor) -> Tensor:
        """Image (not looked at) and its true mask (H, W) -> (H, W) int64."""
        if (mask == VOID).all():
            return torch.zeros(mask.shape, dtype=torch.long, device=mask.device)
        known = mask[nearest_known(mask)].long()
        rows, columns = (self._sampled(length, mask.device) for length in mask.shape)
        return known[rows[:, None], columns]

    def _sampled(self, length: int, device: torch.device) -> Tensor:
        """(length,) for each place along a side, the place in its cell that is sampled: the middle."""
        cell = torch.arange(length, device=device) // self.stride
        return (cell * self.stride + self.stride // 2).clamp_(max=length - 1)


# The one judge of this course: a segmenter, a data set, and the same questions to everyone.


def evaluate(
    segmenter: Segmenter,
    dataset: SegmentationDataset,
    *,
    boundary: bool = True,
    present: Present = "union",
) -> Scores:
    """Let a segmenter predict every image of a data set and score it.

    Void pixels are not judged. Counts are added up over all images and divided once, so that large images
    weigh more than small ones, as usual; boundary F1 alone is a mean over images.

    Args:
        segmenter: has `name` and `predict(image)`; see `seglib.evaluate.Segmenter`.
        dataset: images with masks.
        boundary: measure Boundary IoU and boundary F1 too, which takes most of the time.
        present: which classes the means are over; see `seglib.metrics.mean_iou`.

    Returns:
        Scores; print them, or let a notebook show them. A bar shows how far it is after two seconds.

    Raises:
        ValueError: the segmenter is none, the data set is empty, or a prediction or mask is not what it must
            be.

    Example:
        >>> from seglib.scenes import Scenes
        >>> scores = evaluate(Constant(0), Scenes(length=2))
        >>> scores.images, scores.pixel_accuracy == scores.baseline.pixel_accuracy
        (2, True)
    """
    if not hasattr(segmenter, "predict") or not hasattr(segmenter, "name"):
        raise ValueError(
            f"a {type(segmenter).__name__} has no name and predict(image); make a net a segmenter, as in "
            "FCNSegmenter(net, classes)"
        )
    averaged(torch.zeros(1, 1), present)  # a wrong policy is said before the work, not after it
    if not len(dataset):
        raise ValueError(f"{dataset.name} {dataset.split} has no images; there is nothing to evaluate")
    indices = tracked(range(len(dataset)), len(dataset), segmenter.name)
    return reduce(add, (_judge(segmenter, dataset, index, boundary, present) for index in indices))


def _judge(
    segmenter: Segmenter, dataset: SegmentationDataset, index: int, boundary: bool, present: Present
) -> Scores:
    """The scores of one image."""
    image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
    pred, seconds = _predict(segmenter, image, mask)
    where = f"{segmenter.name} on image {dataset.sample_id(index)} of {dataset.name}"
    if not isinstance(pred, Tensor):
        raise ValueError(
            f"{where}: predict gave {type(pred).__name__}; it must give a tensor of class indices"
        )
    if pred.shape != mask.shape:
        raise ValueError(f"{where}: predict gave {tuple(pred.shape)}, but the mask is {tuple(mask.shape)}")
    num_classes = len(dataset.classes)
    try:
        confusion = confusion_matrix(pred, mask, num_classes)
    except ValueError as error:
        raise ValueError(f"{where}, {tuple(mask.shape)}: {error}") from None
    return Scores(
        segmenter.name,
        f"{dataset.name} {dataset.split}",
        dataset.classes,
        confusion,
        boundary_counts(pred, mask, num_classes) if boundary else None,
        _outlines(pred, mask, num_classes) if boundary else None,
        images=1,
        seconds=seconds,
        present=present,
        sees_truth=_sees_truth(segmenter),
    )


def _sees_truth(segmenter: Segmenter) -> bool:
    return bool(getattr(segmenter, "sees_truth", False))


def _predict(segmenter: Segmenter, image: Tensor, mask: Tensor) -> tuple[object, float]:
    """The prediction, on the CPU if it is a tensor, and the seconds it took."""
    given = (image, mask) if _sees_truth(segmenter) else (image,)
    start = time.perf_counter()
    with torch.inference_mode():
        pred = segmenter.predict(*given)
        if isinstance(pred, Tensor):
            pred = pred.cpu()  # waits for the GPU, so that the time is that of the work
    return pred, time.perf_counter() - start


def _outlines(pred: Tensor, mask: Tensor, num_classes: int) -> Tensor:
    """(K + 1, 2): boundary F1 and 1 for each class with an outline, and last for the mean of the image."""
    scores = boundary_f1(pred, mask, num_classes)
    scores = torch.cat([scores, scores.nanmean()[None]])
    return torch.stack([scores.nan_to_num(0), (~scores.isnan()).double()], dim=1)
