"""What is chosen on data before a region is pasted: how good it must be, and what lies below all regions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seglib.data.balance import count
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import checked_mask
from seglib.metrics import confusion_matrix, mean_iou
from seglib.progress import tracked
from seglib.regions.examples import Looker, resized
from seglib.regions.selection import paint, pick
from seglib.regions.svm import LinearSVMs

THRESHOLDS = (-math.inf, *(step / 10 for step in range(-15, 16)))


def best_threshold(looker: Looker, svms: LinearSVMs, rest: int, val: SegmentationDataset) -> float:
    """The score from which pasting a region gives the highest mean IoU; of equals the lowest.

    Args:
        looker: makes regions and features.
        svms: score them.
        rest: the class of pixels in no region.
        val: images with masks; never those that the method is judged on.

    Returns:
        One of THRESHOLDS.

    Raises:
        ValueError: a mask is not what it must be, or every pixel is void.
    """
    number = len(val.classes)
    counts = torch.zeros(len(THRESHOLDS), number, number, dtype=torch.long)
    for index in tracked(range(len(val)), len(val), f"threshold on {val.name} {val.split}"):
        image, mask = val[index]
        proposals, features = looker.known(image)
        scores, truth = svms.scores(features), checked_mask(val, index, image, mask.as_subclass(Tensor))
        picked = pick(proposals, scores)  # those above a threshold are the last of these
        for place, threshold in enumerate(THRESHOLDS):
            above = picked[scores[picked].amax(dim=1) > threshold]
            mask = resized(paint(proposals, scores, above, rest), (truth.shape[0], truth.shape[1]))
            counts[place] += confusion_matrix(mask, truth, number)
    if not counts.any():
        raise ValueError(
            f"{val.name} {val.split}: every pixel is void, so no threshold is better than another; take "
            "images with masks"
        )
    return THRESHOLDS[max(range(len(THRESHOLDS)), key=lambda place: mean_iou(counts[place]))]


def rest_of(train: SegmentationDataset) -> int:
    """The class of pixels in no region: background; where there is none, the most frequent class."""
    if train.classes.background is not None:
        return train.classes.background
    return int(count(train).total().argmax())
