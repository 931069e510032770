"""The judge: a segmenter predicts every image of a data set, and `Scores` says how good the predictions are.

Counts are added up over all images and divided once, so large images weigh more than small ones, as is usual.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from seglib import metrics
from seglib.data.dataset import SegmentationDataset, check_dataset
from seglib.labels import VOID, Classes
from seglib.metrics import Present, nearest_known
from seglib.progress import tracked
from seglib.tables import Table, Tabled


class Segmenter(Protocol):
    """Anything that turns an image into a mask.

    A segmenter with the attribute `sees_truth = True` is an oracle: `evaluate` calls `predict(image, mask)`
    with the true mask and marks the scores. It is not a method; it shows what a method could reach.

    Attributes:
        name: its name in tables.
    """

    @property
    def name(self) -> str:
        """Its name in tables."""
        ...

    def predict(self, image: Tensor, /) -> Tensor:
        """(3, H, W) uint8 image of any size -> (H, W) int64 class indices."""
        ...


class Constant:
    """Predicts one class everywhere; by default class 0, which is background in most data sets.

    Every method has to beat it. It can look good: its pixel accuracy is the share of its class.

    Args:
        index: the class.

    Raises:
        ValueError: `index` is not a whole number of at least 0.

    Example:
        >>> Constant(0).predict(torch.zeros(3, 1, 2, dtype=torch.uint8))
        tensor([[0, 0]])
    """

    def __init__(self, index: int = 0) -> None:
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise ValueError(f"index must be the number of a class, 0 or more, not {index!r}")
        self.index = index
        self.name = f"constant {index}"

    def predict(self, image: Tensor) -> Tensor:
        """(3, H, W) -> (H, W) int64, the same class in every pixel."""
        return torch.full(image.shape[1:], self.index, device=image.device)


class OracleStride:
    """The truth on a grid of `stride` x `stride` cells, enlarged again: what does a coarse output cost?

    By default each cell holds the class of its middle pixel, repeated over the whole cell. With `soft` it
    holds the share of each class; the shares are enlarged bilinearly, and the largest wins, which is how a
    network enlarges its scores. Neither is an upper bound: soft scores higher where cells are smaller than
    the objects, and other numbers per cell would score higher still. Before that, void pixels take the class
    of the nearest pixel that is not void, so void is never predicted.

    Args:
        stride: width and height of a cell in pixels, at least 1.
        soft: keep the shares of the classes in place of one class per cell.

    Reference:
        Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, appendix A:
        mean IoU 98.5, 96.4, 92.8, 86.1 at strides 4, 8, 16, 32 on VOC, as "approximate upper bounds". The
        paper does not say how it resamples or treats void.

    Example:
        >>> image, mask = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0]])
        >>> OracleStride(2).predict(image, mask)
        tensor([[1, 1, 0, 0],
                [1, 1, 0, 0]])
        >>> OracleStride(2, soft=True).predict(image, mask).sum()  # a share of 1/4 wins nowhere
        tensor(0)
    """

    sees_truth = True

    def __init__(self, stride: int, *, soft: bool = False) -> None:
        if not isinstance(stride, int) or stride < 1:
            raise ValueError(f"stride must be a whole number of at least 1, not {stride!r}")
        self.stride, self.soft = stride, soft
        self.name = f"{'soft ' * soft}oracle at stride {stride}"

    def predict(self, image: Tensor, mask: Tensor) -> Tensor:
        """Image (not used) and its true mask (H, W) -> (H, W) int64."""
        if (mask == VOID).all():
            return torch.zeros(mask.shape, dtype=torch.long, device=mask.device)
        known = mask[nearest_known(mask)].long()
        height, width = mask.shape
        if self.soft:
            here = F.one_hot(known).movedim(-1, 0)[None].float()  # (1, K, H, W), 1 or 0
            shares = F.avg_pool2d(here, self.stride, ceil_mode=True)  # of a cell's pixels inside the image
            enlarged = F.interpolate(shares, scale_factor=self.stride, mode="bilinear")[0]
            return enlarged[:, :height, :width].argmax(dim=0)
        rows, columns = (self._sampled(length, mask.device) for length in (height, width))
        return known[rows[:, None], columns]

    def _sampled(self, length: int, device: torch.device) -> Tensor:
        """(length,) for each position along a side, the position in its cell that is sampled: the middle."""
        cell = torch.arange(length, device=device) // self.stride
        return (cell * self.stride + self.stride // 2).clamp_(max=length - 1)


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Tabled):
    """The scores of one segmenter on one data set, all computed from counts.

    Scores are 0..1, NaN where there is nothing to score; the table shows per cent.

    Attributes:
        name: the segmenter's name.
        data: the data set's name and split.
        classes: K classes.
        confusion: (K, K) int64 pixels, row = true class, column = predicted class.
        images: number of images.
        seconds: time spent in `predict`, over all images.
        boundary: (K, 2) int64 pixels of the rims, intersection and union, see `metrics.boundary_counts`; None
            if it was not measured.
        present: which classes the means are over: "union", "truth" or "all".
        sees_truth: the segmenter is an oracle.
    """

    name: str
    data: str
    classes: Classes
    confusion: Tensor
    images: int
    seconds: float
    boundary: Tensor | None = None
    present: Present = "union"
    sees_truth: bool = False

    @property
    def pixel_accuracy(self) -> float:
        """Share of pixels with the right class."""
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
    def boundary_iou(self) -> Tensor:
        """(K,) Boundary IoU of each class."""
        return self.iou * math.nan if self.boundary is None else metrics.boundary_iou(self.boundary)

    @property
    def mean_boundary_iou(self) -> float:
        """Mean Boundary IoU over the classes that `policy` names and that have an outline, but "background".

        The outline of the background is that of all objects, which would count twice.
        """
        if self.boundary is None:
            return math.nan
        chosen = metrics.averaged(self.confusion, self.present)
        chosen &= torch.tensor([name != "background" for name in self.classes.names])
        scores = self.boundary_iou.nan_to_num(0) if self.present == "all" else self.boundary_iou
        return scores[chosen].nanmean().item()

    @property
    def seconds_per_image(self) -> float:
        """Time spent in `predict` per image."""
        return self.seconds / self.images

    @property
    def policy(self) -> str:
        """Which classes the means are over, in a sentence."""
        return metrics.policy(self.confusion, self.classes, self.present)

    @property
    def baseline(self) -> Scores:
        """The scores of the laziest answer: the commonest class everywhere, which usually is background.

        No other single class scores higher, in pixel accuracy or in mean IoU.
        """
        return self.constant(int(self.confusion.sum(dim=1).argmax()))

    def constant(self, index: int) -> Scores:
        """The scores of class `index` everywhere, as of `Constant(index)`; the boundary is not measured."""
        confusion = torch.zeros_like(self.confusion)
        confusion[:, index] = self.confusion.sum(dim=1)
        return dataclasses.replace(
            self, name=f"all {self.classes.names[index]}", confusion=confusion, boundary=None,
            seconds=0.0, sees_truth=False,
        )  # fmt: skip

    @property
    def table(self) -> Table:
        """The scores next to those of the baseline, in per cent, and which classes were averaged."""
        base, nothing = self.baseline, math.nan
        rows = [
            ("pixel accuracy", self.pixel_accuracy, nothing, base.pixel_accuracy),
            ("mean accuracy", self.mean_accuracy, nothing, base.mean_accuracy),
            ("frequency-weighted IoU", self.frequency_weighted_iou, nothing, base.frequency_weighted_iou),
            ("mean IoU", self.mean_iou, self.mean_boundary_iou, base.mean_iou),
        ]
        per_class = zip(self.classes.names, self.iou.tolist(), self.boundary_iou.tolist(), base.iou.tolist())
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
            note=self.policy + "; Boundary IoU: without background" * (self.boundary is not None),
        )


def evaluate(
    segmenter: Segmenter,
    dataset: SegmentationDataset,
    *,
    boundary: bool = True,
    count: Callable[[Tensor, Tensor, int], Tensor] = metrics.confusion_matrix,
) -> Scores:
    """Let a segmenter predict every image of a data set and score it; void pixels do not count.

    After two seconds a progress bar appears.

    Args:
        segmenter: has `name` and `predict(image)`, see `Segmenter`.
        dataset: images with masks.
        boundary: also measure Boundary IoU, which takes most of the time.
        count: counts the pixels of an image, as `metrics.confusion_matrix(pred, mask, num_classes)` does; one
            of your own fills the same table.

    Returns:
        Scores, which print as a table. Their means are over the classes in truth or prediction; for another
        policy, `dataclasses.replace(scores, present="truth")`, see `seglib.metrics.mean_iou`.

    Raises:
        ValueError: `segmenter` has no `name` or `predict`, the data set is empty, or a prediction or mask is
            not made of class indices, one for each pixel.

    Example:
        >>> from seglib.scenes import Scenes
        >>> scores = evaluate(Constant(0), Scenes(length=2))
        >>> scores.images, scores.pixel_accuracy == scores.baseline.pixel_accuracy
        (2, True)
    """
    if not hasattr(segmenter, "predict") or not hasattr(segmenter, "name"):
        raise ValueError(
            f"a {type(segmenter).__name__} has no name and predict(image); wrap a network in a segmenter: "
            "FCNSegmenter(net, classes)"
        )
    check_dataset(dataset)
    if not len(dataset):
        raise ValueError(f"{dataset.name} {dataset.split} has no images; there is nothing to evaluate")
    num_classes = len(dataset.classes.names)
    confusion = torch.zeros(num_classes, num_classes, dtype=torch.long)
    rims = torch.zeros(num_classes, 2, dtype=torch.long)
    seconds = 0.0
    for index in tracked(range(len(dataset)), len(dataset), segmenter.name):
        image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
        pred, took = _predict(segmenter, image, mask)
        seconds += took
        try:
            confusion += count(_checked(pred, mask), mask, num_classes)
        except ValueError as error:
            sample = f"image {dataset.sample_id(index)} of {dataset.name}, {tuple(mask.shape)}"
            raise ValueError(f"{segmenter.name} on {sample}: {error}") from None
        if boundary:
            rims += metrics.boundary_counts(pred, mask, num_classes)
    return Scores(
        segmenter.name,
        f"{dataset.name} {dataset.split}",
        dataset.classes,
        confusion,
        images=len(dataset),
        seconds=seconds,
        boundary=rims if boundary else None,
        sees_truth=getattr(segmenter, "sees_truth", False),
    )


def _predict(segmenter: Segmenter, image: Tensor, mask: Tensor) -> tuple[Tensor, float]:
    """The prediction, on the CPU if it is a tensor, and the seconds it took."""
    given = (image, mask) if getattr(segmenter, "sees_truth", False) else (image,)
    start = time.perf_counter()
    with torch.inference_mode():
        pred = segmenter.predict(*given)
        if isinstance(pred, Tensor):
            pred = pred.cpu()  # waits for the GPU, so that the time is that of the work
    return pred, time.perf_counter() - start


def _checked(pred: object, mask: Tensor) -> Tensor:
    """The prediction; ValueError if it is not a tensor of the mask's size."""
    if not isinstance(pred, Tensor):
        raise ValueError(
            f"predict returned a {type(pred).__name__}; it must return a tensor of class indices"
        )
    if pred.shape != mask.shape:
        raise ValueError(
            f"predict returned {tuple(pred.shape)}; it must return one class index for each pixel"
        )
    return pred
