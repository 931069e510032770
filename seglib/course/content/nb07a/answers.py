# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/07a_labels.py by `make notebooks`. Edit them there."""

from torch import nn
import math
import torch


def paint_boxes(boxes, classes, size):
    mask = torch.zeros(size, dtype=torch.uint8)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for number in areas.argsort(descending=True).tolist():
        x1, y1, x2, y2 = boxes[number].tolist()
        mask[y1:y2, x1:x2] = classes[number]
    return mask


def core(box, share):
    x1, y1, x2, y2 = box
    cut = (1 - math.sqrt(share)) / 2  # of each side, at both ends
    across, along = cut * (x2 - x1), cut * (y2 - y1)
    return round(x1 + across), round(y1 + along), round(x2 - across), round(y2 - along)


def my_shape(height, width):
    y = (torch.arange(height) + 0.5) / height * 2 - 1  # the middle of each row, from -1 to 1
    x = (torch.arange(width) + 0.5) / width * 2 - 1
    return y[:, None] ** 2 + x**2 < 0.9


def box_loss(logits, masks):
    return nn.functional.cross_entropy(logits, masks.long(), ignore_index=255)
