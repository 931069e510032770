# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/08_compare.py by `make notebooks`. Edit them there."""

from seglib.metrics import confusion_matrix
from seglib.metrics import mean_iou
import torch


def dominated(i, costs, quality):
    for cost, good in zip(costs, quality):
        if cost <= costs[i] and good >= quality[i] and (cost < costs[i] or good > quality[i]):
            return True
    return False


def one_draw(first, second, rng):
    drawn = torch.randint(len(first), (len(first),), generator=rng)
    return mean_iou(first[drawn].sum(0), "truth") - mean_iou(second[drawn].sum(0), "truth")


def fair_counts(segmenter, image, mask, num_classes):
    pred = segmenter.predict(image[:, ::2, ::2])
    height, width = mask.shape
    enlarged = pred.repeat_interleave(2, dim=0).repeat_interleave(2, dim=1)[:height, :width]
    return confusion_matrix(enlarged, mask, num_classes)
