"""What every method of this course is, a segmenter, and two that need no training."""

from __future__ import annotations

import time
from functools import reduce
from operator import add
from typing import Protocol

import torch
from torch import Tensor

from seglib.boundary import boundary_counts, boundary_f1
from seglib.data.dataset import SegmentationDataset
from seglib.labels import VOID, nearest_known
from seglib.metrics import Present, averaged, confusion_matrix
from seglib.progress import tracked
from seglib.scores import Scores


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
