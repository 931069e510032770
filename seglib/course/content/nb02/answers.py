# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/02_metrics.py by `make notebooks`. Edit them there."""

from seglib.labels import VOID
import torch


def confusion(pred, mask, num_classes):
    valid = mask != VOID
    pair = mask[valid].long() * num_classes + pred[valid]
    return torch.bincount(pair, minlength=num_classes**2).reshape(num_classes, num_classes)


def iou_and_dice(cm):
    shared, true, predicted = cm.diagonal(), cm.sum(1), cm.sum(0)
    return shared / (true + predicted - shared), 2 * shared / (true + predicted)


def dataset_miou(pairs, num_classes):
    total = sum(confusion(pred, mask, num_classes) for pred, mask in pairs)
    return float(iou_and_dice(total)[0].nanmean())


def score(iou):
    return float(iou.nanmean())


def my_lie(mask):
    pred = mask.clone()
    pred[::8, ::8] = 0
    return pred
