"""The one judge of this course: a segmenter, a data set, and the same questions to everyone."""

from __future__ import annotations

import time
from functools import reduce
from operator import add

import torch
from torch import Tensor

from seglib.boundary import boundary_counts, boundary_f1
from seglib.data.dataset import SegmentationDataset
from seglib.metrics import Present, averaged, confusion_matrix
from seglib.progress import tracked
from seglib.scores import Scores
from seglib.segmenters import Segmenter


def evaluate(
    segmenter: Segmenter,
    dataset: SegmentationDataset,
    *,
    boundary: bool = True,
    present: Present = "union",
) -> Scores:
    """Let a segmenter predict every picture of a data set and score it.

    Void pixels are not judged. Counts are added up over all pictures and divided once, so that large pictures
    weigh more than small ones, as usual; boundary F1 alone is a mean over pictures.

    Args:
        segmenter: has `name` and `predict(image)`; see `seglib.segmenters.Segmenter`.
        dataset: pictures with masks.
        boundary: measure Boundary IoU and boundary F1 too, which takes most of the time.
        present: which classes the means are over; see `seglib.metrics.mean_iou`.

    Returns:
        Scores; print them, or let a notebook show them. A bar shows how far it is after two seconds.

    Raises:
        ValueError: the segmenter is none, the data set is empty, or a prediction or mask is not what it must
            be.

    Example:
        >>> from seglib.data.scenes import Scenes
        >>> from seglib.segmenters import Constant
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
        raise ValueError(f"{dataset.name} {dataset.split} has no pictures; there is nothing to evaluate")
    indices = tracked(range(len(dataset)), len(dataset), segmenter.name)
    return reduce(add, (_judge(segmenter, dataset, index, boundary, present) for index in indices))


def _judge(
    segmenter: Segmenter, dataset: SegmentationDataset, index: int, boundary: bool, present: Present
) -> Scores:
    """The scores of one picture."""
    image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
    pred, seconds = _predict(segmenter, image, mask)
    where = f"{segmenter.name} on picture {dataset.sample_id(index)} of {dataset.name}"
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
    """(K + 1, 2): boundary F1 and 1 for each class with an outline, and last for the mean of the picture."""
    scores = boundary_f1(pred, mask, num_classes)
    scores = torch.cat([scores, scores.nanmean()[None]])
    return torch.stack([scores.nan_to_num(0), (~scores.isnan()).double()], dim=1)
